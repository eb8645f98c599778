import Agent

/// The state that the services share, and the one way to change it.
@LoopActor
final class HubState {
    private static let requestLogLimit = 2000
    /// How long a cancelled task that was handed out may still be started.
    private static let abandonAfter: Int64 = 120_000_000

    private(set) var book: TaskBook
    private let journal: Journal
    var agents = AgentBook()
    var misbehaviour = Misbehaviour()
    /// Fields that replies of an action have besides, or instead of, the hub's own.
    var answers: [String: JSON.Object] = [:]
    /// The last invoke requests: a ring, `requestCount` counts all.
    private(set) var requests: [JSON] = []
    private(set) var requestCount = 0

    /// Those who wait for news of a task.
    private var waiters: [String: [ObjectIdentifier: Wakeup]] = [:]
    private var sweeper: LoopTimer?

    init(journal path: String) throws(Failure) {
        var book = TaskBook()
        journal = try Journal(path) { event in book.apply(event) }
        self.book = book
    }

    /// Records that these things happened now.
    func record(_ kinds: [TaskEvent.Kind]) {
        let microseconds = Clock.microseconds
        let milliseconds = Clock.unixMilliseconds
        let events = kinds.map { TaskEvent(kind: $0, microseconds: microseconds, unixMilliseconds: milliseconds) }
        journal.append(events)
        for event in events {
            book.apply(event)
            guard let task = event.task, let waiting = waiters[task] else { continue }
            for wakeup in waiting.values { wakeup.signal() }
        }
        journal.compactIfNeeded { event in
            switch event.kind {
            case .registered(let instance, _): book.registrations[instance] != nil
            default: event.task.map { book.tasks[$0] != nil } ?? false
            }
        }
    }

    func countDescribe(_ id: String) { book.countDescribe(id) }

    /// Waits for news of a task; returns early for none that concern the caller.
    func news(of task: String, until deadline: ContinuousClock.Instant) async {
        let left = deadline - .now
        guard left > .zero else { return }
        let wakeup = Wakeup()
        waiters[task, default: [:]][ObjectIdentifier(wakeup)] = wakeup
        _ = await wakeup.wait(atMost: left)
        waiters[task]?[ObjectIdentifier(wakeup)] = nil
        if waiters[task]?.isEmpty == true { waiters[task] = nil }
    }

    /// Remembers an invoke request, for whoever wants to know what an agent did.
    func log(action: String, agent: String, task: String?, outcome: String) {
        requestCount += 1
        requests.append([
            "number": JSON(requestCount), "us": .integer(Clock.microseconds), "action": .string(action),
            "agent": .string(agent), "task": JSON(task), "outcome": .string(outcome),
        ])
        if requests.count >= 2 * Self.requestLogLimit { requests.removeFirst(requests.count - Self.requestLogLimit) }
    }

    /// Gives up cancelled tasks that no agent will start; now and every second.
    func sweep() {
        let abandoned = book.abandoned(since: Clock.microseconds - Self.abandonAfter)
        if !abandoned.isEmpty { record(abandoned.map { .abandoned(task: $0) }) }
        sweeper?.cancel()
        sweeper = EventLoop.shared.schedule(after: .seconds(1)) { [weak self] in self?.sweep() }
    }
}
