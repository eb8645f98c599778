/// Base64 between a header and a footer line (RFC 7468).
public enum PEM {
    /// The text with these bytes in lines of 64 characters.
    public static func encode(_ der: [UInt8], label: String) -> String {
        var text = "-----BEGIN \(label)-----\n"
        var rest = Base64.encode(der)[...]
        while !rest.isEmpty {
            text += rest.prefix(64) + "\n"
            rest = rest.dropFirst(64)
        }
        return text + "-----END \(label)-----\n"
    }

    /// The bytes, whatever the line ends are; `nil` when the text is not of this kind.
    public static func decode(_ text: String, label: String) -> [UInt8]? {
        let lines = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let (header, footer) = ("-----BEGIN \(label)-----", "-----END \(label)-----")
        guard lines.hasPrefix(header), lines.hasSuffix(footer), lines.count >= header.count + footer.count else {
            return nil
        }
        let body = lines.dropFirst(header.count).dropLast(footer.count)
        return try? Base64.decode(String(body.filter { $0 != " " }))
    }
}
