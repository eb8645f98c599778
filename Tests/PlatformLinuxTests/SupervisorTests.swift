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
