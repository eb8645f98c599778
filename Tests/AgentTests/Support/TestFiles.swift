import Agent
import Foundation
import Synchronization

/// A directory for one test, removed with the last that holds it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        path = NSTemporaryDirectory() + "agent-tests-" + UUID().uuidString
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Real files, with faults where a test wants them.
final class TestFiles: Files {
    enum Operation: Sendable {
        case read, size, replace, publish, create, append, empty, makeDirectory, sync, list, rename, remove
    }

    /// The operations that a disk without space refuses.
    static let writes: Set<Operation> = [.replace, .publish, .create, .append, .makeDirectory, .rename]

    typealias Fault = @Sendable (Operation, String) -> FileError?

    private let fault = Mutex<Fault?>(nil)

    /// Has `fault` decide before each operation whether it fails, and how.
    func fail(_ fault: Fault?) { self.fault.withLock { $0 = fault } }

    /// Fails those writes, counted from 0, as a full disk does.
    func failWrites(_ numbers: some RangeExpression<Int> & Sendable) {
        let count = Mutex(0)
        fail { operation, path in
            guard Self.writes.contains(operation) else { return nil }
            let number = count.withLock { count in
                defer { count += 1 }
                return count
            }
            return numbers.contains(number) ? FileError(.noSpace, "write \(path): no space left on device") : nil
        }
    }

    private func check(_ operation: Operation, _ path: String) throws(FileError) {
        let decide = fault.withLock { $0 }
        if let error = decide?(operation, path) { throw error }
    }

    private func attempt<T>(_ path: String, _ body: () throws -> T) throws(FileError) -> T {
        do {
            return try body()
        } catch let error as FileError {
            throw error
        } catch {
            throw FileError(exists(path) ? .other : .notFound, "\(path): \(error)")
        }
    }

    private func load(_ path: String) throws(FileError) -> [UInt8] {
        try attempt(path) { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }
    }

    func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
        try check(.read, path)
        let bytes = try load(path)
        guard bytes.count <= limit else { throw FileError(.tooLarge, "read \(path): too large") }
        return bytes
    }

    func read(_ path: String, offset: Int64, count: Int) throws(FileError) -> [UInt8] {
        try check(.read, path)
        return Array(try load(path).dropFirst(Int(offset)).prefix(count))
    }

    func size(_ path: String) throws(FileError) -> Int64 {
        try check(.size, path)
        return Int64(try load(path).count)
    }

    func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
        try check(.replace, path)
        try put(bytes, at: path)
    }

    func publish(_ path: String, _ bytes: [UInt8]) throws(FileError) {
        try check(.publish, path)
        try put(bytes, at: path)
    }

    private func put(_ bytes: [UInt8], at path: String) throws(FileError) {
        try attempt(path) { try Data(bytes).write(to: URL(fileURLWithPath: path + ".new")) }
        guard Foundation.rename(path + ".new", path) == 0 else { throw failure("rename", path) }
    }

    func create(_ path: String) throws(FileError) {
        try check(.create, path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else { throw failure("open", path) }
        close(descriptor)
    }

    func empty(_ path: String) throws(FileError) {
        try check(.empty, path)
        guard truncate(path, 0) == 0 else { throw failure("truncate", path) }
    }

    func append(_ bytes: [UInt8], to path: String, durably: Bool) throws(FileError) {
        try check(.append, path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        guard write(descriptor, bytes, bytes.count) == bytes.count else { throw failure("write", path) }
    }

    func makeDirectory(_ path: String, access: DirectoryAccess) throws(FileError) {
        try check(.makeDirectory, path)
        try attempt(path) {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
    }

    func sync(directory: String) throws(FileError) { try check(.sync, directory) }

    func list(_ path: String) throws(FileError) -> [String] {
        try check(.list, path)
        return try attempt(path) { try FileManager.default.contentsOfDirectory(atPath: path) }
    }

    func rename(_ path: String, to target: String) throws(FileError) {
        try check(.rename, path)
        guard Foundation.rename(path, target) == 0 else { throw failure("rename", path) }
    }

    func remove(_ path: String) throws(FileError) {
        try check(.remove, path)
        guard (try? FileManager.default.attributesOfItem(atPath: path)) != nil else { return }
        try attempt(path) { try FileManager.default.removeItem(atPath: path) }
    }

    /// A test sets the modification date, so that is what counts here.
    func changed(_ path: String) throws(FileError) -> Int64 {
        let date = try attempt(path) { try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] }
        guard let date = date as? Date else { throw FileError(.other, "\(path): no date") }
        return Int64(date.timeIntervalSince1970)
    }

    private func failure(_ call: String, _ path: String) -> FileError {
        let kind: FileError.Kind = errno == EEXIST ? .exists : errno == ENOENT ? .notFound : .other
        return FileError(kind, "\(call) \(path): \(String(cString: strerror(errno)))")
    }
}
