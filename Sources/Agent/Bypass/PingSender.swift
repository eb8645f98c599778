/// Pings the notify service, and gives the connection up when the pongs stay away (protocol §5).
@LoopActor
final class PingSender {
    nonisolated static let interval = Duration.seconds(120)
    /// So many pings without a pong are too many.
    static let patience = 3

    private let connection: any WebSocketConnection
    private let log: Log
    private let interval: Duration
    private var unanswered = 0

    init(connection: any WebSocketConnection, log: Log, interval: Duration = interval) {
        self.connection = connection
        self.log = log
        self.interval = interval
    }

    func pongArrived() { unanswered = 0 }

    /// Pings until the task is cancelled or the connection is given up.
    func run() async {
        while true {
            await sleep(for: interval)
            guard !Task.isCancelled else { return }
            if unanswered >= Self.patience {
                log.warning("notify channel: \(unanswered) pings without a pong")
                connection.close(code: 1001, reason: "cli_active_close")
                return
            }
            unanswered += 1
            do throws(TransportError) {
                try connection.ping()
            } catch {
                log.warning("notify channel: \(error)")
                return
            }
        }
    }
}
