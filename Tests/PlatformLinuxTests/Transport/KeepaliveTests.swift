import Agent
import Foundation
import Testing

@testable import PlatformLinux

/// A peer that is gone without a word: its network is taken away, in a network namespace.
@Suite("Keepalive", .serialized, .enabled(if: Namespace.isPossible, "needs root and iproute2, for network namespaces"))
struct KeepaliveTests {
    @Test("silence is noticed within a minute", .timeLimit(.minutes(3)))
    func silence() async throws {
        let namespace = try Namespace()
        defer { namespace.remove() }
        let server = try TestServer(address: Namespace.peer, command: ["ip", "netns", "exec", namespace.name])
        defer { server.end() }
        try await withTransport { _, _ in
            let transport = makeTransport(trust: server.trust)
            let url = "ws://\(Namespace.peer):\(server.ports.http)/ws/echo"
            let socket = try await transport.openWebSocket(url: url, headers: [], timeout: .seconds(20))
            try socket.send(text: "hello")
            #expect(try await socket.next() == .text("hello"))
            try namespace.run("netns", "exec", namespace.name, "ip", "link", "set", namespace.inside, "down")
            let clock = ContinuousClock()
            var error: TransportError?
            let time = await clock.measure { error = await transportError { try await socket.next() } }
            #expect(error?.kind == .closed)
            #expect(time > .seconds(15))
            #expect(time < .seconds(60))
        }
    }
}

/// A network namespace with one link to ours. The addresses are those that documentation may use, on this link only.
private struct Namespace: Sendable {
    static let peer = "192.0.2.2"

    static var isPossible: Bool {
        getuid() == 0 && ["/sbin/ip", "/usr/sbin/ip", "/usr/bin/ip"].contains { FileManager.default.isExecutableFile(atPath: $0) }
    }

    let name = "tat-test-\(getpid())"
    /// Names of interfaces have 15 characters at most.
    let outside = "tatt\(getpid())o"
    let inside = "tatt\(getpid())i"

    init() throws {
        try run("netns", "add", name)
        do {
            try run("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", name)
            try run("addr", "add", "192.0.2.1/30", "dev", outside)
            try run("link", "set", outside, "up")
            try run("-n", name, "addr", "add", "\(Self.peer)/30", "dev", inside)
            try run("-n", name, "link", "set", inside, "up")
        } catch {
            remove()
            throw error
        }
    }

    /// The link goes with the namespace.
    func remove() {
        try? run("link", "del", outside)
        try? run("netns", "del", name)
    }

    func run(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["ip"] + arguments
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CommandFailed(command: arguments.joined(separator: " ")) }
    }

    struct CommandFailed: Error { let command: String }
}
