import Agent
import Foundation
import Testing

@testable import PlatformLinux

@Suite("Uploads")
struct UploadTests {
    private let path = NSTemporaryDirectory() + "upload-test-" + UUID().uuidString

    private func write(_ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

    @Test("a file arrives byte by byte", arguments: [0, 1, 100_000, 3_000_000])
    func body(size: Int) async throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        try write(bytes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await withTransport { [path] transport, server in
            let response = try await transport.upload(HTTPRequest(.put, server.http("/body")), from: path)
            #expect(response.status == 200)
            #expect(response.body == bytes)
        }
    }

    @Test("the head has our fields and the length, and none that we did not ask for")
    func head() async throws {
        try write(Array("hello".utf8))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await withTransport { [path] transport, server in
            var request = HTTPRequest(.put, server.http("/head"))
            request.headers = [HTTPHeader("Host", "bucket.test"), HTTPHeader("Content-Type", "application/xml")]
            let lines = try await transport.upload(request, from: path).text.components(separatedBy: "\r\n")
            #expect(lines.first == "PUT /head HTTP/1.1")
            #expect(lines.contains("Host: bucket.test"))
            #expect(lines.contains("Content-Type: application/xml"))
            #expect(lines.contains("Content-Length: 5"))
            let names = lines.dropFirst().map { $0.prefix { $0 != ":" } }
            #expect(names.sorted() == ["Accept", "Content-Length", "Content-Type", "Host"])
        }
    }

    @Test("a body that is put without a file")
    func memory() async throws {
        try await withTransport { transport, server in
            let request = HTTPRequest(.put, server.http("/body"), body: Array("hello".utf8))
            let response = try await transport.send(request)
            #expect(response.text == "hello")
        }
    }

    @Test("a connection that has ended is replaced")
    func stale() async throws {
        try write(Array("hello".utf8))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await withTransport { [path] transport, server in
            for _ in 0..<3 {
                _ = try await transport.upload(HTTPRequest(.put, server.http("/stale")), from: path)
                let response = try await transport.upload(HTTPRequest(.put, server.http("/body")), from: path)
                #expect(response.text == "hello")
            }
        }
    }

    @Test("a refusal is an answer, and a break is not", arguments: ["/status/403", "/close"])
    func failures(_ place: String) async throws {
        try write([UInt8](repeating: 7, count: 500_000))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await withTransport { [path] transport, server in
            let request = HTTPRequest(.put, server.http(place))
            if place == "/close" {
                #expect(await transportError { try await transport.upload(request, from: path) }?.kind == .closed)
            } else {
                let response = try await transport.upload(request, from: path)
                #expect(response.status == 403)
            }
        }
    }

    @Test("what is no file is not uploaded")
    func noFile() async throws {
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/etc/passwd")
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await withTransport { [path] transport, server in
            let request = HTTPRequest(.put, server.http("/body"))
            for other in ["/nonexistent/file", "/tmp", "/dev/zero", path] {
                #expect(await transportError { try await transport.upload(request, from: other) }?.kind == .file)
            }
        }
    }

    @Test("a file is as long as it was, and one that has become shorter is not sent as another one")
    func changes() throws {
        try write([1, 2, 3, 4])
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = try UploadFile(path: path)
        try write([1, 2, 3, 4, 5, 6])
        #expect(file.size == 4)
        #expect(try read(file, 3) == [1, 2, 3])
        #expect(try read(file, 3) == [4])
        #expect(try read(file, 3) == [])
        #expect(file.seek(to: 1))
        #expect(!file.seek(to: 5))
        #expect(!file.seek(to: -1))
        #expect(try read(file, 2) == [2, 3])
        truncate(path, 1)
        #expect(throws: SystemError.self) { try read(file, 1) }
    }

    private func read(_ file: UploadFile, _ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let length = try bytes.withUnsafeMutableBytes { try file.read(into: $0) }
        return Array(bytes.prefix(length))
    }
}
