import Agent
import CShims

/// File operations by POSIX calls.
public struct PosixFiles: Files {
    public init() {}

    public func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
        try translated { () throws(SystemError) -> [UInt8] in
            let file = try FileDescriptor.open(path, O_RDONLY)
            var bytes: [UInt8] = []
            // One byte more than allowed tells a file that is too long from one that just fits.
            while bytes.count <= limit {
                let wanted = min(limit + 1 - bytes.count, max(4096, bytes.count))
                guard let piece = try file.read(atMost: wanted), !piece.isEmpty else { return bytes }
                bytes += piece
            }
            throw SystemError("read \(path)", code: EFBIG)
        }
    }

    public func read(_ path: String, offset: Int64, count: Int) throws(FileError) -> [UInt8] {
        try translated { () throws(SystemError) -> [UInt8] in
            let file = try FileDescriptor.open(path, O_RDONLY)
            var length = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                length = retrying { pread(file.number, buffer.baseAddress, count, off_t(offset)) }
                initialized = max(0, length)
            }
            guard length >= 0 else { throw SystemError("read \(path)") }
            return bytes
        }
    }

    public func size(_ path: String) throws(FileError) -> Int64 {
        Int64(try status(path).st_size)
    }

    public func changed(_ path: String) throws(FileError) -> Int64 {
        Int64(try status(path).st_ctim.tv_sec)
    }

    private func status(_ path: String) throws(FileError) -> stat {
        var status = stat()
        guard stat(path, &status) == 0 else { throw FileError(SystemError("stat \(path)")) }
        return status
    }

    public func exists(_ path: String) -> Bool {
        access(path, F_OK) == 0
    }

    public func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
        let file = try write(bytes, to: path + ".new")
        try sync(file, path)
        try rename(path + ".new", to: path)
        try sync(directory: parent(of: path))
    }

    public func publish(_ path: String, _ bytes: [UInt8]) throws(FileError) {
        let file = try write(bytes, to: path + ".new")
        try rename(path + ".new", to: path)
        crashPoint("renamed to \(path)")
        // Journalling file systems write the names down with the file, which leaves nothing to do for the second sync.
        try sync(file, path)
        crashPoint("synced \(path)")
        try sync(directory: parent(of: path))
    }

    private func write(_ bytes: [UInt8], to path: String) throws(FileError) -> FileDescriptor {
        try translated { () throws(SystemError) in
            let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            do throws(SystemError) {
                try file.writeAll(bytes)
            } catch {
                // On a full disk it would take the room of what is written next.
                unlink(path)
                throw error
            }
            return file
        }
    }

    private func sync(_ file: FileDescriptor, _ path: String) throws(FileError) {
        guard fsync(file.number) == 0 else { throw FileError(SystemError("fsync \(path)")) }
    }

    public func create(_ path: String) throws(FileError) {
        _ = try translated { () throws(SystemError) in
            try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        }
    }

    public func append(_ bytes: [UInt8], to path: String, durably: Bool) throws(FileError) {
        try translated { () throws(SystemError) in
            let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
            guard try file.write(bytes[...]) == bytes.count else { throw SystemError("write \(path)", code: ENOSPC) }
            crashPoint("appended to \(path)")
            guard !durably || fdatasync(file.number) == 0 else { throw SystemError("fdatasync \(path)") }
        }
    }

    public func empty(_ path: String) throws(FileError) {
        guard truncate(path, 0) == 0 else { throw FileError(SystemError("truncate \(path)")) }
    }

    public func makeDirectory(_ path: String, access: DirectoryAccess) throws(FileError) {
        let mode: mode_t = access == .owner ? 0o700 : 0o711
        if mkdir(path, mode) == 0 {
            // Exactly this mode, whatever the umask.
            guard chmod(path, mode) == 0 else { throw FileError(SystemError("chmod \(path)")) }
            return
        }
        let error = SystemError("mkdir \(path)")
        switch error.code {
        case EEXIST:
            var status = stat()
            guard stat(path, &status) == 0, shim_is_directory(status.st_mode) != 0 else { throw FileError(error) }
        case ENOENT where parent(of: path) != path:
            try makeDirectory(parent(of: path), access: access)
            try makeDirectory(path, access: access)
        default:
            throw FileError(error)
        }
    }

    public func sync(directory: String) throws(FileError) {
        try translated { () throws(SystemError) in
            let descriptor = try FileDescriptor.open(directory, O_RDONLY | O_DIRECTORY)
            guard fsync(descriptor.number) == 0 else { throw SystemError("fsync \(directory)") }
        }
    }

    public func list(_ path: String) throws(FileError) -> [String] {
        guard let directory = opendir(path) else { throw FileError(SystemError("opendir \(path)")) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = String(cString: shim_entry_name(entry))
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    public func rename(_ path: String, to target: String) throws(FileError) {
        guard CShims.rename(path, target) == 0 else { throw FileError(SystemError("rename \(path)")) }
    }

    public func remove(_ path: String) throws(FileError) {
        if unlink(path) == 0 { return }
        let error = SystemError("unlink \(path)")
        switch error.code {
        case ENOENT: return
        case EISDIR, EPERM: break
        default: throw FileError(error)
        }
        if rmdir(path) == 0 { return }
        guard shim_errno() == ENOTEMPTY || shim_errno() == EEXIST else {
            throw FileError(shim_errno() == ENOTDIR ? error : SystemError("rmdir \(path)"))
        }
        for name in try list(path) { try remove(path + "/" + name) }
        guard rmdir(path) == 0 || shim_errno() == ENOENT else { throw FileError(SystemError("rmdir \(path)")) }
    }

    private func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    private func translated<T>(_ body: () throws(SystemError) -> T) throws(FileError) -> T {
        do throws(SystemError) { return try body() } catch { throw FileError(error) }
    }
}

extension FileError {
    init(_ error: SystemError) {
        let kind: Kind =
            switch error.code {
            case ENOENT, ENOTDIR: .notFound
            case EEXIST: .exists
            case ENOSPC, EDQUOT: .noSpace
            case EACCES, EPERM, EROFS: .denied
            case EFBIG: .tooLarge
            default: .other
            }
        self.init(kind, error.description)
    }
}
