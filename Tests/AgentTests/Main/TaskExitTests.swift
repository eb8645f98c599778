import Testing

@testable import Agent

@Suite struct TaskExitTests {
    private static let exits: [TaskExit] = [
        TaskExit(.success, exitCode: 0, finishedAt: 1_700_000_000, outputBytes: 5),
        TaskExit(.failed, exitCode: 255, errorInfo: "\"é\n\u{0}", finishedAt: -1, outputBytes: .max),
        TaskExit(.timeout, finishedAt: .max),
        TaskExit(.terminated, finishedAt: .min),
        TaskExit(.userNotFound("nobody"), finishedAt: 7),
    ]

    @Test(arguments: exits)
    func comesBackAsItWas(exit: TaskExit) {
        #expect(TaskExit(decoding: exit.encoded) == exit)
    }

    @Test func isNotReadFromAPartOfIt() {
        let bytes = Self.exits[1].encoded
        for length in 0..<bytes.count { #expect(TaskExit(decoding: Array(bytes.prefix(length))) == nil) }
    }

    @Test func needsEveryField() throws {
        let json = try JSON.parse(Self.exits[0].encoded)
        let members = try #require(json.object?.members)
        #expect(members.count == 5)
        for (name, _) in members {
            for wrong in [JSON?.none, .null, .array([]), .string("?"), .double(0.5)] {
                if name == "errorInfo", wrong?.string != nil { continue }
                var changed = try #require(json.object)
                changed[name] = wrong
                #expect(TaskExit(decoding: JSON.object(changed).encoded()) == nil, "\(name)")
            }
        }
    }

    @Test func isNotReadFromWhatCannotBe() throws {
        var json = try #require(try JSON.parse(Self.exits[0].encoded).object)
        json["outputBytes"] = -1
        #expect(TaskExit(decoding: JSON.object(json).encoded()) == nil)
        json["outputBytes"] = .unsigned(.max)
        #expect(TaskExit(decoding: JSON.object(json).encoded()) == nil)
        json["outputBytes"] = 1
        #expect(TaskExit(decoding: JSON.object(json).encoded()) != nil)
        json["result"] = "success"
        #expect(TaskExit(decoding: JSON.object(json).encoded()) == nil)
        #expect(TaskExit(decoding: []) == nil)
        #expect(TaskExit(decoding: Array("[1]".utf8)) == nil)
        json["result"] = "SUCCESS"
        json["padding"] = .string(String(repeating: " ", count: TaskExit.sizeLimit))
        #expect(TaskExit(decoding: JSON.object(json).encoded()) == nil)
    }

    @Test func speaksTheServicesWords() {
        let results: [TaskResult] = [.success, .failed, .timeout, .terminated, .startFailed]
        #expect(results.map(\.rawValue) == ["SUCCESS", "FAILED", "TIMEOUT", "TERMINATED", "START_FAILED"])
        let failures: [(StartFailure, String)] = [
            (.invalidCommand("why"), "InvalidCommand: why"),
            (.invalidUser("why"), "InvalidUser: why"),
            (.userNotFound("x"), "InvalidUser: user `x` not exists"),
            (.workingDirectoryNotFound("d"), "InvalidWorkingDirectory: working_directory `d` not exists"),
            (
                .invalidWorkingDirectory("d", reason: "why"),
                "InvalidWorkingDirectory: working_directory `d`: why"
            ),
            (.scriptStoreFailed("why"), "ScriptStoreFailed: why"),
            (.outputFileCreateFailed("why"), "OutputFileCreateFailed: why"),
            (.spawnFailed("why"), "TaskSpawnFailed: why"),
        ]
        for (failure, words) in failures {
            let exit = TaskExit(failure, finishedAt: 9)
            #expect(exit == TaskExit(.startFailed, exitCode: -1, errorInfo: words, finishedAt: 9, outputBytes: 0))
        }
    }
}
