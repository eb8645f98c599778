import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

@Suite struct LogFileTests {
    private let folder: TestFolder

    init() throws { folder = try TestFolder() }

    @Test func linesAreAddedToAFileOfTheOwnersAlone() async throws {
        try await onOwnThread { [folder] in
            try ThreadCall.unshareFileSystemState()
            umask(0)
            let log = LogFile(path: folder / "log/agent.log")
            log.write("one")
            log.write("two \u{E9}")
            LogFile(path: folder / "log/agent.log").write("three")
        }
        #expect(folder.text(of: "log/agent.log") == "one\ntwo \u{E9}\nthree\n")
        #expect(mode(of: folder / "log/agent.log") == 0o600)
        #expect(mode(of: folder / "log") == 0o700)
    }

    @Test func atItsLimitItIsPutAsideAndThereAreNeverMoreThanTwo() throws {
        let log = LogFile(path: folder / "agent.log", limit: 100)
        for number in 100..<200 {
            log.write("line \(number)")
            #expect(folder.bytes(of: "agent.log").count <= 100)
            #expect(folder.bytes(of: "agent.log.1").count <= 100)
        }
        #expect(try PosixFiles().list(folder.path).sorted() == ["agent.log", "agent.log.1"])
        // 11 lines of 9 bytes fit.
        #expect(folder.text(of: "agent.log.1") == (188..<199).map { "line \($0)\n" }.joined())
        #expect(folder.text(of: "agent.log") == "line 199\n")
        #expect(mode(of: folder / "agent.log") == 0o600)
        #expect(mode(of: folder / "agent.log.1") == 0o600)
    }

    @Test func aFileThatIsFullAlreadyIsPutAsideAtOnce() throws {
        try folder.write(String(repeating: "x", count: 99) + "\n", to: "agent.log")
        LogFile(path: folder / "agent.log", limit: 100).write("new")
        #expect(folder.text(of: "agent.log") == "new\n")
        #expect(folder.bytes(of: "agent.log.1").count == 100)
    }

    @Test func aLineLongerThanTheLimitIsKeptWhole() throws {
        let log = LogFile(path: folder / "agent.log", limit: 10)
        let long = String(repeating: "x", count: 50)
        for line in ["a", long, "b"] { log.write(line) }
        #expect(folder.text(of: "agent.log.1") == long + "\n")
        #expect(folder.text(of: "agent.log") == "b\n")
    }

    @Test func aFileThatIsRemovedIsBegunAnew() throws {
        let log = LogFile(path: folder / "log/agent.log")
        log.write("one")
        try PosixFiles().remove(folder / "log/agent.log")
        log.write("two")
        #expect(folder.text(of: "log/agent.log") == "two\n")
        try PosixFiles().remove(folder / "log")
        log.write("three")
        log.write("four")
        #expect(folder.text(of: "log/agent.log") == "three\nfour\n")
    }

    @Test func aFileThatIsEmptiedGoesOn() throws {
        let log = LogFile(path: folder / "agent.log", limit: 100)
        log.write(String(repeating: "x", count: 80))
        truncate(folder / "agent.log", 0)
        log.write(String(repeating: "y", count: 80))
        #expect(folder.text(of: "agent.log") == String(repeating: "y", count: 80) + "\n")
        #expect(!PosixFiles().exists(folder / "agent.log.1"))
    }

    @Test func whereNoFileCanBeTheLogIsLostAndNothingElse() throws {
        try folder.write("", to: "file")
        let log = LogFile(path: folder / "file/agent.log")
        log.write("lost")
        try PosixFiles().remove(folder / "file")
        log.write("kept")
        #expect(folder.text(of: "file/agent.log") == "kept\n")
    }

    @Test(.enabled(if: isRoot, "only root can mount"))
    func afterAFullDiskItGoesOn() throws {
        let disk = try TinyDisk(size: 64 << 10)
        defer { disk.remove() }
        let log = LogFile(path: disk.path + "/agent.log")
        log.write("one")
        let ballast = try disk.fill()
        for _ in 0..<100 { log.write(String(repeating: "x", count: 100)) }
        try PosixFiles().remove(ballast)
        log.write("two")
        let lines = try String(contentsOfFile: disk.path + "/agent.log", encoding: .utf8).split(separator: "\n")
        #expect(lines.first == "one")
        #expect(lines.last == "two", "what was cut short by the full disk swallows the next line")
    }

    @Test func threadsWriteWholeLines() async throws {
        let log = LogFile(path: folder / "agent.log", limit: 60_000)
        let filler = String(repeating: "x", count: 20)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for thread in 0..<8 {
                group.addTask {
                    try await onOwnThread {
                        for number in 0..<250 { log.write("thread \(thread) line \(number) \(filler)") }
                    }
                }
            }
            try await group.waitForAll()
        }
        let lines = (folder.text(of: "agent.log.1") + folder.text(of: "agent.log")).split(separator: "\n")
        #expect(lines.allSatisfy { $0.hasPrefix("thread ") && $0.hasSuffix(" " + filler) })
        // Each thread's lines in their order, and none twice.
        for thread in 0..<8 {
            let own = lines.filter { $0.hasPrefix("thread \(thread) ") }
            let numbers = own.compactMap { Int($0.split(separator: " ")[3]) }
            #expect(numbers == numbers.sorted())
            #expect(Set(numbers).count == numbers.count)
        }
        #expect(lines.count > 1000)
    }
}
