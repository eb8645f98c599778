import Agent

/// All that is known of one task.
struct TaskRecord: Sendable {
    enum State: String, Sendable {
        case pending, running, finished
        /// Cancelled before it was started.
        case cancelled
    }

    /// When things happened, by CLOCK_MONOTONIC in microseconds.
    struct Times: Sendable {
        var created: Int64
        var kicked: Int64?
        var described: Int64?
        var started: Int64?
        var firstChunk: Int64?
        var finished: Int64?
        var cancelled: Int64?
    }

    struct Chunk: Equatable, Sendable {
        var output: [UInt8]
        var dropped: Int64
    }

    /// What was reported how often, and what was against the protocol.
    struct Counters: Sendable {
        var describes = 0
        var starts = 0
        var chunks = 0
        var chunkRepeats = 0
        var chunkConflicts = 0
        var finishes = 0
        var finishConflicts = 0
    }

    static let violationLimit = 50
    /// The most output of one task that is kept; an agent uploads far less.
    static let outputLimit = 4 << 20
    static let chunkLimit = 100_000

    let id: String
    /// Position in the order of creation.
    let number: Int
    var agent: String?
    /// As `DescribeTasks` hands it out.
    var wire: JSON
    var state = State.pending
    var isCancelRequested = false
    var createdAt: Int64
    var finishedAt: Int64?
    var times: Times
    var counters = Counters()
    var violations: [String] = []
    var chunks: [Int: Chunk] = [:]
    var outputSize = 0
    var dropped: Int64 = 0
    /// The first `ReportTaskFinish`, without its id.
    var report: JSON?
    /// Whether script and output were given up to save memory.
    var isEvicted = false

    var isOver: Bool { state == .finished || state == .cancelled }

    /// A rough measure of the memory it takes.
    var weight: Int { isEvicted ? 512 : 512 + wireSize + outputSize + chunks.count * 64 }
    private var wireSize: Int

    init(id: String, number: Int, agent: String?, wire: JSON, event: TaskEvent) {
        self.id = id
        self.number = number
        self.agent = agent
        self.wire = wire
        wireSize = wire.object?.members.reduce(0) { $0 + 64 + ($1.value.string?.utf8.count ?? 0) } ?? 0
        createdAt = event.unixMilliseconds
        times = Times(created: event.microseconds)
    }

    /// The output up to the first missing chunk.
    var output: [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while let chunk = chunks[index] {
            result.append(contentsOf: chunk.output)
            index += 1
        }
        return result
    }

    /// Indices of chunks that did not arrive although later ones did; the first hundred.
    var gaps: [Int] {
        guard let last = chunks.keys.max(), last + 1 != chunks.count else { return [] }
        return Array((0..<last).lazy.filter { chunks[$0] == nil }.prefix(100))
    }

    mutating func violate(_ what: String) {
        if violations.count < Self.violationLimit { violations.append(what) }
    }

    mutating func evict() {
        isEvicted = true
        chunks = [:]
        if var fields = wire.object {
            fields["Command"] = nil
            wire = .object(fields)
        }
    }
}

extension TaskRecord {
    /// What a list of tasks shows.
    var summary: JSON {
        [
            "id": .string(id), "agent": JSON(agent), "state": .string(state.rawValue),
            "cancelRequested": .bool(isCancelRequested), "result": report?["Result"] ?? nil,
            "exitCode": report?["ExitCode"] ?? nil, "createdAt": .integer(createdAt), "finishedAt": JSON(finishedAt),
            "outputSize": JSON(outputSize), "dropped": .integer(dropped),
        ]
    }

    /// Everything.
    var json: JSON {
        guard var fields = summary.object else { return summary }
        fields["task"] = wire
        fields["report"] = report ?? nil
        fields["errorInfo"] = report?["ErrorInfo"] ?? nil
        fields["output"] = .string(String(decoding: output, as: UTF8.self))
        fields["outputBase64"] = .string(Base64.encode(output))
        fields["evicted"] = .bool(isEvicted)
        fields["chunks"] = .array(
            chunks.keys.sorted().map { index in
                [
                    "index": JSON(index), "size": JSON(chunks[index]?.output.count),
                    "dropped": JSON(chunks[index]?.dropped),
                ]
            }
        )
        fields["gaps"] = .array(gaps.map { JSON($0) })
        fields["counters"] = [
            "describes": JSON(counters.describes), "starts": JSON(counters.starts), "chunks": JSON(counters.chunks),
            "chunkRepeats": JSON(counters.chunkRepeats), "chunkConflicts": JSON(counters.chunkConflicts),
            "finishes": JSON(counters.finishes), "finishConflicts": JSON(counters.finishConflicts),
        ]
        fields["violations"] = .array(violations.map { .string($0) })
        fields["times"] = [
            "created": .integer(times.created), "kicked": JSON(times.kicked), "described": JSON(times.described),
            "started": JSON(times.started), "firstChunk": JSON(times.firstChunk), "finished": JSON(times.finished),
            "cancelled": JSON(times.cancelled),
        ]
        return .object(fields)
    }
}
