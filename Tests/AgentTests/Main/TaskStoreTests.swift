import Foundation
import Testing

@testable import Agent

@Suite struct TaskStoreTests {
    private let disk = TemporaryDirectory()
    private let files = TestFiles()
    private let store: TaskStore

    private static let hostileIDs = [
        "", "/", "..", ".", "../../../etc/passwd", "a/b", "/etc/passwd", "a\u{0}b", "\u{0}", "a b", "a\nb", "~", "~a",
        "é", "e\u{301}", "任务", "🙂", "..\\..\\x", "C:", "a.b", "-", "--help", "*", "$(reboot)", "nul", "NUL", "com1",
        String(repeating: "a", count: 10_240), String(repeating: "../", count: 3000),
        String(repeating: "é", count: 100),
    ]

    init() throws { store = try TaskStore(root: disk.path + "/state", files: files) }

    private var tasks: String { disk.path + "/state/tasks" }
    private var tombstones: String { disk.path + "/state/done" }

    private func names(_ directory: String) throws -> [String] { try files.list(directory).sorted() }

    private func recovered(_ store: TaskStore? = nil) throws -> [String] {
        try (store ?? self.store).recover().found.map(\.task.id).sorted()
    }

    private func write(_ text: String, to path: String) throws {
        try files.makeDirectory((path as NSString).deletingLastPathComponent, access: .owner)
        try files.replace(path, with: Array(text.utf8))
    }

    // MARK: - Accept and recover

    @Test(arguments: [["a", "d"], ["b", "c"], ["e"]])
    func whatRunsComesBeforeWhatDoesNot(claimed: [String]) throws {
        for id in ["a", "b", "c", "d", "e"] { try store.accept(.plain(id)) }
        for id in claimed { try TestFiles().create(store.directory(of: id).claimPath) }
        let ids = try store.recover().found.map(\.task.id)
        #expect(ids.count == 5)
        #expect(Set(ids.prefix(claimed.count)) == Set(claimed))
    }

    @Test func whatIsAcceptedIsRecovered() throws {
        let records = [TaskRecord.plain("a"), .plain("b"), .plain("c/../d")]
        for record in records { try store.accept(record) }
        let again = try TaskStore(root: disk.path + "/state", files: files)
        let found = try again.recover().found
        // The scripts stay on disk.
        var expected = records
        for index in expected.indices { expected[index].command = "" }
        #expect(found.map(\.task).sorted { $0.id < $1.id } == expected)
        #expect(found.allSatisfy { $0.progress == TaskProgress() })
        #expect(again.directory(of: "a").exit() == nil)
    }

    @Test func progressIsRecovered() throws {
        try store.accept(.plain("a"))
        try store.directory(of: "a").note(.startSent)
        try store.directory(of: "a").note(.startSettled)
        try store.directory(of: "a").note(.chunkPlanned(TaskProgress.Chunk(index: 0, offset: 0, length: 9)))
        let progress = try #require(try store.recover().found.first?.progress)
        #expect(progress.start == .settled)
        #expect(progress.pending?.length == 9)
    }

    @Test func theEndOfATaskThatWillNotStartIsRecovered() throws {
        let end = TaskExit(.userNotFound("x"), finishedAt: 5)
        try store.accept(.plain("a"), end: end)
        #expect(try recovered() == ["a"])
        #expect(store.directory(of: "a").exit() == end)
    }

    @Test func theFirstEndStands() throws {
        try store.accept(.plain("a"))
        let directory = store.directory(of: "a")
        let first = TaskExit(.success, exitCode: 0, finishedAt: 5)
        try directory.end(first)
        try directory.end(TaskExit(.failed, finishedAt: 6))
        #expect(directory.exit() == first)
    }

    @Test func aCancelIsSeenAndCanBeRepeated() throws {
        try store.accept(.plain("a"))
        let directory = store.directory(of: "a")
        #expect(!directory.isCancelled)
        try directory.cancel()
        try directory.cancel()
        #expect(directory.isCancelled)
    }

    @Test(arguments: 0..<4)
    func aDiskWithoutSpaceLeavesNothing(write number: Int) throws {
        for end in [nil, TaskExit(.userNotFound("x"), finishedAt: 5)] {
            files.failWrites(number...number)
            if number < 2 {
                let error = #expect(throws: FileError.self) { try store.accept(.plain("a"), end: end) }
                #expect(error?.kind == .noSpace)
            } else {
                try store.accept(.plain("a"), end: end)
                try store.forget("a")
            }
            files.fail(nil)
            #expect(try names(tasks).isEmpty)
            #expect(try recovered().isEmpty)
        }
    }

    /// As of a task that could not be read when the agent started: another agent may be able to.
    @Test func whatWasThereBeforeAFailureStays() throws {
        try store.accept(.plain("a"))
        try files.create(store.directory(of: "a").claimPath)
        files.fail { operation, path in
            operation == .publish || operation == .sync ? FileError(.noSpace, "\(path): no space left") : nil
        }
        #expect(throws: FileError.self) { try store.accept(.plain("a")) }
        files.fail(nil)
        #expect(try recovered() == ["a"])
        #expect(files.exists(store.directory(of: "a").claimPath))
    }

    @Test func aTaskThatIsNotSafelyOnDiskIsNotAccepted() throws {
        files.fail { operation, _ in operation == .sync ? FileError(.other, "input/output error") : nil }
        #expect(throws: FileError.self) { try store.accept(.plain("a")) }
        files.fail(nil)
        #expect(try recovered().isEmpty)
    }

    @Test func aStoreThatCannotBeMadeSaysSo() throws {
        try write("a file", to: disk.path + "/blocked")
        #expect(throws: FileError.self) { try TaskStore(root: disk.path + "/blocked", files: files) }
    }

    // MARK: - Torn directories

    @Test func whatWasHalfWrittenGoesAndTheRestStays() throws {
        try store.accept(.plain("whole"))
        let record = String(decoding: TaskRecord.plain("torn").encoded, as: UTF8.self)
        for length in stride(from: 0, through: record.utf8.count, by: 7) {
            try write(String(record.prefix(length)), to: tasks + "/torn-\(length)/task")
        }
        try write(record, to: tasks + "/torn-whole-but-for-the-line-feed/task")
        try files.makeDirectory(tasks + "/empty", access: .owner)
        try write(record + "\n", to: tasks + "/draft/task.new")
        try write("output", to: tasks + "/half-removed/output")
        try write("{}\n", to: tasks + "/strange/task")
        try write("a file", to: tasks + "/file")
        #expect(try recovered() == ["whole"])
        #expect(try names(tasks) == ["whole"])
    }

    @Test func aTornLineOfProgressDoesNotCostTheTask() throws {
        try store.accept(.plain("a"))
        try store.directory(of: "a").note(.startSettled)
        try files.append(Array("\nchunk 0 0 1".utf8), to: store.directory(of: "a").recordPath, durably: false)
        try store.directory(of: "a").note(.chunkPlanned(TaskProgress.Chunk(index: 0, offset: 0, length: 12)))
        let progress = try #require(try store.recover().found.first?.progress)
        #expect(progress.start == .settled)
        #expect(progress.pending?.length == 12)
    }

    @Test func linksAreRemovedNotFollowed() throws {
        try write("precious", to: disk.path + "/elsewhere/file")
        try FileManager.default.createSymbolicLink(
            atPath: tasks + "/link",
            withDestinationPath: disk.path + "/elsewhere"
        )
        #expect(try recovered().isEmpty)
        #expect(files.exists(disk.path + "/elsewhere/file"))
        #expect(try names(tasks).isEmpty)
    }

    @Test func aDirectoryThatCannotBeRemovedDoesNotHideTheOthers() throws {
        try store.accept(.plain("a"))
        try store.accept(.plain("b"))
        try files.makeDirectory(tasks + "/stuck", access: .owner)
        files.fail { operation, path in
            operation == .remove && path.hasSuffix("/stuck") ? FileError(.denied, "it is in use") : nil
        }
        let (found, failures) = try store.recover()
        #expect(found.map(\.task.id).sorted() == ["a", "b"])
        #expect(failures.map(\.kind) == [.denied])
    }

    @Test func aRecordThatCannotBeReadNowIsKept() throws {
        try store.accept(.plain("a"))
        files.fail { operation, path in
            operation == .read ? FileError(.other, "\(path): too many open files") : nil
        }
        let (found, failures) = try store.recover()
        #expect(found.isEmpty)
        #expect(failures.count == 1)
        files.fail(nil)
        #expect(try recovered() == ["a"])
    }

    // MARK: - Bury, forget, sweep

    @Test func aBuriedTaskIsKnownAndGone() throws {
        for (id, hasEnded) in [("a", true), ("../b", true), ("c", false)] {
            try store.accept(.plain(id))
            if hasEnded { try store.directory(of: id).end(TaskExit(.success, exitCode: 0, finishedAt: 1)) }
            #expect(!store.hasTombstone(id))
            try store.bury(id)
            #expect(store.hasTombstone(id))
            try store.bury(id)
            #expect(store.hasTombstone(id))
        }
        #expect(try names(tasks).isEmpty)
        #expect(try recovered().isEmpty)
        #expect(try TaskStore(root: disk.path + "/state", files: files).hasTombstone("../b"))
    }

    @Test func aTaskThatWasBuriedButNotRemovedIsNotRecovered() throws {
        try store.accept(.plain("a"))
        try store.directory(of: "a").end(TaskExit(.success, exitCode: 0, finishedAt: 1))
        files.fail { operation, _ in operation == .remove ? FileError(.other, "power failure") : nil }
        #expect(throws: FileError.self) { try store.bury("a") }
        files.fail(nil)
        #expect(try recovered().isEmpty)
        #expect(store.hasTombstone("a"))
        #expect(try names(tasks).isEmpty)
    }

    @Test func withoutATombstoneTheTaskStays() throws {
        try store.accept(.plain("a"))
        try store.directory(of: "a").end(TaskExit(.success, exitCode: 0, finishedAt: 1))
        files.fail { $0 == .rename ? FileError(.noSpace, $1) : nil }
        #expect(throws: FileError.self) { try store.bury("a") }
        files.fail(nil)
        #expect(!store.hasTombstone("a"))
        #expect(try recovered() == ["a"])
    }

    @Test func aForgottenTaskLeavesNoTrace() throws {
        try store.accept(.plain("a"))
        try store.forget("a")
        try store.forget("never seen")
        #expect(!store.hasTombstone("a"))
        #expect(try names(tasks).isEmpty)
        #expect(try names(tombstones).isEmpty)
    }

    @Test func tombstonesStayForADayWhicheverWayTheClockJumps() throws {
        let now: Int64 = 1_700_000_000
        let day: Int64 = 24 * 3600
        #expect(TaskStore.tombstoneAge == day)
        let ages: [(String, Int64)] = [
            ("now", 0), ("young", day - 10), ("old", day + 10), ("ancient", 30 * 365 * day),
            // The clock was set back since.
            ("soon", -3600), ("tomorrow", -day + 10), ("future", -day - 10), ("far", -30 * 365 * day),
        ]
        for (id, age) in ages {
            try store.accept(.plain(id))
            try store.bury(id)
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: TimeInterval(now - age))],
                ofItemAtPath: tombstones + "/" + id
            )
        }
        try store.sweep(now: now)
        #expect(try names(tombstones) == ["now", "soon", "tomorrow", "young"])
    }

    @Test func aTombstoneThatCannotBeReadIsLeftAlone() throws {
        try store.accept(.plain("a"))
        try store.bury("a")
        try FileManager.default.removeItem(atPath: tombstones + "/a")
        try FileManager.default.createSymbolicLink(atPath: tombstones + "/b", withDestinationPath: "/nowhere")
        try store.sweep(now: 1_700_000_000)
    }

    // MARK: - Names

    @Test(arguments: hostileIDs)
    func noIDEscapes(id: String) throws {
        let name = TaskStore.name(of: id)
        #expect(!name.isEmpty && name.utf8.count <= 128)
        #expect(name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "\\") })
        #expect(!name.contains(".") && !name.contains(":"))

        try store.accept(.plain(id))
        #expect(try names(tasks) == [name])
        #expect(try names(disk.path) == ["state"])
        #expect(try names(disk.path + "/state") == ["done", "tasks"])
        let found = try store.recover().found
        #expect(found.count == 1)
        #expect(found.first.map { Array($0.task.id.utf8) } == Array(id.utf8))
        try store.bury(id)
        #expect(store.hasTombstone(id))
        #expect(try names(tombstones) == [name])
    }

    @Test func differentIDsHaveDifferentNames() {
        var ids = Self.hostileIDs
        ids += (0..<5000).map { "id/\($0)" }
        ids += (0..<5000).map { "id-\($0)" }
        // The name of a hostile id is a hostile id itself.
        ids += Self.hostileIDs.map(TaskStore.name)
        // Compared by bytes, as ids are: a precomposed letter is not a decomposed one.
        let distinct = Set(ids.map { Array($0.utf8) })
        let names = Set(distinct.map { TaskStore.name(of: String(decoding: $0, as: UTF8.self)) })
        #expect(names.count == distinct.count)
    }

    @Test func aPlainIDIsItsOwnName() {
        for id in ["invt-abc123", "A_b-9", "null", "console", String(repeating: "x", count: 128)] {
            #expect(TaskStore.name(of: id) == id)
        }
        for id in [String(repeating: "x", count: 129), "nul", "NUL", "lpt9", "Com1"] {
            #expect(TaskStore.name(of: id).utf8.count == 33)
        }
    }
}
