import Agent
import CShims
import PlatformWindows

/// Whether the machine's proxy is the server's, as an argument says: `proxy=set`. Names under `.test` exist only for it.
let isProxied = CommandLine.arguments.contains("proxy=set")

let proxyChecks = [
    Check("proxy: what is asked goes through it") {
        try TestServer.with { transport, server in
            let port = try server.port("http")
            let request = HTTPRequest(.get, "http://plain.test:\(port)/status/200")
            try expectEqual(try await transport.send(request).text, "status 200")
            var post = HTTPRequest(.post, "http://plain.test:\(port)/body", body: [1, 2, 3])
            post.headers = [HTTPHeader("Tat-Version", "1")]
            try expectEqual(try await transport.send(post).body, [1, 2, 3])
            let secure = HTTPRequest(.get, "https://proxied.test:\(try server.port("good"))/status/200")
            try expectEqual(try await transport.send(secure).text, "status 200")
            let log = try await server.log("proxy", by: transport)
            try expect(log.has("GET http://plain.test") && log.has("CONNECT proxied.test"), log)
        }
    },
    Check("proxy: a WebSocket goes through it") {
        try TestServer.with { transport, server in
            let url = "wss://proxied.test:\(try server.port("good"))/ws/echo"
            let socket = try await transport.openWebSocket(url: url, headers: [], timeout: .seconds(20))
            try socket.send(text: "through a tunnel")
            try expectEqual(try await socket.next(), .text("through a tunnel"))
            socket.close(code: 1000, reason: "")
        }
    },
    Check("proxy: one that refuses") {
        try TestServer.with { transport, _ in
            let refused = HTTPRequest(.get, "https://refused.test/")
            let error = await transportError { try await transport.send(refused) }
            // WinHTTP hands the proxy's answer over, or gives up.
            if error == nil { try expectEqual(try await transport.send(refused).status, 403) }
        }
    },
]
