import Agent
import PlatformLinux

/// The notify channel: who is connected, and what is sent to and came from them.
@LoopActor
final class NotifyService {
    private static let inboxLimit = 2000
    private static let inboxBytes = 64 << 20

    private let state: HubState
    private let crypto: any Crypto
    private var connections: [String: NotifyConnection] = [:]
    private var sequence: Int64 = 0
    /// What agents sent, the oldest first.
    private var inbox: [(number: Int, agent: String, message: JSON, size: Int)] = []
    private var inboxSize = 0
    private var received = 0
    private var waiters: [ObjectIdentifier: Wakeup] = [:]

    init(_ state: HubState, crypto: any Crypto) {
        self.state = state
        self.crypto = crypto
    }

    // MARK: The upgrade

    func handle(_ request: Request) -> Outcome {
        guard request.method == "GET", request.header("Upgrade", contains: "websocket"),
            request.header("Connection", contains: "upgrade"), let key = request.header("Sec-WebSocket-Key"),
            (try? Base64.decode(key))?.count == 16
        else { return .reply(.text("a WebSocket upgrade is needed", status: 400)) }
        guard request.header("Sec-WebSocket-Version") == "13" else {
            var reply = Reply.text("WebSocket version 13 is spoken here", status: 426)
            reply.headers = [HTTPHeader("Sec-WebSocket-Version", "13")]
            return .reply(reply)
        }
        let agent = state.agents.see(request, at: Clock.unixMilliseconds)
        let rule = state.misbehaviour.take(Misbehaviour.notify, agent: agent)
        if rule?.how == .refuse { return .reply(.text("misbehaving: refused", status: 403)) }
        var failed = false
        let accept = WebSocketHandshake.accept(for: key) { bytes in
            guard let digest = try? crypto.sha1(bytes) else {
                failed = true
                return []
            }
            return digest
        }
        guard !failed else { return .reply(.text("no SHA-1", status: 500)) }
        let headers = [
            HTTPHeader("Upgrade", "websocket"), HTTPHeader("Connection", "Upgrade"),
            HTTPHeader("Sec-WebSocket-Accept", accept),
        ]
        return .upgrade(headers) { stream, first in
            await self.serve(NotifyConnection(agent: agent, stream: stream), first, rule)
        }
    }

    private func serve(_ connection: NotifyConnection, _ first: [UInt8], _ rule: Misbehaviour.Rule?) async {
        let agent = connection.agent
        connections[agent]?.giveWay()
        connections[agent] = connection
        state.agents.update(agent) { record in
            record.connects += 1
            record.isConnected = true
        }
        if let rule { apply(rule, to: connection) }
        let end = await connection.serve(first) { event in take(event, from: agent) }
        let isCurrent = connections[agent] === connection
        if isCurrent { connections[agent] = nil }
        state.agents.update(agent) { record in
            record.lastClose = end
            if isCurrent { record.isConnected = false }
        }
        await connection.finish()
    }

    private func take(_ event: NotifyConnection.Event, from agent: String) {
        state.agents.update(agent) { $0.lastSeen = Clock.unixMilliseconds }
        switch event {
        case .ping: state.agents.update(agent) { $0.pings += 1 }
        case .text(let text): keep(["text": .string(text)], size: text.utf8.count, from: agent)
        case .binary(let bytes): keep(["binary": .string(Base64.encode(bytes))], size: bytes.count, from: agent)
        }
    }

    // MARK: What agents sent

    private func keep(_ message: JSON.Object, size: Int, from agent: String) {
        received += 1
        var fields: JSON.Object = [
            "number": JSON(received), "agent": .string(agent), "us": .integer(Clock.microseconds),
        ]
        for (key, value) in message.members { fields[key] = value }
        inbox.append((received, agent, .object(fields), size))
        inboxSize += size
        var surplus = 0
        while surplus < inbox.count - 1, inboxSize > Self.inboxBytes || inbox.count - surplus >= 2 * Self.inboxLimit {
            inboxSize -= inbox[surplus].size
            surplus += 1
        }
        // In steps: taking the first out of an array costs its length.
        inbox.removeFirst(surplus)
        for wakeup in waiters.values { wakeup.signal() }
    }

    /// The messages after number `last`, once there are any or the time is over.
    func messages(after last: Int, agent: String?, until deadline: ContinuousClock.Instant) async -> [JSON] {
        while true {
            let found = inbox.filter { $0.number > last && (agent == nil || $0.agent == agent) }.prefix(500)
            let left = deadline - .now
            if !found.isEmpty || left <= .zero { return found.map(\.message) }
            let wakeup = Wakeup()
            waiters[ObjectIdentifier(wakeup)] = wakeup
            _ = await wakeup.wait(atMost: left)
            waiters[ObjectIdentifier(wakeup)] = nil
        }
    }

    // MARK: What agents are sent

    /// Tells the agents of these tasks that they have work: one message an agent, or one a task.
    func kick(_ ids: [String], each: Bool) -> Int {
        var told: Set<String> = []
        var events: [TaskEvent.Kind] = []
        var count = 0
        for id in ids {
            guard let task = state.book.tasks[id], let agent = task.agent ?? state.agents.preferred else { continue }
            if each || !told.contains(agent) {
                guard kick(agent, task: id) else { continue }
                count += 1
                told.insert(agent)
            }
            if task.times.kicked == nil { events.append(.kicked(task: id)) }
        }
        state.record(events)
        return count
    }

    /// Sends one kick message.
    func kick(_ agent: String, task: String) -> Bool {
        sequence += 1
        let message: JSON = [
            "Type": "kick", "Seq": .integer(sequence), "Data": ["InvocationTaskID": .string(task)],
        ]
        return connections[agent]?.send(.text, message.encoded()) ?? false
    }

    /// Sends anything to an agent.
    func send(_ opcode: WebSocketOpcode, _ payload: [UInt8], to agent: String) -> Bool {
        connections[agent]?.send(opcode, payload) ?? false
    }

    /// Begins the closing handshake with an agent.
    func close(_ agent: String, code: UInt16?, reason: String) -> Bool {
        guard let connection = connections[agent] else { return false }
        connection.close(code: code, reason: reason)
        return true
    }

    func closeAll() {
        for connection in connections.values { connection.close(code: 1001, reason: "the hub ends") }
    }

    // MARK: Misbehaviour

    /// Applies a new rule to those who are connected already.
    func misbehave(_ rule: Misbehaviour.Rule) {
        guard rule.how != .refuse else { return }
        for (agent, connection) in connections {
            guard rule.agent == nil || rule.agent == agent,
                let rule = state.misbehaviour.take(Misbehaviour.notify, agent: agent)
            else { continue }
            apply(rule, to: connection)
        }
    }

    /// Has stalled connections answer again.
    func behave() {
        for connection in connections.values { connection.isStalled = false }
    }

    private func apply(_ rule: Misbehaviour.Rule, to connection: NotifyConnection) {
        switch rule.how {
        case .reset: connection.reset()
        case .close:
            let code = rule.code?.int64.flatMap { UInt16(exactly: $0) } ?? 1000
            connection.close(code: code, reason: rule.reason)
        case .stall: connection.isStalled = true
        case .drop: connection.drop()
        default: break
        }
    }
}
