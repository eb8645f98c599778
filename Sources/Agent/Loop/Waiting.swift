/// Waits on the loop. Returns early when the task is cancelled.
@LoopActor
public func sleep(for delay: Duration) async {
    let alarm = Wakeup()
    await withTaskCancellationHandler {
        _ = await alarm.wait(atMost: delay)
    } onCancel: {
        // Tasks are cancelled by loop code only, so this is the loop's thread.
        EventLoop.shared.assumeIsolated { alarm.signal() }
    }
}

/// A latch for one waiter: a signal wakes it, or, when nobody waits, lets the next wait return at once.
@LoopActor
public final class Wakeup {
    private var signalled = false
    private var waiter: UnsafeContinuation<Bool, Never>?
    private var timer: LoopTimer?

    public nonisolated init() {}

    /// Wakes the waiter.
    public func signal() {
        if waiter != nil { resume(true) } else { signalled = true }
    }

    /// Waits for a signal, `atMost` so long (`nil`: for ever). Whether there was one.
    public func wait(atMost limit: Duration? = nil) async -> Bool {
        await withUnsafeContinuation { continuation in
            // Looked at in here: on its way a task of another executor may let others run.
            guard !signalled else {
                signalled = false
                continuation.resume(returning: true)
                return
            }
            waiter = continuation
            if let limit { timer = EventLoop.shared.schedule(after: limit) { self.resume(false) } }
        }
    }

    private func resume(_ value: Bool) {
        timer?.cancel()
        timer = nil
        let waiter = waiter
        self.waiter = nil
        waiter?.resume(returning: value)
    }
}

/// Lets a bounded number of tasks in at a time, the others in the order in which they lined up.
@LoopActor
public final class Gate {
    /// One task's place in the order. It can be had before the task comes for it.
    @LoopActor
    public final class Ticket {
        fileprivate enum State { case new, inLine, inside, done }

        fileprivate var state = State.new
        fileprivate var waiter: (@LoopActor () -> Void)?
        fileprivate var isAdmitted = false

        public nonisolated init() {}
    }

    private var free: Int
    private var queue: [Ticket] = []
    private var next = 0

    public nonisolated init(width: Int) { free = width }

    /// Takes a place for the ticket: inside, if there is one, else at the end of the line. Who does so and does not come
    /// to `run` or `enter` has to `leave`.
    @discardableResult
    public func lineUp(_ ticket: Ticket = Ticket()) -> Ticket {
        guard case .new = ticket.state else { return ticket }
        if free > 0 {
            free -= 1
            ticket.state = .inside
        } else if !ticket.isAdmitted {
            ticket.state = .inLine
            queue.append(ticket)
        }
        return ticket
    }

    /// Runs `body` when there is a place for it.
    public func run<T, E: Error>(
        _ ticket: Ticket = Ticket(),
        _ body: @LoopActor () async throws(E) -> T
    ) async throws(E) -> T {
        await withUnsafeContinuation { continuation in enter(ticket) { continuation.resume() } }
        defer { leave(ticket) }
        return try await body()
    }

    /// Calls `body` when there is a place for it: now, or later. It has the place until somebody calls `leave`.
    public func enter(_ ticket: Ticket, _ body: @escaping @LoopActor () -> Void) {
        lineUp(ticket)
        if case .inLine = ticket.state { ticket.waiter = body } else { body() }
    }

    /// Lets the ticket's task in beyond the bound: now, if it waits, or when it comes.
    public func admit(_ ticket: Ticket) {
        ticket.isAdmitted = true
        if case .inLine = ticket.state { ticket.state = .new }
        resume(ticket)
    }

    private func resume(_ ticket: Ticket) {
        let waiter = ticket.waiter
        ticket.waiter = nil
        waiter?()
    }

    /// Gives the ticket's place up, inside or in the line: to the first in the line.
    public func leave(_ ticket: Ticket) {
        let wasInside = ticket.state == .inside
        ticket.state = .done
        guard wasInside else { return }
        while next < queue.count {
            let following = queue[next]
            next += 1
            if next == queue.count || next >= 256 {
                queue.removeFirst(next)
                next = 0
            }
            // One that was admitted, or went away, has left the line already.
            guard case .inLine = following.state else { continue }
            following.state = .inside
            resume(following)
            return
        }
        free += 1
    }
}
