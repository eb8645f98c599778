import Agent

/// A WebSocket (RFC 6455) on a connection of libcurl's.
@LoopActor
final class CurlWebSocket: WebSocketConnection {
    private enum Phase {
        /// The head of the answer is awaited; what there is of it.
        case upgrading(answer: [UInt8])
        case open
        /// The peer has begun the closing handshake.
        case closedByPeer
        /// We have; only the end of the connection is awaited.
        case closing
        case gone
    }

    /// The largest message, either way, and how much may wait to be sent.
    private static let limit = 16 << 20
    /// What may wait to be taken by `next` before no more is read.
    private static let eventLimit = (count: 256, bytes: 1 << 20)
    private static let closeTimeout = Duration.seconds(2)

    private let stream: CurlStream
    private let crypto: any Crypto
    private let random: any RandomSource

    private var phase = Phase.upgrading(answer: [])
    private var isUpgraded = false
    private var key = ""
    private var decoder = WebSocketDecoder(role: .client, limit: limit)
    private var outgoing = OutgoingQueue()
    private var events: [WebSocketEvent] = []
    private var eventBytes = 0
    /// What `next` throws once the events are taken.
    private var failure: TransportError?
    /// That there is an event or a failure, or that the upgrade is done.
    private let changed = Wakeup()
    private var closeTimer: LoopTimer?

    /// A WebSocket to be upgraded on a stream that is connected.
    init(_ stream: CurlStream, crypto: any Crypto, random: any RandomSource) {
        self.stream = stream
        self.crypto = crypto
        self.random = random
        stream.onReady = { [weak self] in self?.ready($0) }
    }

    isolated deinit { stream.close() }

    // MARK: Upgrade

    /// Asks for the upgrade and waits for the answer.
    func upgrade(_ url: CurlURL, headers: [HTTPHeader], within limit: Duration) async throws(TransportError) {
        key = Base64.encode(random.bytes(16))
        do {
            let fields = headers.map { ($0.name, $0.value) }
            let host = url.authority
            outgoing.append(try WebSocketHandshake.request(host: host, path: url.path, key: key, headers: fields))
        } catch {
            throw TransportError(.invalidRequest, error.description)
        }
        let timer = EventLoop.shared.schedule(after: max(.zero, limit)) { [weak self] in
            self?.fail(TransportError(.timeout, "no answer to the WebSocket upgrade in time"))
        }
        defer { timer.cancel() }
        ready([])
        while !isUpgraded {
            if let failure { throw failure }
            await waitForChange()
        }
    }

    /// Looks for the whole answer. What follows it are frames.
    private func receiveAnswer(_ answer: [UInt8]) {
        do {
            guard let head = try WebSocketHandshake.parseResponse(answer) else {
                phase = .upgrading(answer: answer)
                return
            }
            try WebSocketHandshake.check(status: head.status, headers: head.headers, key: key) { bytes in
                // Without a digest no answer is the right one.
                (try? crypto.sha1(bytes)) ?? []
            }
            phase = .open
            isUpgraded = true
            changed.signal()
            receiveFrames(answer[head.headLength...])
        } catch {
            fail(TransportError(.protocolViolation, error.description))
        }
    }

    // MARK: Receiving

    func next() async throws(TransportError) -> WebSocketEvent {
        while true {
            if !events.isEmpty { return takeEvent() }
            if let failure { throw failure }
            await waitForChange()
        }
    }

    private func takeEvent() -> WebSocketEvent {
        let wasFull = isFull
        let event = events.removeFirst()
        eventBytes -= event.size
        if wasFull, !isFull { ready([]) }
        return event
    }

    private var isFull: Bool { events.count >= Self.eventLimit.count || eventBytes >= Self.eventLimit.bytes }

    private func waitForChange() async {
        await withTaskCancellationHandler {
            _ = await changed.wait()
        } onCancel: {
            // Tasks are cancelled by loop code only, so this is the loop's thread.
            EventLoop.shared.assumeIsolated {
                self.fail(TransportError(.closed, "the connection was cancelled"))
                self.changed.signal()
            }
        }
    }

    /// Sends and receives what can be, after the connection became ready, or there is something new to do.
    private func ready(_ readiness: Readiness) {
        guard !isGone else { return }
        do throws(TransportError) {
            let isAllSent = try stream.write(from: &outgoing)
            // A broken connection would be reported again and again, so what is left of it is read in any case.
            if !isFull || readiness.contains(.broken) { try receive() }
            guard !isGone else { return }
            var interest: Readiness = isFull ? [] : .read
            if !isAllSent || !outgoing.isEmpty { interest.insert(.write) }
            stream.want(interest)
        } catch {
            fail(error)
        }
    }

    private func receive() throws(TransportError) {
        for _ in 0..<16 {
            guard let bytes = try stream.read() else { return }
            if bytes.isEmpty { return fail(TransportError(.closed, "the peer closed the connection")) }
            switch phase {
            case .upgrading(let answer): receiveAnswer(answer + bytes)
            case .open: receiveFrames(bytes[...])
            case .closedByPeer, .closing: break
            case .gone: return
            }
        }
        // The others' turn. TLS may hold more, of which the socket knows nothing.
        spawn { [weak self] in self?.ready([]) }
    }

    private func receiveFrames(_ bytes: ArraySlice<UInt8>) {
        decoder.append(bytes)
        do {
            while case .open = phase, let message = try decoder.next() { receive(message) }
        } catch {
            failure = TransportError(.protocolViolation, error.description)
            beginClosing(code: error.code, reason: error.reason)
            changed.signal()
        }
    }

    private func receive(_ message: WebSocketMessage) {
        switch message {
        case .text(let text): deliver(.text(text))
        case .binary(let bytes): deliver(.binary(bytes))
        case .ping(let payload):
            // A peer that pings without reading the answers does without.
            if outgoing.count < Self.limit { queue(.pong, payload) }
        case .pong: deliver(.pong)
        case .close(let code, let reason):
            phase = .closedByPeer
            failure = TransportError(.closed, "the peer closed the WebSocket")
            deliver(.closed(code: code, reason: reason))
        }
    }

    private func deliver(_ event: WebSocketEvent) {
        events.append(event)
        eventBytes += event.size
        changed.signal()
    }

    // MARK: Sending

    func send(text: String) throws(TransportError) { try send(.text, Array(text.utf8)) }

    func send(binary: [UInt8]) throws(TransportError) { try send(.binary, binary) }

    func ping() throws(TransportError) { try send(.ping, []) }

    private func send(_ opcode: WebSocketOpcode, _ payload: [UInt8]) throws(TransportError) {
        guard case .open = phase else { throw failure ?? TransportError(.closed, "the WebSocket is not open") }
        guard outgoing.count + payload.count <= Self.limit else {
            throw TransportError(.tooLarge, "too much waits to be sent")
        }
        queue(opcode, payload)
        ready([])
    }

    private func queue(_ opcode: WebSocketOpcode, _ payload: [UInt8]) {
        outgoing.append(WebSocketEncoder.frame(opcode: opcode, payload: payload, maskingKey: newMaskingKey()))
    }

    private func newMaskingKey() -> UInt32 { random.bytes(4).reduce(0) { $0 << 8 | UInt32($1) } }

    // MARK: The end

    func close(code: UInt16, reason: String) {
        switch phase {
        case .open, .closedByPeer: break
        case .upgrading, .closing, .gone: return
        }
        failure = TransportError(.closed, "the WebSocket was closed")
        events = []
        eventBytes = 0
        beginClosing(code: code, reason: reason)
        changed.signal()
        ready([])
    }

    /// Sends a close frame and leaves the end of the connection to the peer, who gets a little time for it.
    private func beginClosing(code: UInt16, reason: String) {
        phase = .closing
        outgoing.append(WebSocketEncoder.close(code: code, reason: reason, maskingKey: newMaskingKey()))
        // That long, the timer keeps this object alive.
        closeTimer = EventLoop.shared.schedule(after: Self.closeTimeout) { self.end() }
    }

    /// The connection broke, or was given up.
    private func fail(_ error: TransportError) {
        if failure == nil { failure = error }
        end()
        changed.signal()
    }

    private func end() {
        phase = .gone
        closeTimer?.cancel()
        closeTimer = nil
        outgoing = OutgoingQueue()
        stream.close()
    }

    private var isGone: Bool {
        if case .gone = phase { return true }
        return false
    }
}

extension WebSocketEvent {
    /// How much memory it takes, about.
    fileprivate var size: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .binary(let bytes): bytes.count
        case .pong, .closed: 0
        }
    }
}
