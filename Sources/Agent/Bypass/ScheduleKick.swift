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

    /// - Parameter withoutChannel: the time between kicks while the channel is down.
    init(
        withoutChannel: Duration = withoutChannel,
        isConnected: @escaping @LoopActor () -> Bool,
        kick: @escaping @LoopActor (_ source: String) -> Void
    ) {
        self.withoutChannel = withoutChannel
        self.isConnected = isConnected
        self.kick = kick
    }

    /// To be called when the channel opened or broke.
    func connectionChanged() { changed.signal() }

    func run() async {
        while true {
            let interval = isConnected() ? Self.withChannel : withoutChannel
            // Up to a tenth sooner or later, so that a fleet does not ask in step.
            let wasSignalled = await changed.wait(atMost: interval * Double.random(in: 0.9...1.1))
            if !wasSignalled { kick("schedule") }
        }
    }
}
