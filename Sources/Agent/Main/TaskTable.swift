/// All tasks that are not over yet, and the memory of those that are.
@LoopActor
final class TaskTable {
    /// How many scripts run at once; more tasks wait, in order.
    static let defaultSlots = 1000

    private let platform: any Platform
    private let store: TaskStore
    private let intake: TaskIntake
    private let api: InvokeAPI
    private let log: Log
    private let slots: Gate
    private var workers: [String: TaskWorker] = [:]
    /// Tasks that are over, but whose tombstone the disk did not take.
    private var unburied: Set<String> = []

    init(platform: any Platform, store: TaskStore, api: InvokeAPI, log: Log, slots: Int = defaultSlots) {
        self.platform = platform
        self.store = store
        self.api = api
        self.log = log
        self.slots = Gate(width: slots)
        intake = TaskIntake(platform: platform)
    }

    /// How many tasks are not over.
    var count: Int { workers.count }

    /// Takes up the tasks that earlier agents left.
    func recover() {
        do throws(FileError) {
            let found = try store.recover()
            if !found.isEmpty { log.info("taking up \(found.count) tasks of an earlier agent") }
            for (record, directory) in found { begin(record, in: directory) }
            try store.sweep(now: platform.clock.unixSeconds)
        } catch {
            log.error("the tasks of earlier agents cannot be read: \(error)")
        }
    }

    /// Begins those of the described tasks that are not known yet, one after the other, each as soon as it is written
    /// down. Returns when all are known.
    func accept(_ descriptions: [TaskDescription]) async {
        var ids: Set<String> = []
        let new = descriptions.filter { !isKnown($0.id) && ids.insert($0.id).inserted }
        guard !new.isEmpty else { return }
        platform.launcher.prepare()
        for description in new {
            let (task, storeFailure) = await EventLoop.shared.offload(to: platform.worker) { [intake, store] in
                let task = intake.take(description)
                do throws(FileError) {
                    try store.accept(task.record)
                    return (task, nil as FileError?)
                } catch {
                    return (task, error)
                }
            }
            begin(task, storeFailure: storeFailure)
        }
    }

    private func begin(_ task: TaskIntake.Taken, storeFailure: FileError?) {
        let id = task.record.id
        let directory = store.directory(of: id)
        var end: TaskExit?
        if let storeFailure {
            log.error("task \(id): cannot be written down: \(storeFailure)")
            end = TaskExit(.scriptStoreFailed(storeFailure.description), finishedAt: platform.clock.unixSeconds)
        } else if let failure = task.failure {
            log.warning("task \(id): \(failure)")
            end = TaskExit(failure, finishedAt: platform.clock.unixSeconds)
        } else {
            let user = task.record.user.name
            log.info("task \(id): accepted, to run as \(user) for \(task.record.timeoutSeconds) s at the most")
            if let remark = task.remark { log.info("task \(id): \(remark)") }
        }
        begin(task.record, in: directory, end: end)
    }

    private func begin(_ record: TaskRecord, in directory: TaskDirectory, end: TaskExit? = nil) {
        let worker = TaskWorker(
            record: record,
            directory: directory,
            platform: platform,
            api: api,
            slots: slots,
            log: log,
            end: end
        )
        workers[record.id] = worker
        spawn { [self] in
            let end = await worker.live()
            bury(record.id, end)
            workers[record.id] = nil
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
        workers[id] != nil || unburied.contains(id) || store.hasTombstone(id)
    }

    /// Ends a task, wherever it is in its life.
    func cancel(_ id: String) {
        guard let worker = workers[id] else {
            log.info("task \(id): cancelled by the service, but it is \(isKnown(id) ? "over" : "not known")")
            return
        }
        log.info("task \(id): cancelled by the service")
        worker.cancel()
    }
}
