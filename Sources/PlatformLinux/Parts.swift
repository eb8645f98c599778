import CShims

/// What this program is made of besides its own code: for `--version --verbose`.
enum Parts {
    /// One in a line, with version and licence.
    static func describe() -> String {
        let linked = String(cString: shim_linked_parts())
        guard linked.isEmpty else { return "linked in:\n" + list(linked.split(separator: ";").map(String.init)) }
        return "used on this system:\n"
            + list([
                "GNU C library \(String(cString: shim_libc_version())), LGPL-2.1-or-later",
                "Swift runtime, Apache-2.0 WITH Swift-exception",
                curl(),
                OpenSSLCrypto.library(),
            ])
    }

    private static func list(_ parts: [String]) -> String { parts.map { "  \($0)\n" }.joined() }

    private static func curl() -> String {
        var reason: UnsafePointer<CChar>?
        guard let library = shim_curl_load(&reason), let version = library.pointee.version() else {
            return "libcurl: not found (\(reason.map { String(cString: $0) } ?? "no version"))"
        }
        return "\(String(cString: version)), curl"
    }
}
