import Agent
import CShims
import PlatformLinux

/// The events on disk, one JSON line each, added to by one write(2) a batch: what a killed hub has answered is kept.
@LoopActor
final class Journal {
    /// Beyond this size the lines of forgotten tasks are left out, by writing the file anew.
    private static let compactionSize = 256 << 20
    nonisolated private static let lineLimit = 48 << 20

    private let path: String
    private var file: FileDescriptor
    private var size: Int
    private var compactAt: Int
    private var hasFailed = false

    /// Opens the journal at `path` and hands each event in it to `replay`, in order.
    init(_ path: String, replay: (TaskEvent) -> Void) throws(Failure) {
        self.path = path
        let number = shim_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
        guard number >= 0 else { throw .system("open \(path)") }
        file = FileDescriptor(owning: number)
        var unknown = 0
        let good = Self.lines(of: number) { line in
            if let json = try? JSON.parse(line, limits: Self.limits), let event = TaskEvent(json: json) {
                replay(event)
            } else {
                unknown += 1
            }
        }
        if unknown > 0 { note("warning: skipped \(unknown) unknown lines of \(path)") }
        if lseek(number, 0, SEEK_END) != good {
            note("warning: the last line of \(path) is incomplete and is dropped")
        }
        guard ftruncate(number, good) == 0, lseek(number, 0, SEEK_END) >= 0 else { throw .system("truncate \(path)") }
        size = Int(good)
        compactAt = Self.compactionSize
    }

    /// Adds events. What cannot be written is said once and lives in memory only.
    func append(_ events: [TaskEvent]) {
        guard !events.isEmpty else { return }
        var bytes: [UInt8] = []
        for event in events {
            bytes.append(contentsOf: event.json.encoded())
            bytes.append(0x0A)
        }
        if writeAll(bytes, to: file.number) {
            size += bytes.count
            return
        }
        let failure = Failure.system("write \(path)")
        if !hasFailed { note("warning: \(failure.message); some of the state is in memory only") }
        hasFailed = true
        // Half a line must not be glued to the next one.
        if ftruncate(file.number, off_t(size)) == 0 { lseek(file.number, off_t(size), SEEK_SET) }
    }

    /// Writes the file anew when it has grown too large, with the lines about what `isKept` alone.
    func compactIfNeeded(isKept: (TaskEvent) -> Bool) {
        guard size > compactAt else { return }
        do {
            try compact(isKept: isKept)
        } catch {
            note("warning: \(error.message)")
        }
        compactAt = max(Self.compactionSize, 2 * size)
    }

    private func compact(isKept: (TaskEvent) -> Bool) throws(Failure) {
        let draft = path + ".new"
        let number = shim_open(draft, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
        guard number >= 0 else { throw .system("open \(draft)") }
        let target = FileDescriptor(owning: number)
        var written = 0
        var isGood = true
        guard lseek(file.number, 0, SEEK_SET) == 0 else { throw .system("seek \(path)") }
        _ = Self.lines(of: file.number) { line in
            guard isGood, let json = try? JSON.parse(line, limits: Self.limits), let event = TaskEvent(json: json),
                isKept(event)
            else { return }
            isGood = writeAll(line + [0x0A], to: number)
            written += line.count + 1
        }
        guard isGood, rename(draft, path) == 0 else {
            lseek(file.number, 0, SEEK_END)
            throw .system("write \(draft)")
        }
        file = target
        size = written
    }

    nonisolated private static var limits: JSON.Limits {
        var limits = JSON.Limits()
        limits.bytes = lineLimit
        return limits
    }

    /// Hands out every complete line from the current offset on; how many bytes these are.
    nonisolated private static func lines(of file: Int32, _ body: ([UInt8]) -> Void) -> off_t {
        var good: off_t = 0
        var rest: [UInt8] = []
        /// What no hub wrote is passed over without being kept.
        var skipped = 0
        while true {
            let block = [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, initialized in
                initialized = max(0, retrying { read(file, buffer.baseAddress, buffer.count) })
            }
            guard !block.isEmpty else { return good }
            var start = 0
            while let end = block[start...].firstIndex(of: 0x0A) {
                let line = rest + block[start..<end]
                good += off_t(skipped + line.count) + 1
                if skipped == 0 { body(line) }
                rest = []
                skipped = 0
                start = end + 1
            }
            rest.append(contentsOf: block[start...])
            if skipped > 0 || rest.count > lineLimit {
                skipped += rest.count
                rest = []
            }
        }
    }
}
