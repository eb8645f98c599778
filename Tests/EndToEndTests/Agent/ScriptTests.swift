import Agent
import CShims
import Foundation
import Testing

@Suite("Scripts and their output", .serialized, .lab)
struct ScriptTests {
    private func lab() throws -> Lab { try Lab.shared }

    @Test("what is written to standard output and error keeps its order")
    func order() async throws {
        let outcome = try await lab().run("for i in {1..700}; do echo o$i; echo e$i >&2; done")
        outcome.expectSuccess((1...700).map { "o\($0)\ne\($0)\n" }.joined())
        outcome.expectNoRepeats()
        #expect(outcome.dropped == 0)
    }

    @Test("exit codes", arguments: [(0, "SUCCESS"), (3, "FAILED"), (255, "FAILED")])
    func exitCodes(code: Int64, result: String) async throws {
        let outcome = try await lab().run("echo before; exit \(code)")
        #expect(outcome.result == result)
        #expect(outcome.exitCode == code)
        #expect(outcome.errorInfo == "")
        #expect(outcome.text == "before\n")
    }

    @Test("the exit code is the last command's, and a mistake does not end the script")
    func lastCommand() async throws {
        let outcome = try await lab().run("false\nnosuchcommand 2>/dev/null\necho on\n(exit 42)")
        #expect(outcome.exitCode == 42)
        #expect(outcome.text == "on\n")
    }

    @Test("a script that a signal ends has no exit code", arguments: [9, 15, 11])
    func signals(number: Int) async throws {
        let outcome = try await lab().run("ulimit -c 0; echo before; kill -\(number) $$; sleep 60")
        #expect(outcome.result == "FAILED")
        #expect(outcome.exitCode == -1)
        #expect(outcome.errorInfo.hasPrefix("the script was ended by signal \(number) ("))
        #expect(outcome.text == "before\n")
    }

    @Test("a script without output")
    func empty() async throws {
        let outcome = try await lab().run("true")
        outcome.expectSuccess("")
        outcome.expectNoRepeats()
        #expect(outcome.chunks.isEmpty)
        #expect(outcome.json["report"]?["FinalLogIndex"] == JSON.null)
    }

    @Test("output without a line feed at its end, and without any")
    func noLineFeed() async throws {
        try await lab().run("echo one; printf two").expectSuccess("one\ntwo")
        try await lab().run("printf x").expectSuccess("x")
    }

    @Test("output that is no text arrives as it is")
    func binary() async throws {
        let script = #"for i in {0..255}; do printf "\\x$(printf %x $i)"; done; printf '\xe8\xaa'"#
        let outcome = try await lab().run(script)
        #expect(outcome.output == Array(0...255) + [0xE8, 0xAA])
        let flood = try await lab().run(#"for i in {1..5000}; do printf '\xff\x80\xe8'; done"#)
        #expect(flood.output == Array(repeating: [0xFF, 0x80, 0xE8], count: 5000).flatMap { $0 })
        #expect(flood.dropped == 0)
    }

    @Test("no chunk splits a character", arguments: ["é", "語", "𝄞", "aé語𝄞"])
    func characters(text: String) async throws {
        let count = 24_000 / text.utf8.count
        let outcome = try await lab().run("printf a; for i in {1..\(count)}; do printf '\(text)'; done")
        outcome.expectSuccess("a" + String(repeating: text, count: count))
        #expect(outcome.chunks.count >= 6)
        for chunk in outcome.chunks { #expect(String(validating: chunk, as: UTF8.self) != nil) }
    }

    @Test("a character is not split by the limit either")
    func characterAtLimit() async throws {
        let outcome = try await lab().run("printf a; for i in {1..10000}; do printf 語; done")
        outcome.expectSuccess("a" + String(repeating: "語", count: 8191))
        #expect(outcome.dropped == 30_001 - 24_574)
    }

    @Test("24,576 bytes are uploaded, the others counted", arguments: [24_575, 24_576, 24_577, 1_000_000, 104_857_600])
    func limit(size: Int64) async throws {
        let outcome = try await lab().run("head -c \(size) /dev/zero | tr '\\0' x")
        outcome.expectSuccess(String(repeating: "x", count: Int(min(size, 24_576))))
        #expect(outcome.dropped == max(0, size - 24_576))
        outcome.expectNoRepeats()
    }

    @Test("the output of a script that writes on and on is uploaded while it runs")
    func slowPrinter() async throws {
        let lab = try lab()
        let name = UUID().uuidString
        let id = try await lab.create(
            "echo first; until [ -e \(lab.scratch.path)/\(name) ]; do sleep 0.02; done; echo second"
        )
        let running = try await lab.hub.waitForTask(id) { $0["output"]?.string == "first\n" }
        #expect(running["state"]?.string == "running")
        try lab.scratch.write(name)
        let outcome = try await lab.outcome(of: id)
        outcome.expectSuccess("first\nsecond\n")
        // What comes within a second goes together.
        #expect(outcome.time("firstChunk") - outcome.time("started") >= 0.99)
    }

    @Test("a full chunk does not wait for the rest")
    func fullChunk() async throws {
        let lab = try lab()
        let name = UUID().uuidString
        let id = try await lab.create(
            """
            printf '%4100s' x
            until [ -e \(lab.scratch.path)/\(name) ]; do sleep 0.02; done
            """
        )
        let running = try await lab.hub.waitForTask(id) { $0["outputSize"]?.int64 == 4100 }
        #expect(running["chunks"]?.array?.map { $0["size"]?.int64 } == [4096, 4])
        try lab.scratch.write(name)
        try await lab.outcome(of: id).expectSuccess(String(repeating: " ", count: 4099) + "x")
    }

    @Test("lines that end in CR LF")
    func carriageReturns() async throws {
        try await lab().run("echo hi\r\nprintf there\r\n").expectSuccess("hi\r\nthere\r")
        try await lab().run("#!/bin/sh\r\nprintf 'it runs'; exit 0 #\r\n").expectSuccess("it runs")
    }

    @Test("scripts are run by what their first line names")
    func interpreters() async throws {
        let lab = try lab()
        let shell = try await lab.run("#!/bin/sh -e\necho before\nfalse\necho after")
        #expect(shell.exitCode == 1)
        #expect(shell.text == "before\n")
        try await lab.run("#! /bin/cat\nas it is\n").expectSuccess("#! /bin/cat\nas it is\n")
        try await lab.run("echo ${BASH_VERSION:+bash}").expectSuccess("bash\n")
        let missing = try await lab.run("#!/no/such/program\necho no")
        #expect(missing.result == "FAILED")
        #expect(missing.exitCode == 127)
        #expect(!missing.lines.contains("no"))
    }

    @Test(
        "scripts in other languages",
        arguments: [
            ("/usr/bin/python3", "#!/usr/bin/env python3\nprint(__name__, f'{6 * 7}')", "__main__ 42\n"),
            ("/usr/bin/perl", "#!/usr/bin/perl -w\nprint join(',', map { $_ * 2 } 1..3), $^W;", "2,4,61"),
            ("/usr/bin/awk", "#!/usr/bin/awk -f\nBEGIN { print 6 * 7 }", "42\n"),
        ]
    )
    func languages(program: String, script: String, expected: String) async throws {
        guard access(program, X_OK) == 0 else { return }
        try await lab().run(script).expectSuccess(expected)
    }

    @Test("a script of 1 MB")
    func bigScript() async throws {
        let filler = String(repeating: "# " + String(repeating: "x", count: 98) + "\n", count: 10_000)
        try await lab().run(filler + "echo end").expectSuccess("end\n")
    }

    @Test("a script arrives byte by byte, NUL included")
    func bytes() async throws {
        let script = Array("#!/bin/cat\n".utf8) + (0...255).map { UInt8($0) } + [0, 0xFF]
        let outcome = try await lab().run("", fields: ["Command": .string(Base64.encode(script))])
        #expect(outcome.output == script)
        let shell = try await lab().run("echo a\necho b\0c\n")
        #expect(shell.lines.first == "a")
    }

    @Test("standard input is the null device")
    func standardInput() async throws {
        try await lab().run("readlink /proc/self/fd/0; cat; echo end").expectSuccess("/dev/null\nend\n")
    }

    @Test("a hundred tasks at once, each under its own id")
    func many() async throws {
        let lab = try lab()
        let tasks: [JSON] = (0..<100).map { number in
            [
                "id": .string("many-\(number)"), "user": .string(Lab.user),
                "script": .string("echo $TAT_INVOCATION_TASK_ID; exit \(number)"),
            ]
        }
        try await lab.hub.request("POST", "/hub/tasks", body: .array(tasks))
        for number in 0..<100 {
            let outcome = try await lab.outcome(of: "many-\(number)")
            #expect(outcome.exitCode == Int64(number))
            #expect(outcome.text == "many-\(number)\n")
            outcome.expectNoRepeats()
        }
    }

    @Test("without a time limit the default holds, and the log says so", arguments: [JSON.integer(0), nil, -5, "x"])
    func noTimeLimit(limit: JSON) async throws {
        let lab = try lab()
        let id = try await lab.create("echo hi", fields: ["TimeOut": limit])
        try await lab.outcome(of: id).expectSuccess("hi\n")
        #expect(lab.agent.log.contains("task \(id): no time limit was given, 60 s hold"))
        #expect(lab.agent.log.contains("task \(id): accepted, to run as \(Lab.user) for 60 s at the most"))
    }

    @Test("the older names of fields")
    func oldNames() async throws {
        let command = Base64.encode(Array("echo old".utf8))
        let fields: JSON.Object = ["Cmd": .string(command), "CommandType": nil, "CmdType": "shell"]
        try await lab().run("", fields: fields).expectSuccess("old\n")
        try await lab().run("echo none", fields: ["CommandType": nil, "WorkingDirectory": nil]).expectSuccess("none\n")
    }
}

@Suite("A state directory that cannot hold programs")
struct NoExecTests {
    @Test("scripts run all the same", .root)
    func noExec() async throws {
        try await Lab.stopped { lab in
            try lab.agent.mountState("noexec,nosuid,nodev,size=16m")
            try await lab.agent.start()
            let table = try String(contentsOfFile: "/proc/mounts", encoding: .utf8).split(separator: "\n")
            #expect(table.contains { $0.contains(" \(lab.agent.state) ") && $0.contains("noexec") })
            try await lab.run("echo shell").expectSuccess("shell\n")
            try await lab.run("#!/bin/sh -e\necho named").expectSuccess("named\n")
        }
    }
}
