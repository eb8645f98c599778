import Agent
import CShims
import Foundation
import Testing

/// A hub and an agent that is connected to it.
struct Lab: Sendable {
    let hub: HubProcess
    let agent: AgentProcess

    /// That of the suite, where it has the trait `.lab`.
    static var shared: Lab {
        get throws {
            guard let lab = LabScope.lab else { throw TestFailure("the suite has no lab") }
            return lab
        }
    }

    /// Whom scripts run as when nothing else is said: a user without a profile that would take time. Without root only
    /// the tests' own user can be had.
    static let user = isRoot ? "nobody" : ""

    static let isRoot = geteuid() == 0

    /// Starts both.
    static func start(environment: [String: String] = [:]) async throws -> Lab {
        let hub = try HubProcess()
        let lab = Lab(hub: hub, agent: try AgentProcess(hub, environment: environment))
        try await lab.agent.start()
        return lab
    }

    /// Starts both, has `body` use them, and ends them.
    static func with(environment: [String: String] = [:], _ body: (Lab) async throws -> Void) async throws {
        try await stopped(environment: environment) { lab in
            try await lab.agent.start()
            try await body(lab)
        }
    }

    /// The same with an agent that is not started yet.
    static func stopped(environment: [String: String] = [:], _ body: (Lab) async throws -> Void) async throws {
        await LabPermits.shared.take()
        defer { LabPermits.shared.giveBack() }
        let hub = try HubProcess()
        let lab = Lab(hub: hub, agent: try AgentProcess(hub, environment: environment))
        defer { lab.stop() }
        try await body(lab)
    }

    func stop() {
        agent.stop()
        hub.stop()
    }

    var scratch: TestFolder { agent.scratch }

    /// Creates a task and returns its id.
    @discardableResult
    func create(
        _ script: String,
        user: String = Lab.user,
        directory: String? = nil,
        timeout: Int64? = nil,
        id: String? = nil,
        fields: JSON.Object = [:],
        kick: Bool = true
    ) async throws -> String {
        try await hub.createTask(
            script,
            user: user,
            directory: directory,
            timeout: timeout,
            id: id,
            fields: fields,
            kick: kick
        )
    }

    /// Waits for the end of a task and checks that its reports were in order.
    func outcome(
        of id: String,
        limit: TimeInterval = 120,
        _ location: SourceLocation = #_sourceLocation
    ) async throws -> TaskOutcome {
        let deadline = Date(timeIntervalSinceNow: limit)
        while true {
            // The hub answers when the task is over: asking again and again would keep the processors from the agent.
            let json = try await hub.request("GET", "/hub/tasks/\(HubProcess.segment(id))?wait=finish&timeout=20")
            let outcome = TaskOutcome(json: json, log: agent.log.split(separator: "\n").filter { $0.contains(id) })
            if ["finished", "cancelled"].contains(json["state"]?.string) {
                outcome.expectOrder(location)
                return outcome
            }
            guard Date() < deadline else {
                throw TestFailure("no end of the task: \(outcome.description); \(agent.log)")
            }
        }
    }

    /// Runs a task to its end.
    func run(
        _ script: String,
        user: String = Lab.user,
        directory: String? = nil,
        timeout: Int64? = nil,
        fields: JSON.Object = [:],
        _ location: SourceLocation = #_sourceLocation
    ) async throws -> TaskOutcome {
        let id = try await create(script, user: user, directory: directory, timeout: timeout, fields: fields)
        return try await outcome(of: id, location)
    }

    /// Shows that the agent still does its work.
    func expectAlive(_ location: SourceLocation = #_sourceLocation) async throws {
        let outcome = try await run("echo alive", location)
        #expect(outcome.text == "alive\n", sourceLocation: location)
    }

    /// Waits until the agent has forgotten all tasks but for their tombstones.
    func waitUntilIdle() async throws {
        try await eventually("no task directory is left") { agent.taskNames.isEmpty }
    }

    /// How often the agent has called an action, for one task or at all.
    func requestCount(_ action: String, task: String? = nil) async throws -> Int {
        let requests = try await hub.request("GET", "/hub/requests")["requests"]?.array ?? []
        return requests.count { $0["action"]?.string == action && (task == nil || $0["task"]?.string == task) }
    }
}

/// Lets so many labs of single tests exist at a time as the machine can serve without keeping any of them waiting.
///
/// Sound as `@unchecked Sendable`: what changes is guarded by the lock.
private final class LabPermits: @unchecked Sendable {
    static let shared = LabPermits()

    private let lock = NSLock()
    private var free = 3 * ProcessInfo.processInfo.activeProcessorCount
    private var waiters: [CheckedContinuation<Void, Never>] = []

    func take() async {
        await withCheckedContinuation { continuation in
            let isFree = lock.withLock {
                guard free > 0 else {
                    waiters.append(continuation)
                    return false
                }
                free -= 1
                return true
            }
            if isFree { continuation.resume() }
        }
    }

    func giveBack() {
        let next = lock.withLock { () -> CheckedContinuation<Void, Never>? in
            guard waiters.isEmpty else { return waiters.removeFirst() }
            free += 1
            return nil
        }
        next?.resume()
    }
}

/// What the hub knows of a task that is over.
struct TaskOutcome: CustomStringConvertible {
    let json: JSON
    /// What the agent's log says of it.
    var log: [Substring] = []

    var description: String { String(decoding: json.encoded().prefix(2000), as: UTF8.self) }

    var id: String { json["id"]?.string ?? "" }
    var result: String { json["result"]?.string ?? "" }
    var exitCode: Int64 { json["exitCode"]?.int64 ?? .min }
    var errorInfo: String { json["errorInfo"]?.string ?? "" }
    var output: [UInt8] { (try? Base64.decode(json["outputBase64"]?.string ?? "")) ?? [] }
    var text: String { String(decoding: output, as: UTF8.self) }
    var lines: [String] { text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init) }
    var dropped: Int64 { json["dropped"]?.int64 ?? -1 }

    /// The bytes of each chunk.
    var chunks: [[UInt8]] {
        var rest = output[...]
        return (json["chunks"]?.array ?? []).map { chunk in
            let size = Int(chunk["size"]?.int64 ?? 0)
            defer { rest = rest.dropFirst(size) }
            return Array(rest.prefix(size))
        }
    }

    func counter(_ name: String) -> Int64 { json["counters"]?[name]?.int64 ?? -1 }

    /// A moment of the task's life, in seconds of the monotonic clock.
    func time(_ name: String) -> Double { Double(json["times"]?[name]?.int64 ?? -1) / 1e6 }

    /// Checks what holds for the reports of every task: start before output before end, no index left out, nothing told
    /// twice in different words.
    func expectOrder(_ location: SourceLocation) {
        #expect(json["violations"]?.array == [], sourceLocation: location)
        #expect(json["gaps"]?.array == [], sourceLocation: location)
        // Only what could not be written down ends without a start (TaskWorker.live).
        #expect(counter("starts") >= (result == "START_FAILED" ? 0 : 1), sourceLocation: location)
        #expect(counter("chunkConflicts") == 0, sourceLocation: location)
        #expect(counter("finishConflicts") == 0, sourceLocation: location)
        #expect(output.count <= 24_576, sourceLocation: location)
        #expect(chunks.allSatisfy { $0.count <= 4096 }, sourceLocation: location)
    }

    /// Checks that each report was made once, unless one was not answered in time, on a machine that is too busy.
    func expectNoRepeats(starts: Int64 = 1, _ location: SourceLocation = #_sourceLocation) {
        if log.contains(where: { $0.hasSuffix("trying again") }) { return }
        #expect(counter("starts") == starts, "\(log)", sourceLocation: location)
        #expect(counter("chunkRepeats") == 0, "\(log)", sourceLocation: location)
        #expect(counter("finishes") == 1, "\(log)", sourceLocation: location)
    }

    /// Checks that the script ended well, and what it printed.
    func expectSuccess(_ text: String? = nil, _ location: SourceLocation = #_sourceLocation) {
        #expect(result == "SUCCESS", sourceLocation: location)
        #expect(exitCode == 0, sourceLocation: location)
        #expect(errorInfo == "", sourceLocation: location)
        if let text { #expect(self.text == text, sourceLocation: location) }
    }

    /// Checks that the script did not start, and the reason.
    func expectStartFailure(_ reason: String, _ location: SourceLocation = #_sourceLocation) {
        #expect(result == "START_FAILED", sourceLocation: location)
        #expect(exitCode == -1, sourceLocation: location)
        #expect(errorInfo == reason, sourceLocation: location)
        #expect(output.isEmpty, sourceLocation: location)
    }
}

/// Gives a suite a lab that its tests share.
struct LabScope: SuiteTrait, TestScoping {
    @TaskLocal fileprivate static var lab: Lab?

    let environment: [String: String]

    @concurrent
    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        let lab = try await Lab.start(environment: environment)
        defer { lab.stop() }
        try await Self.$lab.withValue(lab) { try await function() }
    }
}

extension Trait where Self == LabScope {
    static var lab: Self { LabScope(environment: [:]) }
}

extension Trait where Self == ConditionTrait {
    /// What only root can try.
    static var root: Self { .enabled(if: Lab.isRoot, "needs root") }
}
