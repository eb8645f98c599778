import Agent
import CShims

/// A connection to a supervisor: it sends a byte for news, this side one to poke it, and its end is the end of the task.
@LoopActor
final class WindowsSupervisorLink: SupervisorLink {
    private let pipe: Handle
    private let poller: CompletionPoller
    private let arrived = Wakeup()
    private let buffer = Buffer(count: 64)
    private var hasWholeOutput = false
    private(set) var isOver = false
    /// Called when the supervisor has ended the connection.
    var whenOver: (() -> Void)?

    /// Memory that stays where it is while the system may write to it. Sound as `@unchecked Sendable`: it is used on the
    /// loop's thread only.
    private final class Buffer: @unchecked Sendable {
        let bytes: UnsafeMutableRawBufferPointer
        init(count: Int) { bytes = .allocate(byteCount: count, alignment: 16) }
        deinit { bytes.deallocate() }
    }

    init(pipe: Handle, poller: CompletionPoller) throws(SystemError) {
        self.pipe = pipe
        self.poller = poller
        try poller.add(pipe)
        try read()
    }

    func news() async -> SupervisorNews {
        if !isOver { _ = await arrived.wait() }
        return isOver ? .over : hasWholeOutput ? .wholeOutput : .output
    }

    func poke() { _ = send([UInt8(ascii: "c")]) }

    /// Whether the message is on its way.
    func send(_ message: [UInt8]) -> Bool {
        guard !isOver else { return false }
        let buffer = Buffer(count: message.count)
        buffer.bytes.copyBytes(from: message)
        do throws(SystemError) {
            let handler: CompletionPoller.Handler = { [pipe] _ in withExtendedLifetime((buffer, pipe)) {} }
            try poller.start("write", handler) { overlapped in
                shim_win_WriteFile(pipe.raw, buffer.bytes.baseAddress, DWORD(message.count), nil, overlapped)
            }
            return true
        } catch {
            return false
        }
    }

    func close() {
        guard !isOver else { return }
        isOver = true
        _ = shim_win_CancelIoEx(pipe.raw, nil)
        arrived.signal()
    }

    private func read() throws(SystemError) {
        let handler: CompletionPoller.Handler = { [weak self, buffer, pipe] completion in
            withExtendedLifetime((buffer, pipe)) {}
            self?.hasRead(completion)
        }
        try poller.start("read", handler) { overlapped in
            shim_win_ReadFile(pipe.raw, buffer.bytes.baseAddress, DWORD(buffer.bytes.count), nil, overlapped)
        }
    }

    private func hasRead(_ completion: CompletionPoller.Completion) {
        guard !isOver else { return }
        guard completion.status >= 0 else {
            close()
            whenOver?()
            return
        }
        if buffer.bytes.prefix(completion.count).contains(SupervisorPipe.News.wholeOutput.rawValue) {
            hasWholeOutput = true
        }
        arrived.signal()
        do throws(SystemError) { try read() } catch { close() }
    }
}
