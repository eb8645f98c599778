import Agent
import CShims

/// The log on disk: one file and one older one, each up to 10 MB, mode 0600.
public final class LogFile: LogSink {
    public static let sizeLimit: Int64 = 10_000_000

    private let path: String
    private let limit: Int64
    private let current = Lock<FileDescriptor?>(nil)

    /// - Parameter limit: the size in bytes at which the file is put aside as `PATH.1` and begun anew.
    public init(path: String, limit: Int64 = sizeLimit) {
        self.path = path
        self.limit = limit
    }

    public func write(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        current.with { current in
            do throws(SystemError) {
                var (file, size) = try usable(current)
                if size > 0, size + Int64(bytes.count) > limit {
                    try? PosixFiles().rename(path, to: path + ".1")
                    (file, size) = try usable(nil)
                }
                current = file
                do throws(SystemError) {
                    try file.writeAll(bytes)
                } catch {
                    // What a full disk took of the line would stand before the next one.
                    ftruncate(file.number, off_t(size))
                }
            } catch {
                current = nil
            }
        }
    }

    /// The file to write to, and its size: the current one, unless somebody has removed it since.
    private func usable(_ current: FileDescriptor?) throws(SystemError) -> (FileDescriptor, size: Int64) {
        var status = stat()
        if let current, fstat(current.number, &status) == 0, status.st_nlink > 0 {
            return (current, Int64(status.st_size))
        }
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try? PosixFiles().makeDirectory(String(path[..<slash]), access: .owner)
        }
        let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        guard fstat(file.number, &status) == 0 else { throw SystemError("stat \(path)") }
        return (file, Int64(status.st_size))
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
