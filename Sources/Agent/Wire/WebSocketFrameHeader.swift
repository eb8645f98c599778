/// The beginning of a frame, up to its payload (RFC 6455 section 5.2).
struct WebSocketFrameHeader {
    let opcode: WebSocketOpcode
    let isFinal: Bool
    /// In bytes, 2 to 14.
    let length: Int
    /// In bytes.
    let payloadLength: Int
    let maskingKey: UInt32?

    /// Reads a header from the beginning of what has arrived; nil while it is incomplete.
    ///
    /// Each fault is found as soon as the bytes that show it are there, and always the first one.
    /// - Parameters:
    ///   - bytes: What has arrived and is not consumed.
    ///   - role: Who receives it.
    ///   - room: How many bytes a data frame may carry.
    init?(_ bytes: ArraySlice<UInt8>, role: WebSocketRole, room: Int) throws(WebSocketError) {
        var reader = Reader(bytes: bytes)
        guard let first = reader.integer(bytes: 1), let second = reader.integer(bytes: 1) else { return nil }
        guard first & 0x70 == 0 else { throw .protocolError("a reserved bit is set") }
        guard let opcode = WebSocketOpcode(rawValue: UInt8(truncatingIfNeeded: first & 0x0F)) else {
            throw .protocolError("a frame has a reserved opcode")
        }
        let isFinal = first & 0x80 != 0
        let isMasked = second & 0x80 != 0
        switch role {
        case .client where isMasked: throw .protocolError("a frame from the server is masked")
        case .server where !isMasked: throw .protocolError("a frame from the client is not masked")
        default: break
        }
        let shortLength = second & 0x7F
        if opcode.isControl {
            guard isFinal else { throw .protocolError("a control frame is fragmented") }
            guard shortLength <= UInt64(WebSocketLimits.controlPayload) else {
                throw .protocolError("a control frame is longer than 125 bytes")
            }
        }

        guard let announced = try Self.announcedLength(shortLength, from: &reader) else { return nil }
        guard let payloadLength = Int(exactly: announced), opcode.isControl || payloadLength <= room else {
            throw .tooBig("a message is too big")
        }

        var maskingKey: UInt32?
        if isMasked {
            guard let key = reader.integer(bytes: 4) else { return nil }
            maskingKey = UInt32(truncatingIfNeeded: key)
        }
        self.opcode = opcode
        self.isFinal = isFinal
        self.length = bytes.count - reader.bytes.count
        self.payloadLength = payloadLength
        self.maskingKey = maskingKey
    }

    private static func announcedLength(
        _ shortLength: UInt64,
        from reader: inout Reader
    ) throws(WebSocketError) -> UInt64? {
        let shortest: UInt64
        let width: Int
        switch shortLength {
        case 126: (width, shortest) = (2, 126)
        case 127: (width, shortest) = (8, 0x1_0000)
        default: return shortLength
        }
        guard let length = reader.integer(bytes: width) else { return nil }
        guard length >> 63 == 0 else { throw .protocolError("a length is negative") }
        guard length >= shortest else { throw .protocolError("a length is not written in its shortest form") }
        return length
    }

    private struct Reader {
        var bytes: ArraySlice<UInt8>

        /// Takes a big-endian number of up to eight bytes, or nothing when they are not all there.
        mutating func integer(bytes count: Int) -> UInt64? {
            guard bytes.count >= count else { return nil }
            let value = bytes.prefix(count).reduce(0) { $0 << 8 | UInt64($1) }
            bytes.removeFirst(count)
            return value
        }
    }
}
