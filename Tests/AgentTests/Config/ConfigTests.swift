import Testing

@testable import Agent

@Suite struct ConfigTests {
    private let disk = TemporaryDirectory()
    private let files = TestFiles()

    private var path: String { disk.path + "/config.dat" }

    private func load(_ text: String) throws -> (config: Config, warning: String?) {
        try files.replace(path, with: Array(text.utf8))
        return Config.load(path, files: files)
    }

    private static let full = """
        {"register": {"region": "mars", "register_code": "code", "register_value": "value", "machine_id": "machine",
        "private_key": "-----BEGIN…", "instance_id": "instance"},
        "url": {"invoke_url": "https://invoke.test", "ws_url": "wss://notify.test/ws"}}
        """

    private static var registration: Registration {
        Registration(
            region: "mars",
            code: "code",
            value: "value",
            machineID: "machine",
            privateKey: "-----BEGIN…",
            instanceID: "instance"
        )
    }

    @Test func readsWhatIsThere() throws {
        let (config, warning) = try load(Self.full)
        #expect(warning == nil)
        #expect(config.registration == Self.registration)
        #expect(config.invokeURL == "https://invoke.test")
        #expect(config.notifyURL == "wss://notify.test/ws")
    }

    @Test(arguments: [
        "{}", #"{"register": null, "url": null}"#, #"{"register": null}"#, #"{"url": {}}"#,
        #"{"url": {"invoke_url": null, "ws_url": null}}"#, #"{"url": {"invoke_url": "", "ws_url": ""}}"#,
        #"{"more": [1, 2, 3]}"#,
    ])
    func allOfItMayBeAbsent(text: String) throws {
        let (config, warning) = try load(text)
        #expect(warning == nil)
        #expect(config == Config())
    }

    @Test func oneAddressCanBeGivenAlone() throws {
        let invoke = try load(#"{"url": {"invoke_url": "http://127.0.0.1:1"}}"#).config
        #expect(invoke.invokeURL == "http://127.0.0.1:1")
        #expect(invoke.notifyURL == nil)
        let notify = try load(#"{"url": {"ws_url": "ws://127.0.0.1:1/ws", "invoke_url": null}}"#).config
        #expect(notify.invokeURL == nil)
        #expect(notify.notifyURL == "ws://127.0.0.1:1/ws")
    }

    @Test(arguments: [
        "", " ", "\n", "null", "[]", "1", "\"text\"", "{", "{\"register\":", "\u{0}\u{0}\u{0}\u{0}", "{} {}",
        "\u{FEFF}{}", #"{"register": 1}"#, #"{"register": "x"}"#, #"{"register": []}"#, #"{"register": {}}"#,
        #"{"url": 1}"#, #"{"url": "https://invoke.test"}"#, #"{"url": []}"#, #"{"url": {"invoke_url": 1}}"#,
        #"{"url": {"invoke_url": "ftp://x"}}"#, #"{"url": {"invoke_url": "wss://x"}}"#,
        #"{"url": {"ws_url": "https://x"}}"#, #"{"url": {"ws_url": ["wss://x"]}}"#, #"{"url": {"invoke_url": "x"}}"#,
    ])
    func whatIsBrokenIsWorthAWarning(text: String) throws {
        let (config, warning) = try load(text)
        #expect(config == Config())
        #expect(warning?.hasPrefix("running without \(path): ") == true)
    }

    @Test func aMissingFileIsWorthAWarning() {
        let (config, warning) = Config.load(disk.path + "/none", files: files)
        #expect(config == Config())
        #expect(warning?.contains(disk.path + "/none") == true)
    }

    @Test func aHugeFileIsNotRead() throws {
        let (config, warning) = try load("{\"more\": \"" + String(repeating: "x", count: 1 << 20) + "\"}")
        #expect(config == Config())
        #expect(warning != nil)
    }

    @Test func aTornFileIsWorthAWarning() throws {
        for length in 0..<Self.full.utf8.count {
            let text = String(decoding: Self.full.utf8.prefix(length), as: UTF8.self)
            let (config, warning) = try load(text)
            #expect(config == Config())
            #expect(warning != nil)
            // The file holds secrets.
            #expect(warning?.contains("BEGIN") == false)
        }
    }

    @Test(arguments: ["region", "register_code", "register_value", "machine_id", "private_key", "instance_id"])
    func aRegistrationNeedsEveryField(name: String) throws {
        var json = try #require(try JSON.parse(Self.full).object)
        for wrong in [JSON?.none, .null, .integer(1)] {
            var register = try #require(json["register"]?.object)
            register[name] = wrong
            json["register"] = .object(register)
            let (config, warning) = try load(String(decoding: JSON.object(json).encoded(), as: UTF8.self))
            #expect(config == Config())
            #expect(warning?.contains("register.\(name)") == true)
            register[name] = "back"
            json["register"] = .object(register)
        }
    }

    @Test func comesBackAsItWasSaved() throws {
        var configs = [Config(), Config(), Config(), Config()]
        configs[1].registration = Self.registration
        configs[2].invokeURL = "https://invoke.test"
        configs[3].registration = Self.registration
        configs[3].registration?.privateKey = "\"\n\u{0}é"
        configs[3].invokeURL = "http://invoke.test"
        configs[3].notifyURL = "ws://notify.test"
        for config in configs {
            try config.save(path, files: files)
            let (loaded, warning) = Config.load(path, files: files)
            #expect(loaded == config)
            #expect(warning == nil)
        }
    }

    @Test func theFileHasTheReferencesNames() throws {
        var config = Config()
        config.registration = Self.registration
        config.notifyURL = "ws://notify.test"
        try config.save(path, files: files)
        let json = try JSON.parse(try files.read(path, limit: 1 << 20))
        #expect(json.object?.members.map(\.key) == ["register", "url"])
        #expect(
            json["register"]?.object?.members.map(\.key)
                == ["region", "register_code", "register_value", "machine_id", "private_key", "instance_id"]
        )
        #expect(json["url"]?.object?.members.map(\.key) == ["invoke_url", "ws_url"])
    }

    @Test func aFullDiskIsToldOf() throws {
        try Config().save(path, files: files)
        files.failWrites(0...)
        var config = Config()
        config.invokeURL = "https://invoke.test"
        let error = #expect(throws: FileError.self) { try config.save(path, files: files) }
        #expect(error?.kind == .noSpace)
        #expect(Config.load(path, files: files).config == Config())
    }
}
