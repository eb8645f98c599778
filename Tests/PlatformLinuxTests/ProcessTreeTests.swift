import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

/// What ends a task from outside, and that it leaves nothing alive, by the real executable's `supervise DIR`.
@Suite struct ProcessTreeTests {
    /// How a task is made to end.
    enum Way: CaseIterable, Sendable {
        case timeout, poke, file, terminate

        var result: TaskResult {
            switch self {
            case .timeout: .timeout
            case .poke, .file: .terminated
            case .terminate: .failed
            }
        }
    }

    private func end(_ task: SupervisedTask, _ supervisor: ChildProcess, _ way: Way) async throws {
        switch way {
        case .timeout: return
        case .poke:
            let link = try task.connect()
            try task.directory.cancel()
            try link.writeAll([UInt8(ascii: "c")])
            // The connection alone may have had it look: then it ends with the poke unread, which is a reset.
            _ = try? await onOwnThread { try link.readAll() }
            #expect(task.directory.exit() != nil)
        case .file:
            // Whatever wakes the supervisor has it look; here, another agent that comes and goes.
            try task.directory.cancel()
            _ = try task.connect()
        case .terminate: supervisor.send(SIGTERM)
        }
    }

    private func isGone(_ pid: pid_t) -> Bool { !isAlive(pid) }

    /// Children that leave the group, the session, the parent, the name or the signal behind.
    private static let family = """
        trap '' TERM
        note() { echo $BASHPID >>"$folder/pids"; }
        (note; exec sleep 1000) &
        setsid bash -c 'echo $$ >>"$0/pids"; exec sleep 1000' "$folder" &
        ( (setsid bash -c 'trap "" TERM HUP; echo $$ >>"$0/pids"; while :; do sleep 1; done' "$folder" &) & )
        (note; trap '' TERM INT HUP QUIT; while :; do sleep 1; done) &
        bash -c 'echo $$ >>"$0/pids"; exec -a "name) R 1 (" sleep 1000' "$folder" &
        (note; exec >/dev/null 2>&1; cd /; exec sleep 1000) &
        nohup bash -c 'echo $$ >>"$0/pids"; sleep 1000; :' "$folder" &

        """
    private static let stopped = "(note; kill -STOP $BASHPID) &\n"
    private static let wait = "while :; do sleep 1; done\n"
    private static let familySize = 7

    @Test(arguments: Way.allCases)
    func nobodyOfTheFamilyGetsAway(_ way: Way) async throws {
        let task = try SupervisedTask(Self.family + Self.stopped + Self.wait, timeout: way == .timeout ? 15 : 120)
        defer { task.remove() }
        let supervisor = try task.start()
        try await until("all are there") { task.pids().count == Self.familySize + 1 }
        let pids = task.pids()
        if way != .timeout {
            #expect(task.directory.exit() == nil)
            #expect(pids.filter(isGone) == [])
        }
        try await end(task, supervisor, way)
        let exit = try await task.exit()
        #expect(exit.result == way.result)
        #expect(exit.exitCode == -1)
        #expect(exit.errorInfo.contains("SIGTERM") == (way == .terminate))
        // Before the end is recorded, not some time after.
        #expect(pids.filter { !isGone($0) } == [])
        #expect(task.processes == 0)
        #expect(try await supervisor.end().exitCode == 0)
    }

    @Test func whoEndsInTimeIsAskedOnly() async throws {
        let task = try SupervisedTask(
            "trap 'echo bye; exit 0' TERM; echo $$ >\"$folder/pid\"; echo hi; while :; do sleep 0.02; done\n"
        )
        defer { task.remove() }
        let supervisor = try task.start()
        _ = try await task.line("pid")
        try await until("the trap is set") { task.output == "hi\n" }
        try await end(task, supervisor, .poke)
        let exit = try await task.exit()
        #expect(exit.result == .terminated)
        // The shell may say in between that the command it waited for was ended.
        #expect(task.output.hasPrefix("hi\n"))
        #expect(task.output.hasSuffix("bye\n"))
        #expect(exit.outputBytes == Int64(task.outputBytes.count))
    }

    @Test func theTimeoutIsKept() async throws {
        let task = try SupervisedTask("exec sleep 1000\n", timeout: 2)
        defer { task.remove() }
        let start = ContinuousClock.now
        let exit = try await task.run()
        #expect(exit.result == .timeout)
        #expect(ContinuousClock.now - start >= .seconds(2))
    }

    @Test func aTimeoutWithoutEndIsNone() async throws {
        let task = try SupervisedTask("echo hi\n", timeout: .max)
        defer { task.remove() }
        #expect(try await task.run().result == .success)
    }

    @Test func aCancelBeforeTheStartKeepsTheScriptFromRunning() async throws {
        let task = try SupervisedTask("echo ran >\"$folder/ran\"\n")
        defer { task.remove() }
        try task.directory.cancel()
        let exit = try await task.run()
        #expect(exit.result == .terminated)
        #expect(exit.outputBytes == 0)
        #expect(!PosixFiles().exists(task.folder / "ran"))
    }

    @Test func aCancelAfterTheScriptsEndChangesNothing() async throws {
        let task = try SupervisedTask("exit 4\n")
        defer { task.remove() }
        let exit = try await task.run()
        try task.directory.cancel()
        #expect(try await task.start().end().exitCode == 0)
        #expect(task.directory.exit() == exit)
        #expect(exit.exitCode == 4)
    }

    /// A chain in which each process starts the next and ends: whoever kills one has missed the next already.
    @Test(.enabled(if: access("/usr/bin/python3", X_OK) == 0, "no python3 here"))
    func aChainThatAlwaysRunsAheadIsCaught() async throws {
        let task = try SupervisedTask(
            """
            trap '' TERM
            /usr/bin/python3 -c '
            import os, signal, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            deadline = time.time() + 100
            while time.time() < deadline:
                if os.fork(): os._exit(0)
                os.setsid()
            '
            echo up
            while :; do sleep 1; done
            """
        )
        defer { task.remove() }
        let supervisor = try task.start()
        try await until("the chain runs") { task.output == "up\n" }
        try await end(task, supervisor, .poke)
        let exit = try await task.exit()
        #expect(exit.result == .terminated)
        #expect(exit.errorInfo == "")
        #expect(task.processes == 0)
    }

    /// A tree that grows at all its ends, up to some hundred processes.
    @Test func aTreeThatGrowsIsCaught() async throws {
        let task = try SupervisedTask(
            """
            trap '' TERM
            grow() {
                [ "$1" -gt 0 ] || { echo >>"$folder/leaves"; exec sleep 1000; }
                (grow $(($1 - 1))) & (grow $(($1 - 1))) &
                while :; do sleep 1; done
            }
            grow 6
            """
        )
        defer { task.remove() }
        let supervisor = try task.start()
        _ = try await task.line("leaves")
        try await end(task, supervisor, .poke)
        let exit = try await task.exit()
        #expect(exit.result == .terminated)
        #expect(exit.errorInfo == "")
        #expect(task.processes == 0)
    }

    @Test(arguments: [SIGHUP, SIGINT, SIGPIPE])
    func otherSignalsDoNotDisturb(_ signal: Int32) async throws {
        let task = try SupervisedTask("echo >\"$folder/up\"\n" + SupervisedTask.wait(for: "go") + "exit 6\n")
        defer { task.remove() }
        let supervisor = try task.start()
        _ = try await task.line("up")
        supervisor.send(signal)
        try task.signal("go")
        #expect(try await task.exit().exitCode == 6)
        #expect(try await supervisor.end().exitCode == 0)
    }

    /// Orphans of the task come to its supervisor, which collects them.
    @Test func endedOrphansAreCollected() async throws {
        let task = try SupervisedTask(
            """
            for i in 1 2 3 4 5 6 7 8 9 10; do (echo $BASHPID >>"$folder/pids"; (echo $BASHPID >>"$folder/pids") & ) & done
            echo >"$folder/up"

            """ + SupervisedTask.wait(for: "go")
        )
        defer { task.remove() }
        try task.start()
        _ = try await task.line("up")
        try await until("all are there") { task.pids().count == 20 }
        let orphans = Array(task.pids())
        // The script's own children may stay with bash until it asks for them; those of theirs may not.
        try await until("the orphans are gone") { orphans.count { processStatus($0, "State") == nil } >= 10 }
        try task.signal("go")
        #expect(try await task.exit().result == .success)
    }

    @Test func processesAreFoundByTheirVariable() async throws {
        let task = try SupervisedTask(Self.family + Self.wait)
        defer { task.remove() }
        let supervisor = try task.start()
        try await until("all are there") { task.pids().count == Self.familySize }
        let pids = task.pids()
        supervisor.send(SIGKILL)
        try await supervisor.end()
        let variable = "\(Environment.taskVariable)=\(task.id)"
        #expect(ProcessTree.killAll(withVariable: variable + "x") == 0)
        #expect(ProcessTree.killAll(withVariable: String(variable.dropLast())) == 0)
        #expect(pids.filter(isGone) == [])
        #expect(ProcessTree.killAll(withVariable: variable) > Self.familySize)
        try await until("all have ended") { pids.allSatisfy(isGone) }
        #expect(ProcessTree.killAll(withVariable: variable) == 0)
    }
}
