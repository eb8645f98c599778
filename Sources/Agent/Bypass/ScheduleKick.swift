/// Asks for tasks on a timer, so that a notify service that is down leaves none waiting: every minute while the channel
/// is down, once a day while it is up.
@LoopActor
final class ScheduleKick {
    static let withChannel = Duration.seconds(24 * 3600)
    static let withoutChannel = Duration.seconds(60)

    private let changed = Wakeup()
    private let isConnected: @LoopActor () -> Bool
    private let kick: @LoopActor (_ source: String) -> Void
    private let withoutChannel: Duration
    private let withChannel: Duration

    /// - Parameters:
    ///   - withoutChannel: the time between kicks while the channel is down.
    ///   - withChannel: the time between kicks while it is up.
    init(
        withoutChannel: Duration = withoutChannel,
        withChannel: Duration = withChannel,
        isConnected: @escaping @LoopActor () -> Bool,
        kick: @escaping @LoopActor (_ source: String) -> Void
    ) {
        self.withoutChannel = withoutChannel
        self.withChannel = withChannel
        self.isConnected = isConnected
        self.kick = kick
    }

    /// To be called when the channel opened or broke.
    func connectionChanged() { changed.signal() }

    func run() async {
        var due = nextDue
        while true {
            if await changed.wait(atMost: max(.zero, due - .now)) {
                // Never later than it was, or a channel that opens and breaks all the time would put it off for ever.
                due = min(due, nextDue)
            } else {
                kick("schedule")
                due = nextDue
            }
        }
    }

    private var nextDue: ContinuousClock.Instant {
        let interval = isConnected() ? withChannel : withoutChannel
        // Up to a tenth sooner or later, so that a fleet does not ask in step.
        return .now + interval * Double.random(in: 0.9...1.1)
    }
}
