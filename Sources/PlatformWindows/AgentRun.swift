import Agent
import CShims

/// The agent itself, as a service or in a console.
struct AgentRun: Sendable {
    let arguments: [String]
    let consoleLog: Bool
    /// Whether to wait until Windows has finished setting itself up.
    let waitsForImage: Bool

    /// What became of it. Sound as `@unchecked Sendable`: it stays on the loop's thread.
    final class Outcome: @unchecked Sendable {
        var failure: String?
    }

    /// Whom the console's events go to.
    private static let consoleStop = Lock<(@Sendable () -> Void)?>(nil)

    func asServiceOrInConsole() -> Int32 {
        do throws(SystemError) {
            return try ServiceControl.run { run(isService: true) } ? 0 : inConsole()
        } catch {
            AgentProgram.complain("tat_agent: \(error)")
            return 1
        }
    }

    func inConsole() -> Int32 { run(isService: false) }

    /// Runs on the thread that this is called on, which becomes the loop's. The exit code.
    private func run(isService: Bool) -> Int32 {
        let paths = InstalledPaths()
        let sink: any LogSink = consoleLog ? ConsoleLog() : LogFile(path: paths.agent.log)
        let log = Log(
            to: sink,
            clock: SystemClock(),
            threshold: Environment.value("TAT_AGENT_DEBUG") == nil ? .info : .debug
        )
        let outcome = Outcome()
        if isService { EventLog.report(.information, "The agent \(agentVersion) starts.") }
        do {
            if waitsForImage { waitForImage(isService: isService) }
            if isService, ServiceControl.isStopRequested { return 0 }
            let instance = try SingleInstance(name: paths.instance)
            let poller = try CompletionPoller()
            EventLoop.shared.run(on: poller) {
                do {
                    let service = WindowsService(
                        isService: isService,
                        executable: paths.executable,
                        arguments: arguments,
                        beforeRestart: { instance.release() }
                    )
                    listen(isService: isService) { poller.post { loopIsolated { service.stopRequested() } } }
                    let platform = WindowsPlatform(poller: poller, service: service, machine: WindowsMachine())
                    try Agent(platform: platform, paths: paths.agent, log: log).run()
                } catch {
                    log.error("the agent cannot start: \(error)")
                    outcome.failure = "\(error)"
                    EventLoop.shared.stop()
                }
            }
            withExtendedLifetime(instance) {}
        } catch {
            log.error("the agent cannot start: \(error)")
            outcome.failure = "\(error)"
        }
        guard let failure = outcome.failure else {
            if isService { EventLog.report(.information, "The agent has stopped. Tasks that run go on.", event: 2) }
            return 0
        }
        if isService { EventLog.report(.error, "The agent cannot start: \(failure)", event: 3) }
        if !consoleLog { AgentProgram.complain("tat_agent: \(failure)") }
        return 1
    }

    private func waitForImage(isService: Bool) {
        ImageState.wait {
            guard isService else { return true }
            ServiceControl.starting()
            return !ServiceControl.isStopRequested
        }
    }

    /// Calls `stop`, on any thread, when the agent is to end.
    private func listen(isService: Bool, _ stop: @escaping @Sendable () -> Void) {
        if isService { return ServiceControl.onStop(stop) }
        Self.consoleStop.with { $0 = stop }
        _ = shim_win_SetConsoleCtrlHandler { _ in AgentRun.consoleStop.with { $0 }?() }
    }
}

private func loopIsolated(_ body: @LoopActor () -> Void) { EventLoop.shared.assumeIsolated(body) }
