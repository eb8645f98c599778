import CShims
import Foundation

/// A child process whose standard output and error go to files.
///
/// Other than Foundation's `Process` it is over when it ends itself, whatever it leaves behind.
/// Sound as `@unchecked Sendable`: what changes is guarded by the lock.
final class SpawnedProcess: @unchecked Sendable {
    let pid: pid_t

    private let lock = NSLock()
    private var status: Int32?

    /// Starts `words`, the path of the program first, with the null device as standard input, all signals as they are
    /// by default, and no descriptor of the tests' but the three.
    init(_ words: [String], environment: [String: String], output: String, errors: String) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let append = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, append, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, append, 0o600)
        for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            if let number = Int32(name), number > 2 { posix_spawn_file_actions_addclose(&actions, number) }
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let arguments = words.map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, words.first ?? "", &actions, &attributes, arguments, variables)
        guard code == 0 else { throw TestFailure("\(words): \(String(cString: strerror(code)))") }
        self.pid = pid
    }

    deinit { end() }

    var isRunning: Bool { outcome == nil }

    /// The exit code, or the negative number of the signal that ended it; `nil` while it runs.
    var outcome: Int32? {
        lock.withLock {
            var raw: Int32 = 0
            if status == nil, waitpid(pid, &raw, WNOHANG) == pid {
                status = shim_exited(raw) != 0 ? shim_exit_code(raw) : -shim_term_signal(raw)
            }
            return status
        }
    }

    func signal(_ number: Int32) {
        if isRunning { _ = kill(pid, number) }
    }

    /// Waits for its end; kills it and throws when it does not come.
    @discardableResult
    func wait(limit: TimeInterval = 60) throws -> Int32 {
        let deadline = Date(timeIntervalSinceNow: limit)
        while Date() < deadline {
            if let outcome { return outcome }
            usleep(1000)
        }
        end()
        throw TestFailure("process \(pid) did not end")
    }

    /// Ends it now, if it still runs.
    func end() {
        signal(SIGKILL)
        while isRunning { usleep(1000) }
    }

    /// Runs a program of the system to its end and returns what it printed; throws when it fails.
    @discardableResult
    static func run(_ words: [String]) throws -> String {
        let folder = try TestFolder()
        let (output, errors) = (folder.path + "/out", folder.path + "/err")
        let process = try SpawnedProcess(
            ["/usr/bin/env"] + words,
            environment: ["PATH": TestFolder.searchPath, "LC_ALL": "C"],
            output: output,
            errors: errors
        )
        let outcome = try process.wait()
        guard outcome == 0 else { throw TestFailure("\(words): \(outcome), \(folder.text("err"))") }
        return folder.text("out")
    }
}

/// A temporary folder that others may pass through, gone with its owner.
final class TestFolder: Sendable {
    static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "agent-test-\(UUID().uuidString)").path
        try make("", mode: 0o711)
    }

    deinit { remove() }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    /// Makes a directory inside, with exactly this mode.
    @discardableResult
    func make(_ name: String, mode: mode_t) throws -> String {
        let path = name.isEmpty ? path : path + "/" + name
        guard mkdir(path, mode) == 0, chmod(path, mode) == 0 else {
            throw TestFailure("\(path): \(String(cString: strerror(shim_errno())))")
        }
        return path
    }

    /// The text of a file inside; empty when there is none.
    func text(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path + "/" + name) ?? Data(), as: UTF8.self)
    }

    func lines(_ name: String) -> [String] { text(name).split(separator: "\n").map(String.init) }

    func has(_ name: String) -> Bool { access(path + "/" + name, F_OK) == 0 }

    func write(_ name: String, _ text: String = "") throws {
        try Data(text.utf8).write(to: URL(filePath: path + "/" + name))
    }
}

/// Polls until `condition` is met; throws, saying what was waited for, when it is not within `limit` seconds.
func eventually(
    _ what: String,
    limit: TimeInterval = 120,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = Date(timeIntervalSinceNow: limit)
    while !(try await condition()) {
        guard Date() < deadline else { throw TestFailure("waited in vain until \(what)") }
        try await Task.sleep(for: .milliseconds(10))
    }
}
