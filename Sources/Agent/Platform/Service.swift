/// What the operating system, or a person at it, asks of the agent's process.
public enum ServiceRequest: Sendable {
    case stop
}

/// The agent's process among the machine's services.
@LoopActor
public protocol Service: AnyObject, Sendable {
    /// Tells the service manager that the agent is ready. Linux: sd_notify(3); nothing where nobody asked.
    func ready()

    /// Calls `handler` for each request of the service manager or of a terminal (SIGTERM, SIGINT).
    func onRequest(_ handler: @escaping @LoopActor (ServiceRequest) -> Void)

    /// Replaces the process by a new one of the same executable file, as it is now on disk. Returns only on failure,
    /// with the reason.
    func restart() -> String
}
