import Agent
import Testing

@testable import PlatformLinux

@Suite("TLS and proxies")
struct TLSTests {
    @Test("a server with a certificate of the authority")
    func trusted() async throws {
        try await withTransport { transport, server in
            let body = [UInt8](repeating: 7, count: 100_000)
            let url = "https://localhost:\(server.ports.good)/body"
            let response = try await transport.send(HTTPRequest(.post, url, body: body))
            #expect(response.body == body)
        }
    }

    @Test("servers that prove nothing")
    func untrusted() async throws {
        try await withTransport { transport, server in
            for port in [server.ports.other, server.ports.expired, server.ports.`self`] {
                let request = HTTPRequest(.get, "https://localhost:\(port)/status/200")
                let error = await transportError { try await transport.send(request) }
                #expect(error?.kind == .tls, "\(String(describing: error))")
                let url = "wss://localhost:\(port)/ws/echo"
                let socket = await transportError {
                    try await transport.openWebSocket(url: url, headers: [], timeout: .seconds(10))
                }
                #expect(socket?.kind == .tls)
            }
            let plain = HTTPRequest(.get, "https://localhost:\(server.ports.http)/status/200")
            #expect(await transportError { try await transport.send(plain) }?.kind == .tls)
            // Good for its name only, and the authority is only trusted where we say so.
            let address = HTTPRequest(.get, "https://127.0.0.1:\(server.ports.good)/status/200")
            #expect(await transportError { try await transport.send(address) }?.kind == .tls)
            let stranger = makeTransport(trust: TrustStore())
            let request = HTTPRequest(.get, "https://localhost:\(server.ports.good)/status/200")
            #expect(await transportError { try await stranger.send(request) }?.kind == .tls)
        }
    }

    @Test("a server that says nothing to the handshake")
    func silent() async throws {
        try await withTransport { transport, server in
            // The proxy waits for the end of a head.
            let address = "localhost:\(server.ports.proxy)/"
            var request = HTTPRequest(.get, "https://" + address)
            request.timeout = .seconds(60)
            request.connectTimeout = .milliseconds(300)
            let error = await transportError { try await transport.send(request) }
            #expect(error?.kind == .timeout)
            let socket = await transportError {
                try await transport.openWebSocket(url: "wss://" + address, headers: [], timeout: .milliseconds(300))
            }
            #expect(socket?.kind == .timeout)
        }
    }

    @Test("the proxy of the environment: by request, and by tunnel")
    func proxy() async throws {
        try await withTransport { transport, server in
            let plain = HTTPRequest(.get, "http://proxied.test:\(server.ports.http)/serial")
            #expect(try await transport.send(plain).status == 200)
            let secure = HTTPRequest(.get, "https://proxied.test:\(server.ports.good)/serial")
            #expect(try await transport.send(secure).status == 200)
            let refused = HTTPRequest(.get, "https://refused.test/")
            #expect(await transportError { try await transport.send(refused) }?.kind == .connect)

            for url in ["ws://proxied.test:\(server.ports.http)", "wss://proxied.test:\(server.ports.good)"] {
                let socket = try await transport.openWebSocket(
                    url: url + "/ws/echo",
                    headers: [],
                    timeout: .seconds(10)
                )
                try socket.send(text: "through the tunnel")
                #expect(try await socket.next() == .text("through the tunnel"))
                socket.close(code: 1000, reason: "")
            }
            let log = try await server.log("proxy", by: transport)
            #expect(log.contains("GET http://proxied.test:\(server.ports.http)/serial"))
            #expect(log.contains("CONNECT proxied.test:\(server.ports.good)"))
            #expect(log.contains("CONNECT proxied.test:\(server.ports.http)"))
        }
    }
}
