/// The characters that the parts of an HTTP head may consist of (RFC 9110 section 5), byte by byte.
enum HTTPText {
    /// Whether this is the name of a header field or another token: one or more letters, digits, and some marks.
    static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { isAlphanumeric($0) || "!#$%&'*+-.^_`|~".utf8.contains($0) }
    }

    /// Whether this byte may stand in the value of a header field: no control character but the tab.
    static func isFieldText(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == 0x09 }

    /// Whether this is an ASCII character that one can see, so not a space.
    static func isVisible(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F }

    static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    /// The text with ASCII letters in lower case and everything else as it is.
    static func lowercased(_ text: String) -> String {
        String(decoding: text.utf8.map { isUppercase($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    /// The items of a comma-separated value, in lower case.
    static func listItems(_ value: String) -> [String] {
        value.utf8.split(separator: UInt8(ascii: ",")).map { item in
            lowercased(String(decoding: trimmed(Array(item)[...]), as: UTF8.self))
        }
    }

    /// The bytes without spaces and tabs around them.
    static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes.drop(while: isBlank)
        while let last = bytes.last, isBlank(last) { bytes.removeLast() }
        return bytes
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func isUppercase(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isDigit(byte) || isUppercase(byte & 0xDF) && byte < 0x80
    }
}
