import Agent
import CShims

/// The log on disk: one file and one older one, each up to 10 MB, mode 0600.
public final class LogFile: LogSink {
    public static let sizeLimit: Int64 = 10_000_000

    private struct State {
        var file: FileDescriptor?
        var size: Int64 = 0
    }

    private let path: String
    private let limit: Int64
    private let state = Lock(State())

    /// - Parameter limit: the size in bytes at which the file is put aside as `PATH.1` and begun anew.
    public init(path: String, limit: Int64 = sizeLimit) {
        self.path = path
        self.limit = limit
    }

    public func write(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        state.with { state in
            if state.file != nil, state.size + Int64(bytes.count) > limit {
                state.file = nil
                try? PosixFiles().rename(path, to: path + ".1")
            }
            // Opened when needed: a directory that was not there, or a disk that was full, may be back by now.
            if state.file == nil {
                state.file = try? open()
                state.size = (try? PosixFiles().size(path)) ?? 0
            }
            guard let file = state.file else { return }
            do {
                try file.writeAll(bytes)
                state.size += Int64(bytes.count)
            } catch {
                state.file = nil
            }
        }
    }

    private func open() throws -> FileDescriptor {
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try PosixFiles().makeDirectory(String(path[..<slash]), access: .owner)
        }
        return try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
    }
}

/// The log on a terminal: standard error.
public struct ConsoleLog: LogSink {
    public init() {}

    public func write(_ line: String) {
        var rest = Array((line + "\n").utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { buffer in
                retrying { CShims.write(2, buffer.baseAddress, buffer.count) }
            }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }
}
