import Testing

@testable import Agent

@Suite struct TaskIntakeTests {
    private func take(
        _ changes: JSON.Object = [:],
        users: FakeUsers = FakeUsers()
    ) async throws -> TaskIntake.Taken {
        let platform = try await onLoop {
            var platform = FakePlatform()
            platform.users = users
            return platform
        }
        return TaskIntake(platform: platform).take(.plain("task-1", changes))
    }

    private func failure(_ changes: JSON.Object, users: FakeUsers = FakeUsers()) async throws -> String? {
        let taken = try await take(changes, users: users)
        // What cannot run is not kept either.
        if taken.failure != nil { #expect(taken.record.command.isEmpty) }
        return taken.failure?.description
    }

    @Test func takesWhatIsDescribed() async throws {
        let taken = try await take([
            "Username": "worker", "TimeOut": 90, "WorkingDirectory": "/srv", "CommandType": "shell",
            "CosBucketUrl": "https://bucket.test", "CosBucketPrefix": "p/",
        ])
        #expect(taken.failure == nil)
        #expect(taken.remark == nil)
        #expect(
            taken.record
                == TaskRecord(
                    id: "task-1",
                    command: Base64.encode(Array("echo hello".utf8)),
                    commandType: "SHELL",
                    user: FakeUsers.worker,
                    workingDirectory: "/srv",
                    timeoutSeconds: 90,
                    outputLimit: 1 << 30,
                    cosBucketURL: "https://bucket.test",
                    cosBucketPrefix: "p/",
                    bootID: "boot-1"
                )
        )
    }

    @Test func theAgentsOwnUserIsTheDefault() async throws {
        #expect(try await take(["Username": ""]).record.user == FakeUsers.root)
        #expect(try await take(["Username": nil]).record.user == FakeUsers.root)
    }

    @Test func theSystemsFirstCommandTypeIsTheDefault() async throws {
        let taken = try await take(["CommandType": ""])
        #expect(taken.failure == nil)
        #expect(taken.record.commandType == "SHELL")
    }

    private static let limits: [(Int64, Int64)] = [
        (0, 60), (-1, 60), (.min, 60), (1, 1), (60, 60), (86_400, 86_400), (316_224_000, 316_224_000),
        (316_224_001, 316_224_000), (.max, 316_224_000),
    ]

    @Test(arguments: limits)
    func timeLimits(described: Int64, held: Int64) async throws {
        let taken = try await take(["TimeOut": .integer(described)])
        #expect(taken.failure == nil)
        #expect(taken.record.timeoutSeconds == held)
        #expect((taken.remark != nil) == (described <= 0))
        #expect(taken.remark?.contains("60 s") ?? true)
    }

    @Test func noTimeLimitIsTheDefaultOne() async throws {
        let taken = try await take(["TimeOut": nil])
        #expect(taken.record.timeoutSeconds == 60)
        #expect(taken.remark != nil)
    }

    // MARK: - Reasons not to start

    @Test(arguments: ["POWERSHELL", "BAT", "python", "SHELL ", "\u{0}", String(repeating: "x", count: 100_000)])
    func aCommandTypeOfAnotherSystem(type: String) async throws {
        let reason = try #require(try await failure(["CommandType": .string(type)]))
        #expect(reason.hasPrefix("InvalidCommand: command type `"))
        #expect(reason.hasSuffix("cannot run on Linux"))
        #expect(reason.utf8.count < 400)
    }

    @Test(arguments: [JSON.null, "", 5, []])
    func noCommand(command: JSON) async throws {
        #expect(try await failure(["Command": command]) == "InvalidCommand: it is empty")
    }

    @Test(arguments: ["echo hi", "a", "====", "ZWNobw", "ZWNobw==\n", "Zé==", "ZWNo-w==", "\u{0}\u{0}\u{0}\u{0}"])
    func aCommandThatIsNotBase64(command: String) async throws {
        let reason = try await failure(["Command": .string(command)])
        // Not a part of the script in it: it may be a secret.
        #expect(reason == "InvalidCommand: it is not base64")
    }

    @Test func aUserThatDoesNotExist() async throws {
        #expect(try await failure(["Username": "nobody"]) == "InvalidUser: user `nobody` not exists")
        #expect(try await failure(["Username": "../root"]) == "InvalidUser: user `../root` not exists")
    }

    @Test func aNameThatCannotBeOne() async throws {
        let names = ["a\u{0}", "root\u{0}x", String(repeating: "x", count: 4097)]
        for name in names {
            #expect(try await failure(["Username": .string(name)]) == "InvalidUser: the name cannot be one")
        }
    }

    @Test func anAccountDatabaseThatDoesNotAnswer() async throws {
        let reason = try await failure(["Username": "worker"], users: FakeUsers(failure: "LDAP is down"))
        #expect(reason == "InvalidUser: LDAP is down")
    }

    @Test func aDirectoryThatCannotBeOne() async throws {
        let reason = try await failure(["WorkingDirectory": "/tmp\u{0}/x"])
        #expect(reason == "InvalidWorkingDirectory: working_directory `/tmp\u{0}/x`: it cannot be a path")
        let long = try await failure(["WorkingDirectory": .string("/" + String(repeating: "x", count: 4096))])
        #expect(long?.hasPrefix("InvalidWorkingDirectory: ") == true)
        #expect(long?.utf8.count ?? 0 < 400)
    }

    @Test func whatDoesNotStartIsWrittenDownWithoutAnAccount() async throws {
        let taken = try await take(["Username": "nobody"])
        #expect(taken.record.user.name == "nobody")
        #expect(taken.record.user.identifier.isEmpty)
        #expect(taken.record.id == "task-1")
        #expect(TaskRecord(decoding: taken.record.encoded) == taken.record)
    }
}
