/// Where the agent keeps its things on this machine. All paths are absolute.
public struct AgentPaths: Equatable, Sendable {
    /// Beside the executable.
    public var config: String
    public var log: String
    public var pidFile: String
    /// Task directories and tombstones.
    public var state: String

    public init(config: String, log: String, pidFile: String, state: String) {
        self.config = config
        self.log = log
        self.pidFile = pidFile
        self.state = state
    }
}

/// The agent: its parts, put together.
@LoopActor
public final class Agent {
    private let platform: any Platform
    private let log: Log
    private let api: InvokeAPI
    private let tasks: TaskTable
    private let kicks: KickReceiver
    private let channel: NotifyChannel
    private let scheduleKick: ScheduleKick

    /// Opens the state directory. Throws when that cannot be had: without it the agent could keep no promise.
    public init(platform: any Platform, paths: AgentPaths, log: Log) throws(FileError) {
        let (config, warning) = Config.load(paths.config, files: platform.files)
        if let warning { log.warning(warning) }
        self.platform = platform
        self.log = log
        let endpoints = Endpoints(platform: platform, config: config)
        let identity = Identity(platform: platform, config: config)
        let api = InvokeAPI(transport: platform.transport, endpoints: endpoints, identity: identity)
        let store = try TaskStore(root: paths.state, files: platform.files)
        let tasks = TaskTable(platform: platform, store: store, api: api, log: log)
        let kicks = KickReceiver(api: api, tasks: tasks, log: log)
        let channel = NotifyChannel(
            transport: platform.transport,
            endpoints: endpoints,
            identity: identity,
            log: log
        )
        self.api = api
        self.tasks = tasks
        self.kicks = kicks
        self.channel = channel
        let pollSeconds = platform.machine.environment("TAT_AGENT_POLL_SECONDS").flatMap { Int64($0) }
        scheduleKick = ScheduleKick(
            withoutChannel: pollSeconds.map { .seconds(max(1, $0)) } ?? ScheduleKick.withoutChannel,
            isConnected: { channel.isConnected },
            kick: { kicks.kick(from: $0) }
        )
    }

    /// Takes up what earlier agents left, and works until the service manager or the service ends it.
    public func run() {
        let machine = platform.machine
        log.info(
            "tat_agent \(agentVersion) on \(machine.osVersion), \(machine.architecture), process \(machine.processID)"
        )
        platform.service.onRequest { [self] request in
            switch request {
            case .stop:
                log.info("stopping, \(tasks.count) tasks go on")
                EventLoop.shared.stop()
            }
        }
        tasks.recover()
        spawn { [kicks] in await kicks.run() }
        spawn { [tasks] in await TombstoneSweeper(tasks: tasks).run() }
        spawn { [scheduleKick] in await scheduleKick.run() }
        let handlers = NotifyChannel.Handlers(
            kick: { [kicks] in kicks.kick(from: $0) },
            checkUpdate: { [log] in log.info("the service asks to check for an update, which this version does not do")
            },
            restart: { [self] in restart("as the service asks") },
            connectionChanged: { [scheduleKick] in scheduleKick.connectionChanged() }
        )
        spawn { [channel] in await channel.run(handlers) }
        spawn { [self] in await watchForLeaks() }
        platform.service.ready()
    }

    private func watchForLeaks() async {
        let checker = LeakChecker(
            usage: { [platform] in platform.service.usage },
            runningTasks: { [tasks] in tasks.count }
        )
        let leak = "leak of \(await checker.run())"
        log.error(leak)
        do throws(InvokeFailure) {
            _ = try await api.call(
                "ReportAgentLog",
                ["AgentVersion": .string(agentVersion), "LogLevel": "ERROR", "LogInfo": .string(leak)]
            )
        } catch {
            log.warning("ReportAgentLog \(error)")
        }
        restart("because of the leak")
    }

    /// Starts the executable file anew. The tasks go on, and the new process takes them up.
    private func restart(_ why: String) {
        log.info("restarting \(why), \(tasks.count) tasks go on")
        log.error("the restart failed: \(platform.service.restart())")
    }
}
