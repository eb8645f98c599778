import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

/// The real executable's `supervise DIR` on task directories made by hand.
@Suite struct SupervisorTests {
    // MARK: - Ends

    @Test func aScriptThatSucceeds() async throws {
        let task = try SupervisedTask("echo out; echo err >&2; printf 'last'\n")
        defer { task.remove() }
        let before = SystemClock().unixSeconds
        let exit = try await task.run()
        #expect(exit.result == .success)
        #expect(exit.exitCode == 0)
        #expect(exit.errorInfo == "")
        #expect((before...SystemClock().unixSeconds).contains(exit.finishedAt))
        #expect(exit.outputBytes == 12)
        #expect(task.output == "out\nerr\nlast")
    }

    @Test(arguments: [1, 2, 42, 126, 127, 255] as [Int64])
    func aScriptThatFails(_ code: Int64) async throws {
        let task = try SupervisedTask("exit \(code)\n")
        defer { task.remove() }
        let exit = try await task.run()
        #expect(exit.result == .failed)
        #expect(exit.exitCode == code)
        #expect(exit.errorInfo == "")
        #expect(exit.outputBytes == 0)
    }

    @Test(arguments: [SIGKILL, SIGTERM, SIGSEGV, SIGINT, SIGHUP, SIGPIPE])
    func aScriptThatASignalEnds(_ signal: Int32) async throws {
        let task = try SupervisedTask("ulimit -c 0; echo before; kill -\(signal) $$; echo after\n")
        defer { task.remove() }
        let exit = try await task.run()
        #expect(exit.result == .failed)
        #expect(exit.exitCode == -1)
        #expect(exit.errorInfo.contains("signal \(signal) ("))
        #expect(task.output == "before\n")
    }

    @Test func anEmptyScriptSucceeds() async throws {
        let task = try SupervisedTask("", command: "")
        defer { task.remove() }
        #expect(try await task.run().result == .success)
    }

    @Test func aScriptIsRunByWhatItsFirstLineNames() async throws {
        let task = try SupervisedTask("#!/usr/bin/awk -f\nBEGIN { print 6 * 7; exit 3 }\n")
        defer { task.remove() }
        #expect(try await task.run().exitCode == 3)
        #expect(task.output == "42\n")
    }

    @Test func scriptsAndOutputsAreBytes() async throws {
        let script = Array("#!/bin/cat\n".utf8) + [0, 0xFF, 0xC3, 0x28, 0x0D, 0x0A, 0]
        let task = try SupervisedTask("", command: Data(script).base64EncodedString())
        defer { task.remove() }
        #expect(try await task.run().outputBytes == Int64(script.count))
        #expect(task.outputBytes == script)
    }

    // MARK: - The files

    @Test func theDirectoryIsLeftInOrder() async throws {
        let task = try SupervisedTask(
            "stat -c '%a %u' \"$0\"; stat -c %a \"${0%/*}/output\"; echo $PPID >\"$folder/pid\"\n"
                + SupervisedTask.wait(for: "go")
        )
        defer { task.remove() }
        let supervisor = try task.start()
        let pid = try await task.line("pid")
        #expect(pid == "\(supervisor.pid)", "the supervisor is the script's parent")
        #expect(processStatus(supervisor.pid, "Name") == "tat_agent")
        #expect(processStatus(supervisor.pid, "Threads") == "1")
        let memory = processStatus(supervisor.pid, "RssAnon") ?? "unknown"
        print("a supervisor's RssAnon: \(memory) (debug build, started by itself)")
        try task.signal("go")
        #expect(try await task.exit().result == .success)
        #expect(try await supervisor.end().exitCode == 0)
        #expect(task.output == "600 \(geteuid())\n600\n")
        // The script is gone, and so is whatever was needed to make the other files.
        #expect(try PosixFiles().list(task.directory.path).sorted() == ["claim", "control", "output", "task"])
        for name in ["claim", "output", "task"] {
            #expect(mode(of: task.directory.path + "/" + name) == 0o600, "\(name)")
        }
        // It was started without an agent, so it listened for one.
        #expect(mode(of: task.directory.controlPath) == 0o700)
        #expect(mode(of: task.directory.path) == 0o711)
    }

    @Test func withoutARecordNothingIsDone() async throws {
        let task = try SupervisedTask("echo ran\n")
        defer { task.remove() }
        try PosixFiles().replace(task.directory.path + "/task", with: Array("{\"id\":\"half".utf8))
        #expect(try await task.start().end().exitCode == 1)
        #expect(try PosixFiles().list(task.directory.path) == ["task"])
        try PosixFiles().remove(task.directory.path)
        #expect(try await task.start().end().exitCode == 1)
        #expect(!PosixFiles().exists(task.directory.path))
    }

    @Test func aDirectoryWithALongPathIsAsGood() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let parent = folder.path + String(repeating: "/" + String(repeating: "d", count: 100), count: 5)
        try PosixFiles().makeDirectory(parent, access: .passage)
        let task = try SupervisedTask("echo ran\n" + SupervisedTask.wait(for: "go"), in: parent)
        defer { task.remove() }
        try task.start()
        try await until("it has run") { task.output == "ran\n" }
        let link = try task.connect()
        try task.signal("go")
        #expect(try await task.exit().result == .success)
        let news = try await onOwnThread { try link.readAll().count }
        #expect(news <= 2)
    }

    @Test func whenTheDirectoryIsRemovedTheSupervisorEnds() async throws {
        let task = try SupervisedTask("echo >\"$folder/up\"\n" + SupervisedTask.wait(for: "go"))
        defer { task.remove() }
        let supervisor = try task.start()
        _ = try await task.line("up")
        try PosixFiles().remove(task.directory.path)
        try task.signal("go")
        try await supervisor.end()
        #expect(!PosixFiles().exists(task.directory.path))
    }

    // MARK: - What a script finds

    @Test func theEnvironmentIsThatOfALoginWithoutWhatIsTheAgentsOwn() async throws {
        let script = try SupervisedTask("tr '\\0' '\\n' </proc/$$/environ\n")
        defer { script.remove() }
        let exit = try await script.run(
            environment: [
                "PLX_KEPT=a=b c", "HOME=/wrong", "USER=wrong", "TERM=wrong", "TAT_INVOCATION_TASK_ID=wrong",
                "NOTIFY_SOCKET=/x", "WATCHDOG_USEC=1", "WATCHDOG_PID=1", "LISTEN_PID=1", "LISTEN_FDS=1",
                "TAT_AGENT_HOME=/x", "TAT_AGENT_DEBUG=1",
            ]
        )
        #expect(exit.result == .success)
        let lines = Set(script.output.split(separator: "\n").map { String($0) })
        let expected = [
            "PLX_KEPT=a=b c", "HOME=\(script.folder.path)", "USER=plx", "LOGNAME=plx", "USERNAME=plx", "SHELL=/bin/sh",
            "MAIL=/var/spool/mail/plx", "TERM=xterm-color", "TAT_INVOCATION_TASK_ID=\(script.id)",
        ]
        for line in expected { #expect(lines.contains(line), "\(line)") }
        let names = Set(lines.compactMap { $0.split(separator: "=").first.map { String($0) } })
        let own = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS"]
        for name in own { #expect(!names.contains(name), "\(name)") }
        #expect(!names.contains { $0.hasPrefix("TAT_AGENT_") })
    }

    @Test func theProfileOfTheUserIsRead() async throws {
        let task = try SupervisedTask("echo \"$PLX_PROFILE\"\n")
        defer { task.remove() }
        try task.folder.write("echo noise; export PLX_PROFILE=read\n", to: ".bash_profile")
        #expect(try await task.run().result == .success)
        #expect(task.output == "read\n")
    }

    @Test func standardInputIsEmptyAndThereIsNoTerminal() async throws {
        let task = try SupervisedTask("LC_ALL=C; export LC_ALL; cat; readlink /proc/$$/fd/0; tty; true\n")
        defer { task.remove() }
        #expect(try await task.run().result == .success)
        #expect(task.output == "/dev/null\nnot a tty\n")
    }

    @Test func aScriptIsInAGroupOfItsOwn() async throws {
        let task = try SupervisedTask(
            "read -r line </proc/$$/stat; set -- ${line##*) }; echo $(($3 - $$)) $(($4 - $PPID))\n"
        )
        defer { task.remove() }
        #expect(try await task.run().result == .success)
        #expect(task.output == "0 0\n", "the group is the script's, the session its supervisor's")
    }

    @Test func theWorkingDirectoryIsTheOneAskedFor() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        mkdir(folder / "sub dir", 0o755)
        let home = SupervisedTask.ownUser(home: folder.path)
        let sub = folder / "sub dir"
        for (wanted, expected) in [("", folder.path), (sub, sub), ("sub dir", sub), ("/", "/")] {
            let task = try SupervisedTask("pwd\n", user: home, workingDirectory: wanted)
            defer { task.remove() }
            #expect(try await task.run().result == .success)
            #expect(task.output == expected + "\n")
        }
        let homeless = try SupervisedTask("pwd\n", user: SupervisedTask.ownUser(home: folder / "none"))
        defer { homeless.remove() }
        #expect(try await homeless.run().result == .success)
        #expect(homeless.output == "/\n")
    }

    // MARK: - What keeps a script from starting

    private func expectNoStart(_ task: SupervisedTask, _ error: String) async throws {
        let exit = try await task.run()
        #expect(exit.result == .startFailed)
        #expect(exit.exitCode == -1)
        #expect(exit.outputBytes == 0)
        #expect(exit.errorInfo == error)
        #expect(!PosixFiles().exists(task.folder / "ran"))
        #expect(!PosixFiles().exists(task.directory.scriptPath))
        task.remove()
    }

    private static let script = "echo >\"$folder/ran\"\n"

    @Test func aScriptThatIsNotBase64() async throws {
        let task = try SupervisedTask("", command: "%%%")
        try await expectNoStart(task, "InvalidCommand: it is not base64")
    }

    @Test func aWorkingDirectoryThatIsNotThere() async throws {
        let task = try SupervisedTask(Self.script, workingDirectory: "/nonexistent/d")
        try await expectNoStart(task, "InvalidWorkingDirectory: working_directory `/nonexistent/d` not exists")
        let file = try SupervisedTask(Self.script, workingDirectory: "/etc/passwd")
        try await expectNoStart(file, "InvalidWorkingDirectory: working_directory `/etc/passwd` not exists")
    }

    @Test(.enabled(if: isRoot, "only root can run a script as another user"))
    func aWorkingDirectoryThatTheUserMayNotEnter() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        mkdir(folder / "private", 0o700)
        let user = User(name: "plx", identifier: "4001", groups: ["4001"], home: "/", shell: "/bin/sh")
        let task = try SupervisedTask(Self.script, user: user, workingDirectory: folder / "private")
        let path = folder / "private"
        try await expectNoStart(task, "InvalidWorkingDirectory: working_directory `\(path)`: Permission denied")
    }

    @Test(arguments: ["", "x", "-1", "4294967296"])
    func aUserIDThatIsNone(_ identifier: String) async throws {
        var user = SupervisedTask.ownUser(home: "/")
        user.identifier = identifier
        let task = try SupervisedTask(Self.script, user: user)
        try await expectNoStart(task, "TaskSpawnFailed: user id: Invalid argument")
    }

    @Test(arguments: [[], ["x"], ["0", "x"]])
    func groupIDsThatAreNone(_ groups: [String]) async throws {
        var user = SupervisedTask.ownUser(home: "/")
        user.groups = groups
        let task = try SupervisedTask(Self.script, user: user)
        try await expectNoStart(task, "TaskSpawnFailed: group ids: Invalid argument")
    }

    /// Whatever fails on the way to the user, the script does not run.
    @Test func aUserThatCannotBeBecome() async throws {
        var user = SupervisedTask.ownUser(home: "/")
        user.identifier = isRoot ? "4294967295" : "0"
        let task = try SupervisedTask(Self.script, user: user)
        defer { task.remove() }
        let exit = try await task.run()
        #expect(exit.result == .startFailed)
        #expect(!PosixFiles().exists(task.folder / "ran"))
    }

    // MARK: - Other users

    @Test(.enabled(if: isRoot, "only root can run a script as another user"))
    func aScriptOfAnotherUserIsThatUsersAlone() async throws {
        let account = try TestUser(extraGroups: 2)
        defer { account.remove() }
        let user = try #require(try LinuxUsers().lookup(account.name))
        let script = """
            id -un; id -G; stat -c '%U %a' "$0"; umask
            d=${0%/*}; ls "$d" || echo no list; cat "$d/task" || echo no record; cat "$d/output" || echo no output
            : >"$d/cancel" || echo no cancel
            echo >"$folder/up"

            """
        let task = try SupervisedTask(script + SupervisedTask.wait(for: "go"), user: user)
        defer { task.remove() }
        try task.start()
        _ = try await task.line("up")
        #expect(owner(of: task.folder / "up") == uid_t(user.identifier))
        let refused = try await onOwnThread {
            try ThreadCall.setFileSystemUser(uid_t(user.identifier) ?? 0)
            return (try? task.connect()) == nil
        }
        #expect(refused, "another user has got through to the supervisor")
        try task.signal("go")
        #expect(try await task.exit().result == .success)
        let lines = task.output.split(separator: "\n").filter { !$0.contains("ermission denied") }
        #expect(lines.first == Substring(account.name))
        #expect(Set(lines[1].split(separator: " ").map { String($0) }) == Set(user.groups))
        #expect(user.groups.count == 3)
        #expect(lines[2] == "\(account.name) 600")
        #expect(lines[3] == "0022")
        #expect(lines.dropFirst(4) == ["no list", "no record", "no output", "no cancel"])
        #expect(owner(of: task.directory.outputPath) == 0)
    }

    @Test(.enabled(if: isRoot, "only root can mount"))
    func aDiskWithoutExecutionStopsNoScript() async throws {
        let disk = try TinyDisk(size: 1 << 20)
        defer { disk.remove() }
        // MS_REMOUNT, MS_NOEXEC.
        guard mount("tmpfs", disk.path, "tmpfs", 0x20 | 0x8, "size=1m,mode=711") == 0 else {
            throw SystemError("mount")
        }
        for script in ["#!/bin/sh\necho ran\n", "echo ran\n"] {
            let task = try SupervisedTask(script, in: disk.path)
            defer { task.remove() }
            #expect(try await task.run().result == .success)
            #expect(task.output == "ran\n")
        }
    }

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
        for _ in 0..<2 {
            let link = try task.connect()
            let news = try await onOwnThread { () -> [UInt8] in
                var polled = pollfd(fd: link.number, events: Int16(POLLIN), revents: 0)
                return poll(&polled, 1, 20_000) == 1 ? try link.read(atMost: 64) ?? [] : []
            }
            #expect(news == [SupervisorSocket.News.output.rawValue])
        }
        try task.signal("go")
        #expect(try await task.exit().result == .success)
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

    // MARK: - At most once

    @Test func tenSupervisorsAtOnceRunTheScriptOnce() async throws {
        let task = try SupervisedTask("echo ran >>\"$folder/runs\"\n" + SupervisedTask.wait(for: "go"))
        defer { task.remove() }
        let supervisors = try (0..<10).map { _ in try task.start() }
        _ = try await task.line("runs")
        try await until("nine have left it to the tenth") { supervisors.count { $0.ended != nil } == 9 }
        #expect(supervisors.allSatisfy { $0.ended?.exitCode ?? 0 == 0 })
        #expect(try PosixFiles().list(task.directory.path).filter { $0.hasPrefix("control") } == ["control"])
        try task.signal("go")
        #expect(try await task.exit().result == .success)
        for supervisor in supervisors { #expect(try await supervisor.end().exitCode == 0) }
        #expect(task.folder.text(of: "runs") == "ran\n")
    }

    @Test func afterTheEndNoSupervisorRunsItAgain() async throws {
        let task = try SupervisedTask("echo ran >>\"$folder/runs\"; exit 5\n")
        defer { task.remove() }
        let exit = try await task.run()
        for _ in 0..<3 { #expect(try await task.start().end().exitCode == 0) }
        #expect(task.folder.text(of: "runs") == "ran\n")
        #expect(task.directory.exit() == exit)
    }

    @Test func afterAKilledSupervisorNoOtherRunsItAgain() async throws {
        let task = try SupervisedTask("echo ran >>\"$folder/runs\"\n" + SupervisedTask.wait(for: "go"))
        defer { task.remove() }
        let supervisor = try task.start()
        _ = try await task.line("runs")
        supervisor.send(SIGKILL)
        try await supervisor.end()
        for _ in 0..<3 { #expect(try await task.start().end().exitCode == 0) }
        #expect(task.folder.text(of: "runs") == "ran\n")
        #expect(task.directory.exit() == nil)
    }
}
