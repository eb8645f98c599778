/// Why a connection cannot be upgraded to WebSocket.
///
/// Of what the server sent it contains the status code at most, so it may be logged.
public struct WebSocketHandshakeError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong, as a sentence without a full stop.
    public let reason: String

    /// An error with this reason.
    public init(reason: String) {
        self.reason = reason
    }

    public var description: String { "WebSocket handshake: \(reason)" }
}

/// The upgrade of an HTTP/1.1 connection (RFC 6455 sections 1.3 and 4).
///
/// SHA-1 is the caller's, since the system has it: a function from bytes to their 20-byte digest.
public struct WebSocketHandshake {
    /// The status and the header fields of a response, and its length in bytes up to the first one after the head.
    public typealias ResponseHead = (status: Int, headers: [(name: String, value: String)], headLength: Int)

    /// The head of a client's request.
    /// - Parameters:
    ///   - host: The authority of the URL: a name or address, and `:port` unless it is the default one.
    ///   - path: The path and query of the URL, beginning with a slash.
    ///   - key: The base64 of 16 random bytes, new for each connection.
    ///   - headers: Further header fields, in order; not those of the handshake itself.
    /// - Throws: `WebSocketHandshakeError` where any of these cannot be sent as it is, such as a value with a line end.
    public static func request(
        host: String,
        path: String,
        key: String,
        headers: [(String, String)] = []
    ) throws(WebSocketHandshakeError) -> [UInt8] {
        guard !host.isEmpty, host.utf8.allSatisfy(HTTPText.isVisible) else {
            throw WebSocketHandshakeError(reason: "the host is not valid")
        }
        guard path.utf8.first == UInt8(ascii: "/"), path.utf8.allSatisfy(HTTPText.isVisible) else {
            throw WebSocketHandshakeError(reason: "the path is not valid")
        }
        guard let nonce = try? Base64.decode(key), nonce.count == 16 else {
            throw WebSocketHandshakeError(reason: "the key is not the base64 of 16 bytes")
        }
        var head = "GET \(path) HTTP/1.1\r\nHost: \(host)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += "Sec-WebSocket-Key: \(key)\r\nSec-WebSocket-Version: 13\r\n"
        for (name, value) in headers {
            guard HTTPText.isToken(name), !isOwnField(name), value.utf8.allSatisfy(HTTPText.isFieldText) else {
                throw WebSocketHandshakeError(reason: "a header field is not valid")
            }
            head += "\(name): \(value)\r\n"
        }
        return Array((head + "\r\n").utf8)
    }

    /// The value of `Sec-WebSocket-Accept` that proves a server understood the key.
    public static func accept(for key: String, sha1: ([UInt8]) -> [UInt8]) -> String {
        Base64.encode(sha1(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
    }

    /// Checks that a response upgrades the connection and asks for nothing that was not offered.
    /// - Parameters:
    ///   - status: The status code.
    ///   - headers: The header fields, names in lower case.
    ///   - key: The key of the request.
    ///   - sha1: The digest function.
    /// - Throws: `WebSocketHandshakeError` where it does not.
    public static func check(
        status: Int,
        headers: [(name: String, value: String)],
        key: String,
        sha1: ([UInt8]) -> [UInt8]
    ) throws(WebSocketHandshakeError) {
        func values(_ name: String) -> [String] { headers.filter { $0.name == name }.map(\.value) }
        guard status == 101 else {
            throw WebSocketHandshakeError(reason: "the server answers with status \(status) instead of 101")
        }
        let upgrades = values("upgrade")
        guard upgrades.count == 1, upgrades.allSatisfy({ HTTPText.lowercased($0) == "websocket" }) else {
            throw WebSocketHandshakeError(reason: "the response has no Upgrade to websocket")
        }
        guard values("connection").flatMap(HTTPText.listItems).contains("upgrade") else {
            throw WebSocketHandshakeError(reason: "the response has no Connection with upgrade")
        }
        guard values("sec-websocket-accept") == [accept(for: key, sha1: sha1)] else {
            throw WebSocketHandshakeError(reason: "the response has no Sec-WebSocket-Accept for the key")
        }
        guard values("sec-websocket-extensions").allSatisfy(\.isEmpty) else {
            throw WebSocketHandshakeError(reason: "the server uses an extension that was not asked for")
        }
        guard values("sec-websocket-protocol").allSatisfy(\.isEmpty) else {
            throw WebSocketHandshakeError(reason: "the server uses a subprotocol that was not asked for")
        }
    }

    /// Whether a field is one that the handshake itself writes, or that would change what is offered.
    private static func isOwnField(_ name: String) -> Bool {
        let name = HTTPText.lowercased(name)
        return ["host", "upgrade", "connection"].contains(name) || name.hasPrefix("sec-websocket-")
    }
}
