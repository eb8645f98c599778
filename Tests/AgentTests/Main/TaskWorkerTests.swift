import Testing

@testable import Agent

@Suite struct TaskWorkerTests {
    private static func text(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(ascii: "a") + UInt8($0 % 26) } }

    // MARK: - The order of things

    @Test func reportsStartThenOutputThenEnd() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            let output = Self.text(10_000)
            try supervisor.write(output)
            try supervisor.finish()
            try await agent.finishAll()

            let calls = agent.service.calls(of: "task-1")
            #expect(
                calls.map(\.action) == [
                    "ReportTaskStart", "UploadTaskLog", "UploadTaskLog", "UploadTaskLog", "ReportTaskFinish",
                ]
            )
            #expect(calls[0].body["TimeStamp"] == 1_700_000_000)
            #expect(calls[1...3].map(\.index) == [0, 1, 2])
            #expect(calls[1...3].map { $0.output?.count } == [4096, 4096, 1808])
            #expect(calls[1...3].allSatisfy { $0.body["Dropped"] == 0 })
            #expect(agent.service.output(of: "task-1") == output)
            #expect(
                calls[4].body == [
                    "Action": "ReportTaskFinish", "InvocationTaskId": "task-1", "TimeStamp": 1_700_000_100,
                    "Result": "SUCCESS", "ErrorInfo": "", "ExitCode": 0, "FinalLogIndex": 2, "OutputUrl": "",
                    "OutputUploadCOSErrorInfo": "",
                ]
            )
            #expect(host.launches.count == 1)
            #expect(try host.store().hasTombstone("task-1"))
            #expect(try host.store().recover().found.isEmpty)
        }
    }

    @Test func aTaskWithoutOutputHasNoLogIndex() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            host.onLaunch = { $0.claim() }
            await agent.accept("task-1")
            try await host.supervisor(of: "task-1").finish(.failed, exitCode: 3, errorInfo: "why")
            try await agent.finishAll()
            #expect(agent.service.actions(of: "task-1") == ["ReportTaskStart", "ReportTaskFinish"])
            let finish = try #require(agent.service.finish(of: "task-1"))
            #expect(finish.body["FinalLogIndex"] == .null)
            #expect(finish.result == "FAILED")
            #expect(finish.body["ExitCode"] == 3)
            #expect(finish.errorInfo == "why")
        }
    }

    @Test func whatIsOverTheLimitIsCountedAtTheEnd() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            let output = Self.text(100_000)
            try supervisor.write(output)
            try supervisor.finish()
            try await agent.finishAll()
            #expect(agent.service.output(of: "task-1") == Array(output.prefix(24_576)))
            let chunks = agent.service.chunks(of: "task-1")
            #expect(chunks.map(\.index) == [0, 1, 2, 3, 4, 5, 6])
            let last = try #require(chunks.last)
            #expect(last.output == [])
            #expect(last.body["Dropped"] == 75_424)
            #expect(chunks.dropLast().allSatisfy { $0.body["Dropped"] == 0 })
            #expect(agent.service.finish(of: "task-1")?.body["FinalLogIndex"] == 6)
        }
    }

    @Test func whatAFullDiskDidNotStoreIsCounted() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            try supervisor.write(Array("ab€".utf8), limit: 4)
            try supervisor.finish()
            try await agent.finishAll()
            #expect(agent.service.output(of: "task-1") == Array("ab".utf8))
            #expect(agent.service.chunks(of: "task-1").last?.body["Dropped"] == 3)
        }
    }

    @Test func outputIsUploadedWhileTheTaskRuns() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            try supervisor.write(Self.text(4096))
            try await eventually { agent.service.chunks(of: "task-1").count == 1 }
            // Less than a chunk waits for a second.
            let written = ContinuousClock.now
            try supervisor.write("more")
            try await eventually { agent.service.chunks(of: "task-1").count == 2 }
            #expect(ContinuousClock.now - written >= .milliseconds(900))
            #expect(agent.service.chunks(of: "task-1").last?.output == Array("more".utf8))
            #expect(agent.service.finish(of: "task-1") == nil)
            #expect(agent.table.count == 1)
            try supervisor.finish()
            try await agent.finishAll()
            #expect(agent.service.chunks(of: "task-1").count == 2)
        }
    }

    @Test func theLastOfTheOutputDoesNotWaitForTheEnd() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            // Not a whole character: it is uploaded only when no more can come.
            try supervisor.write([0x68, 0xC3])
            supervisor.complete()
            try await eventually { agent.service.output(of: "task-1") == [0x68, 0xC3] }
            #expect(agent.service.finish(of: "task-1") == nil)
            try supervisor.finish()
            try await agent.finishAll()
            #expect(agent.service.actions(of: "task-1") == ["ReportTaskStart", "UploadTaskLog", "ReportTaskFinish"])
        }
    }

    @Test func outputWaitsForTheStart() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            var startCalls = 0
            let released = Wakeup()
            agent.service.answer = { call in
                guard call.action == "ReportTaskStart" else { return .taken }
                startCalls += 1
                if startCalls == 1 { return .reset }
                _ = await released.wait()
                return .taken
            }
            await agent.accept("task-1")
            // The script does not wait for the service.
            let supervisor = try await host.supervisor(of: "task-1")
            try supervisor.write(Self.text(9000))
            try supervisor.finish()
            try await eventually { startCalls == 2 }
            await settle()
            #expect(agent.service.actions(of: "task-1") == ["ReportTaskStart", "ReportTaskStart"])
            released.signal()
            try await agent.finishAll()
            #expect(agent.service.actions(of: "task-1").last == "ReportTaskFinish")
            #expect(agent.service.output(of: "task-1") == Self.text(9000))
        }
    }

    @Test func manyTasksAtOnceEachGetTheirOwn() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            let ids = (0..<40).map { "task-\($0)" }
            host.onLaunch = { supervisor in
                supervisor.claim()
                spawn {
                    let id = supervisor.directory.record()?.id ?? "?"
                    for _ in 0..<3 {
                        try? supervisor.write(Array(String(repeating: id + " ", count: 200).utf8))
                        await sleep(for: .milliseconds(.random(in: 0...3)))
                    }
                    try? supervisor.finish()
                }
            }
            await agent.table.accept(ids.map { .plain($0) })
            try await agent.finishAll()
            for id in ids {
                let output = String(decoding: agent.service.output(of: id), as: UTF8.self)
                #expect(output == String(repeating: id + " ", count: 600))
                #expect(agent.service.actions(of: id).first == "ReportTaskStart")
                #expect(agent.service.actions(of: id).last == "ReportTaskFinish")
                #expect(agent.service.calls(of: id).count { $0.action == "ReportTaskFinish" } == 1)
            }
            #expect(host.launches.count == 40)
        }
    }

    // MARK: - Twice the same

    @Test func aTaskThatIsDescribedTwiceRunsOnce() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            await agent.accept("task-1", "task-1")
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            await agent.accept("task-1")
            await settle()
            #expect(host.launches.count == 1)
            #expect(agent.table.count == 1)
            try supervisor.finish()
            try await agent.finishAll()
            await agent.accept("task-1")
            #expect(agent.table.count == 0)
            #expect(host.launches.count == 1)
            #expect(agent.service.actions(of: "task-1") == ["ReportTaskStart", "ReportTaskFinish"])
        }
    }

    @Test func aTombstoneStopsASecondRunByAnotherAgent() async throws {
        try await onLoop {
            let host = FakeHost()
            let first = try TestAgent(on: host)
            await first.accept("task-1", "../task-2")
            for id in ["task-1", "../task-2"] { try await host.supervisor(of: id).finish() }
            try await first.finishAll()
            first.crash()

            let second = try TestAgent(on: host)
            second.table.recover()
            await second.accept("task-1", "../task-2")
            #expect(second.table.count == 0)
            #expect(second.service.calls.isEmpty)
            #expect(host.launches.count == 2)
        }
    }

    @Test func anIDWithAPathInItStaysInTheStateDirectory() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            let ids = ["../../escape", "/absolute", "a\u{0}b", "..", String(repeating: "é", count: 5000)]
            await agent.table.accept(ids.map { .plain($0) })
            for id in ids {
                let supervisor = try await host.supervisor(of: id)
                #expect(supervisor.directory.path.hasPrefix(host.statePath + "/tasks/~"))
                try supervisor.write("x")
                try supervisor.finish()
            }
            try await agent.finishAll()
            for id in ids { #expect(agent.service.finish(of: id)?.result == "SUCCESS") }
            #expect(try TestFiles().list(host.disk.path) == ["state"])
        }
    }

    // MARK: - Tasks that do not start

    @Test func whatCannotRunIsReportedAndNotLaunched() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            await agent.table.accept([
                .plain("a", ["Username": "nobody"]), .plain("b", ["Command": "no base64"]),
                .plain("c", ["CommandType": "BAT"]),
            ])
            try await agent.finishAll()
            for (id, reason) in [
                ("a", "InvalidUser: user `nobody` not exists"), ("b", "InvalidCommand: it is not base64"),
                ("c", "InvalidCommand: command type `BAT` cannot run on Linux"),
            ] {
                #expect(agent.service.actions(of: id) == ["ReportTaskStart", "ReportTaskFinish"])
                let finish = try #require(agent.service.finish(of: id))
                #expect(finish.result == "START_FAILED")
                #expect(finish.errorInfo == reason)
                #expect(finish.body["ExitCode"] == -1)
                #expect(finish.body["FinalLogIndex"] == .null)
            }
            #expect(host.launches.isEmpty)
            await agent.accept("a")
            #expect(agent.table.count == 0)
        }
    }

    @Test func aSupervisorThatCannotBeStartedIsToldOf() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            host.onLaunch = { _ throws(LaunchError) in throw LaunchError("no process to be had") }
            await agent.accept("task-1")
            try await agent.finishAll()
            let finish = try #require(agent.service.finish(of: "task-1"))
            #expect(finish.result == "START_FAILED")
            #expect(finish.errorInfo == "TaskSpawnFailed: no process to be had")
            #expect(host.launches.count == 1)
        }
    }

    @Test func aSupervisorThatEndsBeforeItsClaimIsFollowedByAnother() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            host.onLaunch = { supervisor in
                if host.launches.count < 3 { supervisor.vanish() } else { supervisor.claim() }
            }
            await agent.accept("task-1")
            try await eventually { host.launches.count == 3 }
            try await host.supervisor(of: "task-1").finish()
            try await agent.finishAll()
            #expect(agent.service.finish(of: "task-1")?.result == "SUCCESS")
        }
    }

    @Test func supervisorsThatNeverClaimAreGivenUp() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            host.onLaunch = { $0.vanish() }
            await agent.accept("task-1")
            try await agent.finishAll()
            #expect(host.launches.count == 3)
            let finish = try #require(agent.service.finish(of: "task-1"))
            #expect(finish.result == "START_FAILED")
            #expect(finish.errorInfo?.hasPrefix("TaskSpawnFailed: its supervisor ended") == true)
        }
    }

    @Test func aSupervisorThatIsGoneMeansFailedWithTheReason() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            try supervisor.write("begun")
            supervisor.vanish()
            try await agent.finishAll()
            let finish = try #require(agent.service.finish(of: "task-1"))
            #expect(finish.result == "FAILED")
            #expect(finish.errorInfo == "the task's supervisor was killed while the task ran")
            #expect(finish.body["ExitCode"] == -1)
            #expect(agent.launcher.orphanedTasks == ["task-1"])
            // What it had written arrives, and nothing runs again.
            #expect(agent.service.output(of: "task-1") == Array("begun".utf8))
            #expect(host.launches.count == 1)
        }
    }

    // MARK: - Cancel

    @Test func aCancelBeforeTheStartKeepsTheScriptFromRunning() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            let released = Wakeup()
            agent.service.answer = { call in
                if call.action == "ReportTaskStart" { _ = await released.wait() }
                return .taken
            }
            await agent.accept("task-1")
            try await eventually { agent.service.calls.count == 1 }
            agent.table.cancel("task-1")
            released.signal()
            try await agent.finishAll()
            #expect(host.launches.isEmpty)
            let finish = try #require(agent.service.finish(of: "task-1"))
            #expect(finish.result == "TERMINATED")
            #expect(finish.body["ExitCode"] == -1)
        }
    }

    @Test func aCancelReachesTheSupervisor() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            await settle()
            #expect(supervisor.pokes == 0)
            #expect(!supervisor.directory.isCancelled)
            agent.table.cancel("task-1")
            #expect(supervisor.directory.isCancelled)
            #expect(supervisor.pokes == 1)
            agent.table.cancel("task-1")
            try supervisor.finish(.terminated, exitCode: -1)
            try await agent.finishAll()
            #expect(agent.service.finish(of: "task-1")?.result == "TERMINATED")
            #expect(host.launches.count == 1)
        }
    }

    @Test func aCancelOfWhatIsNotThereIsLogged() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            agent.table.cancel("never\nseen")
            #expect(agent.sink.contains("not known"))
            await agent.accept("task-1")
            try await host.supervisor(of: "task-1").finish()
            try await agent.finishAll()
            agent.table.cancel("task-1")
            #expect(agent.sink.contains("is over"))
            #expect(agent.table.count == 0)
            #expect(agent.sink.lines.allSatisfy { !$0.contains("\n") })
        }
    }

    @Test func secretsAreNotLogged() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            let secret = Base64.encode(Array("echo hello".utf8))
            await agent.accept("task-1")
            await agent.table.accept([.plain("task-2", ["Command": "c2VjcmV0 not base64"])])
            let supervisor = try await host.supervisor(of: "task-1")
            try supervisor.write("the output")
            try supervisor.finish()
            try await agent.finishAll()
            let log = agent.sink.lines.joined()
            #expect(!log.contains(secret) && !log.contains("the output") && !log.contains("c2VjcmV0"))
            #expect(!log.contains(Base64.encode(Array("the output".utf8))))
            #expect(log.contains("task-1"))
        }
    }
}
