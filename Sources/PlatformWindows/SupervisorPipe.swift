import Agent
import CShims

/// The supervisor's claim to its task, its sign of life, and the way to poke it.
///
/// The claim is the file `claim`, which is made once and held open so that nobody else can write to it: who cannot open
/// it for writing knows that the supervisor lives. It holds the name of a pipe. Bytes on that mean "look again".
final class SupervisorPipe {
    /// How many agents are served at once; further ones wait.
    private static let linkLimit = 16

    private let name: String
    private var claim: Handle?
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

    /// Claims the task; `nil` when another supervisor has.
    init?(claiming directory: TaskDirectory) throws(SystemError) {
        name = Pipe.freshName()
        try listen(isFirst: true)
        let claim: Handle
        do throws(SystemError) {
            claim = try Handle.make(
                directory.claimPath,
                access: FileAccess.read | FileAccess.write,
                share: DWORD(FILE_SHARE_READ),
                disposition: DWORD(CREATE_NEW),
                security: .owner
            )
        } catch {
            guard error.code == ErrorCode.fileExists || error.code == ErrorCode.alreadyExists else { throw error }
            return nil
        }
        self.claim = claim
        try claim.writeAll(name.utf8)
    }

    private func listen(isFirst: Bool = false) throws(SystemError) {
        while true {
            let pipe = try Pipe.listen(name, .both, isFirst: isFirst, instances: DWORD(Self.linkLimit + 1))
            let connecting = try Operation(on: pipe, capacity: 1)
            guard try connecting.connect() else {
                listener = (pipe, connecting)
                return
            }
            welcome(pipe)
        }
    }

    /// Adds a connection that was there from the start.
    func add(_ pipe: Handle) {
        if let link = try? Link(pipe) { links.append(link) }
    }

    /// Adds the connection of an agent that takes over, and has it look: of what was stored before now, and after it
    /// looked, nobody has told it.
    private func welcome(_ pipe: Handle) {
        add(pipe)
        announce(.output)
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
            welcome(pipe)
        } catch {
            listener = nil
            try? listen()
        }
    }

    /// What agents are told, one byte each.
    enum News: UInt8 {
        /// There is more output.
        case output = 0x6f
        /// All output is there.
        case wholeOutput = 0x77
    }

    /// Tells all agents. One that reads so slowly that its pipe is full has enough to look at.
    func announce(_ news: News) {
        for link in links {
            guard (try? link.writing.result()) != nil else { continue }
            try? link.writing.write(news.rawValue)
        }
    }

    /// Gives the claim's file back, for whoever removes the directory, and ends all connections: for the agents, the sign
    /// that the exit is recorded.
    func close() {
        claim = nil
        listener = nil
        links = []
    }
}
