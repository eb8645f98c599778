import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

/// What a script finds when a supervisor starts it, and what keeps it from starting.
@Suite struct SupervisedScriptTests {
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
}
