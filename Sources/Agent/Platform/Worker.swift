/// Threads for what blocks: name services, fsync, hashing. They exist only while there is work for them.
public protocol Worker: Sendable {
    /// Runs `work` on another thread. Pieces of work begin in the order of the calls and may overlap.
    func start(_ work: @escaping @Sendable () -> Void)
}
