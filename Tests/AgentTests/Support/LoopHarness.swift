import Agent
import Foundation
import Testing

/// The poller of the tests' loop.
var testPoller: TestPoller { LoopThread.shared.poller }

/// Runs `body` on the tests' loop: one thread for all tests of this process, started by the first.
///
/// The task is made by the test's and enters the loop from outside, so that an expectation in `body` knows its test.
func onLoop<T: Sendable>(_ body: @escaping @LoopActor @Sendable () async throws -> T) async throws -> T {
    try await Task(executorPreference: LoopEntry.shared) {
        // From here on as any task of the agent, which prefers the loop itself.
        try await Task(executorPreference: EventLoop.shared, operation: body).value
    }.value
}

/// Waits until a condition holds. Throws after a time that is more than enough.
@LoopActor
func eventually(
    within limit: Duration = .seconds(20),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: @LoopActor () throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try !condition() {
        guard ContinuousClock.now < deadline else { throw NotInTime(place: "\(sourceLocation)") }
        await sleep(for: .milliseconds(2))
    }
}

/// Lets everything on the loop run that is ready to, several times over: what has not happened by then waits for
/// something.
@LoopActor
func settle() async {
    for _ in 0..<20 { await sleep(for: .milliseconds(1)) }
}

struct NotInTime: Error, CustomStringConvertible {
    let place: String

    var description: String { "a condition did not come true in time: \(place)" }
}

/// Runs the jobs of a task on the loop's thread, whichever thread they come from.
final class LoopEntry: TaskExecutor {
    static let shared = LoopEntry()

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        testPoller.post { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}

/// The thread of `EventLoop.shared`, which is one for the process.
private final class LoopThread: Sendable {
    static let shared = LoopThread()

    let poller: TestPoller

    private init() {
        let started = DispatchSemaphore(value: 0)
        let box = Box()
        let thread = Thread {
            let poller = TestPoller()
            box.poller = poller
            EventLoop.shared.run(on: poller) { started.signal() }
        }
        thread.stackSize = 8 << 20
        thread.start()
        started.wait()
        guard let poller = box.poller else { preconditionFailure("no poller for the tests") }
        self.poller = poller
    }

    /// Written before the semaphore is signalled and read after, so never at the same time.
    private final class Box: @unchecked Sendable {
        var poller: TestPoller?
    }
}
