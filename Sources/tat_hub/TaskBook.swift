import Agent

/// The tasks and registrations: pure state, changed by events alone, so that a replayed journal gives the same.
struct TaskBook: Sendable {
    struct Limits: Sendable {
        var finishedTasks = 10_000
        var openTasks = 20_000
        /// Bytes of scripts and outputs, of tasks that are over; the oldest ones are emptied first.
        var finishedBytes = 64 << 20
        /// Bytes of scripts and outputs of tasks that are not over: no more are taken then.
        var openBytes = 256 << 20
        var registrations = 1000
    }

    private let limits: Limits
    private(set) var tasks: [String: TaskRecord] = [:]
    private(set) var registrations: [String: JSON] = [:]
    private var registrationOrder: [String] = []
    /// Ids in the order of creation, of tasks that are not over.
    private var open: [String] = []
    private var openBytes = 0
    /// Ids in the order in which they were over, those from `firstFull` on with script and output.
    private var over: [String] = []
    private var firstFull = 0
    private var overBytes = 0
    private var created = 0

    init(limits: Limits = Limits()) { self.limits = limits }

    // MARK: Questions

    /// The newest ones first.
    func newest(_ count: Int) -> [TaskRecord] {
        Array(tasks.values.sorted { $0.number > $1.number }.prefix(count))
    }

    var openCount: Int { open.count }

    /// Whether so many more tasks can be taken.
    func hasRoom(for count: Int, bytes: Int) -> Bool {
        open.count + count <= limits.openTasks && openBytes + bytes <= limits.openBytes
    }

    /// The open tasks of an agent, in the order of creation; those of no agent too.
    func open(for agent: String) -> [TaskRecord] {
        open.compactMap { tasks[$0] }.filter { $0.agent == agent || $0.agent == nil }
    }

    /// Cancelled tasks that were not started since `time` (in microseconds): no agent will start them.
    func abandoned(since time: Int64) -> [String] {
        open.filter { id in
            guard let task = tasks[id], task.state == .pending, let cancelled = task.times.cancelled else {
                return false
            }
            return task.times.described == nil || cancelled < time
        }
    }

    // MARK: Events

    mutating func apply(_ event: TaskEvent) {
        switch event.kind {
        case .created(let id, let agent, let wire):
            guard tasks[id] == nil else { return }
            created += 1
            let task = TaskRecord(id: id, number: created, agent: agent, wire: wire, event: event)
            tasks[id] = task
            open.append(id)
            openBytes += task.weight
        case .registered(let instance, let facts):
            register(instance, facts)
        default:
            guard let id = event.task, var task = tasks.removeValue(forKey: id) else { return }
            let wasOver = task.isOver
            let weight = task.weight
            Self.apply(event, to: &task)
            let isOver = task.isOver
            let change = task.weight - weight
            tasks[id] = task
            if isOver {
                if wasOver { overBytes += change } else { close(task, openWeight: weight) }
                tidy()
            } else {
                openBytes += change
            }
        }
    }

    /// A `DescribeTasks` reply had this task in it.
    mutating func countDescribe(_ id: String) { tasks[id]?.counters.describes += 1 }

    private static func apply(_ event: TaskEvent, to task: inout TaskRecord) {
        switch event.kind {
        case .created, .registered: break
        case .assigned(_, let agent): task.agent = agent
        case .kicked: task.times.kicked = task.times.kicked ?? event.microseconds
        case .described: task.times.described = task.times.described ?? event.microseconds
        case .started:
            task.counters.starts += 1
            if task.state == .pending { task.state = .running }
            task.times.started = task.times.started ?? event.microseconds
        case .chunk(_, let index, let output, let dropped):
            task.take(TaskRecord.Chunk(output: output, dropped: dropped), index, at: event.microseconds)
        case .finished(_, let report): task.finish(report, event)
        case .cancelled:
            task.isCancelRequested = true
            task.times.cancelled = task.times.cancelled ?? event.microseconds
        case .abandoned:
            guard task.state == .pending else { return }
            task.state = .cancelled
            task.finishedAt = event.unixMilliseconds
        }
    }

    private mutating func register(_ instance: String, _ facts: JSON) {
        if registrations.updateValue(facts, forKey: instance) == nil { registrationOrder.append(instance) }
        if registrationOrder.count > limits.registrations {
            registrations[registrationOrder.removeFirst()] = nil
        }
    }

    // MARK: Bounds

    private mutating func close(_ task: TaskRecord, openWeight: Int) {
        if let index = open.firstIndex(of: task.id) { open.remove(at: index) }
        openBytes -= openWeight
        over.append(task.id)
        overBytes += task.weight
    }

    private mutating func tidy() {
        while overBytes > limits.finishedBytes, firstFull < over.count - 1 {
            if var task = tasks.removeValue(forKey: over[firstFull]) {
                overBytes -= task.weight
                task.evict()
                overBytes += task.weight
                tasks[task.id] = task
            }
            firstFull += 1
        }
        // In steps: taking the first out of an array costs its length.
        guard over.count >= limits.finishedTasks + 256 else { return }
        let count = over.count - limits.finishedTasks
        for id in over.prefix(count) {
            if let task = tasks.removeValue(forKey: id) { overBytes -= task.weight }
        }
        over.removeFirst(count)
        firstFull = max(0, firstFull - count)
    }
}

extension TaskRecord {
    fileprivate mutating func take(_ chunk: Chunk, _ index: Int, at time: Int64) {
        if let known = chunks[index] {
            if known == chunk { counters.chunkRepeats += 1 } else { counters.chunkConflicts += 1 }
            return
        }
        if counters.starts == 0 { violate("chunk \(index) before the start") }
        if isOver { violate("chunk \(index) after the finish") }
        if index > 0, chunks[index - 1] == nil { violate("chunk \(index) before chunk \(index - 1)") }
        counters.chunks += 1
        times.firstChunk = times.firstChunk ?? time
        guard !isEvicted else { return }
        chunks[index] = chunk
        outputSize += chunk.output.count
        dropped = max(dropped, chunk.dropped)
    }

    fileprivate mutating func finish(_ report: JSON, _ event: TaskEvent) {
        counters.finishes += 1
        if let known = self.report {
            if Self.comparable(known) != Self.comparable(report) { counters.finishConflicts += 1 }
            return
        }
        if counters.starts == 0, report["Result"]?.string != "START_FAILED" { violate("finish before the start") }
        let last = chunks.keys.max()
        let reported = report["FinalLogIndex"]?.int64
        if reported != last.map({ Int64($0) }) {
            violate(
                "FinalLogIndex \(reported.map { "\($0)" } ?? "null"), uploaded \(last.map { "\($0)" } ?? "nothing")"
            )
        }
        self.report = report
        state = .finished
        times.finished = event.microseconds
        finishedAt = event.unixMilliseconds
    }

    /// The time may differ when a report is sent again.
    private static func comparable(_ report: JSON) -> JSON {
        guard var fields = report.object else { return report }
        fields["TimeStamp"] = nil
        return .object(fields)
    }
}
