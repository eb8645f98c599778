import Agent
import CShims
import Foundation

/// A `tat_agent` with a home of its own, that knows a hub and nothing else.
///
/// Its processes, tasks included, carry a mark in their environment by which the tests find them.
/// Sound as `@unchecked Sendable`: what changes is guarded by the lock.
final class AgentProcess: @unchecked Sendable {
    let hub: HubProcess
    /// Holds the agent's home and whatever a test wants to keep.
    let folder: TestFolder
    /// `TAT_AGENT_HOME`.
    let home: String
    /// A directory in which every user can write.
    let scratch: TestFolder

    private static let markName = "AGENT_TEST_MARK"
    private let mark = UUID().uuidString
    private let environment: [String: String]
    private let lock = NSLock()
    private var process: SpawnedProcess?
    private var mounts: [String] = []

    /// Makes the home; nothing runs yet.
    init(_ hub: HubProcess, environment: [String: String] = [:]) throws {
        self.hub = hub
        folder = try TestFolder()
        home = try folder.make("home", mode: 0o711)
        scratch = try TestFolder()
        guard chmod(scratch.path, 0o1777) == 0 else { throw TestFailure("chmod") }
        var variables = [
            "PATH": TestFolder.searchPath, "TAT_AGENT_HOME": home, Self.markName: mark,
            // Whatever goes wrong, nothing leaves this machine.
            "http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1", "no_proxy": "127.0.0.1",
        ]
        variables["LD_LIBRARY_PATH"] = ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"]
        self.environment = variables.merging(environment) { $1 }
        let url: JSON = ["invoke_url": .string(hub.url), "ws_url": .string(hub.wsURL)]
        try writeConfig(String(decoding: (["url": url] as JSON).encoded(), as: UTF8.self))
    }

    deinit { stop() }

    var pid: pid_t { lock.withLock { process?.pid ?? -1 } }

    var isRunning: Bool { lock.withLock { process?.isRunning ?? false } }

    var state: String { home + "/state" }
    var pidFile: String { home + "/tat_agent.pid" }
    var logPath: String { home + "/log/tat_agent.log" }

    /// What the log file holds.
    var log: String {
        String(decoding: FileManager.default.contents(atPath: logPath) ?? Data(), as: UTF8.self)
    }

    /// What it wrote to the terminal.
    var terminal: String { folder.text("terminal") }

    func writeConfig(_ text: String) throws {
        try folder.write("home/config.dat", text)
        chmod(home + "/config.dat", 0o600)
    }

    // MARK: Life and death

    /// Starts the agent in the foreground and waits until the hub has it.
    func start(prefix: [String] = []) async throws {
        try launch(prefix: prefix)
        try await waitUntilConnected()
    }

    /// Starts the agent in the foreground.
    func launch(prefix: [String] = []) throws {
        let process = try spawn(["-n"], prefix: prefix)
        lock.withLock { self.process = process }
    }

    /// Starts the agent's program with other arguments and its own environment.
    func spawn(_ arguments: [String], prefix: [String] = [], output: String = "terminal") throws -> SpawnedProcess {
        let executable = try Executables.url("tat_agent").path
        return try SpawnedProcess(
            prefix + [executable] + arguments,
            environment: environment,
            output: folder.path + "/" + output,
            errors: folder.path + "/" + output
        )
    }

    /// Runs the agent's program to its end: its exit code and what it printed.
    func run(_ arguments: [String]) throws -> (status: Int32, text: String) {
        let name = "run-\(UUID().uuidString)"
        let status = try spawn(arguments, output: name).wait()
        return (status, folder.text(name))
    }

    /// Waits until the hub has a connection of the process that runs now.
    func waitUntilConnected(limit: TimeInterval = 60) async throws {
        try await eventually("the agent is connected; \(terminal) \(log)", limit: limit) {
            guard isRunning else { throw TestFailure("the agent ended: \(terminal) \(log)") }
            let agents = try await hub.request("GET", "/hub/agents")["agents"]?.array ?? []
            return agents.contains { $0["connected"]?.bool == true && $0["pid"]?.string == "\(pid)" }
        }
    }

    /// Sends the agent a signal and waits for its end. Its exit code, or the negative number of the signal that ended it.
    @discardableResult
    func kill(_ signal: Int32) throws -> Int32 {
        guard let process = lock.withLock({ process }) else { throw TestFailure("the agent does not run") }
        process.signal(signal)
        return try process.wait(limit: 20)
    }

    /// Ends the agent by SIGKILL, if it still runs, and starts it anew.
    func restart() async throws {
        try kill(SIGKILL)
        try await start()
    }

    /// Ends the agent and all that it started, and removes what is on disk of it.
    func stop() {
        _ = try? kill(SIGTERM)
        killAll()
        for mount in lock.withLock({ mounts.reversed() }) {
            _ = try? SpawnedProcess.run(["umount", "-l", mount])
        }
        lock.withLock { mounts = [] }
        folder.remove()
        scratch.remove()
    }

    /// Kills the agent and all that it started.
    func killAll() {
        // What a process starts just before its end is found in the next round.
        while case let left = processes(), !left.isEmpty {
            for pid in left { _ = CShims.kill(pid, SIGKILL) }
            _ = isRunning
            usleep(2000)
        }
    }

    // MARK: What it consists of

    /// Mounts a tmpfs with these options in place of the state directory. Needs root.
    func mountState(_ options: String) throws {
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        try SpawnedProcess.run(["mount", "-t", "tmpfs", "-o", options + ",mode=711", "tmpfs", state])
        lock.withLock { mounts.append(state) }
    }

    /// The processes of this agent: itself, its supervisors, their scripts and all that these started.
    func processes() -> [pid_t] {
        let mark = Data("\(Self.markName)=\(mark)".utf8)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { pid in
            guard pid != getpid(), let file = FileManager.default.contents(atPath: "/proc/\(pid)/environ") else {
                return false
            }
            return file.range(of: mark) != nil
        }
    }

    /// The names of the task directories.
    var taskNames: [String] { names("tasks") }

    /// The names of the tombstones.
    var tombstones: [String] { names("done") }

    private func names(_ directory: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: state + "/" + directory)) ?? []
    }

    /// The agent's own children, zombies included.
    var children: [pid_t] {
        let text = try? String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
        return text?.split(separator: " ").compactMap { pid_t($0) } ?? []
    }
}

/// What `/proc/PID/stat` tells of a process, from its state on; empty when there is none.
private func statusFields(of pid: pid_t) -> [Substring] {
    let text = String(decoding: FileManager.default.contents(atPath: "/proc/\(pid)/stat") ?? Data(), as: UTF8.self)
    guard let end = text.lastIndex(of: ")") else { return [] }
    return text[text.index(after: end)...].split(separator: " ")
}

/// Whether a process runs: it exists and is not a zombie.
func isAlive(_ pid: pid_t) -> Bool { statusFields(of: pid).first.map { $0 != "Z" } ?? false }

/// Whether a process has ended, and nobody has collected it yet.
func isZombie(_ pid: pid_t) -> Bool { statusFields(of: pid).first == "Z" }
