/// Watches the agent's own use of memory and descriptors, and starts it anew when too much was used for too long
/// (protocol §8). The tasks go on meanwhile.
@LoopActor
final class LeakChecker {
    struct Limits {
        /// In bytes.
        var residentMemory: Int64 = 200 << 20
        /// Besides those of running tasks.
        var descriptors = 1000
        /// Each running task's own.
        var descriptorsPerTask = 2
        /// Between two looks.
        var interval = Duration.seconds(10)
        /// So many looks in a row over a limit are a leak.
        var patience = 64
    }

    private let usage: @LoopActor () -> ProcessUsage?
    private let runningTasks: @LoopActor () -> Int
    private let limits: Limits
    private var looksOver = 0

    init(
        limits: Limits = Limits(),
        usage: @escaping @LoopActor () -> ProcessUsage?,
        runningTasks: @escaping @LoopActor () -> Int
    ) {
        self.limits = limits
        self.usage = usage
        self.runningTasks = runningTasks
    }

    /// Looks until there is a leak. What leaks.
    func run() async -> String {
        while true {
            await sleep(for: limits.interval)
            guard let excess = look() else {
                looksOver = 0
                continue
            }
            looksOver += 1
            if looksOver >= limits.patience { return excess }
        }
    }

    /// What is used too much of now, if anything.
    private func look() -> String? {
        guard let usage = usage() else { return nil }
        if usage.residentMemory > limits.residentMemory {
            return "memory: \(usage.residentMemory >> 20) MiB, the limit is \(limits.residentMemory >> 20)"
        }
        let descriptors = limits.descriptors + limits.descriptorsPerTask * runningTasks()
        if usage.descriptors > descriptors {
            return "descriptors: \(usage.descriptors), the limit is \(descriptors)"
        }
        if usage.zombies > limits.descriptors {
            return "ended child processes: \(usage.zombies), the limit is \(limits.descriptors)"
        }
        return nil
    }
}
