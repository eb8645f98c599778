import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

@Suite(.serialized) struct ServiceTests {
    // MARK: - In this process

    /// The loop's thread alone gets the signals, as the agent's only thread does.
    @Test(arguments: [SIGTERM, SIGINT])
    func signalsToEndArriveAsRequests(_ signal: Int32) async throws {
        let count = try await onLoop { () -> Int in
            let service = try TestService.shared
            var count = 0
            service.onRequest { request in
                if request == .stop { count += 1 }
            }
            pthread_kill(pthread_self(), signal)
            try await eventually { count > 0 }
            service.onRequest { _ in }
            return count
        }
        #expect(count == 1)
    }

    @Test func whoWaitsForTheStartIsLetGo() async throws {
        try await onLoop {
            let service = try TestService.shared
            let before = TestService.readyCount
            service.ready()
            #expect(TestService.readyCount == before + 1)
        }
    }

    @Test func aRestartThatFailsSaysWhy() async throws {
        let reason = try await onLoop { try TestService.shared.restart() }
        #expect(reason.contains("/nonexistent/tat_agent"))
        #expect(reason.contains("No such file or directory"))
    }

    @Test func theUsageIsThisProcess() async throws {
        let null = try FileDescriptor.null()
        let copies = (0..<200).map { _ in FileDescriptor(owning: shim_fcntl(null.number, F_DUPFD_CLOEXEC, 0)) }
        let usage = try #require(try await onLoop { try TestService.shared.usage })
        #expect(usage.descriptors >= 200)
        withExtendedLifetime(copies) {}
        let resident = try #require(processStatus(getpid(), "VmRSS")?.split(separator: " ").first.flatMap { Int64($0) })
        // In kB there, and counted roughly.
        #expect(abs(usage.residentMemory / 1024 - resident) < resident / 2)
    }

    // MARK: - A real agent

    /// A real agent with a home of its own, which knows of nobody but a port of this machine that nobody listens on.
    private final class RealAgent: Sendable {
        let folder: TestFolder

        init() throws {
            folder = try TestFolder()
            try folder.write(
                "{\"url\":{\"invoke_url\":\"http://127.0.0.1:1\",\"ws_url\":\"ws://127.0.0.1:1/ws\"}}",
                to: "config.dat"
            )
        }

        func start(_ arguments: [String], environment: [String] = []) throws -> ChildProcess {
            let terminal = try FileDescriptor.open(folder / "terminal", O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
            var variables = [
                "PATH=\(Environment.defaultPath)", "TAT_AGENT_HOME=\(folder.path)",
                // Whatever goes wrong, nothing leaves this machine.
                "http_proxy=http://127.0.0.1:1", "https_proxy=http://127.0.0.1:1",
            ]
            if let path = getenv("LD_LIBRARY_PATH") { variables.append("LD_LIBRARY_PATH=\(String(cString: path))") }
            let child = Child(
                path: try Executables.path("tat_agent"),
                arguments: ["tat_agent"] + arguments,
                environment: variables + environment,
                input: try .null(),
                output: terminal,
                error: terminal
            )
            return ChildProcess(try child.spawn())
        }
    }

    /// A socket that a service manager listens on.
    private func manager(_ address: UnixAddress) throws -> FileDescriptor {
        let descriptor = FileDescriptor(owning: socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor.number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard address.withSockaddr({ bind(descriptor.number, $0, $1) }) == 0 else { throw SystemError("bind") }
        return descriptor
    }

    @Test(arguments: [false, true])
    func theServiceManagerIsToldWhenTheAgentIsReady(_ isAbstract: Bool) async throws {
        let agent = try RealAgent()
        defer { agent.folder.remove() }
        let name = isAbstract ? "@plx-\(UUID().uuidString)" : agent.folder / "notify"
        let socket = try manager(#require(UnixAddress(notifySocket: name)))
        let process = try agent.start(["-n"], environment: ["NOTIFY_SOCKET=\(name)"])
        defer { process.destroy() }
        let message = try await onOwnThread { try socket.read(atMost: 4096) }
        #expect(message.map { String(decoding: $0, as: UTF8.self) } == "READY=1")
        #expect(agent.folder.text(of: "tat_agent.pid") == "\(process.pid)\n")
        #expect(mode(of: agent.folder / "log/tat_agent.log") == 0o600)
        #expect(mode(of: agent.folder / "state/tasks") == 0o711)
        #expect(mode(of: agent.folder / "state/done") == 0o700)
        process.send(SIGTERM)
        #expect(try await process.end().exitCode == 0)
        #expect(agent.folder.text(of: "log/tat_agent.log").contains("stopping"))
    }

    @Test func aServiceManagerThatIsNotThereIsNoneToWaitFor() async throws {
        let agent = try RealAgent()
        defer { agent.folder.remove() }
        let process = try agent.start(["-n"], environment: ["NOTIFY_SOCKET=\(agent.folder / "none")"])
        defer { process.destroy() }
        try await until("it runs") { agent.folder.text(of: "log/tat_agent.log").contains("tat_agent") }
        try await until("it takes the signal") { processStatus(process.pid, "SigBlk")?.hasSuffix("0") == false }
        process.send(SIGINT)
        #expect(try await process.end().exitCode == 0)
    }

    @Test func aDaemonLetsTheTerminalGoWhenItHasStartedAndASecondSaysWhyNot() async throws {
        let agent = try RealAgent()
        defer { agent.folder.remove() }
        #expect(try await agent.start([]).end().exitCode == 0)
        let pid = try #require(pid_t(agent.folder.text(of: "tat_agent.pid").trimmingSuffix("\n")))
        defer { kill(pid, SIGKILL) }
        #expect(isAlive(pid))
        #expect(getsid(pid) == pid)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd") == "/")
        for number in 0...2 {
            let target = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(number)")
            #expect(target == "/dev/null")
        }
        for arguments in [[], ["-n"]] as [[String]] {
            #expect(try await agent.start(arguments).end().exitCode == 1)
        }
        let lines = agent.folder.text(of: "terminal").split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.allSatisfy { $0.contains("another tat_agent is running") && $0.contains("process \(pid)") })
        kill(pid, SIGTERM)
        try await until("the daemon has ended") { !isAlive(pid) }
        #expect(agent.folder.text(of: "log/tat_agent.log").contains("stopping"))
    }

    @Test func aDaemonThatCannotStartSaysWhy() async throws {
        let agent = try RealAgent()
        defer { agent.folder.remove() }
        try agent.folder.write("no directory", to: "state")
        for arguments in [[], ["-n"]] as [[String]] {
            #expect(try await agent.start(arguments).end().exitCode == 1)
        }
        let lines = agent.folder.text(of: "terminal").split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.allSatisfy { $0.hasPrefix("tat_agent: ") && $0.contains(agent.folder / "state") })
    }
}
