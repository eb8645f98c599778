import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

/// The launcher in this process, with the real executable.
///
/// One after the other, because they look at the children of this process.
@Suite(.serialized) struct LauncherTests {
    private func makeLauncher() async throws -> LinuxLauncher {
        let executable = try Executables.path("tat_agent")
        return try await onLoop {
            LinuxLauncher(poller: testPoller, service: try TestService.shared, executable: executable)
        }
    }

    /// The children of this process that are supervisors or nurseries, by what their command line has after the name.
    private func children(_ arguments: String...) -> [pid_t] {
        let wanted = (["tat_agent"] + arguments).flatMap { (word: String) -> [UInt8] in Array(word.utf8) + [0] }
        return ((try? PosixFiles().list("/proc")) ?? []).compactMap { pid_t($0) }.filter { pid in
            processStatus(pid, "PPid") == "\(getpid())"
                && (try? PosixFiles().read("/proc/\(pid)/cmdline", limit: 4096)) == wanted
        }
    }

    /// The nursery that is there now and was not before.
    private func nursery(notOf before: Set<pid_t>) async throws -> pid_t {
        // For a moment after its start a process has no command line.
        try await until("there is a nursery") { !Set(children("supervise")).isSubset(of: before) }
        return try #require(Set(children("supervise")).subtracting(before).first)
    }

    /// Launches a task and waits for the end of the news. How often there were any.
    private func follow(_ task: SupervisedTask, by launcher: LinuxLauncher, again: Bool = false) async throws -> Int {
        let path = task.directory.path
        return try await onLoop {
            let link = try launcher.launch(directory: path, again: again)
            return await Self.drain(link)
        }
    }

    @LoopActor
    private static func drain(_ link: any SupervisorLink) async -> Int {
        var count = 0
        while await link.news() != .over { count += 1 }
        #expect(await link.news() == .over, "once over, always over")
        link.close()
        return count
    }

    private func adopt(_ task: SupervisedTask, by launcher: LinuxLauncher) async throws -> Adoption {
        let path = task.directory.path
        return try await onLoop { launcher.adopt(directory: path) }
    }

    // MARK: - Launching

    @Test(arguments: [false, true])
    func aLaunchedTaskTellsOfItsOutputAndItsEnd(_ again: Bool) async throws {
        let launcher = try await makeLauncher()
        let task = try SupervisedTask("echo hi; exit 3\n")
        defer { task.remove() }
        #expect(try await follow(task, by: launcher, again: again) >= 1)
        #expect(task.directory.exit()?.exitCode == 3)
        #expect(task.output == "hi\n")
    }

    @Test func manyAtOnceAllRunOnce() async throws {
        let launcher = try await makeLauncher()
        let tasks = try (0..<20).map { try SupervisedTask("echo ran >>\"$folder/runs\"; exit \($0)\n") }
        defer { for task in tasks { task.remove() } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in tasks { group.addTask { _ = try await follow(task, by: launcher) } }
            try await group.waitForAll()
        }
        #expect(tasks.map { $0.directory.exit()?.exitCode } == (0..<20).map { Int64($0) })
        #expect(tasks.allSatisfy { $0.folder.text(of: "runs") == "ran\n" })
    }

    @Test func pathsBeyondThoseOfSocketsAreAsGood() async throws {
        let launcher = try await makeLauncher()
        let folder = try TestFolder()
        defer { folder.remove() }
        let parent = folder.path + String(repeating: "/" + String(repeating: "d", count: 200), count: 4)
        try PosixFiles().makeDirectory(parent, access: .passage)
        let task = try SupervisedTask("echo >\"$folder/up\"\n" + SupervisedTask.wait(for: "go"), in: parent)
        defer { task.remove() }
        let path = task.directory.path
        #expect(path.utf8.count > 108)
        let link = try await onLoop { try launcher.launch(directory: path, again: false) }
        _ = try await task.line("up")
        guard case .alive(let other) = try await adopt(task, by: launcher) else {
            Issue.record("the supervisor is not found")
            return
        }
        try task.signal("go")
        _ = try await onLoop { await Self.drain(link) }
        _ = try await onLoop { await Self.drain(other) }
        #expect(task.directory.exit()?.result == .success)
    }

    /// Longer than a nursery's messages, and than any path: said by a start of its own.
    @Test func aPathThatIsNoneEndsWithoutAClaim() async throws {
        let launcher = try await makeLauncher()
        let news = try await onLoop {
            let path = "/" + String(repeating: "d/", count: 3000)
            return await Self.drain(try launcher.launch(directory: path, again: false))
        }
        #expect(news == 0)
    }

    @Test func anExecutableThatIsNotThereIsTold() async throws {
        let launcher = try await onLoop {
            LinuxLauncher(poller: testPoller, service: try TestService.shared, executable: "/nonexistent/agent")
        }
        let message = try await onLoop { () -> String in
            do throws(LaunchError) {
                _ = try launcher.launch(directory: "/nonexistent", again: false)
                return ""
            } catch {
                return error.description
            }
        }
        #expect(message.contains("could not be started"))
        #expect(message.contains("No such file or directory"))
    }

    @Test func theSupervisorHasASessionOfItsOwnAndItsDescriptorLimit() async throws {
        let executable = try Executables.path("tat_agent")
        let launcher = try await onLoop {
            let service = try TestService.shared
            return LinuxLauncher(poller: testPoller, service: service, descriptorLimit: 123, executable: executable)
        }
        for again in [false, true] {
            let task = try SupervisedTask("ulimit -n; echo $PPID >\"$folder/pid\"\n" + SupervisedTask.wait(for: "go"))
            defer { task.remove() }
            let path = task.directory.path
            let link = try await onLoop { try launcher.launch(directory: path, again: again) }
            let pid = try #require(pid_t(try await task.line("pid")))
            #expect(getsid(pid) == pid)
            #expect(processStatus(pid, "Name") == "tat_agent")
            #expect((processStatus(pid, "PPid") == "\(getpid())") == again, "a second start is not left to the nursery")
            let memory = processStatus(pid, "RssAnon") ?? "unknown"
            print("a supervisor's RssAnon: \(memory) (debug build, \(again ? "started by itself" : "forked"))")
            try task.signal("go")
            _ = try await onLoop { await Self.drain(link) }
            #expect(task.output == "123\n")
        }
    }

    // MARK: - Adoption

    @Test func whatWasNeverStartedIsUnclaimed() async throws {
        let launcher = try await makeLauncher()
        let task = try SupervisedTask("echo hi\n")
        defer { task.remove() }
        guard case .unclaimed = try await adopt(task, by: launcher) else {
            Issue.record("it counts as claimed")
            return
        }
        try PosixFiles().remove(task.directory.path)
        guard case .unclaimed = try await adopt(task, by: launcher) else {
            Issue.record("what is not there counts as claimed")
            return
        }
    }

    /// Its supervisor has the lock already, but not the name.
    @Test func whatIsBeingClaimedIsAlive() async throws {
        let launcher = try await makeLauncher()
        let task = try SupervisedTask("echo hi\n")
        defer { task.remove() }
        let file = try FileDescriptor.open(task.directory.recordPath, O_RDONLY)
        try #require(flock(file.number, LOCK_EX | LOCK_NB) == 0)
        guard case .alive(let link) = try await adopt(task, by: launcher) else {
            Issue.record("it does not count as alive")
            return
        }
        try await onLoop {
            var isOver = false
            spawn {
                while await link.news() != .over { continue }
                isOver = true
            }
            await sleep(for: .milliseconds(200))
            #expect(!isOver)
            flock(file.number, LOCK_UN)
            try await eventually { isOver }
        }
        guard case .unclaimed = try await adopt(task, by: launcher) else {
            Issue.record("it counts as claimed")
            return
        }
    }

    @Test func whatRunsIsAliveAndCanBeCancelled() async throws {
        let task = try SupervisedTask("echo >\"$folder/up\"; exec sleep 1000\n")
        defer { task.remove() }
        try task.start()
        _ = try await task.line("up")
        let launcher = try await makeLauncher()
        guard case .alive(let link) = try await adopt(task, by: launcher) else {
            Issue.record("it does not count as alive")
            return
        }
        try task.directory.cancel()
        _ = try await onLoop { () -> Int in
            link.poke()
            return await Self.drain(link)
        }
        #expect(task.directory.exit()?.result == .terminated)
    }

    @Test func agentsComeAndGoAndTheTaskGoesOn() async throws {
        let task = try SupervisedTask("echo >\"$folder/up\"\n" + SupervisedTask.wait(for: "go"))
        defer { task.remove() }
        try task.start()
        _ = try await task.line("up")
        for _ in 0..<40 {
            let launcher = try await makeLauncher()
            guard case .alive(let link) = try await adopt(task, by: launcher) else {
                Issue.record("it does not count as alive")
                return
            }
            try await onLoop { link.close() }
            #expect(try await onLoop { await link.news() } == .over)
        }
        try task.signal("go")
        #expect(try await task.exit().result == .success)
    }

    @Test func moreAgentsThanASupervisorServesMakeItNeitherSpinNorFail() async throws {
        let task = try SupervisedTask("echo >\"$folder/up\"\n" + SupervisedTask.wait(for: "go"))
        defer { task.remove() }
        let supervisor = try task.start()
        _ = try await task.line("up")
        let links = try (0..<24).map { _ in try task.connect() }
        let before = try #require(Self.ticks(of: supervisor.pid))
        let start = ContinuousClock.now
        try await until("a second has passed") { ContinuousClock.now - start > .seconds(1) }
        // A hundred of them are a second's worth.
        #expect(try #require(Self.ticks(of: supervisor.pid)) - before < 30, "it never sleeps")
        try task.signal("go")
        #expect(try await task.exit().result == .success)
        for link in links { _ = try? await onOwnThread { try link.readAll() } }
    }

    /// The processor time of a process, in hundredths of a second.
    private static func ticks(of pid: pid_t) -> Int? {
        guard let bytes = try? PosixFiles().read("/proc/\(pid)/stat", limit: 4096) else { return nil }
        let fields = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else { return nil }
        return user + system
    }

    @Test func whatHasEndedIsGone() async throws {
        let launcher = try await makeLauncher()
        let task = try SupervisedTask("echo hi\n")
        defer { task.remove() }
        _ = try await task.run()
        guard case .gone = try await adopt(task, by: launcher) else {
            Issue.record("it does not count as gone")
            return
        }
    }

    @Test(arguments: [false, true])
    func whatWasKilledIsGoneAndItsProcessesCanBeEnded(_ again: Bool) async throws {
        let launcher = try await makeLauncher()
        let task = try SupervisedTask("trap '' HUP TERM; echo $PPID >\"$folder/pid\"; sleep 1000; :\n")
        defer { task.remove() }
        let path = task.directory.path
        let link = try await onLoop { try launcher.launch(directory: path, again: again) }
        let pid = try #require(pid_t(try await task.line("pid")))
        #expect(pid != getpid())
        try await until("script and sleep are there") { task.processes == 2 }
        kill(pid, SIGKILL)
        _ = try await onLoop { await Self.drain(link) }
        // The kernel closes what a killed process has open one by one: the link may go before the lock does.
        if case .alive(let other) = try await adopt(task, by: launcher) {
            _ = try await onLoop { await Self.drain(other) }
        }
        guard case .gone = try await adopt(task, by: launcher) else {
            Issue.record("it does not count as gone")
            return
        }
        #expect(task.processes == 2)
        let id = task.id
        #expect(try await onOwnThread { launcher.endOrphans(of: id) } == 2)
        try await until("they have ended") { task.processes == 0 }
        #expect(task.directory.exit() == nil)
    }

    // MARK: - The nursery

    /// The supervisor of a task that is run to its end, once it has let go of the task: it comes back, or ends.
    private func supervisorOfATask(_ script: String = "", by launcher: LinuxLauncher) async throws -> pid_t {
        let task = try SupervisedTask("echo $PPID >\"$folder/pid\"\n" + script)
        defer { task.remove() }
        _ = try await follow(task, by: launcher)
        #expect(task.directory.exit()?.result == .success)
        let supervisor = try #require(pid_t(try await task.line("pid")))
        try await until("it has let go of the task") {
            let open = (try? PosixFiles().list("/proc/\(supervisor)/fd")) ?? []
            return !open.contains { number in
                let path = "/proc/\(supervisor)/fd/\(number)"
                let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
                return target?.contains(task.id) ?? false
            }
        }
        return supervisor
    }

    @Test func aNurseryUsesItsSupervisorsAgainAndLeavesNoZombie() async throws {
        let before = Set(children("supervise"))
        let launcher = try await makeLauncher()
        try await onLoop { launcher.prepare() }
        let nursery = try await nursery(notOf: before)
        var supervisors: Set<pid_t> = []
        for _ in 0..<8 { supervisors.insert(try await supervisorOfATask(by: launcher)) }
        #expect(supervisors.count < 4, "each task had a new one: \(supervisors)")
        #expect(Set(children("supervise")).subtracting(before) == [nursery])
        for pid in supervisors { #expect(processStatus(pid, "State")?.hasPrefix("Z") != true) }
        kill(nursery, SIGKILL)
        try await until("those without a task end with it") { supervisors.allSatisfy { !isAlive($0) } }
    }

    @Test func aSupervisorThatWasKilledWithoutATaskLosesNone() async throws {
        let launcher = try await makeLauncher()
        for _ in 0..<4 { kill(try await supervisorOfATask(by: launcher), SIGKILL) }
        _ = try await supervisorOfATask(by: launcher)
    }

    @Test func aSupervisorWhoseTaskLeftSomethingBehindIsNotUsedAgain() async throws {
        let launcher = try await makeLauncher()
        let left = try TestFolder()
        defer { left.remove() }
        let script = "sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >\(left.path)/pid; disown\n"
        let supervisor = try await supervisorOfATask(script, by: launcher)
        let sleeper = try #require(pid_t(left.text(of: "pid").trimmingCharacters(in: .newlines)))
        try await until("the supervisor has ended") { !isAlive(supervisor) }
        kill(sleeper, SIGKILL)
    }

    @Test func aSupervisorThatReadOnAfterItsTaskSeesTheEndOfTheNext() async throws {
        let launcher = try await makeLauncher()
        for _ in 0..<10 {
            // What it leaves behind holds the output for longer than its end waits.
            let first = try await supervisorOfATask("sleep 1 &\n", by: launcher)
            try await Task.sleep(for: .milliseconds(200))
            let task = try SupervisedTask("echo $PPID >\"$folder/pid\"; exit 7\n", timeout: 3)
            defer { task.remove() }
            _ = try await follow(task, by: launcher)
            #expect(task.directory.exit()?.exitCode == 7)
            if pid_t(try await task.line("pid")) == first { return }
            // The output ends a moment before its last process: where that was still there, the supervisor has ended.
        }
        Issue.record("none was used again")
    }

    @Test func aKilledNurseryIsReplaced() async throws {
        let before = Set(children("supervise"))
        let launcher = try await makeLauncher()
        try await onLoop { launcher.prepare() }
        let nursery = try await nursery(notOf: before)
        kill(nursery, SIGKILL)
        try await until("the nursery is dead") { !isAlive(nursery) }
        for _ in 0..<2 {
            let task = try SupervisedTask("echo hi\n")
            defer { task.remove() }
            _ = try await follow(task, by: launcher)
            #expect(task.directory.exit()?.result == .success)
        }
        // The second was the new one's.
        #expect(Set(children("supervise")).subtracting(before).count == 1)
    }

    @Test func aRequestThatDiesWithItsNurseryIsMadeAgain() async throws {
        let before = Set(children("supervise"))
        let launcher = try await makeLauncher()
        try await onLoop { launcher.prepare() }
        let nursery = try await nursery(notOf: before)
        kill(nursery, SIGSTOP)
        let task = try SupervisedTask("echo ran >>\"$folder/runs\"\n")
        defer { task.remove() }
        let path = task.directory.path
        let link = try await onLoop { try launcher.launch(directory: path, again: false) }
        kill(nursery, SIGKILL)
        #expect(try await onLoop { await Self.drain(link) } == 0)
        guard case .unclaimed = try await adopt(task, by: launcher) else {
            Issue.record("it counts as claimed")
            return
        }
        _ = try await follow(task, by: launcher, again: true)
        #expect(task.directory.exit()?.result == .success)
        #expect(task.folder.text(of: "runs") == "ran\n")
    }

    /// It waits for another task, and with it the link, were that not ended: as after an agent that was killed between
    /// the launch of a task and its claim.
    @Test func aSupervisorThatComesTooLateLetsGoOfTheTask() async throws {
        let launcher = try await makeLauncher()
        let task = try SupervisedTask(
            "echo >\"$folder/up\"; echo ran >>\"$folder/runs\"\n" + SupervisedTask.wait(for: "go")
        )
        defer { task.remove() }
        try task.start()
        _ = try await task.line("up")
        let path = task.directory.path
        try await onLoop {
            let link = try launcher.launch(directory: path, again: false)
            var isOver = false
            spawn {
                while await link.news() != .over { continue }
                isOver = true
            }
            // Sooner than the nursery ends, and with it the supervisors without a task.
            try await eventually(within: .seconds(8)) { isOver }
        }
        try task.signal("go")
        #expect(try await task.exit().result == .success)
        #expect(task.folder.text(of: "runs") == "ran\n")
    }

    /// More than its queue takes: each is started, one way or the other.
    @Test func aNurseryThatDoesNotAnswerHoldsNobodyUp() async throws {
        let before = Set(children("supervise"))
        let launcher = try await makeLauncher()
        try await onLoop { launcher.prepare() }
        let nursery = try await nursery(notOf: before)
        kill(nursery, SIGSTOP)
        defer { kill(nursery, SIGCONT) }
        let filler = "/nonexistent/" + String(repeating: "d", count: 3000)
        let links = try await onLoop { try (0..<80).map { _ in try launcher.launch(directory: filler, again: false) } }
        let task = try SupervisedTask("echo hi\n")
        defer { task.remove() }
        _ = try await follow(task, by: launcher)
        #expect(task.directory.exit()?.result == .success)
        #expect(processStatus(nursery, "State")?.hasPrefix("T") == true)
        kill(nursery, SIGCONT)
        for link in links { _ = try await onLoop { await Self.drain(link) } }
    }

    @Test func tasksOutliveTheirLauncherAndItsNursery() async throws {
        let before = Set(children("supervise"))
        var launcher: LinuxLauncher? = try await makeLauncher()
        let task = try SupervisedTask("echo >\"$folder/up\"\n" + SupervisedTask.wait(for: "go") + "exit 8\n")
        defer { task.remove() }
        let path = task.directory.path
        try await Self.launchAndForget(path, by: #require(launcher))
        _ = try await task.line("up")
        let nursery = try await nursery(notOf: before)
        kill(nursery, SIGKILL)
        try await until("the nursery is dead") { !isAlive(nursery) }
        launcher = try await makeLauncher()
        guard let next = launcher, case .alive(let link) = try await adopt(task, by: next) else {
            Issue.record("it does not count as alive")
            return
        }
        try task.signal("go")
        _ = try await onLoop { await Self.drain(link) }
        #expect(task.directory.exit()?.exitCode == 8)
    }

    private static func launchAndForget(_ path: String, by launcher: LinuxLauncher) async throws {
        try await onLoop { try launcher.launch(directory: path, again: false).close() }
    }

    @Test func anEndedChildIsTold() async throws {
        try await onLoop {
            let service = try TestService.shared
            var isTold = false
            service.onChild { isTold = true }
            pthread_kill(pthread_self(), SIGCHLD)
            try await eventually { isTold }
            service.onChild {}
        }
    }

    @Test func endedChildrenAreCollected() async throws {
        let launcher = try await makeLauncher()
        let task = try SupervisedTask("echo $PPID >\"$folder/pid\"\n")
        defer { task.remove() }
        _ = try await follow(task, by: launcher, again: true)
        let pid = try #require(pid_t(try await task.line("pid")))
        try await until("the supervisor has ended") { !isAlive(pid) }
        // In an agent, which has one thread that takes signals, the kernel does this.
        try await onLoop { _ = pthread_kill(pthread_self(), SIGCHLD) }
        try await until("it is collected") { processStatus(pid, "State") == nil }
    }
}
