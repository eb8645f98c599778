import Agent
import CShims
import PlatformWindows

/// What scripts of the end-to-end tests do that Wine's cmd does otherwise than Windows': `windows_checks start=COMMAND`
/// starts a program, with this one's own streams, and does not wait for it; `bytes=FILE` writes a file's bytes.
enum Starter {
    /// The exit code; `nil` when neither is asked for.
    static func run() -> Int32? {
        guard let argument = CommandLine.arguments.dropFirst().first else { return nil }
        if argument.hasPrefix("start=") { return start(String(argument.dropFirst(6))) }
        if argument.hasPrefix("bytes=") { return write(String(argument.dropFirst(6))) }
        return nil
    }

    private static func write(_ path: String) -> Int32 {
        guard let bytes = try? WindowsFiles().read(path, limit: 1 << 20), let output = copy(shim_win_std_output()),
            (try? output.writeAll(bytes)) != nil
        else { return 1 }
        return 0
    }

    private static func start(_ line: String) -> Int32 {
        let program = SystemFolder.native + #"\cmd.exe"#
        guard let input = copy(shim_win_std_input()), let output = copy(shim_win_std_output()) else { return 1 }
        let child = Child(
            program: program,
            commandLine: "cmd /c \(line)",
            environment: Environment.current,
            directory: SystemFolder.windows,
            input: input,
            output: output,
            flags: 0
        )
        do throws(SystemError) {
            _ = try child.spawn()
            return 0
        } catch {
            print(error)
            return 1
        }
    }

    private static func copy(_ which: DWORD) -> Handle? {
        Handle(owning: shim_win_DuplicateHandle(shim_win_GetStdHandle(which), true))
    }
}
