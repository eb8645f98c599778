import CShims

/// The pid file, and with it the lock that lets one agent run on a machine. Held for as long as it exists.
final class PidFile: Sendable {
    /// Another agent holds the lock.
    struct Taken: Error, CustomStringConvertible {
        let path: String
        let processID: String

        var description: String {
            "another tat_agent is running on this machine (process \(processID), it holds \(path))"
        }
    }

    private let file: FileDescriptor

    /// Takes the lock and writes this process' id.
    ///
    /// - Parameter attempts: how often it is tried, a hundredth of a second apart: a child that an agent was about to start
    ///   when it was killed holds the lock until its execve.
    init(path: String, attempts: Int = 50) throws {
        file = try FileDescriptor.open(path, O_RDWR | O_CREAT, mode: 0o644)
        var attempts = attempts
        while flock(file.number, LOCK_EX | LOCK_NB) != 0 {
            guard shim_errno() == EWOULDBLOCK else { throw SystemError("flock \(path)") }
            attempts -= 1
            if attempts > 0 {
                usleep(10_000)
                continue
            }
            let holder = (try? file.read(atMost: 32)) ?? []
            throw Taken(path: path, processID: String(decoding: holder.prefix { $0 > 32 }, as: UTF8.self))
        }
        guard ftruncate(file.number, 0) == 0 else { throw SystemError("ftruncate \(path)") }
        try file.writeAll(Array("\(getpid())\n".utf8))
    }
}
