import CShims
import Foundation

@testable import Agent
@testable import PlatformLinux

/// A task directory made by hand, and the supervisors that were started on it. All that runs of it ends with this value.
final class SupervisedTask: Sendable {
    let id = "plx-\(UUID().uuidString)"
    let directory: TaskDirectory
    /// What the script may use; `$folder` in it. Anybody may write there.
    let folder: TestFolder
    private let supervisors = Lock<[ChildProcess]>([])

    /// - Parameters:
    ///   - parent: where the task directory is made, in place of a folder of its own.
    ///   - command: what the record has for a script, in place of the script in base64.
    init(
        _ script: String,
        timeout: Int64 = 120,
        outputLimit: Int64 = 1 << 20,
        user: User? = nil,
        workingDirectory: String = "",
        in parent: String? = nil,
        command: String? = nil
    ) throws {
        folder = try TestFolder()
        chmod(folder.path, 0o1777)
        let files = PosixFiles()
        directory = TaskDirectory(path: (parent ?? folder.path) + "/" + id, files: files)
        let text = "folder=\(LoginShell.quote(folder.path))\n" + script
        let record = TaskRecord(
            id: id,
            command: command ?? Data((script.hasPrefix("#!") ? script : text).utf8).base64EncodedString(),
            commandType: "SHELL",
            user: user ?? Self.ownUser(home: folder.path),
            workingDirectory: workingDirectory,
            timeoutSeconds: timeout,
            outputLimit: outputLimit,
            bootID: LinuxMachine().bootID
        )
        try directory.accept(record, end: nil)
    }

    deinit { remove() }

    /// Ends and removes it all before the end of this value, which may come any time after its last use.
    func remove() {
        let started = supervisors.with { started in
            defer { started = [] }
            return started
        }
        for supervisor in started { supervisor.destroy() }
        // What a process starts just before its end is found in the next round.
        while ProcessTree.killAll(withVariable: variable) > 0 { usleep(1000) }
        try? PosixFiles().remove(directory.path)
        folder.remove()
    }

    /// The user that the tests run as, with a home of its own.
    static func ownUser(home: String) -> User {
        User(name: "plx", identifier: "\(geteuid())", groups: ["\(getegid())"], home: home, shell: "/bin/sh")
    }

    private var variable: String { "\(Environment.taskVariable)=\(id)" }

    /// Starts a supervisor on the directory.
    @discardableResult
    func start(environment: [String] = [], link: FileDescriptor? = nil) throws -> ChildProcess {
        let null = try FileDescriptor.null()
        var variables = ["PATH=\(Environment.defaultPath)"]
        if let path = getenv("LD_LIBRARY_PATH") { variables.append("LD_LIBRARY_PATH=\(String(cString: path))") }
        let child = Child(
            path: try Executables.path("tat_agent"),
            arguments: ["tat_agent", "supervise", directory.path],
            environment: variables + environment,
            input: null,
            output: null,
            error: null,
            extra: link,
            hasOwnSession: true,
            directory: "/"
        )
        let process = ChildProcess(try child.spawn())
        supervisors.with { $0.append(process) }
        return process
    }

    /// Waits for the record of the end.
    func exit(within limit: Duration = .seconds(60)) async throws -> TaskExit {
        try await until("task \(id) has ended", within: limit) { directory.exit() != nil }
        guard let exit = directory.exit() else { throw TestFailure("task \(id) has not ended") }
        return exit
    }

    /// Runs the task to its end, and its supervisor to its.
    func run(environment: [String] = [], within limit: Duration = .seconds(60)) async throws -> TaskExit {
        let supervisor = try start(environment: environment)
        let exit = try await exit(within: limit)
        try await supervisor.end()
        return exit
    }

    var output: String { String(decoding: outputBytes, as: UTF8.self) }

    var outputBytes: [UInt8] { (try? PosixFiles().read(directory.outputPath, limit: 64 << 20)) ?? [] }

    /// The process ids that the script wrote to `$folder/NAME`, one a line.
    func pids(_ name: String = "pids") -> [pid_t] {
        folder.text(of: name).split(separator: "\n").compactMap { pid_t($0) }
    }

    /// Waits until the script has written a whole line to `$folder/NAME`.
    func line(_ name: String) async throws -> String {
        try await until("the script has written \(name)") { folder.text(of: name).hasSuffix("\n") }
        return folder.text(of: name).trimmingSuffix("\n")
    }

    /// Lets a script go on that waits for `$folder/NAME`.
    func signal(_ name: String) throws { try folder.write("", to: name) }

    /// How many processes of the task there are.
    var processes: Int {
        let names = (try? PosixFiles().list("/proc")) ?? []
        return names.count { name in
            guard pid_t(name) != nil, let bytes = try? PosixFiles().read("/proc/\(name)/environ", limit: 1 << 20) else {
                return false
            }
            return bytes.split(separator: 0).contains { $0.elementsEqual(variable.utf8) }
        }
    }

    /// Connects to the supervisor, as an agent that takes over does.
    func connect() throws -> FileDescriptor {
        let folder = try FileDescriptor.open(directory.path, O_RDONLY | O_DIRECTORY)
        guard let address = UnixAddress(in: folder, name: "control") else { throw TestFailure("no address") }
        let socket = FileDescriptor(owning: CShims.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        guard address.withSockaddr({ CShims.connect(socket.number, $0, $1) }) == 0 else { throw SystemError("connect") }
        return socket
    }

    /// What a script has to begin with to wait for `$folder/NAME`.
    static func wait(for name: String) -> String { "until [ -e \"$folder/\(name)\" ]; do sleep 0.02; done\n" }
}
