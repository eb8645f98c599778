import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

@Suite struct OutputStoreTests {
    private let folder: TestFolder

    init() throws { folder = try TestFolder() }

    /// A file that is only added to takes no splice(2), as some file systems' do not.
    private static let flags = [0, O_APPEND]

    /// A store and the writing end of its pipe.
    private func make(
        limit: Int64 = 1 << 20,
        at path: String? = nil,
        flags: Int32 = 0
    ) throws -> (store: OutputStore, write: FileDescriptor) {
        let pipe = try FileDescriptor.pipe()
        pipe.read.setNonBlocking()
        pipe.write.setNonBlocking()
        let path = path ?? folder / "output"
        let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC | flags, mode: 0o600)
        return (OutputStore(from: pipe.read, to: file, null: try .null(), limit: limit), pipe.write)
    }

    private func expectOpen(_ store: inout OutputStore) throws {
        guard store.drain() else { throw TestFailure("an end that is none") }
    }

    private static let pattern = (0..<60_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

    @Test(arguments: flags)
    func whatIsWrittenIsStored(_ flags: Int32) throws {
        var (store, write) = try make(flags: flags)
        try expectOpen(&store)
        #expect(store.total == 0)
        var expected: [UInt8] = []
        for size in [1, 4096, 4095, 60_000, 3] {
            let bytes = Array(Self.pattern.prefix(size))
            try write.writeAll(bytes)
            expected += bytes
            try expectOpen(&store)
            #expect(store.stored == Int64(expected.count))
            #expect(store.total == Int64(expected.count))
            #expect(folder.bytes(of: "output") == expected)
        }
        store.sync()
    }

    @Test(arguments: flags)
    func theEndIsSeenAndNothingBeforeItIsLost(_ flags: Int32) throws {
        var store = try storeAtItsEnd(of: Self.pattern, flags: flags)
        while store.drain() { continue }
        let isOpen = store.drain()
        #expect(!isOpen)
        #expect(folder.bytes(of: "output") == Self.pattern)
        #expect(store.total == 60_000)
    }

    // The writing end is gone when this returns.
    private func storeAtItsEnd(of bytes: [UInt8], flags: Int32) throws -> OutputStore {
        let (store, write) = try make(flags: flags)
        try write.writeAll(bytes)
        return store
    }

    @Test(arguments: [0, 1, 4095, 4096, 59_999, 60_000, 60_001, 119_999, 120_000] as [Int64], flags)
    func theLimitIsExactAndTheRestIsCounted(_ limit: Int64, _ flags: Int32) throws {
        var (store, write) = try make(limit: limit, flags: flags)
        for _ in 0..<2 {
            try write.writeAll(Self.pattern)
            try expectOpen(&store)
        }
        #expect(store.total == 120_000)
        #expect(store.stored == min(limit, 120_000))
        #expect(folder.bytes(of: "output") == Array((Self.pattern + Self.pattern).prefix(Int(limit))))
    }

    @Test func aWriterThatNeverPausesDoesNotHoldTheReaderUp() async throws {
        let (store, process) = try storeOf("/usr/bin/head", "-c", "30000000", "/dev/zero")
        defer { process.destroy() }
        let (total, most) = try await onOwnThread { () -> (Int64, Int64) in
            var store = store
            var most: Int64 = 0
            var before: Int64 = 0
            while store.drain() {
                most = max(most, store.total - before)
                before = store.total
                sched_yield()
            }
            return (store.total, most)
        }
        #expect(total == 30_000_000)
        #expect(most <= 16 << 20, "so much at once keeps a supervisor from its clock")
        #expect(folder.bytes(of: "output").count == 1000)
    }

    // The writing end is the program's alone when this returns.
    private func storeOf(_ arguments: String...) throws -> (OutputStore, ChildProcess) {
        let (store, write) = try make(limit: 1000)
        write.setNonBlocking(false)
        let null = try FileDescriptor.null()
        let child = Child(
            path: arguments[0],
            arguments: arguments,
            environment: [],
            input: null,
            output: write,
            error: null
        )
        return (store, ChildProcess(try child.spawn()))
    }

    @Test(.enabled(if: isRoot, "only root can mount"), arguments: flags)
    func onAFullDiskAllIsCountedAllTheSame(_ flags: Int32) throws {
        let disk = try TinyDisk(size: 64 << 10)
        defer { disk.remove() }
        var (store, write) = try make(at: disk.path + "/output", flags: flags)
        for _ in 0..<5 {
            try write.writeAll(Self.pattern)
            try expectOpen(&store)
        }
        #expect(store.total == 300_000)
        #expect(store.stored <= 64 << 10)
        #expect(store.stored > 0)
        let stored = try PosixFiles().read(disk.path + "/output", limit: 1 << 20)
        #expect(stored.count == Int(store.stored))
        #expect(stored == Array((Self.pattern + Self.pattern).prefix(stored.count)))
    }
}
