import Agent
import CShims

/// The loop's poller on an I/O completion port.
///
/// Sound as `@unchecked Sendable`: all but `post` and `isLoopThread` is used on the loop's thread only, and these two
/// use the lock and constants.
public final class CompletionPoller: Poller, @unchecked Sendable {
    /// How an overlapped operation ended: its NTSTATUS, negative when it failed, and how many bytes were moved.
    package struct Completion {
        package let status: Int32
        package let count: Int
    }

    package typealias Handler = @LoopActor (Completion) -> Void

    private let port: Handle
    private let thread = shim_win_GetCurrentThreadId()
    private let posted = Lock<[@Sendable () -> Void]>([])
    /// By the address of the operation's OVERLAPPED.
    private var operations: [UnsafeMutablePointer<OVERLAPPED>: Handler] = [:]

    /// Makes the poller of the calling thread, which has to be the one that runs the loop.
    public init() throws {
        guard let port = Handle(owning: shim_win_CreateIoCompletionPort()) else {
            throw SystemError("CreateIoCompletionPort")
        }
        self.port = port
    }

    public var isLoopThread: Bool { shim_win_GetCurrentThreadId() == thread }

    public func post(_ work: @escaping @Sendable () -> Void) {
        let wasEmpty = posted.with { queue in
            queue.append(work)
            return queue.count == 1
        }
        guard wasEmpty else { return }
        _ = shim_win_PostQueuedCompletionStatus(port.raw, 0, 0, nil)
    }

    public func wait(timeout: Duration?) {
        var entries = [OVERLAPPED_ENTRY](repeating: OVERLAPPED_ENTRY(), count: 64)
        var count: ULONG = 0
        guard
            shim_win_GetQueuedCompletionStatusEx(
                port.raw,
                &entries,
                ULONG(entries.count),
                &count,
                timeout.map { $0.roundedUpMilliseconds } ?? DWORD(INFINITE)
            )
        else { return }
        for entry in entries.prefix(Int(count)) {
            guard let overlapped = entry.lpOverlapped else {
                runPosted()
                continue
            }
            let completion = Completion(
                status: shim_win_overlapped_status(overlapped),
                count: Int(entry.dwNumberOfBytesTransferred)
            )
            guard let handler = operations.removeValue(forKey: overlapped) else { continue }
            overlapped.deallocate()
            EventLoop.shared.assumeIsolated { handler(completion) }
        }
    }

    private func runPosted() {
        let work = posted.with { queue in
            let taken = queue
            queue = []
            return taken
        }
        for item in work { item() }
    }

    /// Has what is started on this file, pipe or socket, opened for overlapped operations, end in the loop. Once for each.
    @LoopActor
    package func add(_ handle: Handle) throws(SystemError) {
        guard shim_win_CreateIoCompletionPort_add(port.raw, handle.raw, 1) else {
            throw SystemError("CreateIoCompletionPort")
        }
    }

    /// Starts an overlapped operation. `handler` is called once, when it has ended, as it also does soon after CancelIoEx
    /// or the closing of its handle; what it captures, such as the operation's buffer, lives until then.
    ///
    /// - Parameter start: calls the function of the system; returns what that does.
    @LoopActor
    package func start(
        _ what: String,
        _ handler: @escaping Handler,
        by start: (UnsafeMutablePointer<OVERLAPPED>) -> Bool
    ) throws(SystemError) {
        let overlapped = UnsafeMutablePointer<OVERLAPPED>.allocate(capacity: 1)
        overlapped.initialize(to: OVERLAPPED())
        operations[overlapped] = handler
        if start(overlapped) { return }
        let error = SystemError(what)
        if error.code == ErrorCode.ioPending { return }
        operations[overlapped] = nil
        overlapped.deallocate()
        throw error
    }

    /// Calls `handler` once `object`, such as a process, is signalled, unless the watch is cancelled before.
    @LoopActor
    package func watch(_ object: Handle, _ handler: @escaping @LoopActor () -> Void) throws(SystemError) -> Watch {
        let watch = Watch(object: object)
        let overlapped = UnsafeMutablePointer<OVERLAPPED>.allocate(capacity: 1)
        overlapped.initialize(to: OVERLAPPED())
        watch.wait.pointee.port = port.raw
        watch.wait.pointee.key = 2
        watch.wait.pointee.overlapped = overlapped
        operations[overlapped] = { _ in
            guard watch.end() else { return }
            handler()
        }
        watch.forget = { [self] in
            // What was posted already comes in vain.
            operations[overlapped] = nil
            overlapped.deallocate()
        }
        guard shim_win_RegisterWaitForSingleObject(watch.wait, object.raw) else {
            let error = SystemError("RegisterWaitForSingleObject")
            watch.forget?()
            watch.forget = nil
            throw error
        }
        watch.isRegistered = true
        return watch
    }

    /// An object that is being watched.
    @LoopActor
    package final class Watch {
        private let object: Handle
        fileprivate let wait = UnsafeMutablePointer<shim_win_wait>.allocate(capacity: 1)
        fileprivate var isRegistered = false
        fileprivate var forget: (() -> Void)?

        fileprivate init(object: Handle) {
            self.object = object
            wait.initialize(to: shim_win_wait())
        }

        isolated deinit { wait.deallocate() }

        /// Whether it was registered still. After this no callback runs.
        fileprivate func end() -> Bool {
            guard isRegistered else { return false }
            isRegistered = false
            _ = shim_win_UnregisterWaitEx(wait)
            return true
        }

        package func cancel() {
            if end() { forget?() }
            forget = nil
        }
    }
}

extension Duration {
    /// For the system's waits, which know no more than 49 days; rounded up, so that a deadline is not looked at just
    /// before it is due.
    package var roundedUpMilliseconds: DWORD {
        let (seconds, attoseconds) = components
        guard seconds < 86_400 else { return 86_400_000 }
        return DWORD(clamping: seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
