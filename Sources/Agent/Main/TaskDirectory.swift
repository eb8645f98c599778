/// The directory of one task: everything that its supervisor and every agent have to know of it.
///
/// | file | written by | holds |
/// |---|---|---|
/// | `task` | agent | first line, by rename: what to do (`TaskRecord`); without it the task was never accepted. Then, line by line: how far the reports have come (`TaskProgress`) |
/// | `task` | supervisor; agent where there is none | one line: how the task ended (`TaskExit`); the first one stands |
/// | `claim` | supervisor, once | its existence is the claim, so a script starts at most once; that it is locked means the supervisor lives |
/// | `control` | supervisor without an agent | its socket, for an agent that takes over |
/// | `script` | supervisor | the script, for the task's user; gone when it has ended |
/// | `output` | supervisor | what the script wrote, up to the limit |
/// | `cancel` | agent, once | empty: the task is to end |
///
/// They are as few as can be: on a busy machine, making and removing files is most of what a task costs.
public struct TaskDirectory: Sendable {
    /// The most output that is uploaded of a task, in bytes.
    public static var uploadLimit: Int { Chunker.uploadLimit }

    public let path: String
    private let files: any Files

    public init(path: String, files: any Files) {
        self.path = path
        self.files = files
    }

    /// The directory's own name, which is made of the task's id.
    public var name: String { String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...]) }

    /// The name of the directory of the task with this id.
    public static func name(of id: String) -> String { TaskStore.name(of: id) }

    public var recordPath: String { path + "/task" }
    public var claimPath: String { path + "/claim" }
    public var controlPath: String { path + "/control" }
    public var scriptPath: String { path + "/script" }
    public var outputPath: String { path + "/output" }
    public var cancelPath: String { path + "/cancel" }

    /// The task; `nil` when there is no whole record.
    public func record() -> TaskRecord? { (try? book())?.record }

    /// The task and how far its reports have come; `nil` when there is no whole record. Throws when that cannot be told
    /// now.
    func book() throws(FileError) -> (record: TaskRecord, progress: TaskProgress)? {
        guard let bytes = try file() else { return nil }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
        guard lines.count == 2, let record = TaskRecord(decoding: Array(lines[0])) else { return nil }
        return (record, TaskProgress(decoding: Array(lines[1])))
    }

    /// The file `task`; `nil` where there is none, or none of ours.
    private func file() throws(FileError) -> [UInt8]? {
        do throws(FileError) {
            return try files.read(
                recordPath,
                limit: TaskRecord.sizeLimit + TaskProgress.sizeLimit + TaskExit.sizeLimit
            )
        } catch {
            guard error.kind == .notFound || error.kind == .tooLarge else { throw error }
            return nil
        }
    }

    /// Makes the directory, with the task's record in it, and its end, if it is one that will not start.
    func accept(_ record: TaskRecord, end: TaskExit?) throws(FileError) {
        try files.makeDirectory(path, access: .passage)
        try files.publish(recordPath, record.encoded + [UInt8(ascii: "\n")] + (end?.line ?? []))
    }

    /// How the task ended; `nil` while it has not, and where that cannot be read now.
    public func exit() -> TaskExit? { try? readExit() }

    /// How the task ended; `nil` while it has not, also where a power failure left less than a whole record. Throws when
    /// that cannot be told now.
    func readExit() throws(FileError) -> TaskExit? {
        try file().flatMap { TaskExit(linesOf: $0) }
    }

    /// Records durably how the task ended. The first record stands.
    public func end(_ exit: TaskExit) throws(FileError) {
        guard try readExit() == nil else { return }
        try files.append(exit.line, to: recordPath, durably: true)
    }

    public var isCancelled: Bool { files.exists(cancelPath) }

    func cancel() throws(FileError) {
        guard !isCancelled else { return }
        try files.create(cancelPath)
    }

    func note(_ entry: TaskProgress.Entry) throws(FileError) {
        try files.append(entry.line, to: recordPath, durably: false)
    }

    /// How many bytes of output are stored.
    func outputSize() -> Int64 {
        (try? files.size(outputPath)) ?? 0
    }

    /// Removes what is stored of the output beyond what is uploaded to the service; all of it where that cannot be.
    func shortenOutput() {
        do throws(FileError) {
            try files.replace(outputPath, with: try files.read(outputPath, offset: 0, count: Self.uploadLimit))
        } catch {
            dropOutput()
        }
    }

    /// Removes the stored output.
    func dropOutput() { try? files.remove(outputPath) }

    /// Whether the script's output has a file, as it has from the script's start on.
    var hasOutput: Bool { files.exists(outputPath) }

    /// Stored output; fewer bytes than `count` when there are no more.
    func output(from offset: Int64, count: Int) throws(FileError) -> [UInt8] {
        try files.read(outputPath, offset: offset, count: count)
    }
}
