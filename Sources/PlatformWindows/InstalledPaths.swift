import Agent
import CShims

/// Where this agent's files are: beside its executable, or all below `TAT_AGENT_HOME`, for more than one agent on a
/// machine.
package struct InstalledPaths {
    /// The executable file.
    package let executable: String
    package let agent: AgentPaths
    /// The name of what lets one agent run at a time.
    package let instance: String

    package init() {
        executable = Self.currentExecutable
        var folder = Path.parent(of: executable)
        if let home = Environment.value("TAT_AGENT_HOME"), Path.isAbsolute(home) {
            folder = Path.native(home)
            while folder.utf8.last == UInt8(ascii: "\\") { folder.removeLast() }
            instance = SingleInstance.name + "-" + Self.hash(of: folder.lowercased())
        } else {
            instance = SingleInstance.name
        }
        agent = AgentPaths(
            config: folder + #"\config.dat"#,
            log: folder + #"\log\tat_agent.log"#,
            pidFile: "",
            state: folder + #"\state"#
        )
    }

    /// The file that this process runs.
    package static var currentExecutable: String {
        WideText.string { buffer, count in shim_win_GetModuleFileName(buffer, count) } ?? ""
    }

    /// FNV-1a: names of agents that differ by accident are to differ, no more.
    private static func hash(of text: String) -> String {
        String(text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }, radix: 16)
    }
}
