import Agent
import CShims

/// A blocking TCP connection to a port of this machine, for tests that look at every byte.
final class TestSocket {
    /// How a connection ended.
    enum End: Error, Equatable {
        /// The peer closed it in order.
        case closed
        case reset
        case timedOut
        case failed(Int32)
    }

    struct Reply {
        var status: Int
        var head: String
        var body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
    }

    private let descriptor: Int32
    private var buffer: [UInt8] = []

    init(port: UInt16, timeout: Int = 20) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: timeout, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw End.failed(shim_errno()) }
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { CShims.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Self.end() }
            rest = rest.dropFirst(count)
        }
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    /// No more is sent; the other direction stays open.
    func endInput() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// The next bytes, at least one.
    func receive() throws -> [UInt8] {
        if !buffer.isEmpty {
            defer { buffer = [] }
            return buffer
        }
        var block = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &block, block.count, 0)
        if count == 0 { throw End.closed }
        guard count > 0 else { throw Self.end() }
        return Array(block.prefix(count))
    }

    /// How the connection ends when whatever still comes is passed over.
    func waitForEnd() -> End? {
        do {
            while true { _ = try receive() }
        } catch {
            return error as? End
        }
    }

    private static func end() -> End {
        switch shim_errno() {
        case ECONNRESET, EPIPE: .reset
        case EAGAIN: .timedOut
        case let code: .failed(code)
        }
    }

    // MARK: HTTP

    /// Makes one HTTP request and reads its reply.
    func exchange(
        _ method: String,
        _ path: String,
        headers: [(String, String)] = [],
        body: [UInt8] = []
    ) throws -> Reply {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        head += "Content-Length: \(body.count)\r\n\r\n"
        try send(Array(head.utf8) + body)
        return try receiveReply()
    }

    /// Reads one reply; what comes behind it is kept for later.
    func receiveReply() throws -> Reply {
        var bytes: [UInt8] = []
        var end: Int?
        var searched = 0
        while end == nil {
            bytes += try receive()
            while searched + 4 <= bytes.count {
                if bytes[searched..<searched + 4].elementsEqual("\r\n\r\n".utf8) {
                    end = searched + 4
                    break
                }
                searched += 1
            }
        }
        let head = String(decoding: bytes.prefix(end ?? 0), as: UTF8.self)
        let words = head.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, let status = Int(words[1]) else { throw TestFailure("no HTTP: \(head)") }
        let length =
            head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst(15).filter { $0 != " " }) } ?? 0
        var body = Array(bytes.dropFirst(end ?? 0))
        while body.count < length { body += try receive() }
        buffer = Array(body.dropFirst(length))
        return Reply(status: status, head: head, body: Array(body.prefix(length)))
    }
}
