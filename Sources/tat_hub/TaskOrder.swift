import Agent

/// A task that somebody wants done, checked and in the form in which agents get it.
struct TaskOrder {
    /// What is wrong with an order.
    struct Fault: Error {
        let message: String
    }

    static let idLimit = 512
    static let defaultTimeout: Int64 = 60

    let id: String
    let agent: String?
    let wire: JSON

    /// Bytes of text in it.
    var size: Int { wire.object?.members.reduce(0) { $0 + ($1.value.string?.utf8.count ?? 0) } ?? 0 }

    /// The orders in the body of a request: one, an array, or an object with `tasks`.
    static func list(_ body: JSON, agent: String?) throws(Fault) -> [TaskOrder] {
        let elements = body.array ?? body["tasks"]?.array ?? [body]
        guard !elements.isEmpty else { throw Fault(message: "no task") }
        var orders: [TaskOrder] = []
        for element in elements { orders.append(try TaskOrder(element, agent: agent)) }
        return orders
    }

    /// Checks one order. Fields of the wire are taken as they are from `fields`, `null` removing one, so that tests can
    /// send what is wrong.
    init(_ json: JSON, agent preferred: String?) throws(Fault) {
        guard json.object != nil else { throw Fault(message: "a task is an object") }
        let raw = json["fields"]?.object ?? [:]
        guard let id = try Self.text(json, "id") ?? raw["InvocationTaskId"]?.string ?? Self.newID() else {
            throw Fault(message: "no random bytes")
        }
        guard id.utf8.count <= Self.idLimit else { throw Fault(message: "the id is too long") }
        self.id = id
        agent = try Self.text(json, "agent") ?? preferred
        var wire: JSON.Object = [
            "InvocationTaskId": .string(id), "TimeOut": .integer(Self.defaultTimeout), "CommandType": "SHELL",
            "Command": .string(Base64.encode(Array((try Self.text(json, "script") ?? "").utf8))),
            "Username": "", "WorkingDirectory": "", "CosBucketUrl": "", "CosBucketPrefix": "",
        ]
        if let timeout = json["timeout"] {
            guard timeout.int64 != nil else { throw Fault(message: "timeout is a whole number of seconds") }
            wire["TimeOut"] = timeout
        }
        if let type = try Self.text(json, "type") { wire["CommandType"] = .string(type) }
        if let user = try Self.text(json, "user") { wire["Username"] = .string(user) }
        if let directory = try Self.text(json, "directory") { wire["WorkingDirectory"] = .string(directory) }
        for (key, value) in raw.members { wire[key] = value.isNull ? JSON?.none : value }
        guard json["script"] != nil || raw["Command"] != nil || raw["Cmd"] != nil else {
            throw Fault(message: "script is needed")
        }
        if raw["Command"] == nil, raw["Cmd"] != nil { wire["Command"] = nil }
        self.wire = .object(wire)
    }

    private static func newID() -> String? {
        (try? randomBytes(8)).map { "invt-\(hexadecimal($0))" }
    }

    private static func text(_ json: JSON, _ name: String) throws(Fault) -> String? {
        guard let value = json[name], !value.isNull else { return nil }
        guard let text = value.string else { throw Fault(message: "\(name) is text") }
        return text
    }
}
