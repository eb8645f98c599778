import Agent
import Foundation
import Testing

@testable import PlatformLinux

@Suite("HTTP")
struct HTTPTests {
    @Test("a body goes there and comes back, byte by byte")
    func body() async throws {
        try await withTransport { transport, server in
            let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let response = try await transport.send(HTTPRequest(.post, server.http("/body"), body: body))
            #expect(response.status == 200)
            #expect(response.body == body)
            let empty = try await transport.send(HTTPRequest(.post, server.http("/body")))
            #expect(empty.body.isEmpty)
        }
    }

    @Test("the head has our fields, and none that we did not ask for")
    func head() async throws {
        try await withTransport { transport, server in
            var request = HTTPRequest(.post, server.http("/head?a=b"), body: Array("{}".utf8))
            request.headers = [HTTPHeader("Tat-Version", "1.2.3"), HTTPHeader("X-Empty", ""), HTTPHeader("X-Ü", "ü")]
            #expect(await transportError { try await transport.send(request) }?.kind == .invalidRequest)
            request.headers[2] = HTTPHeader("X-Text", "ü")
            let lines = try await transport.send(request).text.components(separatedBy: "\r\n")
            #expect(lines.first == "POST /head?a=b HTTP/1.1")
            #expect(lines.contains("Tat-Version: 1.2.3"))
            #expect(lines.contains("X-Empty:"))
            #expect(lines.contains("X-Text: ü"))
            #expect(lines.contains("Content-Length: 2"))
            let names = lines.dropFirst().map { $0.prefix { $0 != ":" } }
            #expect(names.sorted() == ["Accept", "Content-Length", "Host", "Tat-Version", "X-Empty", "X-Text"])
        }
    }

    @Test("a status is an answer, and a redirect is not followed", arguments: [204, 302, 404, 500])
    func status(_ status: Int) async throws {
        try await withTransport { transport, server in
            let path = status == 302 ? "/redirect" : "/status/\(status)"
            let response = try await transport.send(HTTPRequest(.get, server.http(path)))
            #expect(response.status == status)
            #expect(response.text == (status == 302 ? "elsewhere" : status == 204 ? "" : "status \(status)"))
        }
    }

    @Test("a connection is used again, and one that has ended is replaced")
    func reuse() async throws {
        try await withTransport { transport, server in
            func serial(_ path: String) async throws -> String {
                try await transport.send(HTTPRequest(.post, server.http(path))).text
            }
            let first = try await serial("/serial")
            #expect(try await serial("/serial") == first)
            #expect(try await serial("/stale") == first)
            #expect(try await serial("/serial") != first)
        }
    }

    @Test("a connection that is not used again is closed, and the transport goes on after that")
    func idle() async throws {
        try await withTransport { transport, server in
            let brief = makeTransport(trust: server.trust, connectionAge: .milliseconds(100))
            for _ in 0..<2 {
                let name = UUID().uuidString
                let response = try await brief.send(HTTPRequest(.get, server.http("/kept?name=\(name)")))
                #expect(response.text == "kept")
                try await eventually { try await server.log(name, by: transport).contains("ended") }
            }
        }
    }

    @Test("a host gets eight connections at most")
    func connectionLimit() async throws {
        try await withTransport { transport, server in
            let exchanges = (0..<20).map { _ in
                startOnLoop { try await transport.send(HTTPRequest(.get, server.http("/busy"))).text }
            }
            var most = 0
            for exchange in exchanges { most = max(most, Int(try await exchange.value) ?? 0) }
            #expect(most > 1)
            #expect(most <= 8)
        }
    }

    @Test(
        "how an exchange fails is told apart",
        arguments: [
            ("/close", TransportError.Kind.closed), ("/short", .closed), ("/reset", .closed),
            ("/garbage", .protocolViolation), ("/bytes/2000", .tooLarge), ("/chunks/2048", .tooLarge),
            ("/slow", .timeout), ("/slowbody", .timeout),
        ]
    )
    func failures(_ path: String, _ kind: TransportError.Kind) async throws {
        try await withTransport { transport, server in
            var request = HTTPRequest(.get, server.http(path + "?secret=hunter2"))
            request.responseLimit = 1024
            if kind == .timeout { request.timeout = .milliseconds(300) }
            let error = await transportError { try await transport.send(request) }
            #expect(error?.kind == kind, "\(String(describing: error))")
            #expect(error?.description.contains("hunter2") == false)
            request.url = server.http("/bytes/1024")
            request.timeout = .seconds(10)
            let response = try await transport.send(request)
            #expect(response.body.count == 1024)
        }
    }

    @Test("where nobody listens, and a name that nobody has")
    func unreachable() async throws {
        try await withTransport { transport, server in
            var request = HTTPRequest(.get, "http://127.0.0.1:\(server.ports.nobody)/")
            #expect(await transportError { try await transport.send(request) }?.kind == .connect)
            request = HTTPRequest(.get, "http://nobody.invalid/?secret=hunter2")
            request.timeout = .seconds(60)
            request.connectTimeout = .seconds(60)
            let error = await transportError { try await transport.send(request) }
            #expect(error?.kind == .resolve)
            #expect(error?.description.contains("nobody.invalid") == true)
            #expect(error?.description.contains("hunter2") == false)
        }
    }

    @Test(
        "what cannot be asked is not asked",
        arguments: [
            "", "x", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http:// x/", "http://127.0.0.1/\u{0}x",
            "http://127.0.0.1/\r\nX-Evil: 1", "ws://127.0.0.1/", "http://127.0.0.1:99999/",
        ]
    )
    func badAddresses(_ url: String) async throws {
        try await withTransport { transport, _ in
            #expect(await transportError { try await transport.send(HTTPRequest(.get, url)) }?.kind == .invalidRequest)
            #expect(await transport.resolves(url: url) == url.hasPrefix("ws:"))
        }
    }

    @Test(
        "header fields that are more than one are refused",
        arguments: [
            ("X", "a\r\nY: b"), ("X", "a\nY: b"), ("X", "a\u{0}b"), ("X\r\nY", "b"), ("X: a", "b"), ("", "b"),
            ("X Y", "b"),
        ]
    )
    func badHeaders(_ name: String, _ value: String) async throws {
        try await withTransport { transport, server in
            let headers = [HTTPHeader(name, value)]
            let request = HTTPRequest(.get, server.http("/head"), headers: headers)
            #expect(await transportError { try await transport.send(request) }?.kind == .invalidRequest)
            let socket = await transportError {
                try await transport.openWebSocket(
                    url: server.webSocket("/echo"),
                    headers: headers,
                    timeout: .seconds(10)
                )
            }
            #expect(socket?.kind == .invalidRequest)
        }
    }

    @Test("cancelling its task aborts an exchange")
    func cancellation() async throws {
        try await withTransport { transport, server in
            let name = UUID().uuidString
            let exchange = startOnLoop {
                await transportError { try await transport.send(HTTPRequest(.get, server.http("/slow?name=\(name)"))) }
            }
            try await eventually { try await server.log(name, by: transport).contains("asked") }
            exchange.cancel()
            #expect(try await exchange.value?.kind == .closed)
            try await eventually { try await server.log(name, by: transport).contains("ended") }

            let early = startOnLoop {
                await transportError { try await transport.send(HTTPRequest(.get, server.http("/slow"))) }
            }
            early.cancel()
            #expect(try await early.value?.kind == .closed)
        }
    }

    @Test("IPv6")
    func ipv6() async throws {
        try await withTransport { transport, server in
            guard server.ports.ipv6 != 0 else { return }
            let url = "http://[::1]:\(server.ports.ipv6)"
            let response = try await transport.send(HTTPRequest(.get, url + "/status/200"))
            #expect(response.text == "status 200")
            #expect(await transport.resolves(url: url))
        }
    }

    @Test("which names resolve")
    func resolves() async throws {
        try await withTransport { transport, _ in
            #expect(await transport.resolves(url: "https://localhost:8186/ws"))
            #expect(await transport.resolves(url: "wss://127.0.0.1:8186/ws"))
            #expect(await transport.resolves(url: "https://nobody.invalid/") == false)
        }
    }
}

@Suite("Downloads")
struct DownloadTests {
    /// Runs `body` with the path of a file that does not exist, in a folder of its own.
    private func withPath(
        _ body: @escaping @LoopActor @Sendable (CurlTransport, TestServer, String) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await withTransport { try await body($0, $1, folder.appendingPathComponent("file").path) }
    }

    @Test("a download is in its file, which is the owner's alone")
    func download() async throws {
        try await withPath { transport, server, path in
            try Data("old".utf8).write(to: URL(fileURLWithPath: path))
            var request = HTTPRequest(.get, server.http("/chunks/\(20 << 20)"))
            request.responseLimit = 20 << 20
            request.timeout = .seconds(60)
            let response = try await transport.download(request, to: path)
            #expect(response.status == 200)
            #expect(response.body.isEmpty)
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.size] as? Int == 20 << 20)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            #expect(try await transport.download(HTTPRequest(.get, server.http("/bytes/0")), to: path).status == 200)
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)).isEmpty)
        }
    }

    @Test("a link is replaced, not followed")
    func link() async throws {
        try await withPath { transport, server, path in
            let target = path + ".target"
            try Data("precious".utf8).write(to: URL(fileURLWithPath: target))
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
            _ = try await transport.download(HTTPRequest(.get, server.http("/bytes/3")), to: path)
            #expect(try Data(contentsOf: URL(fileURLWithPath: target)) == Data("precious".utf8))
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("xxx".utf8))
        }
    }

    @Test("a refusal is an answer, and leaves no file")
    func refused() async throws {
        try await withPath { transport, server, path in
            let response = try await transport.download(HTTPRequest(.get, server.http("/status/404")), to: path)
            #expect(response.status == 404)
            #expect(response.text == "status 404")
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test(
        "a failure leaves no file",
        arguments: [
            ("/short", TransportError.Kind.closed), ("/reset", .closed), ("/chunks/4096", .tooLarge),
            ("/bytes/4096", .tooLarge), ("/slowbody", .timeout),
        ]
    )
    func failure(_ url: String, _ kind: TransportError.Kind) async throws {
        try await withPath { transport, server, path in
            var request = HTTPRequest(.get, server.http(url))
            request.responseLimit = 2048
            if kind == .timeout { request.timeout = .milliseconds(300) }
            #expect(await transportError { try await transport.download(request, to: path) }?.kind == kind)
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test("a file that cannot be made")
    func noFolder() async throws {
        try await withPath { transport, server, path in
            let error = await transportError {
                try await transport.download(HTTPRequest(.get, server.http("/bytes/3")), to: path + "/below/file")
            }
            #expect(error?.kind == .file)
        }
    }
}
