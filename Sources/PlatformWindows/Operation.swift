import CShims

/// An overlapped operation of a thread that waits for events itself: its OVERLAPPED, event and buffer stay where they are
/// until it has ended.
package final class Operation {
    package let event: Handle
    private let file: Handle
    private let overlapped: UnsafeMutablePointer<OVERLAPPED>
    private let buffer: UnsafeMutableRawBufferPointer
    private(set) var isPending = false

    package init(on file: Handle, capacity: Int) throws(SystemError) {
        event = try Handle.event()
        self.file = file
        overlapped = .allocate(capacity: 1)
        overlapped.initialize(to: OVERLAPPED())
        buffer = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit {
        if isPending {
            // The system writes to both until it says that it has stopped.
            _ = shim_win_CancelIoEx(file.raw, overlapped)
            var count: DWORD = 0
            _ = shim_win_GetOverlappedResult(file.raw, overlapped, &count, true)
        }
        overlapped.deallocate()
        buffer.deallocate()
    }

    /// Begins to read; not while one is pending.
    package func read() throws(SystemError) {
        try start("read") { shim_win_ReadFile(file.raw, buffer.baseAddress, DWORD(buffer.count), nil, overlapped) }
    }

    /// Begins to write one byte; not while one is pending.
    package func write(_ byte: UInt8) throws(SystemError) {
        buffer[0] = byte
        try start("write") { shim_win_WriteFile(file.raw, buffer.baseAddress, 1, nil, overlapped) }
    }

    /// Begins to wait for a client; whether there is one already.
    package func connect() throws(SystemError) -> Bool {
        do throws(SystemError) {
            try start("ConnectNamedPipe") { shim_win_ConnectNamedPipe(file.raw, overlapped) }
            return false
        } catch {
            guard error.code == ErrorCode.pipeConnected else { throw error }
            return true
        }
    }

    private func start(_ what: String, _ call: () -> Bool) throws(SystemError) {
        overlapped.pointee = OVERLAPPED()
        overlapped.pointee.hEvent = event.raw
        _ = shim_win_ResetEvent(event.raw)
        isPending = true
        if call() { return }
        let error = SystemError(what)
        if error.code == ErrorCode.ioPending { return }
        isPending = false
        throw error
    }

    /// What the operation moved; `nil` while it has not ended.
    package func result() throws(SystemError) -> UnsafeRawBufferPointer? {
        guard isPending else { return UnsafeRawBufferPointer(rebasing: buffer[..<0]) }
        var count: DWORD = 0
        if shim_win_GetOverlappedResult(file.raw, overlapped, &count, false) {
            isPending = false
            return UnsafeRawBufferPointer(rebasing: buffer[..<Int(count)])
        }
        let error = SystemError("result")
        if error.code == ErrorCode.ioIncomplete { return nil }
        isPending = false
        throw error
    }
}
