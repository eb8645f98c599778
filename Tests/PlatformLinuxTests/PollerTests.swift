import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

/// Pollers of their own, polled by hand on the loop's thread, which is where handlers may run.
@Suite struct PollerTests {
    /// What happened to the watches of a test, in its order.
    @LoopActor
    private final class Events {
        var all: [String] = []
        var watches: [EpollPoller.Watch] = []
        var next: EpollPoller.Watch?

        func note(_ name: String, _ ready: Readiness) {
            let words = [(Readiness.read, "read"), (.write, "write"), (.broken, "broken")]
            all.append(name + words.filter { ready.contains($0.0) }.map { " " + $0.1 }.joined())
        }
    }

    private func socketPair() throws -> (FileDescriptor, FileDescriptor) {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw SystemError("socketpair") }
        return (FileDescriptor(owning: ends[0]), FileDescriptor(owning: ends[1]))
    }

    @Test func readinessIsToldForAsLongAsItLasts() async throws {
        try await onLoop {
            let poller = try EpollPoller()
            let (one, other) = try socketPair()
            let events = Events()
            let watch = try poller.watch(one.number, for: .read) { events.note("a", $0) }
            poller.wait(timeout: .zero)
            #expect(events.all == [])
            try other.writeAll([1, 2])
            poller.wait(timeout: .seconds(10))
            poller.wait(timeout: .zero)
            #expect(events.all == ["a read", "a read"])
            _ = try one.read(atMost: 10)
            poller.wait(timeout: .zero)
            #expect(events.all.count == 2)
            watch.cancel()
        }
    }

    @Test func theInterestCanBeChanged() async throws {
        try await onLoop {
            let poller = try EpollPoller()
            let (one, other) = try socketPair()
            try other.writeAll([1])
            let events = Events()
            let watch = try poller.watch(one.number, for: [.read, .write]) { events.note("a", $0) }
            poller.wait(timeout: .zero)
            watch.change(to: .write)
            #expect(watch.interest == .write)
            poller.wait(timeout: .zero)
            watch.change(to: [])
            poller.wait(timeout: .zero)
            watch.change(to: .read)
            poller.wait(timeout: .zero)
            #expect(events.all == ["a read write", "a write", "a read"])
            watch.cancel()
            watch.change(to: .write)
            poller.wait(timeout: .zero)
            #expect(events.all.count == 3)
        }
    }

    @Test func hangUpsAreToldWithoutBeingAskedFor() async throws {
        try await onLoop {
            let poller = try EpollPoller()
            let pipe = try FileDescriptor.pipe()
            let events = Events()
            let reader = try poller.watch(pipe.read.number, for: []) { events.note("r", $0) }
            poller.wait(timeout: .zero)
            #expect(events.all == [])
            close(pipe.write.number)
            poller.wait(timeout: .zero)
            // The number is taken again, so that it is not closed twice.
            let null = try FileDescriptor.null()
            #expect(dup2(null.number, pipe.write.number) == pipe.write.number)
            #expect(events.all == ["r broken"])
            reader.cancel()
        }
    }

    @Test func aWatchCanBeCancelledByItsOwnHandlerAndByAnothers() async throws {
        try await onLoop {
            let poller = try EpollPoller()
            let pairs = try (0..<10).map { _ in try socketPair() }
            let events = Events()
            for (number, pair) in pairs.enumerated() {
                try pair.1.writeAll([1])
                events.watches.append(
                    try poller.watch(pair.0.number, for: .read) { ready in
                        events.note("\(number)", ready)
                        for watch in events.watches { watch.cancel() }
                    }
                )
            }
            poller.wait(timeout: .zero)
            // The others of the same round were cancelled before their turn.
            #expect(events.all.count == 1)
            poller.wait(timeout: .zero)
            #expect(events.all.count == 1)
        }
    }

    /// The next watch gets the same number, and must not get what was meant for the last.
    @Test func staleEventsReachNobody() async throws {
        try await onLoop {
            let poller = try EpollPoller()
            let (one, other) = try socketPair()
            let (victim, victimOther) = try socketPair()
            let events = Events()
            try other.writeAll([1])
            try victimOther.writeAll([1])
            for (name, mine, theirs) in [("a", one, 1), ("b", victim, 0)] {
                events.watches.append(
                    try poller.watch(mine.number, for: .read) { ready in
                        events.note(name, ready)
                        guard events.next == nil else { return }
                        events.watches[theirs].cancel()
                        // Quiet, and under the number that the event is about.
                        let number = theirs == 0 ? one.number : victim.number
                        guard let quiet = try? FileDescriptor.pipe(), dup2(quiet.read.number, number) == number else {
                            return
                        }
                        events.next = try? poller.watch(number, for: .read) { events.note("new", $0) }
                    }
                )
            }
            poller.wait(timeout: .zero)
            #expect(events.next != nil)
            #expect(events.all == ["a read"] || events.all == ["b read"])
            events.next?.cancel()
            for watch in events.watches { watch.cancel() }
        }
    }

    @Test func aHandlerMayWatchMore() async throws {
        try await onLoop {
            let poller = try EpollPoller()
            let pairs = try (0..<100).map { _ in try socketPair() }
            for pair in pairs { try pair.1.writeAll([1]) }
            let events = Events()
            @LoopActor func watchNext() throws {
                let number = events.watches.count
                guard number < pairs.count else { return }
                var isNew = true
                events.watches.append(
                    try poller.watch(pairs[number].0.number, for: .read) { ready in
                        guard isNew else { return }
                        isNew = false
                        events.note("\(number)", ready)
                        try? watchNext()
                    }
                )
            }
            try watchNext()
            // More than one round of epoll's can tell.
            for _ in 0..<200 { poller.wait(timeout: .zero) }
            #expect(events.all == (0..<100).map { "\($0) read" })
            for watch in events.watches { watch.cancel() }
        }
    }

    @Test func whatCannotBeWatchedIsTold() async throws {
        try await onLoop {
            let poller = try EpollPoller()
            let file = try FileDescriptor.open("/etc/passwd", O_RDONLY)
            #expect(throws: SystemError.self) { try poller.watch(file.number, for: .read) { _ in } }
            #expect(throws: SystemError.self) { try poller.watch(-1, for: .read) { _ in } }
            let (one, _) = try socketPair()
            let watch = try poller.watch(one.number, for: .read) { _ in }
            #expect(throws: SystemError.self) { try poller.watch(one.number, for: .read) { _ in } }
            watch.cancel()
        }
    }

    // MARK: - Posts

    @Test func postsFromManyThreadsAllArriveInOrder() async throws {
        let count = 500
        let done = Lock<[Int: [Int]]>([:])
        try await onOwnThread {
            let poller = try EpollPoller()
            for thread in 0..<8 {
                Thread.detachNewThread {
                    for number in 0..<count {
                        poller.post { done.with { $0[thread, default: []].append(number) } }
                    }
                }
            }
            let deadline = ContinuousClock.now + .seconds(60)
            while done.with({ $0.values.reduce(0) { $0 + $1.count } }) < 8 * count {
                guard ContinuousClock.now < deadline else { throw TestFailure("posts were lost") }
                // A post that did not wake the poller would be seen by this alone.
                poller.wait(timeout: .seconds(30))
            }
        }
        for thread in 0..<8 { #expect(done.with { $0[thread] } == Array(0..<count)) }
    }

    @Test func aPostFromAPostComesInTheNextRound() async throws {
        try await onOwnThread {
            let poller = try EpollPoller()
            let done = Lock(0)
            poller.post {
                done.with { $0 += 1 }
                poller.post { done.with { $0 += 10 } }
            }
            poller.wait(timeout: .seconds(30))
            #expect(done.with { $0 } == 1)
            poller.wait(timeout: .seconds(30))
            #expect(done.with { $0 } == 11)
        }
    }

    @Test func aPostWakesAPollerThatWaitsForEver() async throws {
        let isLoopThread = Lock<Bool?>(nil)
        try await onOwnThread {
            let poller = try EpollPoller()
            Thread.detachNewThread {
                usleep(20_000)
                isLoopThread.with { $0 = poller.isLoopThread }
                poller.post {}
            }
            poller.wait(timeout: nil)
            #expect(poller.isLoopThread)
        }
        #expect(isLoopThread.with { $0 } == false)
    }

    // MARK: - Time

    @Test(arguments: [0, 1, 999, 1000, 1001, 20_000, 20_001, 150_000] as [Int64])
    func itWaitsNotLessThanAsked(_ microseconds: Int64) async throws {
        let waited = try await onOwnThread { () -> Duration in
            let poller = try EpollPoller()
            let start = ContinuousClock.now
            poller.wait(timeout: .microseconds(microseconds))
            return ContinuousClock.now - start
        }
        // The kernel counts by a clock that may be read a little earlier.
        #expect(waited >= .microseconds(microseconds - 50))
        #expect(waited < .microseconds(microseconds) + .seconds(5))
    }

    @Test func aVeryLongTimeoutIsNoShortOne() async throws {
        let waited = try await onOwnThread { () -> Duration in
            let poller = try EpollPoller()
            Thread.detachNewThread {
                usleep(100_000)
                poller.post {}
            }
            let start = ContinuousClock.now
            poller.wait(timeout: .seconds(Int64.max / 4))
            return ContinuousClock.now - start
        }
        #expect(waited >= .milliseconds(99))
    }
}
