extension JSON {
    /// This value as compact JSON text (RFC 8259): valid UTF-8, no spaces, members in their order.
    ///
    /// Control characters, the quote and the backslash are escaped, nothing else. A `double` is written with the fewest
    /// digits that read back as the same value; one that is not finite has no JSON form and becomes `null`.
    public func encoded() -> [UInt8] {
        var text: [UInt8] = []
        write(to: &text)
        return text
    }

    private func write(to text: inout [UInt8]) {
        switch self {
        case .null: text.append(contentsOf: "null".utf8)
        case .bool(let value): text.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): text.append(contentsOf: value.description.utf8)
        case .unsigned(let value): text.append(contentsOf: value.description.utf8)
        case .double(let value): text.append(contentsOf: (value.isFinite ? value.description : "null").utf8)
        case .string(let value): Self.write(value, to: &text)
        case .array(let elements):
            text.append(UInt8(ascii: "["))
            var isFirst = true
            for element in elements {
                if !isFirst { text.append(UInt8(ascii: ",")) }
                isFirst = false
                element.write(to: &text)
            }
            text.append(UInt8(ascii: "]"))
        case .object(let object):
            text.append(UInt8(ascii: "{"))
            var isFirst = true
            for (key, value) in object.members {
                if !isFirst { text.append(UInt8(ascii: ",")) }
                isFirst = false
                Self.write(key, to: &text)
                text.append(UInt8(ascii: ":"))
                value.write(to: &text)
            }
            text.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ string: String, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""): text.append(contentsOf: "\\\"".utf8)
            case UInt8(ascii: "\\"): text.append(contentsOf: "\\\\".utf8)
            case 0x0A: text.append(contentsOf: "\\n".utf8)
            case 0x0D: text.append(contentsOf: "\\r".utf8)
            case 0x09: text.append(contentsOf: "\\t".utf8)
            case 0..<0x10: text.append(contentsOf: "\\u000\(String(byte, radix: 16))".utf8)
            case 0x10..<0x20: text.append(contentsOf: "\\u00\(String(byte, radix: 16))".utf8)
            default: text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
    }
}
