import Agent
import CShims

#if TAT_CRASH_POINTS
    import CrashPoints
#endif

/// `tat_agent` on Linux: what its command line asks for.
public enum AgentProgram {
    /// Runs the program to its end. The process' exit code.
    public static func main(_ arguments: [String]) -> Int32 {
        switch Arguments(Array(arguments.dropFirst())) {
        case .supervise(let directory?):
            return Supervisor.run(directory: directory, link: LinuxLauncher.inheritedSocket())
        case .supervise(nil):
            return Nursery.run()
        case .version(let verbose):
            print("tat_agent \(agentVersion)")
            if verbose { print(Parts.describe(), terminator: "") }
            return 0
        case .help:
            print(Arguments.usage)
            return 0
        case .invalid(let reason):
            complain("\(reason)\n\n\(Arguments.usage)")
            return 2
        case .register(let region, let code, let value):
            return register(region: region, code: code, value: value)
        case .run(let consoleLog, let detach):
            return run(arguments, consoleLog: consoleLog, detach: detach)
        }
    }

    private static func run(_ arguments: [String], consoleLog: Bool, detach: Bool) -> Int32 {
        let paths = InstalledPaths()
        var daemon: Daemon?
        do {
            umask(0o077)
            if detach { daemon = try Daemon.detach() }
            let pidFile = try PidFile(path: paths.agent.pidFile)
            let sink: any LogSink = consoleLog ? ConsoleLog() : LogFile(path: paths.agent.log)
            let log = Log(
                to: sink,
                clock: SystemClock(),
                threshold: Environment.value("TAT_AGENT_DEBUG") == nil ? .info : .debug
            )
            let poller = try EpollPoller()
            let descriptorLimit = DescriptorLimit.raise()
            let startup = Startup(daemon: daemon, consoleLog: consoleLog)
            EventLoop.shared.run(on: poller) {
                do {
                    let service = try LinuxService(
                        poller: poller,
                        executable: paths.executable,
                        arguments: arguments,
                        whenReady: { startup.succeeded() }
                    )
                    let linux = LinuxPlatform(
                        poller: poller,
                        service: service,
                        machine: LinuxMachine(),
                        descriptorLimit: descriptorLimit
                    )
                    #if TAT_CRASH_POINTS
                        crashPoints(in: "agent")
                        let platform = CrashingPlatform(linux, step: CrashPoint.step)
                    #else
                        let platform = linux
                    #endif
                    try Agent(platform: platform, paths: paths.agent, log: log).run()
                } catch {
                    log.error("the agent cannot start: \(error)")
                    startup.failed("\(error)")
                    EventLoop.shared.stop()
                }
            }
            withExtendedLifetime(pidFile) {}
            guard let failure = startup.failure else { return 0 }
            throw StartError(description: failure)
        } catch {
            let reason = "tat_agent: \(error)"
            if let daemon { daemon.failed(reason) } else { complain(reason) }
            return 1
        }
    }

    private static func register(region: String, code: String, value: String) -> Int32 {
        let paths = InstalledPaths()
        let outcome = Startup()
        do {
            let poller = try EpollPoller()
            EventLoop.shared.run(on: poller) {
                do {
                    let service = try LinuxService(poller: poller, executable: "", arguments: [], whenReady: {})
                    let platform = LinuxPlatform(
                        poller: poller,
                        service: service,
                        machine: LinuxMachine(),
                        descriptorLimit: nil
                    )
                    let registrar = Registrar(platform: platform, configPath: paths.agent.config)
                    try await registrar.register(region: region, code: code, value: value)
                } catch {
                    outcome.failed("\(error)")
                }
                EventLoop.shared.stop()
            }
            if let failure = outcome.failure { throw StartError(description: failure) }
            print("registered; the agent uses it from its next start")
            return 0
        } catch {
            complain("tat_agent: \(error)")
            return 1
        }
    }

    private static func complain(_ text: String) { ConsoleLog().write(text) }

    private struct StartError: Error, CustomStringConvertible {
        let description: String
    }

    /// What became of the start. Sound as `@unchecked Sendable`: it stays on the one thread.
    private final class Startup: @unchecked Sendable {
        private let daemon: Daemon?
        private let consoleLog: Bool
        private(set) var failure: String?

        init(daemon: Daemon? = nil, consoleLog: Bool = true) {
            self.daemon = daemon
            self.consoleLog = consoleLog
        }

        func succeeded() { daemon?.started(keepingTerminal: consoleLog) }
        func failed(_ reason: String) { failure = reason }
    }
}
