import Agent
import CShims

/// A control group (cgroups(7), version 2) for the processes of one task, below the one that this process is in: what is
/// in it can be ended at a stroke, however fast it forks.
///
/// It is an addition. Where none can be made, for want of the file system or of the right, a task does without.
struct TaskCgroup {
    private static let prefix = "tat-task-"

    private let path: String
    /// Makes one for the task with this directory's name; `nil` where that cannot be, or another task has the name.
    init?(task: String, below parent: String? = parent) {
        guard let parent else { return nil }
        path = "\(parent)/\(Self.prefix)\(task)"
        if mkdir(path, 0o755) != 0 {
            // One of before, if it is empty.
            guard rmdir(path) == 0, mkdir(path, 0o755) == 0 else { return nil }
        }
        // Without this, as of a kernel before 5.14, it would be of no use.
        guard access(path + "/cgroup.kill", W_OK) == 0 else {
            rmdir(path)
            return nil
        }
    }

    /// Its directory, for a child to start in.
    var directory: FileDescriptor? { try? .open(path, O_RDONLY | O_DIRECTORY) }

    /// Ends all that is in it.
    func killAll() { Self.killAll(in: path) }

    /// Removes it, unless processes that the script left behind live in it: then another's `sweep` does, some day.
    func remove() { rmdir(path) }

    /// Ends what is left in the group of a task whose supervisor is gone, and removes it.
    static func end(task: String, below parent: String? = parent) {
        guard let parent else { return }
        let path = "\(parent)/\(prefix)\(task)"
        guard access(path, F_OK) == 0 else { return }
        killAll(in: path)
        // Killed processes take a moment to go.
        for _ in 0..<50 where rmdir(path) != 0 && shim_errno() == EBUSY { usleep(10_000) }
    }

    /// Removes the groups in which nothing lives any more.
    static func sweep(below parent: String? = parent) {
        guard let parent else { return }
        for name in (try? PosixFiles().list(parent)) ?? [] where name.hasPrefix(prefix) { rmdir("\(parent)/\(name)") }
    }

    /// The group of this process; `nil` where no version 2 is mounted.
    static let parent: String? = {
        let groups = (try? PosixFiles().read("/proc/self/cgroup", limit: 1 << 16)) ?? []
        let lines = String(decoding: groups, as: UTF8.self)
        guard let own = lines.split(separator: "\n").first(where: { $0.hasPrefix("0::") })?.dropFirst(3),
            let root = (["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] as [String]).first(where: isVersion2)
        else { return nil }
        return own == "/" ? root : root + own
    }()

    private static func isVersion2(_ path: String) -> Bool {
        access(path + "/cgroup.controllers", F_OK) == 0
    }

    private static func killAll(in path: String) {
        guard let file = try? FileDescriptor.open(path + "/cgroup.kill", O_WRONLY) else { return }
        _ = try? file.write([UInt8(ascii: "1")])
    }
}
