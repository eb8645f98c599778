import Agent
import CShims
import PlatformWindows

/// This program in the place of `powershell.exe`: it tells what it was called with, and exits with 44.
enum Reporter {
    /// Whether the program's file is called so.
    static var isWanted: Bool { InstalledPaths.currentExecutable.lowercased().hasSuffix("powershell.exe") }

    static func run() -> Int32 {
        let arguments = CommandLine.arguments
        var script: [UInt8] = []
        // The path stands between single quotes.
        let quote = UInt8(ascii: "'")
        if let parts = arguments.last?.utf8.split(separator: quote), parts.count > 1 {
            let path = String(Substring(parts[1]))
            script = (try? WindowsFiles().read(path, limit: 1 << 20)) ?? []
        }
        var count: DWORD = 0
        var byte: UInt8 = 0
        _ = shim_win_ReadFile(shim_win_GetStdHandle(shim_win_std_input()), &byte, 1, &count, nil)
        let told: JSON = [
            "arguments": .array(arguments.map(JSON.string)),
            "program": .string(InstalledPaths.currentExecutable),
            "script": .string(Base64.encode(script)),
            "task": .string(Environment.value(Environment.taskVariable) ?? ""),
            "codePage": .integer(Int64(shim_win_GetConsoleOutputCP())),
            "input": .integer(Int64(count)),
        ]
        print(String(decoding: told.encoded(), as: UTF8.self))
        return 44
    }
}
