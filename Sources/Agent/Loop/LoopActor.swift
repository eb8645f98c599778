/// The isolation of all agent state: one thread, one loop, no locks.
@globalActor
public actor LoopActor {
    public static let shared = LoopActor()

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        EventLoop.shared.asUnownedSerialExecutor()
    }
}

/// Starts a task on the loop. Its synchronous beginning runs when the caller has returned to the loop.
@discardableResult
public func spawn<T: Sendable>(_ body: @escaping @LoopActor @Sendable () async -> T) -> Task<T, Never> {
    // The preference keeps whatever is not isolated on the loop, too: the concurrent pool never starts a thread.
    Task(executorPreference: EventLoop.shared, operation: body)
}
