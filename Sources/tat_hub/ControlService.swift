import Agent
import CShims

/// The hub's own API under `/hub/`: what people, the command-line clients and tests use. All of it needs the token.
@LoopActor
final class ControlService {
    private static let longestWait = 60.0

    private let state: HubState
    private let notify: NotifyService
    private let token: [UInt8]
    private let address: String

    init(_ state: HubState, notify: NotifyService, token: String, address: String) {
        self.state = state
        self.notify = notify
        self.token = Array(token.utf8)
        self.address = address
    }

    /// Why a request is not carried out.
    struct Refusal: Error {
        let status: Int
        let message: String

        init(_ status: Int, _ message: String) {
            self.status = status
            self.message = message
        }
    }

    /// Answers a request whose path begins with `hub`.
    func handle(_ request: Request) async -> Outcome {
        guard isAuthorized(request) else {
            var reply = Reply.error("the token of hub.json is needed", status: 401)
            reply.headers = [HTTPHeader("WWW-Authenticate", "Bearer")]
            return .reply(reply)
        }
        do throws(Refusal) {
            return .reply(try await answer(request))
        } catch {
            return .reply(.error(error.message, status: error.status))
        }
    }

    /// Takes the same time wherever the first difference is.
    private func isAuthorized(_ request: Request) -> Bool {
        guard let field = request.header("Authorization"), field.lowercased().hasPrefix("bearer ") else { return false }
        let given = Array(trimmed(field.dropFirst(7)).utf8)
        var difference: UInt8 = given.count == token.count ? 0 : 1
        for (index, byte) in token.enumerated() { difference |= byte ^ (index < given.count ? given[index] : 0) }
        return difference == 0
    }

    private func answer(_ request: Request) async throws(Refusal) -> Reply {
        let path = Array(request.path.dropFirst())
        switch (request.method, path.first, path.count) {
        case ("GET", "info", 1): return .json(info)
        case ("GET", "agents", 1): return .json(["agents": .array(agents)])
        case ("GET", "tasks", 1):
            let limit = request.query["limit"].flatMap { Int($0) } ?? 100
            return .json(["tasks": .array(state.book.newest(max(0, limit)).map(\.summary))])
        case ("POST", "tasks", 1): return try create(try body(of: request))
        case ("GET", "tasks", 2): return .json(try await show(path[1], request))
        case ("GET", "tasks", 3) where path[2] == "output": return .json(try await output(path[1], request))
        case ("POST", "tasks", 3) where path[2] == "cancel": return try cancel(path[1])
        case ("POST", "tasks", 3) where path[2] == "kick":
            let task = try task(path[1])
            return .json(["kicked": JSON(notify.kick([task.id], each: true))])
        case ("POST", "notify", 1): return try send(try body(of: request))
        case ("GET", "messages", 1):
            let after = request.query["after"].flatMap { Int($0) } ?? 0
            let found = await notify.messages(after: after, agent: request.query["agent"], until: deadline(of: request))
            return .json(["messages": .array(found)])
        case ("GET", "requests", 1):
            let after = Int64(request.query["after"] ?? "0") ?? 0
            let found = state.requests.filter { ($0["number"]?.int64 ?? 0) > after }
            return .json(["requests": .array(found), "count": JSON(state.requestCount)])
        case ("GET", "registrations", 1):
            let members = state.book.registrations.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            return .json(["registrations": .object(JSON.Object(members))])
        case ("GET", "misbehave", 1): return .json(state.misbehaviour.json)
        case ("POST", "misbehave", 1): return try misbehave(try body(of: request))
        case ("POST", "answer", 1): return try override(try body(of: request))
        default: throw Refusal(404, "there is no \(request.method) of this path")
        }
    }

    private func body(of request: Request) throws(Refusal) -> JSON {
        do {
            return try JSON.parse(request.body)
        } catch {
            throw Refusal(400, error.description)
        }
    }

    /// Until when a request with `timeout=SECONDS` waits.
    private func deadline(of request: Request) -> ContinuousClock.Instant {
        let seconds = request.query["timeout"].flatMap { Double($0) } ?? 0
        return .now + .seconds(seconds.isFinite ? min(max(0, seconds), Self.longestWait) : 0)
    }

    // MARK: Questions

    private var info: JSON {
        [
            "version": .string(Hub.version), "pid": .integer(Int64(getpid())), "address": .string(address),
            "us": .integer(Clock.microseconds), "openTasks": JSON(state.book.openCount),
        ]
    }

    private var agents: [JSON] {
        state.agents.agents.values.sorted { $0.lastSeen > $1.lastSeen }.map { agent in
            let instance = agent.fact("InstanceId")
            return agent.json(isRegistered: instance.map { state.book.registrations[$0] != nil } ?? false)
        }
    }

    private func task(_ id: String) throws(Refusal) -> TaskRecord {
        guard let task = state.book.tasks[id] else { throw Refusal(404, "there is no such task") }
        return task
    }

    private func show(_ id: String, _ request: Request) async throws(Refusal) -> JSON {
        let deadline = deadline(of: request)
        while true {
            let task = try task(id)
            let isThere: Bool
            switch request.query["wait"] {
            case nil: isThere = true
            case "describe": isThere = task.times.described != nil || task.isOver
            case "start": isThere = task.times.started != nil || task.isOver
            case "output": isThere = task.times.firstChunk != nil || task.isOver
            case "finish": isThere = task.isOver
            default: throw Refusal(400, "wait is describe, start, output or finish")
            }
            if isThere || deadline <= .now { return task.json }
            await state.news(of: id, until: deadline)
        }
    }

    /// The output from an offset on, once there is more of it or the task is over.
    private func output(_ id: String, _ request: Request) async throws(Refusal) -> JSON {
        let offset = request.query["offset"].flatMap { Int($0) } ?? 0
        let deadline = deadline(of: request)
        while true {
            let task = try task(id)
            let output = task.outputSize > offset ? task.output : []
            let part = output.dropFirst(max(0, offset))
            if !part.isEmpty || task.isOver || deadline <= .now {
                guard var fields = task.summary.object else { return nil }
                fields["offset"] = JSON(offset)
                fields["next"] = JSON(offset + part.count)
                fields["output"] = .string(Base64.encode(part))
                fields["over"] = .bool(task.isOver)
                fields["errorInfo"] = task.report?["ErrorInfo"] ?? nil
                return .object(fields)
            }
            await state.news(of: id, until: deadline)
        }
    }

    // MARK: Orders

    private func create(_ body: JSON) throws(Refusal) -> Reply {
        let orders: [TaskOrder]
        let kick = body["kick"] ?? "one"
        do throws(TaskOrder.Fault) {
            orders = try TaskOrder.list(body, agent: state.agents.preferred)
        } catch {
            throw Refusal(400, error.message)
        }
        guard state.book.hasRoom(for: orders.count, bytes: orders.reduce(0) { $0 + $1.size }) else {
            throw Refusal(503, "too many tasks are not finished")
        }
        var ids: Set<String> = []
        for order in orders where state.book.tasks[order.id] != nil || !ids.insert(order.id).inserted {
            throw Refusal(409, "a task with the id \(order.id) exists")
        }
        state.record(orders.map { .created(task: $0.id, agent: $0.agent, wire: $0.wire) })
        let kicked = kick == false || kick == "no" ? 0 : notify.kick(orders.map(\.id), each: kick == "each")
        let tasks: [JSON] = orders.map { ["id": .string($0.id), "agent": JSON($0.agent)] }
        return .json(
            ["tasks": .array(tasks), "ids": .array(orders.map { .string($0.id) }), "kicked": JSON(kicked)],
            status: 201
        )
    }

    private func cancel(_ id: String) throws(Refusal) -> Reply {
        let task = try task(id)
        guard !task.isOver else { throw Refusal(409, "the task is over") }
        if !task.isCancelRequested { state.record([.cancelled(task: id)]) }
        state.sweep()
        if let task = state.book.tasks[id], !task.isOver, let agent = task.agent { _ = notify.kick(agent, task: id) }
        return .json(try self.task(id).summary)
    }

    private func send(_ body: JSON) throws(Refusal) -> Reply {
        guard let agent = body["agent"]?.string ?? state.agents.preferred else {
            throw Refusal(409, "no agent has been seen")
        }
        let isSent: Bool
        if let text = body["text"]?.string {
            isSent = notify.send(.text, Array(text.utf8), to: agent)
        } else if let json = body["json"] {
            isSent = notify.send(.text, json.encoded(), to: agent)
        } else if let binary = body["binary"]?.string {
            guard let bytes = try? Base64.decode(binary) else { throw Refusal(400, "binary is base64") }
            isSent = notify.send(.binary, bytes, to: agent)
        } else if let ping = body["ping"]?.string {
            isSent = notify.send(.ping, Array(ping.utf8), to: agent)
        } else if let close = body["close"] {
            let code = close["code"]?.int64.flatMap { UInt16(exactly: $0) }
            isSent = notify.close(agent, code: code, reason: close["reason"]?.string ?? "")
        } else {
            throw Refusal(400, "text, json, binary, ping or close is needed")
        }
        guard isSent else { throw Refusal(409, "the agent is not connected") }
        return .json(["sent": true, "agent": .string(agent)])
    }

    private func misbehave(_ body: JSON) throws(Refusal) -> Reply {
        let target = body["action"]?.string
        if body["clear"]?.bool == true || body["how"]?.string == "ok" {
            state.misbehaviour.clear(target)
            if target == nil || target == Misbehaviour.notify { notify.behave() }
            return .json(state.misbehaviour.json)
        }
        guard let target, let name = body["how"]?.string, let how = Misbehaviour.How(name) else {
            throw Refusal(400, "action and a known how are needed")
        }
        let isNotify = target == Misbehaviour.notify
        guard isNotify ? how.isForNotify : how.isForInvoke else {
            throw Refusal(400, "\(isNotify ? "the notify channel" : "the invoke API") cannot misbehave so")
        }
        let when = body["when"]?.string ?? body["after"]?.string
        guard when == nil || when == "before" || when == "after" else {
            throw Refusal(400, "when is before or after")
        }
        let rule = Misbehaviour.Rule(
            how: how,
            name: name,
            count: Int(clamping: body["count"]?.int64 ?? 1),
            isAfter: when == "after" || body["after"] == true,
            code: body["code"],
            reason: body["reason"]?.string ?? "",
            agent: body["agent"]?.string
        )
        guard state.misbehaviour.set(rule, for: target) else { throw Refusal(503, "too many rules") }
        if isNotify { notify.misbehave(rule) }
        return .json(state.misbehaviour.json)
    }

    /// Sets what replies of an action say besides or instead of their own fields.
    private func override(_ body: JSON) throws(Refusal) -> Reply {
        guard let action = body["action"]?.string else { throw Refusal(400, "action is needed") }
        guard state.answers[action] != nil || state.answers.count < 100 else { throw Refusal(503, "too many answers") }
        state.answers[action] = body["fields"]?.object
        return .json(["answers": .object(JSON.Object(state.answers.map { ($0.key, .object($0.value)) }))])
    }
}
