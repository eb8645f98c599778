import Testing

@testable import Agent

@Suite struct EndpointsTests {
    private static let invokeDefaults = [
        "https://invoke.tat-tc.tencent.cn", "https://invoke.tat-tc.tencent.com.cn",
        "https://invoke.tat-tc.tencentyun.com", "https://invoke.tat.tencent-cloud.com",
    ]

    private static let notifyDefaults = [
        "wss://notify.tat-tc.tencent.cn:8186/ws", "wss://notify.tat-tc.tencent.com.cn:8186/ws",
        "wss://notify.tat-tc.tencentyun.com:8186/ws", "wss://notify.tat.tencent-cloud.com:8186/ws",
    ]

    @LoopActor
    private static func endpoints(
        _ transport: FakeTransport,
        registeredIn region: String? = nil,
        urls: (invoke: String?, notify: String?) = (nil, nil),
        variables: [String: String] = [:]
    ) -> Endpoints {
        var platform = FakePlatform(transport: transport)
        platform.machine = FakeMachine(variables: variables)
        var config = Config()
        config.invokeURL = urls.invoke
        config.notifyURL = urls.notify
        config.registration = region.map {
            Registration(region: $0, code: "c", value: "v", machineID: "m", privateKey: "k", instanceID: "i")
        }
        return Endpoints(platform: platform, config: config)
    }

    @Test(arguments: 0..<4)
    func theFirstDefaultThatResolves(working: Int) async throws {
        try await onLoop {
            let transport = FakeTransport()
            let good = [Self.invokeDefaults[working], Self.notifyDefaults[working]]
            transport.isResolved = { good.contains($0) }
            let endpoints = Self.endpoints(transport)
            #expect(await endpoints.invokeURL() == Self.invokeDefaults[working])
            #expect(transport.lookups == Array(Self.invokeDefaults.prefix(working + 1)))
            #expect(await endpoints.notifyURL() == Self.notifyDefaults[working])
            #expect(transport.lookups.dropFirst(working + 1) == Self.notifyDefaults.prefix(working + 1))
        }
    }

    @Test func theOneThatResolvedLastIsTriedFirst() async throws {
        try await onLoop {
            let transport = FakeTransport()
            let endpoints = Self.endpoints(transport)
            transport.isResolved = { $0 == Self.invokeDefaults[2] }
            #expect(await endpoints.invokeURL() == Self.invokeDefaults[2])
            transport.isResolved = { _ in true }
            let before = transport.lookups.count
            #expect(await endpoints.invokeURL() == Self.invokeDefaults[2])
            #expect(transport.lookups.dropFirst(before) == [Self.invokeDefaults[2]])
            // The notify channel has a memory of its own.
            #expect(await endpoints.notifyURL() == Self.notifyDefaults[0])
            transport.isResolved = { $0 == Self.invokeDefaults[0] }
            #expect(await endpoints.invokeURL() == Self.invokeDefaults[0])
        }
    }

    @Test func theLastGoodOneStaysWhenNoneResolves() async throws {
        try await onLoop {
            let transport = FakeTransport()
            let endpoints = Self.endpoints(transport)
            transport.isResolved = { _ in false }
            #expect(await endpoints.invokeURL() == Self.invokeDefaults[0])
            transport.isResolved = { $0 == Self.invokeDefaults[3] }
            _ = await endpoints.invokeURL()
            transport.isResolved = { _ in false }
            #expect(await endpoints.invokeURL() == Self.invokeDefaults[3])
        }
    }

    @Test func theConfiguredOnesComeFirst() async throws {
        try await onLoop {
            let transport = FakeTransport()
            let endpoints = Self.endpoints(
                transport,
                registeredIn: "mars",
                urls: ("http://127.0.0.1:1", "ws://127.0.0.1:2/ws"),
                variables: ["MOCK_ENABLE": ""]
            )
            #expect(await endpoints.invokeURL() == "http://127.0.0.1:1")
            #expect(await endpoints.notifyURL() == "ws://127.0.0.1:2/ws")
            #expect(transport.requests.isEmpty && transport.lookups.isEmpty)
        }
    }

    @Test func oneCanBeConfiguredWithoutTheOther() async throws {
        try await onLoop {
            let endpoints = Self.endpoints(FakeTransport(), urls: ("http://127.0.0.1:1", nil))
            #expect(await endpoints.invokeURL() == "http://127.0.0.1:1")
            #expect(await endpoints.notifyURL() == Self.notifyDefaults[0])
        }
    }

    @Test func theMockHasItsOwn() async throws {
        try await onLoop {
            let transport = FakeTransport()
            let endpoints = Self.endpoints(transport, variables: ["MOCK_ENABLE": ""])
            #expect(await endpoints.invokeURL() == "http://invoke")
            #expect(await endpoints.notifyURL() == "ws://notify:8086/ws")
            #expect(transport.lookups.isEmpty)
        }
    }

    // MARK: - Regions

    @Test func aMachineThatIsRegisteredInAnotherRegionAsksThere() async throws {
        try await onLoop {
            let transport = FakeTransport()
            transport.answer = { _ in HTTPResponse(status: 200, body: Array("venus".utf8)) }
            let endpoints = Self.endpoints(transport, registeredIn: "mars")
            #expect(await endpoints.invokeURL() == "https://mars.invoke.tat-tc.tencent.cn")
            #expect(await endpoints.notifyURL() == "wss://mars.notify.tat-tc.tencent.cn:8186/ws")
            #expect(await endpoints.invokeURL() == "https://mars.invoke.tat-tc.tencent.cn")
            // Asked once.
            let metadata = "http://metadata.tencentyun.com/latest/meta-data/placement/region"
            #expect(transport.requests.map(\.url) == [metadata])
            #expect(transport.requests[0].timeout == .seconds(3))
            #expect(transport.requests[0].method == .get)
            #expect(transport.requests[0].headers.isEmpty)
        }
    }

    @Test func aMachineInItsOwnRegionTakesTheDefaults() async throws {
        try await onLoop {
            let transport = FakeTransport()
            transport.answer = { _ in HTTPResponse(status: 200, body: Array("mars".utf8)) }
            let endpoints = Self.endpoints(transport, registeredIn: "mars")
            #expect(await endpoints.invokeURL() == Self.invokeDefaults[0])
            #expect(await endpoints.notifyURL() == Self.notifyDefaults[0])
        }
    }

    @Test func whoAsksMeanwhileWaitsForTheRegion() async throws {
        try await onLoop {
            let transport = FakeTransport()
            let answered = Wakeup()
            transport.answer = { _ in
                _ = await answered.wait()
                return HTTPResponse(status: 200, body: Array("mars".utf8))
            }
            let endpoints = Self.endpoints(transport, registeredIn: "mars")
            var urls: [String] = []
            spawn { urls.append(await endpoints.invokeURL()) }
            spawn { urls.append(await endpoints.notifyURL()) }
            await settle()
            #expect(urls.isEmpty)
            answered.signal()
            try await eventually { urls.count == 2 }
            #expect(Set(urls) == [Self.invokeDefaults[0], Self.notifyDefaults[0]])
            #expect(transport.requests.count == 1)
        }
    }

    @Test(arguments: [nil, HTTPResponse(status: 404, body: Array("mars".utf8)), HTTPResponse(status: 200, body: [])])
    func withoutTheMetadataTheRegisteredRegionCounts(answer: HTTPResponse?) async throws {
        try await onLoop {
            let transport = FakeTransport()
            transport.answer = { _ throws(TransportError) in
                guard let answer else { throw TransportError(.timeout, "no answer") }
                return answer
            }
            let endpoints = Self.endpoints(transport, registeredIn: "mars")
            #expect(await endpoints.invokeURL() == "https://mars.invoke.tat-tc.tencent.cn")
        }
    }

    @Test func aRegistrationWithoutARegionTakesTheDefaults() async throws {
        try await onLoop {
            let transport = FakeTransport()
            let endpoints = Self.endpoints(transport, registeredIn: "")
            #expect(await endpoints.invokeURL() == Self.invokeDefaults[0])
            #expect(transport.requests.isEmpty)
        }
    }
}
