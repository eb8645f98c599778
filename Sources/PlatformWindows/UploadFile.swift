import CShims

/// A file whose bytes are uploaded: as many as it has when it is opened.
final class UploadFile {
    /// In bytes.
    let size: Int64
    private let file: Handle
    private var offset: Int64 = 0

    init(path: String) throws(SystemError) {
        file = try Handle.open(
            path,
            access: FileAccess.read,
            share: DWORD(FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE),
            disposition: DWORD(OPEN_EXISTING)
        )
        guard shim_win_GetFileType(file.raw) == DWORD(FILE_TYPE_DISK) else {
            throw SystemError("open \(path)", code: ErrorCode.invalidParameter)
        }
        size = shim_win_GetFileSizeEx(file.raw)
        guard size >= 0 else { throw SystemError("size of \(path)") }
    }

    /// Puts the next bytes at the start of the buffer: how many; 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        let wanted = min(Int64(buffer.count), size - offset)
        guard wanted > 0 else { return 0 }
        let bytes = try file.read(atMost: Int(wanted), offset: offset)
        // What was announced cannot be sent any more.
        guard !bytes.isEmpty else { throw SystemError("read behind the end", code: ErrorCode.handleEndOfFile) }
        buffer.copyBytes(from: bytes)
        offset += Int64(bytes.count)
        return bytes.count
    }
}
