import Foundation
import Testing

@testable import PlatformLinux

@Suite("Where certificates of authorities are")
struct TrustStoreTests {
    private let root: TestFolder

    init() throws { root = try TestFolder() }

    private func put(_ path: String) throws {
        let url = URL(filePath: root.path + path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("a certificate".utf8).write(to: url)
    }

    @Test("nowhere")
    func nowhere() {
        #expect(TrustStore.usual(below: root.path) == TrustStore())
    }

    @Test(
        "a file",
        arguments: [
            "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
            "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/ca-bundle.pem",
            "/var/lib/ca-certificates/ca-bundle.pem", "/etc/ssl/cert.pem",
        ]
    )
    func file(_ path: String) throws {
        try put(path)
        #expect(TrustStore.usual(below: root.path) == TrustStore(file: root.path + path))
    }

    @Test(
        "a directory with names that are hashes comes first",
        arguments: ["/etc/ssl/certs", "/etc/pki/ca-trust/extracted/pem/directory-hash", "/etc/pki/tls/certs"]
    )
    func directory(_ path: String) throws {
        try put("/etc/ssl/certs/ca-certificates.crt")
        try put(path + "/0a3b5c7d.0")
        #expect(TrustStore.usual(below: root.path) == TrustStore(directory: root.path + path))
    }

    @Test(
        "other names do not make it one",
        arguments: ["0A3B5C7D.0", "0a3b5c7d.x", "0a3b5c7.00", "0a3b5c7d.10", "0a3b5c7g.0", "README.md"]
    )
    func otherNames(_ name: String) throws {
        try put("/etc/ssl/certs/" + name)
        try put("/etc/ssl/cert.pem")
        #expect(TrustStore.usual(below: root.path) == TrustStore(file: root.path + "/etc/ssl/cert.pem"))
    }
}
