import Agent

/// What the hub is to do wrong, for tests.
struct Misbehaviour: Sendable {
    /// A way to misbehave.
    enum How: Equatable, Sendable {
        case status(Int)
        case html, error, reset, stall, close, half, malformed, huge
        /// The upgrade is refused (notify channel only).
        case refuse
        /// Nothing is read or sent any more, and the connection stays open (notify channel only).
        case drop

        init?(_ name: String) {
            switch name {
            case "html": self = .html
            case "error": self = .error
            case "reset": self = .reset
            case "stall": self = .stall
            case "close": self = .close
            case "half": self = .half
            case "malformed": self = .malformed
            case "huge": self = .huge
            case "refuse": self = .refuse
            case "drop": self = .drop
            default:
                guard name.hasPrefix("status"), let status = Int(name.dropFirst(6)), (200...599).contains(status) else {
                    return nil
                }
                self = .status(status)
            }
        }

        var isForNotify: Bool {
            switch self {
            case .reset, .close, .stall, .refuse, .drop: true
            default: false
            }
        }

        var isForInvoke: Bool { self != .refuse && self != .drop }
    }

    struct Rule: Sendable {
        var how: How
        var name: String
        /// How often it is still to happen; less than 0: for ever.
        var count: Int
        /// Whether the request is processed, so that only the answer is lost.
        var isAfter: Bool
        /// The code of an error reply, or of a close frame.
        var code: JSON?
        var reason: String
        /// The agent that it is for; any when nil.
        var agent: String?
    }

    /// The key of rules for the notify channel.
    static let notify = "ws"
    static let any = "*"
    private static let ruleLimit = 100

    private(set) var rules: [String: Rule] = [:]
    private(set) var hits: [String: Int] = [:]

    mutating func set(_ rule: Rule, for target: String) -> Bool {
        guard rules[target] != nil || rules.count < Self.ruleLimit else { return false }
        rules[target] = rule.count == 0 ? nil : rule
        return true
    }

    mutating func clear(_ target: String?) {
        if let target { rules[target] = nil } else { rules = [:] }
    }

    /// The rule that applies now, counted down by one.
    mutating func take(_ target: String, agent: String) -> Rule? {
        let keys = target == Self.notify ? [target] : [target, Self.any]
        for key in keys {
            guard let rule = rules[key], rule.agent == nil || rule.agent == agent else { continue }
            if rule.count > 0 { rules[key]?.count -= 1 }
            if rules[key]?.count == 0 { rules[key] = nil }
            if hits[key] != nil || hits.count < 2 * Self.ruleLimit { hits[key, default: 0] += 1 }
            return rule
        }
        return nil
    }

    var json: JSON {
        let rules: [JSON] = rules.sorted { $0.key < $1.key }.map { target, rule in
            [
                "action": .string(target), "how": .string(rule.name), "count": JSON(rule.count),
                "after": .bool(rule.isAfter), "code": rule.code ?? nil, "agent": JSON(rule.agent),
            ]
        }
        let hits = hits.sorted { $0.key < $1.key }.map { ($0.key, JSON($0.value)) }
        return ["rules": .array(rules), "hits": .object(JSON.Object(hits))]
    }
}
