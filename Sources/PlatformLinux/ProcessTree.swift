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

    /// Sends SIGKILL to every descendant, in rounds, until a round finds none that was not sent it already.
    ///
    /// Only descendants are ever hit: a process is sent the signal only while this one is its ancestor, which is read
    /// off /proc just before.
    static func killAll() {
        var killed: Set<pid_t> = []
        for _ in 0..<16 {
            let fresh = descendants().subtracting(killed)
            if fresh.isEmpty { return }
            for pid in fresh { kill(pid, SIGKILL) }
            killed.formUnion(fresh)
        }
    }

    private static func descendants() -> Set<pid_t> {
        var children: [pid_t: [pid_t]] = [:]
        for name in (try? PosixFiles().list("/proc")) ?? [] {
            guard let pid = pid_t(name), let parent = parent(of: pid) else { continue }
            children[parent, default: []].append(pid)
        }
        var found: Set<pid_t> = []
        var open = [getpid()]
        while let next = open.popLast() {
            for child in children[next] ?? [] where found.insert(child).inserted { open.append(child) }
        }
        return found
    }

    /// The fourth field of /proc/PID/stat; the second, the name, is in parentheses and may hold anything.
    private static func parent(of pid: pid_t) -> pid_t? {
        guard let bytes = try? PosixFiles().read("/proc/\(pid)/stat", limit: 4096),
            let end = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
        return fields.count > 1 ? pid_t(String(decoding: fields[1], as: UTF8.self)) : nil
    }
}
