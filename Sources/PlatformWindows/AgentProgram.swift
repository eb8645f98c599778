import Agent
import CShims

/// `tat_agent` on Windows: what its command line asks for.
public enum AgentProgram {
    /// Runs the program to its end. The process' exit code.
    public static func main(_ arguments: [String]) -> Int32 {
        var words = Array(arguments.dropFirst())
        // The one option that no other system has.
        let ignoresImageState = words.contains { ["-i", "--ignore-image-state"].contains($0) }
        if words.first?.hasPrefix("-") ?? false { words.removeAll { ["-i", "--ignore-image-state"].contains($0) } }
        switch Arguments(words) {
        case .supervise(let directory):
            return Supervisor.run(directory: directory)
        case .version(let verbose):
            print("tat_agent \(agentVersion)")
            if verbose { print(Parts.describe(), terminator: "") }
            return 0
        case .help:
            print(Arguments.usage)
            print("\n  -i, --ignore-image-state   do not wait until Windows has finished setting itself up")
            return 0
        case .invalid(let reason):
            complain("\(reason)\n\n\(Arguments.usage)")
            return 2
        case .register(let region, let code, let value):
            return register(region: region, code: code, value: value)
        case .run(let consoleLog, let detach):
            let agent = AgentRun(arguments: arguments, consoleLog: consoleLog, waitsForImage: !ignoresImageState)
            guard detach, !consoleLog else { return agent.inConsole() }
            return agent.asServiceOrInConsole()
        }
    }

    private static func register(region: String, code: String, value: String) -> Int32 {
        let paths = InstalledPaths()
        let outcome = AgentRun.Outcome()
        do {
            let poller = try CompletionPoller()
            EventLoop.shared.run(on: poller) {
                do {
                    let service = WindowsService(isService: false, executable: "", arguments: [], beforeRestart: {})
                    let platform = WindowsPlatform(poller: poller, service: service, machine: WindowsMachine())
                    let registrar = Registrar(platform: platform, configPath: paths.agent.config)
                    try await registrar.register(region: region, code: code, value: value)
                } catch {
                    outcome.failure = "\(error)"
                }
                EventLoop.shared.stop()
            }
        } catch {
            outcome.failure = "\(error)"
        }
        if let failure = outcome.failure {
            complain("tat_agent: \(failure)")
            return 1
        }
        print("registered; the agent uses it from its next start")
        return 0
    }

    static func complain(_ text: String) { ConsoleLog().write(text) }
}
