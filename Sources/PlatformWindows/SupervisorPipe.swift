import Agent
import CShims

/// The supervisor's claim to its task, its sign of life, and the way to poke it.
///
/// The claim is the file `control`, which is made once and held open so that nobody else can write to it: who cannot open
/// it for writing knows that the supervisor lives. It holds the name of a pipe. Bytes on that mean "look again".
final class SupervisorPipe {
    /// How many agents are served at once; further ones wait.
    private static let linkLimit = 16

    private let name: String
    private var control: Handle?
    private var listener: (pipe: Handle, connecting: Operation)?
    private var links: [Link] = []

    /// A connection of an agent.
    private final class Link {
        let pipe: Handle
        let reading: Operation
        let writing: Operation

        init(_ pipe: Handle) throws(SystemError) {
            self.pipe = pipe
            reading = try Operation(on: pipe, capacity: 64)
            writing = try Operation(on: pipe, capacity: 1)
            try reading.read()
        }
    }

    /// Claims the task: from then on, even through a power failure, it counts as started. `nil` when another supervisor
    /// has claimed it.
    init?(claiming directory: TaskDirectory) throws(SystemError) {
        name = Pipe.freshName()
        try listen(isFirst: true)
        let control: Handle
        do throws(SystemError) {
            control = try Handle.make(
                directory.controlPath,
                access: FileAccess.read | FileAccess.write,
                share: DWORD(FILE_SHARE_READ),
                disposition: DWORD(CREATE_NEW),
                security: .owner
            )
        } catch {
            guard error.code == ErrorCode.fileExists || error.code == ErrorCode.alreadyExists else { throw error }
            return nil
        }
        self.control = control
        try control.writeAll(name.utf8)
        guard shim_win_FlushFileBuffers(control.raw) else { throw SystemError("flush control") }
    }

    private func listen(isFirst: Bool = false) throws(SystemError) {
        while true {
            let pipe = try Pipe.listen(name, .both, isFirst: isFirst, instances: DWORD(Self.linkLimit + 1))
            let connecting = try Operation(on: pipe, capacity: 1)
            guard try connecting.connect() else {
                listener = (pipe, connecting)
                return
            }
            add(pipe)
        }
    }

    /// Adds a connection that was there from the start.
    func add(_ pipe: Handle) {
        if let link = try? Link(pipe) { links.append(link) }
    }

    /// What to wait for.
    var events: [Handle] {
        (links.count < Self.linkLimit ? listener.map { [$0.connecting.event] } ?? [] : []) + links.map(\.reading.event)
    }

    /// Serves what has come; whether anybody poked.
    func serve() -> Bool {
        accept()
        var wasPoked = false
        links.removeAll { link in
            do throws(SystemError) {
                guard let bytes = try link.reading.result() else { return false }
                wasPoked = wasPoked || !bytes.isEmpty
                try link.reading.read()
                return false
            } catch {
                return true
            }
        }
        return wasPoked
    }

    private func accept() {
        guard links.count < Self.linkLimit, let (pipe, connecting) = listener else { return }
        do throws(SystemError) {
            guard try connecting.result() != nil else { return }
            // The next one first: without any, the name would be anybody's.
            listener = nil
            try listen()
            add(pipe)
        } catch {
            listener = nil
            try? listen()
        }
    }

    /// Tells all agents that there is more output. One that has not read the last such news needs no other.
    func announceOutput() {
        for link in links {
            guard (try? link.writing.result()) != nil else { continue }
            try? link.writing.write(UInt8(ascii: "o"))
        }
    }

    /// Gives the claim's file back, for whoever removes the directory, and ends all connections: for the agents, the sign
    /// that the exit is recorded.
    func close() {
        control = nil
        listener = nil
        links = []
    }
}
