/// The executor of everything: runs jobs and timers on the thread that calls `run`, and sleeps in the poller.
///
/// Sound as `@unchecked Sendable`: its state is only touched on the loop's thread. Jobs are only ever enqueued there,
/// because no other thread runs Swift concurrency code: workers hand their results back through `Poller.post`.
public final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
    /// The loop of this process.
    public static let shared = EventLoop()

    private var jobs: [UnownedJob] = []
    private var timers = TimerQueue()
    private var poller: (any Poller)?
    private var stopped = false

    /// Runs until `stop`. `main` is the first job.
    public func run(on poller: any Poller, main: @escaping @LoopActor @Sendable () async -> Void) {
        self.poller = poller
        stopped = false
        spawn(main)
        while !stopped {
            runJobs()
            if stopped { break }
            poller.wait(timeout: jobs.isEmpty ? timers.timeToNext() : .zero)
            // Only what is due by now: a timer that always sets another must not starve the poller.
            let now = ContinuousClock.now
            while let action = timers.nextDue(at: now) { assumeIsolated(action) }
        }
    }

    /// Ends `run` after the current job.
    @LoopActor
    public func stop() { stopped = true }

    private func runJobs() {
        // Only what is queued now: a job that always enqueues another must not starve the poller.
        let batch = jobs
        jobs.removeAll(keepingCapacity: batch.count <= 256)
        for job in batch {
            job.runSynchronously(
                isolatedTo: asUnownedSerialExecutor(),
                taskExecutor: asUnownedTaskExecutor()
            )
        }
    }

    public func enqueue(_ job: UnownedJob) {
        assert(poller?.isLoopThread ?? true, "jobs come from the loop's own thread only")
        jobs.append(job)
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        enqueue(UnownedJob(job))
    }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    public func checkIsolated() {
        precondition(poller?.isLoopThread ?? false, "loop state used from another thread")
    }

    /// Runs `body` as loop-isolated code, from a handler that the poller calls on the loop's thread.
    ///
    /// The type of an isolated closure differs from a plain one's by its isolation only, which `checkIsolated` has just
    /// proved; the standard library's `MainActor.assumeIsolated` is made the same way.
    public func assumeIsolated<T>(_ body: @LoopActor () throws -> T) rethrows -> T {
        checkIsolated()
        // The check that `body` does not escape has the length of the file's path in it, which would make the program
        // depend on where it is built.
        #sourceLocation(file:"assumeIsolated",line:1)
        return try withoutActuallyEscaping(body) { body in
            try unsafeBitCast(body, to: (() throws -> T).self)()
        }
    }
    #sourceLocation()

    /// Calls `action` on the loop after `delay`, unless the returned timer is cancelled before.
    @LoopActor
    public func schedule(after delay: Duration, _ action: @escaping @LoopActor () -> Void) -> LoopTimer {
        timers.add(after: delay, action)
    }

    /// Runs `work` on the worker thread and comes back with its result.
    @LoopActor
    public func offload<T: Sendable>(to worker: any Worker, _ work: @escaping @Sendable () -> T) async -> T {
        guard let poller else { return work() }
        return await withUnsafeContinuation { continuation in
            worker.start {
                let result = work()
                poller.post { continuation.resume(returning: result) }
            }
        }
    }
}
