/// The WebSocket on which the service calls (protocol §5): connected for as long as the agent lives, again and again.
@LoopActor
final class NotifyChannel {
    /// What the channel does when the service says so.
    struct Handlers {
        var kick: @LoopActor (_ source: String) -> Void
        var checkUpdate: @LoopActor () -> Void
        var restart: @LoopActor () -> Void
        /// The channel opened or broke.
        var connectionChanged: @LoopActor () -> Void
    }

    private static let connectTimeout = Duration.seconds(20)

    /// How long the channel waits, and for what.
    struct Timing {
        /// Between a connect and the kick that asks for what came before it.
        var firstKick = Duration.seconds(2)
        var ping = PingSender.interval
        /// Before the next connect, after so many failures in a row.
        var reconnect: @Sendable (_ failures: Int) -> Duration = { NotifyChannel.reconnectPause(failures: $0) }
    }

    private let transport: any Transport
    private let endpoints: Endpoints
    private let identity: Identity
    private let log: Log
    private let timing: Timing
    private(set) var isConnected = false

    init(
        transport: any Transport,
        endpoints: Endpoints,
        identity: Identity,
        log: Log,
        timing: Timing = Timing()
    ) {
        self.transport = transport
        self.endpoints = endpoints
        self.identity = identity
        self.log = log
        self.timing = timing
    }

    /// Connects, serves, and connects again, for ever.
    func run(_ handlers: Handlers) async {
        var failures = 0
        while true {
            do {
                try await serve(handlers) { failures = 0 }
            } catch {
                log.warning("notify channel: \(error)")
            }
            if isConnected {
                isConnected = false
                handlers.connectionChanged()
            }
            let pause = timing.reconnect(failures)
            failures += 1
            await sleep(for: pause)
        }
    }

    /// A random pause that may grow longer with each failure in a row: 3…min(8·2^n, 512) s.
    nonisolated static func reconnectPause(failures: Int) -> Duration {
        let longest = 8 << min(max(failures, 0), 6)
        return .milliseconds(Int64.random(in: 3000...Int64(longest) * 1000))
    }

    private func serve(_ handlers: Handlers, connected: () -> Void) async throws {
        let url = await endpoints.notifyURL()
        let connection = try await transport.openWebSocket(
            url: url,
            headers: try identity.headers(),
            timeout: Self.connectTimeout
        )
        connected()
        isConnected = true
        log.info("notify channel: connected")
        handlers.connectionChanged()
        let pings = PingSender(connection: connection, log: log, interval: timing.ping)
        let pinging = spawn { await pings.run() }
        let firstKick = EventLoop.shared.schedule(after: timing.firstKick) { handlers.kick("start") }
        defer {
            pinging.cancel()
            firstKick.cancel()
        }
        while true {
            switch try await connection.next() {
            case .text(let text):
                handle(text, handlers)
            case .binary(let bytes):
                log.warning("notify channel: a binary message of \(bytes.count) bytes, which this agent does not know")
            case .pong:
                pings.pongArrived()
            case .closed(let code, let reason):
                log.info("notify channel: closed by the service, code \(code.map(String.init) ?? "none"), \(reason)")
                connection.close(code: 1000, reason: "cli_passive_close")
                return
            }
        }
    }

    private func handle(_ text: String, _ handlers: Handlers) {
        switch NotifyMessage(text: text) {
        case .kick: handlers.kick("service")
        case .checkUpdate: handlers.checkUpdate()
        case .forceRestart: handlers.restart()
        case .unknown(let type):
            log.warning("notify channel: a message of type \(type.prefix(64)), which this agent does not know")
        case nil:
            log.warning("notify channel: \(text.utf8.count) bytes that are no message")
        }
    }
}
