import CShims
import Foundation

@testable import Agent
@testable import PlatformLinux

/// What went wrong in a helper of the tests.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Whether the tests run as root.
let isRoot = geteuid() == 0

/// Polls until a condition holds, on whatever thread. Fails after a time that is more than enough.
func until(_ what: String, within limit: Duration = .seconds(60), _ condition: () throws -> Bool) async throws {
    let deadline = ContinuousClock.now + limit
    while try !condition() {
        guard ContinuousClock.now < deadline else { throw TestFailure("waited in vain until \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Runs `body` on a thread of its own: for what blocks, or changes the thread that it runs on.
func onOwnThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

/// Calls of the C library that change the calling thread alone, and that Swift does not see.
enum ThreadCall {
    /// Gives this thread its own umask and working directory, unshare(2) with CLONE_FS.
    static func unshareFileSystemState() throws {
        let unshare = try function("unshare", as: (@convention(c) (Int32) -> Int32).self)
        guard unshare(0x200) == 0 else { throw TestFailure("unshare: \(systemMessage(shim_errno()))") }
    }

    /// Has the kernel check this thread's file accesses as those of another user, setfsuid(2).
    static func setFileSystemUser(_ user: uid_t) throws {
        _ = try function("setfsuid", as: (@convention(c) (uid_t) -> Int32).self)(user)
    }

    /// Makes this thread another user's, for good: the system call itself, which the C library spreads to all threads.
    static func becomeUser(_ user: uid_t) throws {
        #if arch(x86_64)
            let number = 117
        #elseif arch(arm64)
            let number = 147
        #else
            let number = 208
        #endif
        let call = try function("syscall", as: (@convention(c) (Int, Int, Int, Int) -> Int).self)
        let id = Int(user)
        guard call(number, id, id, id) == 0 else {
            throw TestFailure("setresuid: \(systemMessage(shim_errno()))")
        }
    }

    private static func function<F>(_ name: String, as type: F.Type) throws -> F {
        guard let symbol = dlsym(nil, name) else { throw TestFailure("no \(name) in the C library") }
        return unsafeBitCast(symbol, to: type)
    }
}

/// A process that was started for a test. It is ended with this value, if it has not ended before.
final class ChildProcess: Sendable {
    /// How a process ended.
    struct End: Equatable, Sendable {
        /// The wait status.
        let status: Int32

        /// `nil` when a signal ended it.
        var exitCode: Int32? { shim_exited(status) != 0 ? shim_exit_code(status) : nil }
        /// `nil` when it ended by itself.
        var signal: Int32? { shim_term_signal(status) != 0 ? shim_term_signal(status) : nil }
    }

    let pid: pid_t
    private let known = Lock<End?>(nil)

    init(_ pid: pid_t) { self.pid = pid }

    deinit { destroy() }

    /// Ends it before the end of this value, which may come any time after its last use.
    func destroy() {
        known.with { known in
            guard known == nil else { return }
            kill(pid, SIGKILL)
            var status: Int32 = 0
            if waitpid(pid, &status, 0) == pid { known = End(status: status) }
        }
    }

    /// How it ended; `nil` while it has not.
    var ended: End? {
        known.with { known in
            var status: Int32 = 0
            if known == nil, waitpid(pid, &status, WNOHANG) == pid { known = End(status: status) }
            return known
        }
    }

    /// Waits for its end.
    @discardableResult
    func end(within limit: Duration = .seconds(60)) async throws -> End {
        try await until("process \(pid) has ended", within: limit) { ended != nil }
        guard let ended else { throw TestFailure("process \(pid) has not ended") }
        return ended
    }

    /// Sends it a signal, unless it has ended.
    func send(_ signal: Int32) {
        if ended == nil { kill(pid, signal) }
    }
}

/// A folder of one test, removed with it.
final class TestFolder: Sendable {
    let path: String

    /// Makes a folder that other users can pass through.
    init() throws {
        _ = Leftovers.removed
        path = NSTemporaryDirectory().trimmingSuffix("/") + "/plx-\(getpid())-\(UUID().uuidString)"
        guard mkdir(path, 0o711) == 0, chmod(path, 0o711) == 0 else { throw SystemError("mkdir \(path)") }
    }

    deinit { remove() }

    /// Removes it before the end of this value, which may come any time after its last use.
    func remove() { try? PosixFiles().remove(path) }

    static func / (folder: TestFolder, name: String) -> String { folder.path + "/" + name }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: self / name))
    }

    /// Writes an executable file that this process has never had open for writing: a child of another test, just
    /// forked, could have it open, too, and keep it from being run (ETXTBSY).
    func writeProgram(_ text: String, to name: String) throws {
        let script = "printf %s \"$1\" >\"$2\" && chmod 755 \"$2\""
        let result = try Subprocess.run("/bin/sh", ["-c", script, "sh", text, self / name])
        guard result.exitCode == 0 else { throw TestFailure("the program \(name) cannot be written") }
    }

    func text(of name: String) -> String {
        (try? String(contentsOfFile: self / name, encoding: .utf8)) ?? ""
    }

    func bytes(of name: String) -> [UInt8] {
        (try? Data(contentsOf: URL(filePath: self / name))).map(Array.init) ?? []
    }
}

/// A file system in memory that is full soon, gone with this value. For root.
final class TinyDisk: Sendable {
    let path: String
    private let folder: TestFolder
    /// MNT_DETACH.
    fileprivate static let detach: Int32 = 2

    /// - Parameter size: in bytes, rounded up to whole pages.
    init(size: Int) throws {
        folder = try TestFolder()
        path = folder / "disk"
        guard mkdir(path, 0o711) == 0 else { throw SystemError("mkdir \(path)") }
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(size),mode=711") == 0 else { throw SystemError("mount") }
    }

    deinit { remove() }

    /// Removes it before the end of this value, which may come any time after its last use.
    func remove() {
        umount2(path, Self.detach)
        folder.remove()
    }

    /// Writes until nothing more fits; the name of the file that holds the room.
    @discardableResult
    func fill() throws -> String {
        let file = try FileDescriptor.open(path + "/ballast", O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        let page = [UInt8](repeating: 0, count: 4096)
        while page.withUnsafeBytes({ CShims.write(file.number, $0.baseAddress, $0.count) }) > 0 { continue }
        guard shim_errno() == ENOSPC else { throw SystemError("write") }
        return path + "/ballast"
    }
}

/// A user, made for one test, with groups of its own. For root.
final class TestUser: Sendable {
    let name: String
    let groups: [String]
    private let removed = Lock(false)

    init(extraGroups count: Int) throws {
        _ = Leftovers.removed
        let name = "plx\(getpid())x\(UInt32.random(in: 0...UInt32.max))"
        self.name = name
        let groups = (0..<count).map { "\(name)g\($0)" }
        self.groups = groups
        for group in groups { try Self.account("groupadd", group) }
        let membership = groups.isEmpty ? [] : ["-G", groups.joined(separator: ",")]
        try Self.account("useradd", "-M", "-U", "-s", "/bin/sh", "-d", "/nonexistent/\(name)", membership, name)
    }

    deinit { remove() }

    /// Removes it before the end of this value, which may come any time after its last use.
    func remove() {
        guard
            removed.with({ removed in
                defer { removed = true }
                return !removed
            })
        else { return }
        try? Self.account("userdel", name)
        for group in groups { try? Self.account("groupdel", group) }
    }

    fileprivate static func account(_ command: String, _ words: Any...) throws {
        let arguments = words.flatMap { $0 as? [String] ?? [$0 as? String ?? ""] }
        let path = (["/usr/sbin/", "/sbin/", "/usr/bin/"] as [String]).map { $0 + command }
            .first { access($0, X_OK) == 0 }
        guard let path else { throw TestFailure("no \(command) here") }
        var code: Int32 = 0
        // Others may be changing the accounts at this moment, and hold their lock.
        for _ in 0..<100 {
            code = try Subprocess.run(path, arguments).exitCode
            guard code == 1 || code == 10 else { break }
            usleep(50_000)
        }
        guard code == 0 else { throw TestFailure("\(command): exit code \(code)") }
    }
}

/// What test processes left behind that were killed: the names say whose it was.
private enum Leftovers {
    /// Once, before the first of this process' own is made.
    static let removed: Void = {
        let temporary = NSTemporaryDirectory().trimmingSuffix("/")
        for name in (try? PosixFiles().list(temporary)) ?? [] where isOrphan(name, prefix: "plx-", end: "-") {
            umount2("\(temporary)/\(name)/disk", TinyDisk.detach)
            try? PosixFiles().remove("\(temporary)/\(name)")
        }
        guard isRoot else { return }
        for (file, command) in [("passwd", "userdel"), ("group", "groupdel")] {
            let bytes = (try? PosixFiles().read("/etc/\(file)", limit: 1 << 24)) ?? []
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
                let name = String(line.prefix { $0 != ":" })
                if isOrphan(name, prefix: "plx", end: "x") { try? TestUser.account(command, name) }
            }
        }
    }()

    /// Whether it is named after a process that is no more.
    private static func isOrphan(_ name: String, prefix: String, end: Character) -> Bool {
        guard name.hasPrefix(prefix), name.contains(end) else { return false }
        return pid_t(name.dropFirst(prefix.count).prefix { $0 != end }).map { !isAlive($0) } ?? false
    }
}

/// The executables of the package, which are built beside the tests.
enum Executables {
    static func path(_ name: String) throws -> String {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        for candidate in [own] + CommandLine.arguments.prefix(1) {
            var folder = URL(filePath: candidate).deletingLastPathComponent()
            for _ in 0..<3 {
                let path = folder.appending(path: name).path
                if access(path, X_OK) == 0 { return path }
                folder = folder.deletingLastPathComponent()
            }
        }
        throw TestFailure("\(name) was not found beside the tests")
    }
}

extension FileDescriptor {
    /// /dev/null, for reading and writing.
    static func null() throws -> FileDescriptor { try open("/dev/null", O_RDWR) }

    /// All that comes until the end.
    func readAll() throws -> [UInt8] {
        var all: [UInt8] = []
        while let bytes = try read(atMost: 65_536), !bytes.isEmpty { all += bytes }
        return all
    }
}

/// The permission bits of a file; `nil` when there is none.
func mode(of path: String) -> mode_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
}

/// The owner of a file; `nil` when there is none.
func owner(of path: String) -> uid_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_uid : nil
}

/// A field of /proc/PID/status; `nil` when there is no such process.
func processStatus(_ pid: pid_t, _ field: String) -> String? {
    guard let bytes = try? PosixFiles().read("/proc/\(pid)/status", limit: 1 << 16) else { return nil }
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix(field + ":") {
        return line.dropFirst(field.count + 1).trimmingCharacters(in: .whitespaces)
    }
    return nil
}

/// Whether a process is there and has not ended.
func isAlive(_ pid: pid_t) -> Bool {
    guard let state = processStatus(pid, "State") else { return false }
    return !state.hasPrefix("Z") && !state.hasPrefix("X")
}

extension String {
    func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
