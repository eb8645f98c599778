import Agent
import CShims

/// Process environments.
enum Environment {
    static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// This process' environment, in its order.
    static var current: [(name: String, value: String)] {
        var variables: [(name: String, value: String)] = []
        guard var entry = shim_environment() else { return [] }
        while let text = entry.pointee {
            if let variable = split(String(cString: text)) { variables.append(variable) }
            entry += 1
        }
        return variables
    }

    /// A variable of this process' environment.
    static func value(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// What a task's script starts with (protocol §7): this process' variables, those of a login as `user`, those of
    /// `/etc/environment`, and the id of the task. Of variables with the same name the later one holds.
    static func ofTask(id: String, user: User, etcEnvironment: [UInt8]) -> [String] {
        var merged: [String: String] = ["PATH": defaultPath]
        for (name, value) in current where !isPrivate(name) { merged[name] = value }
        let login = [
            "SHELL": user.shell, "HOME": user.home, "USER": user.name, "LOGNAME": user.name, "USERNAME": user.name,
            "MAIL": "/var/spool/mail/\(user.name)", "TERM": "xterm-color",
        ]
        merged.merge(login) { _, new in new }
        for (name, value) in parse(etcEnvironment: etcEnvironment) { merged[name] = value }
        merged["TAT_INVOCATION_TASK_ID"] = id
        return merged.map { "\($0.key)=\($0.value)" }
    }

    /// What is between the agent and its service manager, or its own settings.
    private static func isPrivate(_ name: String) -> Bool {
        name.hasPrefix("TAT_AGENT_")
            || ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS"].contains(name)
    }

    /// Lines of `NAME=VALUE`, as pam_env(8) reads them: `export ` before and quotes around the value are allowed, `#`
    /// begins a comment. Lines that are none of this are passed over.
    static func parse(etcEnvironment bytes: [UInt8]) -> [(name: String, value: String)] {
        String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).compactMap { line in
            var text = trim(line)
            guard text.first != "#" else { return nil }
            if text.hasPrefix("export "), let rest = Optional(trim(text.dropFirst(7))) { text = rest }
            guard let (name, value) = split(String(text)), isName(name) else { return nil }
            return (name, unquote(value))
        }
    }

    private static func unquote(_ value: String) -> String {
        let text = trim(value[...])
        if let quote = text.first, quote == "\"" || quote == "'" {
            let inner = text.dropFirst()
            guard let end = inner.firstIndex(of: quote) else { return String(inner) }
            return String(inner[..<end])
        }
        guard let comment = text.firstIndex(of: "#") else { return String(text) }
        return String(trim(text[..<comment]))
    }

    private static func isName(_ name: String) -> Bool {
        name.utf8.first.map { $0 < 0x30 || $0 > 0x39 } ?? false
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f: true
                default: false
                }
            }
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }

    private static func split(_ text: String) -> (name: String, value: String)? {
        guard let equals = text.firstIndex(of: "=") else { return nil }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }
}
