import Agent
import CShims

/// A few threads for blocking work, started when there is work and gone when none came for a while.
public final class WorkerThreads: Worker, Sendable {
    private typealias Work = @Sendable () -> Void

    private struct State {
        var queue: [Work] = []
        var threads = 0
        var busy = 0
    }

    private let limit: Int
    private let idleSeconds: Int
    private let state = Lock(State())
    /// Counts the pieces of work that wait; `nil` where the system has no more handles, and threads then end at once.
    private let waiting = Handle(owning: shim_win_CreateSemaphore(0, .max))

    /// - Parameters:
    ///   - limit: how many threads there are at the most; at least 1.
    ///   - idleSeconds: how long a thread without work stays.
    public init(limit: Int = 4, idleSeconds: Int = 10) {
        self.limit = limit
        self.idleSeconds = idleSeconds
    }

    /// How many threads there are now.
    package var threadCount: Int { state.with { $0.threads } }

    public func start(_ work: @escaping @Sendable () -> Void) {
        let needsThread = state.with { state in
            state.queue.append(work)
            guard state.threads - state.busy < state.queue.count, state.threads < limit else { return false }
            state.threads += 1
            return true
        }
        if let waiting { _ = shim_win_ReleaseSemaphore(waiting.raw) }
        if needsThread { startThread() }
    }

    private func startThread() {
        let context = Unmanaged.passRetained(self)
        let isStarted = shim_win_CreateThread(
            { context in
                // The retain taken for this thread is handed back here, once.
                if let context { Unmanaged<WorkerThreads>.fromOpaque(context).takeRetainedValue().run() }
            },
            context.toOpaque(),
            256 << 10
        )
        guard !isStarted else { return }
        // No thread to be had: where there is no other one, the work is done here rather than never.
        context.release()
        let isOnly = state.with { $0.threads == 1 }
        if isOnly { run(whileBusyOnly: true) } else { state.with { $0.threads -= 1 } }
    }

    private func run(whileBusyOnly: Bool = false) {
        while true {
            if !whileBusyOnly, let waiting {
                _ = shim_win_WaitForSingleObject(waiting.raw, DWORD(clamping: idleSeconds * 1000))
            }
            guard let work = takeWork() else { return }
            work()
            state.with { $0.busy -= 1 }
        }
    }

    /// The next piece of work; `nil`, and this thread counts as ended, when there is none.
    private func takeWork() -> Work? {
        state.with { state in
            if state.queue.isEmpty {
                state.threads -= 1
                return nil
            }
            state.busy += 1
            return state.queue.removeFirst()
        }
    }
}
