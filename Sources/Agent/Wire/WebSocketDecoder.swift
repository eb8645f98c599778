/// Makes messages of the bytes that the other end of a WebSocket connection sent (RFC 6455 sections 5 and 7).
///
/// Bytes go in as they arrive and messages come out, in amortised linear time. It holds no more than the bytes that
/// arrived for the message being received, whatever length a frame announces. After an error or a close message it
/// takes nothing more.
public struct WebSocketDecoder: Sendable {
    private let role: WebSocketRole
    private let limit: Int

    private var buffer: [UInt8] = []
    /// How many bytes at the start of the buffer are done with.
    private var consumed = 0

    /// Whether the message being received is text or binary; nil between messages.
    private var fragmentedOpcode: WebSocketOpcode?
    private var fragments: [UInt8] = []

    private var isClosed = false
    private var failure: WebSocketError?

    /// A decoder for a new connection.
    /// - Parameters:
    ///   - role: Who receives: a client rejects frames that are masked, a server those that are not.
    ///   - limit: The largest message in bytes, over all its fragments.
    public init(role: WebSocketRole, limit: Int = 16 << 20) {
        self.role = role
        self.limit = max(0, limit)
    }

    /// Adds what arrived next.
    public mutating func append(_ bytes: some Collection<UInt8>) {
        guard !isClosed, failure == nil else { return }
        // Moving the rest forward costs no more than was consumed since the last time.
        if consumed >= buffer.count - consumed {
            buffer.removeFirst(consumed)
            consumed = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// Takes the next message; nil until more bytes arrive, and for ever after a close message.
    /// - Throws: `WebSocketError` where the other end breaks the protocol, and the same one each time after.
    public mutating func next() throws(WebSocketError) -> WebSocketMessage? {
        if let failure { throw failure }
        do throws(WebSocketError) {
            while !isClosed, let frame = try nextFrame() {
                if let message = try message(from: frame) { return message }
            }
            return nil
        } catch {
            failure = error
            discardBuffers()
            throw error
        }
    }

    // MARK: Frames

    private struct Frame {
        let opcode: WebSocketOpcode
        let isFinal: Bool
        let payload: [UInt8]
        /// Where it ends in the buffer.
        let end: Int
    }

    private mutating func nextFrame() throws(WebSocketError) -> Frame? {
        guard let frame = try completeFrame() else { return nil }
        consumed = frame.end
        if consumed == buffer.count { discardBuffer() }
        return frame
    }

    /// The frame at the start of what is not consumed; nil while a part of it is missing.
    private func completeFrame() throws(WebSocketError) -> Frame? {
        let unread = buffer[consumed...]
        let room = limit - fragments.count
        guard let header = try WebSocketFrameHeader(unread, role: role, room: room) else { return nil }
        switch header.opcode {
        case .continuation where fragmentedOpcode == nil:
            throw .protocolError("a continuation has nothing to continue")
        case .text where fragmentedOpcode != nil, .binary where fragmentedOpcode != nil:
            throw .protocolError("a message begins within another")
        default: break
        }
        let body = unread.dropFirst(header.length)
        guard body.count >= header.payloadLength else { return nil }
        let payload = body.prefix(header.payloadLength)
        let unmasked = header.maskingKey.map { WebSocketMask.apply($0, to: payload) } ?? Array(payload)
        return Frame(opcode: header.opcode, isFinal: header.isFinal, payload: unmasked, end: payload.endIndex)
    }

    /// Keeps the memory for the next small message, but not that of a large one.
    private mutating func discardBuffer() {
        buffer.removeAll(keepingCapacity: buffer.capacity <= 1 << 16)
        consumed = 0
    }

    private mutating func discardBuffers() {
        buffer = []
        consumed = 0
        fragments = []
        fragmentedOpcode = nil
    }

    // MARK: Messages

    private mutating func message(from frame: Frame) throws(WebSocketError) -> WebSocketMessage? {
        switch frame.opcode {
        case .ping: return .ping(frame.payload)
        case .pong: return .pong(frame.payload)
        case .close:
            let message = try Self.closeMessage(frame.payload)
            isClosed = true
            discardBuffers()
            return message
        case .text, .binary:
            if frame.isFinal { return try Self.dataMessage(frame.opcode, frame.payload) }
            fragmentedOpcode = frame.opcode
            fragments = frame.payload
            return nil
        case .continuation:
            fragments.append(contentsOf: frame.payload)
            guard frame.isFinal, let opcode = fragmentedOpcode else { return nil }
            let payload = fragments
            fragments = []
            fragmentedOpcode = nil
            return try Self.dataMessage(opcode, payload)
        }
    }

    private static func dataMessage(
        _ opcode: WebSocketOpcode,
        _ payload: [UInt8]
    ) throws(WebSocketError) -> WebSocketMessage {
        guard opcode == .text else { return .binary(payload) }
        guard let text = String(validating: payload, as: UTF8.self) else {
            throw .invalidText("a text message is not valid UTF-8")
        }
        return .text(text)
    }

    private static func closeMessage(_ payload: [UInt8]) throws(WebSocketError) -> WebSocketMessage {
        if payload.isEmpty { return .close(code: nil, reason: "") }
        guard payload.count >= WebSocketLimits.closeCode else {
            throw .protocolError("a close message has half a code")
        }
        let code = payload.prefix(WebSocketLimits.closeCode).reduce(0) { $0 << 8 | UInt16($1) }
        switch code {
        // RFC 6455 section 7.4, and 1012 to 1014, which gateways send and IANA has registered since.
        case 1000...1003, 1007...1014, 3000...4999: break
        default: throw .protocolError("a close message has an invalid code")
        }
        guard let reason = String(validating: payload.dropFirst(WebSocketLimits.closeCode), as: UTF8.self) else {
            throw .invalidText("the reason of a close message is not valid UTF-8")
        }
        return .close(code: code, reason: reason)
    }
}
