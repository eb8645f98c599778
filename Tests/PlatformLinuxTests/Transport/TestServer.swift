import Agent
import Foundation

@testable import PlatformLinux

/// The server of the transport's tests, a process of its own that ends with this one at the latest.
final class TestServer: Sendable {
    /// The one that most tests share.
    static let shared = Result { try TestServer() }

    struct Ports: Decodable {
        let http: Int
        let good: Int
        let other: Int
        let expired: Int
        let `self`: Int
        let proxy: Int
        let ipv6: Int
        let nobody: Int
    }

    private struct Greeting: Decodable {
        let ports: Ports
        let authority: String
    }

    let ports: Ports
    let trust: TrustStore
    private let process: Process
    private let input = Pipe()
    private let ended = DispatchSemaphore(value: 0)

    /// Starts a server on an address, by a command that ends with the script if need be.
    init(address: String = "127.0.0.1", command: [String] = []) throws {
        let script = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/http_server.py")
        let output = Pipe()
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command + ["python3", script.path, address]
        process.standardInput = input
        process.standardOutput = output
        process.terminationHandler = { [ended] _ in ended.signal() }
        try process.run()
        var line = Data()
        while !line.contains(10) {
            let chunk = output.fileHandleForReading.availableData
            if chunk.isEmpty { break }
            line += chunk
        }
        let greeting = try JSONDecoder().decode(Greeting.self, from: line)
        ports = greeting.ports
        trust = TrustStore(file: greeting.authority, directory: nil)
    }

    /// Ends the server.
    func end() {
        // It ends with its input, and only then removes its certificates.
        try? input.fileHandleForWriting.close()
        if ended.wait(timeout: .now() + 10) == .timedOut { process.terminate() }
    }

    func http(_ path: String) -> String { "http://127.0.0.1:\(ports.http)\(path)" }

    func webSocket(_ path: String) -> String { "ws://127.0.0.1:\(ports.http)/ws\(path)" }

    func secureWebSocket(_ path: String) -> String { "wss://localhost:\(ports.good)/ws\(path)" }

    /// What the server noted under a name.
    @LoopActor
    func log(_ name: String, by transport: CurlTransport) async throws -> String {
        try await transport.send(HTTPRequest(.get, http("/log?name=\(name)"))).text
    }
}

extension HTTPResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}

/// Runs `body` on the loop with a transport that trusts the shared server's authority.
func withTransport<T: Sendable>(
    _ body: @escaping @LoopActor @Sendable (CurlTransport, TestServer) async throws -> T
) async throws -> T {
    let server = try TestServer.shared.get()
    prepareEnvironment
    return try await onLoop { try await body(makeTransport(trust: server.trust), server) }
}

func makeTransport(trust: TrustStore, connectionAge: Duration = .seconds(60)) -> CurlTransport {
    CurlTransport(
        poller: testPoller,
        worker: WorkerThreads(),
        crypto: OpenSSLCrypto(),
        random: SystemRandom(),
        trust: trust,
        connectionAge: connectionAge
    )
}

/// The proxy of the environment is the server's, for all but the addresses that the other tests use. Set once: the
/// environment belongs to the process, and tests run at the same time.
private let prepareEnvironment: Void = {
    guard let server = try? TestServer.shared.get() else { return }
    setenv("http_proxy", "http://127.0.0.1:\(server.ports.proxy)", 1)
    setenv("https_proxy", "http://127.0.0.1:\(server.ports.proxy)", 1)
    setenv("no_proxy", "127.0.0.1,localhost,::1,.invalid", 1)
}()

/// The error that `body` throws; `nil` if it does not.
@LoopActor
func transportError<T: Sendable>(_ body: @LoopActor () async throws -> T) async -> TransportError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? TransportError ?? TransportError(.other, "another error: \(error)")
    }
}
