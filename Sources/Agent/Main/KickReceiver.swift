/// Turns kicks into `DescribeTasks`: one at a time, and one more when kicks came meanwhile.
@LoopActor
final class KickReceiver {
    private let api: InvokeAPI
    private let tasks: TaskTable
    private let log: Log
    private let kicked = Wakeup()

    init(api: InvokeAPI, tasks: TaskTable, log: Log) {
        self.api = api
        self.tasks = tasks
        self.log = log
    }

    /// Asks for tasks soon. `source` is for the log.
    func kick(from source: String) {
        log.debug("kick from \(source)")
        kicked.signal()
    }

    /// Serves kicks for ever. Where the service cannot be asked, asks again until it can, or until the next kick.
    func run() async {
        var backoff = Backoff()
        var pause: Duration?
        while true {
            _ = await kicked.wait(atMost: pause)
            if await ask() {
                backoff = Backoff()
                pause = nil
            } else {
                pause = backoff.pause()
            }
        }
    }

    private func ask() async -> Bool {
        do throws(InvokeFailure) {
            let described = DescribedTasks(response: try await api.call("DescribeTasks"))
            if described.malformed > 0 {
                log.warning(
                    "DescribeTasks: \(described.malformed) entries without an InvocationTaskId were passed over"
                )
            }
            tasks.take(described.tasks)
            for id in described.cancelled { tasks.cancel(id) }
            return true
        } catch {
            log.warning("DescribeTasks \(error)")
            return false
        }
    }
}
