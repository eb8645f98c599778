/// A timer of the loop. It fires once.
///
/// Sound as `@unchecked Sendable`: the loop's thread alone touches it.
public final class LoopTimer: @unchecked Sendable {
    fileprivate let deadline: ContinuousClock.Instant
    fileprivate let sequence: UInt64
    fileprivate var action: (@LoopActor () -> Void)?

    fileprivate init(deadline: ContinuousClock.Instant, sequence: UInt64, action: @escaping @LoopActor () -> Void) {
        self.deadline = deadline
        self.sequence = sequence
        self.action = action
    }

    /// Keeps the timer from firing. One that has fired is left as it is.
    @LoopActor
    public func cancel() { action = nil }

    fileprivate func isBefore(_ other: LoopTimer) -> Bool {
        (deadline, sequence) < (other.deadline, other.sequence)
    }
}

/// The loop's timers: a binary heap, the next one to fire at its root. Equal deadlines fire in the order of the calls.
struct TimerQueue {
    private var heap: [LoopTimer] = []
    private var sequence: UInt64 = 0

    mutating func add(
        after delay: Duration,
        from now: ContinuousClock.Instant = .now,
        _ action: @escaping @LoopActor () -> Void
    ) -> LoopTimer {
        dropCancelled()
        sequence &+= 1
        let timer = LoopTimer(deadline: now + delay, sequence: sequence, action: action)
        heap.append(timer)
        siftUp(from: heap.count - 1)
        return timer
    }

    /// How long until the next one fires; `nil` when there is none, zero when it is overdue.
    mutating func timeToNext() -> Duration? {
        dropCancelled()
        return heap.first.map { max(.zero, $0.deadline - .now) }
    }

    /// Takes the action of one timer that is due at `now` out of the queue.
    mutating func nextDue(at now: ContinuousClock.Instant = .now) -> (@LoopActor () -> Void)? {
        dropCancelled()
        guard let first = heap.first, first.deadline <= now else { return nil }
        let action = first.action
        removeFirst()
        return action
    }

    /// A cancelled timer leaves when it reaches the root. Long ones that are cancelled again and again would pile up
    /// below it, so the heap is swept when it has doubled since the last sweep.
    private var sweepAt = 64

    private mutating func dropCancelled() {
        while let first = heap.first, first.action == nil { removeFirst() }
        guard heap.count >= sweepAt else { return }
        let live = heap.filter { $0.action != nil }
        heap.removeAll(keepingCapacity: false)
        for timer in live {
            heap.append(timer)
            siftUp(from: heap.count - 1)
        }
        sweepAt = max(64, heap.count * 2)
    }

    private mutating func removeFirst() {
        guard let last = heap.popLast(), !heap.isEmpty else { return }
        heap[0] = last
        siftDown()
    }

    private mutating func siftUp(from start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var next = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].isBefore(heap[next]) { next = child }
            }
            guard next != parent else { return }
            heap.swapAt(parent, next)
            parent = next
        }
    }
}
