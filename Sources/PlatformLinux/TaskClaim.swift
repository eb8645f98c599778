import Agent
import CShims

/// A supervisor's claim to a task, as the name `claim` in the task directory: a second name of the task's file, which
/// link(2) makes for one process only, and which costs no file of its own. The file is locked (flock(2)) from before
/// the name is there until the supervisor is gone.
struct TaskClaim {
    private let file: FileDescriptor

    /// Claims the task; `nil` when another supervisor has, or is about to.
    init?(_ directory: TaskDirectory) throws(SystemError) {
        crashPoint("before the claim")
        file = try FileDescriptor.open(directory.recordPath, O_RDONLY)
        guard try Self.lock(file, LOCK_EX) else { return nil }
        crashPoint("claim locked")
        guard link(directory.recordPath, directory.claimPath) == 0 else {
            if shim_errno() == EEXIST { return nil }
            throw SystemError("link \(directory.claimPath)")
        }
        crashPoint("claimed")
    }

    enum State { case none, held, abandoned }

    /// What has become of the claim to the task in `directory`.
    static func state(in directory: String) throws(SystemError) -> State {
        let file: FileDescriptor
        do throws(SystemError) {
            file = try FileDescriptor.open(directory + "/claim", O_RDONLY)
        } catch {
            if error.code == ENOENT { return .none }
            throw error
        }
        // That this holds the lock for a moment keeps nobody from a claim: it is claimed.
        return try lock(file, LOCK_SH) ? .abandoned : .held
    }

    private static func lock(_ file: FileDescriptor, _ kind: Int32) throws(SystemError) -> Bool {
        if retrying({ flock(file.number, kind | LOCK_NB) }) == 0 { return true }
        guard shim_errno() == EWOULDBLOCK else { throw SystemError("flock") }
        return false
    }
}
