import Agent
import CShims
import PlatformWindows

/// Runs `body` on the loop with a transport and the path of a file that is not there.
private func withPath(
    _ body: @escaping @LoopActor @Sendable (WinHTTPTransport, TestServer, String) async throws -> Void
) throws {
    let folder = try unwrap(WindowsMachine().environment("SystemRoot")) + "/Temp/tat-transfer-\(uniqueName())"
    let files = WindowsFiles()
    try files.makeDirectory(folder, access: .owner)
    defer { try? files.remove(folder) }
    try TestServer.with { try await body($0, $1, folder + "/file") }
}

let transferChecks = [
    Check("download: it is in its file, which replaces another") {
        try withPath { transport, server, path in
            let files = WindowsFiles()
            try files.publish(path, Array("old".utf8))
            var request = HTTPRequest(.get, try server.http("/chunks/\(20 << 20)"))
            request.responseLimit = 20 << 20
            request.timeout = .seconds(60)
            let response = try await transport.download(request, to: path)
            try expectEqual(response.status, 200)
            try expectEqual(response.body, [])
            try expectEqual(try files.size(path), 20 << 20)
            let empty = HTTPRequest(.get, try server.http("/bytes/0"))
            try expectEqual(try await transport.download(empty, to: path).status, 200)
            try expectEqual(try files.size(path), 0)
        }
    },
    Check("download: a refusal is an answer, a failure is one, and neither leaves a file") {
        try withPath { transport, server, path in
            let files = WindowsFiles()
            let refused = HTTPRequest(.get, try server.http("/status/404"))
            let response = try await transport.download(refused, to: path)
            try expectEqual(response.status, 404)
            try expectEqual(response.text, "status 404")
            try expect(!files.exists(path))
            for (url, kind) in [
                ("/short", TransportError.Kind.closed), ("/reset", .closed), ("/chunks/4096", .tooLarge),
                ("/bytes/4096", .tooLarge), ("/slowbody", .timeout),
            ] {
                var request = HTTPRequest(.get, try server.http(url))
                request.responseLimit = 2048
                if kind == .timeout { request.timeout = .milliseconds(300) }
                let error = await transportError { try await transport.download(request, to: path) }
                try expect(error?.kind == kind, "\(url): \(String(describing: error))")
                try expect(!files.exists(path), url)
            }
            let below = await transportError { try await transport.download(refused, to: path + "/below/file") }
            try expectEqual(below?.kind, .file)
        }
    },
    Check("upload: a file is sent whole, with its length and the fields") {
        try withPath { transport, server, path in
            let files = WindowsFiles()
            for size in [0, 1, 16_384, 100_000, 5 << 20] {
                let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                try files.replace(path, with: bytes)
                var request = HTTPRequest(.put, try server.http("/body"))
                request.headers = [HTTPHeader("Host", "bucket.test"), HTTPHeader("Content-Length", String(size))]
                let response = try await transport.upload(request, from: path)
                try expect(response.body == bytes, "\(size)")
                request.url = try server.http("/head")
                let head = try await transport.upload(request, from: path).text.split(separator: "\r\n").map(
                    String.init
                )
                try expectEqual(head.first, "PUT /head HTTP/1.1")
                try expectEqual(head.filter { $0.hasPrefix("Content-Length:") }, ["Content-Length: \(size)"])
                try expectEqual(head.filter { $0.hasPrefix("Host:") }, ["Host: bucket.test"])
            }
            let none = HTTPRequest(.put, try server.http("/body"))
            let missing = await transportError { try await transport.upload(none, from: path + ".none") }
            try expectEqual(missing?.kind, .file)
            let refused = HTTPRequest(.put, try server.http("/close"))
            try expect(await transportError { try await transport.upload(refused, from: path) } != nil)
        }
    },
]
