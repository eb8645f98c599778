import Agent
import CShims
import PlatformWindows

/// What scripts of the end-to-end tests do that Wine's cmd does otherwise than Windows': `windows_checks start=COMMAND`
/// starts a program, with this one's own streams, and does not wait for it; `bytes=FILE` writes a file's bytes;
/// `bare=COUNT` tells how long so many `cmd /C echo hi` take.
enum Starter {
    /// The exit code; `nil` when neither is asked for.
    static func run() -> Int32? {
        guard let argument = CommandLine.arguments.dropFirst().first else { return nil }
        if argument.hasPrefix("start=") { return start(String(argument.dropFirst(6))) }
        if argument.hasPrefix("bytes=") { return write(String(argument.dropFirst(6))) }
        if argument.hasPrefix("bare="), let count = Int(argument.dropFirst(5)), count > 0 { return measure(count) }
        return nil
    }

    private static func measure(_ count: Int) -> Int32 {
        for (name, flags) in [("in this console", 0), ("in one of its own", CREATE_NO_WINDOW)] {
            var times: [Duration] = []
            for _ in 0..<count {
                guard let input = copy(shim_win_std_input()), let output = copy(shim_win_std_output()) else { return 1 }
                let begun = ContinuousClock.now
                let child = Child(
                    program: SystemFolder.native + #"\cmd.exe"#,
                    commandLine: "cmd /C echo hi>nul",
                    environment: Environment.current,
                    directory: SystemFolder.windows,
                    input: input,
                    output: output,
                    flags: DWORD(flags)
                )
                guard let process = try? child.spawn() else { return 1 }
                _ = shim_win_WaitForSingleObject(process.handle.raw, DWORD(INFINITE))
                times.append(ContinuousClock.now - begun)
            }
            let sorted = times.sorted().map { Int($0 / .milliseconds(1)) }
            print("bare cmd /C echo hi \(name): median \(sorted[count / 2]) ms, \(sorted[0]) to \(sorted[count - 1])")
        }
        return 0
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
