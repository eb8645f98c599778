import Testing

@testable import Agent

@Suite struct NotifyChannelTests {
    /// A channel, what it did, and the connections that it was given, in order.
    @LoopActor
    private final class Play {
        let transport = FakeTransport()
        let sink = TestLog()
        var connections: [FakeConnection] = []
        /// How many of the next connects fail.
        var refusals = 0
        /// How many connections break as soon as they are open.
        var breaks = 0
        var kicks: [String] = []
        var updateChecks = 0
        var restarts = 0
        var changes: [Bool] = []
        var failures: [Int] = []
        private(set) var channel: NotifyChannel?

        init(timing: NotifyChannel.Timing? = nil) {
            transport.open = { [unowned self] () throws(TransportError) in
                if refusals > 0 {
                    refusals -= 1
                    throw TransportError(.connect, "nobody listens")
                }
                let connection = FakeConnection()
                connections.append(connection)
                if connections.count <= breaks { connection.breakOff() }
                return connection
            }
            var timing = timing ?? NotifyChannel.Timing(firstKick: .seconds(3600), ping: .seconds(3600))
            timing.reconnect = { [unowned self] count in
                EventLoop.shared.assumeIsolated { failures.append(count) }
                return .milliseconds(1)
            }
            var config = Config()
            config.notifyURL = "wss://service.test/ws"
            let platform = FakePlatform(transport: transport)
            let channel = NotifyChannel(
                transport: transport,
                endpoints: Endpoints(platform: platform, config: config),
                identity: Identity(platform: platform, config: config),
                log: sink.log(),
                timing: timing
            )
            self.channel = channel
            let handlers = NotifyChannel.Handlers(
                kick: { [unowned self] in kicks.append($0) },
                checkUpdate: { [unowned self] in updateChecks += 1 },
                restart: { [unowned self] in restarts += 1 },
                connectionChanged: { [unowned self] in changes.append(channel.isConnected) }
            )
            // Ends with the process only, as the agent's.
            spawn { [self] in
                await channel.run(handlers)
                withExtendedLifetime(self) {}
            }
        }

        /// The connection of this number, once it is open.
        func connection(_ number: Int = 0) async throws -> FakeConnection {
            try await eventually { connections.count > number }
            return connections[number]
        }
    }

    // MARK: - Connecting

    @Test(arguments: 0..<12)
    func reconnectPausesGrowWithinTheirBounds(failures: Int) {
        let longest = min(8 << failures, 512)
        let pauses = (0..<500).map { _ in NotifyChannel.reconnectPause(failures: failures) }
        #expect(pauses.allSatisfy { $0 >= .seconds(3) && $0 <= .seconds(longest) })
        // They reach both ends, as far as chance allows.
        #expect(pauses.contains { $0 < .seconds(3) + .seconds(longest - 3) / 4 })
        #expect(pauses.contains { $0 > .seconds(longest) - .seconds(longest - 3) / 4 })
    }

    @Test(arguments: [-1, Int.min, 1000, Int.max])
    func noCountOfFailuresIsTooStrange(failures: Int) {
        let pause = NotifyChannel.reconnectPause(failures: failures)
        #expect(pause >= .seconds(3) && pause <= .seconds(512))
    }

    @Test func triesAgainUntilItIsConnected() async throws {
        try await onLoop {
            let play = Play()
            play.refusals = 4
            _ = try await play.connection()
            #expect(play.failures == [0, 1, 2, 3])
            #expect(play.transport.upgrades.map(\.url) == Array(repeating: "wss://service.test/ws", count: 5))
            #expect(play.transport.upgrades[0].headers.contains(HTTPHeader("Tat-Version", agentVersion)))
            #expect(play.channel?.isConnected == true)
            #expect(play.changes == [true])
            #expect(play.sink.contains("nobody listens"))
        }
    }

    @Test func aConnectBeginsTheCountOfFailuresAnew() async throws {
        try await onLoop {
            let play = Play()
            play.refusals = 2
            let connection = try await play.connection()
            #expect(play.failures == [0, 1])
            connection.breakOff()
            _ = try await play.connection(1)
            #expect(play.failures == [0, 1, 0])
            #expect(play.changes == [true, false, true])
        }
    }

    @Test func aBrokenConnectionIsReplaced() async throws {
        try await onLoop {
            let play = Play()
            for number in 0..<5 { try await play.connection(number).breakOff() }
            _ = try await play.connection(5)
            #expect(play.connections.allSatisfy { $0.closes.isEmpty })
        }
    }

    @Test func theServicesCloseIsAnswered() async throws {
        try await onLoop {
            let play = Play()
            let connection = try await play.connection()
            connection.deliver(.closed(code: 1011, reason: "bye\nFAKE LINE"))
            let next = try await play.connection(1)
            #expect(connection.closes.map(\.code) == [1000])
            #expect(connection.closes.map(\.reason) == ["cli_passive_close"])
            next.deliver(.closed(code: nil, reason: ""))
            _ = try await play.connection(2)
            #expect(next.closes.map(\.code) == [1000])
            #expect(play.sink.lines.allSatisfy { !$0.contains("\n") })
        }
    }

    @Test func aSilentPeerIsGivenUp() async throws {
        try await onLoop {
            let play = Play(timing: NotifyChannel.Timing(firstKick: .seconds(3600), ping: .milliseconds(10)))
            let silent = try await play.connection()
            _ = try await play.connection(1)
            #expect(silent.pings == 3)
            #expect(silent.closes.map(\.code) == [1001])
            #expect(silent.closes.map(\.reason) == ["cli_active_close"])
        }
    }

    @Test func pongsKeepTheConnection() async throws {
        try await onLoop {
            let play = Play(timing: NotifyChannel.Timing(firstKick: .seconds(3600), ping: .milliseconds(5)))
            let connection = try await play.connection()
            connection.onPing = { connection.deliver(.pong) }
            try await eventually { connection.pings >= 12 }
            #expect(play.connections.count == 1)
            #expect(connection.closes.isEmpty)
        }
    }

    @Test func pingsEndWithTheirConnection() async throws {
        try await onLoop {
            let play = Play(timing: NotifyChannel.Timing(firstKick: .seconds(3600), ping: .milliseconds(100)))
            play.breaks = 1
            let first = try await play.connection()
            let second = try await play.connection(1)
            try await eventually { second.pings >= 2 }
            #expect(first.pings == 0)
        }
    }

    // MARK: - Messages

    @Test func kicksItselfOnceAfterEachConnect() async throws {
        try await onLoop {
            #expect(NotifyChannel.Timing().firstKick == .seconds(2))
            let start = ContinuousClock.now
            let play = Play(timing: NotifyChannel.Timing(firstKick: .milliseconds(30), ping: .seconds(3600)))
            let connection = try await play.connection()
            try await eventually { play.kicks == ["start"] }
            #expect(ContinuousClock.now - start >= .milliseconds(30))
            await sleep(for: .milliseconds(80))
            #expect(play.kicks == ["start"])
            connection.breakOff()
            try await eventually { play.kicks == ["start", "start"] }
        }
    }

    @Test func doesNotKickItselfForAConnectionThatIsGone() async throws {
        try await onLoop {
            let play = Play(timing: NotifyChannel.Timing(firstKick: .milliseconds(500), ping: .seconds(3600)))
            play.breaks = 3
            _ = try await play.connection(3)
            try await eventually { !play.kicks.isEmpty }
            await sleep(for: .milliseconds(50))
            #expect(play.kicks == ["start"])
        }
    }

    @Test func doesWhatTheServiceSays() async throws {
        try await onLoop {
            let play = Play()
            let connection = try await play.connection()
            connection.deliver(.text(#"{"Type": "kick", "Seq": 1, "Data": {"InvocationTaskID": "x"}}"#))
            connection.deliver(.text(#"{"Type": "CheckUpdate", "Seq": 2, "Data": {}}"#))
            connection.deliver(.text(#"{"Type": "ForceRestart"}"#))
            connection.deliver(.text(#"{"Type": "kick"}"#))
            try await eventually { play.kicks.count == 2 }
            #expect(play.kicks == ["service", "service"])
            #expect(play.updateChecks == 1)
            #expect(play.restarts == 1)
        }
    }

    @Test func whatItDoesNotUnderstandIsLoggedAndIgnored() async throws {
        try await onLoop {
            let play = Play()
            let connection = try await play.connection()
            let texts = [
                "", "{", "null", "[]", "{}", "{\"Type\": 5}", "{\"Type\": null}", "kick", "\u{0}",
                "{\"Type\": \"Kick\"}", "{\"Type\": \"PtyStart\", \"Data\": {\"Input\": \"c2VjcmV0\"}}",
                "{\"Type\": \"\(String(repeating: "x", count: 100_000))\"}",
                String(repeating: "[", count: 100_000),
            ]
            for text in texts { connection.deliver(.text(text)) }
            connection.deliver(.binary([0, 1, 2, 0xFF]))
            connection.deliver(.binary([]))
            connection.deliver(.text("{\"Type\": \"kick\"}"))
            try await eventually { play.kicks == ["service"] }
            #expect(play.connections.count == 1)
            let warnings = play.sink.lines.filter { $0.contains("WARN") }
            #expect(warnings.count == texts.count + 2)
            #expect(warnings.allSatisfy { $0.utf8.count < 300 && !$0.contains("c2VjcmV0") })
        }
    }
}
