import Testing

@testable import Agent

@Suite struct TimerQueueTests {
    /// Takes everything that is due out of the queue.
    @LoopActor
    private func fire(_ queue: inout TimerQueue) {
        while let action = queue.nextDue() { action() }
    }

    @Test func firesInTheOrderOfTheDeadlines() async throws {
        try await onLoop {
            for _ in 0..<20 {
                var queue = TimerQueue()
                var fired: [Int] = []
                for delay in (0..<200).shuffled() {
                    _ = queue.add(after: .seconds(delay - 1000)) { fired.append(delay) }
                }
                fire(&queue)
                #expect(fired == Array(0..<200))
            }
        }
    }

    @Test func equalDeadlinesFireInTheOrderOfTheCalls() async throws {
        try await onLoop {
            var queue = TimerQueue()
            var fired: [[Int]] = []
            var expected: [[Int]] = []
            let now = ContinuousClock.now
            for number in 0..<500 {
                let delay = -Int.random(in: 1...5)
                expected.append([delay, number])
                _ = queue.add(after: .seconds(delay), from: now) { fired.append([delay, number]) }
            }
            fire(&queue)
            #expect(fired == expected.sorted { ($0[0], $0[1]) < ($1[0], $1[1]) })
        }
    }

    @Test func firesNothingBeforeItsTime() async throws {
        try await onLoop {
            var queue = TimerQueue()
            var rest = queue.timeToNext()
            #expect(rest == nil)
            fire(&queue)
            _ = queue.add(after: .seconds(3600)) { Issue.record("fired an hour too soon") }
            rest = queue.timeToNext()
            #expect((.seconds(3590) ... .seconds(3600)).contains(rest ?? .zero))
            fire(&queue)
            _ = queue.add(after: .seconds(-1)) {}
            rest = queue.timeToNext()
            #expect(rest == .zero)
            fire(&queue)
            rest = queue.timeToNext()
            #expect(rest ?? .zero > .seconds(3590))
        }
    }

    @Test func aCancelledTimerDoesNotFireAndIsNotWaitedFor() async throws {
        try await onLoop {
            var queue = TimerQueue()
            var fired: [String] = []
            let first = queue.add(after: .seconds(-3)) { fired.append("first") }
            _ = queue.add(after: .seconds(-2)) { fired.append("second") }
            let third = queue.add(after: .seconds(-1)) { fired.append("third") }
            first.cancel()
            third.cancel()
            fire(&queue)
            #expect(fired == ["second"])
            var rest = queue.timeToNext()
            #expect(rest == nil)
            first.cancel()

            let far = queue.add(after: .seconds(10)) {}
            _ = queue.add(after: .seconds(5000)) {}
            far.cancel()
            rest = queue.timeToNext()
            #expect(rest ?? .zero > .seconds(4000))
        }
    }

    @Test func aFiredTimerCanBeCancelled() async throws {
        try await onLoop {
            var queue = TimerQueue()
            var count = 0
            let timer = queue.add(after: .seconds(-1)) { count += 1 }
            fire(&queue)
            timer.cancel()
            fire(&queue)
            #expect(count == 1)
        }
    }

    @Test func cancelledTimersBelowTheRootDoNotPileUp() async throws {
        try await onLoop {
            struct Reference { weak var timer: LoopTimer? }
            var queue = TimerQueue()
            var fired: [Int] = []
            var references: [Reference] = []
            // The root is live, so that nothing leaves by being next.
            _ = queue.add(after: .seconds(-9999)) { fired.append(-1) }
            for number in 0..<20_000 {
                let timer = queue.add(after: .seconds(number)) { Issue.record("a cancelled timer fired") }
                references.append(Reference(timer: timer))
                timer.cancel()
                if number.isMultiple(of: 200) {
                    _ = queue.add(after: .seconds(number - 30_000)) { fired.append(number) }
                }
            }
            #expect(references.count { $0.timer != nil } < 500)
            fire(&queue)
            // The live ones have come through all the sweeps, in order.
            let live = Array(stride(from: 0, to: 20_000, by: 200))
            let before = live.filter { $0 - 30_000 < -9999 }
            #expect(fired == before + [-1] + live.dropFirst(before.count))
        }
    }
}
