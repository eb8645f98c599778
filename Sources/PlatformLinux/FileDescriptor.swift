import Agent
import CShims

/// An open file descriptor, closed with its owner. Every one is made close-on-exec.
///
/// Sound as `Sendable`: the number never changes, and the kernel guards the rest.
public final class FileDescriptor: Sendable {
    public let number: Int32

    /// Takes over `number`, which nobody else may close.
    public init(owning number: Int32) { self.number = number }

    deinit { close(number) }

    /// open(2). The mode is used as it is, whatever the umask of the process, only where that is 0.
    static func open(_ path: String, _ flags: Int32, mode: mode_t = 0) throws(SystemError) -> FileDescriptor {
        let number = retrying { shim_open(path, flags, mode) }
        guard number >= 0 else { throw SystemError("open \(path)") }
        if flags & O_CREAT != 0 { crashPoint("created \(path)") }
        return FileDescriptor(owning: number)
    }

    /// read(2) of at most `count` bytes; empty at the end. `nil` when there is nothing yet.
    func read(atMost count: Int) throws(SystemError) -> [UInt8]? {
        var length = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            length = retrying { CShims.read(number, buffer.baseAddress, count) }
            initialized = max(0, length)
        }
        if length < 0 {
            if shim_errno() == EAGAIN { return nil }
            throw SystemError("read")
        }
        return bytes
    }

    /// write(2); how many bytes were taken, 0 when the other side is not ready.
    func write(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int {
        let written = bytes.withUnsafeBytes { buffer in
            retrying { CShims.write(number, buffer.baseAddress, buffer.count) }
        }
        if written < 0 {
            if shim_errno() == EAGAIN { return 0 }
            throw SystemError("write")
        }
        return written
    }

    /// Writes all of it. For files, which are always ready.
    func writeAll(_ bytes: [UInt8]) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = try write(rest)
            if written == 0 { throw SystemError("write", code: ENOSPC) }
            rest = rest.dropFirst(written)
        }
        crashPoint("written")
    }

    /// A pipe(2): its reading and its writing end.
    static func pipe() throws(SystemError) -> (read: FileDescriptor, write: FileDescriptor) {
        var ends: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &ends) { raw in
            shim_pipe(raw.baseAddress?.assumingMemoryBound(to: Int32.self))
        }
        guard result == 0 else { throw SystemError("pipe") }
        return (FileDescriptor(owning: ends.0), FileDescriptor(owning: ends.1))
    }

    /// A socketpair(2) of local sockets.
    static func socketPair(
        _ type: __socket_type,
        isNonBlocking: Bool
    ) throws(SystemError) -> (FileDescriptor, FileDescriptor) {
        var ends: [Int32] = [-1, -1]
        let flags = SOCK_CLOEXEC.rawValue | (isNonBlocking ? SOCK_NONBLOCK.rawValue : 0)
        guard socketpair(AF_UNIX, Int32(type.rawValue | flags), 0, &ends) == 0 else { throw SystemError("socketpair") }
        return (FileDescriptor(owning: ends[0]), FileDescriptor(owning: ends[1]))
    }

    func setNonBlocking(_ isNonBlocking: Bool = true) {
        let flags = shim_fcntl(number, F_GETFL, 0)
        _ = shim_fcntl(number, F_SETFL, Int(isNonBlocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK))
    }
}

/// Repeats a system call that a signal interrupted (EINTR).
func retrying<T: FixedWidthInteger & SignedInteger>(_ call: () -> T) -> T {
    while true {
        let result = call()
        if result != -1 || shim_errno() != EINTR { return result }
    }
}
