import Testing

@testable import Agent

@Suite struct TaskReporterTests {
    private static let nonsense: [FakeInvokeService.Answer] = [
        .raw(status: 500, body: #"{"Response": {"Error": {"Code": "X", "Message": ""}}}"#),
        .raw(status: 503, body: ""),
        .raw(status: 200, body: "<html>please log in</html>"),
        .raw(status: 200, body: ""),
        .raw(status: 200, body: "\u{0}{"),
        .raw(status: 200, body: "{}"),
        .raw(status: 200, body: "[]"),
        .raw(status: 200, body: #"{"Response": null}"#),
        .raw(status: 302, body: ""),
        .raw(status: 404, body: "not found"),
        .raw(status: 204, body: #"{"Response": {"RequestId": "r"}}"#),
        .error("InternalError"),
        .error("InternalError.Database"),
        .error("RequestLimitExceeded"),
        .error("ServiceUnavailable"),
        .reset,
    ]

    @Test(arguments: nonsense.indices, ["ReportTaskStart", "UploadTaskLog", "ReportTaskFinish"])
    func whatWasNotTakenIsSentAgain(answer: Int, action: String) async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            var failures = 0
            agent.service.answer = { call in
                guard call.action == action, failures == 0 else { return .taken }
                failures += 1
                return Self.nonsense[answer]
            }
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            try supervisor.write("hello")
            try supervisor.finish()
            try await agent.finishAll()

            var calls = agent.service.calls(of: "task-1")
            let repeated = calls.filter { $0.action == action }
            #expect(repeated.count == 2)
            #expect(repeated.first == repeated.last)
            // But for the repetition, all is as ever.
            calls.removeAll { $0.action == action }
            let actions = Set(["ReportTaskStart", "UploadTaskLog", "ReportTaskFinish"]).subtracting([action])
            #expect(Set(calls.map(\.action)) == actions)
            #expect(calls.count == 2)
            #expect(agent.service.finish(of: "task-1")?.result == "SUCCESS")
            #expect(agent.service.output(of: "task-1") == Array("hello".utf8))
            #expect(host.launches.count == 1)
        }
    }

    @Test func itIsTriedAgainAndAgainWithPauses() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            var times: [ContinuousClock.Instant] = []
            agent.service.answer = { call in
                guard call.action == "ReportTaskFinish" else { return .taken }
                times.append(.now)
                return times.count < 4 ? .reset : .taken
            }
            await agent.accept("task-1")
            try await host.supervisor(of: "task-1").finish()
            try await agent.finishAll()
            #expect(times.count == 4)
            #expect(times[1] - times[0] >= .milliseconds(250))
            #expect(times[2] - times[1] >= .milliseconds(500))
            #expect(times[3] - times[2] >= .milliseconds(1000))
        }
    }

    @Test(arguments: ["UploadTaskLog", "ReportTaskFinish"])
    func arefusalEndsTheTries(action: String) async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            agent.service.answer = { $0.action == action ? .error("InvalidParameter") : .taken }
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            try supervisor.write("hello")
            try supervisor.finish()
            try await agent.finishAll()
            #expect(
                agent.service.actions(of: "task-1") == ["ReportTaskStart", "UploadTaskLog", "ReportTaskFinish"]
            )
            #expect(agent.sink.contains("refused: InvalidParameter"))
            // It is over for good.
            #expect(try host.store().hasTombstone("task-1"))
        }
    }

    // MARK: - A start that the service refuses

    @Test func aTaskWhoseStartIsRefusedDoesNotRunAndIsForgotten() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            agent.service.answer = { _ in .error("ResourceNotFound") }
            await agent.accept("task-1")
            try await agent.finishAll()
            #expect(agent.service.actions(of: "task-1") == ["ReportTaskStart"])
            #expect(host.launches.isEmpty)
            #expect(try !host.store().hasTombstone("task-1"))
            #expect(try host.store().recover().found.isEmpty)

            // Described again, it is new.
            agent.service.answer = { _ in .taken }
            await agent.accept("task-1")
            try await host.supervisor(of: "task-1").finish()
            try await agent.finishAll()
            #expect(agent.service.finish(of: "task-1")?.result == "SUCCESS")
        }
    }

    @Test func aRefusalOfARepeatedStartDoesNotCount() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            var starts = 0
            agent.service.answer = { call in
                guard call.action == "ReportTaskStart" else { return .taken }
                starts += 1
                // The first try arrived, its answer did not; so the second is one too many to the service.
                return starts == 1 ? .reset : .error("InvalidParameter")
            }
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            try supervisor.write("hello")
            try supervisor.finish()
            try await agent.finishAll()
            #expect(starts == 2)
            #expect(agent.service.output(of: "task-1") == Array("hello".utf8))
            #expect(agent.service.finish(of: "task-1")?.result == "SUCCESS")
        }
    }

    @Test func aRefusalByTheNextAgentsServiceDoesNotCountEither() async throws {
        try await onLoop {
            let host = FakeHost()
            let first = try TestAgent(on: host)
            first.service.answer = { _ in .silence }
            await first.accept("task-1")
            try await eventually { first.service.calls.count == 1 }
            first.crash()
            #expect(host.launches.isEmpty)

            let second = try TestAgent(on: host)
            second.service.answer = { $0.action == "ReportTaskStart" ? .error("InvalidParameter") : .taken }
            second.table.recover()
            try await host.supervisor(of: "task-1").finish()
            try await second.finishAll()
            #expect(second.service.actions(of: "task-1") == ["ReportTaskStart", "ReportTaskFinish"])
        }
    }

    // MARK: - Waiting output

    @Test func halfACharacterIsNotUploadedBeforeItsRest() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            let euro = Array("€".utf8)
            try supervisor.write(Array("ab".utf8) + euro.prefix(1))
            try await eventually { agent.service.chunks(of: "task-1").count == 1 }
            #expect(agent.service.output(of: "task-1") == Array("ab".utf8))
            try supervisor.write(Array(euro.dropFirst()))
            try supervisor.finish()
            try await agent.finishAll()
            #expect(agent.service.chunks(of: "task-1").map(\.output) == [Array("ab".utf8), euro])
        }
    }

    @Test func outputThatIsGoneFromTheDiskIsCountedAsDropped() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host)
            await agent.accept("task-1")
            let supervisor = try await host.supervisor(of: "task-1")
            try supervisor.write("hello")
            agent.files.fail { operation, path in
                operation == .read && path.hasSuffix("/output") ? FileError(.other, "input/output error") : nil
            }
            try supervisor.finish()
            try await agent.finishAll()
            #expect(agent.service.chunks(of: "task-1").map(\.output) == [[]])
            #expect(agent.service.chunks(of: "task-1").first?.body["Dropped"] == 5)
            #expect(agent.service.finish(of: "task-1")?.result == "SUCCESS")
        }
    }
}
