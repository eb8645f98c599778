/// Why a file operation failed.
public struct FileError: Error, Equatable, CustomStringConvertible {
    /// The causes that the core tells apart.
    public enum Kind: Sendable { case notFound, exists, noSpace, denied, tooLarge, other }

    public let kind: Kind
    /// What failed, on which path, and the system's words for why.
    public let description: String

    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

/// The few file operations that the core needs. All paths are absolute; every call may block for as long as the disk
/// does.
public protocol Files: Sendable {
    /// The whole file. Throws `tooLarge` when it has more than `limit` bytes.
    func read(_ path: String, limit: Int) throws(FileError) -> [UInt8]

    /// Up to `count` bytes from `offset`; fewer at the end of the file.
    func read(_ path: String, offset: Int64, count: Int) throws(FileError) -> [UInt8]

    /// The size in bytes.
    func size(_ path: String) throws(FileError) -> Int64

    /// Whether anything is at `path`.
    func exists(_ path: String) -> Bool

    /// Replaces the file as a whole, mode 0600, by writing another one and renaming it. The bytes and the name are on
    /// disk before this returns; after a power failure there is the old file or the new one.
    func replace(_ path: String, with bytes: [UInt8]) throws(FileError)

    /// Makes a file that has not been there, mode 0600, by writing another one and renaming it: other processes see
    /// all of it or nothing. The bytes and the name are on disk before this returns; after a power failure before that,
    /// the file may be there with less than its bytes. This costs half of what `replace` does.
    func publish(_ path: String, _ bytes: [UInt8]) throws(FileError)

    /// Creates an empty file, mode 0600. Throws `exists` when there is one.
    func create(_ path: String) throws(FileError)

    /// Adds to the end of the file in one write, creating it with mode 0600. A write that the disk takes a part of
    /// throws, and the part stays. Durably: the bytes are on disk before this returns.
    func append(_ bytes: [UInt8], to path: String, durably: Bool) throws(FileError)

    /// Takes all bytes out of the file.
    func empty(_ path: String) throws(FileError)

    /// Creates the directory, with its parents. A directory that exists is left as it is.
    func makeDirectory(_ path: String, access: DirectoryAccess) throws(FileError)

    /// Makes a directory's entries durable. Linux: fsync(2) of the directory.
    func sync(directory: String) throws(FileError)

    /// The names in a directory, without `.` and `..`, in no order.
    func list(_ path: String) throws(FileError) -> [String]

    /// Renames, replacing what is at `target`.
    func rename(_ path: String, to target: String) throws(FileError)

    /// Removes a file, or a directory with all it holds; links are removed, never followed. Nothing there: no error.
    func remove(_ path: String) throws(FileError)

    /// Seconds since 1970 of the last change of the file or its name.
    func changed(_ path: String) throws(FileError) -> Int64
}

/// Who may use a directory that the agent makes.
public enum DirectoryAccess: Sendable {
    /// The agent's user alone.
    case owner
    /// Others may pass through to a name they know, not list it.
    case passage
}
