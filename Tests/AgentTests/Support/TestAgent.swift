import Testing

@testable import Agent

/// The main job of an agent on a fake host, with a service that the test plays.
@LoopActor
final class TestAgent {
    let host: FakeHost
    let service = FakeInvokeService()
    let files = TestFiles()
    let sink = TestLog()
    let launcher: FakeLauncher
    let platform: FakePlatform
    let api: InvokeAPI
    let table: TaskTable

    init(
        on host: FakeHost,
        slots: Int = TaskTable.defaultSlots,
        waitingLimit: Int64 = WaitingOutput.defaultLimit,
        wholeLimit: Int64 = WaitingOutput.wholeLimit,
        users: FakeUsers = FakeUsers()
    ) throws {
        self.host = host
        launcher = FakeLauncher(host: host)
        var platform = FakePlatform(transport: service.transport, launcher: launcher)
        platform.files = files
        platform.clock = host.clock
        platform.users = users
        platform.machine = FakeMachine(bootID: host.bootID)
        self.platform = platform
        var config = Config()
        config.invokeURL = "https://service.test"
        api = InvokeAPI(
            transport: service.transport,
            endpoints: Endpoints(platform: platform, config: config),
            identity: Identity(platform: platform, config: config)
        )
        table = TaskTable(
            platform: platform,
            store: try TaskStore(root: host.statePath, files: files),
            api: api,
            log: sink.log(),
            slots: slots,
            waitingLimit: waitingLimit,
            wholeLimit: wholeLimit
        )
    }

    /// The agent is gone from one moment to the next: it hears, says and writes nothing more.
    func crash() {
        launcher.isDead = true
        service.answer = { _ in .silence }
        files.fail { _, path in FileError(.other, "\(path): the agent is gone") }
    }

    /// The service describes tasks by their ids, each a plain shell script.
    func accept(_ ids: String...) async { await table.accept(ids.map { .plain($0) }) }

    /// Waits until the agent is done with all its tasks.
    func finishAll(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await eventually(sourceLocation: sourceLocation) { table.count == 0 }
    }
}

extension TaskDescription {
    /// A shell script for the agent's own user, with changes to its description.
    static func plain(_ id: String, _ changes: JSON.Object = [:]) -> TaskDescription {
        var json: JSON.Object = [
            "InvocationTaskId": .string(id),
            "CommandType": "SHELL",
            "Command": .string(Base64.encode(Array("echo hello".utf8))),
            "TimeOut": 60,
            "Username": "",
            "WorkingDirectory": "/tmp",
        ]
        for (key, value) in changes.members { json[key] = value }
        guard let description = TaskDescription(json: .object(json)) else { preconditionFailure("no id") }
        return description
    }
}

extension TaskRecord {
    /// A task as it is written down, for the agent's own user.
    static func plain(_ id: String, bootID: String = "boot-1") -> TaskRecord {
        TaskRecord(
            id: id,
            command: Base64.encode(Array("echo hello".utf8)),
            commandType: "SHELL",
            user: FakeUsers.root,
            workingDirectory: "/tmp",
            timeoutSeconds: 60,
            outputLimit: Int64(TaskDirectory.uploadLimit),
            bootID: bootID
        )
    }
}
