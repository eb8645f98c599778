import Agent
import CShims
import Foundation
import Testing

@Suite("The hub's HTTP server")
struct HubHTTPTests {
    private static let call = #"{"Action":"CheckUpdate"}"#

    private func post(_ body: String, _ extra: String = "") -> String {
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\(extra)\r\n\(body)"
    }

    @Test("requests in a row on one connection, also in one packet and byte by byte")
    func keepAlive() async throws {
        let hub = try HubProcess()
        let socket = try TestSocket(port: hub.port)
        try socket.send(String(repeating: post(Self.call), count: 50))
        for _ in 0..<50 { #expect(try socket.receiveReply().status == 200) }
        for byte in post(Self.call).utf8 { try socket.send([byte]) }
        #expect(try socket.receiveReply().text.contains("NeedUpdate"))
        try socket.send(post(Self.call, "Connection: close\r\n"))
        #expect(try socket.receiveReply().head.contains("Connection: close"))
        #expect(socket.waitForEnd() == .closed)
    }

    @Test("bodies in chunks, a body that is asked for, and a client that has said all")
    func bodies() throws {
        let hub = try HubProcess()
        var socket = try TestSocket(port: hub.port)
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        let (first, second) = (Self.call.prefix(5), Self.call.dropFirst(5))
        let size = String(second.count, radix: 16)
        let request = "\(head)5;a=b\r\n\(first)\r\n\(size)\r\n\(second)\r\n0\r\nX-Trailer: y\r\n\r\n"
        try socket.send(request + request)
        #expect(try socket.receiveReply().status == 200)
        #expect(try socket.receiveReply().status == 200)
        try socket.send(
            "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: \(Self.call.utf8.count)\r\n\r\n"
        )
        #expect(try socket.receiveReply().status == 100)
        try socket.send(Self.call)
        #expect(try socket.receiveReply().status == 200)

        socket = try TestSocket(port: hub.port)
        try socket.send(post(Self.call).replacingOccurrences(of: "HTTP/1.1", with: "HTTP/1.0"))
        socket.endInput()
        #expect(try socket.receiveReply().status == 200)
        #expect(socket.waitForEnd() == .closed)
    }

    @Test("a body of 15 MiB is taken, a greater one is not")
    func largeBodies() throws {
        let hub = try HubProcess()
        var socket = try TestSocket(port: hub.port)
        let padding = String(repeating: "x", count: 15 << 20)
        try socket.send(post(#"{"Action":"CheckUpdate","Pad":"\#(padding)"}"#))
        #expect(try socket.receiveReply().status == 200)
        socket = try TestSocket(port: hub.port)
        try socket.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 16777217\r\n\r\n")
        #expect(try socket.receiveReply().status == 413)
        #expect(socket.waitForEnd() == .closed)
    }

    @Test(
        "what is not HTTP is refused, and the hub goes on",
        arguments: [
            ("GARBAGE\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nX: a\n b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nX: \u{0}\r\n\r\n", 400),
            ("GET nowhere HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("GET /%ff HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n", 413),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n[1]", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ]
    )
    func faults(request: String, status: Int) throws {
        let hub = try HubProcess()
        let socket = try TestSocket(port: hub.port)
        try socket.send(request)
        #expect(try socket.receiveReply().status == status)
        #expect(try FakeAgent(hub).describe() == ([], []))
    }

    @Test("a head of more than 16 KiB is refused")
    func largeHead() throws {
        let hub = try HubProcess()
        let socket = try TestSocket(port: hub.port)
        try socket.send("GET / HTTP/1.1\r\nHost: h\r\nX: \(String(repeating: "a", count: 17_000))\r\n\r\n")
        #expect(try socket.receiveReply().status == 431)
        #expect(socket.waitForEnd() == .closed)
    }

    @Test("three hundred clients at once, most of them silent")
    func manyClients() async throws {
        let hub = try HubProcess()
        let clients = try (0..<300).map { _ in try TestSocket(port: hub.port) }
        for client in clients.dropFirst(200) { try client.send(post(Self.call)) }
        for client in clients.dropFirst(200) { #expect(try client.receiveReply().status == 200) }
        #expect(try await hub.request("GET", "/hub/info")["pid"]?.int64 == Int64(hub.pid))
    }
}
