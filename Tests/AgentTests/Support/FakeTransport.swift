import Agent

/// A network whose other end the test plays.
@LoopActor
final class FakeTransport: Transport {
    /// Answers `send`.
    var answer: @LoopActor (HTTPRequest) async throws(TransportError) -> HTTPResponse
    /// Answers `upload`; gets the bytes of the file, too.
    var receive: @LoopActor (HTTPRequest, [UInt8]) async throws(TransportError) -> HTTPResponse
    /// Answers `openWebSocket`.
    var open: @LoopActor () async throws(TransportError) -> FakeConnection
    /// Answers `resolves`.
    var isResolved: @LoopActor (_ url: String) -> Bool

    private(set) var requests: [HTTPRequest] = []
    private(set) var upgrades: [(url: String, headers: [HTTPHeader])] = []
    /// The addresses whose names were looked up.
    private(set) var lookups: [String] = []

    init() {
        answer = { _ throws(TransportError) in throw TransportError(.connect, "nobody listens") }
        receive = { _, _ throws(TransportError) in throw TransportError(.connect, "nobody listens") }
        open = { () throws(TransportError) in throw TransportError(.connect, "nobody listens") }
        isResolved = { _ in true }
    }

    func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        requests.append(request)
        return try await answer(request)
    }

    func download(_ request: HTTPRequest, to path: String) async throws(TransportError) -> HTTPResponse {
        throw TransportError(.other, "not asked for")
    }

    func upload(_ request: HTTPRequest, from path: String) async throws(TransportError) -> HTTPResponse {
        guard let bytes = try? TestFiles().read(path, limit: 1 << 24) else {
            throw TransportError(.file, "\(path) cannot be read")
        }
        return try await receive(request, bytes)
    }

    func openWebSocket(
        url: String,
        headers: [HTTPHeader],
        timeout: Duration
    ) async throws(TransportError) -> any WebSocketConnection {
        upgrades.append((url, headers))
        return try await open()
    }

    func resolves(url: String) async -> Bool {
        lookups.append(url)
        return isResolved(url)
    }
}

/// An open WebSocket whose peer the test plays.
@LoopActor
final class FakeConnection: WebSocketConnection {
    private(set) var pings = 0
    private(set) var closes: [(code: UInt16, reason: String)] = []
    /// Called with each ping.
    var onPing: @LoopActor () -> Void = {}

    private var events: [Result<WebSocketEvent, TransportError>] = []
    private let arrived = Wakeup()

    /// The peer sends something.
    func deliver(_ event: WebSocketEvent) {
        events.append(.success(event))
        arrived.signal()
    }

    /// The connection breaks.
    func breakOff() {
        events.append(.failure(TransportError(.closed, "reset by the peer")))
        arrived.signal()
    }

    func next() async throws(TransportError) -> WebSocketEvent {
        while events.isEmpty { _ = await arrived.wait() }
        return try events.removeFirst().get()
    }

    func send(text: String) throws(TransportError) {}
    func send(binary: [UInt8]) throws(TransportError) {}

    func ping() throws(TransportError) {
        pings += 1
        onPing()
    }

    func close(code: UInt16, reason: String) {
        closes.append((code, reason))
        breakOff()
    }
}
