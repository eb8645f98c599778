/// Why a text is not base64.
///
/// It never contains any of the text, so it may be logged.
public struct Base64Error: Error, Equatable, Sendable, CustomStringConvertible {
    /// Where the fault is, in bytes from the start of the text.
    public let offset: Int
    /// What is wrong, as a sentence without a full stop.
    public let reason: String

    public var description: String { "invalid base64 at byte \(offset): \(reason)" }
}

/// Base64 with the standard alphabet and with padding (RFC 4648 section 4).
public enum Base64 {
    private static let padding = UInt8(ascii: "=")

    /// The base64 text of these bytes, on one line.
    public static func encode(_ bytes: some Collection<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count)
        var remaining = bytes.makeIterator()
        while let first = remaining.next() {
            let second = remaining.next()
            let third = remaining.next()
            let group = UInt32(first) << 16 | UInt32(second ?? 0) << 8 | UInt32(third ?? 0)
            text.append(symbol(group >> 18))
            text.append(symbol(group >> 12))
            text.append(second == nil ? padding : symbol(group >> 6))
            text.append(third == nil ? padding : symbol(group))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that a base64 text stands for.
    ///
    /// Strict: padding is required, and white space, line ends and other alphabets are rejected. Only the unused bits of
    /// the last symbol may be anything, as most decoders have it.
    /// - Throws: `Base64Error` where the text is not base64.
    public static func decode(_ text: String) throws(Base64Error) -> [UInt8] {
        let symbols = Array(text.utf8)
        guard symbols.count.isMultiple(of: 4) else {
            throw Base64Error(offset: symbols.count, reason: "the length is not a multiple of four")
        }
        let paddingLength = symbols.suffix(2).reversed().prefix { $0 == padding }.count
        var bytes: [UInt8] = []
        bytes.reserveCapacity(symbols.count / 4 * 3)
        var bits: UInt32 = 0
        var bitCount: UInt32 = 0
        for (offset, symbol) in symbols.dropLast(paddingLength).enumerated() {
            guard let value = value(of: symbol) else {
                throw Base64Error(offset: offset, reason: "a character is not in the alphabet")
            }
            bits = bits << 6 | value
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> bitCount))
            }
        }
        return bytes
    }

    /// The symbol of the lowest six bits.
    private static func symbol(_ bits: UInt32) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: bits & 63)
        return switch value {
        case 0..<26: UInt8(ascii: "A") + value
        case 26..<52: UInt8(ascii: "a") + (value - 26)
        case 52..<62: UInt8(ascii: "0") + (value - 52)
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }

    private static func value(of symbol: UInt8) -> UInt32? {
        switch symbol {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(symbol - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(symbol - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(symbol - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
