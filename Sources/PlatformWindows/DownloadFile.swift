import CShims

/// A file that a download goes to: a new one, of nobody else's, gone again unless it is kept.
final class DownloadFile {
    private let path: String
    private var file: Handle?
    private var isKept = false

    /// Makes the file. One that was there before is replaced, not written to: it may be a link, or have other readers.
    init(path: String) throws(SystemError) {
        self.path = path
        if !shim_win_DeleteFile(Path.wide(path)) {
            let code = shim_win_GetLastError()
            guard code == ErrorCode.fileNotFound else { throw SystemError("delete \(path)", code: code) }
        }
        file = try FileSecurity.owner.withAttributes { attributes throws(SystemError) in
            try Handle.open(
                path,
                access: FileAccess.write,
                share: 0,
                disposition: DWORD(CREATE_NEW),
                security: attributes
            )
        }
    }

    deinit {
        file = nil
        if !isKept { _ = shim_win_DeleteFile(Path.wide(path)) }
    }

    func write(_ bytes: [UInt8]) throws(SystemError) { try file?.writeAll(bytes) }

    /// Leaves the file where it is, and closes it.
    func keep() {
        isKept = true
        file = nil
    }
}
