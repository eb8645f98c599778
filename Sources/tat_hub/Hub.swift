import Agent
import CShims

/// The command line of the hub.
enum Hub {
    static let version = "1.0.0"
    static let defaultAddress = "127.0.0.1:8086"

    /// Carries out a command; the exit code.
    static func main(_ words: [String]) -> Int32 {
        do throws(Failure) {
            return try run(Array(words.dropFirst()))
        } catch {
            note(error.message)
            return error.exitCode
        }
    }

    private static func run(_ words: [String]) throws(Failure) -> Int32 {
        guard let command = words.first else { throw Arguments.usage("a command is needed") }
        let rest = Array(words.dropFirst())
        switch command {
        case "-h", "--help", "help":
            writeAll(Array(Help.text.utf8), to: STDOUT_FILENO)
            return 0
        case "-V", "--version":
            say("tat_hub \(version)")
            return 0
        case "serve": try serve(rest)
        case "run": return try RunCommand.run(rest)
        case "tasks": try ListCommands.tasks(rest)
        case "show": try ListCommands.show(rest)
        case "agents": try ListCommands.agents(rest)
        case "cancel": try ListCommands.cancel(rest)
        case "misbehave": try ListCommands.misbehave(rest)
        default: throw Arguments.usage("unknown command \(printable(command))")
        }
        return 0
    }

    private static func serve(_ words: [String]) throws(Failure) {
        let arguments = try Arguments(words, flags: [], options: ["--listen", "--state"])
        try arguments.expect(0, "no words after serve")
        guard let place = HostPort(arguments["--listen"] ?? defaultAddress) else {
            throw Arguments.usage("--listen is ADDR:PORT")
        }
        try Server.run(listen: place, state: StateDirectory(arguments["--state"]))
    }
}
