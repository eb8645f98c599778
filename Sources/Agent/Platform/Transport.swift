/// A header field; names are compared without regard to case.
public struct HTTPHeader: Equatable, Sendable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// One HTTP exchange to make.
public struct HTTPRequest: Sendable {
    public enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
    }

    public var method: Method
    public var url: String
    public var headers: [HTTPHeader]
    public var body: [UInt8]
    /// For name resolution, connect and TLS together.
    public var connectTimeout: Duration = .seconds(10)
    /// For the exchange as a whole.
    public var timeout: Duration = .seconds(10)
    /// The most bytes of a reply's body that are accepted.
    public var responseLimit: Int = 16 << 20

    public init(_ method: Method, _ url: String, headers: [HTTPHeader] = [], body: [UInt8] = []) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// A reply, whatever its status.
public struct HTTPResponse: Sendable {
    public var status: Int
    public var body: [UInt8]

    public init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }
}

/// Why there was no reply.
public final class TransportError: Error, CustomStringConvertible {
    /// The causes that are told apart in logs and tests.
    public enum Kind: Sendable {
        case invalidRequest, resolve, connect, tls, timeout, closed, tooLarge, protocolViolation, file, other
    }

    public let kind: Kind
    public let description: String

    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

/// HTTP and WebSocket, with TLS, proxies and certificate checks by the system's means.
@LoopActor
public protocol Transport: AnyObject, Sendable {
    /// Makes one exchange. Redirects are not followed.
    func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse

    /// As `send`, but the body of a 2xx reply goes to the file at `path` (created or replaced, mode 0600; removed when
    /// the exchange fails) and the response's body is empty.
    func download(_ request: HTTPRequest, to path: String) async throws(TransportError) -> HTTPResponse

    /// As `send`, but the body is the file at `path`, as long as it is when this is called; it is sent bit by bit, and
    /// `Content-Length` says how long it is. `timeout` does not hold: an upload ends when it makes no headway, with
    /// less than 1 KiB/s for 60 s.
    func upload(_ request: HTTPRequest, from path: String) async throws(TransportError) -> HTTPResponse

    /// Opens a WebSocket (RFC 6455) to a `ws:` or `wss:` address with these extra headers on the upgrade.
    func openWebSocket(url: String, headers: [HTTPHeader], timeout: Duration) async throws(TransportError)
        -> any WebSocketConnection

    /// Whether the name of the address' host resolves now.
    func resolves(url: String) async -> Bool
}

/// What a WebSocket peer sent.
public enum WebSocketEvent: Equatable, Sendable {
    case text(String)
    case binary([UInt8])
    case pong
    /// The peer began the closing handshake.
    case closed(code: UInt16?, reason: String)
}

/// An open WebSocket. Pings of the peer are answered by the backend.
@LoopActor
public protocol WebSocketConnection: AnyObject, Sendable {
    /// Waits for the next event. Throws when the connection broke; after `closed` or a throw there is nothing more.
    /// One caller at a time.
    func next() async throws(TransportError) -> WebSocketEvent

    /// Queues a text message. Throws when the connection is gone or 16 MiB wait to be sent.
    func send(text: String) throws(TransportError)

    /// Queues a binary message. Throws when the connection is gone or 16 MiB wait to be sent.
    func send(binary: [UInt8]) throws(TransportError)

    /// Queues a ping.
    func ping() throws(TransportError)

    /// Sends a close frame (begins or answers the closing handshake), then ends the connection within 2 s. A waiting
    /// `next` throws `closed`.
    func close(code: UInt16, reason: String)
}
