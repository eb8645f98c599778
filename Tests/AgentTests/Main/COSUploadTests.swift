import Testing

@testable import Agent

@Suite struct COSUploadTests {
    /// Agents, one after the other, on a machine whose service and storage the test plays.
    @LoopActor
    private final class World {
        let host = FakeHost()
        let service = FakeInvokeService()
        let sink = TestLog()
        /// What the storage got.
        var requests: [(request: HTTPRequest, body: [UInt8])] = []
        /// What it answers, the last one again and again.
        var replies: [Result<HTTPResponse, TransportError>] = [.success(HTTPResponse(status: 200, body: []))]

        var platform: FakePlatform {
            var platform = FakePlatform(transport: service.transport, launcher: FakeLauncher(host: host))
            platform.clock = host.clock
            platform.crypto = COSTestCrypto()
            return platform
        }

        init() {
            service.answer = { [unowned self] call in
                call.action == "GetCosCredential" ? .fields(credential) : .taken
            }
            service.transport.receive = { [unowned self] request, body throws(TransportError) in
                requests.append((request, body))
                return try (replies.count > 1 ? replies.removeFirst() : replies[0]).get()
            }
        }

        var credential: JSON.Object = [
            "TmpSecretId": "the-id", "TmpSecretKey": "the-key", "Token": "the-token", "InvocationId": "inv-1",
        ]

        func api() -> InvokeAPI {
            var config = Config()
            config.invokeURL = "https://service.test"
            return InvokeAPI(
                transport: service.transport,
                endpoints: Endpoints(platform: platform, config: config),
                identity: Identity(platform: platform, config: config)
            )
        }

        func upload(attempts: Int = 3, time: Duration = .seconds(60)) -> OutputUpload {
            let pauses = Backoff(from: .milliseconds(1), to: .milliseconds(2))
            let limits = OutputUpload.Limits(attempts: attempts, time: time, pauses: pauses)
            return OutputUpload(platform: platform, api: api(), log: sink.log(), limits: limits)
        }

        /// Uploads a file with this text.
        func run(_ text: String = "hello", by upload: OutputUpload? = nil) async throws -> OutputUpload.Outcome {
            let path = host.disk.path + "/output"
            try TestFiles().replace(path, with: Array(text.utf8))
            var record = TaskRecord.plain("task-1")
            record.cosBucketURL = "https://bucket.test"
            record.cosBucketPrefix = "logs/"
            return await (upload ?? self.upload()).run(record, from: path)
        }

        func agent() throws -> TaskTable {
            TaskTable(
                platform: platform,
                store: try TaskStore(root: host.statePath, files: TestFiles()),
                api: api(),
                log: sink.log()
            )
        }

        /// Has an agent run a task that prints `text`, to the end.
        func live(_ text: String, changes: JSON.Object = ["CosBucketUrl": "https://bucket.test"]) async throws {
            let agent = try agent()
            await agent.accept([.plain("task-1", changes)])
            let supervisor = try await host.supervisor(of: "task-1")
            try supervisor.write(Array(text.utf8), limit: 1 << 30)
            try supervisor.finish()
            try await eventually { agent.count == 0 }
        }

        var finish: JSON? { service.finish(of: "task-1")?.body }
    }

    private static func header(_ request: HTTPRequest?, _ name: String) -> String? {
        request?.headers.first { $0.name == name }?.value
    }

    private static let stored = OutputUpload.Outcome.stored(url: "https://bucket.test/logs/inv-1/task-1.log")

    // MARK: - One upload

    @Test func putsTheFile() async throws {
        try await onLoop {
            let world = World()
            let outcome = try await world.run()
            #expect(outcome == Self.stored)
            #expect(world.requests.count == 1)
            let request = try #require(world.requests.first?.request)
            #expect(world.requests.first?.body == Array("hello".utf8))
            #expect(request.method == .put)
            #expect(request.url == "https://bucket.test/logs/inv-1/task-1.log")
            #expect(Self.header(request, "Host") == "bucket.test")
            #expect(Self.header(request, "Date") == "Tue, 14 Nov 2023 22:13:20 GMT")
            #expect(Self.header(request, "Content-Type") == "application/xml")
            #expect(Self.header(request, "x-cos-security-token") == "the-token")
            #expect(request.headers.count == 5)
            let signed = [
                HTTPHeader("Host", "bucket.test"), HTTPHeader("Date", "Tue, 14 Nov 2023 22:13:20 GMT"),
                HTTPHeader("Content-Type", "application/xml"), HTTPHeader("Content-Length", "5"),
                HTTPHeader("x-cos-security-token", "the-token"),
            ]
            let signature = COSSignature(
                method: .put,
                path: "/logs/inv-1/task-1.log",
                headers: signed,
                start: 1_700_000_000,
                end: 1_700_000_600
            )
            let authorization = try signature.authorization(
                secretID: "the-id",
                secretKey: "the-key",
                by: COSTestCrypto()
            )
            #expect(Self.header(request, "Authorization") == authorization)
        }
    }

    @Test func theSignatureEndsWithTheCredential() async throws {
        try await onLoop {
            let world = World()
            world.credential["ExpireTime"] = 1_700_000_100
            world.credential["Token"] = ""
            let outcome = try await world.run()
            #expect(outcome == Self.stored)
            let request = world.requests.first?.request
            #expect(Self.header(request, "Authorization")?.contains("q-sign-time=1700000000;1700000100&") == true)
            #expect(Self.header(request, "x-cos-security-token") == nil)
            let list = "q-header-list=content-length;content-type;date;host&"
            #expect(Self.header(request, "Authorization")?.contains(list) == true)
        }
    }

    private static let passing: [Result<HTTPResponse, TransportError>] = [
        .failure(TransportError(.closed, "reset")), .failure(TransportError(.timeout, "slow")),
        .failure(TransportError(.resolve, "no name")), .success(HTTPResponse(status: 500, body: [])),
        .success(HTTPResponse(status: 503, body: [])), .success(HTTPResponse(status: 429, body: [])),
        .success(HTTPResponse(status: 408, body: [])),
    ]

    @Test func whatPassesIsTriedAgain() async throws {
        try await onLoop {
            let world = World()
            world.replies = Self.passing + [.success(HTTPResponse(status: 200, body: []))]
            let outcome = try await world.run(by: world.upload(attempts: 20))
            #expect(outcome == Self.stored)
            #expect(world.requests.count == Self.passing.count + 1)
            // Each attempt with a credential of its own.
            #expect(world.service.calls.count == Self.passing.count + 1)
        }
    }

    @Test func attemptsAndTimeHaveAnEnd() async throws {
        try await onLoop {
            let world = World()
            world.replies = [.success(HTTPResponse(status: 500, body: []))]
            let failed = OutputUpload.Outcome.failed(reason: "object storage: HTTP status 500")
            var outcome = try await world.run(by: world.upload(attempts: 5))
            #expect(outcome == failed)
            #expect(world.requests.count == 5)
            outcome = try await world.run(by: world.upload(attempts: .max, time: .zero))
            #expect(outcome == failed)
            #expect(world.requests.count == 6)
            outcome = try await world.run(by: world.upload(attempts: .max, time: .milliseconds(200)))
            #expect(outcome == failed)
            #expect(world.requests.count > 7)
        }
    }

    @Test(arguments: [301, 400, 403, 404, 411])
    func aRefusalIsFinal(status: Int) async throws {
        try await onLoop {
            let world = World()
            let body = "<?xml version='1.0'?><Error><Code>No</Code><Message>not you</Message></Error>"
            world.replies = [.success(HTTPResponse(status: status, body: Array(body.utf8)))]
            let reason = "object storage: HTTP status \(status): No: not you"
            let outcome = try await world.run()
            #expect(outcome == .failed(reason: reason))
            #expect(world.requests.count == 1)
            #expect(world.sink.contains(reason))
        }
    }

    @Test(arguments: [
        ("", ""), ("<Code>A</Code>", ": A"), ("<Message>B</Message>", ": B"), ("<Code></Code>", ""),
        ("<Code>A", ": A"), ("<Code", ""), ("<html><b>no</b>", ""), ("<Message>b</Message><Code>a</Code>", ": a: b"),
    ])
    func whatARefusalSays(body: String, told: String) {
        let response = HTTPResponse(status: 403, body: Array(body.utf8))
        #expect(OutputUpload.reason(of: response) == "object storage: HTTP status 403" + told)
    }

    @Test func aReasonHasAnEnd() {
        let flood = "<Code>" + String(repeating: "é", count: 1 << 20) + "</Code><Message>x</Message>"
        let reason = OutputUpload.reason(of: HTTPResponse(status: 403, body: Array(flood.utf8)))
        #expect(reason.utf8.count < 200)
        let long = "<Message>" + String(repeating: "x", count: 5000) + "</Message>"
        #expect(OutputUpload.reason(of: HTTPResponse(status: 403, body: Array(long.utf8))).utf8.count < 600)
    }

    @Test func withoutAFileThereIsNothingToTry() async throws {
        try await onLoop {
            let world = World()
            var record = TaskRecord.plain("task-1")
            record.cosBucketURL = "https://bucket.test"
            let outcome = await world.upload().run(record, from: world.host.disk.path + "/nothing")
            guard case .failed = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(world.requests.isEmpty)
        }
    }

    @Test func nothingSecretIsLogged() async throws {
        try await onLoop {
            let world = World()
            world.replies = Self.passing + [.success(HTTPResponse(status: 403, body: []))]
            _ = try await world.run(by: world.upload(attempts: 20))
            #expect(!world.sink.lines.isEmpty)
            for secret in ["the-id", "the-key", "the-token", "q-sign"] { #expect(!world.sink.contains(secret)) }
        }
    }

    // MARK: - As a part of a task's life

    @Test func theFinishHasTheAddress() async throws {
        try await onLoop {
            let world = World()
            let text = String(repeating: "all work and no play\n", count: 5000)
            try await world.live(text)
            #expect(world.requests.map(\.body) == [Array(text.utf8)])
            #expect(world.finish?["OutputUrl"] == "https://bucket.test/inv-1/task-1.log")
            #expect(world.finish?["OutputUploadCOSErrorInfo"] == "")
            #expect(world.finish?["Result"] == "SUCCESS")
            let actions = world.service.actions(of: "task-1")
            #expect(actions.suffix(3) == ["GetCosCredential", "UploadTaskLog", "ReportTaskFinish"])
        }
    }

    @Test func theFinishHasTheReason() async throws {
        try await onLoop {
            let world = World()
            world.replies = [.success(HTTPResponse(status: 403, body: []))]
            try await world.live("hello")
            #expect(world.finish?["OutputUrl"] == "")
            #expect(world.finish?["OutputUploadCOSErrorInfo"] == "object storage: HTTP status 403")
            #expect(world.finish?["Result"] == "SUCCESS")
        }
    }

    @Test func theOutputWaitsForItsUploadWhateverElseWaits() async throws {
        try await onLoop {
            let world = World()
            var record = TaskRecord.plain("task-1")
            record.cosBucketURL = "https://bucket.test"
            try world.host.store().accept(record)
            let directory = try world.host.store().directory(of: "task-1")
            var worker: TaskWorker?
            worker = TaskWorker(
                record: record,
                directory: directory,
                platform: world.platform,
                api: world.api(),
                slots: Gate(width: 1),
                log: world.sink.log(),
                hasEnded: {
                    #expect(worker?.waitingOutput == 0)
                    worker?.dropOutput()
                    #expect(directory.hasOutput)
                }
            )
            var isOver = false
            worker?.live { _ in isOver = true }
            let supervisor = try await world.host.supervisor(of: "task-1")
            try supervisor.write("hello")
            try supervisor.finish()
            try await eventually { isOver }
            #expect(world.requests.map(\.body) == [Array("hello".utf8)])
            // From now on it may go.
            #expect(worker?.waitingOutput == 5)
            worker?.dropOutput()
            #expect(!directory.hasOutput)
        }
    }

    @Test func withoutABucketNothingIsUploaded() async throws {
        try await onLoop {
            let world = World()
            try await world.live("hello", changes: [:])
            #expect(world.requests.isEmpty)
            #expect(world.finish?["OutputUrl"] == "")
            #expect(world.finish?["OutputUploadCOSErrorInfo"] == "")
            #expect(!world.service.actions(of: "task-1").contains("GetCosCredential"))
        }
    }

    @Test func anOutcomeSurvivesTheAgent() async throws {
        try await onLoop {
            let world = World()
            let directory = try world.host.store().directory(of: "task-1")
            var record = TaskRecord.plain("task-1")
            record.cosBucketURL = "https://bucket.test"
            try directory.accept(record, end: TaskExit(.success, exitCode: 0, finishedAt: 1, outputBytes: 5))
            try TestFiles().append(Array("hello".utf8), to: directory.outputPath, durably: false)
            try directory.note(.startSent)
            try directory.note(.startSettled)
            try directory.note(.outputSettled(.stored(url: "https://bucket.test/earlier")))
            let agent = try world.agent()
            agent.recover()
            try await eventually { agent.count == 0 }
            #expect(world.requests.isEmpty)
            #expect(world.finish?["OutputUrl"] == "https://bucket.test/earlier")
        }
    }

    @Test func anUploadThatWasNotFinishedIsMadeAgain() async throws {
        try await onLoop {
            let world = World()
            let directory = try world.host.store().directory(of: "task-1")
            var record = TaskRecord.plain("task-1")
            record.cosBucketURL = "https://bucket.test"
            try directory.accept(record, end: TaskExit(.failed, exitCode: 3, finishedAt: 1, outputBytes: 5))
            try TestFiles().append(Array("hello".utf8), to: directory.outputPath, durably: false)
            try directory.note(.startSettled)
            let agent = try world.agent()
            agent.recover()
            try await eventually { agent.count == 0 }
            #expect(world.requests.map(\.body) == [Array("hello".utf8)])
            #expect(world.finish?["OutputUrl"] == "https://bucket.test/inv-1/task-1.log")
            #expect(world.finish?["ExitCode"] == 3)
        }
    }

    @Test func anOutputThatIsGoneIsTold() async throws {
        try await onLoop {
            let world = World()
            let directory = try world.host.store().directory(of: "task-1")
            var record = TaskRecord.plain("task-1")
            record.cosBucketURL = "https://bucket.test"
            try directory.accept(record, end: TaskExit(.success, exitCode: 0, finishedAt: 1, outputBytes: 5))
            try directory.note(.startSettled)
            let agent = try world.agent()
            agent.recover()
            try await eventually { agent.count == 0 }
            #expect(world.finish?["OutputUploadCOSErrorInfo"] == "the output is gone from the disk")
        }
    }
}
