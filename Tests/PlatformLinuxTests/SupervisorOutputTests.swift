import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

/// What becomes of a script's output, also on a full disk, and how agents hear of it.
@Suite struct SupervisorOutputTests {
    // MARK: - Output

    @Test func standardOutputAndErrorStayInOrder() async throws {
        let task = try SupervisedTask("i=0; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i + 1)); done\n")
        defer { task.remove() }
        #expect(try await task.run().result == .success)
        #expect(task.output == (0..<500).map { "o\($0)\ne\($0)\n" }.joined())
    }

    @Test(arguments: [0, 1, 999, 4096, 65_536, 65_537, 299_999, 300_000, 300_001, 1 << 40] as [Int64])
    func theOutputLimitIsExactAndAllIsCounted(_ limit: Int64) async throws {
        let task = try SupervisedTask("seq -w 1 50000\n", outputLimit: limit)
        defer { task.remove() }
        let exit = try await task.run()
        #expect(exit.result == .success)
        #expect(exit.outputBytes == 300_000)
        let all = (1...50_000).map { number in
            let digits = "\(number)"
            return String(repeating: "0", count: 5 - digits.count) + digits + "\n"
        }.joined()
        #expect(task.outputBytes == Array(Array(all.utf8).prefix(Int(min(limit, 300_000)))))
    }

    @Test func muchOutputIsCountedExactly() async throws {
        let task = try SupervisedTask("head -c 100000001 /dev/zero\n", outputLimit: 100_000)
        defer { task.remove() }
        let exit = try await task.run()
        #expect(exit.outputBytes == 100_000_001)
        #expect(task.outputBytes.count == 100_000)
    }

    @Test func outputIsThereWhileTheScriptRunsAndAgentsAreTold() async throws {
        let (first, second) = (SupervisedTask.wait(for: "go"), SupervisedTask.wait(for: "go2"))
        let task = try SupervisedTask("echo one\n" + first + "echo two\n" + second)
        defer { task.remove() }
        try task.start()
        try await until("the first line is there") { task.output == "one\n" }
        let link = try task.connect()
        let welcome = try await onOwnThread { try link.read(atMost: 100) }
        #expect(welcome?.isEmpty == false)
        try task.signal("go")
        let news = try await onOwnThread { try link.read(atMost: 100) }
        #expect(news?.isEmpty == false)
        try await until("the second line is there") { task.output == "one\ntwo\n" }
        #expect(task.directory.exit() == nil)
        try task.signal("go2")
        _ = try await onOwnThread { try link.readAll() }
        #expect(task.directory.exit() != nil, "the connection ends when the exit is recorded, not before")
    }

    /// An agent that takes over looks at the output before the supervisor has heard of it; what is stored in between would
    /// be news to nobody.
    @Test func anAgentThatConnectsIsToldToLook() async throws {
        let task = try SupervisedTask("echo early; echo >\"$folder/up\"\n" + SupervisedTask.wait(for: "go"))
        defer { task.remove() }
        try task.start()
        _ = try await task.line("up")
        try await until("its output is stored") { task.output == "early\n" }
        for _ in 0..<2 { #expect(try await welcome(by: task) == [SupervisorSocket.News.output.rawValue]) }
        try task.signal("go")
        #expect(try await task.exit().result == .success)
    }

    /// What an agent that connects hears, if it hears anything.
    private func welcome(by task: SupervisedTask) async throws -> [UInt8] {
        let link = try task.connect()
        return try await onOwnThread {
            var polled = pollfd(fd: link.number, events: Int16(POLLIN), revents: 0)
            return poll(&polled, 1, 20_000) == 1 ? try link.read(atMost: 64) ?? [] : []
        }
    }

    @Test func theConnectionItWasStartedWithTellsOfTheEnd() async throws {
        let task = try SupervisedTask("echo hi; exit 3\n")
        defer { task.remove() }
        let (link, supervisor) = try startLinked(task)
        _ = try await onOwnThread { try link.readAll() }
        #expect(task.directory.exit()?.exitCode == 3, "the connection ends when the exit is recorded, not before")
        try await supervisor.end()
    }

    // The supervisor's end of the connection is its alone when this returns.
    private func startLinked(_ task: SupervisedTask) throws -> (FileDescriptor, ChildProcess) {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw SystemError("socketpair") }
        let (mine, theirs) = (FileDescriptor(owning: ends[0]), FileDescriptor(owning: ends[1]))
        mine.setNonBlocking(false)
        return (mine, try task.start(link: theirs))
    }

    @Test func whatAScriptLeavesBehindLivesOnAndMayWrite() async throws {
        let task = try SupervisedTask(
            """
            {
                echo $BASHPID >"$folder/pid"
                trap 'echo pipe >"$folder/signal"' PIPE
                until [ -e "$folder/go" ]; do sleep 0.02; done
                head -c 300000 /dev/zero && echo $? >"$folder/wrote"
            } &
            until [ -e "$folder/pid" ]; do sleep 0.02; done
            echo done
            """
        )
        defer { task.remove() }
        let supervisor = try task.start()
        let pid = try #require(pid_t(try await task.line("pid")))
        let started = ContinuousClock.now
        let exit = try await task.exit()
        #expect(exit.result == .success)
        #expect(ContinuousClock.now - started < .seconds(20), "the result was held back")
        #expect(exit.outputBytes == 5)
        #expect(isAlive(pid))
        #expect(supervisor.ended == nil, "somebody has to read what still comes")
        try task.signal("go")
        #expect(try await task.line("wrote") == "0")
        #expect(try await supervisor.end().exitCode == 0)
        #expect(!PosixFiles().exists(task.folder / "signal"))
        #expect(task.output == "done\n")
        #expect(task.directory.exit() == exit)
    }

    @Test func whatAScriptLeavesBehindWithoutItsOutputHoldsNothingBack() async throws {
        let task = try SupervisedTask("sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >\"$folder/pid\"; exit 7\n")
        defer { task.remove() }
        let exit = try await task.run()
        #expect(exit.exitCode == 7)
        #expect(isAlive(try #require(pid_t(try await task.line("pid")))))
    }

    // MARK: - Full disks

    /// Waits until a process has gone to sleep twice: a supervisor that could not write the exit, before it tries again.
    private func untilItSleeps(_ process: ChildProcess) async throws {
        func count() -> Int { processStatus(process.pid, "voluntary_ctxt_switches").flatMap { Int($0) } ?? 0 }
        let before = count()
        try await until("it sleeps") { count() > before + 1 }
    }

    /// Fills the last page of the task's file, where its end would still find room on a full disk.
    private func leaveNoRoom(in task: SupervisedTask) throws {
        let size = Int(try PosixFiles().size(task.directory.recordPath))
        let filler = [UInt8](repeating: UInt8(ascii: "\n"), count: 4096 - size % 4096)
        try PosixFiles().append(filler, to: task.directory.recordPath, durably: false)
    }

    @Test(.enabled(if: isRoot, "only root can mount"))
    func onAFullDiskTheOutputIsCountedAndTheEndIsWrittenOnceThereIsRoom() async throws {
        let disk = try TinyDisk(size: 256 << 10)
        defer { disk.remove() }
        let task = try SupervisedTask(
            "echo first; echo $$ >\"$folder/pid\"\n" + SupervisedTask.wait(for: "go")
                + "head -c 200000 /dev/zero; exit 9\n",
            in: disk.path
        )
        defer { task.remove() }
        let supervisor = try task.start()
        let pid = try #require(pid_t(try await task.line("pid")))
        try await until("the first line is stored") { task.output == "first\n" }
        try leaveNoRoom(in: task)
        let ballast = try disk.fill()
        try task.signal("go")
        // Gone, not only ended: the supervisor has taken note of it.
        try await until("the script is gone") { processStatus(pid, "State") == nil }
        try await untilItSleeps(supervisor)
        #expect(task.directory.exit() == nil)
        #expect(supervisor.ended == nil)
        #expect(try await !welcome(by: task).isEmpty)
        try PosixFiles().remove(ballast)
        let exit = try await task.exit()
        #expect(exit.result == .failed)
        #expect(exit.exitCode == 9)
        #expect(exit.outputBytes == 200_006)
        #expect(task.output.hasPrefix("first\n"))
        #expect(task.outputBytes.dropFirst(6).allSatisfy { $0 == 0 })
        #expect(try await supervisor.end().exitCode == 0)
    }

    @Test(.enabled(if: isRoot, "only root can mount"))
    func aScriptThatFindsNoRoomDoesNotStart() async throws {
        let disk = try TinyDisk(size: 64 << 10)
        defer { disk.remove() }
        let task = try SupervisedTask("echo ran >\"$folder/ran\"\n", in: disk.path)
        defer { task.remove() }
        try leaveNoRoom(in: task)
        let ballast = try disk.fill()
        let supervisor = try task.start()
        try await until("it has claimed the task") { PosixFiles().exists(task.directory.claimPath) }
        try await untilItSleeps(supervisor)
        #expect(task.directory.exit() == nil)
        try PosixFiles().remove(ballast)
        let exit = try await task.exit()
        #expect(exit.result == .startFailed)
        #expect(exit.errorInfo.hasPrefix("ScriptStoreFailed: "))
        #expect(exit.errorInfo.hasSuffix("No space left on device"))
        #expect(!PosixFiles().exists(task.folder / "ran"))
        #expect(try await supervisor.end().exitCode == 0)
    }
}
