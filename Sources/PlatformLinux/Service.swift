import Agent
import CShims

/// The agent's process among the machine's services: signals by signalfd(2), readiness by sd_notify(3).
@LoopActor
public final class LinuxService: Service {
    private let signals: FileDescriptor
    private let poller: EpollPoller
    private let executable: String
    private let arguments: [String]
    private let whenReady: () -> Void
    private var watch: EpollPoller.Watch?
    private var requestHandler: (@LoopActor (ServiceRequest) -> Void)?
    private var childHandler: (@LoopActor () -> Void)?

    /// Blocks the signals that are now read by the loop: to be made before any thread is started.
    ///
    /// - Parameters:
    ///   - executable: the path of the agent's executable file.
    ///   - arguments: what a restart passes, the program's name first.
    ///   - whenReady: what else is to be done when the agent is ready, such as letting go of a waiting terminal.
    public init(
        poller: EpollPoller,
        executable: String,
        arguments: [String],
        whenReady: @escaping () -> Void
    ) throws {
        self.poller = poller
        self.executable = executable
        self.arguments = arguments
        self.whenReady = whenReady
        shim_ignore_signal(SIGPIPE)
        shim_ignore_signal(SIGHUP)
        let descriptor = SignalDescriptor.open([SIGTERM, SIGINT, SIGCHLD])
        guard descriptor >= 0 else { throw SystemError("signalfd") }
        signals = FileDescriptor(owning: descriptor)
        watch = try poller.watch(descriptor, for: .read) { [weak self] _ in self?.readSignals() }
    }

    public func onRequest(_ handler: @escaping @LoopActor (ServiceRequest) -> Void) { requestHandler = handler }

    /// Calls `handler` whenever a child process may have ended.
    func onChild(_ handler: @escaping @LoopActor () -> Void) { childHandler = handler }

    public func ready() {
        notify("READY=1")
        whenReady()
    }

    public func restart() -> String {
        notify("RELOADING=1")
        let strings = arguments.map { strdup($0) } + [nil]
        execv(executable, strings)
        let error = SystemError("execv \(executable)")
        for string in strings { free(string) }
        return error.description
    }

    public var usage: ProcessUsage? {
        let files = PosixFiles()
        // "SIZE RESIDENT …", in pages.
        guard let statm = try? files.read("/proc/self/statm", limit: 4096),
            let pages = String(decoding: statm, as: UTF8.self).split(separator: " ").dropFirst().first.flatMap({
                Int64($0)
            }),
            let descriptors = try? files.list("/proc/self/fd")
        else { return nil }
        return ProcessUsage(
            residentMemory: pages * Int64(sysconf(Int32(_SC_PAGESIZE))),
            descriptors: descriptors.count,
            zombies: ProcessTree.endedChildren
        )
    }

    private func readSignals() {
        while let number = SignalDescriptor.next(from: signals) {
            switch number {
            case SIGTERM, SIGINT: requestHandler?(.stop)
            case SIGCHLD: childHandler?()
            default: break
            }
        }
    }

    /// Sends the service manager a state, if there is one that asked (`NOTIFY_SOCKET`).
    private func notify(_ state: String) {
        guard let name = Environment.value("NOTIFY_SOCKET"), let address = UnixAddress(notifySocket: name) else {
            return
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        let owner = FileDescriptor(owning: descriptor)
        let bytes = Array(state.utf8)
        _ = address.withSockaddr { pointer, size in
            sendto(owner.number, bytes, bytes.count, Int32(MSG_NOSIGNAL), pointer, size)
        }
    }
}

/// Signals that arrive as reads of a descriptor.
enum SignalDescriptor {
    /// Blocks the signals for this thread, and those it starts, and gives the number of a non-blocking descriptor that
    /// delivers them; -1 and errno when there is none.
    static func open(_ numbers: [Int32]) -> Int32 {
        var set = sigset_t()
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        return signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
    }

    /// The next signal that has come, if any.
    static func next(from descriptor: FileDescriptor) -> Int32? {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        guard retrying({ read(descriptor.number, &info, size) }) == size else { return nil }
        return Int32(bitPattern: info.ssi_signo)
    }
}
