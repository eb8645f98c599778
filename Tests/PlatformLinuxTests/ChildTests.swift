import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

@Suite struct ChildTests {
    /// A child that runs until this value is gone: cat(1) between two pipes.
    private final class Running: Sendable {
        let process: ChildProcess
        let input: FileDescriptor
        let output: FileDescriptor
        let ends: (read: FileDescriptor, write: FileDescriptor)

        init(_ configure: (inout Child) throws -> Void = { _ in }) throws {
            let (childInput, input) = try FileDescriptor.pipe()
            let (output, childOutput) = try FileDescriptor.pipe()
            var child = Child(
                path: "/bin/cat",
                arguments: ["cat"],
                environment: [],
                input: childInput,
                output: childOutput,
                error: try .null()
            )
            try configure(&child)
            self.input = input
            self.output = output
            ends = (childInput, childOutput)
            process = ChildProcess(try child.spawn())
            // What comes back shows that it is cat that runs now, and not what loads it.
            try input.writeAll([42])
            guard try output.read(atMost: 1) == [42] else { throw TestFailure("cat does not answer") }
        }

        deinit { process.destroy() }

        var pid: pid_t { process.pid }

        func status(_ field: String) -> String? { processStatus(pid, field) }
    }

    /// Lends a child that runs for as long as `body` does.
    private func withRunning(
        _ configure: (inout Child) throws -> Void = { _ in },
        _ body: (Running) throws -> Void
    ) throws {
        let running = try Running(configure)
        try body(running)
        running.process.destroy()
    }

    private func child(_ path: String, _ arguments: [String] = [], output: FileDescriptor? = nil) throws -> Child {
        let null = try FileDescriptor.null()
        return Child(
            path: path,
            arguments: [path] + arguments,
            environment: ["PATH=\(Environment.defaultPath)"],
            input: null,
            output: output ?? null,
            error: null
        )
    }

    /// Runs a child to its end: what it wrote, and its exit code.
    private func run(_ child: Child) async throws -> (output: [UInt8], exitCode: Int32?) {
        let (output, process) = try start(child)
        let bytes = try await onOwnThread { try output.readAll() }
        return (bytes, try await process.end().exitCode)
    }

    // The writing end is the child's alone when this returns.
    private func start(_ child: Child) throws -> (FileDescriptor, ChildProcess) {
        var child = child
        let pipe = try FileDescriptor.pipe()
        child.output = pipe.write
        return (pipe.read, ChildProcess(try child.spawn()))
    }

    private func failure(_ child: Child) -> (stage: Child.Failure.Stage, code: Int32)? {
        do throws(Child.Failure) {
            _ = ChildProcess(try child.spawn())
            return nil
        } catch {
            return (error.stage, error.code)
        }
    }

    // MARK: - What arrives

    @Test func argumentsArriveByteForByte() async throws {
        let long = String(repeating: "x", count: 100_000)
        let words = ["", " ", "new\nline", "%s", "\\0", "-n", "--", "\u{E9}", "'\"$`", long]
        let (output, exitCode) = try await run(child("/usr/bin/printf", ["%s\\0"] + words))
        #expect(exitCode == 0)
        #expect(output == words.flatMap { (word: String) -> [UInt8] in Array(word.utf8) + [0] })
    }

    @Test func theEnvironmentArrivesByteForByteAndNothingElse() async throws {
        var child = try child("/usr/bin/env", ["-0"])
        child.environment = ["A=b=c", "EMPTY=", "NL=a\nb", "U=\u{E9}", "lower=\"' $x", "A=twice"]
        let (output, _) = try await run(child)
        #expect(output == child.environment.flatMap { (word: String) -> [UInt8] in Array(word.utf8) + [0] })
    }

    @Test func aNULEndsAWordAsItDoesForTheKernel() async throws {
        let (output, _) = try await run(child("/usr/bin/printf", ["%s|", "a\0b", "c"]))
        #expect(output == Array("a|c|".utf8))
    }

    // MARK: - Descriptors

    private func descriptors(of pid: pid_t) throws -> [String: String] {
        var found: [String: String] = [:]
        for name in try PosixFiles().list("/proc/\(pid)/fd") {
            found[name] = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(name)")
        }
        return found
    }

    private func name(of descriptor: FileDescriptor) throws -> String {
        try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor.number)")
    }

    @Test func aChildHasItsThreeDescriptorsAndNoOther() throws {
        // Descriptors that execve(2) would leave open, near and far.
        let null = try FileDescriptor.null()
        let open = [5, 100, 900].map { FileDescriptor(owning: shim_fcntl(null.number, F_DUPFD, $0)) }
        #expect(open.allSatisfy { $0.number >= 5 && shim_fcntl($0.number, F_GETFD, 0) == 0 })
        try withRunning { running in
            let expected = try ["0": name(of: running.ends.read), "1": name(of: running.ends.write), "2": "/dev/null"]
            let found = try descriptors(of: running.pid)
            #expect(found == expected)
        }
        withExtendedLifetime(open) {}
    }

    @Test func theExtraDescriptorIsNumberThree() throws {
        let pipe = try FileDescriptor.pipe()
        try withRunning {
            $0.extra = pipe.write
        } _: { running in
            let found = try descriptors(of: running.pid)
            let extra = try name(of: pipe.write)
            #expect(found.count == 4)
            #expect(found["3"] == extra)
        }
    }

    @Test func thisProcessKeepsItsDescriptors() throws {
        let pipe = try FileDescriptor.pipe()
        try withRunning {
            $0.extra = pipe.write
        } _: { _ in
        }
        #expect(shim_fcntl(pipe.write.number, F_GETFD, 0) == FD_CLOEXEC)
        try pipe.write.writeAll([1])
        #expect(try pipe.read.read(atMost: 10) == [1])
    }

    @Test func theDescriptorLimitIsTheOneAsked() throws {
        func limits(_ pid: pid_t) throws -> [Substring] {
            let text = String(decoding: try PosixFiles().read("/proc/\(pid)/limits", limit: 1 << 16), as: UTF8.self)
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("Max open files") })
            return line.split(separator: " ")
        }
        let own = try limits(getpid())
        try withRunning {
            $0.descriptorLimit = 77
        } _: { running in
            let changed = try limits(running.pid)
            #expect(changed[3] == "77")
            #expect(changed[4] == own[4])
        }
        try withRunning { running in
            let same = try limits(running.pid)
            #expect(same == own)
        }
    }

    // MARK: - Signals, groups, masks

    @Test func signalsAreAtTheirDefaults() async throws {
        let before = signal(SIGUSR2, SIG_IGN)
        defer { signal(SIGUSR2, before) }
        try await onOwnThread {
            var set = sigset_t()
            sigemptyset(&set)
            for number in [SIGTERM, SIGCHLD, SIGUSR1, 64] { sigaddset(&set, number) }
            pthread_sigmask(SIG_BLOCK, &set, nil)
            func blocked() throws -> String {
                let status = try PosixFiles().read("/proc/thread-self/status", limit: 1 << 16)
                let lines = String(decoding: status, as: UTF8.self).split(separator: "\n")
                return String(try #require(lines.first { $0.hasPrefix("SigBlk") }))
            }
            let before = try blocked()
            try withRunning { running in
                for field in ["SigBlk", "SigIgn"] {
                    let value = try #require(running.status(field).flatMap { UInt64($0, radix: 16) })
                    // 32 and 33 are the C library's own.
                    #expect(value & ~0x1_8000_0000 == 0, "\(field): \(String(value, radix: 16))")
                }
            }
            #expect(try blocked() == before)
        }
    }

    @Test func aChildHasItsOwnGroupAndASessionIfAsked() throws {
        try withRunning { running in
            #expect(getpgid(running.pid) == running.pid)
            #expect(getsid(running.pid) == getsid(0))
        }
        try withRunning {
            $0.hasOwnSession = true
        } _: { running in
            #expect(getpgid(running.pid) == running.pid)
            #expect(getsid(running.pid) == running.pid)
        }
    }

    @Test func theMaskOfNewFilesIsTheUsualOne() async throws {
        try await onOwnThread {
            try ThreadCall.unshareFileSystemState()
            umask(0o077)
            try withRunning { running in #expect(running.status("Umask") == "0022") }
            #expect(umask(0o077) == 0o077, "this thread's own mask is as it was")
        }
    }

    // MARK: - Users

    @Test(
        .enabled(if: isRoot, "only root can become another user"),
        arguments: [[4002], [4002, 50, 10, 65_533], [], [0], [7, 7]] as [[gid_t]]
    )
    func theUserAndItsGroupsAreExact(_ groups: [gid_t]) throws {
        try withRunning {
            $0.identity = Child.Identity(user: 4001, group: 4002, groups: groups)
        } _: { running in
            #expect(running.status("Uid") == "4001\t4001\t4001\t4001")
            #expect(running.status("Gid") == "4002\t4002\t4002\t4002")
            #expect(running.status("Groups") == groups.sorted().map { String($0) }.joined(separator: " "))
            for field in ["CapEff", "CapPrm", "CapAmb"] {
                #expect(running.status(field) == String(repeating: "0", count: 16), "\(field)")
            }
        }
    }

    @Test(.enabled(if: isRoot, "only root can set groups"))
    func rootItselfHasExactlyItsGroups() throws {
        try withRunning {
            $0.identity = Child.Identity(user: 0, group: 0, groups: [0, 4])
        } _: { running in
            #expect(running.status("Groups") == "0 4")
            #expect(running.status("Uid") == "0\t0\t0\t0")
        }
    }

    /// The id that means "leave it" to the kernel must not leave it.
    @Test(.enabled(if: isRoot, "only root can become another user"))
    func anIdThatIsNoneIsNoUser() throws {
        var child = try child("/bin/true")
        child.identity = Child.Identity(user: .max, group: 4002, groups: [])
        #expect(failure(child)?.stage == .user)
        child.identity = Child.Identity(user: 4001, group: .max, groups: [])
        #expect(failure(child)?.stage == .user)
        child.identity = Child.Identity(user: 4001, group: 4002, groups: [.max])
        #expect(failure(child)?.stage == .user)
        child.identity = Child.Identity(user: 4001, group: 4002, groups: Array(0...70_000))
        #expect(failure(child)?.stage == .user)
    }

    @Test func whoIsNotRootBecomesNobodyElse() async throws {
        try await onOwnThread {
            if isRoot { try ThreadCall.becomeUser(65_534) }
            for user: uid_t in [0, 4001] {
                var child = try child("/bin/true")
                child.identity = Child.Identity(user: user, group: 4001, groups: [4001])
                let failure = failure(child)
                #expect(failure?.stage == .user)
                #expect(failure?.code == EPERM)
            }
        }
    }

    // MARK: - Directories

    @Test func theDirectoryIsEntered() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        var child = try child("/bin/pwd", ["-P"])
        child.directory = folder.path
        let expected = try #require(realpath(folder.path, nil))
        defer { free(expected) }
        #expect(String(decoding: try await run(child).output, as: UTF8.self) == String(cString: expected) + "\n")
        child.directory = folder / "none"
        child.fallbackDirectory = "/"
        #expect(try await run(child).output == Array("/\n".utf8))
    }

    @Test func aDirectoryThatCannotBeEnteredIsTold() throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        try folder.write("", to: "file")
        var child = try child("/bin/true")
        for (path, code) in [("none", ENOENT), ("none/below", ENOENT), ("file", ENOTDIR), ("file/below", ENOTDIR)] {
            child.directory = folder / path
            #expect(failure(child)?.stage == .directory)
            #expect(failure(child)?.code == code)
        }
        child.fallbackDirectory = folder / "none"
        #expect(failure(child)?.stage == .directory)
        child.directory = folder / String(repeating: "a", count: 300)
        #expect(failure(child)?.code == ENOENT, "the fallback's reason is told")
    }

    @Test(.enabled(if: isRoot, "only root can become another user"))
    func theDirectoryIsEnteredAsTheUser() throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        mkdir(folder / "private", 0o700)
        var child = try child("/bin/true")
        child.directory = folder / "private"
        #expect(failure(child) == nil)
        child.identity = Child.Identity(user: 4001, group: 4001, groups: [4001])
        #expect(failure(child)?.stage == .directory)
        #expect(failure(child)?.code == EACCES)
        // One that only a supplementary group may enter.
        chown(folder / "private", 0, 4005)
        chmod(folder / "private", 0o710)
        child.identity?.groups = [4001, 4005]
        #expect(failure(child) == nil)
    }

    // MARK: - Programs

    @Test func aProgramThatCannotBeRunIsTold() throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        try folder.writeProgram("#!/nonexistent/interpreter\n", to: "orphan")
        try folder.writeProgram("no program", to: "text")
        try folder.writeProgram("#!/bin/sh\n", to: "closed")
        chmod(folder / "closed", 0o644)
        let cases = [
            (folder / "none", ENOENT), (folder.path, EACCES), (folder / "orphan", ENOENT), (folder / "text", ENOEXEC),
            (folder / "closed", EACCES), (folder / "text/below", ENOTDIR),
        ]
        for (path, code) in cases {
            let failure = try failure(child(path))
            #expect(failure?.stage == .exec, "\(path)")
            #expect(failure?.code == code, "\(path)")
        }
        #expect(try failure(child("/bin/true", [String(repeating: "x", count: 200_000)]))?.code == E2BIG)
    }

    @Test func aFailureSaysInWordsWhatAndWhy() {
        let failure = Child.Failure(stage: .directory, code: ENOENT)
        #expect(failure.description == "its working directory could not be entered: No such file or directory")
    }

    @Test func failuresLeaveNoProcessAndNoDescriptorBehind() async throws {
        try await onOwnThread {
            let thread = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")
            for _ in 0..<20 {
                #expect(try failure(child("/nonexistent/program"))?.stage == .exec)
                var lost = try child("/bin/true")
                lost.directory = "/nonexistent"
                #expect(failure(lost)?.stage == .directory)
            }
            #expect(try PosixFiles().read("/proc/\(thread)/children", limit: 4096) == [])
        }
    }

    @Test func manyAtOnceAreAllStarted() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<40 {
                group.addTask {
                    let (output, exitCode) = try await run(child("/bin/sh", ["-c", "echo \(number); exit \(number)"]))
                    #expect(output == Array("\(number)\n".utf8))
                    #expect(exitCode == Int32(number))
                }
            }
            try await group.waitForAll()
        }
    }
}
