import Testing

@testable import Agent

/// One agent ends at some moment of a task's life, and another one takes the task up.
@Suite struct TakeoverTests {
    @Test func aTaskThatRunsIsFollowedOn() async throws {
        try await onLoop {
            let host = FakeHost()
            let first = try TestAgent(on: host)
            await first.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            try supervisor.write(Array(repeating: UInt8(ascii: "a"), count: 4096))
            let directory = try host.store().directory(of: "task-1")
            try await eventually { (try? directory.book())?.progress.nextIndex == 1 }
            first.crash()

            try supervisor.write(Array(repeating: UInt8(ascii: "b"), count: 5000))
            let second = try TestAgent(on: host)
            second.table.recover()
            try await eventually { !second.service.chunks(of: "task-1").isEmpty }
            #expect(second.service.chunks(of: "task-1").first?.index == 1)
            second.table.cancel("task-1")
            #expect(supervisor.pokes == 1)
            try supervisor.finish()
            try await second.finishAll()

            #expect(second.service.actions(of: "task-1").count { $0 == "ReportTaskStart" } == 0)
            let output = first.service.output(of: "task-1") + second.service.output(of: "task-1")
            #expect(output == Array((String(repeating: "a", count: 4096) + String(repeating: "b", count: 5000)).utf8))
            #expect(second.service.finish(of: "task-1")?.body["FinalLogIndex"] == 2)
            #expect(host.launches.count == 1)
        }
    }

    @Test func aChunkThatMayHaveArrivedIsSentAgainAsItWas() async throws {
        try await onLoop {
            let host = FakeHost()
            let first = try TestAgent(on: host)
            first.service.answer = { $0.action == "UploadTaskLog" ? .silence : .taken }
            await first.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            try supervisor.write("hello")
            try await eventually { first.service.chunks(of: "task-1").count == 1 }
            first.crash()

            // More has come, but the service may have the chunk as it was.
            try supervisor.write(" and more")
            try supervisor.finish()
            let second = try TestAgent(on: host)
            second.table.recover()
            try await second.finishAll()
            let chunks = second.service.chunks(of: "task-1")
            #expect(chunks.first == first.service.chunks(of: "task-1").first)
            #expect(chunks.map(\.index) == [0, 1])
            #expect(chunks.map(\.output) == [Array("hello".utf8), Array(" and more".utf8)])
        }
    }

    @Test func aTaskThatEndedMeanwhileIsReported() async throws {
        try await onLoop {
            let host = FakeHost()
            let first = try TestAgent(on: host)
            await first.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            first.crash()
            try supervisor.write("hello")
            try supervisor.finish(.failed, exitCode: 7)

            let second = try TestAgent(on: host)
            second.table.recover()
            try await second.finishAll()
            #expect(second.service.actions(of: "task-1") == ["UploadTaskLog", "ReportTaskFinish"])
            #expect(second.service.finish(of: "task-1")?.body["ExitCode"] == 7)
            #expect(second.service.output(of: "task-1") == Array("hello".utf8))
            #expect(host.launches.count == 1)
        }
    }

    @Test func aTaskThatWasAcceptedButNotStartedStarts() async throws {
        try await onLoop {
            let host = FakeHost()
            try host.store().accept(.plain("task-1"))
            let agent = try TestAgent(on: host)
            agent.table.recover()
            try await host.supervisor(of: "task-1").finish()
            try await agent.finishAll()
            #expect(agent.service.actions(of: "task-1") == ["ReportTaskStart", "ReportTaskFinish"])
        }
    }

    @Test func whatWaitsForASlotKeepsItsPlace() async throws {
        try await onLoop {
            let host = FakeHost()
            let ids = (0..<20).map { "task-\($0 * 7 % 20)" }
            let first = try TestAgent(on: host, slots: 1)
            for id in ids { await first.accept(id) }
            first.crash()

            let second = try TestAgent(on: host, slots: 1)
            second.table.recover()
            await second.accept("late")
            for id in ids + ["late"] { try await host.supervisor(of: id).finish() }
            try await second.finishAll()
            let paths = try (ids + ["late"]).map { try host.store().directory(of: $0).path }
            #expect(host.launches == paths)
        }
    }

    @Test func aCancelThatTheSupervisorMayNotHaveSeenIsRepeated() async throws {
        try await onLoop {
            let host = FakeHost()
            let first = try TestAgent(on: host)
            await first.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            await settle()
            first.crash()
            try supervisor.directory.cancel()
            #expect(supervisor.pokes == 0)

            let second = try TestAgent(on: host)
            second.table.recover()
            try await eventually { supervisor.pokes == 1 }
            try supervisor.finish(.terminated, exitCode: -1)
            try await second.finishAll()
            #expect(second.service.finish(of: "task-1")?.result == "TERMINATED")
        }
    }

    @Test func theReasonNotToStartOutlivesTheAgent() async throws {
        try await onLoop {
            let host = FakeHost()
            let first = try TestAgent(on: host)
            first.service.answer = { _ in .silence }
            await first.table.accept([.plain("task-1", ["Username": "nobody"])])
            try await eventually { first.service.calls.count == 1 }
            first.crash()

            // The user exists by now, but the task was told to have failed, or will be.
            let second = try TestAgent(on: host)
            second.table.recover()
            try await second.finishAll()
            #expect(host.launches.isEmpty)
            #expect(second.service.finish(of: "task-1")?.errorInfo == "InvalidUser: user `nobody` not exists")
        }
    }

    @Test func theCountOfDroppedBytesIsNotRepeatedOnceItIsTaken() async throws {
        try await onLoop {
            let host = FakeHost()
            let first = try TestAgent(on: host)
            first.service.answer = { $0.action == "ReportTaskFinish" ? .silence : .taken }
            await first.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            try supervisor.write(Array(repeating: 0x61, count: 30_000))
            try supervisor.finish()
            try await eventually { first.service.finish(of: "task-1") != nil }
            first.crash()

            let second = try TestAgent(on: host)
            second.table.recover()
            try await second.finishAll()
            #expect(second.service.actions(of: "task-1") == ["ReportTaskFinish"])
            #expect(second.service.finish(of: "task-1") == first.service.finish(of: "task-1"))
            #expect(second.service.finish(of: "task-1")?.body["FinalLogIndex"] == 6)
        }
    }

    // MARK: - After a reboot

    @Test func aTaskThatRanThroughARebootHasFailed() async throws {
        try await onLoop {
            let host = FakeHost()
            let first = try TestAgent(on: host)
            await first.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            try supervisor.write("begun")
            first.crash()
            host.reboot(to: "boot-2")

            let second = try TestAgent(on: host)
            second.table.recover()
            try await second.finishAll()
            let finish = try #require(second.service.finish(of: "task-1"))
            #expect(finish.result == "FAILED")
            #expect(finish.errorInfo == "the machine restarted while the task ran")
            // What runs now is not what the task left.
            #expect(second.launcher.orphanedTasks.isEmpty)
            #expect(second.service.output(of: "task-1") == Array("begun".utf8))
            #expect(host.launches.count == 1)
        }
    }

    @Test func aTaskThatWasNotStartedBeforeARebootIsNotStartedAfterIt() async throws {
        try await onLoop {
            let host = FakeHost()
            try host.store().accept(.plain("task-1", bootID: "boot-0"))
            let agent = try TestAgent(on: host)
            agent.table.recover()
            try await agent.finishAll()
            #expect(host.launches.isEmpty)
            let finish = try #require(agent.service.finish(of: "task-1"))
            #expect(finish.result == "FAILED")
            #expect(finish.errorInfo == "the machine restarted before the task ran, or as it began")
        }
    }

    @Test func aTaskThatEndedBeforeARebootKeepsItsEnd() async throws {
        try await onLoop {
            let host = FakeHost()
            let first = try TestAgent(on: host)
            await first.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            first.crash()
            try supervisor.finish()
            host.reboot(to: "boot-2")
            let second = try TestAgent(on: host)
            second.table.recover()
            try await second.finishAll()
            #expect(second.service.finish(of: "task-1")?.result == "SUCCESS")
        }
    }

    // MARK: - At any moment

    /// The agent ends at its n-th call, for every n, the call having arrived or not; the next one finishes the task.
    @Test(arguments: 1...9, [true, false])
    func anAgentThatEndsAtAnyCallLosesAndRepeatsNothing(last: Int, arrives: Bool) async throws {
        try await onLoop {
            let host = FakeHost()
            let output = (0..<30_000).map { UInt8(ascii: "a") + UInt8($0 % 26) }
            host.onLaunch = { supervisor in
                supervisor.claim()
                try? supervisor.write(output)
                try? supervisor.finish()
            }
            var taken: [FakeInvokeService.Call] = []
            let first = try TestAgent(on: host)
            first.service.answer = { call in
                guard first.service.calls.count == last else {
                    taken.append(call)
                    return .taken
                }
                if arrives { taken.append(call) }
                return .silence
            }
            await first.accept("task-1")
            try await eventually { first.service.calls.count == last }
            first.crash()

            let second = try TestAgent(on: host)
            second.service.answer = { call in
                taken.append(call)
                return .taken
            }
            second.table.recover()
            try await second.finishAll()

            #expect(host.launches.count == 1)
            // What arrived twice was the same both times.
            var distinct: [FakeInvokeService.Call] = []
            for call in taken where !distinct.contains(call) { distinct.append(call) }
            #expect(
                distinct.map(\.action)
                    == ["ReportTaskStart"] + Array(repeating: "UploadTaskLog", count: 7) + ["ReportTaskFinish"]
            )
            #expect(taken.count == (arrives ? 10 : 9))
            #expect(distinct.compactMap(\.index) == [0, 1, 2, 3, 4, 5, 6])
            #expect(distinct.compactMap(\.output).flatMap(\.self) == Array(output.prefix(24_576)))
        }
    }
}
