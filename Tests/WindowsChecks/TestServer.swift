import Agent
import CShims
import PlatformWindows

/// The server of the transport's checks, which runs outside of Wine: Tests/PlatformLinuxTests/Fixtures/http_server.py.
/// Its ports come as an argument: `server=http:1024,good:1025,…`.
struct TestServer: Sendable {
    private let ports: [String: Int]

    static let shared = CommandLine.arguments.lazy.compactMap(TestServer.init(argument:)).first

    init?(argument: String) {
        let name = "server="
        guard argument.hasPrefix(name) else { return nil }
        var ports: [String: Int] = [:]
        for pair in argument.dropFirst(name.count).split(separator: ",") {
            let parts = pair.split(separator: ":")
            if parts.count == 2 { ports[String(parts[0])] = Int(parts[1]) }
        }
        self.ports = ports
    }

    func port(_ name: String) throws -> Int { try unwrap(ports[name], "port \(name)") }

    func http(_ path: String) throws -> String { "http://127.0.0.1:\(try port("http"))\(path)" }

    func webSocket(_ path: String) throws -> String { "ws://127.0.0.1:\(try port("http"))/ws\(path)" }

    /// What the server noted under a name.
    @LoopActor
    func log(_ name: String, by transport: WinHTTPTransport) async throws -> String {
        try await transport.send(HTTPRequest(.get, try http("/log?name=\(name)"))).text
    }

    /// Gives what is being closed the time for it: Wine ends the threads of a process wherever they are, in malloc as well.
    static func settle() {
        if shared != nil { try? LoopRun.run { _ in await sleep(for: .milliseconds(2500)) } }
    }

    /// Runs `body` on the loop with a transport.
    static func with(
        keepalive: Duration = .seconds(30),
        patience: Duration = .seconds(45),
        _ body: @escaping @LoopActor @Sendable (WinHTTPTransport, TestServer) async throws -> Void
    ) throws {
        let server = try unwrap(shared, "no server= was given")
        try LoopRun.run { poller in
            let transport = WinHTTPTransport(
                poller: poller,
                worker: WorkerThreads(),
                keepaliveInterval: keepalive,
                patience: patience
            )
            try await body(transport, server)
        }
    }
}

/// Whether this runs in Wine, as an argument says: `system=wine`. Some of what Windows can do Wine cannot.
let isWine = CommandLine.arguments.contains("system=wine")

extension HTTPResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}

/// A name that no other check uses.
func uniqueName() -> String { SystemRandom().bytes(8).map { String($0, radix: 16) }.joined() }
