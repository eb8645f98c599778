import Agent
import CShims

/// The commands that ask the hub one thing and print the answer.
enum ListCommands {
    static func tasks(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(words, flags: ["--json"], options: ["--state"])
        try arguments.expect(0, "no words after tasks")
        let answer = try client(arguments).get("/hub/tasks")
        if arguments.flags.contains("--json") { return print(answer) }
        var rows = [["ID", "STATE", "RESULT", "EXIT", "OUTPUT", "CREATED", "AGENT"]]
        for task in answer["tasks"]?.array ?? [] {
            rows.append(
                ["id", "state", "result", "exitCode", "outputSize", "createdAt", "agent"].map { column in
                    column == "createdAt" ? age(task[column]) : text(task[column])
                }
            )
        }
        print(table: rows)
    }

    static func agents(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(words, flags: ["--json"], options: ["--state"])
        try arguments.expect(0, "no words after agents")
        let answer = try client(arguments).get("/hub/agents")
        if arguments.flags.contains("--json") { return print(answer) }
        var rows = [["ID", "CONNECTED", "VERSION", "OS", "ARCH", "PID", "SEEN"]]
        for agent in answer["agents"]?.array ?? [] {
            rows.append(
                ["id", "connected", "version", "osVersion", "arch", "pid", "lastSeen"].map { column in
                    column == "lastSeen" ? age(agent[column]) : text(agent[column])
                }
            )
        }
        print(table: rows)
    }

    static func show(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(words, flags: ["--json"], options: ["--state"])
        try arguments.expect(1, "the ID of a task")
        let task = try client(arguments).get("/hub/tasks/\(ControlClient.segment(arguments.words[0]))")
        if arguments.flags.contains("--json") { return print(task) }
        for (key, value) in task.object?.members ?? [] {
            switch key {
            case "output", "outputBase64": break
            case "task", "counters", "times", "report":
                for (inner, value) in value.object?.members ?? [] { say("\(key).\(printable(inner)): \(text(value))") }
            case "chunks": say("chunks: \(value.array?.count ?? 0)")
            default: say("\(key): \(text(value))")
            }
        }
        let output = task["outputBase64"]?.string.flatMap { try? Base64.decode($0) } ?? []
        guard !output.isEmpty else { return }
        say("output:")
        writeAll(output, to: STDOUT_FILENO)
    }

    static func cancel(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(words, flags: [], options: ["--state"])
        try arguments.expect(1, "the ID of a task")
        let path = "/hub/tasks/\(ControlClient.segment(arguments.words[0]))/cancel"
        let task = try client(arguments).post(path, [:])
        say(task["state"]?.string == "cancelled" ? "cancelled" : "cancelling")
    }

    static func misbehave(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(
            words,
            flags: ["--before", "--after", "--clear"],
            options: ["--count", "--code", "--agent", "--state"]
        )
        var order: JSON.Object = [:]
        if arguments.flags.contains("--clear") {
            try arguments.expect(0, "no words with --clear")
            order["clear"] = true
        } else {
            try arguments.expect(2, "ACTION and HOW")
            guard !arguments.flags.isSuperset(of: ["--before", "--after"]) else {
                throw Arguments.usage("--before and --after exclude each other")
            }
            order["action"] = .string(arguments.words[0])
            order["how"] = .string(arguments.words[1])
            order["count"] = .integer(try arguments.integer("--count", in: -1...1_000_000) ?? 1)
            order["when"] = arguments.flags.contains("--after") ? "after" : "before"
            if let agent = arguments["--agent"] { order["agent"] = .string(agent) }
            if let code = arguments["--code"] { order["code"] = Int64(code).map { .integer($0) } ?? .string(code) }
        }
        print(try client(arguments).post("/hub/misbehave", .object(order)))
    }

    // MARK: Printing

    private static func client(_ arguments: Arguments) throws(Failure) -> ControlClient {
        try ControlClient(StateDirectory(arguments["--state"]))
    }

    private static func print(_ json: JSON) {
        writeAll(json.encoded() + [0x0A], to: STDOUT_FILENO)
    }

    private static func text(_ value: JSON?) -> String {
        switch value {
        case nil, .null: "-"
        case .string(let text): printable(text)
        case .some(let other): printable(String(decoding: other.encoded(), as: UTF8.self))
        }
    }

    /// How long ago a moment was, in words.
    private static func age(_ milliseconds: JSON?) -> String {
        guard let then = milliseconds?.int64 else { return "-" }
        let seconds = max(0, Clock.unixMilliseconds - then) / 1000
        switch seconds {
        case ..<120: return "\(seconds) s ago"
        case ..<7200: return "\(seconds / 60) min ago"
        default: return "\(seconds / 3600) h ago"
        }
    }

    private static func print(table rows: [[String]]) {
        let columns = rows.first?.count ?? 0
        let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: max(0, width - cell.count))
            }
            var line = cells.joined(separator: "  ")
            while line.hasSuffix(" ") { line.removeLast() }
            say(line)
        }
    }
}
