import Synchronization
import Testing

@testable import Agent

/// A machine on which agents come and go. Its disk and its supervisors stay.
@LoopActor
final class FakeHost {
    let disk = TemporaryDirectory()
    let clock = FakeClock()
    var bootID = "boot-1"
    /// Directories of the launches, in order.
    fileprivate(set) var launches: [String] = []
    fileprivate(set) var supervisors: [String: FakeSupervisor] = [:]
    /// What becomes of a supervisor that has been launched; the default claims the task and waits for the test.
    var onLaunch: @LoopActor (FakeSupervisor) throws(LaunchError) -> Void = { $0.claim() }

    var statePath: String { disk.path + "/state" }

    /// A store on the disk, free of faults.
    func store() throws -> TaskStore { try TaskStore(root: statePath, files: TestFiles()) }

    /// The supervisor of the task, once it is launched.
    func supervisor(of id: String) async throws -> FakeSupervisor {
        let directory = try store().directory(of: id).path
        try await eventually { supervisors[directory] != nil }
        guard let supervisor = supervisors[directory] else { throw NotInTime(place: "supervisor of \(id)") }
        return supervisor
    }

    /// How many launches the task has seen.
    func launches(of id: String) throws -> Int {
        let directory = try store().directory(of: id).path
        return launches.count { $0 == directory }
    }

    /// Everything that runs is gone, the disk stays.
    func reboot(to bootID: String) {
        for supervisor in supervisors.values { supervisor.vanish() }
        self.bootID = bootID
    }
}

/// The supervisor of one task, played by the test.
@LoopActor
final class FakeSupervisor {
    let directory: TaskDirectory
    private(set) var isClaimed = false
    private(set) var pokes = 0
    private var isOver = false
    private var total: Int64 = 0
    private var links: [FakeLink] = []

    init(directory: String) { self.directory = TaskDirectory(path: directory, files: TestFiles()) }

    var isAlive: Bool { isClaimed && !isOver }

    func claim() { isClaimed = true }

    /// The script writes; the disk has room for `limit` bytes.
    func write(_ bytes: [UInt8], limit: Int64 = Int64(TaskDirectory.uploadLimit)) throws {
        let room = max(0, limit - directory.outputSize())
        try TestFiles().append(Array(bytes.prefix(Int(room))), to: directory.outputPath, durably: false)
        total += Int64(bytes.count)
        for link in links { link.announce() }
    }

    func write(_ text: String) throws { try write(Array(text.utf8)) }

    /// The script has ended, and its end is being recorded.
    func complete() { for link in links { link.announce(whole: true) } }

    /// The script has ended.
    func finish(_ result: TaskResult = .success, exitCode: Int64 = 0, errorInfo: String = "") throws {
        let exit = TaskExit(
            result,
            exitCode: exitCode,
            errorInfo: errorInfo,
            finishedAt: 1_700_000_100,
            outputBytes: total
        )
        try directory.end(exit)
        vanish()
    }

    /// The supervisor is gone, without a word.
    func vanish() {
        isOver = true
        for link in links { link.end() }
        links = []
    }

    fileprivate func link() -> FakeLink {
        let link = FakeLink { [self] in pokes += 1 }
        if isOver { link.end() } else { links.append(link) }
        return link
    }
}

@LoopActor
final class FakeLink: SupervisorLink {
    private let arrived = Wakeup()
    private let onPoke: @LoopActor () -> Void
    private var hasWholeOutput = false
    private var isOver = false

    init(onPoke: @escaping @LoopActor () -> Void) { self.onPoke = onPoke }

    func news() async -> SupervisorNews {
        if !isOver { _ = await arrived.wait() }
        return isOver ? .over : hasWholeOutput ? .wholeOutput : .output
    }

    func poke() { onPoke() }

    func close() { end() }

    func announce(whole: Bool = false) {
        if whole { hasWholeOutput = true }
        arrived.signal()
    }

    func end() {
        isOver = true
        arrived.signal()
    }
}

@LoopActor
final class FakeLauncher: Launcher {
    private let host: FakeHost
    private let orphaned = Mutex<[String]>([])
    /// Whether the agent that this belongs to is no more.
    var isDead = false

    /// The tasks whose processes were ended after their supervisor, in order.
    nonisolated var orphanedTasks: [String] { orphaned.withLock { $0 } }

    nonisolated var commandTypes: [String] { ["SHELL"] }

    nonisolated func endOrphans(of taskID: String) -> Int {
        orphaned.withLock { $0.append(taskID) }
        return 1
    }

    nonisolated init(host: FakeHost) { self.host = host }

    func prepare() {}

    func launch(directory: String, again: Bool) throws(LaunchError) -> any SupervisorLink {
        guard !isDead else { throw LaunchError("the agent is gone") }
        host.launches.append(directory)
        let supervisor = FakeSupervisor(directory: directory)
        host.supervisors[directory] = supervisor
        let link = supervisor.link()
        try host.onLaunch(supervisor)
        return MortalLink(link, launcher: self)
    }

    func adopt(directory: String) -> Adoption {
        guard let supervisor = host.supervisors[directory], supervisor.isClaimed else { return .unclaimed }
        return supervisor.isAlive ? .alive(MortalLink(supervisor.link(), launcher: self)) : .gone
    }
}

/// A link that falls silent with its agent.
@LoopActor
private final class MortalLink: SupervisorLink {
    private let link: FakeLink
    private let launcher: FakeLauncher

    init(_ link: FakeLink, launcher: FakeLauncher) {
        self.link = link
        self.launcher = launcher
    }

    func news() async -> SupervisorNews {
        let news = await link.news()
        while launcher.isDead { _ = await Wakeup().wait() }
        return news
    }

    func poke() { if !launcher.isDead { link.poke() } }

    func close() { link.close() }
}
