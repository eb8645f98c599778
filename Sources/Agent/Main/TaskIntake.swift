/// Makes a task record of what the service described, or says why the task cannot start.
struct TaskIntake: Sendable {
    /// What holds where the service gives no time limit, in seconds.
    static let defaultTimeout: Int64 = 60
    /// Ten years: a longer limit is none, and stays clear of the ends of the numbers.
    private static let longestTimeout: Int64 = 10 * 366 * 24 * 3600
    /// The most output that is kept of a task whose whole output goes to object storage, in bytes.
    static let wholeOutputLimit: Int64 = 1 << 30

    let platform: any Platform

    /// A task as it can be written down, and why it will not start, if so.
    struct Taken: Sendable {
        var record: TaskRecord
        var failure: StartFailure?
        /// What a reader of the log should know.
        var remark: String?
    }

    /// Asks the account database, which can block: to be called on the worker.
    func take(_ description: TaskDescription) -> Taken {
        var failure: StartFailure?
        var user = User(name: description.username, identifier: "", groups: [], home: "", shell: "")
        do throws(StartFailure) {
            try check(description)
            user = try lookup(description.username)
        } catch {
            failure = error
        }
        let record = TaskRecord(
            id: description.id,
            command: failure == nil ? description.command : "",
            commandType: commandType(of: description),
            user: user,
            workingDirectory: description.workingDirectory,
            timeoutSeconds: description.timeout > 0
                ? min(description.timeout, Self.longestTimeout) : Self.defaultTimeout,
            outputLimit: description.cosBucketURL.isEmpty ? Int64(Chunker.uploadLimit) : Self.wholeOutputLimit,
            cosBucketURL: description.cosBucketURL,
            cosBucketPrefix: description.cosBucketPrefix,
            bootID: platform.machine.bootID
        )
        let remark = description.timeout > 0 ? nil : "no time limit was given, \(Self.defaultTimeout) s hold"
        return Taken(record: record, failure: failure, remark: remark)
    }

    /// Upper case; where none is given, what this system runs by default.
    private func commandType(of description: TaskDescription) -> String {
        description.commandType.isEmpty
            ? platform.launcher.commandTypes.first ?? "" : description.commandType.uppercased()
    }

    private func check(_ description: TaskDescription) throws(StartFailure) {
        let type = commandType(of: description)
        guard platform.launcher.commandTypes.contains(type) else {
            throw .invalidCommand("command type `\(type.prefix(64))` cannot run on \(platform.machine.kernelName)")
        }
        guard !description.command.isEmpty else { throw .invalidCommand("it is empty") }
        do throws(Base64Error) {
            _ = try Base64.decode(description.command)
        } catch {
            throw .invalidCommand("it is not base64")
        }
        guard isSane(description.username) else { throw .invalidUser("the name cannot be one") }
        guard isSane(description.workingDirectory) else {
            throw .invalidWorkingDirectory(
                String(description.workingDirectory.prefix(64)),
                reason: "it cannot be a path"
            )
        }
    }

    private func isSane(_ text: String) -> Bool {
        text.utf8.count <= 4096 && !text.utf8.contains(0)
    }

    private func lookup(_ name: String) throws(StartFailure) -> User {
        let user: User?
        do throws(UsersError) {
            user = try platform.users.lookup(name)
        } catch {
            throw .invalidUser(error.description)
        }
        guard let user else { throw .userNotFound(name) }
        return user
    }
}
