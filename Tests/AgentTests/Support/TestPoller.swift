import Agent
import Foundation

/// A poller with nothing to watch: it sleeps on a condition variable and runs what was posted.
///
/// Sound as `@unchecked Sendable`: the condition's lock guards `posted`, the rest is constant.
final class TestPoller: Poller, @unchecked Sendable {
    private let thread = pthread_self()
    private let condition = NSCondition()
    private var posted: [@Sendable () -> Void] = []

    var isLoopThread: Bool { pthread_equal(pthread_self(), thread) != 0 }

    func post(_ work: @escaping @Sendable () -> Void) {
        condition.lock()
        posted.append(work)
        condition.signal()
        condition.unlock()
    }

    func wait(timeout: Duration?) {
        condition.lock()
        if posted.isEmpty {
            if let timeout {
                if timeout > .zero { _ = condition.wait(until: Date(timeIntervalSinceNow: timeout / .seconds(1))) }
            } else {
                condition.wait()
            }
        }
        let work = posted
        posted = []
        condition.unlock()
        for item in work { item() }
    }
}
