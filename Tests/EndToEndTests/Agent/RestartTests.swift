import Agent
import CShims
import Foundation
import Testing

/// A script that notes each of its runs in a file, prints lines of 100 bytes, and ends with exit code 7.
private struct Printer {
    let name: String
    let lines: Int
    var pause = 0.05
    /// A file that has to appear before it ends.
    var gate = ""

    func script(_ lab: Lab) -> String {
        """
        #!/usr/bin/perl
        $| = 1;
        open(my $runs, ">>", "\(lab.scratch.path)/\(name)");
        syswrite $runs, join(" ", "run", $$, getppid) . "\\n";
        close $runs;
        for my $line (1..\(lines)) {
            printf "%-99s\\n", "$line of \(name)";
            select(undef, undef, undef, \(pause));
        }
        select(undef, undef, undef, 0.02) until -e "\(lab.scratch.path)/\(gate)";
        exit 7;
        """
    }

    var output: String {
        (1...lines).map { "\($0) of \(name)".padding(toLength: 99, withPad: " ", startingAt: 0) + "\n" }.joined()
    }

    /// Checks that the script ran once and that all of its reports arrived, some perhaps more than once.
    func expect(_ outcome: TaskOutcome, _ lab: Lab, _ location: SourceLocation = #_sourceLocation) {
        #expect(outcome.result == "FAILED", sourceLocation: location)
        #expect(outcome.exitCode == 7, sourceLocation: location)
        #expect(outcome.errorInfo == "", sourceLocation: location)
        let isWhole = outcome.text == output
        #expect(isWhole, "\(outcome.output.count) bytes of \(output.utf8.count)", sourceLocation: location)
        #expect(outcome.dropped == 0, sourceLocation: location)
        #expect(lab.scratch.lines(name).count == 1, sourceLocation: location)
    }
}

@Suite("Agents that end and begin anew")
struct RestartTests {
    @Test("an agent that is killed while scripts run and output flows", arguments: [SIGKILL, SIGTERM, SIGINT])
    func kill(signal: Int32) async throws {
        try await Lab.with { lab in
            let printers = (0..<5).map { Printer(name: "task-\($0)", lines: 60 + $0 * 10, gate: "go") }
            for printer in printers { try await lab.create(printer.script(lab), id: printer.name) }
            for printer in printers {
                try await lab.hub.waitForTask(printer.name) { $0["outputSize"]?.int64 ?? 0 > 0 }
            }
            // What is asked to end ends well.
            #expect(try lab.agent.kill(signal) == (signal == SIGKILL ? -SIGKILL : 0))
            try await lab.agent.start()
            try lab.scratch.write("go")
            for printer in printers {
                let outcome = try await lab.outcome(of: printer.name)
                printer.expect(outcome, lab)
                #expect(outcome.counter("starts") == 1)
                #expect(outcome.counter("finishes") == 1)
            }
            try await lab.waitUntilIdle()
            #expect(Set(lab.agent.tombstones) == Set(printers.map(\.name)))
        }
    }

    @Test("scripts that end while there is no agent")
    func endWithoutAgent() async throws {
        try await Lab.with { lab in
            let printer = Printer(name: "alone", lines: 30)
            try await lab.create(printer.script(lab), id: printer.name)
            try await lab.hub.waitForTask(printer.name) { $0["outputSize"]?.int64 ?? 0 > 0 }
            try lab.agent.kill(SIGKILL)
            try await eventually("the script and its supervisor have ended") { lab.agent.processes().isEmpty }
            try await lab.agent.start()
            let outcome = try await lab.outcome(of: printer.name)
            printer.expect(outcome, lab)
            #expect(outcome.counter("starts") == 1)
            #expect(outcome.counter("finishes") == 1)
        }
    }

    @Test("an agent that is killed again and again, at any moment")
    func manyKills() async throws {
        try await Lab.with { lab in
            var printers: [Printer] = []
            for round in 0..<10 {
                for number in 0..<2 {
                    let printer = Printer(name: "task-\(round)-\(number)", lines: 20 + round * 8)
                    try await lab.create(printer.script(lab), id: printer.name)
                    printers.append(printer)
                }
                // No waiting for anything in particular: the moment is to be any.
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...400)))
                try lab.agent.kill(SIGKILL)
                try lab.agent.launch()
            }
            try await lab.agent.waitUntilConnected()
            for printer in printers {
                let outcome = try await lab.outcome(of: printer.name)
                printer.expect(outcome, lab)
            }
            try await lab.waitUntilIdle()
        }
    }

    @Test(
        "an agent that is killed before it has the answer to a report",
        arguments: ["DescribeTasks", "ReportTaskStart", "UploadTaskLog", "ReportTaskFinish"],
        [false, true]
    )
    func killBeforeAnswer(action: String, processed: Bool) async throws {
        try await Lab.with { lab in
            let printer = Printer(name: "task", lines: 3, pause: 0)
            try await lab.hub.misbehave(action, "stall", after: processed)
            try await lab.create(printer.script(lab), id: printer.name)
            try await eventually("the report is made") { try await lab.requestCount(action) > 0 }
            try await lab.agent.restart()
            let outcome = try await lab.outcome(of: printer.name)
            printer.expect(outcome, lab)
            func count(_ of: String) -> Int64 { action == of && processed ? 2 : 1 }
            #expect(outcome.counter("starts") == count("ReportTaskStart"))
            #expect(outcome.counter("chunks") + outcome.counter("chunkRepeats") == count("UploadTaskLog"))
            #expect(outcome.counter("finishes") == count("ReportTaskFinish"))
            try await lab.waitUntilIdle()
        }
    }

    @Test("a task that is over is not run again by a later agent, whatever the service says")
    func tombstone() async throws {
        try await Lab.with { lab in
            let printer = Printer(name: "once", lines: 1, pause: 0)
            try await lab.create(printer.script(lab), id: printer.name)
            printer.expect(try await lab.outcome(of: printer.name), lab)
            let again = try await lab.hub.task(printer.name)["task"] ?? .null
            let answer: JSON = ["action": "DescribeTasks", "fields": ["InvocationNormalTaskSet": .array([again])]]
            try await lab.hub.request("POST", "/hub/answer", body: answer)
            try await lab.waitUntilIdle()
            try await lab.agent.restart()
            let before = try await lab.requestCount("DescribeTasks")
            try await lab.hub.request("POST", "/hub/notify", body: ["json": ["Type": "kick"]])
            try await eventually("tasks are asked for") { try await lab.requestCount("DescribeTasks") > before }
            try await lab.hub.request("POST", "/hub/answer", body: ["action": "DescribeTasks"])
            try await lab.expectAlive()
            #expect(try await lab.requestCount("ReportTaskStart", task: printer.name) == 1)
            printer.expect(try await lab.outcome(of: printer.name), lab)
        }
    }

    @Test("the service restarts the agent: the process stays, its tasks go on")
    func forceRestart() async throws {
        try await Lab.with { lab in
            let printer = Printer(name: "task", lines: 100)
            try await lab.create(printer.script(lab), id: printer.name)
            try await lab.hub.waitForTask(printer.name) { $0["outputSize"]?.int64 ?? 0 > 0 }
            let (pid, started) = (lab.agent.pid, startTime(lab.agent.pid))
            for round in 1...3 {
                let connects = try await lab.hub.waitForAgent()["connects"]?.int64 ?? 0
                try await lab.hub.request("POST", "/hub/notify", body: ["json": ["Type": "ForceRestart"]])
                try await eventually("the new program is connected, \(round)") {
                    try await lab.hub.waitForAgent()["connects"]?.int64 == connects + 1
                }
            }
            #expect(lab.agent.isRunning)
            #expect(startTime(pid) == started)
            #expect(try String(contentsOfFile: lab.agent.pidFile, encoding: .utf8) == "\(pid)\n")
            #expect(lab.agent.log.components(separatedBy: "restarting as the service asks").count == 4)
            let outcome = try await lab.outcome(of: printer.name)
            printer.expect(outcome, lab)
            #expect(outcome.counter("starts") == 1)
            try await lab.waitUntilIdle()
            try await eventually("no child is left uncollected") { lab.agent.children.allSatisfy { !isZombie($0) } }
        }
    }

    /// When a process was started, in ticks since the boot.
    private func startTime(_ pid: pid_t) -> String? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return nil }
        return text.split(separator: " ").dropFirst(21).first.map(String.init)
    }

    @Test("a supervisor that is killed: the task failed, and what it left is ended")
    func killedSupervisor() async throws {
        try await Lab.with { lab in
            let printer = Printer(name: UUID().uuidString, lines: 10_000)
            let other = Printer(name: UUID().uuidString, lines: 60)
            for one in [printer, other] { try await lab.create(one.script(lab), id: one.name) }
            try await lab.hub.waitForTask(printer.name) { $0["outputSize"]?.int64 ?? 0 > 0 }
            let ids = lab.scratch.lines(printer.name).first?.split(separator: " ").compactMap { pid_t($0) } ?? []
            #expect(ids.count == 2)
            guard ids.count == 2, lab.agent.processes().contains(ids[1]) else { throw TestFailure("no supervisor") }
            _ = CShims.kill(ids[1], SIGKILL)
            let outcome = try await lab.outcome(of: printer.name)
            #expect(outcome.result == "FAILED")
            #expect(outcome.exitCode == -1)
            #expect(outcome.errorInfo == "the task's supervisor was killed while the task ran")
            #expect(outcome.output.count >= 100)
            #expect(printer.output.hasPrefix(outcome.text))
            try await eventually("the script is ended") { !isAlive(ids[0]) }
            // The other task is none of this one's business.
            other.expect(try await lab.outcome(of: other.name), lab)
        }
    }

    @Test("a machine that restarted meanwhile", arguments: [false, true])
    func reboot(claimed: Bool) async throws {
        try await Lab.with { lab in
            let printer = Printer(name: UUID().uuidString.lowercased(), lines: 10_000)
            if !claimed { try await lab.hub.misbehave("ReportTaskStart", "stall", after: true) }
            try await lab.create(printer.script(lab), id: printer.name)
            try await lab.hub.waitForTask(printer.name) { task in
                claimed ? task["outputSize"]?.int64 ?? 0 > 0 : task["state"]?.string == "running"
            }
            // What a power failure leaves: nobody, and a record of another boot.
            lab.agent.killAll()
            let path = "\(lab.agent.state)/tasks/\(printer.name)/task"
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let bootID = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8).dropLast()
            #expect(text.contains(bootID))
            let other = text.replacing(bootID, with: UUID().uuidString.lowercased())
            try Data(other.utf8).write(to: URL(filePath: path))
            try await lab.agent.start()
            let outcome = try await lab.outcome(of: printer.name)
            #expect(outcome.exitCode == -1)
            #expect(outcome.result == "FAILED")
            if claimed {
                #expect(outcome.errorInfo == "the machine restarted while the task ran")
                #expect(printer.output.hasPrefix(outcome.text))
            } else {
                #expect(outcome.errorInfo == "the machine restarted before the task ran, or as it began")
                #expect(!lab.scratch.has(printer.name))
            }
            try await lab.waitUntilIdle()
        }
    }
}
