import Agent

/// What is known of one agent.
struct AgentRecord: Sendable {
    static let logLimit = 100

    let id: String
    /// The header fields of its last request that say who it is.
    var facts: [HTTPHeader]
    let firstSeen: Int64
    var lastSeen: Int64
    var requests = 0
    var connects = 0
    var pings = 0
    var isConnected = false
    /// How its last notify connection ended.
    var lastClose: JSON = nil
    /// What it sent by `ReportAgentLog`, the oldest first.
    var logs: [JSON] = []

    func fact(_ name: String) -> String? {
        facts.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    func json(isRegistered: Bool) -> JSON {
        let signed = ["RandomKey", "Timestamp", "Signature"].allSatisfy { fact($0) != nil }
        return [
            "id": .string(id), "connected": .bool(isConnected), "registered": .bool(isRegistered),
            "instanceId": JSON(fact("InstanceId")), "machineId": JSON(fact("MachineId")), "vip": JSON(fact("Tat-Vip")),
            "version": JSON(fact("Tat-Version")), "kernelName": JSON(fact("Tat-KernelName")),
            "kernelVersion": JSON(fact("Tat-KernelVersion")), "osVersion": JSON(fact("Tat-OSVersion")),
            "arch": JSON(fact("Tat-CPUArch")), "pid": JSON(fact("Tat-Pid")), "uptime": JSON(fact("Tat-UptimeSecs")),
            "signed": .bool(signed), "headers": .object(JSON.Object(facts.map { ($0.name, .string($0.value)) })),
            "firstSeen": .integer(firstSeen), "lastSeen": .integer(lastSeen), "requests": JSON(requests),
            "connects": JSON(connects), "pings": JSON(pings), "lastClose": lastClose, "logs": .array(logs),
        ]
    }
}

/// The agents that were seen since the hub was started.
struct AgentBook: Sendable {
    private static let limit = 1000
    private static let factLimit = 1024
    private static let facts: Set<String> = [
        "instanceid", "machineid", "randomkey", "timestamp", "signature", "user-agent", "content-type",
    ]

    private(set) var agents: [String: AgentRecord] = [:]

    /// Who sent this: the registered instance, else the machine, told apart further by the mock address.
    static func identity(of request: Request) -> String {
        if let instance = request.header("InstanceId"), !instance.isEmpty { return String(instance.prefix(128)) }
        let parts = [request.header("MachineId"), request.header("Tat-Vip")].compactMap { $0 }.filter { !$0.isEmpty }
        return parts.isEmpty ? "unknown" : String(parts.joined(separator: "@").prefix(256))
    }

    /// Notes a request, and returns who sent it.
    mutating func see(_ request: Request, at time: Int64) -> String {
        let id = Self.identity(of: request)
        let facts = request.headers.filter { header in
            let name = header.name.lowercased()
            return (name.hasPrefix("tat-") || Self.facts.contains(name)) && header.value.utf8.count <= Self.factLimit
        }
        if agents[id] == nil {
            makeRoom()
            agents[id] = AgentRecord(id: id, facts: [], firstSeen: time, lastSeen: time)
        }
        agents[id]?.facts = Array(facts.prefix(40))
        agents[id]?.lastSeen = time
        agents[id]?.requests += 1
        return id
    }

    mutating func update(_ id: String, _ change: (inout AgentRecord) -> Void) {
        guard var agent = agents[id] else { return }
        change(&agent)
        agents[id] = agent
    }

    /// The agent that a task is for when nobody says: a connected one rather than another, then the one seen last.
    var preferred: String? {
        agents.values.max { ($0.isConnected ? 1 : 0, $0.lastSeen) < ($1.isConnected ? 1 : 0, $1.lastSeen) }?.id
    }

    private mutating func makeRoom() {
        guard agents.count >= Self.limit else { return }
        let oldest = agents.values.filter { !$0.isConnected }.min { $0.lastSeen < $1.lastSeen }
        if let oldest { agents[oldest.id] = nil }
    }
}
