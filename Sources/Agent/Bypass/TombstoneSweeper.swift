/// Removes the tombstones of tasks once their ids need not be known any more.
@LoopActor
struct TombstoneSweeper {
    static let interval = Duration.seconds(3600)

    let tasks: TaskTable

    func run() async {
        while true {
            tasks.sweep()
            await sleep(for: Self.interval)
        }
    }
}
