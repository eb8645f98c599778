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
    /// Whether the file takes splice(2), which not every file system does.
    private var isSpliced = true
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
            switch move() {
            case .some: crashPoint("output moved")
            case .nothing: return true
            case .end: return false
            }
        }
        return true
    }

    /// Has what is stored written to the disk. Returns when it is there.
    func sync() {
        if stored > 0 { fdatasync(file.number) }
        crashPoint("output synced")
    }

    /// What was moved: something, nothing yet, or nothing ever again.
    private enum Move {
        case some, nothing, end

        /// That of a call like splice(2).
        init(_ moved: Int) { self = moved > 0 ? .some : moved < 0 && shim_errno() == EAGAIN ? .nothing : .end }
    }

    private mutating func move() -> Move {
        if isStoring, stored < limit {
            let count = Int(min(limit - stored, 1 << 20))
            guard isSpliced else { return copy(atMost: count) }
            let moved = retrying { shim_splice(pipe.number, file.number, count) }
            if moved > 0 {
                stored += Int64(moved)
                total += Int64(moved)
            }
            if moved >= 0 || shim_errno() == EAGAIN { return Move(moved) }
            isSpliced = shim_errno() != EINVAL
            isStoring = !isSpliced
            return move()
        }
        let moved = retrying { shim_splice(pipe.number, null.number, 1 << 20) }
        if moved > 0 { total += Int64(moved) }
        return Move(moved)
    }

    /// By read(2) and write(2).
    private mutating func copy(atMost count: Int) -> Move {
        do throws(SystemError) {
            guard let bytes = try pipe.read(atMost: min(count, 1 << 16)) else { return .nothing }
            guard !bytes.isEmpty else { return .end }
            total += Int64(bytes.count)
            var rest = bytes[...]
            while !rest.isEmpty, let written = try? file.write(rest), written > 0 {
                stored += Int64(written)
                rest = rest.dropFirst(written)
            }
            isStoring = rest.isEmpty
            return .some
        } catch {
            return .end
        }
    }
}
