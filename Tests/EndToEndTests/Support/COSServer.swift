import Agent
import Foundation

/// The object storage of `Fixtures/cos_server.py`, a process of its own that ends with this one at the latest.
final class COSServer: Sendable {
    /// What became of one upload.
    struct Upload: Sendable {
        let json: JSON

        /// The path of the object, not percent-encoded.
        var path: String { json["path"]?.string ?? "" }
        /// `running`, `stored`, `refused` or `broken`.
        var state: String { json["state"]?.string ?? "" }
        var received: Int64 { json["received"]?.int64 ?? -1 }
        /// What was wrong with the request, if anything.
        var problem: String? { json["problem"]?.string }
        var sha256: String { json["sha256"]?.string ?? "" }
    }

    let port: UInt16
    private let process: Process
    private let input = Pipe()

    init() throws {
        let script = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/cos_server.py")
        let output = Pipe()
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", script.path]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        var line = Data()
        while !line.contains(0x0A) {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw TestFailure("the object storage ended before it listened") }
            line += more
        }
        let text = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .newlines)
        guard let port = UInt16(text) else { throw TestFailure("unexpected first line: \(text)") }
        self.port = port
    }

    deinit { stop() }

    /// Ends the server.
    func stop() { try? input.fileHandleForWriting.close() }

    /// The address of the bucket.
    var url: String { "http://127.0.0.1:\(port)" }

    /// Says what to do with the next uploads, one each.
    func plan(_ steps: [JSON]) throws { try post("plan", .array(steps)) }

    /// Knows these credentials, and no others.
    func setCredentials(_ credentials: JSON) throws { try post("credentials", credentials) }

    /// Is a metadata service with this role for those who have it for their proxy.
    func setMetadata(role: String, credential: JSON) throws {
        try post("metadata", ["role": .string(role), "credential": credential])
    }

    func uploads() throws -> [Upload] {
        let body = try exchange("GET", "uploads").body
        return (try JSON.parse(body)["uploads"]?.array ?? []).map(Upload.init(json:))
    }

    /// The bytes of an object; `nil` when there is none.
    func object(_ path: String) throws -> [UInt8]? {
        let reply = try exchange("GET", "object" + path)
        return reply.status == 200 ? reply.body : nil
    }

    private func post(_ what: String, _ body: JSON) throws {
        let status = try exchange("POST", what, body.encoded()).status
        guard status == 200 else { throw TestFailure("the object storage answers \(status) to \(what)") }
    }

    private func exchange(_ method: String, _ what: String, _ body: [UInt8] = []) throws -> TestSocket.Reply {
        let path = what.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? what
        return try TestSocket(port: port).exchange(method, "/control/" + path, body: body)
    }
}
