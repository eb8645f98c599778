import Testing

@testable import Agent

@Suite struct WebSocketHandshakeTests {
    private static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    private static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    private static let complete = """
        HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
        Sec-WebSocket-Accept: \(accept)\r\n\r\n
        """

    /// The one digest that RFC 6455 section 1.3 gives; any other input has another.
    private func sha1(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes == Array((Self.key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8) else { return [0] }
        return [
            0xB3, 0x7A, 0x4F, 0x2C, 0xC0, 0x62, 0x4F, 0x16, 0x90, 0xF6, 0x46, 0x06, 0xCF, 0x38, 0x59, 0x45, 0xB2, 0xBE,
            0xC4, 0xEA,
        ]
    }

    private func check(_ headers: [(name: String, value: String)], status: Int = 101, key: String = key) throws {
        try WebSocketHandshake.check(status: status, headers: headers, key: key, sha1: sha1)
    }

    private func headers(
        upgrade: String? = "websocket",
        connection: String? = "Upgrade",
        accept: String? = accept,
        and more: [(name: String, value: String)] = []
    ) -> [(name: String, value: String)] {
        let own = [("upgrade", upgrade), ("connection", connection), ("sec-websocket-accept", accept)]
        return own.compactMap { name, value in value.map { (name, $0) } } + more
    }

    @Test func writesARequest() throws {
        let head = try WebSocketHandshake.request(
            host: "notify:8086",
            path: "/ws?a=b",
            key: Self.key,
            headers: [("Tat-Version", "1.2.3"), ("Tat-OSVersion", "Linux 12 é")]
        )
        #expect(
            String(decoding: head, as: UTF8.self) == """
                GET /ws?a=b HTTP/1.1\r\nHost: notify:8086\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Key: \(Self.key)\r\nSec-WebSocket-Version: 13\r\n\
                Tat-Version: 1.2.3\r\nTat-OSVersion: Linux 12 é\r\n\r\n
                """
        )
    }

    @Test(arguments: [
        ("A", "x\r\nB: y"), ("A", "x\ny"), ("A", "x\ry"), ("A", "x\u{0}"), ("A", "\u{7F}"), ("A\r\nB", "x"),
        ("A B", "x"), ("A:", "x"), ("", "x"),
        ("É", "x"), ("A\u{0}", "x"), ("Host", "x"), ("UPGRADE", "x"), ("connection", "x"),
        ("Sec-WebSocket-Protocol", "x"),
    ])
    func rejectsAHeaderField(name: String, value: String) {
        #expect(throws: WebSocketHandshakeError.self) {
            try WebSocketHandshake.request(host: "h", path: "/", key: Self.key, headers: [(name, value)])
        }
    }

    @Test(arguments: [
        ("", "/", key), ("h h", "/", key), ("h\r\n", "/", key), ("é", "/", key), ("h", "", key), ("h", "ws", key),
        ("h", "/a b", key),
        ("h", "/\r\nA: b", key), ("h", "/é", key), ("h", "/", ""), ("h", "/", "Zm9v"), ("h", "/", key + "\r\n"),
        ("h", "/", "x"),
    ])
    func rejectsARequest(host: String, path: String, key: String) {
        #expect(throws: WebSocketHandshakeError.self) {
            try WebSocketHandshake.request(host: host, path: path, key: key, headers: [])
        }
    }

    @Test func acceptIsThatOfTheRFC() {
        #expect(WebSocketHandshake.accept(for: Self.key, sha1: sha1) == Self.accept)
    }

    @Test func readsAResponse() throws {
        let bytes = Array(Self.complete.utf8)
        let head = try #require(try WebSocketHandshake.parseResponse(bytes + [0x81, 0x00]))
        #expect(head.status == 101)
        #expect(head.headers.map(\.name) == ["upgrade", "connection", "sec-websocket-accept"])
        #expect(head.headers.map(\.value) == ["WebSocket", "keep-alive, Upgrade", Self.accept])
        #expect(head.headLength == bytes.count)
        try check(head.headers)
        for length in 0..<bytes.count {
            #expect(try WebSocketHandshake.parseResponse(Array(bytes.prefix(length))) == nil, "\(length) bytes")
        }
    }

    @Test(arguments: [
        ("HTTP/1.1 403 Forbidden\r\n\r\n", 403), ("HTTP/1.0 200\r\n\r\n", 200), ("HTTP/1.1 101 \r\n\r\n", 101),
        ("HTTP/1.1 502 caf\u{E9} x\r\nA:\r\nB: \t x y \t\r\nC:z\r\n\r\n", 502),
    ])
    func readsOtherResponses(text: String, status: Int) throws {
        let head = try #require(try WebSocketHandshake.parseResponse(Array(text.utf8)))
        #expect(head.status == status)
        #expect(head.headLength == text.utf8.count)
        if !head.headers.isEmpty { #expect(head.headers.map(\.value) == ["", "x y", "z"]) }
    }

    @Test(arguments: [
        "HTTP/2 101 x\r\n", "HTTP/1.1  101\r\n", "HTTP/1.1 1010\r\n", "HTTP/1.1 01\r\n", "HTTP/1.1 001\r\n",
        "HTTP/1.1 1x1\r\n", "HTTP/1.1\r\n",
        "HTTP/1.1x101\r\n", "http/1.1 101\r\n", "ICY 200 OK\r\n", "\r\n", "\n", "HTTP/1.1 101\n", "HTTP/1.1 101 a\rb",
        "HTTP/1.1 101 a\u{0}\r\n",
        "HTTP/1.1 101\r\nA\r\n", "HTTP/1.1 101\r\nA : b\r\n", "HTTP/1.1 101\r\n: b\r\n",
        "HTTP/1.1 101\r\nA: b\r\n c\r\n", "HTTP/1.1 101\r\nA: b\n",
        "HTTP/1.1 101\r\nA: b\rc\r\n", "HTTP/1.1 101\r\nA: \u{0}\r\n", "HTTP/1.1 101\r\nA: b\r\n\n",
        "HTTP/1.1 101\r\n\r\r\n", "HTTP/1.1 101\r\nÉ: b\r\n",
    ])
    func rejectsAResponse(text: String) {
        #expect(throws: WebSocketHandshakeError.self) { try WebSocketHandshake.parseResponse(Array(text.utf8)) }
    }

    @Test func theHeadIsLimited() throws {
        let frame = "HTTP/1.1 101 x\r\nA: \r\n\r\n".utf8.count
        let head = { "HTTP/1.1 101 x\r\nA: " + String(repeating: "b", count: $0 - frame) + "\r\n\r\n" }
        #expect(try WebSocketHandshake.parseResponse(Array(head(16384).utf8))?.headLength == 16384)
        #expect(throws: WebSocketHandshakeError.self) { try WebSocketHandshake.parseResponse(Array(head(16385).utf8)) }
        let endless = [UInt8](repeating: UInt8(ascii: "x"), count: 16384)
        #expect(try WebSocketHandshake.parseResponse(Array(endless.dropLast())) == nil)
        #expect(throws: WebSocketHandshakeError.self) { try WebSocketHandshake.parseResponse(endless) }
    }

    @Test func acceptsAnUpgrade() throws {
        try check(headers())
        try check(headers(upgrade: "WebSocket", connection: "upgrade"))
        try check(headers(connection: nil, and: [("connection", "keep-alive"), ("connection", "a ,\tUPGRADE,")]))
        try check(headers(and: [("sec-websocket-extensions", ""), ("server", "x")]))
    }

    @Test func rejectsWhatIsNoUpgrade() {
        let reasons: [(String, () throws -> Void)] = [
            ("the server answers with status 403 instead of 101", { try check(headers(), status: 403) }),
            ("the response has no Upgrade to websocket", { try check(headers(upgrade: nil)) }),
            ("the response has no Upgrade to websocket", { try check(headers(upgrade: "h2c")) }),
            ("the response has no Upgrade to websocket", { try check(headers(upgrade: "webso\u{212A}et")) }),
            ("the response has no Connection with upgrade", { try check(headers(connection: nil)) }),
            ("the response has no Connection with upgrade", { try check(headers(connection: "upgraded, close")) }),
            ("the response has no Sec-WebSocket-Accept for the key", { try check(headers(accept: nil)) }),
            (
                "the response has no Sec-WebSocket-Accept for the key",
                { try check(headers(accept: Self.accept.lowercased())) }
            ),
            (
                "the response has no Sec-WebSocket-Accept for the key",
                { try check(headers(), key: "b3RoZXIgc2FtcGxlIGtleQ==") }
            ),
            (
                "the response has no Sec-WebSocket-Accept for the key",
                { try check(headers(and: [("sec-websocket-accept", Self.accept)])) }
            ),
            (
                "the server uses an extension that was not asked for",
                { try check(headers(and: [("sec-websocket-extensions", "permessage-deflate")])) }
            ),
            (
                "the server uses a subprotocol that was not asked for",
                { try check(headers(and: [("sec-websocket-protocol", "chat")])) }
            ),
        ]
        for (reason, attempt) in reasons {
            #expect(throws: WebSocketHandshakeError(reason: reason)) { try attempt() }
        }
    }
}
