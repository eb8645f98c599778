import Testing

@testable import Agent

@Suite struct TaskDescriptionTests {
    private func description(_ text: String) throws -> TaskDescription? {
        TaskDescription(json: try JSON.parse(text))
    }

    @Test func readsEveryField() throws {
        let task = try #require(
            try description(
                """
                {"InvocationTaskId": "invt-1", "TimeOut": 90, "Command": "ZWNobw==", "CommandType": "SHELL",
                "Username": "worker", "WorkingDirectory": "/srv", "CosBucketUrl": "https://b", "CosBucketPrefix": "p"}
                """
            )
        )
        #expect(task.id == "invt-1")
        #expect(task.timeout == 90)
        #expect(task.command == "ZWNobw==")
        #expect(task.commandType == "SHELL")
        #expect(task.username == "worker")
        #expect(task.workingDirectory == "/srv")
        #expect(task.cosBucketURL == "https://b")
        #expect(task.cosBucketPrefix == "p")
    }

    @Test func readsTheOtherNames() throws {
        let task = try #require(
            try description(
                """
                {"InvocationTaskId": "i", "Cmd": "c", "CmdType": "BAT", "OutputCOSBucketUrl": "u",
                "OutputCOSKeyPrefix": "p"}
                """
            )
        )
        #expect(task.command == "c")
        #expect(task.commandType == "BAT")
        #expect(task.cosBucketURL == "u")
        #expect(task.cosBucketPrefix == "p")
        #expect(try description(#"{"InvocationTaskId": "i", "Command": null, "Cmd": "c"}"#)?.command == "c")
        #expect(try description(#"{"InvocationTaskId": "i", "Command": "a", "Cmd": "c"}"#)?.command == "a")
    }

    @Test func whatIsAbsentOrOfAnotherTypeIsZero() throws {
        let empty = try description(#"{"InvocationTaskId": "i"}"#)
        #expect(empty?.timeout == 0)
        #expect(empty?.command == "" && empty?.commandType == "" && empty?.username == "")
        #expect(empty?.workingDirectory == "" && empty?.cosBucketURL == "" && empty?.cosBucketPrefix == "")
        let odd = try description(
            """
            {"InvocationTaskId": "i", "TimeOut": "90", "Command": 1, "CommandType": [], "Username": {},
            "WorkingDirectory": null, "CosBucketUrl": false, "CosBucketPrefix": 1.5, "More": {"Command": "x"}}
            """
        )
        #expect(odd == empty)
    }

    private static let limits: [(String, Int64)] = [
        ("90.0", 90), ("1e2", 100), ("90.5", 0), ("-5", -5), ("1e300", 0), ("18446744073709551615", 0),
        ("9223372036854775807", Int64.max), ("null", 0), ("true", 0),
    ]

    @Test(arguments: limits)
    func timeLimits(text: String, expected: Int64) throws {
        #expect(try description(#"{"InvocationTaskId": "i", "TimeOut": \#(text)}"#)?.timeout == expected)
    }

    @Test(arguments: [
        "{}", "[]", "null", "1", "\"i\"", #"{"InvocationTaskId": ""}"#, #"{"InvocationTaskId": null}"#,
        #"{"InvocationTaskId": 5}"#, #"{"InvocationTaskId": ["i"]}"#, #"{"invocationtaskid": "i"}"#,
    ])
    func withoutAnIDItIsNone(text: String) throws {
        #expect(try description(text) == nil)
    }

    @Test func theLastOfTwoFieldsCounts() throws {
        let task = try description(#"{"InvocationTaskId": "a", "InvocationTaskId": "b"}"#)
        #expect(task?.id == "b")
    }
}

@Suite struct DescribedTasksTests {
    private func described(_ text: String) throws -> DescribedTasks {
        DescribedTasks(response: try JSON.parse(text))
    }

    @Test func readsTasksAndCancelsInOrder() throws {
        let reply = try described(
            """
            {"RequestId": "r", "InvocationNormalTaskSet": [{"InvocationTaskId": "b"}, {"InvocationTaskId": "a"}],
            "InvocationCancelTaskSet": [{"InvocationTaskId": "d"}, {"InvocationTaskId": "c"}]}
            """
        )
        #expect(reply.tasks.map(\.id) == ["b", "a"])
        #expect(reply.cancelled == ["d", "c"])
        #expect(reply.malformed == 0)
    }

    @Test(arguments: [
        "{}", "[]", "null", #"{"InvocationNormalTaskSet": null, "InvocationCancelTaskSet": null}"#,
        #"{"InvocationNormalTaskSet": {}, "InvocationCancelTaskSet": "x"}"#, #"{"InvocationNormalTaskSet": []}"#,
    ])
    func nothingIsNothing(text: String) throws {
        let reply = try described(text)
        #expect(reply.tasks.isEmpty && reply.cancelled.isEmpty && reply.malformed == 0)
    }

    @Test func malformedEntriesDoNotHideTheOthers() throws {
        let reply = try described(
            """
            {"InvocationNormalTaskSet": [null, {"InvocationTaskId": "a"}, 1, "x", [], {}, {"InvocationTaskId": ""},
            {"InvocationTaskId": "b"}],
            "InvocationCancelTaskSet": ["x", {"InvocationTaskId": 5}, {"InvocationTaskId": ""}, null,
            {"InvocationTaskId": "c"}]}
            """
        )
        #expect(reply.tasks.map(\.id) == ["a", "b"])
        #expect(reply.cancelled == ["c"])
        #expect(reply.malformed == 10)
    }
}

@Suite struct NotifyMessageTests {
    @Test(arguments: [
        (#"{"Type": "kick"}"#, NotifyMessage.kick(taskID: nil)),
        (#"{"Type": "kick", "Seq": 3, "Data": {"InvocationTaskID": "i"}}"#, .kick(taskID: "i")),
        (#"{"Type": "kick", "Data": null}"#, .kick(taskID: nil)),
        (#"{"Type": "kick", "Data": [1]}"#, .kick(taskID: nil)),
        (#"{"Type": "kick", "Data": {"InvocationTaskID": 5}}"#, .kick(taskID: nil)),
        (#"{"Type": "CheckUpdate", "Data": {}}"#, .checkUpdate),
        (#"{"Type": "ForceRestart"}"#, .forceRestart),
        (#"{"Type": "KICK"}"#, .unknown(type: "KICK")),
        (#"{"Type": ""}"#, .unknown(type: "")),
        (#"{"Type": "PtyStart", "Data": {}}"#, .unknown(type: "PtyStart")),
        (#"{"Type": "kick\u0000"}"#, .unknown(type: "kick\u{0}")),
    ])
    func readsMessages(text: String, expected: NotifyMessage) {
        #expect(NotifyMessage(text: text) == expected)
    }

    @Test(arguments: [
        "", " ", "kick", "null", "[]", "{}", "{", #"{"Type": null}"#, #"{"Type": 1}"#, #"{"Type": ["kick"]}"#,
        #"{"type": "kick"}"#, #"["Type", "kick"]"#, #"{"Type": "kick"} x"#, #"{"Type": "\ud800"}"#, "\u{FEFF}{}",
    ])
    func whatIsNoMessageIsNone(text: String) {
        #expect(NotifyMessage(text: text) == nil)
    }

    @Test func hostileSizesAreNoTrap() {
        #expect(NotifyMessage(text: String(repeating: "[", count: 1_000_000)) == nil)
        #expect(NotifyMessage(text: String(repeating: #"{"Type":"#, count: 100_000)) == nil)
        let long = String(repeating: "x", count: 1_000_000)
        #expect(NotifyMessage(text: "{\"Type\": \"\(long)\"}") == .unknown(type: long))
    }
}
