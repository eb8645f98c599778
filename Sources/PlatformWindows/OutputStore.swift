import Agent
import CShims

/// Moves what a script writes from its pipe into a file, up to a limit; what comes after that is only counted.
///
/// On a disk that takes no more, the rest is only counted, too: a full disk must not stop the script.
struct OutputStore {
    private let reading: Operation
    private let file: Handle
    private let limit: Int64
    private var text = OutputText()
    private var isStoring = true

    /// How many bytes are in the file.
    private(set) var stored: Int64 = 0
    /// How many bytes the script wrote, as UTF-8.
    private(set) var total: Int64 = 0

    /// - Parameter pipe: the reading end, made for overlapped operations.
    init(from pipe: Handle, to file: Handle, limit: Int64) throws(SystemError) {
        reading = try Operation(on: pipe, capacity: 65_536)
        self.file = file
        self.limit = limit
        try reading.read()
    }

    /// Signalled when there is something to take.
    var event: Handle { reading.event }

    /// Takes what there is; `false` at the end of the output, when no process holds the pipe any more.
    mutating func drain() -> Bool {
        // Some rounds at a time, so that a script that writes without pause does not keep its supervisor from the clock.
        for _ in 0..<16 {
            do throws(SystemError) {
                guard let bytes = try reading.result() else { return true }
                store(text.convert(bytes))
                try reading.read()
            } catch {
                store(text.end())
                return false
            }
        }
        return true
    }

    /// Has what is stored written to the disk. Returns when it is there; before, `isWhole` is called if nothing was
    /// dropped.
    mutating func finish(isWhole: () -> Void) {
        store(text.end())
        if stored == total { isWhole() }
        if stored > 0 { _ = shim_win_FlushFileBuffers(file.raw) }
    }

    private mutating func store(_ bytes: [UInt8]) {
        total += Int64(bytes.count)
        guard isStoring, stored < limit, !bytes.isEmpty else { return }
        // Not more than the limit, and nothing behind a gap.
        let piece = bytes.prefix(Int(min(limit - stored, Int64(bytes.count))))
        do throws(SystemError) {
            try file.writeAll(piece, offset: stored)
            stored += Int64(piece.count)
        } catch {
            isStoring = false
            _ = shim_win_SetEndOfFile(file.raw, stored)
        }
    }
}
