import Agent
import CShims

/// Process environments.
enum Environment {
    static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// Tells a script its task's id; it is also by what the processes of a task are known when its supervisor is gone.
    static let taskVariable = "TAT_INVOCATION_TASK_ID"

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
        merged[taskVariable] = id
        return merged.map { "\($0.key)=\($0.value)" }
    }

    /// What is between the agent and its service manager, or its own settings.
    private static func isPrivate(_ name: String) -> Bool {
        name.hasPrefix("TAT_AGENT_")
            || ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS"].contains(name)
    }

    /// Lines of `NAME=VALUE`, as pam_env(8) reads them: `export ` before and quotes around the value are allowed, `#`
    /// begins a comment. Lines that are none of this are passed over.
    ///
    /// Bytes are looked at, not characters: one of Swift's may begin with a sign that means something here.
    static func parse(etcEnvironment bytes: [UInt8]) -> [(name: String, value: String)] {
        bytes.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }.compactMap { line in
            var text = trim(line)
            guard text.first != UInt8(ascii: "#") else { return nil }
            if text.starts(with: Array("export ".utf8)) { text = trim(text.dropFirst(7)) }
            guard let equals = text.firstIndex(of: UInt8(ascii: "=")), isName(text[..<equals]) else { return nil }
            return (string(text[..<equals]), string(unquote(trim(text[(equals + 1)...]))))
        }
    }

    private static func unquote(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        if let quote = text.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
            return text.dropFirst().prefix { $0 != quote }
        }
        return trim(text.prefix { $0 != UInt8(ascii: "#") })
    }

    private static func isName(_ name: ArraySlice<UInt8>) -> Bool {
        guard let first = name.first, first < 0x30 || first > 0x39 else { return false }
        return name.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f: true
            default: false
            }
        }
    }

    private static func trim(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text.drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return text
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    private static func string(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func split(_ text: String) -> (name: String, value: String)? {
        guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        return (String(text[..<equals]), String(text[text.utf8.index(after: equals)...]))
    }
}
