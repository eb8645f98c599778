/// What a supervisor does when: the rules of timeout, cancel, grace and end, without a clock or a process of their own.
///
/// The backend's supervisor tells it what happens and carries out the steps it asks for. Times are durations since any
/// one moment.
public struct Supervision: Sendable {
    public enum Step: Equatable, Sendable {
        /// Nothing is to be done until something happens or this time has come.
        case wait(until: Duration)
        /// Ask the script's process group to end (SIGTERM).
        case terminate
        /// End every process of the task's tree.
        case kill
        /// The task is over.
        case finish(TaskResult, exitCode: Int64, errorInfo: String)
    }

    /// Between the request to end and the end.
    public static let grace = Duration.seconds(2)
    /// How long the result of a script that has ended waits for output of processes that it left behind.
    public static let drain = Duration.milliseconds(500)
    /// How often a tree that is being killed is looked at again.
    public static let sweep = Duration.milliseconds(20)

    /// How long a tree is being killed before the task is over all the same: a process that waits for a dead disk or
    /// network file system cannot be ended by anybody.
    public static let patience = Duration.seconds(10)

    /// What ends a task from outside.
    private enum Cause {
        case timeout, cancel, shutdown

        var result: TaskResult {
            switch self {
            case .timeout: .timeout
            case .cancel: .terminated
            case .shutdown: .failed
            }
        }

        var errorInfo: String {
            self == .shutdown ? "the task's supervisor was told to stop (SIGTERM), as at a shutdown" : ""
        }
    }

    private enum Phase {
        case running(deadline: Duration)
        case ended(drainUntil: Duration)
        case stopping(Cause, killAt: Duration, told: Bool)
        case killing(Cause, again: Duration, giveUpAt: Duration)
    }

    private var phase: Phase
    private var script: ScriptEnd?
    private var outputOpen = true
    private var requested: Cause?

    /// How a script ended by itself.
    public enum ScriptEnd: Equatable, Sendable {
        case exited(Int64)
        /// By a signal, or what a system has in its place; the words for it.
        case killed(String)
    }

    public init(start: Duration, timeout: Duration) {
        phase = .running(deadline: start + timeout)
    }

    /// No process holds the output any more.
    public mutating func outputEnded() { outputOpen = false }

    /// The service cancelled the task.
    public mutating func cancelRequested() { requested = requested ?? .cancel }

    /// The supervisor's process was asked to end.
    public mutating func shutdownRequested() { requested = requested ?? .shutdown }

    /// The script itself, not what it left behind, ended.
    public mutating func scriptEnded(_ end: ScriptEnd, at now: Duration) {
        script = end
        if case .running = phase { phase = .ended(drainUntil: now + Self.drain) }
    }

    /// What to do now. Asked again after each event and each step that was carried out.
    ///
    /// `treeIsEmpty` tells whether no process of the task is left; it is only evaluated while the tree is being ended.
    public mutating func next(at now: Duration, treeIsEmpty: () -> Bool) -> Step {
        switch phase {
        case .running(let deadline):
            guard requested != nil || now >= deadline else { return .wait(until: deadline) }
            phase = .stopping(requested ?? .timeout, killAt: now + Self.grace, told: false)
            return next(at: now, treeIsEmpty: treeIsEmpty)
        case .ended(let drainUntil):
            guard outputOpen, now < drainUntil else { return ending }
            return .wait(until: drainUntil)
        case .stopping(let cause, let killAt, let told):
            if !told {
                phase = .stopping(cause, killAt: killAt, told: true)
                return .terminate
            }
            if treeIsEmpty() { return finish(cause) }
            guard now >= killAt else { return .wait(until: min(killAt, now + Self.sweep)) }
            phase = .killing(cause, again: now + Self.sweep, giveUpAt: now + Self.patience)
            return .kill
        case .killing(let cause, let again, let giveUpAt):
            if treeIsEmpty() { return finish(cause) }
            if now >= giveUpAt { return finish(cause, remark: "some of the task's processes could not be ended") }
            guard now >= again else { return .wait(until: again) }
            phase = .killing(cause, again: now + Self.sweep, giveUpAt: giveUpAt)
            return .kill
        }
    }

    private func finish(_ cause: Cause, remark: String? = nil) -> Step {
        .finish(cause.result, exitCode: -1, errorInfo: remark ?? cause.errorInfo)
    }

    private var ending: Step {
        switch script {
        case .exited(0): .finish(.success, exitCode: 0, errorInfo: "")
        case .exited(let code): .finish(.failed, exitCode: code, errorInfo: "")
        case .killed(let how): .finish(.failed, exitCode: -1, errorInfo: how)
        case nil: .finish(.failed, exitCode: -1, errorInfo: "the script's end was not seen")
        }
    }
}
