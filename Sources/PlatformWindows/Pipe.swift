import CShims

/// Named pipes for overlapped operations, for SYSTEM, administrators and this process' user, on this machine only.
package enum Pipe {
    /// The longest message that goes both ways: a path, which is taken at once.
    static let messageLimit: DWORD = 65_536

    /// What every name begins with.
    package static let prefix = #"\\.\pipe\tat-"#

    /// A name that nobody can guess, and so nobody can take before.
    package static func freshName() -> String {
        prefix + SystemRandom().bytes(16).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// Which way the bytes go.
    package enum Direction { case inbound, both }

    /// A listening end. The first one of a name fails where there is another already.
    package static func listen(
        _ name: String,
        _ direction: Direction,
        isFirst: Bool = true,
        instances: DWORD = 1
    ) throws(SystemError) -> Handle {
        var mode = DWORD(FILE_FLAG_OVERLAPPED)
        mode |= direction == .inbound ? DWORD(PIPE_ACCESS_INBOUND) : DWORD(PIPE_ACCESS_DUPLEX)
        if isFirst { mode |= DWORD(FILE_FLAG_FIRST_PIPE_INSTANCE) }
        let size: DWORD = direction == .inbound ? 65_536 : messageLimit
        return try FileSecurity.owner.withAttributes { attributes throws(SystemError) in
            let raw = shim_win_CreateNamedPipe(
                name.wide,
                mode,
                DWORD(PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS),
                instances,
                size,
                size,
                attributes
            )
            guard let pipe = Handle(owning: raw) else { throw SystemError("CreateNamedPipe") }
            return pipe
        }
    }

    /// The other end of a listening one.
    ///
    /// - Parameter isOverlapped: whether its operations are; programs that inherit one expect that they are not.
    package static func connect(
        _ name: String,
        access: DWORD = FileAccess.read | FileAccess.write,
        isOverlapped: Bool = true
    ) throws(SystemError) -> Handle {
        // Whoever listens may learn who connects and no more: SECURITY_SQOS_PRESENT, SECURITY_IDENTIFICATION.
        let flags = DWORD(0x0010_0000 | 0x0001_0000)
        return try Handle.open(
            name,
            access: access,
            share: 0,
            disposition: DWORD(OPEN_EXISTING),
            flags: flags | (isOverlapped ? DWORD(FILE_FLAG_OVERLAPPED) : 0)
        )
    }
}
