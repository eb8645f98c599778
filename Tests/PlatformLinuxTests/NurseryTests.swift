import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

/// The real executable's `supervise` without a directory.
@Suite struct NurseryTests {
    private struct Nursery {
        let process: ChildProcess
        let requests: FileDescriptor
    }

    private func start(_ kind: __socket_type = SOCK_SEQPACKET) throws -> Nursery {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(kind.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw SystemError("socketpair")
        }
        let (mine, theirs) = (FileDescriptor(owning: ends[0]), FileDescriptor(owning: ends[1]))
        return Nursery(process: try spawn(extra: theirs), requests: mine)
    }

    private func spawn(extra: FileDescriptor?) throws -> ChildProcess {
        let null = try FileDescriptor.null()
        let child = Child(
            path: try Executables.path("tat_agent"),
            // Not the name that a launcher gives, which its tests go by.
            arguments: ["nursery", "supervise"],
            environment: Environment.current.map { "\($0.name)=\($0.value)" },
            input: null,
            output: null,
            error: null,
            extra: extra
        )
        return ChildProcess(try child.spawn())
    }

    /// Asks for a supervisor; gives this side's end of its link.
    private func ask(_ nursery: Nursery, _ path: String) throws -> FileDescriptor {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw SystemError("socketpair")
        }
        let (mine, theirs) = (FileDescriptor(owning: ends[0]), FileDescriptor(owning: ends[1]))
        theirs.setNonBlocking()
        let message = Array(path.utf8)
        let sent = shim_send_descriptor(nursery.requests.number, message, message.count, theirs.number)
        guard sent == message.count else { throw SystemError("sendmsg") }
        return mine
    }

    @Test func withoutASocketThereIsNone() async throws {
        #expect(try await spawn(extra: nil).end().exitCode == 2)
        #expect(try await spawn(extra: .null()).end().exitCode == 2)
    }

    @Test func itEndsWithItsSocket() async throws {
        let process = try start().process
        #expect(try await process.end().exitCode == 0)
    }

    @Test func aRequestWithoutALinkEndsIt() async throws {
        let nursery = try start()
        #expect(send(nursery.requests.number, "/x", 2, 0) == 2)
        #expect(try await nursery.process.end().exitCode == 0)
        withExtendedLifetime(nursery) {}
    }

    @Test func whatCannotBeSupervisedKeepsItFromNothing() async throws {
        let nursery = try start()
        for path in ["/nonexistent/d", "relative", "\u{0}", String(repeating: "d", count: 4095)] {
            let link = try ask(nursery, path)
            #expect(try await onOwnThread { try link.readAll() } == [])
        }
        let task = try SupervisedTask("echo hi; exit 2\n")
        defer { task.remove() }
        let link = try ask(nursery, task.directory.path)
        _ = try await onOwnThread { try link.readAll() }
        #expect(task.directory.exit()?.exitCode == 2)
        #expect(nursery.process.ended == nil)
        nursery.process.destroy()
    }

    @Test func itsSupervisorsKeepNothingOfIt() async throws {
        let nursery = try start()
        let tasks = try (0..<2).map { _ in
            try SupervisedTask("echo $PPID >\"$folder/pid\"\n" + SupervisedTask.wait(for: "go"))
        }
        defer { for task in tasks { task.remove() } }
        let links = try tasks.map { try ask(nursery, $0.directory.path) }
        var pids: [pid_t] = []
        for task in tasks { pids.append(try #require(pid_t(try await task.line("pid")))) }
        for pid in pids {
            #expect(getsid(pid) == pid)
            #expect(processStatus(pid, "PPid") == "\(nursery.process.pid)")
            // Null thrice, the signals, the pipe, the output, the link, the claim, null for what is too much, and the way
            // back to the nursery.
            let open = try PosixFiles().list("/proc/\(pid)/fd").map { Int($0) ?? -1 }
            #expect(open.count <= 10, "\(open)")
        }
        // The nursery's end is not kept by its supervisors: with the agent's gone, its socket is free.
        nursery.process.destroy()
        var byte: UInt8 = 0
        #expect(recv(nursery.requests.number, &byte, 1, 0) <= 0)
        for task in tasks { try task.signal("go") }
        for (task, link) in zip(tasks, links) {
            _ = try await onOwnThread { try link.readAll() }
            #expect(task.directory.exit()?.result == .success)
        }
    }
}
