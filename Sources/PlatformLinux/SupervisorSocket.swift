import Agent
import CShims

/// A supervisor's connections: the one to the agent that started it and, once that is gone, those of agents that take
/// over, through the socket `control` in the task directory.
final class SupervisorSocket {
    private let directory: String
    private var listener: FileDescriptor?
    private var links: [FileDescriptor] = []

    init(in directory: TaskDirectory) { self.directory = directory.path }

    /// Listens, if no agent is connected. `false` when that cannot be had now.
    func makeReachable() -> Bool {
        if listener == nil, links.isEmpty { listener = try? listen() }
        return listener != nil || !links.isEmpty
    }

    private func listen() throws(SystemError) -> FileDescriptor {
        let folder = try FileDescriptor.open(directory, O_RDONLY | O_DIRECTORY)
        let number = socket(
            AF_UNIX,
            Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue),
            0
        )
        guard number >= 0 else { throw SystemError("socket") }
        let listener = FileDescriptor(owning: number)
        guard let address = UnixAddress(in: folder, name: "control") else {
            throw SystemError("bind", code: ENAMETOOLONG)
        }
        // One that an earlier attempt has left.
        unlink(directory + "/control")
        guard address.withSockaddr({ bind(number, $0, $1) }) == 0 else { throw SystemError("bind") }
        guard CShims.listen(number, SOMAXCONN) == 0 else { throw SystemError("listen") }
        return listener
    }

    /// Adds a connection that was there from the start.
    func add(_ link: FileDescriptor) { links.append(link) }

    /// How many connections are served at once; further ones wait.
    private static let linkLimit = 16

    /// What to wait for.
    var descriptors: [Int32] {
        (links.count < Self.linkLimit ? listener.map { [$0.number] } ?? [] : []) + links.map(\.number)
    }

    /// Serves what has come; whether anybody poked.
    func serve() -> Bool {
        while let listener, links.count < Self.linkLimit {
            let descriptor = retrying { shim_accept(listener.number) }
            guard descriptor >= 0 else { break }
            let link = FileDescriptor(owning: descriptor)
            // Of what was stored before now, and after its agent looked, nobody has told it.
            Self.tell(link, .output)
            links.append(link)
        }
        var wasPoked = false
        links.removeAll { link in
            switch Result(catching: { () throws(SystemError) in try link.read(atMost: 64) }) {
            case .success(nil): return false
            case .success(let bytes?):
                wasPoked = wasPoked || !bytes.isEmpty
                return bytes.isEmpty
            case .failure: return true
            }
        }
        return wasPoked
    }

    /// What agents are told, one byte each.
    enum News: UInt8 {
        /// There is more output.
        case output = 0x6f
        /// All output is there.
        case wholeOutput = 0x77
    }

    /// Tells all agents. One that has not read the last news has no need of more of the kind.
    func announce(_ news: News) {
        for link in links { Self.tell(link, news) }
    }

    private static func tell(_ link: FileDescriptor, _ news: News) {
        var news = news.rawValue
        _ = send(link.number, &news, 1, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
    }

    /// Ends all connections: for the agents, the sign that the exit is recorded.
    func close() {
        crashPoint("before the links are closed")
        listener = nil
        // Whoever else still holds on to one of them must not keep the sign back.
        for link in links { shutdown(link.number, Int32(SHUT_RDWR)) }
        links = []
        crashPoint("after the links are closed")
    }
}
