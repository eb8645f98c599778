import Agent
import CShims
import PlatformWindows

/// A folder that goes with its owner. Its name has what paths may have.
final class TestFolder {
    let path: String

    init() throws {
        let parent = try unwrap(Environment.value("TEMP"), "TEMP")
        let random = SystemRandom().bytes(6).map { String($0, radix: 16) }.joined()
        path = "\(parent)/checks ü \(random)"
        try WindowsFiles().makeDirectory(path, access: .owner)
    }

    deinit { try? WindowsFiles().remove(path) }
}

/// The kind of the error that `body` throws.
func fileErrorKind(_ body: () throws(FileError) -> Void) -> FileError.Kind? {
    do throws(FileError) {
        try body()
        return nil
    } catch {
        return error.kind
    }
}

private let files = WindowsFiles()

let filesChecks = [
    Check("files: write, read, append, size, limits") {
        let folder = try TestFolder()
        let path = folder.path + "/a file"
        try files.replace(path, with: Array("one".utf8))
        try files.append(Array("two".utf8), to: path, durably: true)
        try expectEqual(String(decoding: try files.read(path, limit: 6), as: UTF8.self), "onetwo")
        try expectEqual(fileErrorKind { () throws(FileError) in _ = try files.read(path, limit: 5) }, .tooLarge)
        try expectEqual(try files.read(path, offset: 4, count: 10), Array("wo".utf8))
        try expectEqual(try files.read(path, offset: 60, count: 10), [])
        try expectEqual(try files.size(path), 6)
        try files.empty(path)
        try expectEqual(try files.size(path), 0)
        try files.replace(path, with: Array("new".utf8))
        try expectEqual(try files.read(path, limit: 100), Array("new".utf8))
        try expectEqual(try files.list(folder.path), ["a file"])
        let age = SystemClock().unixSeconds - (try files.changed(path))
        try expect(age >= -2 && age < 60, "\(age)")
    },
    Check("files: what fails says why") {
        let folder = try TestFolder()
        let path = folder.path + "/x"
        try expectEqual(fileErrorKind { () throws(FileError) in _ = try files.read(path, limit: 5) }, .notFound)
        try expectEqual(fileErrorKind { () throws(FileError) in _ = try files.size(path) }, .notFound)
        try expectEqual(fileErrorKind { () throws(FileError) in _ = try files.list(path) }, .notFound)
        try expectEqual(
            fileErrorKind { () throws(FileError) in try files.replace(path + "/y", with: []) },
            .notFound
        )
        try files.create(path)
        try expectEqual(fileErrorKind { () throws(FileError) in try files.create(path) }, .exists)
        try expectEqual(
            fileErrorKind { () throws(FileError) in try files.makeDirectory(path, access: .owner) },
            .exists
        )
        try expect(files.exists(path) && !files.exists(path + "z"))
        try files.remove(path)
        try files.remove(path)
        try expect(!files.exists(path))
    },
    Check("files: paths beyond 260 characters") {
        let folder = try TestFolder()
        let deep = folder.path + "/" + (0..<5).map { String(repeating: "\($0)", count: 100) }.joined(separator: "/")
        try files.makeDirectory(deep, access: .owner)
        try files.makeDirectory(deep, access: .owner)
        try files.publish(deep + "/file", Array("deep".utf8))
        try expectEqual(try files.read(deep + "/file", limit: 10), Array("deep".utf8))
        try expectEqual(try files.list(deep), ["file"])
        try files.rename(deep + "/file", to: deep + "/other")
        try files.remove(folder.path)
        try expect(!files.exists(folder.path))
    },
    Check("files: one that somebody reads can be replaced") {
        let folder = try TestFolder()
        let path = folder.path + "/file"
        try files.replace(path, with: [1])
        let reader = try Handle.open(
            path,
            access: 0x8000_0000,
            share: DWORD(FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE),
            disposition: DWORD(OPEN_EXISTING)
        )
        try files.append([2], to: path, durably: false)
        try expectEqual(try reader.read(atMost: 10), [1, 2])
    },
    Check("log: put aside when it is long, begun anew when it is gone") {
        let folder = try TestFolder()
        let path = folder.path + "/log/agent.log"
        let log = LogFile(path: path, limit: 100)
        for number in 0..<30 { log.write("line \(number)") }
        try expect(try files.size(path) <= 100)
        try expect(try files.size(path + ".1") <= 100)
        try files.rename(path, to: path + ".away")
        log.write("again")
        try expectEqual(try files.read(path, limit: 100), Array("again\r\n".utf8))
    },
]
