import Agent

/// The parts of an address that WinHTTP is told: it never gets the whole, so nobody else's reading of it matters.
package struct HTTPAddress: Equatable, Sendable {
    package let isSecure: Bool
    /// A name or an address, IPv6 in brackets.
    package let host: String
    package let port: UInt16
    /// Path and query, of visible ASCII characters.
    package let path: String

    /// Reads an address that has one of the schemes, which is all in lower case there.
    package init(_ text: String, schemes: [String: Bool]) throws(TransportError) {
        guard text.utf8.count <= 64 << 10,
            text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }),
            let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")),
            let isSecure = schemes[text[..<colon].lowercased()], text[colon...].utf8.starts(with: "://".utf8)
        else { throw Self.invalid }
        let rest = text.utf8[colon...].dropFirst(3)
        let end = rest.firstIndex { "/?#".utf8.contains($0) } ?? rest.endIndex
        self.isSecure = isSecure
        (host, port) = try Self.authority(Substring(rest[..<end]), port: isSecure ? 443 : 80)
        path = Self.path(rest[end...])
    }

    /// Whether TLS is used, by scheme.
    package static let http = ["http": false, "https": true]
    package static let webSocket = ["ws": false, "wss": true]
    package static let all = http.merging(webSocket) { $1 }

    /// What a `Host` field says: the port only where it is not the usual one.
    package var authority: String { port == (isSecure ? 443 : 80) ? host : "\(host):\(port)" }

    /// The host, IPv6 without brackets.
    package var name: String { host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host }

    private static func authority(_ text: Substring, port usual: UInt16) throws(TransportError) -> (String, UInt16) {
        var host = text
        var port = usual
        // Behind the bracket of an IPv6 address, if it is one.
        let afterBracket = text.utf8.lastIndex(of: UInt8(ascii: "]")) ?? text.startIndex
        if let colon = text.utf8[afterBracket...].lastIndex(of: UInt8(ascii: ":")) {
            host = text[..<colon]
            let digits = text.utf8[colon...].dropFirst()
            if !digits.isEmpty {
                guard digits.count <= 5, digits.allSatisfy({ (0x30...0x39).contains($0) }),
                    let number = UInt16(String(Substring(digits))), number > 0
                else { throw invalid }
                port = number
            }
        }
        // A name and a password before the host are not supported.
        guard !host.isEmpty, !host.utf8.contains(UInt8(ascii: "@")), host.utf8.count <= 255 else { throw invalid }
        if host.utf8.first == UInt8(ascii: "[") {
            let inner = host.utf8.dropFirst().dropLast()
            guard host.utf8.last == UInt8(ascii: "]"), !inner.isEmpty, inner.allSatisfy(isInIPv6) else { throw invalid }
        } else if host.utf8.contains(where: { "[]:<>\"%|^`{}".utf8.contains($0) }) {
            throw invalid
        }
        return (String(host), port)
    }

    /// Without the fragment; bytes that are not ASCII are percent-encoded, as it is done everywhere.
    private static func path(_ text: Substring.UTF8View) -> String {
        var path = ""
        for byte in text.prefix(while: { $0 != UInt8(ascii: "#") }) {
            if byte < 0x80 {
                path.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                path += "%" + String(byte, radix: 16, uppercase: true)
            }
        }
        return path.utf8.first == UInt8(ascii: "/") ? path : "/" + path
    }

    private static func isInIPv6(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20) || byte == UInt8(ascii: ":")
            || byte == UInt8(ascii: ".")
    }

    private static let invalid = TransportError(.invalidRequest, "the address is not valid")
}
