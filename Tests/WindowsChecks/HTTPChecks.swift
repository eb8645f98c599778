import Agent
import CShims
import PlatformWindows

let httpChecks = [
    Check("http: a body goes there and comes back, byte by byte") {
        try TestServer.with { transport, server in
            let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let response = try await transport.send(HTTPRequest(.post, try server.http("/body"), body: body))
            try expectEqual(response.status, 200)
            try expect(response.body == body)
            let empty = try await transport.send(HTTPRequest(.post, try server.http("/body")))
            try expectEqual(empty.body, [])
        }
    },
    Check("http: the head has our fields, and few that we did not ask for") {
        try TestServer.with { transport, server in
            var request = HTTPRequest(.post, try server.http("/head?a=b%20c"), body: Array("{}".utf8))
            request.headers = [HTTPHeader("Tat-Version", "1.2.3"), HTTPHeader("X-Ü", "u")]
            try expectEqual(await transportError { try await transport.send(request) }?.kind, .invalidRequest)
            request.headers[1] = HTTPHeader("X-Two", "a:b, c")
            let lines = try await transport.send(request).text.split(separator: "\r\n").map(String.init)
            try expectEqual(lines.first, "POST /head?a=b%20c HTTP/1.1")
            try expect(lines.contains("Tat-Version: 1.2.3"), "\(lines)")
            try expect(lines.contains("X-Two: a:b, c"), "\(lines)")
            try expect(lines.contains("Content-Length: 2"), "\(lines)")
            let names = lines.dropFirst().map { String($0.prefix { $0 != ":" }) }
            let expected = ["Connection", "Content-Length", "Host", "Tat-Version", "X-Two"]
            try expect(names.allSatisfy { expected.contains($0) || $0 == "User-Agent" }, "\(lines)")
            request.headers = [HTTPHeader("Host", "elsewhere.test"), HTTPHeader("Content-Length", "2")]
            let replaced = try await transport.send(request).text.split(separator: "\r\n").map(String.init)
            try expectEqual(replaced.filter { $0.hasPrefix("Host:") }, ["Host: elsewhere.test"])
            try expectEqual(replaced.filter { $0.hasPrefix("Content-Length:") }, ["Content-Length: 2"])
        }
    },
    Check("http: a status is an answer, and a redirect is not followed") {
        try TestServer.with { transport, server in
            for status in [204, 302, 401, 404, 407, 500] {
                let path = status == 302 ? "/redirect" : "/status/\(status)"
                let response = try await transport.send(HTTPRequest(.get, try server.http(path)))
                try expectEqual(response.status, status)
                try expectEqual(response.text, status == 302 ? "elsewhere" : status == 204 ? "" : "status \(status)")
            }
        }
    },
    Check("http: a connection is used again, and one that has ended is replaced") {
        try TestServer.with { transport, server in
            @LoopActor func serial(_ path: String) async throws -> String {
                try await transport.send(HTTPRequest(.post, try server.http(path))).text
            }
            let first = try await serial("/serial")
            try expectEqual(try await serial("/serial"), first)
            try expectEqual(try await serial("/stale"), first)
            try expect(try await serial("/serial") != first)
        }
    },
    Check("http: how an exchange fails is told apart") {
        try TestServer.with { transport, server in
            let cases: [(String, [TransportError.Kind])] = [
                ("/short", [.closed]), ("/reset", [.closed]),
                // WinHTTP says of these that the connection broke or that the reply is not valid.
                ("/close", [.closed, .protocolViolation]), ("/garbage", [.protocolViolation, .closed]),
                ("/bytes/2000", [.tooLarge]),
                ("/chunks/2048", [.tooLarge]), ("/slow", [.timeout]), ("/slowbody", [.timeout]),
            ]
            for (path, kinds) in cases {
                var request = HTTPRequest(.get, try server.http(path + "?secret=hunter2"))
                request.responseLimit = 1024
                if kinds == [.timeout] { request.timeout = .milliseconds(300) }
                let error = await transportError { try await transport.send(request) }
                try expect(error.map { kinds.contains($0.kind) } ?? false, "\(path): \(String(describing: error))")
                try expect(error?.description.has("hunter2") == false)
                request.url = try server.http("/bytes/1024")
                request.timeout = .seconds(10)
                try expectEqual(try await transport.send(request).body.count, 1024)
            }
        }
    },
    Check("http: where nobody listens, and a name that nobody has") {
        try TestServer.with { transport, server in
            var request = HTTPRequest(.get, "http://127.0.0.1:\(try server.port("nobody"))/")
            try expectEqual(await transportError { try await transport.send(request) }?.kind, .connect)
            request = HTTPRequest(.get, "http://nobody.invalid/?secret=hunter2")
            request.timeout = .seconds(30)
            request.connectTimeout = .seconds(30)
            let error = await transportError { try await transport.send(request) }
            try expectEqual(error?.kind, .resolve)
            try expect(error?.description.has("hunter2") == false)
        }
    },
    Check("http: what cannot be asked is not asked") {
        try TestServer.with { transport, server in
            for url in [
                "", "x", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http:// x/", "http://127.0.0.1/\u{0}x",
                "http://127.0.0.1/\r\nX-Evil: 1", "ws://127.0.0.1/", "http://127.0.0.1:99999/", "http://a@b/",
                "http://[::1/", "http://127.0.0.1:0/", "http://a:b:c/",
            ] {
                let error = await transportError { try await transport.send(HTTPRequest(.get, url)) }
                try expectEqual(error?.kind, .invalidRequest)
            }
            for (name, value) in [
                ("X", "a\r\nY: b"), ("X", "a\nY: b"), ("X", "a\u{0}b"), ("X\r\nY", "b"), ("X: a", "b"), ("", "b"),
                ("X Y", "b"),
            ] {
                let headers = [HTTPHeader(name, value)]
                let request = HTTPRequest(.get, try server.http("/head"), headers: headers)
                try expectEqual(await transportError { try await transport.send(request) }?.kind, .invalidRequest)
                let url = try server.webSocket("/echo")
                let socket = await transportError {
                    try await transport.openWebSocket(url: url, headers: headers, timeout: .seconds(10))
                }
                try expectEqual(socket?.kind, .invalidRequest)
            }
        }
    },
    Check("http: cancelling its task aborts an exchange") {
        try TestServer.with { transport, server in
            let name = uniqueName()
            var request = HTTPRequest(.get, try server.http("/slow?name=\(name)"))
            // Wine lets go of the connection only when what it waits for is overdue.
            request.timeout = .seconds(2)
            let found = Found()
            let exchange = spawn { [request] in
                found.error = await transportError { try await transport.send(request) }
            }
            try await eventually { try await server.log(name, by: transport).has("asked") }
            exchange.cancel()
            await exchange.value
            try expectEqual(found.error?.kind, .closed)
            try await eventually { try await server.log(name, by: transport).has("ended") }
        }
    },
    Check("http: many at once") {
        try TestServer.with { transport, server in
            let url = try server.http("/bytes/1000")
            let found = Found()
            let tasks = (0..<100).map { _ in
                spawn {
                    if (try? await transport.send(HTTPRequest(.get, url)))?.body.count == 1000 { found.count += 1 }
                }
            }
            for task in tasks { await task.value }
            try expectEqual(found.count, 100)
        }
    },
    Check("http: what exchanges and WebSockets held they give back") {
        try TestServer.with { transport, server in
            @LoopActor func use(_ count: Int) async throws {
                for number in 0..<count {
                    let body = HTTPRequest(.post, try server.http("/body"), body: [UInt8](repeating: 1, count: 100_000))
                    try expectEqual(try await transport.send(body).body.count, 100_000)
                    var slow = HTTPRequest(.get, try server.http("/slow"))
                    slow.timeout = .milliseconds(5)
                    try expectEqual(await transportError { try await transport.send(slow) }?.kind, .timeout)
                    let url = try server.webSocket(number % 2 == 0 ? "/echo" : "/close/1000")
                    let socket = try await transport.openWebSocket(url: url, headers: [], timeout: .seconds(10))
                    if number % 2 == 0 { try socket.send(text: "x") }
                    _ = try await socket.next()
                    socket.close(code: 1000, reason: "")
                }
                // Closing takes up to 2 s.
                await sleep(for: .milliseconds(2500))
            }
            try await use(20)
            let (handles, memory) = (shim_win_GetProcessHandleCount(), shim_win_GetProcessMemoryInfo())
            try await use(100)
            let more = shim_win_GetProcessHandleCount() - handles
            let grown = shim_win_GetProcessMemoryInfo() - memory
            // 100 exchanges whose body was kept would be 10 MB, and 16 KiB each of their buffers 5 MB.
            try expect(more < 30 && grown < 4 << 20, "\(more) more handles, \(grown) more bytes")
        }
    },
    Check("http: IPv6, and which names resolve") {
        try TestServer.with { transport, server in
            let port = try server.port("ipv6")
            if port != 0 {
                let response = try await transport.send(HTTPRequest(.get, "http://[::1]:\(port)/status/200"))
                try expectEqual(response.text, "status 200")
            }
            try expect(await transport.resolves(url: "https://localhost:8186/ws"))
            try expect(await transport.resolves(url: "wss://127.0.0.1:8186/ws"))
            try expect(await transport.resolves(url: "https://nobody.invalid/") == false)
            try expect(await transport.resolves(url: "x") == false)
        }
    },
]

/// What a task found; used on the loop only.
@LoopActor
final class Found {
    var error: TransportError?
    var count = 0
    nonisolated init() {}
}
