extension JSON {
    /// What a document may cost.
    public struct Limits: Sendable {
        /// How many arrays and objects may be open inside each other; more than 512 counts as 512.
        public var depth: Int
        /// The longest text, in bytes.
        public var bytes: Int
        /// How many values the document may consist of; this bounds memory, at some 40 bytes a value plus the text.
        public var values: Int

        /// The limits that suit messages of the service.
        public init(depth: Int = 64, bytes: Int = 16 << 20, values: Int = 1_000_000) {
            self.depth = depth
            self.bytes = bytes
            self.values = values
        }
    }

    /// Parses a document strictly by RFC 8259, in linear time.
    ///
    /// A byte order mark, text that is not well-formed UTF-8, an escape that is half of a surrogate pair, and a number
    /// that a `Double` cannot reach are rejected; a number too small for a `Double` becomes zero. `-0` is a `double`.
    /// - Throws: `JSONError` where the text is not JSON or exceeds a limit.
    public static func parse(_ bytes: [UInt8], limits: Limits = Limits()) throws(JSONError) -> JSON {
        var parser = JSONParser(bytes: bytes, limits: limits)
        return try parser.document()
    }

    /// Parses a document strictly by RFC 8259, in linear time.
    /// - Throws: `JSONError` where the text is not JSON or exceeds a limit.
    public static func parse(_ text: String, limits: Limits = Limits()) throws(JSONError) -> JSON {
        try parse(Array(text.utf8), limits: limits)
    }
}

/// A recursive descent over one text; the depth limit bounds the recursion.
private struct JSONParser {
    private static let greatestDepth = 512

    private let bytes: [UInt8]
    private let limits: JSON.Limits
    /// The next byte to read; never past the end.
    private var offset = 0
    private var values = 0

    init(bytes: [UInt8], limits: JSON.Limits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func document() throws(JSONError) -> JSON {
        guard bytes.count <= limits.bytes else {
            throw JSONError(offset: max(0, limits.bytes), reason: "the document is too long")
        }
        skipWhitespace()
        let value = try value(depth: 0)
        skipWhitespace()
        guard offset == bytes.count else { throw failure("the document goes on after its value") }
        return value
    }

    // MARK: Structure

    private mutating func value(depth: Int) throws(JSONError) -> JSON {
        guard values < limits.values else { throw failure("the document has too many values") }
        values += 1
        guard let first = peek else { throw failure("a value is expected") }
        switch first {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: throw failure("a value is expected")
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSON.Object {
        try open(depth: depth)
        var object = JSON.Object()
        if consume(UInt8(ascii: "}")) { return object }
        while true {
            guard peek == UInt8(ascii: "\"") else { throw failure("a key is expected") }
            let key = try string()
            skipWhitespace()
            guard consume(UInt8(ascii: ":")) else { throw failure("a colon is expected") }
            skipWhitespace()
            object.append(key: key, value: try value(depth: depth + 1))
            skipWhitespace()
            if consume(UInt8(ascii: "}")) { return object }
            guard consume(UInt8(ascii: ",")) else { throw failure("a comma or a closing brace is expected") }
            skipWhitespace()
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSON] {
        try open(depth: depth)
        var elements: [JSON] = []
        if consume(UInt8(ascii: "]")) { return elements }
        while true {
            elements.append(try value(depth: depth + 1))
            skipWhitespace()
            if consume(UInt8(ascii: "]")) { return elements }
            guard consume(UInt8(ascii: ",")) else { throw failure("a comma or a closing bracket is expected") }
            skipWhitespace()
        }
    }

    /// Steps over the opening bracket or brace.
    private mutating func open(depth: Int) throws(JSONError) {
        guard depth < min(limits.depth, Self.greatestDepth) else { throw failure("the document is nested too deeply") }
        offset += 1
        skipWhitespace()
    }

    private mutating func literal(_ name: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        let start = offset
        for byte in name.description.utf8 where !consume(byte) {
            throw JSONError(offset: start, reason: "a value is expected")
        }
        return value
    }

    // MARK: Numbers

    private mutating func number() throws(JSONError) -> JSON {
        let start = offset
        let isNegative = consume(UInt8(ascii: "-"))
        var isInteger = true
        let magnitude = try integerPart()
        if consume(UInt8(ascii: ".")) {
            isInteger = false
            try digits()
        }
        if consume(UInt8(ascii: "e")) || consume(UInt8(ascii: "E")) {
            isInteger = false
            _ = consume(UInt8(ascii: "+")) || consume(UInt8(ascii: "-"))
            try digits()
        }
        if isInteger, let magnitude, let value = Self.integer(magnitude, isNegative: isNegative) { return value }
        guard let value = Double(String(decoding: bytes[start..<offset], as: UTF8.self)), value.isFinite else {
            throw JSONError(offset: start, reason: "the number is out of range")
        }
        return .double(value)
    }

    /// Steps over a zero, or digits that do not begin with zero; returns their value if it fits.
    private mutating func integerPart() throws(JSONError) -> UInt64? {
        if consume(UInt8(ascii: "0")) {
            if digit != nil { throw failure("a number has a leading zero") }
            return 0
        }
        guard digit != nil else { throw failure("a digit is expected") }
        var value: UInt64 = 0
        var fits = true
        while let digit {
            offset += 1
            let (tens, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, isTooLargeBySum) = tens.addingReportingOverflow(UInt64(digit))
            fits = fits && !isTooLarge && !isTooLargeBySum
            value = sum
        }
        return fits ? value : nil
    }

    /// Steps over one or more digits.
    private mutating func digits() throws(JSONError) {
        guard digit != nil else { throw failure("a digit is expected") }
        while digit != nil { offset += 1 }
    }

    private var digit: UInt8? {
        guard let peek, case UInt8(ascii: "0")...UInt8(ascii: "9") = peek else { return nil }
        return peek - UInt8(ascii: "0")
    }

    /// The integer of that size, or nil when none is exact: minus zero is not, nor what needs more than 64 bits.
    private static func integer(_ magnitude: UInt64, isNegative: Bool) -> JSON? {
        if !isNegative {
            return Int64(exactly: magnitude).map(JSON.integer) ?? .unsigned(magnitude)
        }
        guard magnitude > 0, magnitude <= Int64.min.magnitude else { return nil }
        return .integer(Int64(truncatingIfNeeded: 0 &- magnitude))
    }

    // MARK: Strings

    private mutating func string() throws(JSONError) -> String {
        let start = offset
        offset += 1
        // What precedes `copied` has been moved, unescaped, to `unescaped`; without any escape nothing is moved.
        var unescaped: [UInt8] = []
        var copied = offset
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                let rest = bytes[copied..<offset]
                offset += 1
                if copied == start + 1 { return try validated(rest, at: start) }
                unescaped.append(contentsOf: rest)
                return try validated(unescaped[...], at: start)
            case UInt8(ascii: "\\"):
                unescaped.append(contentsOf: bytes[copied..<offset])
                try unescape(into: &unescaped)
                copied = offset
            case 0..<0x20:
                throw failure("a string contains a control character")
            default:
                offset += 1
            }
        }
        throw failure("a string does not end")
    }

    /// Escapes insert whole characters only, so they neither mend nor break what the text says around them.
    private func validated(_ text: ArraySlice<UInt8>, at start: Int) throws(JSONError) -> String {
        guard let string = String(validating: text, as: UTF8.self) else {
            throw JSONError(offset: start, reason: "a string is not valid UTF-8")
        }
        return string
    }

    private mutating func unescape(into text: inout [UInt8]) throws(JSONError) {
        let start = offset
        offset += 1
        guard let byte = peek else { throw failure("a string does not end") }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: try scalar(at: start).utf8)
        default: throw JSONError(offset: start, reason: "an escape is unknown")
        }
    }

    /// Reads the digits of a `\u` escape, and the second escape where the first is half of a pair.
    private mutating func scalar(at start: Int) throws(JSONError) -> Unicode.Scalar {
        let first = try fourHexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        if first < 0xDC00, consume(UInt8(ascii: "\\")), consume(UInt8(ascii: "u")) {
            let second = try fourHexDigits()
            if case 0xDC00...0xDFFF = second,
                let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            {
                return scalar
            }
        }
        throw JSONError(offset: start, reason: "an escape is half of a surrogate pair")
    }

    private mutating func fourHexDigits() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = peek.flatMap(Self.hexDigit) else { throw failure("four hexadecimal digits are expected") }
            offset += 1
            value = value << 4 | digit
        }
        return value
    }

    private static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }

    // MARK: Bytes

    private var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func consume(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        offset += 1
        return true
    }

    private mutating func skipWhitespace() {
        while let peek, peek == 0x20 || peek == 0x0A || peek == 0x0D || peek == 0x09 { offset += 1 }
    }

    private func failure(_ reason: String) -> JSONError { JSONError(offset: offset, reason: reason) }
}
