import Agent
import CShims

/// An easy handle of libcurl: the options of one transfer or connection, and what became of it.
@LoopActor
final class CurlEasy {
    let handle: UnsafeMutableRawPointer
    let library: CurlLibrary

    /// Who the errors are about. Never more of the address, which may hold a secret.
    private let host: String
    private let errorText: UnsafeMutablePointer<CChar>
    private var headers: UnsafeMutablePointer<curl_slist>?

    /// A handle with the options that all have in common.
    init(_ url: CurlURL, library: CurlLibrary, trust: TrustStore) throws(TransportError) {
        guard let handle = library.functions.easy_init() else { throw TransportError(.other, "out of memory") }
        self.handle = handle
        self.library = library
        host = url.host
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        _ = shim_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
        set(CURLOPT_URL, url.text)
        set(CURLOPT_PROTOCOLS, Int(CURLPROTO_HTTP | CURLPROTO_HTTPS))
        set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        set(CURLOPT_NOSIGNAL, 1)
        // A connection that has waited longer may have been forgotten on the way by what translates addresses.
        set(CURLOPT_MAXAGE_CONN, 60)
        set(CURLOPT_BUFFERSIZE, 16 << 10)
        set(CURLOPT_UPLOAD_BUFFERSIZE, 16 << 10)
        // From 7.87; without it, to abandon a name that does not resolve waits until the resolver has given up.
        set(CURLOPT_QUICK_EXIT, 1)
        if let file = trust.file { set(CURLOPT_CAINFO, file) }
        if let directory = trust.directory { set(CURLOPT_CAPATH, directory) }
        _ = shim_curl_set_sockopt(handle) { _, socket, _ in
            prepare(socket)
            return CURL_SOCKOPT_OK
        }
    }

    isolated deinit {
        library.functions.easy_cleanup(handle)
        // Only now: libcurl uses both until then.
        library.functions.slist_free_all(headers)
        errorText.deallocate()
    }

    /// Options that this version of libcurl does not know are left out.
    func set(_ option: CURLoption, _ value: Int) { _ = shim_curl_set_long(handle, option, value) }

    func set(_ option: CURLoption, _ value: some RawRepresentable<UInt32>) {
        set(option, Int(value.rawValue))
    }

    func set(_ option: CURLoption, offset: Int) { _ = shim_curl_set_offset(handle, option, curl_off_t(offset)) }

    /// libcurl copies the text.
    func set(_ option: CURLoption, _ value: String) {
        value.withCString { _ = shim_curl_set_pointer(handle, option, $0) }
    }

    /// At least 1 ms: 0 would mean "no limit".
    func set(_ option: CURLoption, _ value: Duration) {
        let (seconds, attoseconds) = value.components
        let milliseconds = min(seconds, 1_000_000) * 1000 + attoseconds / 1_000_000_000_000_000
        set(option, Int(max(1, milliseconds)))
    }

    /// The request's body; libcurl copies it.
    func setBody(_ body: [UInt8]) {
        set(CURLOPT_POSTFIELDSIZE_LARGE, offset: body.count)
        body.withUnsafeBytes { bytes in
            // For an empty body there may be no address, which would mean a body that is read from a callback.
            if let address = bytes.baseAddress, !bytes.isEmpty {
                _ = shim_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, address)
            } else {
                set(CURLOPT_COPYPOSTFIELDS, "")
            }
        }
    }

    /// Header fields as libcurl has them: `Name: value`, `Name;` for an empty value, `Name:` to leave out its own.
    func setHeaders(_ lines: [String]) {
        for line in lines { headers = library.functions.slist_append(headers, line) ?? headers }
        _ = shim_curl_set_pointer(handle, CURLOPT_HTTPHEADER, headers)
    }

    /// A number that libcurl knows about the transfer; 0 when it does not.
    func number(_ info: CURLINFO) -> Int {
        var value = 0
        return shim_curl_get_long(handle, info, &value) == CURLE_OK ? value : 0
    }

    /// The error for a result of this handle.
    func error(_ code: CURLcode) -> TransportError {
        var kind = TransportError.Kind(code)
        // A proxy that refuses to connect us is told by the same code as a connection that broke.
        if kind == .closed, number(CURLINFO_HTTP_CONNECTCODE) >= 300 { kind = .connect }
        return TransportError(kind, "\(host): \(message(code))")
    }

    private func message(_ code: CURLcode) -> String {
        // The text of this one may quote the proxy's address with its password.
        if code == CURLE_COULDNT_RESOLVE_PROXY || errorText[0] == 0 { return library.message(code) }
        return String(cString: errorText)
    }
}

/// What libcurl does not do for a new connection: no process that we start inherits it, and a peer that has gone silent
/// is noticed within a minute.
private func prepare(_ socket: curl_socket_t) {
    _ = shim_fcntl(socket, F_SETFD, Int(FD_CLOEXEC))
    func set(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        _ = setsockopt(socket, level, option, &value, socklen_t(MemoryLayout.size(ofValue: value)))
    }
    set(SOL_SOCKET, SO_KEEPALIVE, 1)
    let tcp = Int32(IPPROTO_TCP)
    set(tcp, TCP_KEEPIDLE, 20)
    set(tcp, TCP_KEEPINTVL, 10)
    set(tcp, TCP_KEEPCNT, 3)
    set(tcp, TCP_USER_TIMEOUT, 40_000)
}
