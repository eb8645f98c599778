import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

/// Whether this machine has cgroups of version 2 and lets this process make some.
private let hasCgroups: Bool = {
    guard let cgroup = TaskCgroup(task: "probe-\(getpid())") else { return false }
    cgroup.remove()
    return true
}()

@Suite(.enabled(if: hasCgroups, "NOT TESTED: no cgroup of version 2 can be made here"))
final class TaskCgroupTests {
    private let name = "test-\(UUID().uuidString)"
    /// Out of reach of what other tests sweep.
    private let parent: String
    private var path: String { "\(parent)/tat-task-\(name)" }

    init() throws {
        parent = try #require(TaskCgroup.parent) + "/\(name)"
        try #require(mkdir(parent, 0o755) == 0)
    }

    deinit { rmdir(parent) }

    /// Starts a shell in the group; its process.
    private func start(_ script: String, in cgroup: FileDescriptor?) throws -> ChildProcess {
        let child = Child(
            path: "/bin/sh",
            arguments: ["sh", "-c", script],
            environment: [],
            input: try .null(),
            output: try .null(),
            error: try .null(),
            cgroup: cgroup
        )
        return ChildProcess(try child.spawn())
    }

    private func group(of pid: pid_t) throws -> String {
        let text = try String(contentsOfFile: "/proc/\(pid)/cgroup", encoding: .utf8)
        return text.split(separator: "\n").first { $0.hasPrefix("0::") }.map(String.init) ?? ""
    }

    @Test func aChildStartsInItAndAllOfItEndsAtAStroke() async throws {
        let cgroup = try #require(TaskCgroup(task: name, below: parent))
        let child = try start("(setsid sleep 300 &) ; (setsid sleep 300 &) ; exec sleep 300", in: cgroup.directory)
        defer { child.destroy() }
        #expect(try group(of: child.pid).hasSuffix("/tat-task-\(name)"))
        func count() -> Int? {
            (try? PosixFiles().read(path + "/cgroup.procs", limit: 4096))?.split(separator: UInt8(ascii: "\n")).count
        }
        try await until("all three are there") { count() == 3 }
        cgroup.remove()
        #expect(access(path, F_OK) == 0, "what is not empty stays")
        cgroup.killAll()
        #expect(try await child.end().signal == SIGKILL)
        try await until("nothing is left in it") {
            cgroup.remove()
            return access(path, F_OK) != 0
        }
    }

    @Test func whatASupervisorLeftIsEndedAndItsGroupGoes() async throws {
        let cgroup = try #require(TaskCgroup(task: name, below: parent))
        let child = try start("exec sleep 300", in: cgroup.directory)
        defer { child.destroy() }
        #expect(TaskCgroup(task: name, below: parent) == nil, "a group at work is nobody else's")
        TaskCgroup.sweep(below: parent)
        #expect(access(path, F_OK) == 0)
        TaskCgroup.end(task: name, below: parent)
        #expect(try await child.end().signal == SIGKILL)
        TaskCgroup.end(task: name, below: parent)
        #expect(access(path, F_OK) != 0)
    }

    @Test func anEmptyGroupOfBeforeIsTakenOver() async throws {
        let before = try #require(TaskCgroup(task: name, below: parent)?.directory)
        let cgroup = try #require(TaskCgroup(task: name, below: parent))
        // The one of before is no more: its child starts where this process is.
        let child = try start("exec sleep 300", in: before)
        defer { child.destroy() }
        #expect(try group(of: child.pid) == group(of: getpid()))
        cgroup.remove()
        #expect(access(path, F_OK) != 0)
    }

    @Test func aScriptIsInAGroupOfItsOwnWhichGoesWithIt() async throws {
        // A launcher of another test may sweep the group before the script is in it; not again and again.
        for attempt in 1...5 {
            let task = try SupervisedTask("grep ^0:: /proc/self/cgroup\n")
            defer { task.remove() }
            #expect(try await task.run().result == .success)
            #expect(access("\(TaskCgroup.parent ?? "")/tat-task-\(task.directory.name)", F_OK) != 0)
            if task.output.hasSuffix("/tat-task-\(task.directory.name)\n") { return }
            #expect(attempt < 5, "\(task.output)")
        }
    }

    @Test func whereNoneCanBeMadeThereIsNone() throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        #expect(TaskCgroup(task: name, below: nil) == nil)
        #expect(TaskCgroup(task: name, below: "/nonexistent") == nil)
        #expect(TaskCgroup(task: name, below: folder / ".") == nil)
        #expect(access(folder / "tat-task-\(name)", F_OK) != 0)
    }
}
