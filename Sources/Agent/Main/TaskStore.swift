/// All task directories, and the tombstones of the tasks that are over: `ROOT/tasks/NAME/`, `ROOT/done/NAME`.
struct TaskStore: Sendable {
    /// How long the id of a finished task stays known, in seconds.
    static let tombstoneAge: Int64 = 24 * 3600

    private let files: any Files
    private let tasks: String
    private let tombstones: String

    /// Opens the store, making its directories where they are missing.
    init(root: String, files: any Files) throws(FileError) {
        self.files = files
        tasks = root + "/tasks"
        tombstones = root + "/done"
        try files.makeDirectory(tasks, access: .passage)
        try files.makeDirectory(tombstones, access: .owner)
    }

    func directory(of id: String) -> TaskDirectory {
        TaskDirectory(path: tasks + "/" + Self.name(of: id), files: files)
    }

    /// Whether the task is finished and was forgotten less than a day ago.
    func hasTombstone(_ id: String) -> Bool {
        files.exists(tombstones + "/" + Self.name(of: id))
    }

    /// Writes a task down durably: once this has returned, no power failure makes it unknown. Leaves nothing on failure
    /// but what was there before.
    ///
    /// - Parameter end: the end of a task that will not start.
    func accept(_ record: TaskRecord, end: TaskExit? = nil) throws(FileError) {
        let directory = directory(of: record.id)
        let isNew = !files.exists(directory.path)
        do throws(FileError) {
            try directory.accept(record, end: end)
            try files.sync(directory: tasks)
        } catch {
            if isNew { try? files.remove(directory.path) }
            throw error
        }
    }

    /// The tasks of earlier agents, without their scripts: first those that a supervisor has claimed, as what already runs
    /// does not wait for a slot behind what does not, then the others by their places. What was only half written down or
    /// half removed goes. What cannot be read or removed now stays for another agent, and does not stand in the way of
    /// the rest.
    func recover() throws(FileError) -> (found: [(task: TaskRecord, progress: TaskProgress)], failures: [FileError]) {
        var claimed: [(TaskRecord, TaskProgress)] = []
        var unclaimed: [(TaskRecord, TaskProgress)] = []
        var failures: [FileError] = []
        for name in try files.list(tasks) {
            let directory = TaskDirectory(path: tasks + "/" + name, files: files)
            do throws(FileError) {
                if var book = try directory.book(), !hasTombstone(book.record.id) {
                    // Only a supervisor needs the script, and reads it itself.
                    book.record.command = ""
                    if files.exists(directory.claimPath) { claimed.append(book) } else { unclaimed.append(book) }
                } else {
                    try files.remove(directory.path)
                }
            } catch {
                failures.append(error)
            }
        }
        return (claimed + unclaimed.sorted { $0.0.place < $1.0.place }, failures)
    }

    /// Removes a finished task, leaving its tombstone, which its file becomes.
    func bury(_ id: String) throws(FileError) {
        let directory = directory(of: id)
        let tombstone = tombstones + "/" + Self.name(of: id)
        do throws(FileError) {
            try files.rename(directory.recordPath, to: tombstone)
            // That the id is known is all it is for.
            try files.empty(tombstone)
        } catch {
            guard error.kind == .notFound else { throw error }
            if !files.exists(tombstone) { try files.create(tombstone) }
        }
        try files.remove(directory.path)
    }

    /// Removes every trace of a task that the service did not want to start.
    func forget(_ id: String) throws(FileError) {
        try files.remove(directory(of: id).path)
    }

    /// Removes the tombstones that are older than a day.
    func sweep(now: Int64) throws(FileError) {
        for name in try files.list(tombstones) {
            let path = tombstones + "/" + name
            // A stamp in the future is of a clock that was set back since: it cannot be waited for.
            let age = now - ((try? files.changed(path)) ?? now)
            if age > Self.tombstoneAge || age < -Self.tombstoneAge { try? files.remove(path) }
        }
    }

    /// A file name for any id: plain ids are their own name, all others become a hash of theirs, as do those that Windows
    /// takes for a device.
    ///
    /// The prefix keeps the two kinds apart. The hash is FNV-1a with two different offsets, 128 bits together; the
    /// record in the directory tells the true id.
    static func name(of id: String) -> String {
        let isPlain =
            !id.isEmpty && id.utf8.count <= 128 && !isDevice(id)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
        guard !isPlain else { return id }
        let halves = [0xcbf2_9ce4_8422_2325, 0x6c62_272e_07bb_0142].map { (offset: UInt64) -> String in
            let hash = id.utf8.reduce(offset) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
            let digits = String(hash, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return "~" + halves.joined()
    }

    /// Whether Windows takes it for a device, or might: COM1, LPT1 and their like.
    private static func isDevice(_ name: String) -> Bool {
        guard name.utf8.count <= 4 else { return false }
        let name = name.lowercased()
        return ["con", "prn", "aux", "nul"].contains(name)
            || name.utf8.count == 4 && (name.hasPrefix("com") || name.hasPrefix("lpt"))
    }
}
