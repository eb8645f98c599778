import Agent
import CShims
import Foundation

/// What went wrong in a helper of the tests.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The executables of the package, which are built beside the tests.
enum Executables {
    /// - Parameter name: of the product. The agent may be another build of it, named by TAT_AGENT_UNDER_TEST: an absolute
    ///   path.
    static func url(_ name: String) throws -> URL {
        if name == "tat_agent", let path = ProcessInfo.processInfo.environment["TAT_AGENT_UNDER_TEST"] {
            guard path.hasPrefix("/"), FileManager.default.isExecutableFile(atPath: path) else {
                throw TestFailure("TAT_AGENT_UNDER_TEST=\(path) is no absolute path of a program")
            }
            return URL(filePath: path)
        }
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        var candidates = [URL(filePath: own)]
        if let first = CommandLine.arguments.first { candidates.append(URL(filePath: first)) }
        for candidate in candidates {
            var directory = candidate.deletingLastPathComponent()
            for _ in 0..<3 {
                let url = directory.appending(path: name)
                if FileManager.default.isExecutableFile(atPath: url.path) { return url }
                directory = directory.deletingLastPathComponent()
            }
        }
        throw TestFailure("\(name) was not found beside the tests")
    }
}

/// A running `tat_hub serve` with a state directory of its own, on a free port.
///
/// Sound as `@unchecked Sendable`: what changes is guarded by the lock.
final class HubProcess: @unchecked Sendable {
    let stateDirectory: URL
    let port: UInt16

    private let lock = NSLock()
    private var process: Process
    private var currentToken: String

    /// Starts a hub and waits until it listens.
    init() throws {
        stateDirectory = URL(filePath: NSTemporaryDirectory()).appending(path: "hub-test-\(UUID().uuidString)")
        (process, port) = try Self.start(stateDirectory, port: 0)
        currentToken = try Self.readToken(stateDirectory)
    }

    deinit { stop() }

    /// The invoke API.
    var url: String { "http://127.0.0.1:\(port)" }

    /// The notify channel.
    var wsURL: String { "ws://127.0.0.1:\(port)/ws" }

    /// The token of the control API; another one after each restart.
    var token: String { lock.withLock { currentToken } }

    var pid: Int32 { lock.withLock { process.processIdentifier } }

    var isRunning: Bool { lock.withLock { process.isRunning } }

    /// What the hub said on standard error.
    var log: String {
        (try? String(contentsOf: stateDirectory.appending(path: "stderr"), encoding: .utf8)) ?? ""
    }

    // MARK: Life and death

    /// Sends the hub a signal and waits for its end.
    func kill(_ signal: Int32) {
        lock.withLock {
            guard process.isRunning else { return }
            _ = CShims.kill(process.processIdentifier, signal)
            let deadline = Date(timeIntervalSinceNow: 10)
            while process.isRunning, Date() < deadline { usleep(2000) }
            if process.isRunning { _ = CShims.kill(process.processIdentifier, SIGKILL) }
            while process.isRunning { usleep(2000) }
        }
    }

    /// The exit code, or the number of the signal that ended it.
    var terminationStatus: Int32 { lock.withLock { process.terminationStatus } }

    /// Starts the hub again with the same port and state, after ending it if it still runs.
    func restart() throws {
        kill(SIGTERM)
        let (process, _) = try Self.start(stateDirectory, port: port)
        let token = try Self.readToken(stateDirectory)
        lock.withLock {
            self.process = process
            currentToken = token
        }
    }

    /// Ends the hub and removes its state.
    func stop() {
        kill(SIGTERM)
        try? FileManager.default.removeItem(at: stateDirectory)
    }

    private static func start(_ directory: URL, port: UInt16) throws -> (Process, UInt16) {
        try? FileManager.default.createDirectory(
            at: directory,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        let process = Process()
        process.executableURL = try Executables.url("tat_hub")
        process.arguments = ["serve", "--listen", "127.0.0.1:\(port)", "--state", directory.path]
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        let log = directory.appending(path: "stderr").path
        if !FileManager.default.fileExists(atPath: log) {
            _ = FileManager.default.createFile(atPath: log, contents: nil)
        }
        let errors = FileHandle(forWritingAtPath: log)
        _ = try errors?.seekToEnd()
        process.standardError = errors ?? FileHandle.nullDevice
        try process.run()
        var line = Data()
        while !line.contains(0x0A) {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else {
                let reason = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
                throw TestFailure("tat_hub ended before it listened: \(reason)")
            }
            line += more
        }
        let text = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .newlines)
        guard text.hasPrefix("listening on "), let colon = text.lastIndex(of: ":"),
            let bound = UInt16(text[text.index(after: colon)...])
        else { throw TestFailure("unexpected first line: \(text)") }
        return (process, bound)
    }

    private static func readToken(_ directory: URL) throws -> String {
        let bytes = try Data(contentsOf: directory.appending(path: "hub.json"))
        guard let token = try JSON.parse(Array(bytes))["token"]?.string else { throw TestFailure("no token") }
        return token
    }

    // MARK: The control API

    /// Calls the control API and returns the answer; throws for a status other than 2xx.
    @discardableResult
    func request(_ method: String, _ path: String, body: JSON? = nil) async throws -> JSON {
        let (status, json) = try await answer(method, path, body: body)
        guard (200..<300).contains(status) else {
            throw TestFailure("\(method) \(path): status \(status), \(json["error"]?.string ?? "")")
        }
        return json
    }

    /// Calls the control API and returns status and answer.
    func answer(_ method: String, _ path: String, body: JSON? = nil) async throws -> (status: Int, json: JSON) {
        let (port, token) = (port, token)
        // On a thread of its own: a waiting call must not hold up the tasks of other tests.
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        let socket = try TestSocket(port: port, timeout: 90)
                        let reply = try socket.exchange(
                            method,
                            path,
                            headers: [("Authorization", "Bearer \(token)"), ("Connection", "close")],
                            body: body?.encoded() ?? []
                        )
                        return (reply.status, try JSON.parse(reply.body))
                    }
                )
            }
        }
    }

    /// Creates a task and returns its id. `fields` go over the wire as they are, `null` removing one.
    @discardableResult
    func createTask(
        _ script: String,
        user: String? = nil,
        directory: String? = nil,
        timeout: Int64? = nil,
        type: String? = nil,
        agent: String? = nil,
        id: String? = nil,
        fields: JSON.Object = [:],
        kick: Bool = true
    ) async throws -> String {
        var task: JSON.Object = ["script": .string(script), "fields": .object(fields)]
        let options = [("user", user), ("directory", directory), ("type", type), ("agent", agent), ("id", id)]
        for (key, value) in options { task[key] = value.map { .string($0) } }
        task["timeout"] = timeout.map { .integer($0) }
        let answer = try await request("POST", "/hub/tasks", body: ["tasks": [.object(task)], "kick": .bool(kick)])
        guard let id = answer["ids"]?.array?.first?.string else { throw TestFailure("no id") }
        return id
    }

    /// Everything that the hub knows of a task.
    func task(_ id: String) async throws -> JSON {
        try await request("GET", "/hub/tasks/\(Self.segment(id))")
    }

    /// Polls a task until `condition` is met: the end of the task when none is given.
    @discardableResult
    func waitForTask(
        _ id: String,
        limit: TimeInterval = 60,
        until condition: (JSON) -> Bool = { ["finished", "cancelled"].contains($0["state"]?.string) }
    ) async throws -> JSON {
        let deadline = Date(timeIntervalSinceNow: limit)
        while true {
            let task = try await task(id)
            if condition(task) { return task }
            guard Date() < deadline else {
                throw TestFailure("waited in vain: \(String(decoding: task.encoded(), as: UTF8.self))")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Waits until an agent has a notify connection, and returns what the hub knows of it.
    @discardableResult
    func waitForAgent(_ id: String? = nil, limit: TimeInterval = 60) async throws -> JSON {
        let deadline = Date(timeIntervalSinceNow: limit)
        while true {
            let agents = try await request("GET", "/hub/agents")["agents"]?.array ?? []
            let agent = agents.first { $0["connected"]?.bool == true && (id == nil || $0["id"]?.string == id) }
            if let agent { return agent }
            guard Date() < deadline else { throw TestFailure("no agent connected") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    func cancelTask(_ id: String) async throws {
        try await request("POST", "/hub/tasks/\(Self.segment(id))/cancel")
    }

    /// Has the hub do `action` wrong: the name of an invoke action, `*`, or `ws`; `how` `ok` ends it.
    func misbehave(
        _ action: String,
        _ how: String,
        count: Int = 1,
        after: Bool = false,
        code: JSON? = nil,
        agent: String? = nil
    ) async throws {
        var order: JSON.Object = [
            "action": .string(action), "how": .string(how), "count": .integer(Int64(count)),
            "when": .string(after ? "after" : "before"),
        ]
        order["code"] = code
        order["agent"] = agent.map { .string($0) }
        try await request("POST", "/hub/misbehave", body: .object(order))
    }

    /// Ends all misbehaviour.
    func behave() async throws {
        try await request("POST", "/hub/misbehave", body: ["clear": true])
    }

    /// A text as one segment of a path.
    static func segment(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text
    }
}
