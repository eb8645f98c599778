import Agent
import CShims
import PlatformLinux

/// Calls the control API of a running hub, one connection a call, waiting for each answer.
struct ControlClient {
    private static let replyLimit = 64 << 20

    private let place: HostPort
    private let token: String

    init(_ directory: StateDirectory) throws(Failure) {
        let access = try directory.access()
        guard let place = HostPort(access.address) else { throw Failure("hub.json has no usable address") }
        self.place = place
        token = access.token
    }

    /// An answer of the hub.
    struct Answer {
        let status: Int
        let json: JSON

        /// The answer when the hub did what it was asked for.
        func successful() throws(Failure) -> JSON {
            guard status >= 200, status < 300 else {
                throw Failure(printable(json["error"]?.string ?? "the hub answered with status \(status)"))
            }
            return json
        }
    }

    /// A waiting call was given up because of a signal.
    enum Outcome {
        case answer(Answer)
        case interrupted
    }

    func get(_ path: String) throws(Failure) -> JSON {
        try call("GET", path, nil).successful()
    }

    func post(_ path: String, _ body: JSON) throws(Failure) -> JSON {
        try call("POST", path, body).successful()
    }

    private func call(_ method: String, _ path: String, _ body: JSON?) throws(Failure) -> Answer {
        guard case .answer(let answer) = try call(method, path, body, signals: nil) else {
            throw Failure("interrupted")
        }
        return answer
    }

    /// Makes a call, and gives it up when a signal can be read from `signals`.
    func call(_ method: String, _ path: String, _ body: JSON?, signals: FileDescriptor?) throws(Failure) -> Outcome {
        let socket = try Sockets.connect(to: place)
        let content = body?.encoded() ?? []
        let head = """
            \(method) \(path) HTTP/1.1\r
            Host: \(place)\r
            Authorization: Bearer \(token)\r
            Connection: close\r
            Content-Type: application/json\r
            Content-Length: \(content.count)\r
            \r\n
            """
        guard writeAll(Array(head.utf8) + content, to: socket.number) else { throw .system("send to the hub") }
        var reply: [UInt8] = []
        while true {
            if let signals, try Self.waitForInput(socket, or: signals) { return .interrupted }
            let bytes = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, initialized in
                initialized = max(0, retrying { recv(socket.number, buffer.baseAddress, buffer.count, 0) })
            }
            if bytes.isEmpty { break }
            reply.append(contentsOf: bytes)
            guard reply.count <= Self.replyLimit else { throw Failure("the answer of the hub is too long") }
        }
        return .answer(try Self.parse(reply))
    }

    /// Whether it was a signal that came.
    private static func waitForInput(_ socket: FileDescriptor, or signals: FileDescriptor) throws(Failure) -> Bool {
        var waiting = [
            pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0),
            pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0),
        ]
        guard retrying({ poll(&waiting, 2, -1) }) >= 0 else { throw .system("poll") }
        return waiting[1].revents != 0 && Signals.take(from: signals)
    }

    private static func parse(_ reply: [UInt8]) throws(Failure) -> Answer {
        let mark = Array("\r\n\r\n".utf8)
        var end = 0
        while end + 4 <= reply.count, !reply[end..<end + 4].elementsEqual(mark) { end += 1 }
        let head = String(decoding: reply.prefix(end), as: UTF8.self).split(separator: "\r\n")
        let words = head.first?.split(separator: " ") ?? []
        guard end + 4 <= reply.count, words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw Failure("the hub went away")
        }
        let length = head.lazy.map { $0.split(separator: ":", maxSplits: 1) }
            .first { $0.count == 2 && $0[0].lowercased() == "content-length" }
            .flatMap { Int(trimmed($0[1])) }
        let body = Array(reply[(end + 4)...])
        guard length == nil || length == body.count else { throw Failure("the hub went away") }
        var limits = JSON.Limits()
        limits.bytes = replyLimit
        guard let json = try? JSON.parse(body, limits: limits) else {
            throw Failure("the answer of the hub is not JSON")
        }
        return Answer(status: status, json: json)
    }

    /// A text as one segment of a path.
    static func segment(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                String(UnicodeScalar(byte))
            default: "%" + hexadecimal([byte])
            }
        }.joined()
    }
}
