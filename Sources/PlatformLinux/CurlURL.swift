import Agent
import CShims

/// The parts of an address, as libcurl reads it, so that nobody else's reading of it matters.
struct CurlURL {
    /// The address with the scheme that libcurl is to use.
    let text: String
    /// A name or an address, IPv6 without brackets.
    let host: String
    /// The host, and the port where it is not the default one.
    let authority: String
    /// Path and query.
    let path: String

    /// Reads an address that has one of `schemes`: what it may be, and what libcurl calls the same.
    init(_ text: String, schemes: [String: String], library: CurlLibrary) throws(TransportError) {
        // libcurl gets C strings, which would end at a zero.
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { throw Self.invalid }
        guard let url = library.functions.url() else { throw TransportError(.other, "out of memory") }
        defer { library.functions.url_cleanup(url) }
        guard library.functions.url_set(url, CURLUPART_URL, text, UInt32(CURLU_NON_SUPPORT_SCHEME)) == CURLUE_OK
        else { throw Self.invalid }

        func part(_ part: CURLUPart) -> String? {
            var value: UnsafeMutablePointer<CChar>?
            guard library.functions.url_get(url, part, &value, 0) == CURLUE_OK, let value else { return nil }
            defer { library.functions.free(value) }
            return String(cString: value)
        }

        guard let scheme = part(CURLUPART_SCHEME), let known = schemes[scheme],
            let host = part(CURLUPART_HOST), !host.isEmpty,
            library.functions.url_set(url, CURLUPART_SCHEME, known, 0) == CURLUE_OK,
            let whole = part(CURLUPART_URL)
        else { throw Self.invalid }
        self.text = whole
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        let port = part(CURLUPART_PORT).flatMap { $0 == (known == "https" ? "443" : "80") ? nil : $0 }
        authority = port.map { "\(host):\($0)" } ?? host
        path = (part(CURLUPART_PATH) ?? "/") + (part(CURLUPART_QUERY).map { "?\($0)" } ?? "")
    }

    static let http = ["http": "http", "https": "https"]
    static let webSocket = ["ws": "http", "wss": "https"]

    private static let invalid = TransportError(.invalidRequest, "the address is not valid")
}
