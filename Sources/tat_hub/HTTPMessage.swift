import Agent

/// One HTTP request as the server got it.
struct Request: Sendable {
    var method: String
    /// The segments of the path, percent-decoded; none for `/`.
    var path: [String]
    var query: [String: String]
    var headers: [HTTPHeader]
    var body: [UInt8]
    /// Whether the connection goes on after the reply.
    var keepsAlive: Bool

    /// The value of a header field; several are joined as RFC 9110 has it.
    func header(_ name: String) -> String? {
        let values = headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }

    /// Whether a comma-separated header field has this element, in any case of letters.
    func header(_ name: String, contains element: String) -> Bool {
        guard let value = header(name) else { return false }
        return value.split(separator: ",").contains { trimmed($0).lowercased() == element }
    }
}

/// One HTTP reply.
struct Reply: Sendable {
    var status = 200
    var contentType = "application/json"
    var headers: [HTTPHeader] = []
    var body: [UInt8]

    static func json(_ value: JSON, status: Int = 200) -> Reply {
        Reply(status: status, body: value.encoded())
    }

    static func text(_ text: String, status: Int) -> Reply {
        Reply(status: status, contentType: "text/plain; charset=utf-8", body: Array((text + "\n").utf8))
    }

    /// An error of the control API.
    static func error(_ message: String, status: Int) -> Reply {
        .json(["error": .string(message)], status: status)
    }

    /// The reply as it goes over the wire.
    func encoded(keepsAlive: Bool, withBody: Bool = true) -> [UInt8] {
        var head = "HTTP/1.1 \(status) \(Self.reason(status))\r\n"
        for header in headers { head += "\(header.name): \(header.value)\r\n" }
        if status != 101 {
            head += "Content-Type: \(contentType)\r\nContent-Length: \(body.count)\r\n"
            if !keepsAlive { head += "Connection: close\r\n" }
        }
        head += "\r\n"
        return Array(head.utf8) + (withBody ? body : [])
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 409: "Conflict"
        case 413: "Content Too Large"
        case 426: "Upgrade Required"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}

/// What becomes of a request: a reply, or one of the things that a server ought not to do.
enum Outcome: Sendable {
    case reply(Reply)
    /// The connection is reset.
    case reset
    /// There is never an answer.
    case stall
    /// The reply breaks off half way, with a reset or an end of the connection.
    case part(Reply, reset: Bool)
    /// The connection is handed over after status 101, with the bytes that came behind the request.
    case upgrade([HTTPHeader], @LoopActor @Sendable (ByteStream, [UInt8]) async -> Void)
}

/// A request that is not HTTP, or not HTTP as it is spoken here.
struct HTTPFault: Error, Equatable {
    let status: Int
    let reason: String
}

/// Without spaces and tabs around it.
func trimmed(_ text: some StringProtocol) -> String {
    func isSpace(_ character: Character) -> Bool { character == " " || character == "\t" }
    var rest = Substring(text).drop(while: isSpace)
    while let last = rest.last, isSpace(last) { rest.removeLast() }
    return String(rest)
}
