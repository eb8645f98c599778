import CShims

/// The address of a Unix socket, unix(7).
struct UnixAddress {
    private var address = sockaddr_un()
    private var size = socklen_t(MemoryLayout<sockaddr_un>.size)

    /// `nil` when the path has more than the 107 bytes that fit.
    init?(path: String) {
        self.init(bytes: Array(path.utf8), isAbstract: false)
    }

    /// As systemd writes it: `@` begins the name of an abstract socket.
    init?(notifySocket name: String) {
        self.init(bytes: Array(name.utf8), isAbstract: name.hasPrefix("@"))
    }

    /// `name` inside the directory that `directory` is open on, however long the directory's own path is.
    init?(in directory: FileDescriptor, name: String) {
        self.init(path: "/proc/self/fd/\(directory.number)/\(name)")
    }

    private init?(bytes: [UInt8], isAbstract: Bool) {
        var bytes = bytes
        guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        if isAbstract {
            bytes[0] = 0
            // An abstract name is as long as the address says; a path ends with NUL.
            size = socklen_t(
                MemoryLayout<sockaddr_un>.size - MemoryLayout.size(ofValue: address.sun_path) + bytes.count
            )
        }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    }

    func withSockaddr<T>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> T) -> T {
        withUnsafePointer(to: address) { pointer in
            // The calls take every address as a sockaddr and its true size.
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
        }
    }
}
