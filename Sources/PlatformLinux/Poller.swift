import Agent
import CShims

/// What a descriptor is watched for, and what it was found ready for.
public struct Readiness: OptionSet, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let read = Readiness(rawValue: 1)
    public static let write = Readiness(rawValue: 2)
    /// Hang-up or error; always reported, never asked for.
    public static let broken = Readiness(rawValue: 4)
}

/// The loop's poller on epoll(7), level-triggered.
///
/// Sound as `@unchecked Sendable`: all but `post` and `isLoopThread` is used on the loop's thread only, and these two
/// use the lock and constants.
public final class EpollPoller: Poller, @unchecked Sendable {
    public typealias Handler = @LoopActor (Readiness) -> Void

    private let epoll: FileDescriptor
    private let wake: FileDescriptor
    private let thread = pthread_self()
    private let posted = Lock<[@Sendable () -> Void]>([])
    private var handlers: [UInt64: Handler] = [:]
    private var lastToken: UInt64 = 0

    /// Makes the poller of the calling thread, which has to be the one that runs the loop.
    public init() throws {
        let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw SystemError("epoll_create") }
        self.epoll = FileDescriptor(owning: epoll)
        let wake = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard wake >= 0 else { throw SystemError("eventfd") }
        self.wake = FileDescriptor(owning: wake)
        try control(EPOLL_CTL_ADD, wake, token: 0, for: .read)
    }

    public var isLoopThread: Bool { pthread_equal(pthread_self(), thread) != 0 }

    public func post(_ work: @escaping @Sendable () -> Void) {
        let wasEmpty = posted.with { queue in
            queue.append(work)
            return queue.count == 1
        }
        guard wasEmpty else { return }
        var one: UInt64 = 1
        _ = retrying { write(wake.number, &one, 8) }
    }

    public func wait(timeout: Duration?) {
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        let count = epoll_wait(epoll.number, &events, Int32(events.count), milliseconds(timeout))
        guard count > 0 else { return }
        for event in events.prefix(Int(count)) {
            let token = event.data.u64
            if token == 0 {
                runPosted()
            } else if let handler = handlers[token] {
                let ready = Readiness(epoll: event.events)
                EventLoop.shared.assumeIsolated { handler(ready) }
            }
        }
    }

    /// Calls `handler` whenever `descriptor` is ready for what is asked, until the watch is cancelled.
    @LoopActor
    public func watch(_ descriptor: Int32, for interest: Readiness, _ handler: @escaping Handler) throws -> Watch {
        lastToken += 1
        try control(EPOLL_CTL_ADD, descriptor, token: lastToken, for: interest)
        handlers[lastToken] = handler
        return Watch(poller: self, descriptor: descriptor, token: lastToken, interest: interest)
    }

    /// A descriptor that is being watched. It has to be cancelled before the descriptor is closed.
    @LoopActor
    public final class Watch {
        private let poller: EpollPoller
        private let descriptor: Int32
        private let token: UInt64
        private var cancelled = false

        /// What the descriptor is watched for. Hang-ups are reported in any case.
        public private(set) var interest: Readiness

        fileprivate init(poller: EpollPoller, descriptor: Int32, token: UInt64, interest: Readiness) {
            self.poller = poller
            self.descriptor = descriptor
            self.token = token
            self.interest = interest
        }

        public func change(to interest: Readiness) {
            guard interest != self.interest, !cancelled else { return }
            self.interest = interest
            try? poller.control(EPOLL_CTL_MOD, descriptor, token: token, for: interest)
        }

        public func cancel() {
            guard !cancelled else { return }
            cancelled = true
            poller.handlers[token] = nil
            try? poller.control(EPOLL_CTL_DEL, descriptor, token: token, for: [])
        }
    }

    private func control(_ operation: Int32, _ descriptor: Int32, token: UInt64, for interest: Readiness) throws {
        var event = epoll_event()
        event.events = interest.epoll
        event.data.u64 = token
        guard epoll_ctl(epoll.number, operation, descriptor, &event) == 0 else { throw SystemError("epoll_ctl") }
    }

    private func runPosted() {
        var count: UInt64 = 0
        _ = retrying { read(wake.number, &count, 8) }
        let work = posted.with { queue in
            let taken = queue
            queue = []
            return taken
        }
        for item in work { item() }
    }

    /// Rounded up, so that a timer is not looked at just before it is due.
    private func milliseconds(_ timeout: Duration?) -> Int32 {
        guard let timeout else { return -1 }
        let (seconds, attoseconds) = timeout.components
        guard seconds < 86_400 else { return 86_400_000 }
        return Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}

extension Readiness {
    fileprivate init(epoll events: UInt32) {
        self = []
        if events & EPOLLIN.rawValue != 0 { insert(.read) }
        if events & EPOLLOUT.rawValue != 0 { insert(.write) }
        if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { insert(.broken) }
    }

    fileprivate var epoll: UInt32 {
        (contains(.read) ? EPOLLIN.rawValue : 0) | (contains(.write) ? EPOLLOUT.rawValue : 0)
    }
}
