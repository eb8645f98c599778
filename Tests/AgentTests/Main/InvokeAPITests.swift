import Testing

@testable import Agent

@Suite struct InvokeAPITests {
    private func result(_ status: Int, _ body: String) throws -> JSON {
        try InvokeAPI.result(of: HTTPResponse(status: status, body: Array(body.utf8)))
    }

    @Test func aCallIsOnePostWithTheFieldsAfterTheAction() async throws {
        try await onLoop {
            let agent = try TestAgent(on: FakeHost())
            agent.service.answer = { _ in .fields(["InstanceId": "i-1"]) }
            let reply = try await agent.api.call("RegisterInstance", ["MachineId": "m\u{0}é", "Count": 3])
            #expect(reply["InstanceId"] == "i-1")
            let request = try #require(agent.service.transport.requests.first)
            #expect(request.method == .post)
            #expect(request.url == "https://service.test")
            #expect(request.timeout == .seconds(10))
            #expect(
                try JSON.parse(request.body) == ["Action": "RegisterInstance", "MachineId": "m\u{0}é", "Count": 3]
            )
            #expect(request.headers.contains(HTTPHeader("Content-Type", "application/json")))
            #expect(request.headers.contains(HTTPHeader("Tat-Version", agentVersion)))
        }
    }

    @Test func aReplyIsItsResponse() throws {
        #expect(try result(200, #"{"Response": {"RequestId": "r"}}"#) == ["RequestId": "r"])
        #expect(try result(200, #"{"Response": {"Error": null}}"#) == ["Error": .null])
        #expect(try result(200, #"{"Response": {}}"#) == [:])
    }

    @Test(arguments: [200, 400, 403, 404])
    func anErrorIsARefusal(status: Int) {
        let expected = InvokeFailure.refused(code: "AuthFailure", message: "no")
        #expect(throws: expected) {
            try result(status, #"{"Response": {"Error": {"Code": "AuthFailure", "Message": "no"}}}"#)
        }
    }

    @Test(arguments: ["{}", "5", "[]", #""text""#, "false", #"{"Code": 5, "Message": []}"#])
    func anErrorOfAnyShapeIsARefusal(error: String) {
        #expect(throws: InvokeFailure.refused(code: "", message: "")) {
            try result(200, #"{"Response": {"Error": \#(error)}}"#)
        }
    }

    @Test(arguments: [
        (500, #"{"Response": {"RequestId": "r"}}"#), (502, #"{"Response": {"Error": {"Code": "A"}}}"#), (599, ""),
        (200, ""), (200, "<html>"), (200, "null"), (200, "[]"), (200, "{}"), (200, #"{"Response": []}"#),
        (200, #"{"Response": "x"}"#), (200, #"{"response": {}}"#), (201, #"{"Response": {}}"#),
        (301, #"{"Response": {}}"#), (404, #"{"Response": {}}"#), (404, ""), (0, ""),
        (200, #"{"Response": {"Error": {"Code": "InternalError"}}}"#),
        (400, #"{"Response": {"Error": {"Code": "InternalError.X"}}}"#),
        (200, #"{"Response": {"Error": {"Code": "RequestLimitExceeded"}}}"#),
        (200, #"{"Response": {"Error": {"Code": "ServiceUnavailable"}}}"#),
    ])
    func whatIsNoAnswerIsNotDelivered(status: Int, body: String) {
        let failure = #expect(throws: InvokeFailure.self) { try result(status, body) }
        guard case .undelivered = failure?.kind else {
            Issue.record("\(status) \(body) counts as a refusal")
            return
        }
    }

    @Test func codesThatOnlyBeginLikeATransientOneAreRefusals() {
        for code in ["InternalErrors", "ServiceUnavailableForYou", "internalerror", "XInternalError"] {
            #expect(throws: InvokeFailure.refused(code: code, message: "")) {
                try result(200, #"{"Response": {"Error": {"Code": "\#(code)"}}}"#)
            }
        }
    }

    @Test func noMoreThanEightCallsAreUnderWay() async throws {
        try await onLoop {
            let agent = try TestAgent(on: FakeHost())
            let released = Wakeup()
            var under = 0
            var most = 0
            agent.service.answer = { _ in
                under += 1
                most = max(most, under)
                if under == 8 { released.signal() }
                await sleep(for: .milliseconds(5))
                under -= 1
                return .taken
            }
            var done = 0
            for _ in 0..<30 {
                spawn {
                    _ = try? await agent.api.call("DescribeTasks")
                    done += 1
                }
            }
            #expect(await released.wait(atMost: .seconds(20)))
            try await eventually { done == 30 }
            #expect(most == 8)
        }
    }

    @Test func aSignatureThatCannotBeMadeIsNotDelivered() async throws {
        try await onLoop {
            let transport = FakeTransport()
            let platform = FakePlatform(transport: transport)
            var config = Config()
            config.invokeURL = "https://service.test"
            config.registration = Registration(
                region: "",
                code: "",
                value: "",
                machineID: "m",
                privateKey: "broken",
                instanceID: "i"
            )
            let api = InvokeAPI(
                transport: transport,
                endpoints: Endpoints(platform: platform, config: config),
                identity: Identity(platform: platform, config: config)
            )
            let failure = InvokeFailure.undelivered("the key is broken")
            await #expect(throws: failure) { try await api.call("DescribeTasks") }
            #expect(transport.requests.isEmpty)
        }
    }
}
