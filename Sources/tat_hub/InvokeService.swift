import Agent
import CShims

/// The invoke API (protocol §3): what agents call.
@LoopActor
final class InvokeService {
    /// How often the repeats of a report are recorded, per task.
    private static let repeatLimit = 1000
    /// Bytes of tasks in one reply.
    private static let describeLimit = 8 << 20
    private static let hugeSize = 17 << 20

    private let state: HubState
    private var lastRequest: UInt64 = 0
    private let prefix: String

    init(_ state: HubState) {
        self.state = state
        prefix = (try? randomBytes(4)).map(hexadecimal) ?? "hub"
    }

    /// An error reply of the protocol.
    private struct Refusal: Error {
        let code: String
        let message: String
    }

    func handle(_ request: Request) -> Outcome {
        guard let body = try? JSON.parse(request.body), let action = body["Action"]?.string else {
            return .reply(.text("a JSON body with an Action is needed", status: 400))
        }
        let agent = state.agents.see(request, at: Clock.unixMilliseconds)
        let rule = state.misbehaviour.take(action, agent: agent)
        var answer: JSON.Object = [:]
        var outcome = rule?.name ?? "ok"
        if rule == nil || rule?.isAfter == true {
            do throws(Refusal) {
                answer = try process(action, body, from: agent, request)
            } catch {
                answer = ["Error": ["Code": .string(error.code), "Message": .string(error.message)]]
                outcome = rule == nil ? error.code : outcome
            }
        }
        for (key, value) in state.answers[action]?.members ?? [] { answer[key] = value }
        state.log(action: action, agent: agent, task: body["InvocationTaskId"]?.string, outcome: outcome)
        guard let rule else { return .reply(reply(answer)) }
        return misbehave(rule, reply(answer))
    }

    private func reply(_ answer: JSON.Object) -> Reply {
        lastRequest += 1
        var response: JSON.Object = ["RequestId": .string("\(prefix)-\(lastRequest)")]
        for (key, value) in answer.members { response[key] = value }
        return .json(["Response": .object(response)])
    }

    private func misbehave(_ rule: Misbehaviour.Rule, _ proper: Reply) -> Outcome {
        switch rule.how {
        case .status(let status): return .reply(.text("misbehaving: status \(status)", status: status))
        case .html:
            let page = "<!DOCTYPE html><html><body><h1>Please log in</h1></body></html>\n"
            return .reply(Reply(contentType: "text/html; charset=utf-8", body: Array(page.utf8)))
        case .error:
            let code = rule.code?.string ?? "InternalError"
            return .reply(reply(["Error": ["Code": .string(code), "Message": "misbehaving"]]))
        case .malformed:
            var broken = proper
            broken.body = Array(broken.body.dropLast(2)) + Array(",".utf8)
            return .reply(broken)
        case .huge:
            var huge = Array(#"{"Response": {"RequestId": "huge", "Pad": ""#.utf8)
            huge.append(contentsOf: [UInt8](repeating: UInt8(ascii: "x"), count: Self.hugeSize))
            huge.append(contentsOf: #""}}"#.utf8)
            return .reply(Reply(body: huge))
        case .stall: return .stall
        case .close: return .part(proper, reset: false)
        case .half: return .part(proper, reset: true)
        case .reset, .refuse, .drop: return .reset
        }
    }

    // MARK: Actions

    private func process(
        _ action: String,
        _ body: JSON,
        from agent: String,
        _ request: Request
    ) throws(Refusal) -> JSON.Object {
        switch action {
        case "DescribeTasks": return describe(for: agent)
        case "ReportTaskStart": try start(body)
        case "UploadTaskLog": try upload(body)
        case "ReportTaskFinish": try finish(body)
        case "CheckUpdate": return ["NeedUpdate": false]
        case "RegisterInstance": return try register(body)
        case "ValidateInstance":
            guard let instance = request.header("InstanceId"), state.book.registrations[instance] != nil else {
                throw Refusal(code: "InvalidParameterValue.InstanceNotFound", message: "the instance is not registered")
            }
        case "GetCosCredential": return try credential(body)
        case "ReportAgentLog": log(body, from: agent)
        default: throw Refusal(code: "InvalidAction", message: "there is no such action")
        }
        return [:]
    }

    private func describe(for agent: String) -> JSON.Object {
        var tasks: [JSON] = []
        var cancelled: [JSON] = []
        var events: [TaskEvent.Kind] = []
        var size = 0
        for task in state.book.open(for: agent) {
            if task.isCancelRequested {
                cancelled.append(["InvocationTaskId": task.wire["InvocationTaskId"] ?? .string(task.id)])
            } else if task.state == .pending, size < Self.describeLimit {
                size += task.weight
                tasks.append(task.wire)
                if task.agent == nil { events.append(.assigned(task: task.id, agent: agent)) }
                if task.times.described == nil { events.append(.described(task: task.id)) }
                state.countDescribe(task.id)
            }
        }
        state.record(events)
        return ["InvocationNormalTaskSet": .array(tasks), "InvocationCancelTaskSet": .array(cancelled)]
    }

    private func start(_ body: JSON) throws(Refusal) {
        let task = try task(of: body)
        guard !task.isOver else {
            throw Refusal(code: "InvalidParameterValue.TaskFinished", message: "the task is over")
        }
        if task.counters.starts < Self.repeatLimit { state.record([.started(task: task.id)]) }
    }

    private func upload(_ body: JSON) throws(Refusal) {
        let task = try task(of: body)
        guard let index = body["Index"]?.int64, (0..<Int64(TaskRecord.chunkLimit)).contains(index),
            let text = body["Output"]?.string, let output = try? Base64.decode(text)
        else {
            throw Refusal(code: "InvalidParameter", message: "Index and a base64 Output are needed")
        }
        guard task.outputSize + output.count <= TaskRecord.outputLimit else {
            throw Refusal(code: "LimitExceeded.Output", message: "the task has too much output")
        }
        guard task.counters.chunkRepeats + task.counters.chunkConflicts < Self.repeatLimit else { return }
        let dropped = body["Dropped"]?.int64 ?? 0
        state.record([.chunk(task: task.id, index: Int(index), output: output, dropped: dropped)])
    }

    private func finish(_ body: JSON) throws(Refusal) {
        let task = try task(of: body)
        let names = [
            "TimeStamp", "Result", "ErrorInfo", "ExitCode", "FinalLogIndex", "OutputUrl", "OutputUploadCOSErrorInfo",
        ]
        let report = JSON.Object(names.compactMap { name in body[name].map { (name, $0) } })
        guard report["Result"]?.string != nil, report["ExitCode"]?.int64 != nil else {
            throw Refusal(code: "InvalidParameter", message: "Result and ExitCode are needed")
        }
        guard task.state != .cancelled else {
            throw Refusal(
                code: "InvalidParameterValue.TaskFinished",
                message: "the task was cancelled before its start"
            )
        }
        if task.counters.finishes < Self.repeatLimit {
            state.record([.finished(task: task.id, report: .object(report))])
        }
    }

    private func register(_ body: JSON) throws(Refusal) -> JSON.Object {
        guard let key = body["PublicKey"]?.string, key.hasPrefix("-----BEGIN"), key.utf8.count <= 8192,
            body["ActiveCode"]?.string?.isEmpty == false, let machine = body["MachineId"]?.string
        else {
            throw Refusal(
                code: "InvalidParameter",
                message: "MachineId, ActiveCode, ActiveValue and PublicKey are needed"
            )
        }
        // The same request again, because its answer was lost.
        let known = state.book.registrations.first { $0.value["PublicKey"]?.string == key }
        if let known { return ["InstanceId": .string(known.key)] }
        guard let random = try? randomBytes(4) else { throw Refusal(code: "InternalError", message: "no random bytes") }
        let instance = "rins-\(hexadecimal(random))"
        let facts: JSON.Object = [
            "MachineId": .string(String(machine.prefix(256))), "PublicKey": .string(key),
            "Hostname": JSON(body["Hostname"]?.string?.prefix(256).description),
            "LocalIp": JSON(body["LocalIp"]?.string?.prefix(64).description),
            "SystemName": JSON(body["SystemName"]?.string?.prefix(64).description),
        ]
        state.record([.registered(instance: instance, facts: .object(facts))])
        return ["InstanceId": .string(instance)]
    }

    private func credential(_ body: JSON) throws(Refusal) -> JSON.Object {
        let task = try task(of: body)
        let now = Clock.unixMilliseconds / 1000
        return [
            "TmpSecretId": "hub-secret-id", "TmpSecretKey": "hub-secret-key", "Token": "hub-token",
            "ExpireTime": .integer(now + 600), "Expiration": "", "Code": "Success",
            "InvocationId": .string("inv-\(task.number)"),
        ]
    }

    private func log(_ body: JSON, from agent: String) {
        let entry: JSON = [
            "at": .integer(Clock.unixMilliseconds),
            "version": JSON(body["AgentVersion"]?.string?.prefix(64).description),
            "level": JSON(body["LogLevel"]?.string?.prefix(64).description),
            "info": JSON(body["LogInfo"]?.string?.prefix(4096).description),
        ]
        state.agents.update(agent) { record in
            record.logs.append(entry)
            if record.logs.count > AgentRecord.logLimit { record.logs.removeFirst() }
        }
    }

    private func task(of body: JSON) throws(Refusal) -> TaskRecord {
        guard let id = body["InvocationTaskId"]?.string, let task = state.book.tasks[id] else {
            throw Refusal(code: "InvalidParameterValue.TaskNotFound", message: "there is no such task")
        }
        return task
    }
}
