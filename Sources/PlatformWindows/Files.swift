import Agent
import CShims

/// File operations by Win32 calls. New files and folders are for SYSTEM, administrators and this process' user only.
public struct WindowsFiles: Files {
    public init() {}

    private static let sharing = DWORD(FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

    public func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
        try translated { () throws(SystemError) -> [UInt8] in
            let file = try open(path)
            var bytes: [UInt8] = []
            // One byte more than allowed tells a file that is too long from one that just fits.
            while bytes.count <= limit {
                let piece = try file.read(atMost: min(limit + 1 - bytes.count, max(4096, bytes.count)))
                guard !piece.isEmpty else { return bytes }
                bytes += piece
            }
            throw SystemError("read \(path)", code: ErrorCode.fileTooLarge)
        }
    }

    public func read(_ path: String, offset: Int64, count: Int) throws(FileError) -> [UInt8] {
        try translated { () throws(SystemError) in try open(path).read(atMost: count, offset: offset) }
    }

    public func size(_ path: String) throws(FileError) -> Int64 {
        var data = WIN32_FILE_ATTRIBUTE_DATA()
        guard shim_win_GetFileAttributesEx(Path.wide(path), &data) else {
            throw FileError(SystemError("size of \(path)"))
        }
        return Int64(data.nFileSizeHigh) << 32 | Int64(data.nFileSizeLow)
    }

    public func changed(_ path: String) throws(FileError) -> Int64 {
        try translated { () throws(SystemError) in
            // The time of the last change is there for whoever may see the name.
            let file = try Handle.open(
                path,
                access: DWORD(FILE_READ_ATTRIBUTES),
                share: Self.sharing,
                disposition: DWORD(OPEN_EXISTING),
                flags: DWORD(FILE_FLAG_BACKUP_SEMANTICS)
            )
            let time = shim_win_file_change_time(file.raw)
            guard time != 0 else { throw SystemError("time of \(path)") }
            return FileTime.unixMilliseconds(time) / 1000
        }
    }

    public func exists(_ path: String) -> Bool {
        shim_win_GetFileAttributes(Path.wide(path)) != DWORD.max
    }

    public func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
        try translated { () throws(SystemError) in
            let draft = path + ".new"
            let file = try write(bytes, to: draft)
            guard shim_win_FlushFileBuffers(file.raw) else { throw SystemError("flush \(draft)") }
        }
        try rename(path + ".new", to: path)
    }

    public func publish(_ path: String, _ bytes: [UInt8]) throws(FileError) {
        // The system has no cheaper way than this one.
        try replace(path, with: bytes)
    }

    private func write(_ bytes: [UInt8], to path: String) throws(SystemError) -> Handle {
        let file = try make(path, access: FileAccess.write, disposition: DWORD(CREATE_ALWAYS))
        do throws(SystemError) {
            try file.writeAll(bytes)
        } catch {
            // On a full disk it would take the room of what is written next.
            _ = shim_win_DeleteFile(Path.wide(path))
            throw error
        }
        return file
    }

    public func create(_ path: String) throws(FileError) {
        _ = try translated { () throws(SystemError) in
            try make(path, access: FileAccess.write, disposition: DWORD(CREATE_NEW))
        }
    }

    public func append(_ bytes: [UInt8], to path: String, durably: Bool) throws(FileError) {
        try translated { () throws(SystemError) in
            // Who may only append writes at the end, wherever that is by then.
            let file = try make(path, access: FileAccess.append, disposition: DWORD(OPEN_ALWAYS))
            // Two at a time would do no harm on NTFS; other file systems are not trusted with it.
            guard shim_win_LockFileEx(file.raw) else { throw SystemError("lock \(path)") }
            defer { _ = shim_win_UnlockFileEx(file.raw) }
            try file.writeAll(bytes)
            guard !durably || shim_win_FlushFileBuffers(file.raw) else { throw SystemError("flush \(path)") }
        }
    }

    public func empty(_ path: String) throws(FileError) {
        _ = try translated { () throws(SystemError) in
            try make(path, access: FileAccess.write, disposition: DWORD(TRUNCATE_EXISTING))
        }
    }

    public func makeDirectory(_ path: String, access: DirectoryAccess) throws(FileError) {
        // Whoever knows a name may pass through folders that he cannot read (SeChangeNotifyPrivilege), as everybody may
        // unless an administrator has forbidden it: both kinds of access are the same here.
        let error: SystemError
        do throws(SystemError) {
            return try FileSecurity.ownerDirectory.withAttributes { attributes throws(SystemError) in
                guard shim_win_CreateDirectory(Path.wide(path), attributes) else {
                    throw SystemError("make folder \(path)")
                }
            }
        } catch let failure {
            error = failure
        }
        switch error.code {
        case ErrorCode.alreadyExists:
            guard Self.attributes(path) & DWORD(FILE_ATTRIBUTE_DIRECTORY) != 0 else { throw FileError(error) }
        case ErrorCode.pathNotFound where Path.parent(of: path) != path:
            try makeDirectory(Path.parent(of: path), access: access)
            try makeDirectory(path, access: access)
        default:
            throw FileError(error)
        }
    }

    public func sync(directory: String) throws(FileError) {
        // NTFS and ReFS write names down with their journal, which the flush of a file in the folder, or a rename with
        // MOVEFILE_WRITE_THROUGH, has written: nothing is left to do for a folder.
        guard exists(directory) else {
            throw FileError(SystemError("folder \(directory)", code: ErrorCode.pathNotFound))
        }
    }

    public func list(_ path: String) throws(FileError) -> [String] {
        var data = WIN32_FIND_DATAW()
        let search = shim_win_FindFirstFile(Path.wide(path + "/*"), &data)
        guard shim_win_is_valid(search) != 0 else { throw FileError(SystemError("list \(path)")) }
        defer { _ = shim_win_FindClose(search) }
        var names: [String] = []
        repeat {
            let name = withUnsafePointer(to: &data) { String(wide: shim_win_find_name($0)) }
            if name != ".", name != ".." { names.append(name) }
        } while shim_win_FindNextFile(search, &data)
        let error = SystemError("list \(path)")
        // Less than the whole list must not be taken for it.
        guard error.code == ErrorCode.noMoreFiles else { throw FileError(error) }
        return names
    }

    public func rename(_ path: String, to target: String) throws(FileError) {
        let flags = DWORD(MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)
        try patiently("rename \(path)") { shim_win_MoveFileEx(Path.wide(path), Path.wide(target), flags) }
    }

    public func remove(_ path: String) throws(FileError) {
        let attributes = Self.attributes(path)
        if attributes == 0 { return }
        if attributes & DWORD(FILE_ATTRIBUTE_READONLY) != 0 {
            _ = shim_win_SetFileAttributes(Path.wide(path), DWORD(FILE_ATTRIBUTE_NORMAL))
        }
        if attributes & DWORD(FILE_ATTRIBUTE_DIRECTORY) == 0 {
            return try patiently("remove \(path)") { shim_win_DeleteFile(Path.wide(path)) || Self.isGone }
        }
        // A link to a folder goes without what is in that.
        if attributes & DWORD(FILE_ATTRIBUTE_REPARSE_POINT) == 0 {
            do throws(FileError) {
                for name in try list(path) { try remove(path + "/" + name) }
            } catch {
                guard error.kind == .notFound else { throw error }
            }
        }
        try patiently("remove \(path)") { shim_win_RemoveDirectory(Path.wide(path)) || Self.isGone }
    }

    /// Whether the last call failed for want of the file.
    private static var isGone: Bool {
        let code = shim_win_GetLastError()
        return code == ErrorCode.fileNotFound || code == ErrorCode.pathNotFound
    }

    /// 0 where nothing is.
    private static func attributes(_ path: String) -> DWORD {
        let attributes = shim_win_GetFileAttributes(Path.wide(path))
        return attributes == DWORD.max ? 0 : attributes
    }

    private func open(_ path: String) throws(SystemError) -> Handle {
        try Handle.open(path, access: FileAccess.read, share: Self.sharing, disposition: DWORD(OPEN_EXISTING))
    }

    private func make(_ path: String, access: DWORD, disposition: DWORD) throws(SystemError) -> Handle {
        try Handle.make(path, access: access, share: Self.sharing, disposition: disposition, security: .owner)
    }

    /// Virus scanners and indexers hold files for moments, without letting others rename or remove them.
    private func patiently(_ what: String, _ call: () -> Bool) throws(FileError) {
        var pause: DWORD = 1
        while !call() {
            let error = SystemError(what)
            let passing = [ErrorCode.sharingViolation, ErrorCode.accessDenied, ErrorCode.directoryNotEmpty]
            guard passing.contains(error.code), pause <= 64 else { throw FileError(error) }
            shim_win_Sleep(pause)
            pause *= 2
        }
    }

    private func translated<T>(_ body: () throws(SystemError) -> T) throws(FileError) -> T {
        do throws(SystemError) { return try body() } catch { throw FileError(error) }
    }
}

extension FileError {
    init(_ error: SystemError) {
        let kind: Kind =
            switch error.code {
            case ErrorCode.fileNotFound, ErrorCode.pathNotFound, ErrorCode.invalidName, ErrorCode.badPathName: .notFound
            case ErrorCode.fileExists, ErrorCode.alreadyExists: .exists
            case ErrorCode.diskFull, ErrorCode.handleDiskFull, ErrorCode.diskQuotaExceeded: .noSpace
            case ErrorCode.accessDenied, ErrorCode.writeProtect, ErrorCode.sharingViolation: .denied
            case ErrorCode.fileTooLarge: .tooLarge
            default: .other
            }
        self.init(kind, error.description)
    }
}
