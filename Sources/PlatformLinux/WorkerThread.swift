import Agent
import CShims

/// One thread for blocking work, started with the first piece of work and gone when none came for a while.
public final class WorkerThread: Worker, Sendable {
    private typealias Work = @Sendable () -> Void

    private struct State {
        var queue: [Work] = []
        var running = false
    }

    private static let idleSeconds: time_t = 10

    private let state = Lock(State())
    /// Counts the pieces of work that wait; a posix semaphore, because it can be waited for with a time limit.
    private let waiting: Semaphore

    public init() { waiting = Semaphore() }

    public func start(_ work: @escaping @Sendable () -> Void) {
        let mustStart = state.with { state in
            state.queue.append(work)
            defer { state.running = true }
            return !state.running
        }
        waiting.post()
        if mustStart { startThread() }
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
                if let context { Unmanaged<WorkerThread>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            },
            context.toOpaque()
        )
        guard result != 0 else { return }
        // No thread to be had: the work is done here rather than never.
        context.release()
        while let work = takeWork() { work() }
    }

    private func run() {
        while true {
            waiting.wait(seconds: Self.idleSeconds)
            guard let work = takeWork() else { return }
            work()
        }
    }

    /// The next piece of work; `nil`, and the worker counts as ended, when there is none.
    private func takeWork() -> Work? {
        state.with { state in
            if state.queue.isEmpty {
                state.running = false
                return nil
            }
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
    func wait(seconds: time_t) {
        var limit = timespec()
        clock_gettime(CLOCK_REALTIME, &limit)
        limit.tv_sec += seconds
        _ = retrying { sem_timedwait(semaphore, &limit) }
    }
}
