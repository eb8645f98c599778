import Agent
import CShims
import PlatformLinux

/// `tat_hub run`: one script on an agent, as if it ran here.
struct RunCommand {
    private static let scriptLimit = 8 << 20

    private let client: ControlClient
    private let signals: FileDescriptor
    private var interrupts = 0

    /// Carries out the command; the exit code.
    static func run(_ words: [String]) throws(Failure) -> Int32 {
        let arguments = try Arguments(
            words,
            flags: ["--detach"],
            options: ["--user", "--dir", "--timeout", "--env", "--agent", "--type", "--wait", "--state"],
            stopsAtWord: true
        )
        guard !arguments.words.isEmpty else { throw Arguments.usage("a script is needed") }
        let wait = try arguments.integer("--wait", in: 0...86_400) ?? 30
        let order = try order(arguments)
        let client = try ControlClient(StateDirectory(arguments["--state"]))
        var command = RunCommand(client: client, signals: try Signals.descriptor(for: [SIGINT]))
        guard try command.waitForAgent(arguments["--agent"], seconds: wait) else { return ExitCode.interrupted }
        guard let id = try client.post("/hub/tasks", order)["ids"]?.array?.first?.string else {
            throw Failure("the hub did not take the task")
        }
        if arguments.flags.contains("--detach") {
            say(printable(id))
            return 0
        }
        return try command.follow(id)
    }

    private init(client: ControlClient, signals: FileDescriptor) {
        self.client = client
        self.signals = signals
    }

    // MARK: The order

    private static func order(_ arguments: Arguments) throws(Failure) -> JSON {
        var prefix = ""
        for pair in arguments.options["--env"] ?? [] { prefix += try export(pair) + "\n" }
        let script = arguments.words == ["-"] ? try standardInput() : arguments.words.joined(separator: " ")
        var order: JSON.Object = ["script": .string(prefix + script)]
        if let timeout = try arguments.integer("--timeout", in: 0...Int64(UInt32.max)) {
            order["timeout"] = .integer(timeout)
        }
        let options = [("--user", "user"), ("--dir", "directory"), ("--agent", "agent"), ("--type", "type")]
        for (option, field) in options {
            if let value = arguments[option] { order[field] = .string(value) }
        }
        return .object(order)
    }

    private static func export(_ pair: String) throws(Failure) -> String {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts[0].utf8
        func isLetter(_ byte: UInt8) -> Bool { byte == 0x5F || (0x61...0x7A).contains(byte | 0x20) }
        guard parts.count == 2, let first = name.first, isLetter(first),
            name.allSatisfy({ isLetter($0) || (0x30...0x39).contains($0) })
        else { throw Arguments.usage("--env is NAME=VALUE, NAME of letters, digits and _") }
        let value = parts[1].split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#)
        return "export \(parts[0])='\(value)'"
    }

    private static func standardInput() throws(Failure) -> String {
        var script: [UInt8] = []
        while true {
            let block = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, initialized in
                initialized = max(0, retrying { read(STDIN_FILENO, buffer.baseAddress, buffer.count) })
            }
            if block.isEmpty { break }
            script += block
            guard script.count <= scriptLimit else { throw Failure("the script is too long", exitCode: ExitCode.usage) }
        }
        guard let text = String(validating: script, as: UTF8.self) else {
            throw Failure("the script is not UTF-8", exitCode: ExitCode.usage)
        }
        return text
    }

    // MARK: The task

    /// `false` when an interrupt came first.
    private func waitForAgent(_ wanted: String?, seconds: Int64) throws(Failure) -> Bool {
        let deadline = Clock.microseconds + seconds * 1_000_000
        while true {
            let agents = try client.get("/hub/agents")["agents"]?.array ?? []
            if agents.contains(where: { wanted == nil || $0["id"]?.string == wanted }) { return true }
            guard Clock.microseconds < deadline else {
                throw Failure(wanted.map { "no agent \(printable($0)) has been seen" } ?? "no agent has been seen")
            }
            var waiting = pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0)
            if poll(&waiting, 1, 200) > 0, Signals.take(from: signals) { return false }
        }
    }

    private mutating func follow(_ id: String) throws(Failure) -> Int32 {
        let path = "/hub/tasks/\(ControlClient.segment(id))"
        var offset: Int64 = 0
        while true {
            let question = "\(path)/output?offset=\(offset)&timeout=30"
            switch try client.call("GET", question, nil, signals: signals) {
            case .interrupted:
                interrupts += 1
                guard interrupts == 1 else { return ExitCode.interrupted }
                note("cancelling task \(printable(id)); interrupt again to leave at once")
                // When it is over already there is nothing to cancel, and the next answer says so.
                _ = try client.call("POST", "\(path)/cancel", [:], signals: nil)
            case .answer(let answer):
                let part = try answer.successful()
                guard let text = part["output"]?.string, let output = try? Base64.decode(text) else {
                    throw Failure("the hub's answer has no output")
                }
                guard writeAll(output, to: STDOUT_FILENO) else { throw .system("write the output") }
                offset = part["next"]?.int64 ?? offset
                if part["over"]?.bool == true, output.isEmpty { return Self.exitCode(part) }
            }
        }
    }

    private static func exitCode(_ task: JSON) -> Int32 {
        if let dropped = task["dropped"]?.int64, dropped > 0 {
            note("\(dropped) more bytes of output were not uploaded")
        }
        let reason = printable(task["errorInfo"]?.string ?? "")
        switch task["result"]?.string {
        case "START_FAILED":
            note("the script could not be started: \(reason)")
            return ExitCode.startFailed
        case "TIMEOUT":
            note("the script ran out of time")
            return ExitCode.timedOut
        case "TERMINATED":
            note("the task was cancelled")
            return ExitCode.terminated
        case nil:
            note("the task was cancelled before it was started")
            return ExitCode.terminated
        default:
            let code = task["exitCode"]?.int64 ?? -1
            if code < 0 { note("the script has no exit code\(reason.isEmpty ? "" : ": \(reason)")") }
            return Int32(truncatingIfNeeded: (0...255).contains(code) ? code : 255)
        }
    }
}
