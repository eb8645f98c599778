import Agent
import CShims

/// Starts supervisors, out of the agent's own job where it has one, and finds them again by their pipes.
@LoopActor
public final class WindowsLauncher: Launcher {
    private let poller: CompletionPoller
    private let executable: String
    /// Supervisors without a task, which save the next ones the time that a process takes to start: one that was started
    /// for that, and those whose task has left nothing behind.
    private var spares: [WindowsSupervisorLink] = []
    private var spareEnd: LoopTimer?
    private var spareStart: LoopTimer?

    public nonisolated var commandTypes: [String] { ScriptCommand.types }

    /// - Parameter executable: the agent's; else the one that this process runs.
    package init(poller: CompletionPoller, executable: String = InstalledPaths.currentExecutable) {
        self.poller = poller
        self.executable = executable
    }

    public func prepare() {
        spares.removeAll { $0.isOver }
        if spares.isEmpty, let spare = try? start(["supervise"]) { spares.append(spare) }
        spareEnd?.cancel()
        spareEnd = EventLoop.shared.schedule(after: Self.sparePatience) {
            for spare in self.spares { spare.close() }
            self.spares = []
        }
    }

    /// How long spare supervisors without work are kept, and how many.
    private static let sparePatience = Duration.seconds(10)
    private static let spareLimit = 8
    /// When the next one is started: not while the machine is busy with a task's start.
    private static let spareDelay = Duration.milliseconds(200)

    public func launch(directory: String, again: Bool) throws(LaunchError) -> any SupervisorLink {
        spareStart?.cancel()
        spareStart = EventLoop.shared.schedule(after: Self.spareDelay) { self.prepare() }
        let path = Path.native(directory)
        while !again, let link = spares.popLast() {
            if link.give(directory: path) { return followed(link) }
        }
        do throws(SystemError) {
            return followed(try start(["supervise", path]))
        } catch {
            throw LaunchError("the task's supervisor could not be started: \(error)")
        }
    }

    private func followed(_ link: WindowsSupervisorLink) -> WindowsSupervisorLink {
        link.whenOver = { [weak self] link in
            guard let self else { return }
            if spares.count < Self.spareLimit, let spare = link.renewed() { spares.append(spare) }
            prepare()
        }
        return link
    }

    /// How often a program is looked for that is not there.
    private static let startAttempts = 10

    /// Starts the executable anew, with the other end of the link as its standard input.
    private func start(_ arguments: [String]) throws(SystemError) -> WindowsSupervisorLink {
        let name = Pipe.freshName()
        let mine = try Pipe.listen(name, .both)
        let theirs = try Pipe.connect(name)
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
            input: theirs,
            output: null,
            flags: DWORD(CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP | CREATE_BREAKAWAY_FROM_JOB)
        )
        var attempts = 1
        while true {
            do throws(SystemError) {
                _ = try child.spawn()
                return try WindowsSupervisorLink(pipe: mine, poller: poller)
            } catch {
                if error.code == ErrorCode.accessDenied, child.flags & DWORD(CREATE_BREAKAWAY_FROM_JOB) != 0 {
                    // A job that lets nobody out, which a service is not in, but perhaps an agent that a person started.
                    child.flags &= ~DWORD(CREATE_BREAKAWAY_FROM_JOB)
                } else if error.code == ErrorCode.fileNotFound, attempts < Self.startAttempts {
                    // An installation renames the old program before the new one gets its name.
                    attempts += 1
                    shim_win_Sleep(50)
                } else {
                    throw error
                }
            }
        }
    }

    public func adopt(directory: String) -> Adoption {
        let claim = TaskDirectory(path: directory, files: WindowsFiles()).claimPath
        do throws(SystemError) {
            guard let name = try pipeName(in: claim) else { return fate(of: claim) }
            do throws(SystemError) {
                return .alive(try WindowsSupervisorLink(pipe: Pipe.connect(name), poller: poller))
            } catch {
                guard error.code == ErrorCode.fileNotFound else { throw error }
                return fate(of: claim)
            }
        } catch {
            if error.code == ErrorCode.fileNotFound || error.code == ErrorCode.pathNotFound { return .unclaimed }
            return .unknown("\(error)")
        }
    }

    /// `nil` when it is not there (yet), the claim being there.
    private func pipeName(in claim: String) throws(SystemError) -> String? {
        let file = try Handle.open(
            claim,
            access: FileAccess.read,
            share: DWORD(FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE),
            disposition: DWORD(OPEN_EXISTING)
        )
        let name = String(decoding: try file.read(atMost: 256), as: UTF8.self)
        return name.hasPrefix(Pipe.prefix) ? name : nil
    }

    /// What became of a supervisor that has claimed the task and does not listen: while it lives, nobody else can write to
    /// its claim.
    private func fate(of claim: String) -> Adoption {
        do throws(SystemError) {
            _ = try Handle.open(
                claim,
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
