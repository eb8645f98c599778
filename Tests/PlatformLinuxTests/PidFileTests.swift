import CShims
import Foundation
import Testing

@testable import PlatformLinux

@Suite struct PidFileTests {
    private let folder: TestFolder

    init() throws { folder = try TestFolder() }

    @Test func theHolderWritesItsProcessID() throws {
        try folder.write("123456789 of an earlier one\n", to: "pid")
        let file = try PidFile(path: folder / "pid")
        #expect(folder.text(of: "pid") == "\(getpid())\n")
        withExtendedLifetime(file) {}
    }

    @Test func theSecondIsToldWhoHoldsIt() throws {
        let first = try PidFile(path: folder / "pid")
        for _ in 0..<2 {
            do {
                _ = try PidFile(path: folder / "pid")
                Issue.record("two hold the lock")
            } catch let error as PidFile.Taken {
                #expect(error.processID == "\(getpid())")
                #expect(error.description.contains("process \(getpid())"))
                #expect(error.description.contains(folder / "pid"))
            }
        }
        #expect(folder.text(of: "pid") == "\(getpid())\n", "the loser has left the file as it was")
        withExtendedLifetime(first) {}
    }

    @Test func aLockThatIsAboutToBeFreeIsWaitedFor() async throws {
        let path = folder / "pid"
        let held = try FileDescriptor.open(path, O_RDWR | O_CREAT, mode: 0o644)
        try #require(flock(held.number, LOCK_EX | LOCK_NB) == 0)
        let second = Task { try await onOwnThread { try PidFile(path: path, attempts: 6000) } }
        try await Task.sleep(for: .milliseconds(100))
        _ = flock(held.number, LOCK_UN)
        _ = try await second.value
    }

    @Test func theLockIsFreeWhenItsHolderIsGone() async throws {
        for _ in 0..<3 {
            // A process that another test is starting may have the file a moment longer.
            try await until("the lock is free") { (try? PidFile(path: folder / "pid")) != nil }
        }
    }

    /// A child of the holder must not hold the lock on.
    @Test func childrenDoNotHoldIt() throws {
        let child = try hold()
        defer { child.destroy() }
        #expect(child.ended == nil)
        _ = try PidFile(path: folder / "pid")
    }

    private func hold() throws -> ChildProcess {
        let file = try PidFile(path: folder / "pid")
        defer { withExtendedLifetime(file) {} }
        let null = try FileDescriptor.null()
        let child = Child(
            path: "/bin/sleep",
            arguments: ["sleep", "1000"],
            environment: [],
            input: null,
            output: null,
            error: null
        )
        return ChildProcess(try child.spawn())
    }

    @Test func whereNoFileCanBeThereIsNoLock() {
        #expect(throws: SystemError.self) { try PidFile(path: folder / "none/pid") }
        #expect(throws: SystemError.self) { try PidFile(path: folder.path) }
    }
}
