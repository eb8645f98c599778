import Agent
import CShims

/// Where this agent's files are: beside its executable and in the usual places of the system, or all below
/// `TAT_AGENT_HOME`, for more than one agent on a machine.
struct InstalledPaths {
    /// The executable file, links resolved.
    let executable: String
    let agent: AgentPaths

    init() {
        let executable = Self.currentExecutable()
        self.executable = executable
        if let home = Environment.value("TAT_AGENT_HOME"), home.hasPrefix("/") {
            agent = AgentPaths(
                config: home + "/config.dat",
                log: home + "/log/tat_agent.log",
                pidFile: home + "/tat_agent.pid",
                state: home + "/state"
            )
            return
        }
        let folder = executable.lastIndex(of: "/").map { String(executable[..<$0]) } ?? ""
        agent = AgentPaths(
            config: folder + "/config.dat",
            log: folder + "/log/tat_agent.log",
            pidFile: "/var/run/tat_agent.pid",
            state: "/var/lib/tat_agent"
        )
    }

    private static func currentExecutable() -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        let path = String(decoding: buffer.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // What the kernel adds when the file was replaced since.
        return path.hasSuffix(" (deleted)") ? String(path.dropLast(10)) : path
    }
}

/// The limit of open descriptors.
enum DescriptorLimit {
    /// Raises this process' soft limit to the hard one; gives what it was.
    static func raise() -> Int? {
        let before = shim_raise_descriptor_limit()
        return before < 0 ? nil : before
    }
}
