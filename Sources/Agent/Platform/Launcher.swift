/// Starts supervisors and talks to them, also to those that an earlier agent started.
public protocol Launcher: Sendable {
    /// Tells that tasks may be about to be launched, so that what can be got ready is.
    @LoopActor
    func prepare()

    /// Tells that no task is left, so that what was kept for them can go.
    @LoopActor
    func rest()

    /// Starts the supervisor of the task in `directory`, so that it outlives the agent. `again`: a start of this task
    /// came to nothing before.
    @LoopActor
    func launch(directory: String, again: Bool) throws(LaunchError) -> any SupervisorLink

    /// The supervisor that owns the task in `directory`: what became of it since it claimed the task.
    @LoopActor
    func adopt(directory: String) -> Adoption

    /// Ends the processes of a task whose supervisor is gone; how many there were. Blocks: for the worker.
    func endOrphans(of taskID: String) -> Int

    /// The command types of tasks that can run here, upper case: `SHELL`, …
    var commandTypes: [String] { get }
}

extension Launcher {
    @LoopActor
    public func rest() {}
}

/// What an agent finds of a supervisor that it did not start itself.
public enum Adoption: Sendable {
    /// No supervisor ever claimed the task: its script never started.
    case unclaimed
    /// One is at work.
    case alive(any SupervisorLink)
    /// One had claimed the task and is gone.
    case gone
    /// It cannot be told now, for want of descriptors, say; the reason.
    case unknown(String)
}

/// What a supervisor lets the agent know.
public enum SupervisorNews: Sendable {
    /// There may be more output.
    case output
    /// The script has ended and all that it wrote is stored; the exit is being recorded.
    case wholeOutput
    /// The exit is recorded, or the supervisor is gone.
    case over
}

/// A connection to a live supervisor.
@LoopActor
public protocol SupervisorLink: AnyObject, Sendable {
    /// Waits for news. Once `over`, always `over`. One caller at a time.
    func news() async -> SupervisorNews

    /// Has the supervisor look for the cancel request in the task directory.
    func poke()

    /// Ends the connection; the supervisor goes on.
    func close()
}

/// A supervisor could not be started.
public struct LaunchError: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
