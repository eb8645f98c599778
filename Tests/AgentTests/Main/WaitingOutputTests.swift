import Testing

@testable import Agent

@Suite struct WaitingOutputTests {
    @Test func theOldestGoWhenTooMuchWaits() {
        var waiting = WaitingOutput(limit: 100)
        #expect(waiting.add("a", bytes: 40) == [])
        #expect(waiting.add("b", bytes: 40) == [])
        #expect(waiting.add("c", bytes: 20) == [])
        #expect(waiting.add("d", bytes: 1) == ["a"])
        #expect(waiting.add("e", bytes: 100) == ["b", "c", "d"])
        #expect(waiting.add("f", bytes: 101) == ["e", "f"])
        #expect(waiting.add("g", bytes: 100) == [])
    }

    @Test func whatIsReportedMakesRoom() {
        var waiting = WaitingOutput(limit: 100)
        _ = waiting.add("a", bytes: 60)
        _ = waiting.add("b", bytes: 40)
        waiting.remove("a")
        waiting.remove("a")
        waiting.remove("never seen")
        #expect(waiting.add("c", bytes: 60) == [])
        #expect(waiting.add("d", bytes: 1) == ["b"])
    }

    @Test func aTaskCountsOnce() {
        var waiting = WaitingOutput(limit: 100)
        #expect(waiting.add("a", bytes: 60) == [])
        #expect(waiting.add("a", bytes: 60) == [])
        #expect(waiting.add("b", bytes: 40) == [])
    }

    @Test func thousandsOfFullOutputsFit() {
        #expect(WaitingOutput.defaultLimit / Int64(TaskDirectory.uploadLimit) > 2000)
    }

    // MARK: - In an agent

    /// Three tasks that end while the service is out of reach, and the agent that is there when it is back.
    @LoopActor
    private func reported(afterRestart: Bool) async throws -> TestAgent {
        let host = FakeHost()
        let ids = ["task-1", "task-2", "task-3"]
        let first = try TestAgent(on: host, waitingLimit: afterRestart ? 1 << 20 : 10)
        first.service.answer = { _ in .reset }
        for id in ids {
            await first.accept(id)
            let supervisor = try await host.supervisor(of: id)
            try supervisor.write("hello")
            try supervisor.finish()
            await settle()
        }
        guard afterRestart else {
            first.service.answer = { _ in .taken }
            try await first.finishAll()
            return first
        }
        first.crash()
        let second = try TestAgent(on: host, waitingLimit: 10)
        second.service.answer = { _ in .reset }
        second.table.recover()
        await settle()
        second.service.answer = { _ in .taken }
        try await second.finishAll()
        return second
    }

    @Test(arguments: [false, true])
    func outputThatIsGivenUpIsCountedAndItsResultArrives(afterRestart: Bool) async throws {
        try await onLoop {
            let agent = try await reported(afterRestart: afterRestart)
            let ids = ["task-1", "task-2", "task-3"]
            for id in ids { #expect(agent.service.finish(of: id)?.result == "SUCCESS") }
            let given = ids.filter { agent.service.output(of: $0).isEmpty }
            #expect(given.count == 1)
            if !afterRestart { #expect(given == ["task-1"]) }
            for id in given {
                let chunks = agent.service.chunks(of: id)
                #expect(chunks.last?.output == [])
                #expect(chunks.last?.body["Dropped"] == 5)
            }
            for id in ids where !given.contains(id) {
                #expect(agent.service.output(of: id) == Array("hello".utf8))
                #expect(agent.service.chunks(of: id).allSatisfy { $0.body["Dropped"] == 0 })
            }
        }
    }
}
