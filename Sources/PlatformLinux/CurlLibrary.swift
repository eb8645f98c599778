import Agent
import CShims

/// libcurl, loaded and initialised.
///
/// Sound as `@unchecked Sendable`: a constant table of C functions, used on the loop's thread.
struct CurlLibrary: @unchecked Sendable {
    let functions: shim_curl

    /// The library of this process, loaded by the first who asks.
    static func shared() throws(TransportError) -> CurlLibrary { try loaded.get() }

    private static let loaded = load()

    private static func load() -> Result<CurlLibrary, TransportError> {
        var reason: UnsafePointer<CChar>?
        guard let table = shim_curl_load(&reason) else {
            return .failure(TransportError(.other, reason.map { String(cString: $0) } ?? "libcurl cannot be loaded"))
        }
        guard shim_pin_name_services() == 0 else {
            return .failure(TransportError(.other, SystemError("__nss_configure_lookup").description))
        }
        let library = CurlLibrary(functions: table.pointee)
        let code = library.functions.global_init(Int(CURL_GLOBAL_ALL))
        guard code == CURLE_OK else {
            return .failure(TransportError(.other, "libcurl cannot be initialised: \(library.message(code))"))
        }
        // CURLOPT_NOSIGNAL leaves this to the process: TLS libraries may write to a connection that is gone.
        shim_ignore_signal(SIGPIPE)
        return .success(library)
    }

    /// libcurl's words for a result.
    func message(_ code: CURLcode) -> String {
        functions.easy_strerror(code).map { String(cString: $0) } ?? "error \(code.rawValue)"
    }
}

extension TransportError.Kind {
    /// The kind of a failure of libcurl, of a request whose address had already been found valid.
    init(_ code: CURLcode) {
        switch code {
        case CURLE_URL_MALFORMAT: self = .invalidRequest
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: self = .resolve
        case CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED, CURLE_PROXY: self = .connect
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CRL_BADFILE,
            CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_ENGINE_SETFAILED, CURLE_USE_SSL_FAILED:
            self = .tls
        case CURLE_OPERATION_TIMEDOUT: self = .timeout
        case CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE: self = .closed
        case CURLE_FILESIZE_EXCEEDED: self = .tooLarge
        case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING: self = .protocolViolation
        default: self = .other
        }
    }
}
