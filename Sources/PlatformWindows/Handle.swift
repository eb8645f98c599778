import Agent
import CShims

/// A handle of the system, closed with its owner. Every one is made so that it is not inherited.
///
/// Sound as `@unchecked Sendable`: the value never changes, and the kernel guards what is behind it.
package final class Handle: @unchecked Sendable {
    package let raw: HANDLE

    /// Takes over `raw`, which nobody else may close. `nil` when it is none, neither NULL nor INVALID_HANDLE_VALUE being one.
    package init?(owning raw: HANDLE?) {
        guard let raw, shim_win_is_valid(raw) != 0 else { return nil }
        self.raw = raw
    }

    deinit { _ = shim_win_CloseHandle(raw) }

    /// An event that stays signalled until it is reset.
    package static func event() throws(SystemError) -> Handle {
        guard let event = Handle(owning: shim_win_CreateEvent(nil, true, false, nil)) else {
            throw SystemError("CreateEvent")
        }
        return event
    }

    /// Opens a file, or makes one that only some may use, CreateFileW.
    package static func make(
        _ path: String,
        access: DWORD,
        share: DWORD,
        disposition: DWORD,
        flags: DWORD = DWORD(FILE_ATTRIBUTE_NORMAL),
        security: FileSecurity
    ) throws(SystemError) -> Handle {
        try security.withAttributes { attributes throws(SystemError) in
            try open(
                path,
                access: access,
                share: share,
                disposition: disposition,
                flags: flags,
                security: attributes
            )
        }
    }

    /// Opens or makes a file, CreateFileW.
    package static func open(
        _ path: String,
        access: DWORD,
        share: DWORD,
        disposition: DWORD,
        flags: DWORD = DWORD(FILE_ATTRIBUTE_NORMAL),
        security: UnsafeMutablePointer<SECURITY_ATTRIBUTES>? = nil
    ) throws(SystemError) -> Handle {
        let raw = Path.wide(path).withUnsafeBufferPointer { path in
            shim_win_CreateFile(
                path.baseAddress,
                access,
                share,
                security,
                disposition,
                flags
            )
        }
        guard let handle = Handle(owning: raw) else { throw SystemError("open \(path)") }
        return handle
    }

    /// ReadFile of at most `count` bytes, from the file's own position or from `offset`; empty at the end.
    package func read(atMost count: Int, offset: Int64? = nil) throws(SystemError) -> [UInt8] {
        var length: DWORD = 0
        var isRead: Bool = false
        var code: DWORD = 0
        var position = OVERLAPPED()
        if let offset { shim_win_set_offset(&position, UInt64(bitPattern: offset)) }
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let size = DWORD(clamping: count)
            isRead =
                offset == nil
                ? shim_win_ReadFile(raw, buffer.baseAddress, size, &length, nil)
                : shim_win_ReadFile(raw, buffer.baseAddress, size, &length, &position)
            if !isRead { code = shim_win_GetLastError() }
            initialized = isRead ? Int(length) : 0
        }
        if !isRead {
            if code == ErrorCode.handleEndOfFile || code == ErrorCode.brokenPipe { return [] }
            throw SystemError("read", code: code)
        }
        return bytes
    }

    /// Writes all of it, at the file's own position or at `offset`, WriteFile.
    package func writeAll(_ bytes: some Collection<UInt8>, offset: Int64? = nil) throws(SystemError) {
        var rest = Array(bytes)[...]
        var position = OVERLAPPED()
        while !rest.isEmpty {
            var written: DWORD = 0
            if let offset {
                shim_win_set_offset(&position, UInt64(bitPattern: offset + Int64(bytes.count - rest.count)))
            }
            let isWritten = rest.withUnsafeBytes { buffer in
                let count = DWORD(clamping: min(buffer.count, 1 << 24))
                return offset == nil
                    ? shim_win_WriteFile(raw, buffer.baseAddress, count, &written, nil)
                    : shim_win_WriteFile(raw, buffer.baseAddress, count, &written, &position)
            }
            guard isWritten else { throw SystemError("write") }
            if written == 0 { throw SystemError("write", code: ErrorCode.diskFull) }
            rest = rest.dropFirst(Int(written))
        }
    }
}
