extension WebSocketHandshake {
    private static let longestHead = 16 << 10

    /// Reads the head of a server's response (RFC 9112); nil while it is incomplete.
    ///
    /// Names of header fields come in lower case, values without the spaces around them. Lines must end with CR LF, and
    /// the head may take 16 KiB. What follows the head is already WebSocket frames if the status is 101.
    /// - Throws: `WebSocketHandshakeError` as soon as what arrived cannot become such a head.
    public static func parseResponse(_ bytes: [UInt8]) throws(WebSocketHandshakeError) -> ResponseHead? {
        var unread = bytes.prefix(longestHead)
        guard let statusLine = try takeLine(&unread, of: bytes) else { return nil }
        let status = try parseStatus(statusLine)
        var headers: [(name: String, value: String)] = []
        while let line = try takeLine(&unread, of: bytes) {
            if line.isEmpty { return (status, headers, unread.startIndex) }
            headers.append(try parseField(line))
        }
        return nil
    }

    /// Takes a line without its end; nil while that has not arrived.
    private static func takeLine(
        _ unread: inout ArraySlice<UInt8>,
        of bytes: [UInt8]
    ) throws(WebSocketHandshakeError) -> ArraySlice<UInt8>? {
        let lineFeed = unread.firstIndex(of: 0x0A)
        let line = unread[..<(lineFeed ?? unread.endIndex)]
        if lineFeed == nil, bytes.count >= longestHead {
            throw WebSocketHandshakeError(reason: "the head of the response is too long")
        }
        guard let carriageReturn = line.firstIndex(of: 0x0D) else {
            if lineFeed == nil { return nil }
            throw WebSocketHandshakeError(reason: "a line of the response does not end with CR LF")
        }
        guard carriageReturn == line.endIndex - 1 else {
            throw WebSocketHandshakeError(reason: "a line of the response contains a carriage return")
        }
        guard let lineFeed else { return nil }
        unread = unread[(lineFeed + 1)...]
        return line.dropLast()
    }

    /// Reads `HTTP/1.x NNN`, and then a space and any reason.
    private static func parseStatus(_ line: ArraySlice<UInt8>) throws(WebSocketHandshakeError) -> Int {
        let version = line.prefix(8)
        let code = line.dropFirst(9).prefix(3)
        guard version.dropLast().elementsEqual("HTTP/1.".utf8), version.last.map(HTTPText.isDigit) == true,
            line.dropFirst(8).first == 0x20,
            code.count == 3, code.allSatisfy(HTTPText.isDigit), code.first != UInt8(ascii: "0"),
            line.count == 12 || line.dropFirst(12).first == 0x20,
            line.allSatisfy(HTTPText.isFieldText)
        else {
            throw WebSocketHandshakeError(reason: "the response does not begin with an HTTP/1 status line")
        }
        return code.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private static func parseField(
        _ line: ArraySlice<UInt8>
    ) throws(WebSocketHandshakeError) -> (name: String, value: String) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            throw WebSocketHandshakeError(reason: "a header field of the response has no colon")
        }
        let name = String(decoding: line[..<colon], as: UTF8.self)
        let value = line[(colon + 1)...]
        guard HTTPText.isToken(name), value.allSatisfy(HTTPText.isFieldText) else {
            throw WebSocketHandshakeError(reason: "a header field of the response is not valid")
        }
        return (HTTPText.lowercased(name), String(decoding: HTTPText.trimmed(value), as: UTF8.self))
    }
}
