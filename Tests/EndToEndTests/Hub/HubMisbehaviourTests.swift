import Agent
import CShims
import Foundation
import Testing

@Suite("The hub's misbehaviour")
struct HubMisbehaviourTests {
    @Test(
        "replies that are no replies",
        arguments: [
            ("status500", 500), ("status429", 429), ("html", 200), ("error", 200), ("malformed", 200), ("huge", 200),
        ]
    )
    func replies(how: String, status: Int) async throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        try await hub.misbehave("CheckUpdate", how)
        #expect(try agent.call("DescribeTasks")["Error"] == nil)
        let reply = try agent.exchange("CheckUpdate")
        #expect(reply.status == status)
        let json = try? JSON.parse(reply.body)
        switch how {
        case "error": #expect(json?["Response"]?["Error"]?["Code"]?.string == "InternalError")
        case "huge": #expect(reply.body.count > 16 << 20)
        default: #expect(json == nil)
        }
        #expect(try agent.call("CheckUpdate")["NeedUpdate"]?.bool == false)
        let state = try await hub.request("GET", "/hub/misbehave")
        #expect(state["rules"]?.array == [])
        #expect(state["hits"]?["CheckUpdate"]?.int64 == 1)
    }

    @Test("connections that break")
    func connections() async throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        try await hub.misbehave("*", "reset")
        #expect(try agent.send("DescribeTasks").waitForEnd() == .reset)
        try await hub.misbehave("DescribeTasks", "half")
        let half = try agent.send("DescribeTasks")
        #expect(try half.receive().isEmpty == false)
        #expect(half.waitForEnd() == .reset)
        try await hub.misbehave("DescribeTasks", "close")
        let close = try agent.send("DescribeTasks")
        #expect(try String(decoding: close.receive(), as: UTF8.self).hasPrefix("HTTP/1.1 200 OK"))
        #expect(close.waitForEnd() == .closed)
        try await hub.misbehave("DescribeTasks", "stall", count: -1)
        let stalled = try agent.send("DescribeTasks")
        let sign = try TestSocket(port: hub.port, timeout: 1)
        #expect(sign.waitForEnd() == .timedOut)
        try await hub.misbehave("DescribeTasks", "ok")
        #expect(try agent.describe() == ([], []))
        stalled.endInput()
        #expect(stalled.waitForEnd() == .closed)
    }

    @Test("before and after the request is processed")
    func beforeAndAfter() async throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        let id = try await hub.createTask("x")
        try agent.describe()
        try await hub.misbehave("ReportTaskStart", "status500", count: 2)
        #expect(try agent.exchange("ReportTaskStart", ["InvocationTaskId": .string(id)]).status == 500)
        #expect(try agent.exchange("ReportTaskStart", ["InvocationTaskId": .string(id)]).status == 500)
        #expect(try await hub.task(id)["counters"]?["starts"]?.int64 == 0)
        try await hub.misbehave("ReportTaskStart", "reset", after: true)
        #expect(try agent.send("ReportTaskStart", ["InvocationTaskId": .string(id)]).waitForEnd() == .reset)
        #expect(try await hub.task(id)["counters"]?["starts"]?.int64 == 1)
        try agent.start(id)
        #expect(try await hub.task(id)["counters"]?["starts"]?.int64 == 2)
    }

    @Test("orders that make no sense are refused")
    func nonsense() async throws {
        let hub = try HubProcess()
        let orders: [JSON] = [
            [:], ["action": "*"], ["action": "*", "how": "dance"], ["action": "ws", "how": "html"],
            ["action": "*", "how": "drop"], ["action": "*", "how": "status99"],
            ["action": "*", "how": "reset", "when": "maybe"],
        ]
        for order in orders {
            #expect(try await hub.answer("POST", "/hub/misbehave", body: order).status == 400)
        }
        try await hub.misbehave("*", "reset", count: -1)
        try await hub.behave()
        #expect(try FakeAgent(hub).describe() == ([], []))
    }
}

@Suite("The hub's notify channel")
struct HubNotifyTests {
    @Test("a new task kicks the agent, many in one request once")
    func kick() async throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        let channel = try agent.connect()
        try await hub.waitForAgent()
        let id = try await hub.createTask("x")
        let kick = try channel.nextJSON()
        #expect(kick["Type"]?.string == "kick")
        #expect(kick["Seq"]?.int64 == 1)
        #expect(kick["Data"]?["InvocationTaskID"]?.string == id)
        #expect(try await hub.task(id)["times"]?["kicked"]?.int64 != nil)
        try await hub.createTask("not told", kick: false)
        let orders: [JSON] = [["script": "a", "id": "a"], ["script": "b", "id": "b"]]
        #expect(try await hub.request("POST", "/hub/tasks", body: .array(orders))["kicked"]?.int64 == 1)
        #expect(try channel.nextJSON()["Data"]?["InvocationTaskID"]?.string == "a")
        try agent.describe()
        try await hub.cancelTask("b")
        #expect(try channel.nextJSON()["Data"]?["InvocationTaskID"]?.string == "b")
    }

    @Test("messages in both directions, pings, and both ways to close")
    func messages() async throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        var channel = try agent.connect()
        try await hub.waitForAgent()
        try await hub.request("POST", "/hub/notify", body: ["text": "not json"])
        #expect(try channel.next() == .text("not json"))
        try await hub.request("POST", "/hub/notify", body: ["json": ["Type": "ForceRestart"]])
        #expect(try channel.nextJSON()["Type"]?.string == "ForceRestart")
        try await hub.request("POST", "/hub/notify", body: ["binary": .string(Base64.encode([0, 255] as [UInt8]))])
        #expect(try channel.next() == .binary([0, 255]))
        try await hub.request("POST", "/hub/notify", body: ["ping": "hub"])
        #expect(try channel.next() == .ping(Array("hub".utf8)))
        try channel.send(.ping, [1, 2])
        #expect(try channel.next() == .pong([1, 2]))
        async let waited = hub.request("GET", "/hub/messages?after=0&timeout=20")
        try await Task.sleep(for: .milliseconds(50))
        try channel.send(.text, Array("from the agent".utf8))
        #expect(try await waited["messages"]?.array?.first?["text"]?.string == "from the agent")
        try channel.send(.binary, [7])
        let more = try await hub.request("GET", "/hub/messages?after=1&timeout=20")
        #expect(more["messages"]?.array?.first?["binary"]?.string == "Bw==")

        try channel.socket.send(WebSocketEncoder.close(code: 1001, reason: "cli_active_close", maskingKey: 1))
        #expect(try channel.next() == .close(code: 1001, reason: "cli_active_close"))
        #expect(channel.socket.waitForEnd() == .closed)
        let record = try await hub.request("GET", "/hub/agents")["agents"]?.array?.first
        #expect(record?["connected"]?.bool == false)
        #expect(record?["lastClose"]?["code"]?.int64 == 1001)
        #expect(record?["pings"]?.int64 == 1)
        #expect(try await hub.answer("POST", "/hub/notify", body: ["text": "x"]).status == 409)

        channel = try agent.connect()
        try await hub.waitForAgent()
        try await hub.request("POST", "/hub/notify", body: ["close": ["code": 1011, "reason": "bye"]])
        #expect(try channel.next() == .close(code: 1011, reason: "bye"))
        try channel.socket.send(WebSocketEncoder.close(code: 1000, reason: "cli_passive_close", maskingKey: 1))
        #expect(channel.socket.waitForEnd() == .closed)
    }

    @Test("an agent that speaks no WebSocket is sent away")
    func violations() async throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        let channel = try agent.connect()
        try channel.socket.send(WebSocketEncoder.frame(opcode: .text, payload: [0x41], maskingKey: nil))
        guard case .close(let code, _) = try channel.next() else { throw TestFailure("no close") }
        #expect(code == 1002)
        #expect(channel.socket.waitForEnd() == .closed)
        let socket = try TestSocket(port: hub.port)
        #expect(try socket.exchange("GET", "/ws").status == 400)
    }

    @Test("misbehaviour of the notify channel")
    func misbehaviour() async throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        var channel = try agent.connect()
        try await hub.waitForAgent()
        try await hub.misbehave("ws", "reset")
        #expect(channel.socket.waitForEnd() == .reset)
        try await hub.misbehave("ws", "refuse")
        #expect(throws: TestFailure.self) { try agent.connect() }
        channel = try agent.connect()
        try await hub.waitForAgent()
        try await hub.misbehave("ws", "stall")
        try channel.send(.ping, [1])
        try await hub.createTask("x")
        guard case .text = try channel.next() else { throw TestFailure("a stalled channel still kicks") }
        try await hub.misbehave("ws", "ok")
        try channel.send(.ping, [2])
        #expect(try channel.next() == .pong([2]))
        try await hub.misbehave("ws", "close", code: 3000)
        #expect(try channel.next() == .close(code: 3000, reason: ""))
        channel.socket.endInput()
        #expect(channel.socket.waitForEnd() == .closed)

        try await hub.misbehave("ws", "drop")
        channel = try agent.connect()
        try await hub.waitForAgent()
        try channel.send(.ping, [3])
        channel.socket.endInput()
        let newer = try agent.connect()
        #expect(channel.socket.waitForEnd() == .reset)
        try newer.send(.ping, [4])
        #expect(try newer.next() == .pong([4]))
        #expect(try await hub.waitForAgent()["connects"]?.int64 == 4)
    }
}
