import Testing

@testable import Agent

@Suite struct SupervisionTests {
    /// A supervision that starts at 100 s, with its script's tree, played through step by step.
    private struct Play {
        var supervision: Supervision
        var treeIsEmpty = false

        init(timeout: Duration = .seconds(60)) {
            supervision = Supervision(start: .seconds(100), timeout: timeout)
        }

        /// The next step, so many milliseconds after the start.
        mutating func step(_ milliseconds: Int64) -> Supervision.Step {
            let isEmpty = treeIsEmpty
            return supervision.next(at: Self.at(milliseconds)) { isEmpty }
        }

        mutating func end(_ end: Supervision.ScriptEnd, at milliseconds: Int64) {
            supervision.scriptEnded(end, at: Self.at(milliseconds))
        }

        static func at(_ milliseconds: Int64) -> Duration { .seconds(100) + .milliseconds(milliseconds) }
    }

    private static func wait(_ milliseconds: Int64) -> Supervision.Step { .wait(until: Play.at(milliseconds)) }

    // MARK: - A script that ends by itself

    @Test(arguments: [
        (Supervision.ScriptEnd.exited(0), Supervision.Step.finish(.success, exitCode: 0, errorInfo: "")),
        (.exited(1), .finish(.failed, exitCode: 1, errorInfo: "")),
        (.exited(255), .finish(.failed, exitCode: 255, errorInfo: "")),
        (.exited(-1_073_741_819), .finish(.failed, exitCode: -1_073_741_819, errorInfo: "")),
        (.killed("by signal 9"), .finish(.failed, exitCode: -1, errorInfo: "by signal 9")),
    ])
    func itsEndBecomesTheResult(end: Supervision.ScriptEnd, step: Supervision.Step) {
        var play = Play()
        play.supervision.outputEnded()
        #expect(play.step(0) == Self.wait(60_000))
        play.end(end, at: 10)
        #expect(play.step(10) == step)
        #expect(play.step(11) == step)
    }

    @Test func itsOutputIsWaitedForButNotLong() {
        var play = Play()
        play.end(.exited(0), at: 1000)
        // A process that it left behind holds the output.
        #expect(play.step(1000) == Self.wait(1500))
        #expect(play.step(1499) == Self.wait(1500))
        #expect(play.step(1500) == .finish(.success, exitCode: 0, errorInfo: ""))
    }

    @Test func theEndOfTheOutputEndsTheWait() {
        var play = Play()
        play.end(.exited(3), at: 1000)
        #expect(play.step(1000) == Self.wait(1500))
        play.supervision.outputEnded()
        #expect(play.step(1200) == .finish(.failed, exitCode: 3, errorInfo: ""))
    }

    @Test func theEndOfTheOutputAloneEndsNothing() {
        var play = Play()
        play.supervision.outputEnded()
        #expect(play.step(5000) == Self.wait(60_000))
    }

    @Test func whatComesAfterItsEndDoesNotChangeIt() {
        var play = Play(timeout: .seconds(1))
        play.end(.exited(0), at: 900)
        play.supervision.cancelRequested()
        play.supervision.shutdownRequested()
        #expect(play.step(1200) == Self.wait(1400))
        #expect(play.step(1400) == .finish(.success, exitCode: 0, errorInfo: ""))
    }

    // MARK: - Timeout

    @Test func aTimeoutAsksThenWaitsThenKills() {
        var play = Play(timeout: .seconds(5))
        #expect(play.step(0) == Self.wait(5000))
        #expect(play.step(4999) == Self.wait(5000))
        #expect(play.step(5000) == .terminate)
        #expect(play.step(5000) == Self.wait(5020))
        #expect(play.step(5020) == Self.wait(5040))
        #expect(play.step(6995) == Self.wait(7000))
        #expect(play.step(7000) == .kill)
        #expect(play.step(7000) == Self.wait(7020))
        // What was forked meanwhile is killed in the next round.
        #expect(play.step(7020) == .kill)
        play.treeIsEmpty = true
        #expect(play.step(7021) == .finish(.timeout, exitCode: -1, errorInfo: ""))
    }

    @Test func aTreeThatEndsInTheGraceIsNotKilled() {
        var play = Play(timeout: .seconds(5))
        #expect(play.step(5000) == .terminate)
        play.treeIsEmpty = true
        #expect(play.step(5300) == .finish(.timeout, exitCode: -1, errorInfo: ""))
    }

    @Test(arguments: [Supervision.ScriptEnd.exited(0), .exited(9), .killed("by signal 15")])
    func aScriptThatEndsInTheGraceHasTimedOutAllTheSame(end: Supervision.ScriptEnd) {
        var play = Play(timeout: .seconds(5))
        #expect(play.step(5000) == .terminate)
        play.end(end, at: 5100)
        play.supervision.outputEnded()
        // Others of its tree go on, and are not forgotten.
        #expect(play.step(5100) == Self.wait(5120))
        #expect(play.step(7000) == .kill)
        play.treeIsEmpty = true
        #expect(play.step(7001) == .finish(.timeout, exitCode: -1, errorInfo: ""))
    }

    @Test func aCancelAfterTheTimeoutChangesNothing() {
        var play = Play(timeout: .seconds(5))
        #expect(play.step(5000) == .terminate)
        play.supervision.cancelRequested()
        play.treeIsEmpty = true
        #expect(play.step(5001) == .finish(.timeout, exitCode: -1, errorInfo: ""))
    }

    @Test func aVeryLongTimeoutIsNone() {
        var play = Play(timeout: .seconds(Int64.max))
        guard case .wait(let until) = play.step(0) else {
            Issue.record("it does not wait")
            return
        }
        #expect(until > .seconds(Int64.max))
    }

    // MARK: - Cancel and shutdown

    @Test func aCancelEndsTheTree() {
        var play = Play()
        #expect(play.step(10) == Self.wait(60_000))
        play.supervision.cancelRequested()
        #expect(play.step(20) == .terminate)
        play.supervision.cancelRequested()
        #expect(play.step(20) == Self.wait(40))
        #expect(play.step(2020) == .kill)
        play.treeIsEmpty = true
        #expect(play.step(2030) == .finish(.terminated, exitCode: -1, errorInfo: ""))
    }

    @Test func aCancelBeforeTheFirstStepCounts() {
        var play = Play()
        play.supervision.cancelRequested()
        #expect(play.step(0) == .terminate)
        play.treeIsEmpty = true
        #expect(play.step(0) == .finish(.terminated, exitCode: -1, errorInfo: ""))
    }

    @Test func aShutdownEndsTheTreeAndSaysSo() {
        var play = Play()
        play.supervision.shutdownRequested()
        #expect(play.step(20) == .terminate)
        play.treeIsEmpty = true
        guard case .finish(.failed, -1, let errorInfo) = play.step(30) else {
            Issue.record("a shutdown is no failure")
            return
        }
        #expect(errorInfo.contains("SIGTERM"))
    }

    @Test func theFirstOfTwoRequestsCounts() {
        var cancelled = Play()
        cancelled.supervision.cancelRequested()
        cancelled.supervision.shutdownRequested()
        cancelled.treeIsEmpty = true
        #expect(cancelled.step(0) == .terminate)
        #expect(cancelled.step(0) == .finish(.terminated, exitCode: -1, errorInfo: ""))

        var shut = Play()
        shut.supervision.shutdownRequested()
        shut.supervision.cancelRequested()
        shut.treeIsEmpty = true
        #expect(shut.step(0) == .terminate)
        guard case .finish(.failed, -1, _) = shut.step(0) else {
            Issue.record("the cancel has overtaken the shutdown")
            return
        }
    }

    @Test func aRequestCountsMoreThanATimeoutAtTheSameTime() {
        var play = Play(timeout: .seconds(5))
        play.supervision.cancelRequested()
        play.treeIsEmpty = true
        #expect(play.step(5000) == .terminate)
        #expect(play.step(5000) == .finish(.terminated, exitCode: -1, errorInfo: ""))
    }

    // MARK: - A tree that does not end

    @Test func aTreeThatCannotBeEndedIsGivenUp() {
        var play = Play()
        play.supervision.cancelRequested()
        #expect(play.step(0) == .terminate)
        var now: Int64 = 0
        var kills = 0
        while true {
            let step = play.step(now)
            switch step {
            case .kill: kills += 1
            case .wait(let until):
                let next = (until - .seconds(100)) / .milliseconds(1)
                #expect(next > Double(now))
                now = Int64(next)
            case .terminate:
                Issue.record("asked twice")
                return
            case .finish(let result, let exitCode, let errorInfo):
                #expect(result == .terminated)
                #expect(exitCode == -1)
                #expect(errorInfo.contains("could not be ended"))
                #expect(now == 12_000)
                #expect(kills == 500)
                return
            }
        }
    }

    @Test func theTreeIsOnlyLookedAtWhileItIsBeingEnded() {
        var supervision = Supervision(start: .zero, timeout: .seconds(5))
        var looks = 0
        func step(_ seconds: Int64) {
            _ = supervision.next(at: .seconds(seconds)) {
                looks += 1
                return false
            }
        }
        step(0)
        step(4)
        supervision.scriptEnded(.exited(0), at: .seconds(4))
        step(4)
        step(5)
        #expect(looks == 0)
    }
}
