/// The outputs of ended tasks that wait on disk for the service or for object storage, and which of them go when there are too many.
///
/// Only output is ever given up, the oldest first; results are small and always wait.
struct WaitingOutput {
    /// How much may wait for the service, in bytes.
    static let defaultLimit: Int64 = 64 << 20
    /// How much may wait for object storage, in bytes.
    static let wholeLimit: Int64 = 4 << 30

    private struct Entry {
        var order: UInt64
        var bytes: Int64
    }

    private let limit: Int64
    private var entries: [String: Entry] = [:]
    private var total: Int64 = 0
    private var order: UInt64 = 0

    init(limit: Int64 = defaultLimit) { self.limit = limit }

    /// Adds a task's output; the ids of those that have to go now.
    mutating func add(_ id: String, bytes: Int64) -> [String] {
        remove(id)
        order += 1
        entries[id] = Entry(order: order, bytes: bytes)
        total += bytes
        var dropped: [String] = []
        while total > limit, let oldest = entries.min(by: { $0.value.order < $1.value.order }) {
            remove(oldest.key)
            dropped.append(oldest.key)
        }
        return dropped
    }

    /// Forgets a task whose output does not wait any more.
    mutating func remove(_ id: String) {
        if let entry = entries.removeValue(forKey: id) { total -= entry.bytes }
    }
}
