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

    /// What has become of the claim to the task in `directory`. One that is being made, by a supervisor that has the lock
    /// and not yet the name, is held: to name it can take the disk a while.
    ///
    /// That this holds the lock for a moment may keep a supervisor from its claim, which is the same as if it had come
    /// later than the one that is then launched.
    static func state(in directory: String) throws(SystemError) -> State {
        for (name, state) in [("claim", State.abandoned), ("task", .none)] {
            do throws(SystemError) {
                let file = try FileDescriptor.open(directory + "/" + name, O_RDONLY)
                return try lock(file, LOCK_SH) ? state : .held
            } catch {
                guard error.code == ENOENT else { throw error }
            }
        }
        return .none
    }

    private static func lock(_ file: FileDescriptor, _ kind: Int32) throws(SystemError) -> Bool {
        if retrying({ flock(file.number, kind | LOCK_NB) }) == 0 { return true }
        guard shim_errno() == EWOULDBLOCK else { throw SystemError("flock") }
        return false
    }
}
