import Testing

@testable import Agent

/// The disk takes no more, at any moment of a task's life.
@Suite struct FullDiskTests {
    @Test func aTaskThatCannotBeWrittenDownIsReported() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            agent.files.failWrites(0...)
            await agent.accept("task-1")
            try await agent.finishAll()
            // No start: it would be the last word of an agent that dies before the end is reported.
            #expect(agent.service.actions(of: "task-1") == ["ReportTaskFinish"])
            let finish = try #require(agent.service.finish(of: "task-1"))
            #expect(finish.result == "START_FAILED")
            #expect(finish.errorInfo?.hasPrefix("ScriptStoreFailed: ") == true)
            #expect(finish.errorInfo?.contains("no space left") == true)
            #expect(host.launches.isEmpty)
            // Even without a tombstone, this agent does not begin it again.
            await agent.accept("task-1")
            #expect(agent.table.count == 0)
        }
    }

    @Test(arguments: [1, 3])
    func aServiceThatTakesNoEndWithoutAStartGetsOne(refusals: Int) async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            agent.files.failWrites(0...)
            var hasStarted = false
            var refused = 0
            agent.service.answer = { call in
                switch call.action {
                case "ReportTaskStart":
                    hasStarted = true
                    return .taken
                case "ReportTaskFinish" where !hasStarted || refused < refusals:
                    refused += 1
                    return .error("InvalidParameter")
                default: return .taken
                }
            }
            await agent.accept("task-1")
            try await agent.finishAll()
            // A second refusal is the last word.
            #expect(
                agent.service.actions(of: "task-1") == ["ReportTaskFinish", "ReportTaskStart", "ReportTaskFinish"]
            )
            let ends = agent.service.calls(of: "task-1").filter { $0.action == "ReportTaskFinish" }
            #expect(ends.first == ends.last)
            #expect(ends.last?.result == "START_FAILED")
            #expect(host.launches.isEmpty)
        }
    }

    @Test func anotherReasonNotToStartIsToldInstead() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            agent.files.failWrites(0...)
            await agent.table.accept([.plain("task-1", ["Username": "nobody"])])
            try await agent.finishAll()
            #expect(
                agent.service.finish(of: "task-1")?.errorInfo == "InvalidUser: user `nobody` not exists"
            )
        }
    }

    @Test(arguments: 0..<16, [true, false])
    func whicheverWriteFailsTheTaskIsReportedAndRunsOnce(number: Int, forGood: Bool) async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            let output = Array(repeating: UInt8(ascii: "x"), count: 10_000)
            host.onLaunch = { supervisor in
                supervisor.claim()
                try? supervisor.write(output)
                try? supervisor.finish()
            }
            agent.files.failWrites(number...(forGood ? Int.max - 1 : number))
            await agent.accept("task-1")
            try await agent.finishAll()
            await agent.accept("task-1")
            try await agent.finishAll()

            let finish = try #require(agent.service.finish(of: "task-1"))
            #expect(agent.service.calls(of: "task-1").count { $0.action == "ReportTaskFinish" } == 1)
            if finish.result == "START_FAILED" {
                #expect(finish.errorInfo?.hasPrefix("ScriptStoreFailed: ") == true)
                #expect(host.launches.isEmpty)
                #expect(number < 2)
            } else {
                #expect(finish.result == "SUCCESS")
                #expect(host.launches.count == 1)
                #expect(agent.service.output(of: "task-1") == output)
                #expect(agent.service.chunks(of: "task-1").map(\.index) == [0, 1, 2])
            }
        }
    }

    @Test func outputOfARunningTaskWaitsUntilItsUploadCanBeNoted() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            try await eventually { agent.service.actions(of: "task-1") == ["ReportTaskStart"] }
            agent.files.failWrites(0...)
            let output = Array(repeating: UInt8(ascii: "x"), count: 5000)
            try supervisor.write(output)
            try await eventually { agent.sink.contains("its progress cannot be noted") }
            #expect(agent.service.chunks(of: "task-1").isEmpty)
            agent.files.fail(nil)
            try await eventually { agent.service.chunks(of: "task-1").count == 2 }
            // The end is not held back.
            try supervisor.write("end")
            agent.files.failWrites(0...)
            agent.files.fail { operation, _ in operation == .append ? FileError(.noSpace, "append") : nil }
            try supervisor.finish()
            try await agent.finishAll()
            #expect(agent.service.output(of: "task-1") == output + Array("end".utf8))
        }
    }

    @Test func aCancelThatCannotBeRecordedIsToldInTheLog() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            agent.files.failWrites(0...)
            agent.table.cancel("task-1")
            #expect(agent.sink.contains("the cancel cannot be recorded"))
            agent.files.fail(nil)
            agent.table.cancel("task-1")
            #expect(supervisor.directory.isCancelled)
            try supervisor.finish(.terminated, exitCode: -1)
            try await agent.finishAll()
        }
    }

    @Test func anEndThatCannotBeRecordedIsReportedAllTheSame() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            try supervisor.write("begun")
            agent.files.failWrites(0...)
            supervisor.vanish()
            try await agent.finishAll()
            let finish = try #require(agent.service.finish(of: "task-1"))
            #expect(finish.result == "FAILED")
            #expect(finish.errorInfo == "the task's supervisor was killed while the task ran")
            #expect(agent.service.output(of: "task-1") == Array("begun".utf8))
        }
    }

    @Test func aDirectoryThatCannotBeReadAtStartIsNoEnd() async throws {
        try await onLoop {
            let host = FakeHost()
            try host.store().accept(.plain("task-1"))
            let agent = try TestAgent(on: host)
            agent.files.fail { operation, path in
                operation == .list || operation == .read ? FileError(.denied, "\(path): not allowed") : nil
            }
            agent.table.recover()
            #expect(agent.sink.contains("cannot be read"))
            #expect(agent.table.count == 0)
            agent.files.fail(nil)
            agent.table.recover()
            #expect(agent.table.count == 1)
            try await host.supervisor(of: "task-1").finish()
            try await agent.finishAll()
        }
    }
}
