import Agent
import CShims
import Foundation
import Testing

@Suite("Ending scripts, and scripts that end", .lab)
struct StopTests {
    /// A script that prints `before` and leaves processes of every kind, each of which adds its id to the file `pids`.
    private func tree(_ pids: String) -> String {
        """
        trap '' TERM
        note() { echo $BASHPID >> \(pids); }
        # A child, which ignores SIGTERM as the script does.
        (note; exec sleep 1000) &
        # A session of its own.
        setsid bash -c 'echo $$ >> \(pids); while :; do sleep 1000; done' &
        # A daemon: forked twice, in a session of its own, without descriptors.
        (setsid bash -c '(echo $BASHPID >> \(pids); exec sleep 1000) & exit' < /dev/null > /dev/null 2>&1 &)
        # One that nobody signals and that has no name to be found by.
        (note; cd /; exec -a '' sleep 1000 <&- >&- 2>&-) & disown
        # A process that was stopped.
        (note; kill -STOP $BASHPID; sleep 1000) &
        note
        until [ $(wc -l < \(pids)) = 6 ]; do sleep 0.02; done
        echo before
        while :; do sleep 1000; done
        """
    }

    private func pids(_ lab: Lab, _ name: String) -> [pid_t] { lab.scratch.lines(name).compactMap { pid_t($0) } }

    private func expectStopped(
        _ outcome: TaskOutcome,
        _ result: String,
        _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(outcome.result == result, sourceLocation: location)
        #expect(outcome.exitCode == -1, sourceLocation: location)
        #expect(outcome.errorInfo == "", sourceLocation: location)
        outcome.expectNoRepeats(location)
    }

    @Test("a timeout ends the whole tree and keeps the output until then")
    func timeout() async throws {
        let lab = try Lab.shared
        let name = UUID().uuidString
        let outcome = try await lab.run(tree("\(lab.scratch.path)/\(name)"), timeout: 3)
        expectStopped(outcome, "TIMEOUT")
        #expect(outcome.text == "before\n")
        #expect(outcome.time("finished") - outcome.time("started") >= 3)
        let all = pids(lab, name)
        #expect(all.count == 6)
        for pid in all { #expect(!isAlive(pid)) }
    }

    @Test("a cancel ends the whole tree and keeps the output until then")
    func cancel() async throws {
        let lab = try Lab.shared
        let name = UUID().uuidString
        let id = try await lab.create(tree("\(lab.scratch.path)/\(name)"))
        try await lab.hub.waitForTask(id) { $0["output"]?.string == "before\n" }
        let all = pids(lab, name)
        #expect(all.count == 6)
        for pid in all { #expect(isAlive(pid)) }
        try await lab.hub.cancelTask(id)
        let outcome = try await lab.outcome(of: id)
        expectStopped(outcome, "TERMINATED")
        #expect(outcome.text == "before\n")
        for pid in all { #expect(!isAlive(pid)) }
    }

    @Test("processes that flee by forking do not get away")
    func fleeing() async throws {
        let lab = try Lab.shared
        let name = UUID().uuidString
        try lab.scratch.write(
            name,
            """
            trap '' TERM
            echo $$ >> \(lab.scratch.path)/\(name).pids
            sleep 0.01
            [ -e \(lab.scratch.path)/\(name).stop ] || setsid bash \(lab.scratch.path)/\(name) &
            exit
            """
        )
        let outcome = try await lab.run(
            """
            touch \(lab.scratch.path)/\(name).pids
            for i in 1 2 3; do setsid bash \(lab.scratch.path)/\(name) < /dev/null > /dev/null 2>&1 & done
            sleep 1000
            """,
            timeout: 2
        )
        expectStopped(outcome, "TIMEOUT")
        let count = lab.scratch.lines(name + ".pids").count
        #expect(count > 20)
        let id = outcome.id
        #expect(!lab.agent.processes().contains { command(of: $0).contains(name) }, "\(id)")
        try lab.scratch.write(name + ".stop")
        #expect(lab.scratch.lines(name + ".pids").count == count)
    }

    private func command(of pid: pid_t) -> String {
        String(decoding: FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data(), as: UTF8.self)
    }

    @Test("a script may tidy up when it is asked to end, and its last words arrive")
    func lastWords() async throws {
        let lab = try Lab.shared
        let id = try await lab.create("trap 'echo bye; exit 0' TERM; echo hi; while :; do sleep 0.02; done")
        try await lab.hub.waitForTask(id) { $0["output"]?.string == "hi\n" }
        try await lab.hub.cancelTask(id)
        let outcome = try await lab.outcome(of: id)
        expectStopped(outcome, "TERMINATED")
        // In between, the shell may tell how its children ended.
        #expect(outcome.lines.first == "hi")
        #expect(outcome.lines.last == "bye")
    }

    @Test("a script that floods its output is ended in time")
    func flood() async throws {
        let outcome = try await Lab.shared.run("trap '' TERM; exec cat /dev/zero", timeout: 1)
        expectStopped(outcome, "TIMEOUT")
        #expect(outcome.output == Array(repeating: 0, count: 24_576))
        #expect(outcome.dropped > 1_000_000)
        #expect(outcome.time("finished") - outcome.time("started") < 20)
    }

    @Test("a cancel before the start: the script does not run")
    func cancelBeforeStart() async throws {
        try await Lab.with { lab in
            try await lab.hub.misbehave("ReportTaskStart", "stall")
            let id = try await lab.create("touch \(lab.scratch.path)/ran")
            try await eventually("the start is reported") { try await lab.requestCount("ReportTaskStart") == 1 }
            try await lab.hub.cancelTask(id)
            try await eventually("the agent knows") { lab.agent.log.contains("task \(id): cancelled by the service") }
            let outcome = try await lab.outcome(of: id)
            expectStopped(outcome, "TERMINATED")
            #expect(outcome.text == "")
            #expect(!lab.scratch.has("ran"))
            try await lab.waitUntilIdle()
        }
    }

    @Test("a cancel after the end changes nothing")
    func cancelAfterEnd() async throws {
        try await Lab.with { lab in
            try await lab.hub.misbehave("ReportTaskFinish", "status500", count: -1)
            let id = try await lab.create("echo done")
            try await eventually("the end is reported") { try await lab.requestCount("ReportTaskFinish") > 0 }
            try await lab.hub.cancelTask(id)
            try await eventually("the agent knows") { lab.agent.log.contains("task \(id): cancelled by the service") }
            try await lab.hub.behave()
            let outcome = try await lab.outcome(of: id)
            outcome.expectSuccess("done\n")
            outcome.expectNoRepeats()
            try await lab.waitUntilIdle()
        }
    }

    @Test("a cancel of a task that the agent does not know")
    func cancelUnknown() async throws {
        try await Lab.with { lab in
            let answer: JSON = [
                "action": "DescribeTasks",
                "fields": ["InvocationCancelTaskSet": [["InvocationTaskId": "../unknown"], ["InvocationTaskId": "x"]]],
            ]
            try await lab.hub.request("POST", "/hub/answer", body: answer)
            try await lab.expectAlive()
            #expect(lab.agent.log.contains("task ../unknown: cancelled by the service, but it is not known"))
        }
    }

    @Test("what a script leaves behind neither holds its result back nor is ended", arguments: ["", "setsid "])
    func leftBehind(how: String) async throws {
        let lab = try Lab.shared
        let name = UUID().uuidString
        let base = lab.scratch.path + "/" + name
        let outcome = try await lab.run(
            """
            \(how)bash -c '
                trap "" TERM
                echo $$ > \(base).pid
                until [ -e \(base).go ]; do sleep 0.02; done
                echo later && echo later still >&2 && touch \(base).wrote
                until [ -e \(base).end ]; do sleep 0.02; done
            ' &
            until [ -s \(base).pid ]; do sleep 0.02; done
            date +%s%3N
            """
        )
        outcome.expectSuccess()
        let ended = Int64(outcome.lines.first ?? "") ?? 0
        let finished = outcome.json["finishedAt"]?.int64 ?? .max
        // One second is promised; a machine that is busy with other tests may take longer.
        #expect((0...4000).contains(finished - ended))
        let pid = pid_t(lab.scratch.lines(name + ".pid").first ?? "") ?? -1
        #expect(isAlive(pid))
        try lab.scratch.write(name + ".go")
        try await eventually("the process has written") { lab.scratch.has(name + ".wrote") }
        #expect(isAlive(pid))
        try await lab.expectAlive()
        let later = TaskOutcome(json: try await lab.hub.task(outcome.id))
        #expect(later.text == outcome.text)
        later.expectNoRepeats()
        try lab.scratch.write(name + ".end")
        try await eventually("the process is over") { !isAlive(pid) }
    }
}
