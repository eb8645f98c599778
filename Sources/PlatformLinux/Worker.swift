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
    /// Counts the pieces of work that wait; a posix semaphore, because it can be waited for with a time limit.
    private let waiting = Semaphore()

    /// - Parameters:
    ///   - limit: how many threads there are at the most; at least 1.
    ///   - idleSeconds: how long a thread without work stays.
    public init(limit: Int = 4, idleSeconds: Int = 10) {
        self.limit = limit
        self.idleSeconds = idleSeconds
    }

    /// How many threads there are now.
    var threadCount: Int { state.with { $0.threads } }

    public func start(_ work: @escaping @Sendable () -> Void) {
        let needsThread = state.with { state in
            state.queue.append(work)
            guard state.threads - state.busy < state.queue.count, state.threads < limit else { return false }
            state.threads += 1
            return true
        }
        waiting.post()
        if needsThread { startThread() }
    }

    private func startThread() {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 256 << 10)
        defer { pthread_attr_destroy(&attributes) }
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let result = pthread_create(
            &thread,
            &attributes,
            { context in
                // The retain taken for this thread is handed back here, once.
                if let context { Unmanaged<WorkerThreads>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            },
            context.toOpaque()
        )
        guard result != 0 else { return }
        // No thread to be had: where there is no other one, the work is done here rather than never.
        context.release()
        let isOnly = state.with { $0.threads == 1 }
        if isOnly { run(whileBusyOnly: true) } else { state.with { $0.threads -= 1 } }
    }

    private func run(whileBusyOnly: Bool = false) {
        while true {
            if !whileBusyOnly { waiting.wait(seconds: idleSeconds) }
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

/// A counting semaphore, sem_init(3).
///
/// Sound as `@unchecked Sendable`: the pointer is constant and the semaphore is made for threads.
private final class Semaphore: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        semaphore = .allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func post() { sem_post(semaphore) }

    /// Waits for a post, or so many seconds.
    func wait(seconds: Int) {
        var limit = timespec()
        clock_gettime(CLOCK_REALTIME, &limit)
        limit.tv_sec += time_t(seconds)
        _ = retrying { sem_timedwait(semaphore, &limit) }
    }
}
