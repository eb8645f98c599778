import Agent
import Foundation
import Testing

@testable import PlatformLinux

@Suite("WebSocket")
struct WebSocketTests {
    private static func open(
        _ url: String,
        _ transport: CurlTransport,
        headers: [HTTPHeader] = []
    ) async throws -> any WebSocketConnection {
        try await transport.openWebSocket(url: url, headers: headers, timeout: .seconds(20))
    }

    /// Runs `body` with an open WebSocket in a mode of the server, without and with TLS, and a name for its log.
    private func withSockets(
        _ mode: String,
        _ body: @escaping @LoopActor @Sendable (any WebSocketConnection, Peer) async throws -> Void
    ) async throws {
        try await withTransport { transport, server in
            for isSecure in [false, true] {
                let name = UUID().uuidString
                let path = "\(mode)?name=\(name)"
                let url = isSecure ? server.secureWebSocket(path) : server.webSocket(path)
                try await body(
                    try await Self.open(url, transport),
                    Peer(server: server, transport: transport, name: name)
                )
            }
        }
    }

    private struct Peer: Sendable {
        let server: TestServer
        let transport: CurlTransport
        let name: String

        @LoopActor
        func log(_ suffix: String = "") async throws -> String { try await server.log(name + suffix, by: transport) }
    }

    @Test("messages of all sizes go there and come back")
    func echo() async throws {
        try await withSockets("/echo") { socket, peer in
            try socket.send(text: "grüße")
            try socket.send(text: "")
            #expect(try await socket.next() == .text("grüße"))
            #expect(try await socket.next() == .text(""))
            try socket.ping()
            #expect(try await socket.next() == .pong)
            for size in [0, 125, 126, 65_535, 65_536, 1 << 20] {
                let message = [UInt8](repeating: 5, count: size)
                try socket.send(binary: message)
                #expect(try await socket.next() == .binary(message))
            }
            let keys = try JSONDecoder().decode([String].self, from: Data(try await peer.log(".keys").utf8))
            #expect(Set(keys).count == keys.count)
            socket.close(code: 1000, reason: "done")
            try await eventually { try await peer.log() == #"[[1000, "done"]]"# }
            #expect(await transportError { try await socket.next() }?.kind == .closed)
            #expect(await transportError { try socket.send(text: "late") }?.kind == .closed)
        }
    }

    @Test("the largest message, and one that is larger")
    func largest() async throws {
        try await withTransport { transport, server in
            let socket = try await Self.open(server.webSocket("/echo"), transport)
            let message = [UInt8](repeating: 5, count: 16 << 20)
            try socket.send(binary: message)
            #expect(try await socket.next() == .binary(message))
            #expect(await transportError { try socket.send(binary: message + [5]) }?.kind == .tooLarge)
            socket.close(code: 1000, reason: "")
        }
    }

    @Test("the upgrade's head")
    func head() async throws {
        try await withTransport { transport, server in
            let headers = [HTTPHeader("Tat-Version", "1.2.3")]
            let socket = try await Self.open(server.webSocket("/head?a=b"), transport, headers: headers)
            guard case .text(let head) = try await socket.next() else { throw NotInTime() }
            let lines = head.components(separatedBy: "\r\n")
            #expect(lines.first == "GET /ws/head?a=b HTTP/1.1")
            #expect(lines.contains("Host: 127.0.0.1:\(server.ports.http)"))
            #expect(lines.contains("Tat-Version: 1.2.3"))
            socket.close(code: 1000, reason: "")
        }
    }

    @Test("a message that comes with the upgrade's answer")
    func early() async throws {
        try await withSockets("/early") { (socket, _) async throws in
            #expect(try await socket.next() == .text("early"))
            socket.close(code: 1000, reason: "")
        }
    }

    @Test("a message in fragments, and a ping in between is answered")
    func fragments() async throws {
        try await withSockets("/fragments") { (socket, _) async throws in
            #expect(try await socket.next() == .text("Hello…"))
            #expect(try await socket.next() == .text("10 are you there?"))
            socket.close(code: 1000, reason: "")
        }
    }

    @Test("more messages than are taken at once arrive in order, none lost")
    func burst() async throws {
        try await withSockets("/burst/20000") { socket, _ in
            // Time for the queue to fill up: reading has to stop, and to go on.
            await sleep(for: .milliseconds(300))
            for number in 0..<20_000 {
                guard case .binary(let message) = try await socket.next() else { throw NotInTime() }
                let read = message.prefix(4).reduce(0) { $0 << 8 | Int($1) }
                guard read == number, message.count == 1024 else { throw NotInTime() }
            }
            socket.close(code: 1000, reason: "")
        }
    }

    @Test(
        "a peer that breaks the protocol is told so",
        arguments: [("/masked", 1002), ("/opcode", 1002), ("/utf8", 1007), ("/toobig", 1009)]
    )
    func violations(_ mode: String, _ code: Int) async throws {
        try await withSockets(mode) { socket, peer in
            if mode == "/opcode" { #expect(try await socket.next() == .text("before")) }
            #expect(await transportError { try await socket.next() }?.kind == .protocolViolation)
            try await eventually { try await peer.log().contains("[\(code),") }
        }
    }

    @Test(
        "upgrades that fail",
        arguments: [
            ("/badaccept", TransportError.Kind.protocolViolation), ("/refused", .protocolViolation),
            ("/finupgrade", .closed), ("/silent", .timeout),
        ]
    )
    func upgrades(_ mode: String, _ kind: TransportError.Kind) async throws {
        try await withTransport { transport, server in
            let timeout = Duration.milliseconds(kind == .timeout ? 500 : 20_000)
            for url in [server.webSocket(mode), server.secureWebSocket(mode)] {
                let error = await transportError {
                    try await transport.openWebSocket(url: url, headers: [], timeout: timeout)
                }
                #expect(error?.kind == kind, "\(String(describing: error))")
            }
        }
    }

    @Test("what cannot be opened")
    func unreachable() async throws {
        try await withTransport { transport, server in
            func kind(_ url: String) async -> TransportError.Kind? {
                await transportError { try await Self.open(url, transport) }?.kind
            }
            #expect(await kind("ws://127.0.0.1:\(server.ports.nobody)/") == .connect)
            #expect(await kind("ws://nobody.invalid/") == .resolve)
            #expect(await kind("wss://localhost:\(server.ports.http)/ws/echo") == .tls)
            #expect(await kind(server.http("/ws/echo")) == .invalidRequest)
        }
    }

    @Test("a connection that breaks or ends is noticed at once", arguments: ["/reset", "/fin"])
    func broken(_ mode: String) async throws {
        try await withSockets(mode) { socket, _ in
            #expect(await transportError { try await socket.next() }?.kind == .closed)
            #expect(await transportError { try socket.send(text: "late") }?.kind == .closed)
            #expect(await transportError { try await socket.next() }?.kind == .closed)
            socket.close(code: 1000, reason: "")
        }
    }

    @Test("the peer closes, and gets an answer")
    func closedByPeer() async throws {
        try await withSockets("/close/1001") { socket, peer in
            #expect(try await socket.next() == .closed(code: 1001, reason: "bye"))
            socket.close(code: 1000, reason: "cli_passive_close")
            try await eventually { try await peer.log() == #"[[1000, "cli_passive_close"]]"# }
            #expect(await transportError { try await socket.next() }?.kind == .closed)
        }
        try await withSockets("/close/") { (socket, _) async throws in
            #expect(try await socket.next() == .closed(code: nil, reason: ""))
            socket.close(code: 1000, reason: "")
        }
    }

    @Test("closing wakes who waits, and does not wait for the peer for ever")
    func closing() async throws {
        try await withSockets("/nofin") { socket, peer in
            let waiting = startOnLoop { await transportError { try await socket.next() } }
            await sleep(for: .milliseconds(50))
            socket.close(code: 1001, reason: "cli_active_close")
            #expect(try await waiting.value?.kind == .closed)
            try await eventually { try await peer.log().contains(#"[1001, "cli_active_close"], "#) }
            let log = try await peer.log()
            let seconds = log.split(separator: " ").last.flatMap { Double($0.dropLast()) }
            #expect((1.5...10).contains(try #require(seconds)))
        }
    }

    @Test("a connection that nobody holds any more is closed")
    func dropped() async throws {
        try await withTransport { transport, server in
            let name = UUID().uuidString
            func openAndDrop() async throws {
                _ = try await Self.open(server.webSocket("/held?name=\(name)"), transport)
            }
            try await openAndDrop()
            try await eventually { try await server.log(name, by: transport).contains("ended") }
        }
    }

    @Test("cancelling the task ends the waiting and the connection")
    func cancellation() async throws {
        try await withSockets("/nofin") { (socket, _) async throws in
            let waiting = startOnLoop { await transportError { try await socket.next() } }
            await sleep(for: .milliseconds(50))
            waiting.cancel()
            #expect(try await waiting.value?.kind == .closed)
            #expect(await transportError { try socket.ping() }?.kind == .closed)
        }
        try await withTransport { (transport, server) async throws in
            let opening = startOnLoop {
                await transportError { try await Self.open(server.webSocket("/silent"), transport) }
            }
            await sleep(for: .milliseconds(50))
            opening.cancel()
            #expect(try await opening.value?.kind == .closed)
        }
    }

    @Test("what waits to be sent has a bound")
    func bound() async throws {
        try await withTransport { transport, server in
            let socket = try await Self.open(server.webSocket("/deaf"), transport)
            let message = [UInt8](repeating: 1, count: 4 << 20)
            var sent = 0
            let error = await transportError {
                while sent < 100 {
                    try socket.send(binary: message)
                    sent += 1
                }
            }
            #expect(error?.kind == .tooLarge)
            #expect((4...20).contains(sent))
            socket.close(code: 1000, reason: "")
        }
    }
}
