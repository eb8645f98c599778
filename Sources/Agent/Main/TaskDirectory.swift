/// The directory of one task: everything that its supervisor and every agent have to know of it.
///
/// | file | written by | holds |
/// |---|---|---|
/// | `task.json` | agent, once, by rename | what to do (`TaskRecord`); without it the task was never accepted |
/// | `control` | supervisor, once | its socket: that it exists is the claim, so a script starts at most once; that it answers means the supervisor lives |
/// | `started` | supervisor, once | who claimed the task and during which boot |
/// | `script` | supervisor | the script, for the task's user |
/// | `output` | supervisor | what the script wrote, up to the limit |
/// | `cancel` | agent, once | empty: the task is to end |
/// | `exit` | supervisor or agent, once, by rename | how it ended (`TaskExit`) |
/// | `progress` | agent, appended | how far the reports have come (`TaskProgress`) |
public struct TaskDirectory: Sendable {
    /// The most output that is uploaded of a task, in bytes.
    public static var uploadLimit: Int { Chunker.uploadLimit }

    public let path: String
    private let files: any Files

    public init(path: String, files: any Files) {
        self.path = path
        self.files = files
    }

    public var recordPath: String { path + "/task.json" }
    public var controlPath: String { path + "/control" }
    public var startedPath: String { path + "/started" }
    public var scriptPath: String { path + "/script" }
    public var outputPath: String { path + "/output" }
    public var cancelPath: String { path + "/cancel" }
    public var exitPath: String { path + "/exit" }
    var progressPath: String { path + "/progress" }

    /// The task; `nil` when there is no whole record.
    public func record() -> TaskRecord? {
        (try? files.read(recordPath, limit: TaskRecord.sizeLimit)).flatMap(TaskRecord.init(decoding:))
    }

    /// Makes the directory, with the task's record in it.
    func accept(_ record: TaskRecord) throws(FileError) {
        try files.makeDirectory(path, access: .passage)
        try files.publish(recordPath, record.encoded)
    }

    /// How the task ended; `nil` while it has not.
    public func exit() -> TaskExit? {
        (try? files.read(exitPath, limit: TaskExit.sizeLimit)).flatMap(TaskExit.init(decoding:))
    }

    /// Records durably how the task ended. The first record stands.
    public func end(_ exit: TaskExit) throws(FileError) {
        guard self.exit() == nil else { return }
        try files.publish(exitPath, exit.encoded)
    }

    /// The boot during which the supervisor claimed the task; `nil` when it left no such note.
    var claimedDuringBoot: String? {
        (try? files.read(startedPath, limit: 4096))
            .flatMap { try? JSON.parse($0) }?["bootID"]?.string
    }

    /// The note that a supervisor leaves once it has claimed the task.
    public func noteStart(processID: Int32, bootID: String) throws(FileError) {
        let note: JSON = ["processID": .integer(Int64(processID)), "bootID": .string(bootID)]
        try files.publish(startedPath, note.encoded())
    }

    public var isCancelled: Bool { files.exists(cancelPath) }

    func cancel() throws(FileError) {
        guard !isCancelled else { return }
        try files.create(cancelPath)
    }

    func progress() -> TaskProgress {
        TaskProgress(decoding: (try? files.read(progressPath, limit: TaskProgress.sizeLimit)) ?? [])
    }

    func note(_ entry: TaskProgress.Entry) throws(FileError) {
        try files.append(entry.line, to: progressPath)
    }

    /// How many bytes of output are stored.
    func outputSize() -> Int64 {
        (try? files.size(outputPath)) ?? 0
    }

    /// Stored output; fewer bytes than `count` when there are no more.
    func output(from offset: Int64, count: Int) throws(FileError) -> [UInt8] {
        try files.read(outputPath, offset: offset, count: count)
    }
}
