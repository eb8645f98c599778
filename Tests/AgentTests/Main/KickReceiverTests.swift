import Testing

@testable import Agent

@Suite struct KickReceiverTests {
    @LoopActor
    private final class Play {
        let host = FakeHost()
        let agent: TestAgent
        let kicks: KickReceiver

        var describes: Int { agent.service.calls.count { $0.action == "DescribeTasks" } }

        init() throws {
            agent = try TestAgent(on: host)
            let kicks = KickReceiver(api: agent.api, tasks: agent.table, log: agent.sink.log())
            self.kicks = kicks
            // Ends with the process only, as the agent's.
            spawn { [self] in
                await kicks.run()
                withExtendedLifetime(self) {}
            }
        }

        /// Has the next `DescribeTasks` tell of these tasks.
        func describe(_ ids: String..., cancel: [String] = [], more: [JSON] = []) {
            agent.service.described = [
                "InvocationNormalTaskSet": .array(
                    ids.map {
                        [
                            "InvocationTaskId": .string($0), "Command": "ZWNobyBoaQ==", "CommandType": "SHELL",
                            "TimeOut": 60,
                        ]
                    } + more
                ),
                "InvocationCancelTaskSet": .array(cancel.map { ["InvocationTaskId": .string($0)] } + more),
            ]
        }
    }

    @Test func asksOnlyWhenKicked() async throws {
        try await onLoop {
            let play = try Play()
            await settle()
            #expect(play.describes == 0)
            play.kicks.kick(from: "test")
            try await eventually { play.describes == 1 }
            await settle()
            #expect(play.describes == 1)
        }
    }

    @Test func aKickRunsWhatIsDescribed() async throws {
        try await onLoop {
            let play = try Play()
            play.describe("a", "b")
            play.kicks.kick(from: "test")
            for id in ["a", "b"] { try await play.host.supervisor(of: id).finish() }
            try await eventually { play.agent.service.finish(of: "b") != nil }
            try await play.agent.finishAll()
            #expect(play.agent.service.finish(of: "a")?.result == "SUCCESS")
        }
    }

    @Test func kicksWhileItAsksMakeItAskOnceMore() async throws {
        try await onLoop {
            let play = try Play()
            let released = Wakeup()
            play.agent.service.answer = { _ in
                _ = await released.wait()
                return .taken
            }
            play.kicks.kick(from: "test")
            try await eventually { play.describes == 1 }
            for _ in 0..<10 { play.kicks.kick(from: "test") }
            await settle()
            #expect(play.describes == 1)
            released.signal()
            try await eventually { play.describes == 2 }
            released.signal()
            await settle()
            #expect(play.describes == 2)
            play.kicks.kick(from: "test")
            released.signal()
            try await eventually { play.describes == 3 }
        }
    }

    @Test func manyKicksAtOnceAreOne() async throws {
        try await onLoop {
            let play = try Play()
            for _ in 0..<100 { play.kicks.kick(from: "test") }
            try await eventually { play.describes >= 1 }
            await settle()
            #expect(play.describes <= 2)
        }
    }

    @Test func aFailureIsTriedAgainWithGrowingPauses() async throws {
        try await onLoop {
            let play = try Play()
            let answers: [FakeInvokeService.Answer] = [.reset, .raw(status: 500, body: ""), .error("InvalidSignature")]
            var times: [ContinuousClock.Instant] = []
            play.agent.service.answer = { _ in
                times.append(.now)
                return times.count <= answers.count ? answers[times.count - 1] : .taken
            }
            play.describe("a")
            play.kicks.kick(from: "test")
            try await play.host.supervisor(of: "a").finish()
            try await play.agent.finishAll()
            #expect(play.describes == 4)
            #expect(times[1] - times[0] >= .milliseconds(250))
            #expect(times[2] - times[1] >= .milliseconds(500))
            #expect(times[3] - times[2] >= .milliseconds(1000))
            await settle()
            #expect(play.describes == 4)
        }
    }

    @Test func aKickDoesNotWaitForThePause() async throws {
        try await onLoop {
            let play = try Play()
            play.agent.service.answer = { _ in .reset }
            play.kicks.kick(from: "test")
            for number in 1...20 {
                try await eventually { play.describes >= number }
                play.kicks.kick(from: "test")
            }
            // By their pauses alone, so many failures would take some ten minutes.
            try await eventually { play.describes >= 20 }
            play.agent.service.answer = { _ in .taken }
        }
    }

    @Test func cancelsWhatIsToBeCancelled() async throws {
        try await onLoop {
            let play = try Play()
            play.describe("a")
            play.kicks.kick(from: "test")
            let supervisor = try await play.host.supervisor(of: "a")
            play.describe(cancel: ["a", "unknown"])
            play.kicks.kick(from: "test")
            try await eventually { supervisor.pokes == 1 }
            #expect(supervisor.directory.isCancelled)
            try supervisor.finish(.terminated, exitCode: -1)
            try await play.agent.finishAll()
            #expect(play.agent.service.finish(of: "a")?.result == "TERMINATED")
        }
    }

    @Test func aTaskThatComesWithItsCancelDoesNotRun() async throws {
        try await onLoop {
            let play = try Play()
            play.describe("a", cancel: ["a"])
            play.kicks.kick(from: "test")
            try await eventually { play.agent.service.finish(of: "a") != nil }
            try await play.agent.finishAll()
            #expect(play.agent.service.finish(of: "a")?.result == "TERMINATED")
            #expect(play.host.launches.isEmpty)
        }
    }

    @Test func malformedEntriesArePassedOver() async throws {
        try await onLoop {
            let play = try Play()
            play.describe("a", more: [.null, 5, "x", [], [:], ["InvocationTaskId": ""], ["InvocationTaskId": 1]])
            play.kicks.kick(from: "test")
            try await play.host.supervisor(of: "a").finish()
            try await eventually { play.agent.service.finish(of: "a") != nil }
            #expect(play.host.launches.count == 1)
            #expect(play.agent.sink.contains("14 entries"))
            #expect(play.describes == 1)
        }
    }
}
