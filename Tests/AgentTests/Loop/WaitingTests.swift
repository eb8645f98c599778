import Testing

@testable import Agent

@Suite struct SleepTests {
    @Test func lastsAsLongAsAsked() async throws {
        try await onLoop {
            let start = ContinuousClock.now
            await sleep(for: .milliseconds(60))
            #expect(ContinuousClock.now - start >= .milliseconds(60))
            await sleep(for: .zero)
            await sleep(for: .seconds(-5))
        }
    }

    @Test func endsWhenTheTaskIsCancelled() async throws {
        try await onLoop {
            var isOver = false
            let task = spawn {
                await sleep(for: .seconds(3600))
                isOver = true
            }
            await settle()
            #expect(!isOver)
            task.cancel()
            try await eventually { isOver }
        }
    }

    @Test func doesNotBeginInACancelledTask() async throws {
        try await onLoop {
            var isOver = false
            let task = spawn {
                await sleep(for: .seconds(3600))
                isOver = true
            }
            // It has not begun yet: it does when this job is over.
            task.cancel()
            try await eventually { isOver }
        }
    }

    @Test func manySleepTogether() async throws {
        try await onLoop {
            let start = ContinuousClock.now
            var woken = 0
            for number in 0..<500 {
                spawn {
                    await sleep(for: .milliseconds(number % 50))
                    woken += 1
                }
            }
            try await eventually { woken == 500 }
            #expect(ContinuousClock.now - start < .seconds(10))
        }
    }
}

@Suite struct WakeupTests {
    @Test func aSignalWakesTheWaiter() async throws {
        try await onLoop {
            let wakeup = Wakeup()
            var results: [Bool] = []
            spawn { results.append(await wakeup.wait()) }
            spawn { results.append(await Wakeup().wait(atMost: .milliseconds(1))) }
            try await eventually { results == [false] }
            wakeup.signal()
            try await eventually { results == [false, true] }
        }
    }

    @Test func aSignalIsKeptForTheNextWaitAndOnlyOnce() async throws {
        try await onLoop {
            let wakeup = Wakeup()
            wakeup.signal()
            wakeup.signal()
            #expect(await wakeup.wait() == true)
            #expect(await wakeup.wait(atMost: .milliseconds(5)) == false)
            wakeup.signal()
            #expect(await wakeup.wait(atMost: .zero) == true)
        }
    }

    @Test func aSignalReachesATaskThatPrefersAnotherExecutor() async throws {
        let wakeup = Wakeup()
        let body: @LoopActor @Sendable () async -> Bool = {
            // Runs when this one lets others run, be it on its way into the wait.
            spawn { wakeup.signal() }
            return await wakeup.wait(atMost: .seconds(5))
        }
        #expect(await Task(executorPreference: LoopEntry.shared) { await body() }.value)
    }

    @Test func aWaitEndsAtItsLimit() async throws {
        try await onLoop {
            let wakeup = Wakeup()
            let start = ContinuousClock.now
            #expect(await wakeup.wait(atMost: .milliseconds(40)) == false)
            #expect(ContinuousClock.now - start >= .milliseconds(40))
            #expect(await wakeup.wait(atMost: .zero) == false)
            #expect(await wakeup.wait(atMost: .seconds(-1)) == false)
        }
    }

    @Test func theLimitOfAnEndedWaitDoesNotEndTheNext() async throws {
        try await onLoop {
            // On a busy machine the limit may pass before the next wait; then a longer one has to do.
            for limit in [100, 400, 1600, 6400].map(Duration.milliseconds) {
                let begin = ContinuousClock.now
                let wakeup = Wakeup()
                var first: Bool?
                var hasBegun = false
                spawn {
                    hasBegun = true
                    first = await wakeup.wait(atMost: limit)
                }
                while !hasBegun { await Task.yield() }
                wakeup.signal()
                try await eventually { first != nil }
                let start = ContinuousClock.now
                guard start - begin < limit / 2 else { continue }
                #expect(first == true)
                #expect(await wakeup.wait(atMost: limit * 5 / 4) == false)
                #expect(ContinuousClock.now - start >= limit * 5 / 4)
                return
            }
            Issue.record("the signal was always late")
        }
    }
}

@Suite struct GateTests {
    private struct Refusal: Error {}

    @Test(arguments: [1, 3, 8])
    func letsNoMoreInThanItIsWide(width: Int) async throws {
        try await onLoop {
            let gate = Gate(width: width)
            var inside = 0
            var most = 0
            var done = 0
            for _ in 0..<50 {
                spawn {
                    await gate.run {
                        inside += 1
                        most = max(most, inside)
                        await sleep(for: .milliseconds(1))
                        inside -= 1
                    }
                    done += 1
                }
            }
            try await eventually { done == 50 }
            #expect(most == width)
        }
    }

    @Test func letsInInTheOrderOfArrival() async throws {
        try await onLoop {
            let gate = Gate(width: 1)
            let opened = Wakeup()
            var order: [Int] = []
            spawn { await gate.run { _ = await opened.wait() } }
            // More than the list of the waiting is long before it is shortened.
            for number in 0..<1000 { spawn { await gate.run { order.append(number) } } }
            await settle()
            #expect(order.isEmpty)
            opened.signal()
            try await eventually { order.count == 1000 }
            #expect(order == Array(0..<1000))
        }
    }

    @Test func aThrowingBodyGivesItsPlaceBack() async throws {
        try await onLoop {
            let gate = Gate(width: 2)
            for _ in 0..<5 {
                await #expect(throws: Refusal.self) { try await gate.run { throw Refusal() } }
            }
            var inside = 0
            for _ in 0..<2 {
                spawn {
                    await gate.run {
                        inside += 1
                        while inside < 2 { await sleep(for: .milliseconds(1)) }
                    }
                }
            }
            try await eventually { inside == 2 }
        }
    }

    @Test func anAdmittedTicketNeedsNoPlace() async throws {
        try await onLoop {
            let gate = Gate(width: 1)
            let opened = Wakeup()
            let waiting = Gate.Ticket()
            let later = Gate.Ticket()
            var order: [String] = []
            spawn {
                await gate.run {
                    _ = await opened.wait()
                    order.append("first")
                }
            }
            await settle()
            spawn { await gate.run(waiting) { order.append("waiting") } }
            spawn { await gate.run { order.append("last") } }
            await settle()
            #expect(order.isEmpty)
            gate.admit(waiting)
            gate.admit(waiting)
            try await eventually { order == ["waiting"] }
            // Also one that comes after it was admitted.
            gate.admit(later)
            spawn { await gate.run(later) { order.append("later") } }
            try await eventually { order == ["waiting", "later"] }
            // None of them gave back a place that it did not have.
            await settle()
            #expect(order.count == 2)
            opened.signal()
            try await eventually { order == ["waiting", "later", "first", "last"] }
            var inside = 0
            var most = 0
            for _ in 0..<10 {
                spawn {
                    await gate.run {
                        inside += 1
                        most = max(most, inside)
                        await sleep(for: .milliseconds(1))
                        inside -= 1
                    }
                    order.append("done")
                }
            }
            try await eventually { order.count == 14 }
            #expect(most == 1)
        }
    }

    @Test func givesTheBodysResultBack() async throws {
        try await onLoop {
            let gate = Gate(width: 1)
            #expect(await gate.run { 7 } == 7)
        }
    }
}
