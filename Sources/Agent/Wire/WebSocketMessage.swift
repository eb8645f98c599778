/// What the other end of a WebSocket connection said: a whole message, or a control frame.
public enum WebSocketMessage: Equatable, Sendable {
    case text(String)
    case binary([UInt8])
    /// Is to be answered by a pong with the same 0 to 125 bytes.
    case ping([UInt8])
    case pong([UInt8])
    /// Ends what the other end says; the code is nil when it gave none.
    case close(code: UInt16?, reason: String)
}

/// How the other end broke the protocol; the connection has to be closed.
public struct WebSocketError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The code to close with: 1002 protocol error, 1007 invalid text, or 1009 message too big.
    public let code: UInt16
    /// What is wrong, as a sentence without a full stop and with nothing the other end sent.
    public let reason: String

    /// An error that closes the connection with this code (RFC 6455 section 7.4.1).
    public init(code: UInt16, reason: String) {
        self.code = code
        self.reason = reason
    }

    public var description: String { "WebSocket error \(code): \(reason)" }

    static func protocolError(_ reason: String) -> Self { Self(code: 1002, reason: reason) }
    static func invalidText(_ reason: String) -> Self { Self(code: 1007, reason: reason) }
    static func tooBig(_ reason: String) -> Self { Self(code: 1009, reason: reason) }
}
