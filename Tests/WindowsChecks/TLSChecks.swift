import Agent
import CShims
import PlatformWindows

/// Whether the system trusts the server's authority, as an argument says: `authority=trusted`.
private let isTrusted = CommandLine.arguments.contains("authority=trusted")

let tlsChecks = [
    Check("tls: a certificate of a trusted authority for the name is taken, any other is refused") {
        try TestServer.with { transport, server in
            for (name, isGood) in [("good", isTrusted), ("other", false), ("expired", false), ("self", false)] {
                let address = "localhost:\(try server.port(name))"
                let request = HTTPRequest(.get, "https://\(address)/status/200")
                let url = "wss://\(address)/ws/echo"
                if isGood {
                    try expectEqual(try await transport.send(request).text, "status 200")
                    let socket = try await transport.openWebSocket(url: url, headers: [], timeout: .seconds(20))
                    try socket.send(text: "over TLS")
                    try expectEqual(try await socket.next(), .text("over TLS"))
                    socket.close(code: 1000, reason: "")
                    continue
                }
                let error = await transportError { try await transport.send(request) }
                try expect(error?.kind == .tls, "\(name): \(String(describing: error))")
                let refusal = await transportError {
                    try await transport.openWebSocket(url: url, headers: [], timeout: .seconds(20))
                }
                try expect(refusal?.kind == .tls, "\(name): \(String(describing: refusal))")
            }
        }
    },
    Check("tls: where none is spoken") {
        try TestServer.with { transport, server in
            let request = HTTPRequest(.get, "https://localhost:\(try server.port("http"))/status/200")
            let error = await transportError { try await transport.send(request) }
            try expect(
                error.map { [.tls, .closed, .connect].contains($0.kind) } ?? false,
                "\(String(describing: error))"
            )
        }
    },
]
