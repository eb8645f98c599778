import Agent
import CShims

/// `tat_agent supervise`: a small process that finds a supervisor for each task directory it is sent.
///
/// It saves the start of the executable, which costs several times as much as a fork(2), for every task but the first,
/// and the fork for most: a supervisor whose task has left nothing behind comes back and waits for another one.
/// The agent starts the nursery when tasks may be coming and ends it when none came for a while, by closing their
/// socket; it ends with the agent, too, and supervisors without a task end with it. The others outlive both.
struct Nursery {
    /// The longest message: a path.
    static let messageLimit = 4096
    /// How many supervisors without a task are kept.
    static let idleLimit = 8

    /// A task directory, and the supervisor's end of its link with the agent.
    struct Request {
        let directory: String
        let link: FileDescriptor
    }

    private let requests: FileDescriptor
    /// A pair over which supervisors come back, with a socket each to send them a request by: reading end, writing end.
    private let returns: (FileDescriptor, FileDescriptor)
    private var idle: [FileDescriptor] = []

    /// What a process is after the nursery's work: its exit code, or a supervisor.
    private enum Role {
        case ended(Int32)
        case supervisor(Request, returns: FileDescriptor)
    }

    /// Serves descriptor 3 until the agent closes its end. In a supervisor: runs its tasks, then returns its exit code.
    static func run() -> Int32 {
        _ = shim_set_name("tat_agent")
        // Supervisors that have ended need no one to collect them.
        shim_ignore_signal(SIGCHLD)
        shim_ignore_signal(SIGINT)
        Supervisor.warmUp()
        crashPoints(in: "nursery")
        crashPoint("ready")
        switch serve() {
        case .ended(let code):
            return code
        case .supervisor(let request, let returns):
            setsid()
            shim_default_signal(SIGCHLD)
            return supervise(request, returns: returns)
        }
    }

    /// The nursery's descriptors are closed when this returns, but for the one that a supervisor keeps.
    private static func serve() -> Role {
        guard let requests = LinuxLauncher.inheritedSocket(),
            let returns = try? FileDescriptor.socketPair(SOCK_SEQPACKET, isNonBlocking: false)
        else { return .ended(2) }
        var nursery = Nursery(requests: requests, returns: returns)
        while let request = nursery.next() {
            crashPoint("asked")
            if nursery.hand(request) { continue }
            if shim_fork() == 0 { return .supervisor(request, returns: returns.1) }
            crashPoint("forked")
        }
        return .ended(0)
    }

    /// The next request of the agent; `nil` when there will be none.
    private mutating func next() -> Request? {
        while true {
            var polled = [requests.number, returns.0.number].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&polled, nfds_t(polled.count), -1) >= 0 || shim_errno() == EINTR else { return nil }
            if polled[1].revents != 0, let message = Self.receive(from: returns.0) {
                if idle.count < Self.idleLimit { idle.append(message.link) }
            } else if polled[0].revents != 0 {
                return Self.receive(from: requests)
            }
        }
    }

    /// Gives the request to a supervisor without a task; `false` when there is none.
    private mutating func hand(_ request: Request) -> Bool {
        while let supervisor = idle.popLast() {
            if Self.send(request, over: supervisor) { return true }
        }
        return false
    }

    // MARK: - In a supervisor

    /// Runs one task, and as many others as the nursery has for this process.
    private static func supervise(_ first: Request, returns: FileDescriptor) -> Int32 {
        var request = first
        while true {
            let code = Supervisor.run(directory: request.directory, link: request.link)
            _ = ProcessTree.reap()
            guard code == 0, ProcessTree.isEmpty, let requests = comeBack(over: returns),
                let next = receive(from: requests)
            else { return code }
            request = next
        }
    }

    /// Where the next request will come from.
    private static func comeBack(over returns: FileDescriptor) -> FileDescriptor? {
        guard let (mine, theirs) = try? FileDescriptor.socketPair(SOCK_SEQPACKET, isNonBlocking: false),
            send(Request(directory: "/", link: theirs), over: returns)
        else { return nil }
        return mine
    }

    // MARK: - Messages

    private static func receive(from socket: FileDescriptor) -> Request? {
        var message = [UInt8](repeating: 0, count: messageLimit)
        var descriptor: Int32 = -1
        let length = retrying { shim_receive_descriptor(socket.number, &message, message.count, &descriptor) }
        guard length > 0, descriptor >= 0 else { return nil }
        return Request(
            directory: String(decoding: message.prefix(length), as: UTF8.self),
            link: FileDescriptor(owning: descriptor)
        )
    }

    private static func send(_ request: Request, over socket: FileDescriptor) -> Bool {
        let message = Array(request.directory.utf8)
        let sent = retrying {
            shim_send_descriptor(socket.number, message, message.count, request.link.number)
        }
        return sent == message.count
    }
}
