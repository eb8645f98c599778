import Agent
import CShims
import Foundation
import Testing

@Suite("Output to object storage", .serialized)
struct COSUploadTests {
    private func fields(_ server: COSServer, prefix: String = "logs") -> JSON.Object {
        ["CosBucketUrl": .string(server.url), "CosBucketPrefix": .string(prefix)]
    }

    /// Has the hub's credential say or leave out more.
    private func answer(_ lab: Lab, _ fields: JSON) async throws {
        try await lab.hub.request("POST", "/hub/answer", body: ["action": "GetCosCredential", "fields": fields])
    }

    private func url(_ outcome: TaskOutcome) -> String? { outcome.json["report"]?["OutputUrl"]?.string }

    private func failure(_ outcome: TaskOutcome) -> String? {
        outcome.json["report"]?["OutputUploadCOSErrorInfo"]?.string
    }

    /// Checks that the upload came to nothing, and that this is all that did.
    private func expectFailure(
        _ outcome: TaskOutcome,
        _ reason: String,
        _ location: SourceLocation = #_sourceLocation
    ) {
        outcome.expectSuccess("hello\n", location)
        outcome.expectNoRepeats(location)
        #expect(url(outcome) == "", sourceLocation: location)
        #expect(failure(outcome) == reason, sourceLocation: location)
    }

    /// Checks that nothing secret is in the log.
    private func expectDiscretion(_ lab: Lab, _ location: SourceLocation = #_sourceLocation) {
        for secret in ["hub-secret", "hub-token", "q-signature", "q-ak"] {
            #expect(!lab.agent.log.contains(secret), sourceLocation: location)
        }
    }

    @Test("the whole output arrives byte by byte under the right key")
    func wholeOutput() async throws {
        let server = try COSServer()
        try await Lab.with { lab in
            try await answer(lab, ["InvocationId": "inv-7"])
            let copy = "\(lab.scratch.path)/copy"
            let outcome = try await lab.run(
                "head -c 3000000 /dev/urandom > \(copy); cat \(copy)",
                fields: fields(server, prefix: "/lögs/a b/")
            )
            outcome.expectNoRepeats()
            #expect(outcome.result == "SUCCESS")
            #expect(outcome.dropped + Int64(outcome.output.count) == 3_000_000)
            #expect(outcome.output.count > 24_000)
            let path = "/lögs/a b/inv-7/\(outcome.id).log"
            #expect(url(outcome) == "\(server.url)/l%C3%B6gs/a%20b/inv-7/\(outcome.id).log")
            #expect(failure(outcome) == "")
            let uploads = try server.uploads()
            #expect(uploads.map(\.problem) == [nil])
            #expect(uploads.map(\.path) == [path])
            let stored = try server.object(path)
            let written = FileManager.default.contents(atPath: copy)
            #expect(stored.map { Data($0) } == written)
            expectDiscretion(lab)
            try await lab.waitUntilIdle()
        }
    }

    @Test("an empty output is stored, and one of a script that failed")
    func otherOutputs() async throws {
        let server = try COSServer()
        try await Lab.with { lab in
            let empty = try await lab.run("true", fields: fields(server, prefix: ""))
            #expect(try server.object(server.uploads()[0].path) == [])
            #expect(url(empty).map { $0.hasPrefix(server.url + "/inv-") && $0.hasSuffix("/\(empty.id).log") } == true)
            let failed = try await lab.run("echo oh; exit 3", fields: fields(server))
            #expect(failed.result == "FAILED")
            #expect(failed.exitCode == 3)
            #expect(url(failed)?.hasSuffix("/\(failed.id).log") == true)
            #expect(try server.object(server.uploads()[1].path) == Array("oh\n".utf8))
        }
    }

    @Test("what does not start, or has nowhere to go, is not uploaded")
    func nothingToUpload() async throws {
        let server = try COSServer()
        try await Lab.with { lab in
            let unstarted = try await lab.run("true", directory: "/no/such/directory", fields: fields(server))
            #expect(unstarted.result == "START_FAILED")
            let plain = try await lab.run("echo hello")
            for outcome in [unstarted, plain] {
                #expect(url(outcome) == "")
                #expect(failure(outcome) == "")
            }
            #expect(try server.uploads().isEmpty)
            #expect(try await lab.requestCount("GetCosCredential") == 0)
        }
    }

    @Test("what the storage cannot do now is tried again")
    func retries() async throws {
        let server = try COSServer()
        try server.plan([["status": 500], ["status": 503, "code": "SlowDown"], ["reset": 1_000_000], [:]])
        try await Lab.with { lab in
            let outcome = try await lab.run("yes | head -c 5000000", fields: fields(server))
            #expect(outcome.result == "SUCCESS")
            outcome.expectNoRepeats()
            let uploads = try server.uploads()
            #expect(uploads.map(\.state) == ["refused", "refused", "broken", "stored"])
            #expect(uploads.map(\.problem) == [nil, nil, nil, nil])
            #expect(uploads.last?.received == 5_000_000)
            #expect(failure(outcome) == "")
            #expect(url(outcome)?.hasSuffix("/\(outcome.id).log") == true)
            expectDiscretion(lab)
        }
    }

    @Test("what the storage refuses is reported, at once")
    func refusal() async throws {
        let server = try COSServer()
        try server.plan([["status": 403, "code": "AccessDenied", "message": "Access Denied."]])
        try await Lab.with { lab in
            let outcome = try await lab.run("echo hello", fields: fields(server))
            expectFailure(outcome, "object storage: HTTP status 403: AccessDenied: Access Denied.")
            #expect(try server.uploads().count == 1)
            expectDiscretion(lab)
        }
    }

    @Test("a key that the storage knows otherwise is refused")
    func wrongKey() async throws {
        let server = try COSServer()
        try server.setCredentials(["hub-secret-id": ["another key", "hub-token"]])
        try await Lab.with { lab in
            let outcome = try await lab.run("echo hello", fields: fields(server))
            let reason = "SignatureDoesNotMatch: The Signature you specified is invalid."
            expectFailure(outcome, "object storage: HTTP status 403: \(reason)")
            #expect(try server.uploads().map(\.problem) == ["the signature is wrong"])
        }
    }

    @Test("without a credential there is a reason instead of an address")
    func noCredential() async throws {
        let server = try COSServer()
        try await Lab.with { lab in
            try await lab.hub.misbehave("GetCosCredential", "error", count: -1, code: "ResourceNotFound.NoRole")
            let outcome = try await lab.run("echo hello", fields: fields(server))
            expectFailure(
                outcome,
                "no credential: GetCosCredential refused: ResourceNotFound.NoRole: misbehaving; "
                    + "metadata service: no role is known"
            )
            #expect(try server.uploads().isEmpty)
        }
    }

    @Test("a bucket that cannot be one", arguments: ["ftp://127.0.0.1/", "127.0.0.1", "http:///x", "http://u@h/"])
    func badBucket(_ address: String) async throws {
        try await Lab.with { lab in
            let outcome = try await lab.run("echo hello", fields: ["CosBucketUrl": .string(address)])
            expectFailure(outcome, "the bucket's address is not one of http or https with a host")
        }
    }

    @Test("a credential under its other names, without a token")
    func otherNames() async throws {
        let server = try COSServer()
        try server.setCredentials(["permanent": ["key-of-it", ""]])
        try await Lab.with { lab in
            let names: JSON = [
                "TmpSecretId": nil, "TmpSecretKey": nil, "Token": nil, "InvocationId": nil, "ExpireTime": nil,
                "Code": nil, "SecretId": "permanent", "SecretKey": "key-of-it", "InvocationID": "inv-other",
            ]
            try await answer(lab, names)
            let outcome = try await lab.run("echo hello", fields: fields(server))
            outcome.expectSuccess("hello\n")
            #expect(failure(outcome) == "")
            #expect(url(outcome) == "\(server.url)/logs/inv-other/\(outcome.id).log")
        }
    }

    @Test("the metadata service's credential, when the service has none")
    func metadata() async throws {
        let server = try COSServer()
        try server.setCredentials(["role-id": ["role-key", "role-token"]])
        let credential: JSON = [
            "TmpSecretId": "role-id", "TmpSecretKey": "role-key", "Token": "role-token", "Code": "Success",
            "ExpiredTime": .integer(Int64(Date().timeIntervalSince1970) + 3600), "Expiration": "2999-01-01T00:00:00Z",
        ]
        try server.setMetadata(role: "machine-role", credential: credential)
        // The metadata service's name leads to the server, too.
        try await Lab.with(environment: ["http_proxy": server.url]) { lab in
            try await lab.hub.misbehave("GetCosCredential", "error", count: -1, code: "UnsupportedOperation")
            let outcome = try await lab.run("echo hello", fields: fields(server))
            outcome.expectSuccess("hello\n")
            #expect(failure(outcome) == "")
            #expect(url(outcome) == "\(server.url)/logs/\(outcome.id).log")
            #expect(try server.object("/logs/\(outcome.id).log") == Array("hello\n".utf8))
        }
    }

    @Test("an agent that is killed in the middle of an upload leaves it to the next one")
    func killedAgent() async throws {
        let server = try COSServer()
        try server.plan([["rate": 300_000], [:]])
        try await Lab.with { lab in
            let id = try await lab.create("yes | head -c 4000000", fields: fields(server))
            try await eventually("the upload is under way") {
                try server.uploads().first.map { $0.received > 100_000 } ?? false
            }
            try await lab.agent.restart()
            let outcome = try await lab.outcome(of: id)
            #expect(outcome.result == "SUCCESS")
            #expect(outcome.counter("starts") == 1)
            #expect(outcome.counter("finishes") == 1)
            let uploads = try server.uploads()
            #expect(uploads.count == 2)
            #expect(uploads.first?.state != "stored")
            #expect(uploads.last?.state == "stored")
            #expect(uploads.last?.received == 4_000_000)
            #expect(failure(outcome) == "")
            #expect(url(outcome)?.hasSuffix("/\(id).log") == true)
        }
    }

    @Test("an agent that is killed after an upload does not repeat it")
    func killedAfterwards() async throws {
        let server = try COSServer()
        try await Lab.with { lab in
            try await lab.hub.misbehave("ReportTaskFinish", "status500", count: -1)
            let id = try await lab.create("echo hello", fields: fields(server))
            try await eventually("the finish is refused") { try await lab.requestCount("ReportTaskFinish") > 0 }
            try lab.agent.kill(SIGKILL)
            try await lab.hub.behave()
            try await lab.agent.start()
            let outcome = try await lab.outcome(of: id)
            #expect(url(outcome)?.hasSuffix("/\(id).log") == true)
            #expect(try server.uploads().map(\.state) == ["stored"])
        }
    }

    @Test("memory does not grow with the output")
    func memory() async throws {
        let server = try COSServer()
        try await Lab.with { lab in
            let small = try await lab.run("yes | head -c 3000000", fields: fields(server))
            #expect(failure(small) == "")
            let before = try anonymousMemory(lab.agent.pid)
            let command = "yes 'all work and no play' | head -c 200000000"
            let id = try await lab.create(command, fields: fields(server))
            var most = before
            try await eventually("the upload has ended", limit: 120) {
                most = max(most, try anonymousMemory(lab.agent.pid))
                return try server.uploads().last.map { $0.path.contains(id) && $0.state == "stored" } ?? false
            }
            let outcome = try await lab.outcome(of: id, limit: 120)
            #expect(failure(outcome) == "")
            let after = try anonymousMemory(lab.agent.pid)
            #expect(most - before < 2048, "\(before) KiB before, \(most) KiB at the most")
            #expect(after - before < 2048, "\(before) KiB before, \(after) KiB after")
            let sum = try SpawnedProcess.run(["bash", "-c", command + " | sha256sum"]).prefix(64)
            #expect(try server.uploads().last?.sha256 == String(sum))
            #expect(try server.uploads().last?.received == 200_000_000)
        }
    }

    /// RssAnon of a process, in KiB.
    private func anonymousMemory(_ pid: pid_t) throws -> Int {
        let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/status") ?? Data()
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        let words = lines.first { $0.hasPrefix("RssAnon:") }?.split(whereSeparator: \.isWhitespace) ?? []
        guard words.count == 3, let size = Int(words[1]) else { throw TestFailure("no RssAnon of process \(pid)") }
        return size
    }
}
