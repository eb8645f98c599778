import Agent
import CShims

/// Starts supervisors, out of the agent's own job where it has one, and finds them again by their pipes.
@LoopActor
public final class WindowsLauncher: Launcher {
    private let poller: CompletionPoller
    private let executable: String

    public nonisolated var commandTypes: [String] { ScriptCommand.types }

    /// - Parameter executable: the agent's; else the one that this process runs.
    package init(poller: CompletionPoller, executable: String = InstalledPaths.currentExecutable) {
        self.poller = poller
        self.executable = executable
    }

    public func prepare() {}

    public func launch(directory: String, again: Bool) throws(LaunchError) -> any SupervisorLink {
        do throws(SystemError) {
            let name = Pipe.freshName()
            let mine = try Pipe.listen(name, .both)
            let theirs = try Pipe.connect(name)
            try start(["supervise", Path.native(directory)], link: theirs)
            return try WindowsSupervisorLink(pipe: mine, poller: poller)
        } catch {
            throw LaunchError("the task's supervisor could not be started: \(error)")
        }
    }

    /// Starts the executable anew, with the link as its standard input.
    private func start(_ arguments: [String], link: Handle) throws(SystemError) {
        let null = try Handle.open(
            "NUL",
            access: FileAccess.write,
            share: DWORD(FILE_SHARE_READ | FILE_SHARE_WRITE),
            disposition: DWORD(OPEN_EXISTING)
        )
        var child = Child(
            program: executable,
            commandLine: CommandLineText.joined(["tat_agent"] + arguments),
            environment: Environment.current,
            directory: SystemFolder.windows,
            input: link,
            output: null,
            flags: DWORD(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP | CREATE_BREAKAWAY_FROM_JOB)
        )
        do throws(SystemError) {
            _ = try child.spawn()
        } catch {
            // A job that lets nobody out, which a service is not in, but perhaps an agent that a person started.
            guard error.code == ErrorCode.accessDenied else { throw error }
            child.flags &= ~DWORD(CREATE_BREAKAWAY_FROM_JOB)
            _ = try child.spawn()
        }
    }

    public func adopt(directory: String) -> Adoption {
        let control = TaskDirectory(path: directory, files: WindowsFiles()).controlPath
        do throws(SystemError) {
            guard let name = try pipeName(in: control) else { return fate(of: control) }
            do throws(SystemError) {
                return .alive(try WindowsSupervisorLink(pipe: Pipe.connect(name), poller: poller))
            } catch {
                guard error.code == ErrorCode.fileNotFound else { throw error }
                return fate(of: control)
            }
        } catch {
            if error.code == ErrorCode.fileNotFound || error.code == ErrorCode.pathNotFound { return .unclaimed }
            return .unknown("\(error)")
        }
    }

    /// `nil` when it is not there (yet), the claim being there.
    private func pipeName(in control: String) throws(SystemError) -> String? {
        let file = try Handle.open(
            control,
            access: FileAccess.read,
            share: DWORD(FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE),
            disposition: DWORD(OPEN_EXISTING)
        )
        let name = String(decoding: try file.read(atMost: 256), as: UTF8.self)
        return name.hasPrefix(Pipe.prefix) ? name : nil
    }

    /// What became of a supervisor that has claimed the task and does not listen: while it lives, nobody else can write to
    /// its claim.
    private func fate(of control: String) -> Adoption {
        do throws(SystemError) {
            _ = try Handle.open(
                control,
                access: FileAccess.write,
                share: DWORD(FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE),
                disposition: DWORD(OPEN_EXISTING)
            )
            return .gone
        } catch {
            return .unknown("\(error)")
        }
    }

    /// Nothing is left of a task whose supervisor is gone: the system ends what is in a job that nobody holds.
    public nonisolated func endOrphans(of taskID: String) -> Int { 0 }
}

/// A connection to a supervisor: it sends a byte for news, this side one to poke it, and its end is the end of the task.
@LoopActor
final class WindowsSupervisorLink: SupervisorLink {
    private let pipe: Handle
    private let poller: CompletionPoller
    private let arrived = Wakeup()
    private let buffer = Buffer()
    private var isOver = false

    /// Memory that stays where it is while the system may write to it. Sound as `@unchecked Sendable`: it is used on the
    /// loop's thread only.
    private final class Buffer: @unchecked Sendable {
        let bytes: UnsafeMutableRawBufferPointer = .allocate(byteCount: 64, alignment: 16)
        deinit { bytes.deallocate() }
    }

    init(pipe: Handle, poller: CompletionPoller) throws(SystemError) {
        self.pipe = pipe
        self.poller = poller
        try poller.add(pipe)
        try read()
    }

    func news() async -> Bool {
        if !isOver { _ = await arrived.wait() }
        return !isOver
    }

    func poke() {
        guard !isOver else { return }
        let buffer = Buffer()
        buffer.bytes[0] = UInt8(ascii: "c")
        try? poller.start("write", { [pipe] _ in withExtendedLifetime((buffer, pipe)) {} }) { overlapped in
            shim_win_WriteFile(pipe.raw, buffer.bytes.baseAddress, 1, nil, overlapped)
        }
    }

    func close() {
        guard !isOver else { return }
        isOver = true
        _ = shim_win_CancelIoEx(pipe.raw, nil)
        arrived.signal()
    }

    private func read() throws(SystemError) {
        let handler: CompletionPoller.Handler = { [weak self, buffer, pipe] completion in
            withExtendedLifetime((buffer, pipe)) {}
            self?.hasRead(completion)
        }
        try poller.start("read", handler) { overlapped in
            shim_win_ReadFile(pipe.raw, buffer.bytes.baseAddress, DWORD(buffer.bytes.count), nil, overlapped)
        }
    }

    private func hasRead(_ completion: CompletionPoller.Completion) {
        guard !isOver else { return }
        guard completion.status >= 0 else { return close() }
        arrived.signal()
        do throws(SystemError) { try read() } catch { close() }
    }
}
