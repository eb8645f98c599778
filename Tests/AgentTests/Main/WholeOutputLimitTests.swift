import Testing

@testable import Agent

@Suite struct WholeOutputLimitTests {
    /// Three tasks whose outputs wait for an object storage that is out of reach; there is room for two.
    @Test func theOldestUploadIsGivenUpAndSaysSo() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host, wholeLimit: 100_000)
            agent.service.answer = { $0.action == "GetCosCredential" ? .reset : .taken }
            let output = [UInt8](repeating: UInt8(ascii: "x"), count: 40_000)
            let ids = ["task-1", "task-2", "task-3"]
            for id in ids {
                await agent.table.accept([.plain(id, ["CosBucketUrl": "https://bucket.test"])])
                let supervisor = try await host.supervisor(of: id)
                try supervisor.write(output, limit: 1 << 30)
                try supervisor.finish()
                try await eventually { agent.service.actions(of: id).contains("GetCosCredential") }
            }
            try await eventually { agent.service.finish(of: "task-1") != nil }
            let finish = agent.service.finish(of: "task-1")
            #expect(finish?.result == "SUCCESS")
            #expect(finish?.body["OutputUrl"] == "")
            #expect(finish?.body["OutputUploadCOSErrorInfo"]?.string?.contains("too much output waited") == true)
            // What goes to the service went.
            #expect(agent.service.output(of: "task-1") == Array(output.prefix(TaskDirectory.uploadLimit)))
            #expect(agent.service.chunks(of: "task-1").last?.body["Dropped"] == .integer(40_000 - 24_576))
            // The others still wait, whole.
            for id in ids.dropFirst() {
                #expect(agent.service.finish(of: id) == nil)
                #expect(try host.store().directory(of: id).outputSize() == 40_000)
            }
            agent.crash()
        }
    }

    @Test func whatIsShortenedKeepsItsBeginning() async throws {
        try await onLoop {
            let host = FakeHost()
            let directory = try host.store().directory(of: "task-1")
            try host.store().accept(.plain("task-1"))
            let bytes = (0..<30_000).map { UInt8(truncatingIfNeeded: $0) }
            try TestFiles().append(bytes, to: directory.outputPath, durably: false)
            directory.shortenOutput()
            #expect(try TestFiles().read(directory.outputPath, limit: 1 << 20) == Array(bytes.prefix(24_576)))
        }
    }
}
