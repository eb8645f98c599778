import Testing

@testable import Agent

@Suite struct LeakCheckerTests {
    private static let fine = ProcessUsage(residentMemory: 5 << 20, descriptors: 20, zombies: 0)

    /// What the checker finds after this many looks, if it does, and how often it looked.
    @LoopActor
    private func check(
        _ usages: [ProcessUsage?],
        patience: Int = 3,
        tasks: Int = 0
    ) async throws -> (excess: String?, looks: Int) {
        var looks = 0
        var excess: String?
        let checker = LeakChecker(
            limits: LeakChecker.Limits(interval: .milliseconds(1), patience: patience),
            usage: {
                defer { looks += 1 }
                return looks < usages.count ? usages[looks] : Self.fine
            },
            runningTasks: { tasks }
        )
        // One that finds nothing ends with the process only, as the agent's.
        spawn { excess = await checker.run() }
        try await eventually { excess != nil || looks > usages.count + patience + 2 }
        return (excess, looks)
    }

    @Test func theNumbersAreTheProtocols() async throws {
        try await onLoop {
            let limits = LeakChecker.Limits()
            #expect(limits.residentMemory == 200 << 20)
            #expect(limits.descriptors == 1000)
            #expect(limits.interval == .seconds(10))
            #expect(limits.patience == 64)
        }
    }

    @Test(arguments: [
        (ProcessUsage(residentMemory: 201 << 20, descriptors: 1, zombies: 0), "memory"),
        (ProcessUsage(residentMemory: 1, descriptors: 1001, zombies: 0), "descriptors"),
        (ProcessUsage(residentMemory: 1, descriptors: 1, zombies: 1001), "child"),
    ])
    func whatStaysOverALimitIsALeak(usage: ProcessUsage, name: String) async throws {
        try await onLoop {
            let (excess, looks) = try await check(Array(repeating: usage, count: 10))
            #expect(excess?.contains(name) == true)
            #expect(looks == 3)
        }
    }

    @Test func whatIsAtTheLimitIsNone() async throws {
        try await onLoop {
            let usage = ProcessUsage(residentMemory: 200 << 20, descriptors: 1000, zombies: 1000)
            let excess = try await check(Array(repeating: usage, count: 10)).excess
            #expect(excess == nil)
        }
    }

    @Test func whatGoesBackIsNone() async throws {
        try await onLoop {
            let high = ProcessUsage(residentMemory: 1 << 40, descriptors: 1, zombies: 0)
            for usages in [[high, high, Self.fine, high, high, Self.fine], [high, high, nil, high, high]] {
                let excess = try await check(usages).excess
                #expect(excess == nil)
            }
        }
    }

    @Test func runningTasksMayHaveTheirDescriptors() async throws {
        try await onLoop {
            let usage = ProcessUsage(residentMemory: 1, descriptors: 1200, zombies: 0)
            let enough = try await check(Array(repeating: usage, count: 10), tasks: 100).excess
            #expect(enough == nil)
            let tooFew = try await check(Array(repeating: usage, count: 10), tasks: 99).excess
            #expect(tooFew != nil)
        }
    }
}
