/// What the operating system, or a person at it, asks of the agent's process.
public enum ServiceRequest: Sendable {
    case stop
}

/// What the agent's process uses.
public struct ProcessUsage: Equatable, Sendable {
    /// In bytes.
    public var residentMemory: Int64
    /// Descriptors, or what the system has in their place.
    public var descriptors: Int
    /// Children that have ended and were not collected.
    public var zombies: Int

    public init(residentMemory: Int64, descriptors: Int, zombies: Int) {
        self.residentMemory = residentMemory
        self.descriptors = descriptors
        self.zombies = zombies
    }
}

/// The agent's process among the machine's services.
@LoopActor
public protocol Service: AnyObject, Sendable {
    /// Tells the service manager that the agent is ready. Linux: sd_notify(3); nothing where nobody asked.
    func ready()

    /// Calls `handler` for each request of the service manager or of a terminal (SIGTERM, SIGINT).
    func onRequest(_ handler: @escaping @LoopActor (ServiceRequest) -> Void)

    /// What the process uses now; `nil` when that cannot be read.
    var usage: ProcessUsage? { get }

    /// Replaces the process by a new one of the same executable file, as it is now on disk. Returns only on failure,
    /// with the reason.
    func restart() -> String
}
