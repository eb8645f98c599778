import Foundation
import Synchronization
import Testing

@testable import Agent

@Suite struct EventLoopTests {
    /// Runs on another thread than the loop's.
    private static let elsewhere = DispatchQueue(label: "elsewhere")

    @Test func runsWhatOtherThreadsPostInOrder() async throws {
        let order = Mutex<[Int]>([])
        let strangers = Mutex(0)
        Self.elsewhere.async {
            for number in 0..<100 {
                testPoller.post {
                    order.withLock { $0.append(number) }
                    if !testPoller.isLoopThread { strangers.withLock { $0 += 1 } }
                }
            }
        }
        try await onLoop { try await eventually { order.withLock { $0.count } == 100 } }
        #expect(order.withLock { $0 } == Array(0..<100))
        #expect(strangers.withLock { $0 } == 0)
    }

    @Test func aPostWakesASleepingLoop() async throws {
        // Nothing is to do on the loop but what others tests do; the post itself has to be enough.
        try await onLoop {
            let woken = Wakeup()
            Self.elsewhere.asyncAfter(deadline: .now() + 0.02) {
                testPoller.post { EventLoop.shared.assumeIsolated { woken.signal() } }
            }
            #expect(await woken.wait(atMost: .seconds(20)))
        }
    }

    @Test func offloadedWorkLeavesTheLoopFree() async throws {
        try await onLoop {
            let released = DispatchSemaphore(value: 0)
            var result: Int?
            spawn {
                result = await EventLoop.shared.offload(to: TestWorker()) {
                    let isElsewhere = !testPoller.isLoopThread
                    return released.wait(timeout: .now() + 20) == .success && isElsewhere ? 42 : 0
                }
                #expect(testPoller.isLoopThread)
            }
            await settle()
            #expect(result == nil)
            // Only a loop that goes on meanwhile gets here.
            released.signal()
            try await eventually { result != nil }
            #expect(result == 42)
        }
    }

    @Test func jobsWithoutEndStarveNeitherTimersNorPosts() async throws {
        try await onLoop {
            var fired = false
            let posted = Mutex(false)
            _ = EventLoop.shared.schedule(after: .milliseconds(5)) { fired = true }
            Self.elsewhere.async { testPoller.post { posted.withLock { $0 = true } } }
            let deadline = ContinuousClock.now + .seconds(20)
            while !fired || !posted.withLock({ $0 }), .now < deadline { await Task.yield() }
            #expect(fired)
            #expect(posted.withLock { $0 })
        }
    }

    @Test func timersWithoutEndStarveNeitherJobsNorPosts() async throws {
        try await onLoop {
            @LoopActor final class Again {
                var isOver = false

                func go() {
                    if !isOver { _ = EventLoop.shared.schedule(after: .zero) { self.go() } }
                }
            }
            let again = Again()
            again.go()
            let posted = Mutex(false)
            Self.elsewhere.async { testPoller.post { posted.withLock { $0 = true } } }
            // That this goes on at all shows that the jobs do.
            try await eventually { posted.withLock { $0 } }
            again.isOver = true
        }
    }

    @Test func noOtherThreadRunsItsCode() async throws {
        try await onLoop {
            #expect(testPoller.isLoopThread)
            await nonisolatedWork()
            await sleep(for: .milliseconds(1))
            #expect(testPoller.isLoopThread)
            _ = await EventLoop.shared.offload(to: TestWorker()) { 1 }
            #expect(testPoller.isLoopThread)
            let threads = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<10 { group.addTask { await threadOfAConcurrentFunction() } }
                var threads: [Bool] = []
                for await isOnLoop in group { threads.append(isOnLoop) }
                return threads
            }
            #expect(threads == Array(repeating: true, count: 10))
            var isOnLoop: Bool?
            spawn { isOnLoop = await threadOfAConcurrentFunction() }
            try await eventually { isOnLoop != nil }
            #expect(isOnLoop == true)
        }
    }

    private nonisolated func nonisolatedWork() async { #expect(testPoller.isLoopThread) }

    @concurrent
    private func threadOfAConcurrentFunction() async -> Bool {
        await Task.yield()
        return testPoller.isLoopThread
    }

    @Test func assumedIsolationPassesResultsAndErrors() async throws {
        struct Refusal: Error {}
        try await onLoop {
            #expect(EventLoop.shared.assumeIsolated { 7 } == 7)
            #expect(throws: Refusal.self) { try EventLoop.shared.assumeIsolated { throw Refusal() } }
        }
    }

    @Test func aTimerThatIsCancelledInTimeDoesNotFire() async throws {
        try await onLoop {
            var fired = false
            let timer = EventLoop.shared.schedule(after: .milliseconds(1)) { fired = true }
            timer.cancel()
            await sleep(for: .milliseconds(10))
            #expect(!fired)
        }
    }

    @Test func itsStateIsOutOfBoundsForOtherThreads() async {
        await #expect(processExitsWith: .failure) {
            _ = testPoller
            EventLoop.shared.assumeIsolated {}
        }
    }

    @Test func stopsWhenToldTo() async {
        await #expect(processExitsWith: .exitCode(7)) {
            EventLoop.shared.run(on: TestPoller()) {
                EventLoop.shared.stop()
            }
            exit(7)
        }
    }
}
