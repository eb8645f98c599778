import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

@Suite struct WorkerTests {
    @Test func oneThreadDoesItsWorkInOrder() async throws {
        let worker = WorkerThreads(limit: 1, idleSeconds: 600)
        let done = Lock<[Int]>([])
        for number in 0..<1000 { worker.start { done.with { $0.append(number) } } }
        try await until("all is done") { done.with { $0.count } == 1000 }
        #expect(done.with { $0 } == Array(0..<1000))
        #expect(worker.threadCount == 1)
    }

    @Test func workIsDoneOnOtherThreads() async throws {
        let worker = WorkerThreads()
        let thread = Lock<pthread_t?>(nil)
        let own = try await onOwnThread { () -> pthread_t in
            worker.start { thread.with { $0 = pthread_self() } }
            while thread.with({ $0 == nil }) { sched_yield() }
            return pthread_self()
        }
        #expect(thread.with { $0 } != own)
    }

    @Test(arguments: [1, 2, 4])
    func thereAreNoMoreThreadsThanAllowedAndAllOfThemWork(_ limit: Int) async throws {
        let worker = WorkerThreads(limit: limit, idleSeconds: 600)
        let running = Lock<(now: Int, most: Int)>((0, 0))
        let isOpen = Lock(false)
        for _ in 0..<20 {
            worker.start {
                running.with { running in
                    running.now += 1
                    running.most = max(running.most, running.now)
                }
                while !isOpen.with({ $0 }) { usleep(1000) }
                running.with { $0.now -= 1 }
            }
        }
        try await until("as many as may be are at work") { running.with { $0.now } == limit }
        #expect(worker.threadCount == limit)
        isOpen.with { $0 = true }
        try await until("all is done") { running.with { $0.now } == 0 }
        #expect(running.with { $0.most } == limit)
    }

    @Test func workThatBlocksHoldsUpNoOther() async throws {
        let worker = WorkerThreads(limit: 2)
        let isOpen = Lock(false)
        let isDone = Lock(false)
        worker.start { while !isOpen.with({ $0 }) { usleep(1000) } }
        worker.start { isDone.with { $0 = true } }
        try await until("the second is done while the first waits") { isDone.with { $0 } }
        isOpen.with { $0 = true }
    }

    @Test func threadsEndWithoutWorkAndAreThereAgainWithIt() async throws {
        let worker = WorkerThreads(limit: 2, idleSeconds: 1)
        for round in 0..<3 {
            let done = Lock(0)
            for _ in 0..<10 { worker.start { done.with { $0 += 1 } } }
            try await until("the work of round \(round) is done") { done.with { $0 } == 10 }
            try await until("the threads have ended") { worker.threadCount == 0 }
        }
    }

    /// Work that arrives while its thread is about to end is done all the same.
    @Test func workThatComesAtTheLastMomentIsDone() async throws {
        let worker = WorkerThreads(limit: 1, idleSeconds: 0)
        for _ in 0..<2000 {
            let isDone = Lock(false)
            worker.start { isDone.with { $0 = true } }
            try await onOwnThread {
                let deadline = ContinuousClock.now + .seconds(60)
                while !isDone.with({ $0 }) {
                    guard ContinuousClock.now < deadline else { throw TestFailure("the work was lost") }
                    sched_yield()
                }
            }
        }
    }

    @Test func manyThreadsMayAskAtOnce() async throws {
        let worker = WorkerThreads(limit: 3, idleSeconds: 1)
        let done = Lock(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await onOwnThread { for _ in 0..<500 { worker.start { done.with { $0 += 1 } } } }
                }
            }
            try await group.waitForAll()
        }
        try await until("all is done") { done.with { $0 } == 4000 }
    }

    @Test func resultsComeBackToTheLoop() async throws {
        let worker = WorkerThreads()
        let sum = try await onLoop { () -> Int in
            var sum = 0
            for number in 1...100 {
                sum += await EventLoop.shared.offload(to: worker) { number }
                #expect(testPoller.isLoopThread)
            }
            return sum
        }
        #expect(sum == 5050)
    }
}
