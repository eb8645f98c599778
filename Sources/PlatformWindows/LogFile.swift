import Agent
import CShims

/// The log on disk: one file and one older one, each up to 10 MB, for administrators only.
public final class LogFile: LogSink {
    public static let sizeLimit: Int64 = 10_000_000

    private let path: String
    private let limit: Int64
    private let current = Lock<Handle?>(nil)

    /// - Parameter limit: the size in bytes at which the file is put aside as `PATH.1` and begun anew.
    public init(path: String, limit: Int64 = sizeLimit) {
        self.path = path
        self.limit = limit
    }

    public func write(_ line: String) {
        let bytes = Array((line + "\r\n").utf8)
        current.with { current in
            do throws(SystemError) {
                var (file, size) = try usable(current)
                if size > 0, size + Int64(bytes.count) > limit {
                    try? WindowsFiles().rename(path, to: path + ".1")
                    (file, size) = try usable(nil)
                }
                current = file
                do throws(SystemError) {
                    try file.writeAll(bytes, offset: size)
                } catch {
                    // What a full disk took of the line would stand before the next one.
                    _ = shim_win_SetEndOfFile(file.raw, size)
                }
            } catch {
                current = nil
            }
        }
    }

    /// The file to write to, and its size: the current one, unless somebody has removed or renamed it since.
    private func usable(_ current: Handle?) throws(SystemError) -> (Handle, size: Int64) {
        if let current, WindowsFiles().exists(path) {
            let size = shim_win_GetFileSizeEx(current.raw)
            if size >= 0 { return (current, size) }
        }
        try? WindowsFiles().makeDirectory(Path.parent(of: path), access: .owner)
        let file = try Handle.make(
            path,
            access: FileAccess.write | DWORD(FILE_READ_ATTRIBUTES),
            share: DWORD(FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE),
            disposition: DWORD(OPEN_ALWAYS),
            security: .owner
        )
        let size = shim_win_GetFileSizeEx(file.raw)
        guard size >= 0 else { throw SystemError("size of \(path)") }
        return (file, size)
    }
}

/// The log on a terminal: standard error.
public struct ConsoleLog: LogSink {
    public init() {}

    public func write(_ line: String) {
        guard let output = shim_win_GetStdHandle(shim_win_std_error()), shim_win_is_valid(output) != 0 else { return }
        var rest = Array((line + "\r\n").utf8)[...]
        while !rest.isEmpty {
            var written: DWORD = 0
            let isWritten = rest.withUnsafeBytes { buffer in
                shim_win_WriteFile(output, buffer.baseAddress, DWORD(buffer.count), &written, nil)
            }
            guard isWritten, written > 0 else { return }
            rest = rest.dropFirst(Int(written))
        }
    }
}
