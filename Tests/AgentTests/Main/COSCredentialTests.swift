import Testing

@testable import Agent

@Suite struct COSCredentialTests {
    private static let full: JSON.Object = [
        "TmpSecretId": "id", "TmpSecretKey": "key", "Token": "token", "ExpireTime": 1_700_000_600,
        "Expiration": "2023-11-14T22:23:20Z", "Code": "Success", "InvocationId": "inv-1",
    ]

    private func read(_ changes: JSON.Object = [:]) throws(COSCredential.Unusable) -> COSCredential {
        var json = Self.full
        for (name, value) in changes.members { json[name] = value.isNull ? JSON?.none : value }
        return try COSCredential(json: .object(json), now: 1_700_000_000)
    }

    @Test func readsAllNames() throws {
        let credential = try read()
        #expect(credential.secretID == "id")
        #expect(credential.secretKey == "key")
        #expect(credential.token == "token")
        #expect(credential.invocationID == "inv-1")
        #expect(credential.expiry == 1_700_000_600)
        let others: JSON.Object = [
            "TmpSecretId": nil, "TmpSecretKey": nil, "InvocationId": nil, "ExpireTime": nil, "SecretId": "id",
            "SecretKey": "key", "InvocationID": "inv-1", "ExpiredTime": "1700000600",
        ]
        #expect(try read(others) == credential)
    }

    @Test func doesWithoutWhatCanBeAbsent() throws {
        let credential = try read(["Token": "", "InvocationId": nil, "ExpireTime": nil, "Code": nil])
        #expect(credential.token == "")
        #expect(credential.invocationID == "")
        #expect(credential.expiry == nil)
        #expect(try read(["ExpireTime": 0]).expiry == nil)
    }

    private static let unusable: [JSON.Object] = [
        ["TmpSecretId": nil], ["TmpSecretId": ""], ["TmpSecretKey": nil], ["TmpSecretKey": 5], ["TmpSecretId": "a b"],
        ["TmpSecretId": "a\r\nX: y"], ["Token": "a\nb"], ["TmpSecretKey": "ü"], ["Code": "Failed"],
        ["ExpireTime": 1_700_000_000], ["ExpireTime": 1],
        ["Token": .string(String(repeating: "x", count: 20_000))],
    ]

    @Test(arguments: unusable)
    func whatCannotBeUsedIsNotUsed(changes: JSON.Object) {
        let error = #expect(throws: COSCredential.Unusable.self) { try read(changes) }
        for secret in ["id", "key"] { #expect(error?.description.contains("\"\(secret)\"") == false) }
        #expect((error?.description.utf8.count ?? 0) < 200)
    }

    @Test func itsTextTellsNothing() throws {
        #expect("\(try read())" == "a credential")
    }

    // MARK: - Where from

    @LoopActor
    private struct Source {
        let service = FakeInvokeService()
        let source: COSCredentialSource
        /// What the metadata service has.
        let metadata = Metadata()

        @LoopActor
        final class Metadata {
            var pages: [String: String] = [:]
            var asked: [String] = []
        }

        init() {
            let (service, metadata) = (service, metadata)
            var platform = FakePlatform(transport: service.transport)
            platform.clock = FakeClock()
            let invoke = service.transport.answer
            service.transport.answer = { request throws(TransportError) in
                guard request.method == .get else { return try await invoke(request) }
                metadata.asked.append(request.url)
                let page = metadata.pages[request.url]
                return HTTPResponse(status: page == nil ? 404 : 200, body: Array((page ?? "").utf8))
            }
            var config = Config()
            config.invokeURL = "https://service.test"
            let api = InvokeAPI(
                transport: service.transport,
                endpoints: Endpoints(platform: platform, config: config),
                identity: Identity(platform: platform, config: config)
            )
            source = COSCredentialSource(platform: platform, api: api)
        }

        static let roles = "http://metadata.tencentyun.com/latest/meta-data/cam/security-credentials"
        static let page = #"{"TmpSecretId": "r", "TmpSecretKey": "k", "Token": "t", "Code": "Success"}"#
    }

    @Test func theServiceIsAskedFirst() async throws {
        try await onLoop {
            let source = Source()
            source.service.answer = { _ in .fields(Self.full) }
            let credential = try await source.source.credential(for: "task-1")
            #expect(credential.secretID == "id")
            #expect(source.service.calls.map(\.action) == ["GetCosCredential"])
            #expect(source.service.calls.map(\.taskID) == ["task-1"])
            #expect(source.metadata.asked.isEmpty)
        }
    }

    @Test(arguments: ["refused", "without", "expired", "broken"])
    func theMetadataServiceIsAskedNext(how: String) async throws {
        try await onLoop {
            let source = Source()
            source.service.answer = { _ in
                switch how {
                case "refused": return .error("ResourceNotFound")
                case "expired": return .fields(["TmpSecretId": "i", "TmpSecretKey": "k", "ExpireTime": 5])
                case "broken": return .reset
                default: return .taken
                }
            }
            source.metadata.pages = [Source.roles: "my-role\n", Source.roles + "/my-role": Source.page]
            let credential = try await source.source.credential(for: "task-1")
            #expect(credential.secretID == "r")
            #expect(credential.invocationID == "")
            #expect(source.metadata.asked == [Source.roles, Source.roles + "/my-role"])
        }
    }

    @Test(arguments: ["../../x", "a/b", "a?b", "ü", String(repeating: "x", count: 200), " "])
    func aRoleThatCannotBeOneIsNotAskedFor(role: String) async throws {
        try await onLoop {
            let source = Source()
            source.service.answer = { _ in .error("ResourceNotFound") }
            source.metadata.pages = [Source.roles: role]
            await #expect(throws: COSCredentialSource.Failure.self) {
                try await source.source.credential(for: "task-1")
            }
            #expect(source.metadata.asked == [Source.roles])
        }
    }

    @Test(arguments: [(true, true), (false, false)])
    func onlyARefusalIsFinal(isRefused: Bool, isFinal: Bool) async throws {
        try await onLoop {
            let source = Source()
            source.service.answer = { _ in isRefused ? .error("ResourceNotFound") : .raw(status: 502, body: "") }
            do throws(COSCredentialSource.Failure) {
                _ = try await source.source.credential(for: "task-1")
                Issue.record("there is no credential")
            } catch {
                #expect(error.isFinal == isFinal)
                #expect(error.description.hasPrefix("no credential: GetCosCredential "))
                #expect(error.description.hasSuffix("; metadata service: no role is known"))
            }
        }
    }
}
