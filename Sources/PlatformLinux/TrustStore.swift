import CShims

/// Where the certificates of the authorities are that servers are checked against: a file with all of them, and a
/// directory with one in a file, named by hashes. `nil` is what libcurl was built for.
struct TrustStore: Sendable {
    var file: String?
    var directory: String?

    /// The system's, or what SSL_CERT_FILE and SSL_CERT_DIR name, as OpenSSL has it.
    static func ofSystem() -> TrustStore {
        var store = TrustStore()
        if shim_curl_is_static() != 0 {
            // The libcurl that is a part of us was not built for this system.
            store.file = usualFiles.first { access($0, R_OK) == 0 }
            store.directory = usualDirectories.first { access($0, R_OK | X_OK) == 0 }
        }
        if let file = environment("SSL_CERT_FILE") { store.file = file }
        if let directory = environment("SSL_CERT_DIR") { store.directory = directory }
        return store
    }

    private static let usualFiles = [
        "/etc/ssl/certs/ca-certificates.crt",  // Debian, Alpine, Arch
        "/etc/pki/tls/certs/ca-bundle.crt",  // RHEL, Fedora
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL, Fedora, newer
        "/etc/ssl/ca-bundle.pem",  // SUSE
        "/var/lib/ca-certificates/ca-bundle.pem",  // SUSE, newer
        "/etc/ssl/cert.pem",  // Alpine
    ]
    private static let usualDirectories = ["/etc/ssl/certs", "/etc/pki/tls/certs"]

    private static func environment(_ name: String) -> String? {
        guard let value = getenv(name).map({ String(cString: $0) }), !value.isEmpty else { return nil }
        return value
    }
}
