import Agent
import CShims
import PlatformWindows

/// Runs code on the loop, to its end, on the thread that calls.
enum LoopRun {
    /// One for the process: what an earlier check left behind may still call it.
    private static let poller = Result { try CompletionPoller() }

    static func run(
        within limit: Duration = .seconds(60),
        _ body: @escaping @LoopActor @Sendable (CompletionPoller) async throws -> Void
    ) throws {
        let poller = try poller.get()
        let outcome = Outcome()
        EventLoop.shared.run(on: poller) {
            let timer = EventLoop.shared.schedule(after: limit) {
                outcome.error = Failure(description: "not done within \(limit)")
                EventLoop.shared.stop()
            }
            do {
                try await body(poller)
            } catch {
                outcome.error = error
            }
            timer.cancel()
            EventLoop.shared.stop()
        }
        if let error = outcome.error { throw error }
    }

    /// Sound as `@unchecked Sendable`: used on the loop's thread only.
    private final class Outcome: @unchecked Sendable {
        var error: (any Error)?
    }
}

/// Waits until a condition holds. Fails after a time that is more than enough.
@LoopActor
func eventually(
    within limit: Duration = .seconds(20),
    line: Int = #line,
    _ condition: @LoopActor () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw Failure(description: "line \(line): not in time") }
        await sleep(for: .milliseconds(10))
    }
}

/// The error that is thrown, if one is.
@LoopActor
func transportError<T>(_ body: @LoopActor () async throws -> T) async -> TransportError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? TransportError
    }
}
