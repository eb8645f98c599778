import Agent
import Foundation
import PlatformLinux

/// The poller of the tests' loop.
var testPoller: EpollPoller { LoopThread.shared.poller }

/// Runs `body` on the tests' loop: one thread for all tests of this process, started by the first.
func onLoop<T: Sendable>(_ body: @escaping @LoopActor @Sendable () async throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        testPoller.post {
            spawn {
                do {
                    continuation.resume(returning: try await body())
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }
}

/// Starts a task on the loop from a test's body that is there already. A plain `Task` would begin on another thread.
@LoopActor
func startOnLoop<T: Sendable>(_ body: @escaping @LoopActor @Sendable () async throws -> T) -> Task<T, any Error> {
    Task(executorPreference: EventLoop.shared, operation: body)
}

/// Waits until a condition holds. Fails after a time that is more than enough.
@LoopActor
func eventually(
    within limit: Duration = .seconds(20),
    _ condition: @LoopActor () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw NotInTime() }
        await sleep(for: .milliseconds(10))
    }
}

struct NotInTime: Error {}

/// Runs a command to its end and gives its exit code. One that takes too long is ended.
///
/// `Process.waitUntilExit` needs the run loop of its thread, and hangs on threads that have another one.
func runCommand(
    _ arguments: [String],
    environment: [String: String] = [:],
    within seconds: Double = 60
) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    let ended = DispatchSemaphore(value: 0)
    process.terminationHandler = { _ in ended.signal() }
    try process.run()
    guard ended.wait(timeout: .now() + seconds) == .success else {
        process.terminate()
        throw NotInTime()
    }
    return process.terminationStatus
}

/// The thread of `EventLoop.shared`, which is one for the process.
private final class LoopThread: Sendable {
    static let shared = LoopThread()

    let poller: EpollPoller

    private init() {
        let started = DispatchSemaphore(value: 0)
        let box = Box()
        let thread = Thread {
            do {
                let poller = try EpollPoller()
                box.poller = poller
                started.signal()
                EventLoop.shared.run(on: poller) {}
            } catch {
                preconditionFailure("no poller for the tests: \(error)")
            }
        }
        thread.stackSize = 8 << 20
        thread.start()
        started.wait()
        guard let poller = box.poller else { preconditionFailure("no poller for the tests") }
        self.poller = poller
    }

    /// Written before the semaphore is signalled and read after, so never at the same time.
    private final class Box: @unchecked Sendable {
        var poller: EpollPoller?
    }
}
