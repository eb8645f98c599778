import Testing

@testable import Agent

@Suite struct ScheduleKickTests {
    /// A schedule kick, and when it kicked.
    @LoopActor
    private final class Play {
        var isConnected = false
        private(set) var kicks: [ContinuousClock.Instant] = []
        private(set) var sources: Set<String> = []
        private var schedule: ScheduleKick?

        init(withoutChannel: Duration, withChannel: Duration) {
            let schedule = ScheduleKick(
                withoutChannel: withoutChannel,
                withChannel: withChannel,
                isConnected: { [unowned self] in isConnected },
                kick: { [unowned self] in
                    sources.insert($0)
                    kicks.append(.now)
                }
            )
            self.schedule = schedule
            // Ends with the process only, as the agent's.
            spawn { [self] in
                await schedule.run()
                withExtendedLifetime(self) {}
            }
        }

        func change(connected: Bool) {
            isConnected = connected
            schedule?.connectionChanged()
        }
    }

    @Test func theIntervalsAreTheProtocols() async throws {
        try await onLoop {
            #expect(ScheduleKick.withChannel == .seconds(86_400))
            #expect(ScheduleKick.withoutChannel == .seconds(60))
        }
    }

    @Test func kicksAgainAndAgainWithoutAChannel() async throws {
        try await onLoop {
            let start = ContinuousClock.now
            let play = Play(withoutChannel: .milliseconds(50), withChannel: .seconds(3600))
            try await eventually { play.kicks.count >= 4 }
            #expect(play.sources == ["schedule"])
            // Each comes a tenth sooner at the most.
            for (number, kick) in play.kicks.enumerated() {
                #expect(kick - start >= .milliseconds(45) * (number + 1))
            }
            play.change(connected: true)
        }
    }

    @Test func hardlyKicksWithAChannel() async throws {
        try await onLoop {
            let play = Play(withoutChannel: .milliseconds(40), withChannel: .seconds(3600))
            play.isConnected = true
            await sleep(for: .milliseconds(150))
            #expect(play.kicks.isEmpty)
            play.change(connected: false)
            try await eventually { !play.kicks.isEmpty }
        }
    }

    @Test func aBrokenChannelBringsTheNextKickForward() async throws {
        try await onLoop {
            let play = Play(withoutChannel: .milliseconds(50), withChannel: .seconds(3600))
            play.isConnected = true
            await settle()
            let broken = ContinuousClock.now
            play.change(connected: false)
            try await eventually { !play.kicks.isEmpty }
            let first = try #require(play.kicks.first)
            #expect(first - broken >= .milliseconds(45))
        }
    }

    @Test func kicksEvenWhenTheChannelOpensAndBreaksAllTheTime() async throws {
        try await onLoop {
            let play = Play(withoutChannel: .seconds(3), withChannel: .seconds(3600))
            // Each change comes long before the time is up.
            try await eventually {
                play.change(connected: !play.isConnected)
                return !play.kicks.isEmpty
            }
        }
    }

    @Test func onceADayMeansAgainAfterADay() async throws {
        try await onLoop {
            let play = Play(withoutChannel: .seconds(3600), withChannel: .milliseconds(30))
            play.change(connected: true)
            try await eventually { play.kicks.count >= 3 }
            play.change(connected: false)
        }
    }
}
