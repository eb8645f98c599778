import Agent
import CShims
import Foundation
import Testing

@Suite("A service that does not answer as it should")
struct RetryTests {
    private static let actions = ["DescribeTasks", "ReportTaskStart", "UploadTaskLog", "ReportTaskFinish"]

    @Test(
        "every report is made until it is taken, and taken once",
        arguments: ["status500", "status404", "html", "reset", "half", "close", "malformed", "error", "stall"],
        [false, true]
    )
    func retries(how: String, processed: Bool) async throws {
        try await Lab.with { lab in
            for action in Self.actions { try await lab.hub.misbehave(action, how, after: processed) }
            let outcome = try await lab.run("echo run >> \(lab.scratch.path)/runs; echo hi")
            outcome.expectSuccess("hi\n")
            #expect(lab.scratch.lines("runs") == ["run"])
            try await lab.waitUntilIdle()
            let hits = try await lab.hub.request("GET", "/hub/misbehave")["hits"]
            for action in Self.actions {
                #expect(hits?[action]?.int64 == 1)
                // The agent also asks for tasks by itself, 2 s after its start.
                let count = try await lab.requestCount(action)
                #expect(action == "DescribeTasks" ? (2...3).contains(count) : count == 2, "\(action): \(count)")
            }
            let count: Int64 = processed ? 2 : 1
            #expect(outcome.counter("starts") == count)
            #expect(outcome.counter("chunks") == 1)
            #expect(outcome.counter("chunkRepeats") == count - 1)
            #expect(TaskOutcome(json: try await lab.hub.task(outcome.id)).counter("finishes") == count)
        }
    }

    @Test("more than one failure in a row, and reports of many tasks")
    func repeated() async throws {
        try await Lab.with { lab in
            for action in Self.actions {
                try await lab.hub.misbehave(action, "status500", count: action == "DescribeTasks" ? 3 : 15)
            }
            var ids: [String] = []
            for number in 0..<10 {
                ids.append(try await lab.create("for i in {1..500}; do echo \(number) $i; done"))
            }
            for (number, id) in ids.enumerated() {
                let outcome = try await lab.outcome(of: id)
                outcome.expectSuccess((1...500).map { "\(number) \($0)\n" }.joined())
                outcome.expectNoRepeats()
            }
            let hits = try await lab.hub.request("GET", "/hub/misbehave")["hits"]
            for action in Self.actions.dropFirst() { #expect(hits?[action]?.int64 == 15) }
        }
    }

    @Test("replies that are far too long")
    func huge() async throws {
        try await Lab.with { lab in
            for action in Self.actions { try await lab.hub.misbehave(action, "huge") }
            try await lab.run("echo hi").expectSuccess("hi\n")
            for action in Self.actions { #expect(try await lab.requestCount(action) >= 2) }
        }
    }

    @Test("a service that is gone for a while: all reports arrive, in order, when it is back")
    func hubDown() async throws {
        try await Lab.with { lab in
            var ids: [String] = []
            for number in 0..<5 {
                ids.append(
                    try await lab.create(
                        """
                        echo first \(number)
                        until [ -e \(lab.scratch.path)/go ]; do sleep 0.02; done
                        for i in {1..900}; do echo \(number) $i; done
                        echo run >> \(lab.scratch.path)/runs
                        exit \(number)
                        """
                    )
                )
            }
            for id in ids { try await lab.hub.waitForTask(id) { $0["outputSize"]?.int64 ?? 0 > 0 } }
            lab.hub.kill(SIGKILL)
            try lab.scratch.write("go")
            try await eventually("the scripts have ended") { lab.scratch.lines("runs").count == 5 }
            #expect(lab.agent.isRunning)
            try lab.hub.restart()
            for (number, id) in ids.enumerated() {
                let outcome = try await lab.outcome(of: id)
                #expect(outcome.exitCode == Int64(number))
                #expect(outcome.text == "first \(number)\n" + (1...900).map { "\(number) \($0)\n" }.joined())
                outcome.expectNoRepeats()
            }
            try await lab.agent.waitUntilConnected()
            try await lab.expectAlive()
            #expect(lab.scratch.lines("runs").count == 5)
        }
    }

    @Test("neither service nor agent for a while")
    func bothDown() async throws {
        try await Lab.with { lab in
            let id = try await lab.create(
                "echo first; until [ -e \(lab.scratch.path)/go ]; do sleep 0.02; done; echo second"
            )
            try await lab.hub.waitForTask(id) { $0["outputSize"]?.int64 ?? 0 > 0 }
            lab.hub.kill(SIGKILL)
            try lab.agent.kill(SIGKILL)
            try lab.scratch.write("go")
            try await eventually("the script has ended") { lab.agent.processes().isEmpty }
            try lab.agent.launch()
            try await eventually("the agent tries") {
                lab.agent.log.contains("task \(id): UploadTaskLog not delivered")
            }
            try lab.hub.restart()
            let outcome = try await lab.outcome(of: id)
            outcome.expectSuccess("first\nsecond\n")
            outcome.expectNoRepeats()
        }
    }

    @Test("a report that the service refuses is not made again", arguments: ["UploadTaskLog", "ReportTaskFinish"])
    func refused(action: String) async throws {
        try await Lab.with { lab in
            try await lab.hub.misbehave(action, "error", code: "InvalidParameterValue.Whatever")
            let id = try await lab.create("echo hi")
            try await eventually("the end is reported") {
                try await lab.requestCount("ReportTaskFinish") > 0 && lab.agent.tombstones == [id]
            }
            try await lab.waitUntilIdle()
            try await lab.expectAlive()
            #expect(try await lab.requestCount(action, task: id) == 1)
            let json = try await lab.hub.task(id)
            #expect(json["state"]?.string == (action == "ReportTaskFinish" ? "running" : "finished"))
            #expect(json["outputSize"]?.int64 == (action == "UploadTaskLog" ? 0 : 3))
        }
    }

    @Test("a task whose start the service refuses does not run, and is forgotten")
    func refusedStart() async throws {
        try await Lab.with { lab in
            try await lab.hub.misbehave("ReportTaskStart", "error", count: -1, code: "InvalidParameterValue.Whatever")
            let id = try await lab.create("echo run >> \(lab.scratch.path)/runs")
            try await eventually("the start is reported") { try await lab.requestCount("ReportTaskStart") >= 1 }
            try await lab.waitUntilIdle()
            #expect(!lab.scratch.has("runs"))
            #expect(lab.agent.tombstones.isEmpty)
            #expect(try await lab.hub.task(id)["state"]?.string == "pending")
            // Described anew it is as new.
            try await lab.hub.behave()
            try await lab.hub.request("POST", "/hub/tasks/\(id)/kick")
            try await lab.outcome(of: id).expectSuccess("")
            #expect(lab.scratch.lines("runs") == ["run"])
        }
    }
}
