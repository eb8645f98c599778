import Agent
import CShims
import Foundation
import Testing

/// A client command of the hub that ran to its end.
struct HubCommand {
    var status: Int32
    var output: String
    var errors: String

    /// Runs `tat_hub` with these words; `meanwhile` gets its process id.
    static func run(
        _ words: [String],
        input: String = "",
        meanwhile: (Int32) throws -> Void = { _ in }
    ) throws -> HubCommand {
        let process = Process()
        process.executableURL = try Executables.url("tat_hub")
        process.arguments = words
        let directory = FileManager.default.temporaryDirectory.appending(path: "hub-command-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        func file(_ name: String, _ text: String) throws -> URL {
            let url = directory.appending(path: name)
            try Data(text.utf8).write(to: url)
            return url
        }
        let (stdin, stdout, stderr) = (try file("in", input), try file("out", ""), try file("err", ""))
        process.standardInput = try FileHandle(forReadingFrom: stdin)
        process.standardOutput = try FileHandle(forWritingTo: stdout)
        process.standardError = try FileHandle(forWritingTo: stderr)
        try process.run()
        defer { if process.isRunning { _ = kill(process.processIdentifier, SIGKILL) } }
        try meanwhile(process.processIdentifier)
        let deadline = Date(timeIntervalSinceNow: 60)
        while process.isRunning {
            guard Date() < deadline else { throw TestFailure("tat_hub \(words) does not end") }
            usleep(2000)
        }
        return HubCommand(
            status: process.terminationStatus,
            output: try String(contentsOf: stdout, encoding: .utf8),
            errors: try String(contentsOf: stderr, encoding: .utf8)
        )
    }
}

@Suite("The hub's commands")
struct HubCommandTests {
    /// Waits until the agent is handed a task, and returns it.
    private func nextTask(_ agent: FakeAgent) throws -> (id: String, script: String) {
        for _ in 0..<2000 {
            if let task = try agent.call("DescribeTasks")["InvocationNormalTaskSet"]?.array?.first,
                let id = task["InvocationTaskId"]?.string, let command = task["Command"]?.string
            {
                return (id, String(decoding: try Base64.decode(command), as: UTF8.self))
            }
            usleep(5000)
        }
        throw TestFailure("no task came")
    }

    @Test("run prints the output and ends with the script's exit code")
    func run() throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        try agent.describe()
        let words = [
            "run", "--state", hub.stateDirectory.path, "--user=nobody", "--env", "A=it's", "--env", "_B=", "--", "echo",
            "--hi", "$A",
        ]
        let result = try HubCommand.run(words) { _ in
            let task = try nextTask(agent)
            #expect(task.script == "export A='it'\\''s'\nexport _B=''\necho --hi $A")
            try agent.start(task.id)
            try agent.upload(task.id, 0, "--hi ")
            try agent.upload(task.id, 1, "it's\n", dropped: 5)
            try agent.finish(task.id, result: "FAILED", exitCode: 7, last: 1)
        }
        #expect(result.status == 7)
        #expect(result.output == "--hi it's\n")
        #expect(result.errors.contains("5 more bytes"))
    }

    @Test(
        "run tells how a script did not end well",
        arguments: [
            ("START_FAILED", Int64(-1), Int32(125)), ("TIMEOUT", -1, 124), ("TERMINATED", -1, 143), ("FAILED", -1, 255),
        ]
    )
    func failures(result: String, code: Int64, status: Int32) throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        let words = ["run", "--state", hub.stateDirectory.path, "--wait", "20", "-"]
        let command = try HubCommand.run(words, input: "#!/bin/sh\nexit\n") { _ in
            let task = try nextTask(agent)
            #expect(task.script == "#!/bin/sh\nexit\n")
            try agent.start(task.id)
            try agent.finish(task.id, result: result, exitCode: code, last: nil, error: "because\u{1B}[31m")
        }
        #expect(command.status == status)
        #expect(!command.errors.contains("\u{1B}"))
        #expect(result != "START_FAILED" || command.errors.contains("because"))
    }

    @Test("an interrupt cancels the task")
    func interrupt() throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        try agent.describe()
        let result = try HubCommand.run(["run", "--state", hub.stateDirectory.path, "sleep", "100"]) { pid in
            let task = try nextTask(agent)
            try agent.start(task.id)
            _ = kill(pid, SIGINT)
            for _ in 0..<2000 where try agent.describe().cancelled.isEmpty { usleep(5000) }
            #expect(try agent.describe().cancelled == [task.id])
            try agent.finish(task.id, result: "TERMINATED", exitCode: -1, last: nil)
        }
        #expect(result.status == 143)
        #expect(result.errors.contains("cancelling"))
    }

    @Test("run says so when there is no agent")
    func noAgent() throws {
        let hub = try HubProcess()
        let result = try HubCommand.run(["run", "--state", hub.stateDirectory.path, "--wait", "0", "true"])
        #expect(result.status == 69)
        #expect(result.errors.contains("no agent has been seen"))
        try FakeAgent(hub).describe()
        let other = ["run", "--state", hub.stateDirectory.path, "--wait", "0", "--agent", "x", "true"]
        #expect(try HubCommand.run(other).errors.contains("no agent x"))
    }

    @Test("tasks, show, cancel, agents and misbehave")
    func others() async throws {
        let hub = try HubProcess()
        let state = ["--state", hub.stateDirectory.path]
        let agent = FakeAgent(hub)
        try agent.describe()
        let detached = try HubCommand.run(["run"] + state + ["--detach", "--timeout", "5", "true"])
        let id = detached.output.trimmingCharacters(in: .newlines)
        #expect(detached.status == 0)
        #expect(try HubCommand.run(["tasks"] + state).output.contains(id))
        let json = try JSON.parse(try HubCommand.run(["tasks", "--json"] + state).output)
        #expect(json["tasks"]?.array?.first?["id"]?.string == id)
        #expect(try HubCommand.run(["show", id] + state).output.contains("task.TimeOut: 5"))
        let shown = try JSON.parse(try HubCommand.run(["show", id, "--json"] + state).output)
        #expect(shown["state"]?.string == "pending")
        #expect(try HubCommand.run(["cancel", id] + state).output == "cancelled\n")
        #expect(try HubCommand.run(["cancel", id] + state).status == 69)
        #expect(try HubCommand.run(["show", "none"] + state).status == 69)
        #expect(try HubCommand.run(["agents"] + state).output.contains("machine-1"))
        #expect(try HubCommand.run(["misbehave", "*", "reset", "--count", "-1", "--after"] + state).status == 0)
        #expect(try agent.send("DescribeTasks").waitForEnd() == .reset)
        #expect(try HubCommand.run(["misbehave", "--clear"] + state).status == 0)
        #expect(try agent.describe() == ([], []))
    }

    @Test(
        "wrong usage",
        arguments: [
            [], ["frobnicate"], ["serve", "--what"], ["serve", "--listen", "nowhere"], ["run"], ["run", "--user"],
            ["run", "--env", "1A=x", "true"], ["run", "--env", "A", "true"], ["run", "--timeout", "soon", "true"],
            ["tasks", "-x"], ["show"], ["cancel", "a", "b"], ["misbehave", "*"],
            ["misbehave", "*", "reset", "--before", "--after"],
        ]
    )
    func usage(words: [String]) throws {
        let result = try HubCommand.run(words)
        #expect(result.status == 2)
        #expect(result.output.isEmpty)
        #expect(result.errors.contains("--help"))
    }

    @Test("help and version")
    func help() throws {
        #expect(try HubCommand.run(["--version"]).output.hasPrefix("tat_hub "))
        let help = try HubCommand.run(["--help"])
        #expect(help.status == 0)
        #expect(help.output.contains("exit codes of run"))
    }
}
