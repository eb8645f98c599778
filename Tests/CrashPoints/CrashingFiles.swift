import Agent

/// Files with a step before and after each change. To look at a file is none: nothing is different after it.
struct CrashingFiles: Files {
    let files: any Files
    let step: CrashingPlatform.Step

    private func change(_ name: String, _ path: String, _ body: () throws(FileError) -> Void) throws(FileError) {
        let words = "\(name) \(path.split(separator: "/").last ?? "")"
        step("before " + words)
        try body()
        step("after " + words)
    }

    func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
        try change("replace", path) { () throws(FileError) in try files.replace(path, with: bytes) }
    }

    func publish(_ path: String, _ bytes: [UInt8]) throws(FileError) {
        try change("publish", path) { () throws(FileError) in try files.publish(path, bytes) }
    }

    func create(_ path: String) throws(FileError) {
        try change("create", path) { () throws(FileError) in try files.create(path) }
    }

    func append(_ bytes: [UInt8], to path: String, durably: Bool) throws(FileError) {
        try change("append", path) { () throws(FileError) in try files.append(bytes, to: path, durably: durably) }
    }

    func empty(_ path: String) throws(FileError) {
        try change("empty", path) { () throws(FileError) in try files.empty(path) }
    }

    func makeDirectory(_ path: String, access: DirectoryAccess) throws(FileError) {
        try change("makeDirectory", path) { () throws(FileError) in try files.makeDirectory(path, access: access) }
    }

    func sync(directory: String) throws(FileError) {
        try change("sync", directory) { () throws(FileError) in try files.sync(directory: directory) }
    }

    func rename(_ path: String, to target: String) throws(FileError) {
        try change("rename", path) { () throws(FileError) in try files.rename(path, to: target) }
    }

    /// Of a directory, one by one: a removal can be cut short.
    func remove(_ path: String) throws(FileError) {
        for name in (try? files.list(path)) ?? [] { try remove(path + "/" + name) }
        try change("remove", path) { () throws(FileError) in try files.remove(path) }
    }

    func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] { try files.read(path, limit: limit) }
    func read(_ path: String, offset: Int64, count: Int) throws(FileError) -> [UInt8] {
        try files.read(path, offset: offset, count: count)
    }
    func size(_ path: String) throws(FileError) -> Int64 { try files.size(path) }
    func exists(_ path: String) -> Bool { files.exists(path) }
    func list(_ path: String) throws(FileError) -> [String] { try files.list(path) }
    func changed(_ path: String) throws(FileError) -> Int64 { try files.changed(path) }
}
