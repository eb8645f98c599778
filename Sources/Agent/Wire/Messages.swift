/// A task as `DescribeTasks` tells of it (protocol §3). What was absent or of another type has its zero value.
struct TaskDescription: Equatable, Sendable {
    var id: String
    /// Seconds; 0 when none was given.
    var timeout: Int64
    /// The script in base64.
    var command: String
    var commandType: String
    var username: String
    var workingDirectory: String
    var cosBucketURL: String
    var cosBucketPrefix: String

    /// `nil` when it has no id.
    init?(json: JSON) {
        func text(_ names: String...) -> String {
            names.lazy.compactMap { json[$0]?.string }.first ?? ""
        }
        id = text("InvocationTaskId")
        guard !id.isEmpty else { return nil }
        timeout = json["TimeOut"]?.int64 ?? 0
        command = text("Command", "Cmd")
        commandType = text("CommandType", "CmdType")
        username = text("Username")
        workingDirectory = text("WorkingDirectory")
        cosBucketURL = text("CosBucketUrl", "OutputCOSBucketUrl")
        cosBucketPrefix = text("CosBucketPrefix", "OutputCOSKeyPrefix")
    }
}

/// The reply to `DescribeTasks`.
struct DescribedTasks: Equatable, Sendable {
    var tasks: [TaskDescription]
    /// The ids of tasks to cancel.
    var cancelled: [String]
    /// How many entries were no tasks at all.
    var malformed: Int

    init(response: JSON) {
        let described = response["InvocationNormalTaskSet"]?.array ?? []
        let ended = response["InvocationCancelTaskSet"]?.array ?? []
        tasks = described.compactMap(TaskDescription.init(json:))
        cancelled = ended.compactMap { $0["InvocationTaskId"]?.string }.filter { !$0.isEmpty }
        malformed = described.count - tasks.count + ended.count - cancelled.count
    }
}

/// A message on the notify channel (protocol §5).
enum NotifyMessage: Equatable, Sendable {
    case kick(taskID: String?)
    case checkUpdate
    case forceRestart
    /// A type that this agent does not know.
    case unknown(type: String)

    /// `nil` when the text is no message at all.
    init?(text: String) {
        guard let json = try? JSON.parse(Array(text.utf8)), let type = json["Type"]?.string else { return nil }
        switch type {
        case "kick": self = .kick(taskID: json["Data"]?["InvocationTaskID"]?.string)
        case "CheckUpdate": self = .checkUpdate
        case "ForceRestart": self = .forceRestart
        default: self = .unknown(type: type)
        }
    }
}
