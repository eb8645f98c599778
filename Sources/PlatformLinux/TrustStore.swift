import CShims

/// Where the certificates of the authorities are that servers are checked against: a file with all of them, or a
/// directory with one in a file, named by hashes. `nil` is what libcurl was built for.
struct TrustStore: Equatable, Sendable {
    var file: String?
    var directory: String?

    /// The system's, or what SSL_CERT_FILE and SSL_CERT_DIR name, as OpenSSL has it.
    static func ofSystem() -> TrustStore {
        // The libcurl that is a part of us was not built for this system.
        var store = shim_curl_is_static() != 0 ? usual(below: "") : TrustStore()
        if let file = environment("SSL_CERT_FILE") { store.file = file }
        if let directory = environment("SSL_CERT_DIR") { store.directory = directory }
        return store
    }

    /// Where distributions keep them, below a root folder. A directory first: of it only the certificates that are needed
    /// are read, while a file is kept in memory whole, over 1 MB.
    static func usual(below root: String) -> TrustStore {
        if let directory = usualDirectories.first(where: { isHashed(root + $0) }) {
            return TrustStore(directory: root + directory)
        }
        return TrustStore(file: usualFiles.first { access(root + $0, R_OK) == 0 }.map { root + $0 })
    }

    private static let usualDirectories = [
        "/etc/ssl/certs",  // Debian, Alpine, Arch, SUSE
        "/etc/pki/ca-trust/extracted/pem/directory-hash",  // RHEL, Fedora, newer
        "/etc/pki/tls/certs",
    ]
    private static let usualFiles = [
        "/etc/ssl/certs/ca-certificates.crt",  // Debian, Alpine, Arch
        "/etc/pki/tls/certs/ca-bundle.crt",  // RHEL, Fedora
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL, Fedora, newer
        "/etc/ssl/ca-bundle.pem",  // SUSE
        "/var/lib/ca-certificates/ca-bundle.pem",  // SUSE, newer
        "/etc/ssl/cert.pem",  // Alpine
    ]

    /// Whether there is a file in it as OpenSSL looks for them, `HHHHHHHH.N`: H hexadecimal digits, N a decimal one.
    private static func isHashed(_ directory: String) -> Bool {
        guard let names = try? PosixFiles().list(directory) else { return false }
        return names.contains { name in
            let bytes = Array(name.utf8)
            return bytes.count == 10 && bytes[8] == UInt8(ascii: ".") && (0x30...0x39).contains(bytes[9])
                && bytes.prefix(8).allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
                && access(directory + "/" + name, R_OK) == 0
        }
    }

    private static func environment(_ name: String) -> String? {
        guard let value = Environment.value(name), !value.isEmpty else { return nil }
        return value
    }
}
