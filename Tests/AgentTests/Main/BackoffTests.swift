import Testing

@testable import Agent

@Suite struct BackoffTests {
    @Test func pausesGrowUpToTheLongest() {
        for _ in 0..<100 {
            var backoff = Backoff(from: .seconds(1), to: .seconds(10))
            for longest: Int64 in [1, 2, 4, 8, 10, 10, 10] {
                let pause = backoff.pause()
                #expect(pause >= .seconds(longest) / 2 && pause <= .seconds(longest))
            }
        }
    }

    @Test func pausesDiffer() {
        var pauses: Set<Duration> = []
        for _ in 0..<100 {
            var backoff = Backoff()
            pauses.insert(backoff.pause())
        }
        #expect(pauses.count > 50)
    }

    @Test func beginsWithHalfASecondAndEndsWithAMinute() {
        var backoff = Backoff()
        #expect(backoff.pause() <= .milliseconds(500))
        for _ in 0..<20 { _ = backoff.pause() }
        #expect((.seconds(30) ... .seconds(60)).contains(backoff.pause()))
    }
}
