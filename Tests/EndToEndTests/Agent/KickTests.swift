import Agent
import CShims
import Foundation
import Testing

@Suite("Kicks, and what the service says of tasks")
struct KickTests {
    private func kick(_ lab: Lab) async throws {
        try await lab.hub.request("POST", "/hub/notify", body: ["json": ["Type": "kick", "Data": [:]]])
    }

    /// Has the hub answer `DescribeTasks` with these entries.
    private func describe(_ lab: Lab, _ tasks: JSON, cancelled: JSON = []) async throws {
        let fields: JSON = ["InvocationNormalTaskSet": tasks, "InvocationCancelTaskSet": cancelled]
        try await lab.hub.request("POST", "/hub/answer", body: ["action": "DescribeTasks", "fields": fields])
    }

    /// Waits until the agent has asked for tasks by itself, as it does soon after each connect.
    private func waitForFirstKick(_ lab: Lab) async throws {
        try await eventually("the agent asks for tasks") { try await lab.requestCount("DescribeTasks") > 0 }
    }

    @Test("kicks during a call for tasks lead to exactly one more")
    func during() async throws {
        try await Lab.with { lab in
            try await waitForFirstKick(lab)
            try await lab.hub.misbehave("DescribeTasks", "stall")
            let id = try await lab.create("echo hi")
            try await eventually("the call is made") { try await lab.requestCount("DescribeTasks") == 2 }
            for _ in 0..<5 { try await kick(lab) }
            try await lab.outcome(of: id).expectSuccess("hi\n")
            #expect(try await lab.requestCount("DescribeTasks") == 3)
            // Were more to come, they would come before the one for another task.
            try await lab.expectAlive()
            #expect(try await lab.requestCount("DescribeTasks") == 4)
        }
    }

    @Test("tasks that are there when the agent connects are run without a kick")
    func atConnect() async throws {
        try await Lab.stopped { lab in
            let id = try await lab.create("echo hi", kick: false)
            try await lab.agent.start()
            try await lab.outcome(of: id).expectSuccess("hi\n")
        }
    }

    @Test("a task that is described again and again runs once")
    func again() async throws {
        try await Lab.with { lab in
            try await lab.hub.misbehave("ReportTaskStart", "status500", count: 3)
            let id = try await lab.create(
                "echo run >> \(lab.scratch.path)/runs; until [ -e \(lab.scratch.path)/go ]; do sleep 0.02; done",
                kick: false
            )
            let task = try await lab.hub.task(id)["task"] ?? .null
            try await describe(lab, [task, task, task])
            for count in 1...3 {
                let before = try await lab.requestCount("DescribeTasks")
                try await kick(lab)
                try await eventually("the call is made, \(count)") {
                    try await lab.requestCount("DescribeTasks") > before
                }
            }
            try await eventually("the script runs") { lab.scratch.has("runs") }
            try await kick(lab)
            try lab.scratch.write("go")
            let outcome = try await lab.outcome(of: id)
            outcome.expectSuccess("")
            outcome.expectNoRepeats()
            try await lab.waitUntilIdle()
            let starts = try await lab.requestCount("ReportTaskStart", task: id)
            // The service still describes it.
            let before = try await lab.requestCount("DescribeTasks")
            try await kick(lab)
            try await eventually("the call is made") { try await lab.requestCount("DescribeTasks") > before }
            try await lab.hub.request("POST", "/hub/answer", body: ["action": "DescribeTasks"])
            try await lab.expectAlive()
            #expect(try await lab.requestCount("ReportTaskStart", task: id) == starts)
            #expect(lab.scratch.lines("runs") == ["run"])
        }
    }

    @Test("entries that are no tasks are passed over")
    func malformedEntries() async throws {
        try await Lab.with { lab in
            let id = try await lab.create("echo good", kick: false)
            let good = try await lab.hub.task(id)["task"] ?? .null
            let bad: [JSON] = [
                nil, 5, "x", [], [:], ["InvocationTaskId": 7], ["InvocationTaskId": ""], ["InvocationTaskId": nil],
                ["invocationTaskId": "a"], true, -1.5,
            ]
            let cancelled: JSON = [nil, "x", [:], ["InvocationTaskId": [:]], ["InvocationTaskId": "unknown"]]
            try await describe(lab, .array(bad + [good] + bad), cancelled: cancelled)
            try await kick(lab)
            try await lab.outcome(of: id).expectSuccess("good\n")
            #expect(lab.agent.log.contains("DescribeTasks: 26 entries without an InvocationTaskId were passed over"))
            for tasks in [nil, "none", 5, [:], ["InvocationTaskId": "x"]] as [JSON] {
                let before = try await lab.requestCount("DescribeTasks")
                try await describe(lab, tasks, cancelled: tasks)
                try await kick(lab)
                try await eventually("the call is made") { try await lab.requestCount("DescribeTasks") > before }
            }
            try await lab.hub.request("POST", "/hub/answer", body: ["action": "DescribeTasks"])
            try await lab.expectAlive()
        }
    }

    @Test("fields of another type count as absent")
    func wrongTypes() async throws {
        try await Lab.with { lab in
            let odd: JSON.Object = [
                "TimeOut": "soon", "WorkingDirectory": [1], "CosBucketUrl": 5, "CosBucketPrefix": [:],
                "CommandType": false, "Surprise": ["deep": [[[]]]],
            ]
            try await lab.run("echo hi", fields: odd).expectSuccess("hi\n")
            try await lab.run("id -u", user: "", fields: ["Username": 0]).expectSuccess("\(geteuid())\n")
            let limits: [JSON] = [.integer(.max), .integer(.min), 1.5, 1e300, true]
            for limit in limits { try await lab.run("echo hi", fields: ["TimeOut": limit]).expectSuccess("hi\n") }
            let never = try await lab.run("echo never", fields: ["Command": ["x"]])
            never.expectStartFailure("InvalidCommand: it is empty")
        }
    }

    @Test("replies that are none are asked for again", arguments: ["huge", "malformed", "html", "half", "status503"])
    func badReplies(how: String) async throws {
        try await Lab.with { lab in
            try await waitForFirstKick(lab)
            try await lab.hub.misbehave("DescribeTasks", how)
            try await lab.expectAlive()
            #expect(try await lab.requestCount("DescribeTasks") == 3)
            #expect(lab.agent.log.contains("DescribeTasks not delivered: "))
        }
    }

    private static let ids = [
        "a/b", "../../../../tmp/escape", "..", ".", "/etc/passwd", "-rf", "~", "~root", "*", "a b", " ", "tab\there",
        "new\nline", "%2e%2e%2f", "%00", "quote'\"`$(touch never)", "C:\\x", "ünï-語-𝄞", "e\u{301}", "\u{7f}\u{1b}[31m",
        String(repeating: "i", count: 300), String(repeating: "语", count: 100), "tasks", "done", "a.new", "A", "a",
    ]

    @Test("tasks run and report under their true ids, and no id leads out of the state directory")
    func ids() async throws {
        try await Lab.with { lab in
            let before = try paths(lab.agent.folder.path)
            let tasks: [JSON] = Self.ids.map { id in
                [
                    "id": .string(id), "user": .string(Lab.user),
                    "script": .string(
                        """
                        printf %s "$TAT_INVOCATION_TASK_ID"
                        until [ -e \(lab.scratch.path)/go ]; do sleep 0.1; done
                        """
                    ),
                ]
            }
            try await lab.hub.request("POST", "/hub/tasks", body: .array(tasks))
            for id in Self.ids { try await lab.hub.waitForTask(id) { $0["outputSize"]?.int64 ?? 0 > 0 } }
            let names = lab.agent.taskNames
            #expect(names.count == Self.ids.count)
            for name in names { #expect(name.wholeMatch(of: /[A-Za-z0-9_-]+|~[0-9a-f]{32}/) != nil, "\(name)") }
            #expect(try paths(lab.agent.folder.path) == before)
            try lab.scratch.write("go")
            for id in Self.ids {
                let outcome = try await lab.outcome(of: id)
                outcome.expectSuccess()
                #expect(Array(outcome.output) == Array(id.utf8), "\(id)")
                outcome.expectNoRepeats()
            }
            try await lab.waitUntilIdle()
            #expect(lab.agent.tombstones.count == Self.ids.count)
            #expect(try paths(lab.agent.folder.path) == before)
            #expect(Set(try FileManager.default.contentsOfDirectory(atPath: lab.agent.state)) == ["tasks", "done"])
        }
    }

    /// All that is below a folder but for what is in the state directory's own directories.
    private func paths(_ folder: String) throws -> Set<String> {
        Set(try FileManager.default.subpathsOfDirectory(atPath: folder).filter { !$0.contains("/state/") })
    }
}

@Suite("The notify channel")
struct NotifyTests {
    private func send(_ lab: Lab, _ message: JSON) async throws {
        try await lab.hub.request("POST", "/hub/notify", body: message)
    }

    @Test("messages that are none are logged and do no harm")
    func garbage() async throws {
        try await Lab.with { lab in
            let forged = "2026-01-01T00:00:00.000Z ERROR forged"
            let deep = String(repeating: "[", count: 100_000)
            let texts = [
                " ", "not json", "{", "[]", "null", "5", "\"kick\"", #"{"Type":5}"#, #"{"Type":null}"#, "{}", deep,
                #"{"Type":"Bogus"}"#, #"{"Type":""}"#, #"{"Type":"KICK"}"#, #"{"Type":"kick","Data":null}"#,
                #"{"Type":"kick","Data":[{"InvocationTaskID":5}],"Seq":"x"}"#, #"{"Type":"PtyStart","Data":{}}"#,
                #"{"Type":"\ud800"}"#, #"{"Type":"x\n\#(forged)"}"#, "x\n\(forged)\n", #"{"Type":"\u0000"}"#,
                #"{"Type":"\#(String(repeating: "x", count: 1_000_000))"}"#, #"{"Type":"kick"}}"#,
            ]
            for text in texts { try await send(lab, ["text": .string(text)]) }
            let blobs: [[UInt8]] = [
                [], [0], [5, 0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0x7F], (0..<5000).map { _ in .random(in: 0...255) },
            ]
            for blob in blobs { try await send(lab, ["binary": .string(Base64.encode(blob))]) }
            try await lab.expectAlive()
            #expect(try await lab.hub.waitForAgent()["connects"]?.int64 == 1)
            let lines = lab.agent.log.split(separator: "\n")
            #expect(lines.count { $0.contains("bytes that are no message") } >= 10)
            #expect(lines.count { $0.contains("which this agent does not know") } >= 8)
            #expect(!lines.contains { $0.hasPrefix(forged) })
            for line in lines {
                #expect(line.utf8.count < 5000)
                #expect(line.wholeMatch(of: /20\d\d-\d\d-\d\dT[0-9:.]+Z (INFO|WARN|ERROR) .*/) != nil)
            }
        }
    }

    @Test("a channel that breaks is opened again after 3 to 8 seconds, and tasks that came meanwhile are run")
    func reset() async throws {
        try await Lab.with { lab in
            let clock = ContinuousClock()
            try await lab.hub.misbehave("ws", "reset")
            let broken = clock.now
            try await eventually("the break is noticed") {
                try await lab.hub.request("GET", "/hub/agents")["agents"]?.array?.first?["connected"]?.bool == false
            }
            let id = try await lab.create("echo hi", kick: false)
            try await lab.agent.waitUntilConnected()
            let pause = clock.now - broken
            #expect(pause >= .seconds(2.9))
            // Eight, and what a busy machine adds.
            #expect(pause < .seconds(15))
            #expect(try await lab.hub.waitForAgent()["connects"]?.int64 == 2)
            try await lab.outcome(of: id).expectSuccess("hi\n")
        }
    }

    @Test("a close is answered, and the channel opened again")
    func close() async throws {
        try await Lab.with { lab in
            try await send(lab, ["close": ["code": 1011, "reason": "for a test"]])
            try await eventually("the close is answered") {
                let agent = try await lab.hub.request("GET", "/hub/agents")["agents"]?.array?.first
                return agent?["lastClose"]?["reason"]?.string != nil
            }
            let end = try await lab.hub.request("GET", "/hub/agents")["agents"]?.array?.first?["lastClose"]
            #expect(end?["code"]?.int64 == 1000)
            #expect(end?["reason"]?.string == "cli_passive_close")
            #expect(lab.agent.log.contains("closed by the service, code 1011, for a test"))
            try await lab.agent.waitUntilConnected()
            try await lab.expectAlive()
        }
    }

    @Test("without a channel the agent asks for tasks on a timer")
    func refused() async throws {
        try await Lab.stopped(environment: ["TAT_AGENT_POLL_SECONDS": "1"]) { lab in
            try await lab.hub.misbehave("ws", "refuse", count: -1)
            try lab.agent.launch()
            try await eventually("the agent asks for tasks") { try await lab.requestCount("DescribeTasks") > 0 }
            let id = try await lab.create("echo hi", kick: false)
            try await lab.outcome(of: id).expectSuccess("hi\n")
            let agent = try await lab.hub.request("GET", "/hub/agents")["agents"]?.array?.first
            #expect(agent?["connects"]?.int64 == 0)
            #expect(lab.agent.log.contains("notify channel: "))
        }
    }
}
