import Agent
import CShims

/// A supervisor's connection to an agent. It sends single bytes (`News`); the agent sends lines: the path of a task's
/// directory to a supervisor without a task, empty ones to have it look again.
final class AgentLink {
    /// `nil` when it is closed.
    private var operations: (reading: Operation, writing: Operation)?

    init(_ pipe: Handle) throws(SystemError) {
        let reading = try Operation(on: pipe, capacity: 4096)
        operations = (reading, try Operation(on: pipe, capacity: 1))
        try reading.read()
    }

    /// Ends the connection, whoever still has this object.
    func close() { operations = nil }

    /// Signalled when something has come; `nil` when it is closed.
    var event: Handle? { operations?.reading.event }

    /// What an agent is told.
    enum News: UInt8 {
        /// There is more output.
        case output = 0x6f
        /// All output is there.
        case wholeOutput = 0x77
        /// The exit is recorded, and the supervisor takes another task. Without this it ends, and so does the link.
        case free = 0x66
    }

    /// Whether it is on its way. To an agent that reads so slowly that its pipe is full nothing is told.
    @discardableResult
    func tell(_ news: News) -> Bool {
        guard let writing = operations?.writing, (try? writing.result()) != nil else { return false }
        return (try? writing.write(news.rawValue)) != nil
    }

    /// What has come, empty when nothing has; `nil` when the agent has ended the connection.
    func receive() -> [UInt8]? {
        guard let reading = operations?.reading else { return nil }
        do throws(SystemError) {
            guard let bytes = try reading.result().map(Array.init) else { return [] }
            try reading.read()
            return bytes
        } catch {
            return nil
        }
    }

    /// Waits for the path of a task's directory; `nil` when the agent wants nothing any more.
    func receivePath() -> String? {
        var path: [UInt8] = []
        while path.count <= Int(Pipe.messageLimit), let event {
            _ = shim_win_WaitForSingleObject(event.raw, DWORD(INFINITE))
            guard let piece = receive() else { return nil }
            for byte in piece {
                if byte != Self.lineEnd {
                    path.append(byte)
                } else if !path.isEmpty {
                    // Nothing comes behind it before the task is claimed but pokes, and the task is looked at then anyway.
                    return String(decoding: path, as: UTF8.self)
                }
            }
        }
        return nil
    }

    static let lineEnd = UInt8(ascii: "\n")
}

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
    /// Of the agent that started this process.
    private let starter: AgentLink?
    private var links: [AgentLink]

    /// Claims the task; `nil` when another supervisor has.
    ///
    /// - Parameter starter: the connection to the agent that started this process.
    init?(claiming directory: TaskDirectory, from starter: AgentLink?) throws(SystemError) {
        name = Pipe.freshName()
        self.starter = starter
        links = starter.map { [$0] } ?? []
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

    private func add(_ pipe: Handle) {
        if let link = try? AgentLink(pipe) { links.append(link) }
    }

    /// Adds the connection of an agent that takes over, and has it look: of what was stored before now, and after it
    /// looked, nobody has told it.
    private func welcome(_ pipe: Handle) {
        add(pipe)
        announce(.output)
    }

    /// What to wait for.
    var events: [Handle] {
        (links.count < Self.linkLimit ? listener.map { [$0.connecting.event] } ?? [] : []) + links.compactMap(\.event)
    }

    /// Serves what has come; whether anybody poked.
    func serve() -> Bool {
        accept()
        var wasPoked = false
        links.removeAll { link in
            guard let bytes = link.receive() else { return true }
            wasPoked = wasPoked || !bytes.isEmpty
            return false
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

    /// Tells all agents.
    func announce(_ news: AgentLink.News) {
        for link in links { link.tell(news) }
    }

    /// Gives the claim's file back, for whoever removes the directory, and ends all connections: for the agents, the sign
    /// that the exit is recorded. A process that is free for another task keeps the one to the agent that started it.
    func close(isFree: Bool) -> AgentLink? {
        claim = nil
        listener = nil
        let isKept = isFree && links.contains { $0 === starter } && starter?.tell(.free) ?? false
        for link in links where !isKept || link !== starter { link.close() }
        return isKept ? starter : nil
    }
}
