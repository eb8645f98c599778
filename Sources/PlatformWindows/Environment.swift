import Agent
import CShims

/// Process environments.
package enum Environment {
    /// Tells a script its task's id.
    package static let taskVariable = "TAT_INVOCATION_TASK_ID"

    /// A variable of this process' environment.
    package static func value(_ name: String) -> String? {
        // An empty value and none differ by the error only.
        shim_win_SetLastError(0)
        let text = WideText.string { buffer, count in shim_win_GetEnvironmentVariable(name.wide, buffer, count) }
        return text ?? (shim_win_GetLastError() == ErrorCode.environmentVariableNotFound ? nil : "")
    }

    /// This process' environment as a block: `NAME=VALUE`, each ended by NUL, and one more NUL.
    package static var current: [WCHAR] {
        guard let block = shim_win_GetEnvironmentStrings() else { return [0, 0] }
        defer { _ = shim_win_FreeEnvironmentStrings(block) }
        var length = 0
        while block[length] != 0 || block[length + 1] != 0 { length += 1 }
        return Array(UnsafeBufferPointer(start: block, count: length + 2))
    }

    /// What a task's script starts with: the variables of `base`, a block, without those that are between the agent and
    /// whoever started it, and the id of the task.
    package static func ofTask(id: String, base: [WCHAR]) -> [WCHAR] {
        var variables = base.split(separator: 0).map { String(decoding: $0, as: UTF16.self) }
        variables.removeAll { variable in
            let name = Self.name(of: variable)
            return name == taskVariable || name.hasPrefix("TAT_AGENT_")
        }
        variables.append("\(taskVariable)=\(id)")
        return block(of: variables)
    }

    /// The block of these `NAME=VALUE`, in the order that the system wants: by name, regardless of case.
    static func block(of variables: [String]) -> [WCHAR] {
        let sorted = variables.map { (name(of: $0), $0) }.sorted { $0.0.utf16.lexicographicallyPrecedes($1.0.utf16) }
        let units = sorted.flatMap { $0.1.utf16.filter { $0 != 0 } + [0] }
        return units.isEmpty ? [0, 0] : units + [0]
    }

    /// Upper case. The names of drives' folders begin with an equals sign.
    private static func name(of variable: String) -> String {
        let bytes = variable.utf8
        let end = bytes.dropFirst().firstIndex(of: UInt8(ascii: "=")) ?? bytes.endIndex
        return String(Substring(bytes[..<end])).uppercased()
    }
}
