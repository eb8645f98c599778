/// What a task is, as its supervisor and every later agent need it: the first line of the task's file.
public struct TaskRecord: Equatable, Sendable {
    /// The service's id of the task (`InvocationTaskId`).
    public var id: String
    /// The script in standard base64, as it came.
    public var command: String
    /// `SHELL`, `POWERSHELL` or `BAT`, upper case.
    public var commandType: String
    public var user: User
    /// Empty: the user's home.
    public var workingDirectory: String
    /// How long the script may run; at least 1.
    public var timeoutSeconds: Int64
    /// How many bytes of output are stored; what comes after them is only counted.
    public var outputLimit: Int64
    /// Where the whole output goes as well; empty: nowhere.
    public var cosBucketURL: String
    public var cosBucketPrefix: String
    /// The boot during which the task was accepted (`Machine.bootID`).
    public var bootID: String
    /// Its place among the tasks that were described: those with smaller ones came before.
    public var place: Int64

    public init(
        id: String,
        command: String,
        commandType: String,
        user: User,
        workingDirectory: String,
        timeoutSeconds: Int64,
        outputLimit: Int64,
        cosBucketURL: String = "",
        cosBucketPrefix: String = "",
        bootID: String,
        place: Int64 = 0
    ) {
        self.id = id
        self.command = command
        self.commandType = commandType
        self.user = user
        self.workingDirectory = workingDirectory
        self.timeoutSeconds = timeoutSeconds
        self.outputLimit = outputLimit
        self.cosBucketURL = cosBucketURL
        self.cosBucketPrefix = cosBucketPrefix
        self.bootID = bootID
        self.place = place
    }
}

extension TaskRecord {
    /// The largest record that is read back; a description of 16 MiB fits.
    static let sizeLimit = 24 << 20

    /// The record as JSON, without a line feed.
    public var encoded: [UInt8] {
        let user: JSON = [
            "name": .string(user.name),
            "identifier": .string(user.identifier),
            "groups": .array(user.groups.map(JSON.string)),
            "home": .string(user.home),
            "shell": .string(user.shell),
        ]
        let record: JSON = [
            "id": .string(id),
            "command": .string(command),
            "commandType": .string(commandType),
            "user": user,
            "workingDirectory": .string(workingDirectory),
            "timeoutSeconds": .integer(timeoutSeconds),
            "outputLimit": .integer(outputLimit),
            "cosBucketURL": .string(cosBucketURL),
            "cosBucketPrefix": .string(cosBucketPrefix),
            "bootID": .string(bootID),
            "place": .integer(place),
        ]
        return record.encoded()
    }

    /// `nil` when the bytes are not a whole record.
    public init?(decoding bytes: [UInt8]) {
        guard let json = try? JSON.parse(bytes, limits: JSON.Limits(bytes: Self.sizeLimit)),
            let id = json["id"]?.string,
            let command = json["command"]?.string,
            let commandType = json["commandType"]?.string,
            let user = json["user"].flatMap(User.init(json:)),
            let workingDirectory = json["workingDirectory"]?.string,
            let timeoutSeconds = json["timeoutSeconds"]?.int64,
            let outputLimit = json["outputLimit"]?.int64,
            let cosBucketURL = json["cosBucketURL"]?.string,
            let cosBucketPrefix = json["cosBucketPrefix"]?.string,
            let bootID = json["bootID"]?.string
        else { return nil }
        self.init(
            id: id,
            command: command,
            commandType: commandType,
            user: user,
            workingDirectory: workingDirectory,
            timeoutSeconds: timeoutSeconds,
            outputLimit: outputLimit,
            cosBucketURL: cosBucketURL,
            cosBucketPrefix: cosBucketPrefix,
            bootID: bootID,
            place: json["place"]?.int64 ?? 0
        )
    }
}

extension User {
    fileprivate init?(json: JSON) {
        guard let name = json["name"]?.string,
            let identifier = json["identifier"]?.string,
            let groups = json["groups"]?.array,
            let home = json["home"]?.string,
            let shell = json["shell"]?.string
        else { return nil }
        self.init(
            name: name,
            identifier: identifier,
            groups: groups.compactMap(\.string),
            home: home,
            shell: shell
        )
    }
}
