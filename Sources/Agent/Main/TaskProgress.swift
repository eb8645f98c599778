/// How far the reports of a task have come: lines that are only ever added to the task's file.
///
/// An intention is noted before it is carried out and its outcome after, so that an agent that takes over in between
/// knows that the service may have got a report whose answer is lost.
struct TaskProgress: Equatable, Sendable {
    enum Start: Equatable, Sendable {
        case notSent
        /// Sent; the answer is not known.
        case sent
        /// The service knows that the task started, or does not want to know.
        case settled
    }

    /// A piece of output under its index, as it was or will be uploaded.
    struct Chunk: Equatable, Sendable {
        var index: Int64
        var offset: Int64
        var length: Int
    }

    enum Entry: Equatable, Sendable {
        case startSent
        case startSettled
        case chunkPlanned(Chunk)
        case chunkSettled(index: Int64)
        case dropReported
        /// The whole output was uploaded, or never will be.
        case outputSettled(OutputUpload.Outcome)
    }

    private(set) var start = Start.notSent
    /// A chunk that may have been sent: it has to be sent again exactly as it is.
    private(set) var pending: Chunk?
    /// How many chunks are settled; the index of the next one.
    private(set) var nextIndex: Int64 = 0
    /// How many bytes of output they hold; where the next one starts.
    private(set) var nextOffset: Int64 = 0
    /// Whether the chunk that carries the count of dropped bytes is settled.
    private(set) var dropReported = false
    /// What became of the whole output; `nil` as long as that is open, or nobody wants it.
    private(set) var output: OutputUpload.Outcome?

    mutating func note(_ entry: Entry) {
        switch entry {
        case .startSent:
            if start == .notSent { start = .sent }
        case .startSettled:
            start = .settled
        case .chunkPlanned(let chunk):
            // Only then is another one planned; that it was settled need not have found room on the disk.
            if let pending, pending.index + 1 == chunk.index { note(.chunkSettled(index: pending.index)) }
            guard chunk.index == nextIndex, chunk.offset == nextOffset else { return }
            guard chunk.length > 0, chunk.length <= Chunker.chunkSize else { return }
            pending = chunk
        case .chunkSettled(let index):
            guard let chunk = pending, chunk.index == index else { return }
            pending = nil
            nextIndex += 1
            nextOffset += Int64(chunk.length)
        case .dropReported:
            guard !dropReported else { return }
            dropReported = true
            nextIndex += 1
        case .outputSettled(let outcome):
            output = output ?? outcome
        }
    }
}

extension TaskProgress {
    /// More than the lines of as many one-byte chunks as a task can have.
    static let sizeLimit = 4 << 20

    /// Reads the lines back. What is not a whole, known line (torn by a power failure) is passed over.
    init(decoding bytes: [UInt8]) {
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true) {
            if let entry = Entry(line: String(decoding: line, as: UTF8.self)) { note(entry) }
        }
    }
}

extension TaskProgress.Entry {
    /// The entry as a line of the file. It begins with a line feed, too, so that one that was torn before it does not
    /// swallow it.
    var line: [UInt8] {
        let words =
            switch self {
            case .startSent: "start sent"
            case .startSettled: "start settled"
            case .chunkPlanned(let chunk): "chunk \(chunk.index) \(chunk.offset) \(chunk.length)"
            case .chunkSettled(let index): "settled \(index)"
            case .dropReported: "drop reported"
            case .outputSettled(.stored(let url)): "output stored \(Base64.encode(url.utf8))"
            case .outputSettled(.failed(let reason)): "output failed \(Base64.encode(reason.utf8))"
            }
        return Array("\n\(words) .\n".utf8)
    }

    /// `nil` when it is not a whole line: each ends with a full stop, so that a torn number is not taken for a number.
    init?(line: String) {
        var words = line.split(separator: " ")
        guard words.popLast() == "." else { return nil }
        switch (words.first, words.count) {
        case ("start", 2) where words[1] == "sent": self = .startSent
        case ("start", 2) where words[1] == "settled": self = .startSettled
        case ("chunk", 4):
            guard let index = Int64(words[1]), let offset = Int64(words[2]), let length = Int(words[3]) else {
                return nil
            }
            self = .chunkPlanned(TaskProgress.Chunk(index: index, offset: offset, length: length))
        case ("settled", 2):
            guard let index = Int64(words[1]) else { return nil }
            self = .chunkSettled(index: index)
        case ("drop", 2) where words[1] == "reported": self = .dropReported
        case ("output", 3):
            guard let bytes = try? Base64.decode(String(words[2])) else { return nil }
            let text = String(decoding: bytes, as: UTF8.self)
            switch words[1] {
            case "stored": self = .outputSettled(.stored(url: text))
            case "failed": self = .outputSettled(.failed(reason: text))
            default: return nil
            }
        default: return nil
        }
    }
}
