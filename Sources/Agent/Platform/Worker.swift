/// A thread for what blocks: name services, fsync, hashing. It exists only while there is work for it.
public protocol Worker: Sendable {
    /// Runs `work` on another thread, in the order of the calls.
    func start(_ work: @escaping @Sendable () -> Void)
}
