import CShims

/// A file that a download goes to: a new one, of nobody else's, gone again unless it is kept.
final class DownloadFile {
    private let path: String
    private let file: FileDescriptor
    private var isKept = false

    /// Makes the file. One that was there before is replaced, not written to: it may be a link, or have other readers.
    init(path: String) throws(SystemError) {
        self.path = path
        if unlink(path) != 0, shim_errno() != ENOENT { throw SystemError("unlink \(path)") }
        file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    }

    deinit {
        if !isKept { unlink(path) }
    }

    func write(_ bytes: [UInt8]) throws(SystemError) { try file.writeAll(bytes) }

    /// Leaves the file where it is.
    func keep() { isKept = true }
}
