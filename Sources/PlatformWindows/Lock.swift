import CShims

/// A mutex around a value: for the few things that more than one thread of the backend touches. An SRWLOCK.
///
/// Sound as `@unchecked Sendable`: the value is only reached under the mutex.
package final class Lock<Value>: @unchecked Sendable {
    private let lock: UnsafeMutablePointer<SRWLOCK>
    private var value: Value

    package init(_ value: sending Value) {
        self.value = value
        lock = .allocate(capacity: 1)
        shim_win_InitializeSRWLock(lock)
    }

    deinit { lock.deallocate() }

    package func with<T>(_ body: (inout Value) throws -> sending T) rethrows -> sending T {
        shim_win_AcquireSRWLockExclusive(lock)
        defer { shim_win_ReleaseSRWLockExclusive(lock) }
        return try body(&value)
    }
}
