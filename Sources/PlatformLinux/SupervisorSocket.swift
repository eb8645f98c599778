import Agent
import CShims

/// The supervisor's socket in the task directory: the claim to the task, the sign of life, and the way to poke it.
final class SupervisorSocket {
    private var listener: FileDescriptor?
    private var links: [FileDescriptor] = []

    /// Claims the task: makes the socket `control` appear in `directory`, listening from its first moment. `nil` when
    /// another supervisor has claimed it.
    init?(claiming directory: TaskDirectory) throws {
        let folder = try FileDescriptor.open(directory.path, O_RDONLY | O_DIRECTORY)
        let descriptor = socket(
            AF_UNIX,
            Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue),
            0
        )
        guard descriptor >= 0 else { throw SystemError("socket") }
        listener = FileDescriptor(owning: descriptor)
        crashPoint("before the claim")
        let draft = "control.\(getpid())"
        guard let address = UnixAddress(in: folder, name: draft) else { throw SystemError("bind", code: ENAMETOOLONG) }
        let draftPath = "\(directory.path)/\(draft)"
        unlink(draftPath)
        guard address.withSockaddr({ bind(descriptor, $0, $1) }) == 0 else { throw SystemError("bind \(draftPath)") }
        defer { unlink(draftPath) }
        crashPoint("claim bound")
        // Agents that find no room in the queue would take this supervisor for gone.
        guard listen(descriptor, SOMAXCONN) == 0 else { throw SystemError("listen") }
        // link(2) makes the name for one process only.
        crashPoint("claim listening")
        guard link(draftPath, directory.controlPath) == 0 else {
            if shim_errno() == EEXIST { return nil }
            throw SystemError("link \(directory.controlPath)")
        }
        crashPoint("claimed")
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
            links.append(FileDescriptor(owning: descriptor))
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

    /// Tells all agents that there is more output. One that has not read the last such news needs no other.
    func announceOutput() {
        var news: UInt8 = UInt8(ascii: "o")
        for link in links { _ = send(link.number, &news, 1, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)) }
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
