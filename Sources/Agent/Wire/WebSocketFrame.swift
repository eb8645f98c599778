/// Which end of a WebSocket connection one is.
public enum WebSocketRole: Sendable {
    /// Masks what it sends and takes only what is not masked.
    case client
    /// Takes only what is masked and masks nothing.
    case server
}

/// What a frame is (RFC 6455 section 5.2).
public enum WebSocketOpcode: UInt8, Sendable {
    case continuation = 0
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10

    /// Whether the frame is about the connection rather than part of a message.
    public var isControl: Bool { rawValue >= 8 }
}

/// The protocol's numbers that both directions need.
enum WebSocketLimits {
    /// The longest payload of a control frame, in bytes.
    static let controlPayload = 125
    /// The code of a close frame, in bytes.
    static let closeCode = 2
}

/// Makes frames (RFC 6455 section 5).
public enum WebSocketEncoder {
    /// One frame.
    ///
    /// A control frame is always final and carries 125 bytes at most; more is cut off.
    /// - Parameters:
    ///   - opcode: What the frame is; `continuation` for all but the first frame of a message.
    ///   - payload: Its content, for `text` valid UTF-8 over the whole message.
    ///   - final: Whether this frame ends its message.
    ///   - maskingKey: A new unpredictable number for each frame from a client; nil from a server.
    public static func frame(
        opcode: WebSocketOpcode,
        payload: [UInt8],
        final: Bool = true,
        maskingKey: UInt32?
    ) -> [UInt8] {
        let payload = opcode.isControl ? payload.prefix(WebSocketLimits.controlPayload) : payload[...]
        let finalBit: UInt8 = final || opcode.isControl ? 0x80 : 0
        let maskBit: UInt8 = maskingKey == nil ? 0 : 0x80
        var frame = [finalBit | opcode.rawValue]
        switch payload.count {
        case 0...125:
            frame.append(maskBit | UInt8(truncatingIfNeeded: payload.count))
        case 126...0xFFFF:
            frame.append(maskBit | 126)
            frame.append(bigEndian: UInt16(truncatingIfNeeded: payload.count))
        default:
            frame.append(maskBit | 127)
            frame.append(bigEndian: UInt64(payload.count))
        }
        if let maskingKey {
            frame.append(bigEndian: maskingKey)
            frame.append(contentsOf: WebSocketMask.apply(maskingKey, to: payload))
        } else {
            frame.append(contentsOf: payload)
        }
        return frame
    }

    /// A close frame.
    /// - Parameters:
    ///   - code: Why the connection is closed; without one the frame is empty and has no reason either.
    ///   - reason: Why in words; cut between two characters after at most 123 bytes.
    ///   - maskingKey: A new unpredictable number for each frame from a client; nil from a server.
    public static func close(code: UInt16?, reason: String, maskingKey: UInt32?) -> [UInt8] {
        var payload: [UInt8] = []
        if let code {
            payload.append(bigEndian: code)
            let words = reason.utf8.prefix(WebSocketLimits.controlPayload - WebSocketLimits.closeCode)
            let bytes = Array(words)
            payload.append(contentsOf: bytes.prefix(UTF8Prefix.completeLength(of: bytes)))
        }
        return frame(opcode: .close, payload: payload, maskingKey: maskingKey)
    }
}

/// The masking of payloads (RFC 6455 section 5.3); applied twice it is undone.
enum WebSocketMask {
    static func apply(_ key: UInt32, to payload: ArraySlice<UInt8>) -> [UInt8] {
        var key = key
        return payload.map { byte in
            key = key << 8 | key >> 24
            return byte ^ UInt8(truncatingIfNeeded: key)
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian value: some FixedWidthInteger) {
        var shift = value.bitWidth
        while shift > 0 {
            shift -= 8
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }
}
