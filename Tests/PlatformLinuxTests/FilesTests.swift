import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

@Suite struct FilesTests {
    private let files = PosixFiles()
    private let folder: TestFolder

    init() throws { folder = try TestFolder() }

    private static let nasty: [[UInt8]] = [
        [], [0], [0x0A], Array(0...255), [0xFF, 0xFE, 0xC3, 0x28], Array(repeating: 0x41, count: 70_001),
    ]

    private func kind(_ body: () throws(FileError) -> Void) -> FileError.Kind? {
        do throws(FileError) {
            try body()
            return nil
        } catch {
            return error.kind
        }
    }

    // MARK: - Reading

    @Test func readGivesTheWholeFileUpToItsLimit() throws {
        for bytes in Self.nasty {
            try files.replace(folder / "f", with: bytes)
            #expect(try files.read(folder / "f", limit: bytes.count) == bytes)
            #expect(try files.read(folder / "f", limit: bytes.count + 1) == bytes)
            #expect(try files.size(folder / "f") == Int64(bytes.count))
            guard !bytes.isEmpty else { continue }
            for limit in [bytes.count - 1, 0] {
                #expect(kind { () throws(FileError) in _ = try files.read(folder / "f", limit: limit) } == .tooLarge)
            }
        }
    }

    @Test func readStopsAtItsLimitEvenWhereNoEndIsNear() throws {
        #expect(kind { () throws(FileError) in _ = try files.read("/dev/zero", limit: 100_000) } == .tooLarge)
    }

    @Test func readGivesPieces() throws {
        try files.replace(folder / "f", with: Array(0..<100))
        #expect(try files.read(folder / "f", offset: 0, count: 10) == Array(0..<10))
        #expect(try files.read(folder / "f", offset: 90, count: 1000) == Array(90..<100))
        #expect(try files.read(folder / "f", offset: 100, count: 1) == [])
        #expect(try files.read(folder / "f", offset: 1 << 40, count: 1) == [])
        #expect(try files.read(folder / "f", offset: 5, count: 0) == [])
    }

    @Test func filesOfProcAreReadThoughTheyHaveNoSize() throws {
        #expect(try files.size("/proc/self/status") == 0)
        #expect(try files.read("/proc/self/status", limit: 1 << 16).starts(with: Array("Name:".utf8)))
    }

    // MARK: - Writing

    @Test(arguments: [0, 0o022, 0o077, 0o177] as [mode_t])
    func filesAreTheOwnersAloneWhateverTheMask(_ mask: mode_t) async throws {
        try await onOwnThread { [files, folder] in
            try ThreadCall.unshareFileSystemState()
            umask(mask)
            try files.replace(folder / "replaced", with: [1])
            try files.publish(folder / "published", [1])
            try files.create(folder / "created")
            try files.append([1], to: folder / "appended", durably: false)
            for name in ["replaced", "published", "created", "appended"] {
                #expect(mode(of: folder / name) == 0o600, "\(name)")
            }
        }
    }

    @Test(arguments: [0, 0o027, 0o077, 0o777] as [mode_t])
    func directoriesHaveTheirModesWhateverTheMask(_ mask: mode_t) async throws {
        try await onOwnThread { [files, folder] in
            try ThreadCall.unshareFileSystemState()
            umask(mask)
            try files.makeDirectory(folder / "owner/below", access: .owner)
            try files.makeDirectory(folder / "passage/below", access: .passage)
            for name in ["owner", "owner/below"] { #expect(mode(of: folder / name) == 0o700, "\(name)") }
            for name in ["passage", "passage/below"] { #expect(mode(of: folder / name) == 0o711, "\(name)") }
        }
    }

    @Test func replaceAndPublishGiveExactlyTheBytes() throws {
        for bytes in Self.nasty {
            try files.replace(folder / "f", with: bytes)
            #expect(folder.bytes(of: "f") == bytes)
            try files.publish(folder / "p", bytes)
            #expect(folder.bytes(of: "p") == bytes)
        }
        #expect(try files.list(folder.path).sorted() == ["f", "p"], "drafts are left")
    }

    @Test func replaceLeavesTheOldFileToThoseWhoReadIt() throws {
        try files.replace(folder / "f", with: Array("old".utf8))
        let reader = try FileDescriptor.open(folder / "f", O_RDONLY)
        try files.replace(folder / "f", with: Array("new and longer".utf8))
        #expect(try reader.readAll() == Array("old".utf8))
        #expect(folder.text(of: "f") == "new and longer")
    }

    @Test func aDraftOfACrashedProcessIsInNobodysWay() throws {
        try folder.write("half a reco", to: "f.new")
        try files.replace(folder / "f", with: Array("whole".utf8))
        #expect(folder.text(of: "f") == "whole")
        try folder.write("half a reco", to: "p.new")
        try files.publish(folder / "p", Array("whole".utf8))
        #expect(folder.text(of: "p") == "whole")
    }

    @Test func appendAdds() throws {
        for bytes in Self.nasty { try files.append(bytes, to: folder / "f", durably: false) }
        #expect(folder.bytes(of: "f") == Array(Self.nasty.joined()))
    }

    @Test func createTakesNoFileThatIsThere() throws {
        try folder.write("kept", to: "f")
        #expect(kind { () throws(FileError) in try files.create(folder / "f") } == .exists)
        symlink("/nonexistent/x", folder / "dangling")
        #expect(kind { () throws(FileError) in try files.create(folder / "dangling") } == .exists)
        #expect(folder.text(of: "f") == "kept")
    }

    // MARK: - Directories

    @Test func makeDirectoryLeavesOneThatIsThereAsItIs() throws {
        mkdir(folder / "there", 0o750)
        chmod(folder / "there", 0o750)
        try folder.write("kept", to: "there/f")
        try files.makeDirectory(folder / "there", access: .owner)
        #expect(mode(of: folder / "there") == 0o750)
        #expect(folder.text(of: "there/f") == "kept")
        symlink(folder / "there", folder / "link")
        try files.makeDirectory(folder / "link", access: .owner)
        try files.makeDirectory("/", access: .owner)
    }

    @Test func makeDirectoryTakesNoFileForADirectory() throws {
        try folder.write("", to: "f")
        #expect(kind { () throws(FileError) in try files.makeDirectory(folder / "f", access: .owner) } == .exists)
        #expect(kind { () throws(FileError) in try files.makeDirectory(folder / "f/g", access: .owner) } == .notFound)
    }

    @Test func listGivesAllNamesAndOnlyThose() throws {
        let names = ["a", ".hidden", "with space", "new\nline", "ö", "..."]
        for name in names { try folder.write("", to: name) }
        #expect(try files.list(folder.path).sorted() == names.sorted())
        mkdir(folder / "empty", 0o700)
        #expect(try files.list(folder / "empty") == [])
        #expect(kind { () throws(FileError) in _ = try files.list(folder / "none") } == .notFound)
        #expect(kind { () throws(FileError) in _ = try files.list(folder / "a") } == .notFound)
    }

    @Test func renameReplaces() throws {
        try folder.write("one", to: "1")
        try folder.write("two", to: "2")
        try files.rename(folder / "1", to: folder / "2")
        #expect(folder.text(of: "2") == "one")
        #expect(!files.exists(folder / "1"))
        #expect(kind { () throws(FileError) in try files.rename(folder / "1", to: folder / "3") } == .notFound)
    }

    @Test func changedIsTheTimeOfTheLastChange() throws {
        let before = SystemClock().unixSeconds
        try folder.write("", to: "f")
        let after = SystemClock().unixSeconds
        // The kernel's stamps may be behind by a tick.
        #expect(try (before - 1...after).contains(files.changed(folder / "f")))
    }

    @Test func syncTakesDirectoriesOnly() throws {
        try files.sync(directory: folder.path)
        try folder.write("", to: "f")
        #expect(kind { () throws(FileError) in try files.sync(directory: folder / "f") } == .notFound)
        #expect(kind { () throws(FileError) in try files.sync(directory: folder / "none") } == .notFound)
    }

    // MARK: - Removing

    @Test func removeTakesWholeTreesAndNothingElse() throws {
        let outside = try TestFolder()
        defer { outside.remove() }
        try outside.write("kept", to: "f")
        mkdir(outside / "d", 0o700)
        try outside.write("kept", to: "d/g")
        var path = folder / "tree"
        for depth in 0..<30 {
            mkdir(path, 0o700)
            for name in ["f", ".hidden", "new\nline"] { try Data("x".utf8).write(to: URL(filePath: path + "/" + name)) }
            symlink(outside.path, path + "/to-directory")
            symlink(outside / "f", path + "/to-file")
            symlink("..", path + "/up")
            symlink("/nonexistent/x", path + "/dangling")
            mkfifo(path + "/fifo", 0o600)
            path += "/\(depth)"
        }
        try files.remove(folder / "tree")
        #expect(mode(of: folder / "tree") == nil)
        #expect(try files.list(folder.path) == [])
        #expect(outside.text(of: "f") == "kept")
        #expect(outside.text(of: "d/g") == "kept")
    }

    @Test func removeTakesALinkAndNotWhereItLeads() throws {
        mkdir(folder / "d", 0o700)
        try folder.write("kept", to: "d/f")
        symlink(folder / "d", folder / "link")
        try files.remove(folder / "link")
        #expect(mode(of: folder / "link") == nil)
        #expect(folder.text(of: "d/f") == "kept")
    }

    @Test func removeMindsNothingThatIsNotThere() throws {
        try files.remove(folder / "none")
        try files.remove(folder / "none/below")
        try folder.write("", to: "f")
        try files.remove(folder / "f")
        try files.remove(folder / "f")
        #expect(try files.list(folder.path) == [])
    }

    @Test func existsTellsWhatIsThere() throws {
        try folder.write("", to: "f")
        #expect(files.exists(folder / "f"))
        #expect(files.exists(folder.path))
        #expect(!files.exists(folder / "none"))
        #expect(!files.exists(folder / "f/none"))
    }

    // MARK: - Errors

    @Test func whatIsMissingIsNotFound() throws {
        let none = folder / "none/f"
        #expect(kind { () throws(FileError) in _ = try files.read(none, limit: 1) } == .notFound)
        #expect(kind { () throws(FileError) in _ = try files.read(none, offset: 0, count: 1) } == .notFound)
        #expect(kind { () throws(FileError) in _ = try files.size(none) } == .notFound)
        #expect(kind { () throws(FileError) in _ = try files.changed(none) } == .notFound)
        #expect(kind { () throws(FileError) in try files.replace(none, with: []) } == .notFound)
        #expect(kind { () throws(FileError) in try files.publish(none, []) } == .notFound)
        #expect(kind { () throws(FileError) in try files.append([], to: none, durably: false) } == .notFound)
        #expect(kind { () throws(FileError) in try files.create(none) } == .notFound)
    }

    @Test func errorsNameThePathAndTheReason() throws {
        do {
            _ = try files.read(folder / "none", limit: 1)
            Issue.record("read what is not there")
        } catch {
            #expect(error.description.contains(folder / "none"))
            #expect(error.description.contains("No such file or directory"))
        }
    }

    @Test func aDirectoryIsNoFile() throws {
        #expect(kind { () throws(FileError) in _ = try files.read(folder.path, limit: 1) } == .other)
        #expect(kind { () throws(FileError) in try files.append([1], to: folder.path, durably: false) } == .other)
        mkdir(folder / "d", 0o700)
        #expect(kind { () throws(FileError) in try files.replace(folder / "d", with: [1]) } == .other)
    }

    /// This one even root may not write.
    @Test func whatMayNotBeWrittenIsDenied() throws {
        let path = "/proc/sys/kernel/random/boot_id"
        #expect(kind { () throws(FileError) in try files.append([1], to: path, durably: false) } == .denied)
    }

    @Test(.enabled(if: isRoot, "only root can act as another user"))
    func whatBelongsToOthersIsDenied() async throws {
        try files.replace(folder / "f", with: [1])
        try files.makeDirectory(folder / "d/below", access: .owner)
        let kinds = try await onOwnThread { [files, folder] in
            try ThreadCall.setFileSystemUser(65_534)
            let attempts: [() throws -> Void] = [
                { _ = try files.read(folder / "f", limit: 10) },
                { _ = try files.read(folder / "f", offset: 0, count: 1) },
                { _ = try files.size(folder / "d/below") },
                { _ = try files.list(folder / "d") },
                { try files.replace(folder / "f", with: [2]) },
                { try files.publish(folder / "g", [2]) },
                { try files.append([2], to: folder / "f", durably: false) },
                { try files.create(folder / "g") },
                { try files.makeDirectory(folder / "d/new", access: .owner) },
                { try files.rename(folder / "f", to: folder / "g") },
                { try files.remove(folder / "f") },
                { try files.remove(folder / "d") },
            ]
            return attempts.map { attempt -> FileError.Kind? in
                do {
                    try attempt()
                    return nil
                } catch {
                    return (error as? FileError)?.kind
                }
            }
        }
        #expect(kinds == Array(repeating: .denied, count: kinds.count))
        #expect(folder.bytes(of: "f") == [1])
        #expect(files.exists(folder / "d/below"))
    }

    @Test(.enabled(if: isRoot, "only root can mount"))
    func aFullDiskIsNoSpaceAndKeepsWhatItHolds() throws {
        let disk = try TinyDisk(size: 64 << 10)
        defer { disk.remove() }
        let large = [UInt8](repeating: 7, count: 200_000)
        try files.replace(disk.path + "/f", with: [1])
        try files.append([1], to: disk.path + "/log", durably: false)
        #expect(kind { () throws(FileError) in try files.replace(disk.path + "/f", with: large) } == .noSpace)
        #expect(kind { () throws(FileError) in try files.publish(disk.path + "/p", large) } == .noSpace)
        let log = disk.path + "/log"
        #expect(kind { () throws(FileError) in try files.append(large, to: log, durably: false) } == .noSpace)
        #expect(try files.read(disk.path + "/f", limit: 10) == [1])
        #expect(!files.exists(disk.path + "/p"))
        #expect(try files.list(disk.path).sorted() == ["f", "log"], "drafts that nobody will use take the last room")
        #expect(try files.read(disk.path + "/log", limit: 1 << 20).first == 1)
        try files.empty(disk.path + "/log")
        #expect(try files.size(disk.path + "/log") == 0)
        // What did not fit has not taken the room of what does.
        try files.replace(disk.path + "/f", with: [2])
        #expect(try files.read(disk.path + "/f", limit: 10) == [2])
    }
}
