import Agent
import CShims

/// Runs small programs of the system and gives what they print. Blocks: for the worker only.
enum Subprocess {
    struct Result {
        /// -1 when it was ended by a signal or had not ended in time.
        var exitCode: Int32
        var output: [UInt8]
    }

    private static let outputLimit = 4 << 20
    private static let timeout: Int32 = 10_000

    /// Runs `path`; standard error is thrown away, and so is output beyond 4 MiB. After 10 s without output it is ended.
    static func run(_ path: String, _ arguments: [String]) throws -> Result {
        let (reading, pid) = try start(path, arguments)
        let output = collect(reading, pid: pid)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, shim_errno() == EINTR { continue }
        return Result(exitCode: shim_exited(status) != 0 ? shim_exit_code(status) : -1, output: output)
    }

    /// The program's process, and the reading end of its output, whose writing end it holds alone.
    private static func start(_ path: String, _ arguments: [String]) throws -> (output: FileDescriptor, pid: pid_t) {
        let null = try FileDescriptor.open("/dev/null", O_RDWR)
        let (reading, writing) = try FileDescriptor.pipe()
        let child = Child(
            path: path,
            arguments: [path] + arguments,
            environment: ["PATH=\(Environment.defaultPath)", "LC_ALL=C"],
            input: null,
            output: writing,
            error: null
        )
        return (reading, try child.spawn())
    }

    private static func collect(_ reading: FileDescriptor, pid: pid_t) -> [UInt8] {
        var output: [UInt8] = []
        while true {
            var ready = pollfd(fd: reading.number, events: Int16(POLLIN), revents: 0)
            guard retrying({ poll(&ready, 1, timeout) }) > 0,
                let piece = try? reading.read(atMost: 65_536)
            else {
                kill(pid, SIGKILL)
                return output
            }
            if piece.isEmpty { return output }
            output += piece.prefix(max(0, outputLimit - output.count))
        }
    }
}
