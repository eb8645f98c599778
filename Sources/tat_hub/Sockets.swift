import CShims
import PlatformLinux

/// An internet address and port as people write them: `127.0.0.1:8086`, `[::1]:8086`, `:8086`.
struct HostPort: Equatable, Sendable, CustomStringConvertible {
    var host: String
    var port: UInt16

    init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// `nil` when there is no port in it. No host means the loopback address.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        self.host = host.isEmpty ? "127.0.0.1" : String(host)
        self.port = port
    }

    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    var isLoopback: Bool { host.hasPrefix("127.") || host == "::1" || host == "localhost" }

    /// Where a client on this machine reaches a server that listens here.
    var reachable: HostPort {
        switch host {
        case "0.0.0.0": HostPort(host: "127.0.0.1", port: port)
        case "::": HostPort(host: "::1", port: port)
        default: self
        }
    }
}

/// TCP sockets.
enum Sockets {
    /// A listening, non-blocking socket, and the address it got.
    static func listen(at place: HostPort) throws(Failure) -> (socket: FileDescriptor, address: HostPort) {
        try withAddresses(of: place, flags: AI_PASSIVE) { address throws(Failure) in
            let socket = try open(address, extra: Int32(SOCK_NONBLOCK.rawValue))
            set(socket, SOL_SOCKET, SO_REUSEADDR, 1)
            guard bind(socket.number, address.ai_addr, address.ai_addrlen) == 0 else { throw .system("bind \(place)") }
            guard CShims.listen(socket.number, 1024) == 0 else { throw .system("listen \(place)") }
            return (socket, localAddress(of: socket) ?? place)
        }
    }

    /// A connected, blocking socket.
    static func connect(to place: HostPort) throws(Failure) -> FileDescriptor {
        try withAddresses(of: place, flags: 0) { address throws(Failure) in
            let socket = try open(address, extra: 0)
            let result = retrying { CShims.connect(socket.number, address.ai_addr, address.ai_addrlen) }
            guard result == 0 else { throw .system("connect to the hub at \(place)") }
            noDelay(socket)
            return socket
        }
    }

    /// Has small writes leave at once.
    static func noDelay(_ socket: FileDescriptor) { set(socket, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }

    /// Has what arrived be acknowledged now: a client that sends the rest only then would wait for 40 ms each time. Holds
    /// until the kernel finds otherwise, so it is to be called again.
    static func acknowledge(_ socket: FileDescriptor) { set(socket, Int32(IPPROTO_TCP), TCP_QUICKACK, 1) }

    /// Makes the coming close(2) a reset instead of an orderly end.
    static func resetOnClose(_ socket: FileDescriptor) {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket.number, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    private static func open(_ address: addrinfo, extra: Int32) throws(Failure) -> FileDescriptor {
        let number = socket(address.ai_family, address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue) | extra, 0)
        guard number >= 0 else { throw .system("socket") }
        return FileDescriptor(owning: number)
    }

    private static func set(_ socket: FileDescriptor, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(socket.number, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Tries `body` with each address of a name until one goes well; throws what the last one threw.
    private static func withAddresses<T>(
        of place: HostPort,
        flags: Int32,
        _ body: (addrinfo) throws(Failure) -> T
    ) throws(Failure) -> T {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = flags | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(place.host, String(place.port), &hints, &list)
        guard code == 0, let list else {
            throw Failure("\(place.host): \(gai_strerror(code).map { String(cString: $0) } ?? "unknown")")
        }
        defer { freeaddrinfo(list) }
        var failure = Failure("\(place): no address")
        var next: UnsafeMutablePointer<addrinfo>? = list
        while let entry = next {
            do { return try body(entry.pointee) } catch { failure = error }
            next = entry.pointee.ai_next
        }
        throw failure
    }

    private static func localAddress(of socket: FileDescriptor) -> HostPort? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var service = [CChar](repeating: 0, count: 32)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard getsockname(socket.number, address, &size) == 0 else { return Int32(-1) }
                let flags = Int32(NI_NUMERICHOST) | Int32(NI_NUMERICSERV)
                return getnameinfo(
                    address,
                    size,
                    &host,
                    socklen_t(host.count),
                    &service,
                    socklen_t(service.count),
                    flags
                )
            }
        }
        guard result == 0, let port = UInt16(text(service)) else { return nil }
        return HostPort(host: text(host), port: port)
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
