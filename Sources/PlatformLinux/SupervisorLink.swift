import Agent
import CShims

/// A connection to a supervisor: it sends a byte for news, this side one to poke it, and its end is the end of the task.
@LoopActor
final class LinuxSupervisorLink: SupervisorLink {
    /// How soon a supervisor that does not listen yet is tried again: it may just be noticing that its agent is gone.
    private static let firstPause = Duration.milliseconds(10)
    private static let longestPause = Duration.seconds(1)

    private let poller: EpollPoller
    private var socket: FileDescriptor?
    private var watch: EpollPoller.Watch?
    private var retry: LoopTimer?
    private var isPoked = false
    private let arrived = Wakeup()
    private var hasWholeOutput = false
    private var isOver = false

    /// A connection that is there.
    init(socket: FileDescriptor, poller: EpollPoller) throws {
        self.poller = poller
        try attach(socket)
    }

    /// A connection to the supervisor that holds the claim to the task in `directory`, as soon as it can be had.
    init(directory: String, poller: EpollPoller) {
        self.poller = poller
        connect(directory, pause: Self.firstPause)
    }

    func news() async -> SupervisorNews {
        if !isOver { _ = await arrived.wait() }
        return isOver ? .over : hasWholeOutput ? .wholeOutput : .output
    }

    func poke() {
        isPoked = true
        guard let socket else { return }
        var poke = UInt8(ascii: "c")
        _ = send(socket.number, &poke, 1, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
    }

    func close() {
        retry?.cancel()
        retry = nil
        watch?.cancel()
        watch = nil
        isOver = true
        arrived.signal()
    }

    private func attach(_ socket: FileDescriptor) throws {
        watch = try poller.watch(socket.number, for: .read) { [weak self] _ in self?.read() }
        self.socket = socket
        if isPoked { poke() }
    }

    private func connect(_ directory: String, pause: Duration) {
        if let socket = try? Self.connected(to: directory), (try? attach(socket)) != nil { return }
        switch try? TaskClaim.state(in: directory) {
        case .none?, .abandoned?: return close()
        case .held?, nil: break
        }
        retry = EventLoop.shared.schedule(after: pause) { [weak self] in
            self?.connect(directory, pause: min(pause * 2, Self.longestPause))
        }
    }

    private static func connected(to directory: String) throws(SystemError) -> FileDescriptor {
        let folder = try FileDescriptor.open(directory, O_RDONLY | O_DIRECTORY)
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let number = CShims.socket(AF_UNIX, kind, 0)
        guard number >= 0 else { throw SystemError("socket") }
        let socket = FileDescriptor(owning: number)
        guard let address = UnixAddress(in: folder, name: "control") else {
            throw SystemError("connect", code: ENAMETOOLONG)
        }
        guard address.withSockaddr({ address, size in retrying { CShims.connect(number, address, size) } }) == 0 else {
            throw SystemError("connect \(directory)/control")
        }
        return socket
    }

    private func read() {
        do throws(SystemError) {
            guard let bytes = try socket?.read(atMost: 256) else { return }
            if bytes.contains(SupervisorSocket.News.wholeOutput.rawValue) { hasWholeOutput = true }
            if bytes.isEmpty { close() } else { arrived.signal() }
        } catch {
            close()
        }
    }
}
