import Agent
import CShims

/// A connection to a supervisor, for one task or while it waits for one (`AgentLink` is its other end).
@LoopActor
final class WindowsSupervisorLink: SupervisorLink {
    private let pipe: Handle
    private let poller: CompletionPoller
    private let arrived = Wakeup()
    private let buffer = Buffer(count: 64)
    private var hasWholeOutput = false
    private(set) var isOver = false
    private var isFree = false
    /// Called when the task is over, or the supervisor gone.
    var whenOver: ((WindowsSupervisorLink) -> Void)?

    /// Memory that stays where it is while the system may write to it. Sound as `@unchecked Sendable`: it is used on the
    /// loop's thread only.
    private final class Buffer: @unchecked Sendable {
        let bytes: UnsafeMutableRawBufferPointer
        init(count: Int) { bytes = .allocate(byteCount: count, alignment: 16) }
        deinit { bytes.deallocate() }
    }

    convenience init(pipe: Handle, poller: CompletionPoller) throws(SystemError) {
        try poller.add(pipe)
        try self.init(added: pipe, poller)
    }

    private init(added pipe: Handle, _ poller: CompletionPoller) throws(SystemError) {
        self.pipe = pipe
        self.poller = poller
        try read()
    }

    /// The connection, over for one task, for another one; `nil` when its supervisor takes none. To be called once.
    func renewed() -> WindowsSupervisorLink? { isFree ? try? WindowsSupervisorLink(added: pipe, poller) : nil }

    func news() async -> SupervisorNews {
        if !isOver { _ = await arrived.wait() }
        return isOver ? .over : hasWholeOutput ? .wholeOutput : .output
    }

    func poke() { _ = send([AgentLink.lineEnd]) }

    /// Has the supervisor, which has no task, take the one in `directory`. Whether the message is on its way.
    func give(directory: String) -> Bool { send(Array(directory.utf8) + [AgentLink.lineEnd]) }

    private func send(_ message: [UInt8]) -> Bool {
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
        guard completion.status >= 0 else { return end() }
        for byte in buffer.bytes.prefix(completion.count) {
            switch AgentLink.News(rawValue: byte) {
            case .wholeOutput: hasWholeOutput = true
            case .free: isFree = true
            case .output, nil: break
            }
        }
        // What comes next is for the next task.
        if isFree { return end() }
        arrived.signal()
        do throws(SystemError) { try read() } catch { close() }
    }

    private func end() {
        isOver = true
        arrived.signal()
        whenOver?(self)
        whenOver = nil
    }
}
