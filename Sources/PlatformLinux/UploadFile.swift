import CShims

/// A file whose bytes are uploaded: as many as it has when it is opened.
final class UploadFile {
    let size: Int
    private let file: FileDescriptor
    private var offset = 0

    init(path: String) throws(SystemError) {
        file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        var status = stat()
        guard fstat(file.number, &status) == 0 else { throw SystemError("stat \(path)") }
        guard shim_is_regular(status.st_mode) != 0, let size = Int(exactly: status.st_size) else {
            throw SystemError("open \(path)", code: EINVAL)
        }
        self.size = size
    }

    /// Puts the next bytes into the buffer: how many; 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        let wanted = min(buffer.count, size - offset)
        guard wanted > 0 else { return 0 }
        let count = retrying { pread(file.number, buffer.baseAddress, wanted, off_t(offset)) }
        guard count >= 0 else { throw SystemError("read") }
        // What was announced cannot be sent any more.
        guard count > 0 else { throw SystemError("read behind the end", code: EIO) }
        offset += count
        return count
    }

    /// Goes to a place from which to read on; whether there is one.
    func seek(to offset: Int) -> Bool {
        guard (0...size).contains(offset) else { return false }
        self.offset = offset
        return true
    }
}
