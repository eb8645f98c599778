import Agent
import CShims

/// `tat_agent supervise DIR`: owns one task, whatever becomes of the agent. One thread, no loop, as small as can be.
struct Supervisor {
    private let directory: TaskDirectory
    private let record: TaskRecord
    private let socket: SupervisorSocket
    private let signals: FileDescriptor

    /// Runs the task in `directory` to its end, unless another supervisor has claimed it. The process' exit code.
    ///
    /// - Parameter link: a connection to the agent that started this supervisor.
    static func run(directory path: String, link: FileDescriptor?) -> Int32 {
        _ = shim_set_name("tat_agent")
        crashPoints(in: "supervisor")
        crashPoint("begun")
        umask(0o077)
        shim_ignore_signal(SIGPIPE)
        shim_ignore_signal(SIGHUP)
        shim_ignore_signal(SIGINT)
        // The nursery ignores it, and so does a supervisor that outlived its last task: the script's end would go unseen.
        shim_default_signal(SIGCHLD)
        let directory = TaskDirectory(path: path, files: PosixFiles())
        guard let record = directory.record() else { return 1 }
        do {
            let socket = SupervisorSocket(in: directory)
            if let link { socket.add(link) }
            guard let claim = try TaskClaim(directory) else {
                // This process lives on, for another task: the agent must not wait for news of this one.
                socket.close()
                return 0
            }
            let signals = SignalDescriptor.open([SIGCHLD, SIGTERM])
            guard signals >= 0 else { throw SystemError("signalfd") }
            let supervisor = Supervisor(
                directory: directory,
                record: record,
                socket: socket,
                signals: FileDescriptor(owning: signals)
            )
            supervisor.run()
            withExtendedLifetime(claim) {}
            return 0
        } catch {
            return 1
        }
    }

    /// Does once what every supervisor will do, for what the Swift runtime looks up and keeps at first use: supervisors
    /// that are forked from this process find it there.
    static func warmUp() {
        let user = User(name: "", identifier: "0", groups: ["0"], home: "/", shell: "")
        let record = TaskRecord(
            id: "",
            command: "",
            commandType: "",
            user: user,
            workingDirectory: "",
            timeoutSeconds: 1,
            outputLimit: 0,
            bootID: ""
        )
        _ = TaskRecord(decoding: record.encoded)
        _ = TaskExit(.success, finishedAt: 0).line
        _ = Environment.ofTask(id: "", user: user, etcEnvironment: Array("A=B\n".utf8))
        _ = LoginShell.arguments(script: "", text: Array("#!/bin/sh -e\n".utf8))
        _ = TaskDirectory(path: "/nonexistent", files: PosixFiles()).exit()
    }

    private func run() {
        ProcessTree.becomeSubreaper()
        var remains: FileDescriptor?
        do throws(StartFailure) {
            if directory.isCancelled {
                end(TaskExit(.terminated, finishedAt: now))
            } else {
                let (exit, pipe) = follow(try start())
                end(exit)
                remains = pipe
            }
        } catch {
            // On a full disk the end may need the room.
            unlink(directory.scriptPath)
            end(TaskExit(error, finishedAt: now))
        }
        unlink(directory.scriptPath)
        if let remains { Self.outlive(remains) }
    }

    private var now: Int64 { SystemClock().unixSeconds }

    // MARK: - The start

    private struct Script {
        let pid: pid_t
        let pipe: FileDescriptor
        let cgroup: TaskCgroup?
        var output: OutputStore
    }

    private func start() throws(StartFailure) -> Script {
        let identity: Child.Identity?
        do throws(SystemError) {
            identity = try self.identity()
        } catch {
            throw .spawnFailed(error.description)
        }
        let text = try storeScript(for: identity)
        let file: FileDescriptor
        do throws(SystemError) {
            file = try FileDescriptor.open(directory.outputPath, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        } catch {
            throw .outputFileCreateFailed(error.description)
        }
        let null: FileDescriptor
        let pipe: (read: FileDescriptor, write: FileDescriptor)
        do throws(SystemError) {
            null = try FileDescriptor.open("/dev/null", O_RDWR)
            pipe = try FileDescriptor.pipe()
        } catch {
            throw .spawnFailed(error.description)
        }
        pipe.read.setNonBlocking()
        let cgroup = TaskCgroup(task: directory.name)
        return Script(
            pid: try spawn(text: text, as: identity, input: null, output: pipe.write, in: cgroup),
            pipe: pipe.read,
            cgroup: cgroup,
            output: OutputStore(from: pipe.read, to: file, null: null, limit: record.outputLimit)
        )
    }

    /// Writes the script down for its user's eyes only.
    private func storeScript(for identity: Child.Identity?) throws(StartFailure) -> [UInt8] {
        let text: [UInt8]
        do throws(Base64Error) {
            text = try Base64.decode(record.command)
        } catch {
            throw .invalidCommand("it is not base64")
        }
        do throws(SystemError) {
            let file = try FileDescriptor.open(directory.scriptPath, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            try file.writeAll(text)
            if let identity {
                guard fchown(file.number, identity.user, identity.group) == 0 else { throw SystemError("chown") }
            }
        } catch {
            throw .scriptStoreFailed(error.description)
        }
        return text
    }

    /// Starts the script, as its user or not at all.
    private func spawn(
        text: [UInt8],
        as identity: Child.Identity?,
        input: FileDescriptor,
        output: FileDescriptor,
        in cgroup: TaskCgroup?
    ) throws(StartFailure) -> pid_t {
        let home = record.user.home
        let wanted = record.workingDirectory
        let child = Child(
            path: LoginShell.path,
            arguments: LoginShell.arguments(script: directory.scriptPath, text: text),
            environment: Environment.ofTask(
                id: record.id,
                user: record.user,
                etcEnvironment: (try? PosixFiles().read("/etc/environment", limit: 1 << 20)) ?? []
            ),
            input: input,
            output: output,
            error: output,
            identity: identity,
            directory: wanted.isEmpty ? home : wanted.hasPrefix("/") ? wanted : home + "/" + wanted,
            fallbackDirectory: wanted.isEmpty ? "/" : nil,
            cgroup: cgroup?.directory
        )
        do throws(Child.Failure) {
            return try child.spawn()
        } catch {
            cgroup?.remove()
            guard error.stage == .directory else { throw .spawnFailed(error.description) }
            throw error.code == ENOENT || error.code == ENOTDIR
                ? .workingDirectoryNotFound(wanted) : .invalidWorkingDirectory(wanted, reason: error.reason)
        }
    }

    /// The identity that the script takes on; `nil` when it is this process' own and cannot be set, for want of root.
    private func identity() throws(SystemError) -> Child.Identity? {
        guard let user = uid_t(record.user.identifier) else { throw SystemError("user id", code: EINVAL) }
        let groups = record.user.groups.compactMap { gid_t($0) }
        guard let primary = groups.first, groups.count == record.user.groups.count else {
            throw SystemError("group ids", code: EINVAL)
        }
        if geteuid() == 0 { return Child.Identity(user: user, group: primary, groups: groups) }
        guard user == geteuid() else {
            throw SystemError("becoming user \(record.user.name) without being root", code: EPERM)
        }
        return nil
    }

    // MARK: - The run

    /// Waits for the script's end, or brings it about. The exit, and the pipe if a process still holds its other end.
    private func follow(_ script: consuming Script) -> (TaskExit, FileDescriptor?) {
        var supervision = Supervision(start: Self.uptime, timeout: .seconds(record.timeoutSeconds))
        var outputIsOpen = true
        var output = script.output
        while true {
            if outputIsOpen, !drain(&output) {
                outputIsOpen = false
                supervision.outputEnded()
            }
            switch supervision.next(at: Self.uptime, treeIsEmpty: { ProcessTree.isEmpty }) {
            case .terminate:
                crashPoint("before SIGTERM")
                kill(-script.pid, SIGTERM)
            case .kill:
                crashPoint("before SIGKILL")
                ProcessTree.killAll()
                script.cgroup?.killAll()
                crashPoint("after SIGKILL")
            case .finish(let result, let exitCode, let errorInfo):
                if outputIsOpen { outputIsOpen = drain(&output) }
                // The agent may send it while the disk is waited for.
                if output.stored == output.total { socket.announce(.wholeOutput) }
                output.sync()
                script.cgroup?.remove()
                let exit = TaskExit(
                    result,
                    exitCode: exitCode,
                    errorInfo: errorInfo,
                    finishedAt: now,
                    outputBytes: output.total
                )
                return (exit, outputIsOpen ? script.pipe : nil)
            case .wait(let until):
                wait(for: outputIsOpen ? script.pipe : nil, until: until)
                if socket.serve() || directory.isCancelled { supervision.cancelRequested() }
            }
            while let number = SignalDescriptor.next(from: signals) {
                if number == SIGTERM { supervision.shutdownRequested() }
            }
            for (pid, status) in ProcessTree.reap() where pid == script.pid {
                crashPoint("script reaped")
                supervision.scriptEnded(Self.end(of: status), at: Self.uptime)
            }
        }
    }

    private func drain(_ output: inout OutputStore) -> Bool {
        let before = output.stored
        defer {
            // An agent uploads no more than this, so it need not be woken for more.
            if output.stored > before, before < Int64(TaskDirectory.uploadLimit) { socket.announce(.output) }
        }
        return output.drain()
    }

    private func wait(for pipe: FileDescriptor?, until: Duration) {
        let isReachable = socket.makeReachable()
        let numbers = [signals.number] + (pipe.map { [$0.number] } ?? []) + socket.descriptors
        var polled = numbers.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let rest = max(.zero, min(until - Self.uptime, .seconds(isReachable ? 3600 : 1))).components
        // Rounded up, so that a deadline is not looked at just before it is due.
        let milliseconds = rest.seconds * 1000 + (rest.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        poll(&polled, nfds_t(polled.count), Int32(milliseconds))
    }

    private static func end(of status: Int32) -> Supervision.ScriptEnd {
        let signal = shim_term_signal(status)
        guard signal != 0 else { return .exited(Int64(shim_exit_code(status))) }
        let words = strsignal(signal).map { String(cString: $0) } ?? "unknown"
        return .killed("the script was ended by signal \(signal) (\(words))")
    }

    /// Time since boot, suspended or not: the clock of the timeout.
    private static var uptime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }

    // MARK: - The end

    /// Records the end, as soon as the disk takes it, and lets the agents know.
    private func end(_ exit: TaskExit) {
        while true {
            do throws(FileError) {
                try directory.end(exit)
                break
            } catch {
                // A directory that is gone has nobody who would read the record.
                guard error.kind != .notFound else { break }
                // Agents that take over meanwhile are heard; there is nothing to be cancelled any more.
                wait(for: nil, until: Self.uptime + .seconds(1))
                _ = socket.serve()
                while SignalDescriptor.next(from: signals) != nil { continue }
            }
        }
        socket.close()
    }

    /// Goes on reading what processes that the script left behind still write, and throws it away: without a reader the
    /// next line they write would end them.
    private static func outlive(_ pipe: FileDescriptor) {
        chdir("/")
        shim_ignore_signal(SIGCHLD)
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        pipe.setNonBlocking(false)
        while let bytes = try? pipe.read(atMost: 65_536), !bytes.isEmpty { continue }
    }
}
