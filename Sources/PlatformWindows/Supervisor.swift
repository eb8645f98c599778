import Agent
import CShims

/// `tat_agent supervise DIR`: owns one task, whatever becomes of the agent. One thread, no loop, as small as can be. If
/// nothing is left of the task when it is over, and the agent still there, the process takes another one.
struct Supervisor {
    private let directory: TaskDirectory
    private let record: TaskRecord
    private let pipe: SupervisorPipe

    /// Runs the task in `directory` to its end, unless another supervisor has claimed it, then those that the agent has
    /// for this process. The process' exit code.
    ///
    /// - Parameter directory: `nil`: the agent says so through the link, when there is a task.
    static func run(directory: String?) -> Int32 {
        // A script that crashes must not wait for somebody to click a message away; children take this over.
        _ = shim_win_SetErrorMode(UINT(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX))
        // Whatever is typed for the script is not meant for this process, which shares its console.
        _ = shim_win_SetConsoleCtrlHandler { _ in }
        var link = inheritedLink().flatMap { try? AgentLink($0) }
        var next = directory
        do throws(SystemError) {
            while let path = next ?? link?.receivePath() {
                next = nil
                guard let supervisor = try claimed(path, from: link) else { return 0 }
                link = supervisor.run()
            }
            return 0
        } catch {
            return 1
        }
    }

    /// The supervisor of a task; `nil` when another process is.
    private static func claimed(_ path: String, from link: AgentLink?) throws(SystemError) -> Supervisor? {
        let directory = TaskDirectory(path: path, files: WindowsFiles())
        guard let record = directory.record() else {
            throw SystemError("record of \(path)", code: ErrorCode.fileNotFound)
        }
        guard let pipe = try SupervisorPipe(claiming: directory, from: link) else { return nil }
        return Supervisor(directory: directory, record: record, pipe: pipe)
    }

    /// The connection to the agent that started this supervisor: it comes as standard input.
    private static func inheritedLink() -> Handle? {
        guard let raw = shim_win_GetStdHandle(shim_win_std_input()),
            shim_win_GetFileType(raw) == DWORD(FILE_TYPE_PIPE)
        else { return nil }
        _ = shim_win_SetHandleInformation(raw, DWORD(HANDLE_FLAG_INHERIT), 0)
        return Handle(owning: raw)
    }

    /// The connection to the agent that started this process, if that has another task for it.
    private func run() -> AgentLink? {
        do throws(StartFailure) {
            if directory.isCancelled { return end(TaskExit(.terminated, finishedAt: now), isFree: true) }
            let script = try start()
            let (exit, isOutputOpen) = follow(script)
            let isFree = !isOutputOpen && script.job.isEmpty
            // What a script that ended by itself left behind may live on.
            if [.success, .failed].contains(exit.result) { script.job.release() }
            script.close()
            removeScripts()
            let link = end(exit, isFree: isFree)
            if isOutputOpen { Self.outlive(script.output) }
            return link
        } catch {
            // On a full disk the end may need the room.
            removeScripts()
            return end(TaskExit(error, finishedAt: now), isFree: true)
        }
    }

    private var now: Int64 { SystemClock().unixSeconds }

    private func removeScripts() {
        for type in [".ps1", ".bat"] { _ = shim_win_DeleteFile(Path.wide(directory.scriptPath + type)) }
    }

    // MARK: - The start

    /// A script that runs.
    private final class Script {
        let process: Child.Process
        let job: Job
        let output: Handle
        let logon: UserLogon?
        var store: OutputStore?

        init(process: Child.Process, job: Job, output: Handle, logon: UserLogon?, store: OutputStore) {
            self.process = process
            self.job = job
            self.output = output
            self.logon = logon
            self.store = store
        }

        /// Lets go of the output's file and of the user's profile.
        func close() {
            store = nil
            logon?.close()
        }
    }

    private func start() throws(StartFailure) -> Script {
        let logon = try self.logon()
        var isStarted = false
        defer { if !isStarted { logon?.close() } }
        let (command, path) = try storeScript(isForOther: logon != nil)
        let file: Handle
        do throws(SystemError) {
            file = try Handle.make(
                directory.outputPath,
                access: FileAccess.write,
                share: DWORD(FILE_SHARE_READ | FILE_SHARE_DELETE),
                disposition: DWORD(CREATE_ALWAYS),
                security: .owner
            )
        } catch {
            throw .outputFileCreateFailed(error.description)
        }
        let folder = try workingDirectory(home: logon?.home ?? record.user.home)
        do throws(SystemError) {
            let name = Pipe.freshName()
            let reading = try Pipe.listen(name, .inbound)
            let writing = try Pipe.connect(
                name,
                access: FileAccess.write | DWORD(FILE_READ_ATTRIBUTES),
                isOverlapped: false
            )
            let null = try Handle.open(
                "NUL",
                access: FileAccess.read,
                share: DWORD(FILE_SHARE_READ | FILE_SHARE_WRITE),
                disposition: DWORD(OPEN_EXISTING)
            )
            let store = try OutputStore(from: reading, to: file, limit: record.outputLimit)
            let job = try Job()
            let (program, line) = command.command(for: path, consoleIsUTF8: logon == nil && command.isUTF8)
            // A task before this one may have left another.
            if logon == nil { _ = shim_win_SetConsoleCP(command.isUTF8 ? UINT(CP_UTF8) : shim_win_GetOEMCP()) }
            var child = Child(
                program: program,
                commandLine: line,
                environment: Environment.ofTask(id: record.id, base: logon?.environment ?? Environment.current),
                directory: folder,
                input: null,
                output: writing,
                // Another user's script gets a console of its own, so that it cannot get at this process through it; else
                // it has this process', which is nobody else's and there already.
                flags: logon == nil ? 0 : DWORD(CREATE_NO_WINDOW)
            )
            child.token = logon?.token
            child.job = job
            let process = try child.spawn()
            isStarted = true
            return Script(process: process, job: job, output: reading, logon: logon, store: store)
        } catch {
            throw error.code == ErrorCode.directory
                ? .invalidWorkingDirectory(folder, reason: error.reason) : .spawnFailed(error.description)
        }
    }

    /// Becoming the task's user; `nil` when it is this process' own.
    private func logon() throws(StartFailure) -> UserLogon? {
        do {
            return try S4ULogon().logon(record.user)
        } catch {
            throw .spawnFailed("becoming user \(record.user.name): \(error)")
        }
    }

    /// Writes the script down for its user's eyes only.
    private func storeScript(isForOther: Bool) throws(StartFailure) -> (command: ScriptCommand, path: String) {
        let script: [UInt8]
        do throws(Base64Error) {
            script = try Base64.decode(record.command)
        } catch {
            throw .invalidCommand("it is not base64")
        }
        guard let command = ScriptCommand(type: record.commandType, script: script) else {
            throw .invalidCommand("command type `\(record.commandType)` cannot run on Windows")
        }
        let path = directory.scriptPath + command.fileExtension
        do throws(SystemError) {
            if isForOther {
                // cmd looks a script up in the folder that it is in.
                try FileSecurity.directory(for: record.user.identifier, .read).apply(to: directory.path)
            }
            let file = try Handle.make(
                path,
                access: FileAccess.write,
                share: 0,
                disposition: DWORD(CREATE_ALWAYS),
                security: .file(for: record.user.identifier, .read)
            )
            try file.writeAll(command.text)
        } catch {
            throw .scriptStoreFailed(error.description)
        }
        return (command, path)
    }

    private func workingDirectory(home: String) throws(StartFailure) -> String {
        let wanted = record.workingDirectory
        if wanted.isEmpty { return isFolder(home) ? home : SystemFolder.windows }
        let path = Path.isAbsolute(wanted) ? wanted : home + #"\"# + wanted
        guard isFolder(path) else {
            throw WindowsFiles().exists(path)
                ? .invalidWorkingDirectory(wanted, reason: "it is not a folder") : .workingDirectoryNotFound(wanted)
        }
        return path
    }

    private func isFolder(_ path: String) -> Bool {
        let attributes = shim_win_GetFileAttributes(Path.wide(path))
        return attributes != DWORD.max && attributes & DWORD(FILE_ATTRIBUTE_DIRECTORY) != 0
    }

    // MARK: - The run

    /// Waits for the script's end, or brings it about. The exit, and whether a process still holds the output's pipe.
    private func follow(_ script: Script) -> (TaskExit, isOutputOpen: Bool) {
        var supervision = Supervision(start: Self.uptime, timeout: .seconds(record.timeoutSeconds))
        var isOutputOpen = true
        var hasEnded = false
        while true {
            if !hasEnded, shim_win_WaitForSingleObject(script.process.handle.raw, 0) == 0 {
                hasEnded = true
                supervision.scriptEnded(Self.end(of: script.process), at: Self.uptime)
            }
            if isOutputOpen, !drain(script) {
                isOutputOpen = false
                supervision.outputEnded()
            }
            switch supervision.next(at: Self.uptime, treeIsEmpty: { script.job.isEmpty }) {
            case .terminate, .kill:
                // There is no polite way to end processes without windows.
                script.job.terminate()
            case .finish(let result, let exitCode, let errorInfo):
                if isOutputOpen { isOutputOpen = drain(script) }
                script.store?.finish { pipe.announce(.wholeOutput) }
                let exit = TaskExit(
                    result,
                    exitCode: exitCode,
                    errorInfo: errorInfo,
                    finishedAt: now,
                    outputBytes: script.store?.total ?? 0
                )
                return (exit, isOutputOpen)
            case .wait(let until):
                var handles = hasEnded ? [] : [script.process.handle]
                if isOutputOpen, let store = script.store { handles.append(store.event) }
                wait(for: handles + pipe.events, until: until)
                if pipe.serve() || directory.isCancelled { supervision.cancelRequested() }
            }
        }
    }

    private func drain(_ script: Script) -> Bool {
        let before = script.store?.stored ?? 0
        defer {
            // An agent uploads no more than this, so it need not be woken for more.
            if let stored = script.store?.stored, stored > before, before < Int64(TaskDirectory.uploadLimit) {
                pipe.announce(.output)
            }
        }
        return script.store?.drain() ?? false
    }

    private func wait(for handles: [Handle], until: Duration) {
        let rest = max(.zero, min(until - Self.uptime, .seconds(3600)))
        let raw: [HANDLE?] = handles.prefix(Int(MAXIMUM_WAIT_OBJECTS)).map(\.raw)
        _ = withExtendedLifetime(handles) {
            shim_win_WaitForMultipleObjects(DWORD(raw.count), raw, rest.roundedUpMilliseconds)
        }
    }

    private static func end(of process: Child.Process) -> Supervision.ScriptEnd {
        var code: DWORD = 0
        guard shim_win_GetExitCodeProcess(process.handle.raw, &code) else {
            return .killed(SystemError("GetExitCodeProcess").description)
        }
        // As the service's own agent has it: `exit -1` is -1.
        return .exited(Int64(Int32(truncatingIfNeeded: code)))
    }

    /// Time since boot, suspended or not: the clock of the timeout.
    private static var uptime: Duration { .milliseconds(Int64(shim_win_GetTickCount64())) }

    // MARK: - The end

    /// Records the end, as soon as the disk takes it, and lets the agents know.
    private func end(_ exit: TaskExit, isFree: Bool) -> AgentLink? {
        while true {
            do throws(FileError) {
                try directory.end(exit)
                break
            } catch {
                // A directory that is gone has nobody who would read the record.
                guard error.kind != .notFound else { break }
                shim_win_Sleep(1000)
            }
        }
        return pipe.close(isFree: isFree)
    }

    /// Goes on reading what processes that the script left behind still write, and throws it away: without a reader the
    /// next line they write would fail.
    private static func outlive(_ pipe: Handle) {
        guard let reading = try? Operation(on: pipe, capacity: 65_536) else { return }
        while (try? reading.read()) != nil {
            _ = shim_win_WaitForSingleObject(reading.event.raw, DWORD(INFINITE))
            guard (try? reading.result()) != nil else { return }
        }
    }
}
