import Agent
import CShims

/// Starts supervisors as children of the agent in sessions of their own, and finds them again by their sockets.
@LoopActor
public final class LinuxLauncher: Launcher {
    private let poller: EpollPoller
    private let descriptorLimit: Int?
    private let executable: String
    private var children: Set<pid_t>
    private var nursery: FileDescriptor?
    private var nurseryEnd: LoopTimer?
    private var heapTrim: LoopTimer?

    public nonisolated var commandTypes: [String] { ["SHELL"] }

    /// - Parameters:
    ///   - service: tells when a child has ended.
    ///   - descriptorLimit: the soft limit of open descriptors that tasks get; `nil`: the agent's own.
    ///   - executable: the agent's; else the very file that this process runs, even if another has taken its place on
    ///     disk since.
    public init(
        poller: EpollPoller,
        service: LinuxService,
        descriptorLimit: Int? = nil,
        executable: String = "/proc/self/exe"
    ) {
        self.poller = poller
        self.descriptorLimit = descriptorLimit
        self.executable = executable
        // An agent that restarted itself is still the parent of the supervisors it had started.
        children = Set(ProcessTree.listedChildren(of: getpid(), thread: getpid()))
        service.onChild { [weak self] in self?.reap() }
    }

    public func prepare() {
        if nursery == nil { nursery = try? startNursery() }
        nurseryEnd?.cancel()
        nurseryEnd = EventLoop.shared.schedule(after: Self.nurseryPatience) { self.nursery = nil }
        trimHeapSoon()
    }

    public func rest() { trimHeapSoon() }

    private func trimHeapSoon() {
        heapTrim?.cancel()
        heapTrim = EventLoop.shared.schedule(after: Self.heapPatience) { shim_trim_heap() }
    }

    public func launch(directory: String, again: Bool) throws(LaunchError) -> any SupervisorLink {
        do {
            let (mine, theirs) = try FileDescriptor.socketPair(SOCK_STREAM, isNonBlocking: true)
            // A nursery cannot say why it could not fork; a start of one's own can.
            if again || !ask(directory: directory, link: theirs) {
                try start(["supervise", directory], socket: theirs)
            }
            return try LinuxSupervisorLink(socket: mine, poller: poller)
        } catch {
            throw LaunchError("the task's supervisor could not be started: \(error)")
        }
    }

    /// How long a nursery without work is kept.
    private static let nurseryPatience = Duration.seconds(10)

    /// How soon after the last of a burst of tasks the memory that they have left free goes back to the system.
    private static let heapPatience = Duration.seconds(1)

    private func ask(directory: String, link: FileDescriptor) -> Bool {
        prepare()
        let message = Array(directory.utf8)
        guard let nursery, message.count < Nursery.messageLimit else { return false }
        let sent = retrying { shim_send_descriptor(nursery.number, message, message.count, link.number) }
        if sent < 0, shim_errno() != EAGAIN { self.nursery = nil }
        return sent == message.count
    }

    private func startNursery() throws -> FileDescriptor {
        // Not in the nursery: what it has of memory its supervisors have, too.
        TaskCgroup.sweep()
        let (mine, theirs) = try FileDescriptor.socketPair(SOCK_SEQPACKET, isNonBlocking: false)
        try start(["supervise"], socket: theirs)
        return mine
    }

    /// Starts the executable anew, as a child in a session of its own, with `socket` as its descriptor 3.
    private func start(_ arguments: [String], socket: FileDescriptor) throws {
        let null = try FileDescriptor.open("/dev/null", O_RDWR)
        let child = Child(
            path: executable,
            arguments: ["tat_agent"] + arguments,
            environment: Environment.current.map { "\($0.name)=\($0.value)" },
            input: null,
            output: null,
            error: null,
            extra: socket,
            hasOwnSession: true,
            directory: "/",
            descriptorLimit: descriptorLimit
        )
        children.insert(try child.spawn())
    }

    public func adopt(directory: String) -> Adoption {
        do throws(SystemError) {
            return switch try TaskClaim.state(in: directory) {
            case .none: .unclaimed
            case .abandoned: .gone
            case .held: .alive(LinuxSupervisorLink(directory: directory, poller: poller))
            }
        } catch {
            return .unknown("\(error)")
        }
    }

    public nonisolated func endOrphans(of taskID: String) -> Int {
        let count = ProcessTree.killAll(withVariable: "\(Environment.taskVariable)=\(taskID)")
        TaskCgroup.end(task: TaskDirectory.name(of: taskID))
        return count
    }

    /// The socket that a process which `start` has started shares with the agent.
    nonisolated static func inheritedSocket() -> FileDescriptor? {
        var status = stat()
        guard fstat(3, &status) == 0, shim_is_socket(status.st_mode) != 0 else { return nil }
        _ = shim_fcntl(3, F_SETFD, Int(FD_CLOEXEC))
        return FileDescriptor(owning: 3)
    }

    private func reap() {
        for pid in children where waitpid(pid, nil, WNOHANG) != 0 { children.remove(pid) }
    }
}
