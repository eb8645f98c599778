import Agent
import CShims
import Foundation

/// An agent that does what the test says, one call after the other.
final class FakeAgent {
    let hub: HubProcess
    let headers: [(String, String)]

    init(_ hub: HubProcess, machine: String = "machine-1", vip: String? = nil, instance: String? = nil) {
        self.hub = hub
        var headers = [
            ("MachineId", machine), ("Tat-Version", "1.2.3"), ("Tat-Pid", "77"), ("Tat-KernelName", "Linux"),
            ("Tat-CPUArch", "x86_64"), ("Content-Type", "application/json"),
        ]
        if let vip { headers.append(("Tat-Vip", vip)) }
        if let instance { headers.append(("InstanceId", instance)) }
        self.headers = headers
    }

    /// Makes a call on a connection of its own and returns what is in `Response`.
    @discardableResult
    func call(_ action: String, _ fields: JSON.Object = [:]) throws -> JSON {
        let reply = try exchange(action, fields)
        guard reply.status == 200, let response = try JSON.parse(reply.body)["Response"] else {
            throw TestFailure("status \(reply.status)")
        }
        return response
    }

    func exchange(_ action: String, _ fields: JSON.Object = [:]) throws -> TestSocket.Reply {
        try send(action, fields).receiveReply()
    }

    /// Makes a call and leaves what comes back to the test.
    func send(_ action: String, _ fields: JSON.Object = [:]) throws -> TestSocket {
        var body: JSON.Object = ["Action": .string(action)]
        for (key, value) in fields.members { body[key] = value }
        let bytes = JSON.object(body).encoded()
        let socket = try TestSocket(port: hub.port)
        var head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(bytes.count)\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        try socket.send(Array((head + "\r\n").utf8) + bytes)
        return socket
    }

    /// The ids of the tasks to run and of those to cancel.
    @discardableResult
    func describe() throws -> (tasks: [String], cancelled: [String]) {
        let response = try call("DescribeTasks")
        func ids(_ key: String) -> [String] {
            (response[key]?.array ?? []).compactMap { $0["InvocationTaskId"]?.string }
        }
        return (ids("InvocationNormalTaskSet"), ids("InvocationCancelTaskSet"))
    }

    @discardableResult
    func start(_ id: String) throws -> JSON {
        try call("ReportTaskStart", ["InvocationTaskId": .string(id), "TimeStamp": 1])
    }

    @discardableResult
    func upload(_ id: String, _ index: Int64, _ text: String, dropped: Int64 = 0) throws -> JSON {
        try call(
            "UploadTaskLog",
            [
                "InvocationTaskId": .string(id), "Index": .integer(index),
                "Output": .string(Base64.encode(Array(text.utf8))),
                "Dropped": .integer(dropped),
            ]
        )
    }

    @discardableResult
    func finish(
        _ id: String,
        result: String = "SUCCESS",
        exitCode: Int64 = 0,
        last: Int64? = 0,
        error: String = ""
    ) throws -> JSON {
        try call(
            "ReportTaskFinish",
            [
                "InvocationTaskId": .string(id), "TimeStamp": 2, "Result": .string(result), "ErrorInfo": .string(error),
                "ExitCode": .integer(exitCode), "FinalLogIndex": last.map { .integer($0) } ?? .null, "OutputUrl": "",
                "OutputUploadCOSErrorInfo": "",
            ]
        )
    }

    /// Opens the notify channel.
    func connect() throws -> FakeNotifyChannel {
        let socket = try TestSocket(port: hub.port)
        let head = try WebSocketHandshake.request(
            host: "localhost",
            path: "/ws",
            key: "dGhlIHNhbXBsZSBub25jZQ==",
            headers: headers
        )
        try socket.send(head)
        let reply = try socket.receiveReply()
        guard reply.status == 101 else { throw TestFailure("status \(reply.status)") }
        guard reply.head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") else { throw TestFailure("wrong accept key") }
        return FakeNotifyChannel(socket)
    }
}

/// The agent's end of a notify channel.
final class FakeNotifyChannel {
    let socket: TestSocket
    private var decoder = WebSocketDecoder(role: .client)

    init(_ socket: TestSocket) { self.socket = socket }

    func next() throws -> WebSocketMessage {
        while true {
            if let message = try decoder.next() { return message }
            decoder.append(try socket.receive())
        }
    }

    /// The next message, which is JSON.
    func nextJSON() throws -> JSON {
        guard case .text(let text) = try next() else { throw TestFailure("not a text message") }
        return try JSON.parse(text)
    }

    func send(_ opcode: WebSocketOpcode, _ payload: [UInt8]) throws {
        try socket.send(WebSocketEncoder.frame(opcode: opcode, payload: payload, maskingKey: 0x1234_5678))
    }
}
