import Agent
import CShims
import Foundation
import Testing

@Suite("The agent's command line")
struct CommandLineTests {
    @Test("version and help")
    func information() async throws {
        try await Lab.stopped { lab in
            let parts = try lab.agent.run(["--version", "--verbose"])
            #expect(parts.status == 0)
            #expect(parts.text.hasPrefix("tat_agent \(agentVersion)\n"))
            for word in ["OpenSSL", "libcurl", "Swift runtime", "GNU C library"] { #expect(parts.text.contains(word)) }
            for argument in ["--version", "-V"] {
                let answer = try lab.agent.run([argument])
                #expect(answer.status == 0)
                #expect(answer.text == "tat_agent \(agentVersion)\n")
            }
            for argument in ["--help", "-h"] {
                let answer = try lab.agent.run([argument])
                #expect(answer.status == 0)
                for word in ["usage:", "--no-daemon", "--console-log", "register REGION ID VALUE"] {
                    #expect(answer.text.contains(word))
                }
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: lab.agent.home) == ["config.dat"])
        }
    }

    @Test(
        "what is not understood",
        arguments: [
            ["--bogus"], ["-n", "more"], ["-x"], ["register"], ["register", "region", "id"],
            ["register", "", "id", "value"], ["register", "a", "b", "c", "d"], ["supervise", "relative"],
            ["supervise", "/a", "/b"],
        ]
    )
    func nonsense(arguments: [String]) async throws {
        try await Lab.stopped { lab in
            let answer = try lab.agent.run(arguments)
            #expect(answer.status == 2)
            #expect(answer.text.contains("usage:"))
        }
    }

    @Test("a supervisor without a task ends")
    func noTask() async throws {
        try await Lab.stopped { lab in
            let withoutTask = try lab.agent.run(["supervise", "/nonexistent"])
            #expect(withoutTask.status == 1)
            let withoutAgent = try lab.agent.run(["supervise"])
            #expect(withoutAgent.status == 2)
        }
    }

    @Test("the log on the terminal")
    func console() async throws {
        try await Lab.stopped { lab in
            let process = try lab.agent.spawn(["-n", "-c"])
            defer { process.end() }
            try await eventually("it is connected") { lab.agent.terminal.contains("INFO notify channel: connected\n") }
            #expect(access(lab.agent.logPath, F_OK) != 0)
        }
    }

    @Test("registering: config.dat is written for the agent alone, and from then on requests are signed")
    func register() async throws {
        try await Lab.stopped { lab in
            try await lab.hub.misbehave("RegisterInstance", "error", code: "InvalidParameterValue.Code")
            let before = lab.agent.folder.text("home/config.dat")
            let refused = try lab.agent.run(["register", "ap-test", "code-1", "value-1"])
            #expect(refused.status == 1)
            #expect(refused.text.contains("InvalidParameterValue.Code"))
            #expect(lab.agent.folder.text("home/config.dat") == before)

            chmod(lab.agent.home + "/config.dat", 0o644)
            let answer = try lab.agent.run(["register", "ap-test", "code-1", "value-1"])
            #expect(answer.status == 0, "\(answer.text)")
            #expect(try mode(lab.agent.home + "/config.dat") == 0o600)
            let config = try JSON.parse(Array(lab.agent.folder.text("home/config.dat").utf8))
            #expect(config["url"]?["invoke_url"]?.string == lab.hub.url)
            #expect(config["url"]?["ws_url"]?.string == lab.hub.wsURL)
            #expect(config["register"]?["region"]?.string == "ap-test")
            #expect(config["register"]?["register_code"]?.string == "code-1")
            #expect(config["register"]?["register_value"]?.string == "value-1")
            let key = config["register"]?["private_key"]?.string ?? ""
            #expect(key.hasPrefix("-----BEGIN RSA PRIVATE KEY-----"))
            let instance = config["register"]?["instance_id"]?.string ?? ""
            let known = try await lab.hub.request("GET", "/hub/registrations")["registrations"]
            #expect(known?[instance]?["PublicKey"]?.string?.hasPrefix("-----BEGIN RSA PUBLIC KEY-----") == true)

            try await lab.agent.start()
            let agent = try await lab.hub.waitForAgent(instance)
            #expect(agent["signed"]?.bool == true)
            #expect(agent["registered"]?.bool == true)
            try await lab.expectAlive()
            let headers = agent["headers"]?.object?.members ?? []
            let signature = headers.first { $0.0.lowercased() == "signature" }?.1.string ?? ""
            let bytes = try Base64.decode(signature)
            #expect(bytes.count == 256)
            for secret in [signature, String(key.prefix(100)), "value-1"] { #expect(!lab.agent.log.contains(secret)) }
        }
    }
}

/// The permission bits of a file.
private func mode(_ path: String) throws -> mode_t {
    var status = stat()
    guard stat(path, &status) == 0 else { throw TestFailure("\(path) is not there") }
    return status.st_mode & 0o7777
}

@Suite("The agent's process")
struct ProcessTests {
    @Test("a second agent says that there is a first one")
    func second() async throws {
        try await Lab.with { lab in
            for arguments in [["-n"], []] {
                let answer = try lab.agent.run(arguments)
                #expect(answer.status == 1)
                let (pid, file) = (lab.agent.pid, lab.agent.pidFile)
                let expected = "another tat_agent is running on this machine (process \(pid), it holds \(file))"
                #expect(answer.text == "tat_agent: \(expected)\n")
            }
            #expect(try String(contentsOfFile: lab.agent.pidFile, encoding: .utf8) == "\(lab.agent.pid)\n")
            try await lab.expectAlive()
        }
    }

    @Test("as a daemon: the terminal has it back when the agent is ready")
    func daemon() async throws {
        try await Lab.stopped { lab in
            let answer = try lab.agent.run([])
            #expect(answer.status == 0)
            #expect(answer.text == "")
            let text = try String(contentsOfFile: lab.agent.pidFile, encoding: .utf8)
            let pid = try #require(pid_t(text.dropLast()))
            #expect(lab.agent.processes().contains(pid))
            for number in 0...2 {
                let target = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(number)")
                #expect(target == "/dev/null")
            }
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd") == "/")
            #expect(getsid(pid) == pid)
            let agent = try await lab.hub.waitForAgent()
            #expect(agent["pid"]?.string == "\(pid)")
            try await lab.expectAlive()
            #expect(try lab.agent.run([]).status == 1)
            CShims.kill(pid, SIGTERM)
            try await eventually("the daemon ends") { !isAlive(pid) }
            #expect(lab.agent.log.contains("INFO stopping, "))
            // And another one can begin.
            #expect(try lab.agent.run([]).status == 0)
        }
    }

    @Test("a daemon that cannot start says why on the terminal", arguments: [[], ["-n"]])
    func startFailure(arguments: [String]) async throws {
        try await Lab.stopped(environment: ["TAT_AGENT_HOME": "/dev/null/home"]) { lab in
            let answer = try lab.agent.run(arguments)
            #expect(answer.status == 1)
            #expect(answer.text == "tat_agent: open /dev/null/home/tat_agent.pid: Not a directory\n")
        }
        try await Lab.stopped { lab in
            try lab.agent.folder.write("home/state", "a file in the way")
            let answer = try lab.agent.run(arguments)
            #expect(answer.status == 1)
            #expect(answer.text.hasPrefix("tat_agent: "))
            #expect(answer.text.contains(lab.agent.state))
            #expect(lab.agent.log.contains("ERROR the agent cannot start: "))
            try await eventually("no process is left") { lab.agent.processes().isEmpty }
        }
    }

    @Test("signals: SIGTERM and SIGINT end it well, SIGHUP and SIGPIPE do nothing", arguments: [SIGTERM, SIGINT])
    func signals(number: Int32) async throws {
        try await Lab.with { lab in
            for harmless in [SIGHUP, SIGPIPE] { CShims.kill(lab.agent.pid, harmless) }
            try await lab.expectAlive()
            #expect(try lab.agent.kill(number) == 0)
            #expect(lab.agent.terminal == "")
        }
    }

    @Test("the service manager is told when the agent is ready", arguments: [false, true])
    func readiness(isAbstract: Bool) async throws {
        let folder = try TestFolder()
        let name = isAbstract ? "@agent-test-\(UUID().uuidString)" : folder.path + "/notify"
        let socket = try DatagramSocket(name)
        try await Lab.with(environment: ["NOTIFY_SOCKET": name]) { lab in
            try await eventually("the agent is ready") { socket.next() == "READY=1" }
            try await lab.hub.request("POST", "/hub/notify", body: ["json": ["Type": "ForceRestart"]])
            try await eventually("the agent restarts") { socket.next()?.contains("RELOADING=1") == true }
            try await eventually("the agent is ready again") { socket.next() == "READY=1" }
            try await lab.agent.waitUntilConnected()
        }
    }

    @Test("files are for the agent's user alone, but for what task users pass through")
    func modes() async throws {
        try await Lab.with { lab in
            try await lab.expectAlive()
            try await lab.waitUntilIdle()
            let home = lab.agent.home
            let expected: [String: mode_t] = [
                "log": 0o700, "log/tat_agent.log": 0o600, "state": 0o711, "state/tasks": 0o711, "state/done": 0o700,
            ]
            for (name, mode) in expected { #expect(try EndToEndTests.mode(home + "/" + name) == mode, "\(name)") }
            #expect(try mode(lab.agent.pidFile) & 0o022 == 0)
            for name in lab.agent.tombstones { #expect(try mode("\(lab.agent.state)/done/\(name)") & 0o077 == 0) }
        }
    }

    @Test("no script, no output and no reply is in the log or on a command line", arguments: [false, true])
    func secrets(debug: Bool) async throws {
        try await Lab.with(environment: debug ? ["TAT_AGENT_DEBUG": "1"] : [:]) { lab in
            let script = """
                # s3cr3t
                echo s3cr3t-$((6 * 7)); echo s3cr3t >&2
                until [ -e \(lab.scratch.path)/go ]; do sleep 0.02; done
                """
            let id = try await lab.create(script)
            try await lab.hub.waitForTask(id) { $0["outputSize"]?.int64 ?? 0 > 0 }
            for pid in lab.agent.processes() {
                let words = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
                #expect(!String(decoding: words, as: UTF8.self).contains("s3cr3t"))
            }
            try lab.scratch.write("go")
            try await lab.outcome(of: id).expectSuccess("s3cr3t-42\ns3cr3t\n")
            for action in ["ReportTaskStart", "UploadTaskLog", "ReportTaskFinish", "DescribeTasks"] {
                for how in ["status500", "malformed"] {
                    try await lab.hub.misbehave(action, how)
                    try await lab.run("echo s3cr3t-42").expectSuccess("s3cr3t-42\n")
                }
            }
            try await lab.hub.misbehave("UploadTaskLog", "error", code: "InvalidParameterValue.Whatever")
            _ = try await lab.create("echo s3cr3t-42; sleep 60", timeout: 1)
            try await eventually("it is over") { lab.agent.log.contains("TIMEOUT, exit code -1") }
            _ = try await lab.run("", fields: ["Command": "s3cr3t!"])
            let encoded = Base64.encode(Array("echo s3cr3t-42".utf8))
            _ = try await lab.run("", fields: ["Command": .string(encoded), "CommandType": "POWERSHELL"])
            #expect(lab.agent.log.contains(" DEBUG ") == debug)
            #expect(lab.agent.log.contains("not delivered"))
            let log = lab.agent.log
            for text in ["s3cr3t", encoded, Base64.encode(Array(script.utf8))] {
                #expect(!log.contains(text.prefix(12)), "\(log)")
            }
            #expect(lab.agent.terminal == "")
        }
    }

    @Test(
        "a config.dat that cannot be used: a warning, and the agent runs without it",
        arguments: [
            nil, "", "{", "[]", "\"x\"", "\u{0}\u{1}", #"{"url": {"invoke_url": "ftp://x"}}"#,
            #"{"url": {"ws_url": 5}}"#, #"{"register": {"region": "x"}}"#, #"{"register": 5}"#,
            #"{"url": {"invoke_url": "http://127.0.0.1:1""#,
        ]
    )
    func brokenConfig(text: String?) async throws {
        // Without a configuration, the addresses of a mock service hold, whose names no proxy resolves.
        try await Lab.stopped(environment: ["MOCK_ENABLE": "1"]) { lab in
            if let text {
                try lab.agent.writeConfig(text)
            } else {
                try FileManager.default.removeItem(atPath: lab.agent.home + "/config.dat")
            }
            try lab.agent.launch()
            try await eventually("it tries to connect") { lab.agent.log.contains("WARN notify channel: ") }
            #expect(lab.agent.log.contains("WARN running without \(lab.agent.home)/config.dat: "))
            #expect(lab.agent.isRunning)
            #expect(try lab.agent.kill(SIGTERM) == 0)
        }
    }

    @Test("an idle agent has at most two threads, no child, no uncollected process, and no file of its tasks")
    func idle() async throws {
        try await Lab.with { lab in
            func threads() throws -> Int {
                try FileManager.default.contentsOfDirectory(atPath: "/proc/\(lab.agent.pid)/task").count
            }
            try await eventually("few threads are left") { try threads() <= 2 }
            try await runMany(lab, 50)
            try await lab.waitUntilIdle()
            try await eventually("no child is left uncollected") { lab.agent.children.allSatisfy { !isZombie($0) } }
            #expect(lab.agent.tombstones.count == 50)
            try await eventually("only the agent itself is left") { lab.agent.processes() == [lab.agent.pid] }
            try await eventually("no child is left") { lab.agent.children.isEmpty }
            try await eventually("few threads are left") { try threads() <= 2 }
            let home = try FileManager.default.contentsOfDirectory(atPath: lab.agent.home)
            #expect(Set(home) == ["config.dat", "log", "state", "tat_agent.pid"])
            try await lab.expectAlive()
        }
    }

    @Test("two hundred tasks leave no descriptor open")
    func descriptors() async throws {
        try await Lab.with { lab in
            func count() throws -> Int {
                try FileManager.default.contentsOfDirectory(atPath: "/proc/\(lab.agent.pid)/fd").count
            }
            // The first tasks open what is kept: connections to the service, the way to the nursery.
            try await runMany(lab, 50)
            try await lab.waitUntilIdle()
            let before = try count()
            for _ in 0..<4 { try await runMany(lab, 50) }
            try await lab.waitUntilIdle()
            try await eventually("the descriptors are closed") { try count() <= before + 8 }
        }
    }

    private func runMany(_ lab: Lab, _ count: Int) async throws {
        let tasks: [JSON] = (0..<count).map { number in
            ["user": .string(Lab.user), "script": .string("echo \(number)")]
        }
        let answer = try await lab.hub.request("POST", "/hub/tasks", body: .array(tasks))
        for (number, id) in (answer["ids"]?.array ?? []).enumerated() {
            try await lab.outcome(of: id.string ?? "").expectSuccess("\(number)\n")
        }
    }
}

/// A Unix datagram socket with a name; one that begins with `@` is abstract.
private final class DatagramSocket {
    private let descriptor: Int32

    init(_ name: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        if name.hasPrefix("@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let size = MemoryLayout<sockaddr_un>.size - MemoryLayout.size(ofValue: address.sun_path) + bytes.count
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(size)) }
        }
        guard result == 0 else { throw TestFailure("bind: \(String(cString: strerror(shim_errno())))") }
    }

    deinit { close(descriptor) }

    /// The next message, if there is one.
    func next() -> String? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let length = recv(descriptor, &bytes, bytes.count, 0)
        return length < 0 ? nil : String(decoding: bytes.prefix(length), as: UTF8.self)
    }
}
