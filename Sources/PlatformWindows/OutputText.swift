import CShims

/// Makes UTF-8 of what a script writes, bit by bit.
///
/// Scripts run where the console's code page is UTF-8, and most of what they start follows that. What does not writes in
/// the system's OEM code page: a line that is no UTF-8 is taken for that. Lines that are UTF-8 are never changed.
package struct OutputText {
    private let codePage: UINT
    /// The beginning of a character whose end has not come yet.
    private var rest: [UInt8] = []

    package init(codePage: UINT = shim_win_GetOEMCP()) { self.codePage = codePage }

    /// The text of these bytes, as far as it is whole.
    package mutating func convert(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var text = rest
        text.append(contentsOf: bytes)
        let whole = text.count - Self.incompleteTail(of: text)
        rest = Array(text[whole...])
        text.removeSubrange(whole...)
        return converted(text)
    }

    /// What is left when no more comes.
    package mutating func end() -> [UInt8] {
        defer { rest = [] }
        return converted(rest)
    }

    private func converted(_ text: [UInt8]) -> [UInt8] {
        if Self.isUTF8(text) { return text }
        var result: [UInt8] = []
        var line = text[...]
        while !line.isEmpty {
            let end = line.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? line.endIndex
            let piece = Array(line[..<end])
            result += Self.isUTF8(piece) ? piece : decoded(piece)
            line = line[end...]
        }
        return result
    }

    private func decoded(_ bytes: [UInt8]) -> [UInt8] {
        let count = shim_win_MultiByteToWideChar(codePage, 0, bytes, Int32(bytes.count), nil, 0)
        guard count > 0 else { return Array(String(decoding: bytes, as: UTF8.self).utf8) }
        let wide = [WCHAR](unsafeUninitializedCapacity: Int(count)) { buffer, initialized in
            let written = shim_win_MultiByteToWideChar(
                codePage,
                0,
                bytes,
                Int32(bytes.count),
                buffer.baseAddress,
                count
            )
            initialized = Int(max(0, written))
        }
        return Array(String(decoding: wide, as: UTF16.self).utf8)
    }

    private static func isUTF8(_ bytes: [UInt8]) -> Bool {
        bytes.allSatisfy { $0 < 0x80 } || String(validating: bytes, as: UTF8.self) != nil
    }

    /// How many bytes at the end may be the beginning of a character: up to 3.
    private static func incompleteTail(of bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let byte = bytes[bytes.count - length]
            if byte & 0xc0 == 0x80 { continue }
            let wanted = byte >= 0xf0 && byte < 0xf5 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1
            return byte < 0xf5 && wanted > length ? length : 0
        }
        return 0
    }
}
