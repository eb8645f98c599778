import Agent

/// Takes requests out of the bytes of one connection (RFC 9112). Pure; strict where leniency lets requests be smuggled.
struct HTTPParser {
    static let headLimit = 16 << 10
    static let bodyLimit = 16 << 20

    private enum Framing {
        case length(Int)
        case chunkSize
        case chunkData(Int)
        case chunkEnd, trailer
    }

    private var buffer: [UInt8] = []
    private var start = 0
    /// Up to where the end of a line or head has been looked for in vain.
    private var scanned = 0
    private var request: Request?
    private var framing = Framing.length(0)
    private var trailerLength = 0

    /// Whether the client waits for `100 Continue` before it sends the body of the request that `next` waits for.
    private(set) var awaitsContinue = false

    /// Whether a request has begun that is not complete.
    var isInsideRequest: Bool { request != nil || start < buffer.count }

    mutating func append(_ bytes: [UInt8]) {
        if start == buffer.count {
            buffer = bytes
            start = 0
            scanned = 0
        } else {
            buffer.append(contentsOf: bytes)
        }
    }

    /// The next complete request, `nil` when more bytes are needed. After a throw there is nothing more.
    mutating func next() throws(HTTPFault) -> Request? {
        if request == nil, try !parseHead() { return nil }
        guard try parseBody(), let complete = request else { return nil }
        request = nil
        awaitsContinue = false
        return complete
    }

    /// Takes what came behind the last request: the beginning of another protocol.
    mutating func takeRest() -> [UInt8] {
        defer {
            buffer = []
            start = 0
        }
        return Array(buffer[start...])
    }

    /// To be called when `100 Continue` has been sent.
    mutating func continued() { awaitsContinue = false }

    // MARK: The head

    private mutating func parseHead() throws(HTTPFault) -> Bool {
        while start + 1 < buffer.count, buffer[start] == 0x0D, buffer[start + 1] == 0x0A { start += 2 }
        guard let head = try take(until: [0x0D, 0x0A, 0x0D, 0x0A], limit: Self.headLimit, status: 431) else {
            return false
        }
        let lines = try Self.lines(of: head)
        guard let first = lines.first else { throw HTTPFault(status: 400, reason: "no request line") }
        let parts = first.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, Self.isToken(parts[0]) else { throw HTTPFault(status: 400, reason: "bad request line") }
        guard parts[2] == "HTTP/1.1" || parts[2] == "HTTP/1.0" else {
            throw HTTPFault(status: 505, reason: "HTTP/1.1 is spoken here")
        }
        let isOld = parts[2] == "HTTP/1.0"
        var headers: [HTTPHeader] = []
        for line in lines.dropFirst() { headers.append(try Self.header(line)) }
        let (path, query) = try Self.target(parts[1])
        var request = Request(
            method: String(parts[0]),
            path: path,
            query: query,
            headers: headers,
            body: [],
            keepsAlive: !isOld
        )
        if request.header("Connection", contains: "close") { request.keepsAlive = false }
        guard isOld || headers.filter({ $0.name.lowercased() == "host" }).count == 1 else {
            throw HTTPFault(status: 400, reason: "one Host is needed")
        }
        framing = try Self.framing(of: request)
        awaitsContinue = !isOld && request.header("Expect", contains: "100-continue")
        trailerLength = 0
        self.request = request
        return true
    }

    private static func lines(of head: ArraySlice<UInt8>) throws(HTTPFault) -> [Substring] {
        // Only CR LF ends a line here, so that nothing is read as two lines by one and as one line by another.
        let text = String(decoding: head, as: UTF8.self)
        var lines: [Substring] = []
        var rest = text[...]
        while let end = rest.unicodeScalars.firstIndex(where: { $0 == "\r" || $0 == "\n" || $0 == "\0" }) {
            let after = rest.unicodeScalars.index(after: end)
            guard rest.unicodeScalars[end] == "\r", after < rest.endIndex, rest.unicodeScalars[after] == "\n" else {
                throw HTTPFault(status: 400, reason: "a control character in the head")
            }
            lines.append(rest[..<end])
            rest = rest[rest.unicodeScalars.index(after: after)...]
        }
        lines.append(rest)
        return lines
    }

    private static func header(_ line: Substring) throws(HTTPFault) -> HTTPHeader {
        guard let colon = line.firstIndex(of: ":"), isToken(line[..<colon]) else {
            throw HTTPFault(status: 400, reason: "bad header field")
        }
        return HTTPHeader(String(line[..<colon]), trimmed(line[line.index(after: colon)...]))
    }

    private static func framing(of request: Request) throws(HTTPFault) -> Framing {
        let length = request.header("Content-Length")
        if let coding = request.header("Transfer-Encoding") {
            guard coding.lowercased() == "chunked" else {
                throw HTTPFault(status: 501, reason: "unknown transfer coding")
            }
            guard length == nil else { throw HTTPFault(status: 400, reason: "two lengths") }
            return .chunkSize
        }
        guard let length else { return .length(0) }
        guard !length.isEmpty, length.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw HTTPFault(status: 400, reason: "bad Content-Length")
        }
        guard let value = Int(length), value <= bodyLimit else { throw HTTPFault(status: 413, reason: "body too long") }
        return .length(value)
    }

    private static func target(_ text: Substring) throws(HTTPFault) -> ([String], [String: String]) {
        var rest = text
        for scheme in ["http://", "https://"] where rest.lowercased().hasPrefix(scheme) {
            rest = rest.dropFirst(scheme.count)
            rest = rest.firstIndex(of: "/").map { rest[$0...] } ?? "/"
        }
        guard rest.hasPrefix("/") else { throw HTTPFault(status: 400, reason: "bad target") }
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var path: [String] = []
        for segment in parts[0].split(separator: "/") { path.append(try decoded(segment)) }
        var query: [String: String] = [:]
        if parts.count == 2 {
            for pair in parts[1].split(separator: "&") {
                let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                query[try decoded(sides[0])] = sides.count == 2 ? try decoded(sides[1]) : ""
            }
        }
        return (path, query)
    }

    private static func decoded(_ text: Substring) throws(HTTPFault) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = String(Substring(rest.prefix(2)))
            guard digits.utf8.count == 2, digits.first != "+", let value = UInt8(digits, radix: 16) else {
                throw HTTPFault(status: 400, reason: "bad percent encoding")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let result = String(validating: bytes, as: UTF8.self) else {
            throw HTTPFault(status: 400, reason: "the target is not UTF-8")
        }
        return result
    }

    private static func isToken(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    // MARK: The body

    private mutating func parseBody() throws(HTTPFault) -> Bool {
        while true {
            switch framing {
            case .length(let count):
                guard buffer.count - start >= count else { return false }
                take(count)
                return true
            case .chunkSize:
                guard let line = try take(until: [0x0D, 0x0A], limit: 256, status: 400) else { return false }
                let size = line.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 && $0 != 0x09 }
                let digits = String(decoding: size, as: UTF8.self)
                guard digits.first?.isHexDigit == true, let count = Int(digits, radix: 16) else {
                    throw HTTPFault(status: 400, reason: "bad chunk size")
                }
                guard count <= Self.bodyLimit - (request?.body.count ?? 0) else {
                    throw HTTPFault(status: 413, reason: "body too long")
                }
                framing = count == 0 ? .trailer : .chunkData(count)
            case .chunkData(let count):
                guard buffer.count - start >= count else { return false }
                take(count)
                framing = .chunkEnd
            case .chunkEnd:
                guard let line = try take(until: [0x0D, 0x0A], limit: 2, status: 400) else { return false }
                guard line.isEmpty else { throw HTTPFault(status: 400, reason: "a chunk does not end") }
                framing = .chunkSize
            case .trailer:
                guard let line = try take(until: [0x0D, 0x0A], limit: Self.headLimit, status: 431) else { return false }
                if line.isEmpty { return true }
                trailerLength += line.count + 2
                guard trailerLength <= Self.headLimit else { throw HTTPFault(status: 431, reason: "trailer too long") }
            }
        }
    }

    private mutating func take(_ count: Int) {
        request?.body.append(contentsOf: buffer[start..<start + count])
        advance(to: start + count)
    }

    /// Takes the bytes before `mark`, and `mark` itself; `nil` when it is not there yet.
    private mutating func take(until mark: [UInt8], limit: Int, status: Int) throws(HTTPFault) -> ArraySlice<UInt8>? {
        var index = max(start, scanned)
        while index + mark.count <= buffer.count {
            guard index - start <= limit else { break }
            if buffer[index] == mark[0], buffer[index..<index + mark.count].elementsEqual(mark) {
                let found = buffer[start..<index]
                advance(to: index + mark.count)
                return found
            }
            index += 1
        }
        scanned = index
        guard index - start <= limit else { throw HTTPFault(status: status, reason: "too long") }
        return nil
    }

    private mutating func advance(to index: Int) {
        start = index
        scanned = index
        if start == buffer.count {
            buffer = []
            start = 0
            scanned = 0
        } else if start >= 1 << 20 {
            buffer.removeFirst(start)
            start = 0
            scanned = 0
        }
    }
}
