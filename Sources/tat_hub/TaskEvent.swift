import Agent

/// Something that happened, as the journal keeps it: the state of the hub is what its events add up to.
struct TaskEvent: Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        /// A task, as `DescribeTasks` is to hand it out.
        case created(task: String, agent: String?, wire: JSON)
        /// A task that was for any agent was given to the first one that asked.
        case assigned(task: String, agent: String)
        case kicked(task: String)
        /// The task was in a `DescribeTasks` reply for the first time.
        case described(task: String)
        case started(task: String)
        case chunk(task: String, index: Int, output: [UInt8], dropped: Int64)
        case finished(task: String, report: JSON)
        case cancelled(task: String)
        /// A cancelled task that no agent has started, and none will.
        case abandoned(task: String)
        case registered(instance: String, facts: JSON)
    }

    var kind: Kind
    /// CLOCK_MONOTONIC, in microseconds.
    var microseconds: Int64
    /// Since 1970.
    var unixMilliseconds: Int64

    /// The task that the event is about.
    var task: String? {
        switch kind {
        case .created(let task, _, _), .assigned(let task, _), .kicked(let task), .described(let task),
            .started(let task), .chunk(let task, _, _, _), .finished(let task, _), .cancelled(let task),
            .abandoned(let task):
            task
        case .registered: nil
        }
    }
}

extension TaskEvent {
    /// The event as one line of the journal.
    var json: JSON {
        var fields: JSON.Object = [
            "event": .string(name), "us": .integer(microseconds), "ms": .integer(unixMilliseconds),
        ]
        if let task { fields["task"] = .string(task) }
        switch kind {
        case .created(_, let agent, let wire):
            fields["agent"] = JSON(agent)
            fields["wire"] = wire
        case .assigned(_, let agent): fields["agent"] = .string(agent)
        case .chunk(_, let index, let output, let dropped):
            fields["index"] = JSON(index)
            fields["output"] = .string(Base64.encode(output))
            fields["dropped"] = .integer(dropped)
        case .finished(_, let report): fields["report"] = report
        case .registered(let instance, let facts):
            fields["instance"] = .string(instance)
            fields["facts"] = facts
        case .kicked, .described, .started, .cancelled, .abandoned: break
        }
        return .object(fields)
    }

    /// `nil` when the line is none that is known.
    init?(json: JSON) {
        guard let name = json["event"]?.string, let kind = Kind(name: name, json: json) else { return nil }
        self.init(
            kind: kind,
            microseconds: json["us"]?.int64 ?? 0,
            unixMilliseconds: json["ms"]?.int64 ?? 0
        )
    }

    private var name: String {
        switch kind {
        case .created: "created"
        case .assigned: "assigned"
        case .kicked: "kicked"
        case .described: "described"
        case .started: "started"
        case .chunk: "chunk"
        case .finished: "finished"
        case .cancelled: "cancelled"
        case .abandoned: "abandoned"
        case .registered: "registered"
        }
    }
}

extension TaskEvent.Kind {
    fileprivate init?(name: String, json: JSON) {
        if name == "registered" {
            guard let instance = json["instance"]?.string, let facts = json["facts"] else { return nil }
            self = .registered(instance: instance, facts: facts)
            return
        }
        guard let task = json["task"]?.string else { return nil }
        switch name {
        case "created":
            guard let wire = json["wire"] else { return nil }
            self = .created(task: task, agent: json["agent"]?.string, wire: wire)
        case "assigned":
            guard let agent = json["agent"]?.string else { return nil }
            self = .assigned(task: task, agent: agent)
        case "kicked": self = .kicked(task: task)
        case "described": self = .described(task: task)
        case "started": self = .started(task: task)
        case "chunk":
            guard let index = json["index"]?.int64, let text = json["output"]?.string,
                let output = try? Base64.decode(text)
            else { return nil }
            self = .chunk(task: task, index: Int(clamping: index), output: output, dropped: json["dropped"]?.int64 ?? 0)
        case "finished":
            guard let report = json["report"] else { return nil }
            self = .finished(task: task, report: report)
        case "cancelled": self = .cancelled(task: task)
        case "abandoned": self = .abandoned(task: task)
        default: return nil
        }
    }
}
