import Agent
import CShims

/// The processes that descend from this one, which is the subreaper of them all (prctl(2), PR_SET_CHILD_SUBREAPER): a
/// child of theirs that loses its parent becomes this process' child, so none gets away.
struct ProcessTree {
    /// Makes this process the one that inherits its descendants' orphans.
    static func becomeSubreaper() {
        _ = shim_prctl(PR_SET_CHILD_SUBREAPER, 1)
    }

    /// Collects the children that have ended; each with its wait status.
    static func reap() -> [(pid: pid_t, status: Int32)] {
        var ended: [(pid_t, Int32)] = []
        while true {
            var status: Int32 = 0
            let pid = waitpid(-1, &status, WNOHANG)
            guard pid > 0 else { return ended }
            ended.append((pid, status))
        }
    }

    /// Whether no descendant is left, ended ones that nobody collected included.
    static var isEmpty: Bool {
        var info = siginfo_t()
        return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && shim_errno() == ECHILD
    }

    /// Ends every descendant. Only descendants are ever hit: a process is sent a signal only while this one is its
    /// ancestor, which is read off /proc just before.
    static func killAll() { _ = end(descendants) }

    /// Ends every process whose environment began with this variable. How many there were.
    static func killAll(withVariable variable: String) -> Int {
        // A process in the middle of an execve(2) has no environment to show: it is looked for once more.
        end(looks: 2) { processes(withVariable: variable) }
    }

    /// Stops what `find` finds, until it finds nothing new: a process that is stopped starts no other. Then ends all of
    /// it, so that even what forks faster than it could be killed is caught.
    private static func end(looks: Int = 1, _ find: () -> Set<pid_t>) -> Int {
        var found: Set<pid_t> = []
        var looks = looks
        for _ in 0..<64 {
            let fresh = find().subtracting(found)
            if fresh.isEmpty {
                looks -= 1
                if looks == 0 { break }
                usleep(2000)
            }
            for pid in fresh { kill(pid, SIGSTOP) }
            found.formUnion(fresh)
        }
        for pid in found { kill(pid, SIGKILL) }
        return found.count
    }

    private static func processes(withVariable variable: String) -> Set<pid_t> {
        let wanted = Array(variable.utf8)
        var found: Set<pid_t> = []
        for name in (try? PosixFiles().list("/proc")) ?? [] {
            guard let pid = pid_t(name), pid != getpid(), !isOurs(pid),
                let bytes = try? PosixFiles().read("/proc/\(name)/environ", limit: 4 << 20)
            else { continue }
            if bytes.split(separator: 0).contains(where: { $0.elementsEqual(wanted) }) { found.insert(pid) }
        }
        return found
    }

    /// Whether it is one of the agent's own processes, which a task may have started when it installed the agent.
    private static func isOurs(_ pid: pid_t) -> Bool {
        var mine = stat()
        var other = stat()
        guard stat("/proc/self/exe", &mine) == 0, stat("/proc/\(pid)/exe", &other) == 0 else { return false }
        return mine.st_dev == other.st_dev && mine.st_ino == other.st_ino
    }

    /// How many children of this process, whichever of its threads started them, have ended and were not collected.
    static var endedChildren: Int {
        listedChildren(of: getpid()).count { child in statFields(of: child)?.first?.first == UInt8(ascii: "Z") }
    }

    private static func descendants() -> Set<pid_t> {
        var found: Set<pid_t> = []
        // What flees becomes this process' own child, and is there only for a moment: a look at every process may take
        // longer, on a busy machine every time.
        let children = hasLists ? listedChildren(of:) : scannedChildren()
        var open = [getpid()]
        while let next = open.popLast() {
            for child in children(next) where found.insert(child).inserted { open.append(child) }
        }
        return found
    }

    /// Whether the kernel lists the children of a process (CONFIG_PROC_CHILDREN).
    private static let hasLists = access("/proc/self/task/\(getpid())/children", R_OK) == 0

    /// Those that each of its threads has started or taken over.
    private static func listedChildren(of pid: pid_t) -> [pid_t] {
        let threads = (try? PosixFiles().list("/proc/\(pid)/task")) ?? []
        return threads.flatMap { thread in pid_t(thread).map { listedChildren(of: pid, thread: $0) } ?? [] }
    }

    /// Those that this thread of it has started or taken over.
    static func listedChildren(of pid: pid_t, thread: pid_t) -> [pid_t] {
        let list = (try? PosixFiles().read("/proc/\(pid)/task/\(thread)/children", limit: 1 << 20)) ?? []
        return String(decoding: list, as: UTF8.self).split(separator: " ").compactMap { pid_t($0) }
    }

    private static func scannedChildren() -> (pid_t) -> [pid_t] {
        var children: [pid_t: [pid_t]] = [:]
        for name in (try? PosixFiles().list("/proc")) ?? [] {
            guard let pid = pid_t(name), let parent = parent(of: pid) else { continue }
            children[parent, default: []].append(pid)
        }
        return { children[$0] ?? [] }
    }

    private static func parent(of pid: pid_t) -> pid_t? {
        guard let fields = statFields(of: pid), fields.count > 1 else { return nil }
        return pid_t(String(decoding: fields[1], as: UTF8.self))
    }

    /// The fields of /proc/PID/stat from the third, the state, on; the second, the name, is in parentheses and may hold
    /// anything.
    private static func statFields(of pid: pid_t) -> [ArraySlice<UInt8>]? {
        guard let bytes = try? PosixFiles().read("/proc/\(pid)/stat", limit: 4096),
            let end = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        return bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
    }
}
