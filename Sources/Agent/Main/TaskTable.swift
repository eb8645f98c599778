/// All tasks that are not over yet, and the memory of those that are.
@LoopActor
final class TaskTable {
    /// How many scripts run at once; more tasks wait, in order.
    static let defaultSlots = 1000

    /// How many tasks of one description are written down at once. A thousand at once would take megabytes.
    private static let intakeWidth = 64

    private let platform: any Platform
    private let store: TaskStore
    private let intake: TaskIntake
    private let api: InvokeAPI
    private let log: Log
    private let slots: Gate
    private let outputUpload: OutputUpload
    private var workers: [String: TaskWorker] = [:]
    /// What waits for the service, and what waits for object storage.
    private var waiting: WaitingOutput
    private var wholeWaiting: WaitingOutput
    /// Tasks that are to be written down, the next one last. They have lined up for a slot in the order of their
    /// description, which is not that in which they will have been written down.
    private var described: [(description: TaskDescription, place: Int64, ticket: Gate.Ticket)] = []
    private var lastPlace: Int64 = 0
    /// Tasks that are being written down, and whether they were cancelled meanwhile.
    private var accepting: [String: Bool] = [:]
    /// Tasks that are over, but whose tombstone the disk did not take.
    private var unburied: Set<String> = []

    init(
        platform: any Platform,
        store: TaskStore,
        api: InvokeAPI,
        log: Log,
        slots: Int = defaultSlots,
        waitingLimit: Int64 = WaitingOutput.defaultLimit,
        wholeLimit: Int64 = WaitingOutput.wholeLimit
    ) {
        self.platform = platform
        self.store = store
        self.api = api
        self.log = log
        self.slots = Gate(width: slots)
        waiting = WaitingOutput(limit: waitingLimit)
        wholeWaiting = WaitingOutput(limit: wholeLimit)
        outputUpload = OutputUpload(platform: platform, api: api, log: log)
        intake = TaskIntake(platform: platform)
    }

    /// How many tasks are not over.
    var count: Int { workers.count }

    /// Takes up the tasks that earlier agents left.
    func recover() {
        do throws(FileError) {
            let (found, failures) = try store.recover()
            for failure in failures { log.error("a task of an earlier agent is left as it is: \(failure)") }
            if !found.isEmpty { log.info("taking up \(found.count) tasks of an earlier agent") }
            lastPlace = found.map(\.task.place).max() ?? 0
            for (task, progress) in found { begin(task, ticket: slots.lineUp(), progress: progress) }
        } catch {
            log.error("the tasks of earlier agents cannot be read: \(error)")
        }
    }

    /// As `take`, and returns when all are written down and begun.
    func accept(_ descriptions: [TaskDescription]) async {
        for acceptance in take(descriptions) { await acceptance.value }
    }

    /// Takes those of the described tasks that are not known yet: from now on they are. Each begins as soon as it is
    /// written down; one that waits for a slow account database holds up no other.
    @discardableResult
    func take(_ descriptions: [TaskDescription]) -> [Task<Void, Never>] {
        let new = descriptions.filter { !isKnown($0.id) && accepting.updateValue(false, forKey: $0.id) == nil }
        guard !new.isEmpty else { return [] }
        platform.launcher.prepare()
        let tickets = new.map { description in
            lastPlace += 1
            return (description, lastPlace, slots.lineUp())
        }
        described.insert(contentsOf: tickets.reversed(), at: 0)
        return (0..<min(new.count, Self.intakeWidth)).map { _ in
            spawn { [self] in
                while let (description, place, ticket) = described.popLast() {
                    // Popping leaves the room of them all.
                    if described.isEmpty { described = [] }
                    await accept(description, place, ticket)
                }
            }
        }
    }

    private func accept(_ description: TaskDescription, _ place: Int64, _ ticket: Gate.Ticket) async {
        let accepted = await EventLoop.shared.offload(to: platform.worker) { [intake, store, clock = platform.clock] in
            Accepted(intake.take(description), place: place, store: store, clock: clock)
        }
        let isCancelled = accepting.removeValue(forKey: description.id) ?? false
        begin(accepted, ticket)
        if isCancelled { workers[description.id]?.cancel() }
    }

    /// A task that is written down, as far as the disk allowed.
    private struct Accepted: Sendable {
        private(set) var task: TaskIntake.Taken
        /// How it ended already, where that is not on disk.
        var end: TaskExit?
        var storeFailure: FileError?

        init(_ task: TaskIntake.Taken, place: Int64, store: TaskStore, clock: any WallClock) {
            self.task = task
            self.task.record.place = place
            let failed = task.failure.map { TaskExit($0, finishedAt: clock.unixSeconds) }
            do throws(FileError) {
                try store.accept(self.task.record, end: failed)
            } catch {
                storeFailure = error
                end = failed ?? TaskExit(.scriptStoreFailed(error.description), finishedAt: clock.unixSeconds)
            }
        }
    }

    private func begin(_ accepted: Accepted, _ ticket: Gate.Ticket) {
        let record = accepted.task.record
        if let failure = accepted.task.failure {
            log.warning("task \(record.id): \(failure)")
        } else if accepted.storeFailure == nil {
            log.info(
                "task \(record.id): accepted, to run as \(record.user.name) for \(record.timeoutSeconds) s at the most"
            )
            if let remark = accepted.task.remark { log.info("task \(record.id): \(remark)") }
        }
        if let storeFailure = accepted.storeFailure {
            log.error("task \(record.id): cannot be written down: \(storeFailure)")
        }
        begin(record, ticket: ticket, end: accepted.end)
    }

    private func begin(
        _ record: TaskRecord,
        ticket: Gate.Ticket,
        progress: TaskProgress = TaskProgress(),
        end: TaskExit? = nil
    ) {
        let id = record.id
        var record = record
        // Its supervisor reads it off the disk; a thousand scripts in memory could be anything.
        record.command = ""
        let worker = TaskWorker(
            record: record,
            directory: store.directory(of: id),
            platform: platform,
            api: api,
            outputUpload: outputUpload,
            slots: slots,
            ticket: ticket,
            log: log,
            progress: progress,
            end: end,
            hasEnded: { [self] in hasEnded(id) }
        )
        workers[id] = worker
        worker.live { [self] end in
            bury(id, end)
            workers[id] = nil
            waiting.remove(id)
            wholeWaiting.remove(id)
            if workers.isEmpty { platform.launcher.rest() }
        }
    }

    /// The script of a task has ended; its output waits until the service has taken it.
    private func hasEnded(_ id: String) {
        guard let worker = workers[id] else { return }
        let givenUp = wholeWaiting.add(id, bytes: worker.wholeOutput)
        for id in givenUp { workers[id]?.giveUpWholeOutput() }
        for id in givenUp.filter({ $0 != id }) + [id] {
            for dropped in waiting.add(id, bytes: workers[id]?.waitingOutput ?? 0) { workers[dropped]?.dropOutput() }
        }
    }

    /// Removes the tombstones that are older than a day.
    func sweep() {
        do throws(FileError) {
            try store.sweep(now: platform.clock.unixSeconds)
        } catch {
            log.error("old tombstones cannot be removed: \(error)")
        }
    }

    private func bury(_ id: String, _ end: TaskWorker.End) {
        do throws(FileError) {
            switch end {
            case .reported: try store.bury(id)
            case .refused: try store.forget(id)
            }
        } catch {
            log.error("task \(id): its directory cannot be removed: \(error)")
            unburied.insert(id)
        }
    }

    private func isKnown(_ id: String) -> Bool {
        workers[id] != nil || accepting[id] != nil || unburied.contains(id) || store.hasTombstone(id)
    }

    /// Ends a task, wherever it is in its life.
    func cancel(_ id: String) {
        if accepting[id] != nil {
            accepting[id] = true
            return
        }
        guard let worker = workers[id] else {
            log.info("task \(id): cancelled by the service, but it is \(isKnown(id) ? "over" : "not known")")
            return
        }
        log.info("task \(id): cancelled by the service")
        worker.cancel()
    }
}
