import Testing

@testable import Agent

@Suite struct TaskRecordTests {
    private static let full = TaskRecord(
        id: "invt-\u{0}/../é\"\n",
        command: "ZWNobw==",
        commandType: "SHELL",
        user: User(name: "wörker", identifier: "7", groups: ["7", "8"], home: "/home/w", shell: "/bin/bash"),
        workingDirectory: "/tmp/a b",
        timeoutSeconds: 1 << 40,
        outputLimit: 24_576,
        cosBucketURL: "https://bucket.test",
        cosBucketPrefix: "a/b",
        bootID: "boot",
        place: 1 << 40
    )

    @Test(arguments: [full, .plain("task-1")])
    func comesBackAsItWas(record: TaskRecord) {
        #expect(TaskRecord(decoding: record.encoded) == record)
    }

    @Test func isNotReadFromAPartOfIt() {
        let bytes = Self.full.encoded
        for length in 0..<bytes.count { #expect(TaskRecord(decoding: Array(bytes.prefix(length))) == nil) }
        #expect(TaskRecord(decoding: bytes + bytes) == nil)
    }

    @Test func needsEveryFieldButThePlace() throws {
        let json = try JSON.parse(Self.full.encoded)
        let members = try #require(json.object?.members.filter { $0.0 != "place" })
        #expect(members.count == 10)
        for (name, _) in members {
            for wrong in [JSON?.none, .null, .bool(true)] {
                var changed = try #require(json.object)
                changed[name] = wrong
                #expect(TaskRecord(decoding: JSON.object(changed).encoded()) == nil, "\(name)")
            }
        }
    }

    /// Earlier versions wrote none.
    @Test func withoutAPlaceItIsTheFirst() throws {
        var record = try #require(JSON.parse(Self.full.encoded).object)
        record["place"] = nil
        #expect(TaskRecord(decoding: JSON.object(record).encoded())?.place == 0)
    }

    @Test func needsEveryFieldOfTheUser() throws {
        let json = try JSON.parse(Self.full.encoded)
        let user = try #require(json["user"]?.object)
        for (name, _) in user.members {
            var changed = user
            changed[name] = 1
            var record = try #require(json.object)
            record["user"] = .object(changed)
            #expect(TaskRecord(decoding: JSON.object(record).encoded()) == nil, "\(name)")
        }
    }

    @Test(arguments: ["", "null", "[]", "{}", "\"task\"", "{\"id\": 1}", "\u{0}\u{0}\u{0}", "{\"id\":"])
    func isNotReadFromWhatIsNone(text: String) {
        #expect(TaskRecord(decoding: Array(text.utf8)) == nil)
    }

    @Test func hasRoomForTheLargestDescription() {
        var record = TaskRecord.plain("task-1")
        record.command = ""
        let rest = record.encoded.count
        // What is base64 is written as it is, so a record is as large as its command and little more.
        record.command = String(repeating: "ab+/", count: 16_384)
        #expect(record.encoded.count == rest + 65_536)
        #expect(TaskRecord(decoding: record.encoded) == record)
        #expect(HTTPRequest(.post, "").responseLimit + (1 << 20) < TaskRecord.sizeLimit)
    }
}
