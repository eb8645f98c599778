import Agent

/// The notify channel of one agent, after the upgrade.
@LoopActor
final class NotifyConnection {
    /// An agent pings every 2 min; one that says nothing for so long is gone.
    private static let silenceLimit = Duration.seconds(600)
    private static let backlogLimit = 32 << 20
    private static let messageLimit = 16 << 20

    /// What the agent sent, told to the owner of the connection.
    enum Event {
        case text(String)
        case binary([UInt8])
        case ping
    }

    let agent: String
    private let stream: ByteStream
    private var decoder = WebSocketDecoder(role: .server, limit: NotifyConnection.messageLimit)
    private var isClosing = false

    /// Whether pings go without an answer.
    var isStalled = false
    /// Whether nothing is taken or sent any more.
    private var isDropped = false
    private let ended = Wakeup()

    init(agent: String, stream: ByteStream) {
        self.agent = agent
        self.stream = stream
    }

    /// Serves the agent until the connection is over; how it ended. `finish` is to be called then.
    func serve(_ first: [UInt8], _ event: (Event) -> Void) async -> JSON {
        decoder.append(first)
        while true {
            while !isDropped {
                do throws(WebSocketError) {
                    guard let message = try decoder.next() else { break }
                    if let end = take(message, event) { return end }
                } catch {
                    close(code: error.code, reason: error.reason)
                    return ["code": JSON(Int(error.code)), "reason": .string(error.reason), "by": "hub"]
                }
            }
            if isDropped {
                _ = await ended.wait(atMost: .seconds(3600))
                stream.close()
                return ["code": nil, "reason": "dropped", "by": "hub"]
            }
            let limit = isClosing ? Duration.seconds(5) : Self.silenceLimit
            guard let bytes = await stream.read(until: .now + limit) else {
                if isDropped { continue }
                stream.close()
                return ["code": nil, "reason": "the connection ended", "by": isClosing ? "hub" : "agent"]
            }
            decoder.append(bytes)
        }
    }

    /// Lets the agent have what was sent, then closes the connection.
    func finish() async { await stream.finish() }

    private func take(_ message: WebSocketMessage, _ event: (Event) -> Void) -> JSON? {
        switch message {
        case .text(let text): event(.text(text))
        case .binary(let bytes): event(.binary(bytes))
        case .ping(let payload):
            event(.ping)
            if !isStalled { send(.pong, payload) }
        case .pong: break
        case .close(let code, let reason):
            let by: JSON = isClosing ? "hub" : "agent"
            if !isClosing { close(code: code, reason: reason) }
            return ["code": JSON(code.map { Int($0) }), "reason": .string(reason), "by": by]
        }
        return nil
    }

    /// Sends a message; `false` when the connection is ending or the agent does not take what it is sent.
    @discardableResult
    func send(_ opcode: WebSocketOpcode, _ payload: [UInt8]) -> Bool {
        guard !isClosing, !isDropped, stream.isUsable else { return false }
        guard stream.backlog + payload.count <= Self.backlogLimit else {
            reset()
            return false
        }
        stream.enqueue(WebSocketEncoder.frame(opcode: opcode, payload: payload, maskingKey: nil))
        return true
    }

    /// Begins the closing handshake, or answers it.
    func close(code: UInt16?, reason: String) {
        guard !isClosing, !isDropped else { return }
        isClosing = true
        stream.enqueue(WebSocketEncoder.close(code: code, reason: reason, maskingKey: nil))
        // An agent that does not answer is not waited for, whatever it sends meanwhile.
        _ = EventLoop.shared.schedule(after: .seconds(5)) { [weak stream] in stream?.close() }
    }

    /// Ends in favour of a newer connection of the same agent.
    func giveWay() {
        if isDropped { reset() } else { close(code: 1001, reason: "replaced by a newer connection") }
    }

    func reset() {
        stream.reset()
        ended.signal()
    }

    /// From now on the connection is as a line that was cut.
    func drop() {
        isDropped = true
        // Lets the reader notice: nothing that arrives is taken, so it waits for the end only.
        stream.interrupt()
    }
}
