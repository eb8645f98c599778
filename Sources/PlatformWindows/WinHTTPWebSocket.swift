import Agent
import CShims

/// A WebSocket (RFC 6455) of WinHTTP's, which makes and reads the frames, answers pings, and sends a frame of its own each
/// half a minute.
///
/// WinHTTP neither sends a ping nor tells of a pong. See `ping`.
@LoopActor
final class WinHTTPWebSocket: WebSocketConnection {
    private enum Phase {
        case open
        /// The peer has begun the closing handshake.
        case closedByPeer
        /// We have, or answer; only the end of the connection is awaited.
        case closing
        case gone
    }

    private struct Message {
        let type: WINHTTP_WEB_SOCKET_BUFFER_TYPE
        let bytes: [UInt8]
    }

    /// The largest message, either way, and how much may wait to be sent.
    private static let limit = 16 << 20
    /// What may wait to be taken by `next` before no more is read.
    private static let eventLimit = (count: 256, bytes: 1 << 20)
    private static let closeTimeout = Duration.seconds(2)
    /// How many bytes are read at a time.
    static let room = 16 << 10

    private let handle: WinHTTPHandle
    private let connection: WinHTTPConnection
    private var phase = Phase.open

    /// What has come of a message that is not complete.
    private var partial: [UInt8] = []
    private var isReceiving = false
    private var events: [WebSocketEvent] = []
    private var eventBytes = 0
    /// What `next` throws once the events are taken.
    private var failure: TransportError?
    /// That there is an event or a failure.
    private let changed = Wakeup()

    private var outgoing: [Message] = []
    private var outgoingBytes = 0
    private var isSending = false
    /// How many messages were sent whole.
    private var sentMessages = 0
    private var closing: (code: UInt16, reason: String)?
    private var isShutDown = false
    private var hasPeerClosed = false
    /// Whether our close frame answers the peer's.
    private var isAnswer = false
    private var closeTimer: LoopTimer?

    private let keepalive: Keepalive
    private var lastHeard = ContinuousClock.now
    private var pingTimer: LoopTimer?

    /// How a peer that is silent is found out.
    struct Keepalive {
        /// How often WinHTTP sends a frame of its own, which the peer's system has to acknowledge. 15 s at least.
        var interval = Duration.seconds(30)
        /// How long TCP takes at most to give up a peer that acknowledges nothing.
        var patience = Duration.seconds(45)
    }

    /// A WebSocket that was just made on a connection.
    init(_ handle: WinHTTPHandle, on connection: WinHTTPConnection, keepalive: Keepalive) {
        self.handle = handle
        self.connection = connection
        self.keepalive = keepalive
        if let raw = handle.raw {
            let milliseconds = UInt32(keepalive.interval.components.seconds * 1000)
            _ = shim_win_WinHttpSetOption_number(
                raw,
                UInt32(WINHTTP_OPTION_WEB_SOCKET_KEEPALIVE_INTERVAL),
                milliseconds
            )
        }
        handle.events.receiver = { [weak self] in self?.arrived($0) }
        receiveMore()
    }

    isolated deinit { handle.close() }

    private func arrived(_ event: WinHTTPEvent) {
        switch event {
        case .read(let count, let type): received(count, type)
        case .written:
            isSending = false
            sentMessages += 1
            handle.events.letGo()
            sendMore()
        case .shutDown: shutDown()
        case .failed(let code): fail(Self.broken(code))
        case .sending, .sent, .headersAvailable, .secureFailure: break
        }
    }

    /// On an open connection these errors mean that the peer is gone.
    private static func broken(_ code: UInt32) -> TransportError {
        let error = TransportError(winHTTP: code)
        guard error.kind == .protocolViolation || error.kind == .other else { return error }
        return TransportError(.closed, "the connection broke: \(error)")
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
        let event = events.removeFirst()
        eventBytes -= event.size
        receiveMore()
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

    private func receiveMore() {
        guard !isReceiving, !hasPeerClosed, let raw = handle.raw else { return }
        switch phase {
        case .open: if isFull { return }
        // The peer's close frame is awaited, and what comes before it is of no interest.
        case .closing: break
        case .closedByPeer, .gone: return
        }
        let events = handle.events
        let code = shim_win_WinHttpWebSocketReceive(raw, events.incoming.baseAddress, UInt32(events.incoming.count))
        guard code == 0 else { return fail(Self.broken(code)) }
        isReceiving = true
    }

    private func received(_ count: Int, _ type: WINHTTP_WEB_SOCKET_BUFFER_TYPE?) {
        isReceiving = false
        lastHeard = .now
        if type == WINHTTP_WEB_SOCKET_CLOSE_BUFFER_TYPE { return closedByPeer() }
        if case .open = phase { take(count, type) }
        receiveMore()
    }

    private func take(_ count: Int, _ type: WINHTTP_WEB_SOCKET_BUFFER_TYPE?) {
        guard partial.count + count <= Self.limit else {
            return refuse(code: 1009, "WebSocket error 1009: a message is too big")
        }
        partial += handle.events.received(count)
        switch type {
        case WINHTTP_WEB_SOCKET_BINARY_MESSAGE_BUFFER_TYPE: deliver(.binary(takePartial()))
        case WINHTTP_WEB_SOCKET_UTF8_MESSAGE_BUFFER_TYPE:
            guard let text = String(validating: takePartial(), as: UTF8.self) else {
                return refuse(code: 1007, "WebSocket error 1007: a text message is not valid UTF-8")
            }
            deliver(.text(text))
        default: break
        }
    }

    private func takePartial() -> [UInt8] {
        let bytes = partial
        partial = []
        return bytes
    }

    /// The peer broke the protocol.
    private func refuse(code: UInt16, _ reason: String) {
        failure = TransportError(.protocolViolation, reason)
        partial = []
        beginClosing(code: code, reason: "")
        changed.signal()
    }

    private func closedByPeer() {
        hasPeerClosed = true
        guard case .open = phase else {
            // With that, the closing handshake is complete.
            if isShutDown { end() }
            return
        }
        phase = .closedByPeer
        failure = TransportError(.closed, "the peer closed the WebSocket")
        let (code, reason) = closeStatus()
        deliver(.closed(code: code, reason: reason))
    }

    private func closeStatus() -> (UInt16?, String) {
        var code: UInt16 = 0
        var length: UInt32 = 0
        var reason = [UInt8](repeating: 0, count: Int(WINHTTP_WEB_SOCKET_MAX_CLOSE_REASON_LENGTH))
        guard let raw = handle.raw,
            shim_win_WinHttpWebSocketQueryCloseStatus(raw, &code, &reason, UInt32(reason.count), &length) == 0
        else { return (nil, "") }
        // 1005 stands for a frame without a code.
        return (
            code == 0 || code == 1005 ? nil : code,
            String(decoding: reason.prefix(Int(clamping: length)), as: UTF8.self)
        )
    }

    private func deliver(_ event: WebSocketEvent) {
        events.append(event)
        eventBytes += event.size
        changed.signal()
    }

    // MARK: Sending

    func send(text: String) throws(TransportError) {
        try send(WINHTTP_WEB_SOCKET_UTF8_MESSAGE_BUFFER_TYPE, Array(text.utf8))
    }

    func send(binary: [UInt8]) throws(TransportError) {
        try send(WINHTTP_WEB_SOCKET_BINARY_MESSAGE_BUFFER_TYPE, binary)
    }

    private func send(_ type: WINHTTP_WEB_SOCKET_BUFFER_TYPE, _ bytes: [UInt8]) throws(TransportError) {
        try requireOpen()
        guard outgoingBytes + bytes.count <= Self.limit else {
            throw TransportError(.tooLarge, "too much waits to be sent")
        }
        outgoing.append(Message(type: type, bytes: bytes))
        outgoingBytes += bytes.count
        sendMore()
    }

    private func requireOpen() throws(TransportError) {
        guard case .open = phase else { throw failure ?? TransportError(.closed, "the WebSocket is not open") }
    }

    /// Sends the next message, or the close frame behind the last.
    private func sendMore() {
        guard !isSending, let raw = handle.raw else { return }
        if !outgoing.isEmpty {
            let message = outgoing.removeFirst()
            outgoingBytes -= message.bytes.count
            let memory = handle.events.hold(message.bytes)
            isSending = true
            let code = shim_win_WinHttpWebSocketSend(raw, message.type, memory.baseAddress, UInt32(memory.count))
            if code != 0 { fail(Self.broken(code)) }
        } else if let closing {
            self.closing = nil
            isSending = true
            let bytes = Array(closing.reason.utf8.prefix(Int(WINHTTP_WEB_SOCKET_MAX_CLOSE_REASON_LENGTH)))
            let memory = handle.events.hold(bytes.prefix(UTF8Prefix.completeLength(of: bytes)))
            let code = shim_win_WinHttpWebSocketShutdown(
                raw,
                closing.code,
                memory.isEmpty ? nil : memory.baseAddress,
                UInt32(memory.count)
            )
            if code != 0 { end() }
        }
    }

    /// WinHTTP has no ping. What it does have is a frame of its own that it sends every so often, and a connection that
    /// fails when the peer's system acknowledges nothing. So what is told as a pong is this: after the ping a message has
    /// arrived; or the time has passed in which such a frame was sent and would have been given up, the connection still
    /// stands, and what waited to be sent went out. Of a peer whose system lives while its program hangs, it says nothing.
    func ping() throws(TransportError) {
        try requireOpen()
        guard pingTimer == nil else { return }
        let asked = ContinuousClock.now
        let sent = sentMessages
        let hadToSend = isSending || !outgoing.isEmpty
        pingTimer = EventLoop.shared.schedule(after: keepalive.interval + keepalive.patience) { [weak self] in
            guard let self else { return }
            pingTimer = nil
            guard case .open = phase else { return }
            if lastHeard > asked || !hadToSend || sentMessages > sent { deliver(.pong) }
        }
    }

    // MARK: The end

    func close(code: UInt16, reason: String) {
        switch phase {
        case .open: break
        case .closedByPeer: isAnswer = true
        case .closing, .gone: return
        }
        failure = TransportError(.closed, "the WebSocket was closed")
        events = []
        eventBytes = 0
        beginClosing(code: code, reason: reason)
        changed.signal()
    }

    /// Sends a close frame and leaves the end of the connection to the peer, who gets a little time for it.
    private func beginClosing(code: UInt16, reason: String) {
        phase = .closing
        closing = (code, reason)
        // That long, the timer keeps this object alive.
        closeTimer = EventLoop.shared.schedule(after: Self.closeTimeout) { self.end() }
        sendMore()
        receiveMore()
    }

    /// Our close frame is sent. If it was an answer, the peer gets the time to read it before the connection ends.
    private func shutDown() {
        isShutDown = true
        isSending = false
        handle.events.letGo()
        if hasPeerClosed, !isAnswer { end() }
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
        pingTimer?.cancel()
        pingTimer = nil
        outgoing = []
        outgoingBytes = 0
        partial = []
        handle.close()
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
