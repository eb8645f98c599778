import Agent
import Foundation
import Testing

@testable import PlatformLinux

/// A peer that is gone without a word.
///
/// Both ends are in network namespaces of their own, which no interface and no address of the machine takes part in. A
/// test cannot enter a namespace without the others, so this one starts the test program once more in there.
@Suite("Keepalive")
struct KeepaliveTests {
    @Test(
        "silence is noticed within a minute",
        .enabled(if: Namespaces.arePossible, "needs root and iproute2, for network namespaces"),
        .disabled(if: Namespaces.inside != nil, "the silent network is being tested"),
        .timeLimit(.minutes(3))
    )
    func silence() async throws {
        // On a thread of its own, because the other tests need those that there are.
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result { try runInNamespace() }) }.start()
        }
    }

    private func runInNamespace() throws {
        let namespaces = try Namespaces()
        defer { namespaces.remove() }
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let arguments = [program, "--testing-library", "swift-testing", "--filter", "inNamespace"]
        try Namespaces.ip(
            ["netns", "exec", namespaces.client] + arguments,
            environment: [Namespaces.variable: namespaces.server, "no_proxy": "*"]
        )
    }

    @Test(
        "silence, in the network namespace of the client",
        .enabled(if: Namespaces.inside != nil, "a part of the other test"),
        .timeLimit(.minutes(2))
    )
    func inNamespace() async throws {
        let namespace = try #require(Namespaces.inside)
        let server = try TestServer(address: Namespaces.address, command: ["ip", "netns", "exec", namespace])
        defer { server.end() }
        let (trust, port) = (server.trust, server.ports.http)
        try await onLoop {
            let transport = makeTransport(trust: trust)
            let url = "ws://\(Namespaces.address):\(port)/ws/echo"
            let socket = try await transport.openWebSocket(url: url, headers: [], timeout: .seconds(20))
            try socket.send(text: "hello")
            #expect(try await socket.next() == .text("hello"))
            try Namespaces.ip(["-n", namespace, "link", "set", "peer", "down"])
            var error: TransportError?
            let time = await ContinuousClock().measure { error = await transportError { try await socket.next() } }
            print("silence noticed after \(time): \(error?.description ?? "no error")")
            #expect(error?.kind == .closed)
            #expect(time > .seconds(15))
            #expect(time < .seconds(60))
        }
    }
}

/// Two network namespaces with a link between them.
private struct Namespaces {
    static let address = "192.0.2.2"
    static let variable = "TAT_TEST_PEER_NAMESPACE"

    /// The peer's namespace, if this process runs in the client's.
    static var inside: String? { ProcessInfo.processInfo.environment[variable] }

    static var arePossible: Bool {
        getuid() == 0
            && ["/sbin/ip", "/usr/sbin/ip", "/usr/bin/ip"].contains { FileManager.default.isExecutableFile(atPath: $0) }
    }

    let client = "tat-test-\(getpid())-client"
    let server = "tat-test-\(getpid())-server"

    init() throws {
        do {
            try Self.ip(["netns", "add", client])
            try Self.ip(["netns", "add", server])
            // Foundation needs it to wait for processes.
            try Self.ip(["-n", client, "link", "set", "lo", "up"])
            try Self.ip([
                "-n", client, "link", "add", "client", "type", "veth", "peer", "name", "peer", "netns", server,
            ])
            try Self.ip(["-n", client, "addr", "add", "192.0.2.1/30", "dev", "client"])
            try Self.ip(["-n", client, "link", "set", "client", "up"])
            try Self.ip(["-n", server, "addr", "add", "\(Self.address)/30", "dev", "peer"])
            try Self.ip(["-n", server, "link", "set", "peer", "up"])
        } catch {
            remove()
            throw error
        }
    }

    /// The link goes with the namespaces.
    func remove() {
        try? Self.ip(["netns", "del", client])
        try? Self.ip(["netns", "del", server])
    }

    static func ip(_ arguments: [String], environment: [String: String] = [:]) throws {
        let code = try runCommand(["ip"] + arguments, environment: environment, within: 120)
        guard code == 0 else { throw CommandFailed(command: arguments.joined(separator: " ")) }
    }

    struct CommandFailed: Error { let command: String }
}
