import Agent
import CShims
import PlatformWindows

@LoopActor
private func open(
    _ mode: String,
    _ transport: WinHTTPTransport,
    _ server: TestServer,
    headers: [HTTPHeader] = []
) async throws -> any WebSocketConnection {
    try await transport.openWebSocket(url: try server.webSocket(mode), headers: headers, timeout: .seconds(20))
}

let webSocketChecks = [
    Check("websocket: messages of all sizes go there and come back") {
        try TestServer.with { transport, server in
            let name = uniqueName()
            let socket = try await open("/echo?name=\(name)", transport, server)
            try socket.send(text: "grüße")
            try expectEqual(try await socket.next(), .text("grüße"))
            for size in [1, 125, 126, 65_535, 65_536, 1 << 20] {
                let message = [UInt8](repeating: 5, count: size)
                try socket.send(binary: message)
                try expect(try await socket.next() == .binary(message), "\(size)")
            }
            for number in 0..<200 { try socket.send(text: "\(number)") }
            for number in 0..<200 { try expectEqual(try await socket.next(), .text("\(number)")) }
            socket.close(code: 1000, reason: "done")
            try await eventually { try await server.log(name, by: transport) == #"[[1000, "done"]]"# }
            try expectEqual(await transportError { try await socket.next() }?.kind, .closed)
            try expectEqual(await transportError { try socket.send(text: "late") }?.kind, .closed)
        }
    },
    Check("websocket: the largest message, and one that is larger") {
        try TestServer.with { transport, server in
            let socket = try await open("/echo", transport, server)
            let message = [UInt8](repeating: 5, count: 16 << 20)
            try socket.send(binary: message)
            try expect(try await socket.next() == .binary(message))
            try expectEqual(await transportError { try socket.send(binary: message + [5]) }?.kind, .tooLarge)
            socket.close(code: 1000, reason: "")
        }
    },
    Check("websocket: the upgrade's head") {
        try TestServer.with { transport, server in
            let socket = try await open("/head?a=b", transport, server, headers: [HTTPHeader("Tat-Version", "1.2.3")])
            guard case .text(let head) = try await socket.next() else { throw Failure(description: "no text") }
            let lines = head.split(separator: "\r\n").map(String.init)
            try expectEqual(lines.first, "GET /ws/head?a=b HTTP/1.1")
            try expect(lines.contains("Host: 127.0.0.1:\(try server.port("http"))"), head)
            try expect(lines.contains("Tat-Version: 1.2.3"), head)
            socket.close(code: 1000, reason: "")
        }
    },
    Check("websocket: a message that comes with the upgrade's answer") {
        try TestServer.with { transport, server in
            let socket = try await open("/early", transport, server)
            try expectEqual(try await socket.next(), .text("early"))
            socket.close(code: 1000, reason: "")
        }
    },
    Check("websocket: a message in fragments, and a ping in between is answered") {
        try TestServer.with { transport, server in
            let socket = try await open("/fragments", transport, server)
            if isWine {
                // Its WinHTTP does not know continuation frames, and ends the connection.
                try expectEqual(await transportError { try await socket.next() }?.kind, .closed)
                return
            }
            try expectEqual(try await socket.next(), .text("Hello…"))
            guard case .text(let answer) = try await socket.next() else { throw Failure(description: "no text") }
            try expect(answer.hasPrefix("10 "), answer)
            socket.close(code: 1000, reason: "")
        }
    },
    Check("websocket: more messages than are taken at once arrive in order, none lost") {
        try TestServer.with { transport, server in
            let socket = try await open("/burst/5000", transport, server)
            await sleep(for: .milliseconds(300))
            for number in 0..<5000 {
                guard case .binary(let message) = try await socket.next() else {
                    throw Failure(description: "not binary")
                }
                let read = message.prefix(4).reduce(0) { $0 << 8 | Int($1) }
                try expectEqual([read, message.count], [number, 1024])
            }
            socket.close(code: 1000, reason: "")
        }
    },
    Check("websocket: a peer that breaks the protocol ends the connection") {
        try TestServer.with { transport, server in
            // What is not valid UTF-8 or too big is our finding; of the others WinHTTP only says that they are not valid.
            for (mode, kinds) in [
                ("/utf8", [TransportError.Kind.protocolViolation, .closed]),
                ("/masked", [.protocolViolation, .closed]),
                ("/toobig", [.protocolViolation, .closed, .other]),
            ] {
                let socket = try await open(mode + "?name=x", transport, server)
                if mode == "/toobig" {
                    // Nothing but the announcement arrives; nothing of that size is made room for.
                    socket.close(code: 1000, reason: "")
                    continue
                }
                let error = await transportError { try await socket.next() }
                try expect(error.map { kinds.contains($0.kind) } ?? false, "\(mode): \(String(describing: error))")
                socket.close(code: 1000, reason: "")
            }
        }
    },
    Check("websocket: upgrades that fail") {
        try TestServer.with { transport, server in
            for (mode, kinds) in [
                ("/refused", [TransportError.Kind.protocolViolation]), ("/finupgrade", [.closed, .protocolViolation]),
                ("/silent", [.timeout]),
            ] {
                let url = try server.webSocket(mode)
                let timeout = Duration.milliseconds(kinds == [.timeout] ? 500 : 20_000)
                let error = await transportError {
                    try await transport.openWebSocket(url: url, headers: [], timeout: timeout)
                }
                try expect(error.map { kinds.contains($0.kind) } ?? false, "\(mode): \(String(describing: error))")
            }
            let nobody = "ws://127.0.0.1:\(try server.port("nobody"))/"
            let error = await transportError {
                try await transport.openWebSocket(url: nobody, headers: [], timeout: .seconds(10))
            }
            try expectEqual(error?.kind, .connect)
        }
    },
    Check("websocket: a connection that breaks or ends is noticed at once") {
        try TestServer.with { transport, server in
            for mode in ["/reset", "/fin"] {
                let started = ContinuousClock.now
                var opened: (any WebSocketConnection)?
                let error = await transportError {
                    opened = try await open(mode, transport, server)
                    _ = try await opened?.next()
                }
                try expectEqual(error?.kind, .closed)
                try expect(ContinuousClock.now - started < .seconds(5))
                // A reset may come before the upgrade is complete.
                guard let socket = opened else { continue }
                try expectEqual(await transportError { try socket.send(text: "late") }?.kind, .closed)
                try expectEqual(await transportError { try await socket.next() }?.kind, .closed)
                socket.close(code: 1000, reason: "")
            }
        }
    },
    Check("websocket: the peer closes, and gets an answer") {
        try TestServer.with { transport, server in
            let name = uniqueName()
            let socket = try await open("/close/1001?name=\(name)", transport, server)
            try expectEqual(try await socket.next(), .closed(code: 1001, reason: "bye"))
            socket.close(code: 1000, reason: "cli_passive_close")
            try await eventually { try await server.log(name, by: transport) == #"[[1000, "cli_passive_close"]]"# }
            try expectEqual(await transportError { try await socket.next() }?.kind, .closed)
            let plain = try await open("/close/", transport, server)
            try expectEqual(try await plain.next(), .closed(code: nil, reason: ""))
            plain.close(code: 1000, reason: "")
        }
    },
    Check("websocket: closing wakes who waits, and does not wait for the peer for ever") {
        try TestServer.with { transport, server in
            let name = uniqueName()
            let socket = try await open("/nofin?name=\(name)", transport, server)
            let found = Found()
            let waiting = spawn { found.error = await transportError { try await socket.next() } }
            await sleep(for: .milliseconds(50))
            socket.close(code: 1001, reason: "cli_active_close")
            await waiting.value
            try expectEqual(found.error?.kind, .closed)
            try await eventually { try await server.log(name, by: transport).has(#"[1001, "cli_active_close"], "#) }
        }
    },
    Check("websocket: one that nobody holds any more is closed") {
        try TestServer.with { transport, server in
            let name = uniqueName()
            _ = try await open("/held?name=\(name)", transport, server)
            try await eventually { try await server.log(name, by: transport).has("ended") }
        }
    },
    Check("websocket: cancelling its task ends the connection") {
        try TestServer.with { transport, server in
            let name = uniqueName()
            let socket = try await open("/held?name=\(name)", transport, server)
            let found = Found()
            let waiting = spawn { found.error = await transportError { try await socket.next() } }
            await sleep(for: .milliseconds(50))
            waiting.cancel()
            await waiting.value
            try expectEqual(found.error?.kind, .closed)
            try await eventually { try await server.log(name, by: transport).has("ended") }
        }
    },
]

/// Peers that read nothing. Their sends are still pending when the connection is closed, by which the server of Wine 10 loses
/// its heap and dies soon after: there they are only run when they are asked for, each as the last thing of a Wine.
let stuckChecks = [
    Check("stuck: a peer that reads nothing gets no more than 16 MiB") {
        try TestServer.with { transport, server in
            let socket = try await open("/deaf", transport, server)
            var error: TransportError?
            for _ in 0..<64 {
                error = await transportError { try socket.send(binary: [UInt8](repeating: 5, count: 1 << 20)) }
                if error != nil { break }
            }
            try expectEqual(error?.kind, .tooLarge)
            socket.close(code: 1000, reason: "")
        }
    },
    Check("stuck: a pong is told when the connection outlived a ping, not while output is stuck") {
        try TestServer.with(keepalive: .milliseconds(100), patience: .milliseconds(200)) { transport, server in
            let socket = try await open("/echo", transport, server)
            let asked = ContinuousClock.now
            try socket.ping()
            try socket.ping()
            try expectEqual(try await socket.next(), .pong)
            try expect(ContinuousClock.now - asked >= .milliseconds(290))
            try socket.send(text: "only one pong came")
            try expectEqual(try await socket.next(), .text("only one pong came"))
            socket.close(code: 1000, reason: "")

            let deaf = try await open("/deaf", transport, server)
            for _ in 0..<12 { try deaf.send(binary: [UInt8](repeating: 5, count: 1 << 20)) }
            await sleep(for: .milliseconds(500))
            try deaf.ping()
            let found = Found()
            let waiting = spawn { if case .pong? = try? await deaf.next() { found.count += 1 } }
            await sleep(for: .milliseconds(700))
            try expectEqual(found.count, 0)
            deaf.close(code: 1000, reason: "")
            await waiting.value
        }
    },
]
