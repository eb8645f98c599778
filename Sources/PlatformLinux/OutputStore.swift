import Agent
import CShims

/// Moves what a script writes from its pipe into a file, up to a limit; what comes after that is only counted.
///
/// On a disk that takes no more, the rest is only counted, too: a full disk must not stop the script.
struct OutputStore {
    private let pipe: FileDescriptor
    private let null: FileDescriptor
    private let file: FileDescriptor
    private var isStoring = true
    private let limit: Int64

    /// How many bytes are in the file.
    private(set) var stored: Int64 = 0
    /// How many bytes the script wrote.
    private(set) var total: Int64 = 0

    /// - Parameter pipe: the reading end, which must not block.
    init(from pipe: FileDescriptor, to file: FileDescriptor, null: FileDescriptor, limit: Int64) {
        self.pipe = pipe
        self.file = file
        self.null = null
        self.limit = limit
    }

    /// Takes what there is; `false` at the end of the output, when no process holds the pipe any more.
    mutating func drain() -> Bool {
        // Some rounds at a time, so that a script that writes without pause does not keep its supervisor from the clock.
        for _ in 0..<16 {
            let moved = move()
            if moved == 0 { return false }
            if moved < 0 { return shim_errno() == EAGAIN }
            crashPoint("output moved")
        }
        return true
    }

    /// Has what is stored written to the disk. Returns when it is there.
    func sync() {
        if stored > 0 { fdatasync(file.number) }
        crashPoint("output synced")
    }

    /// As splice(2): how many bytes were moved.
    private mutating func move() -> Int {
        if isStoring, stored < limit {
            let moved = retrying { shim_splice(pipe.number, file.number, Int(min(limit - stored, 1 << 20))) }
            if moved > 0 {
                stored += Int64(moved)
                total += Int64(moved)
            }
            if moved >= 0 || shim_errno() == EAGAIN { return moved }
            isStoring = false
        }
        let moved = retrying { shim_splice(pipe.number, null.number, 1 << 20) }
        if moved > 0 { total += Int64(moved) }
        return moved
    }
}
