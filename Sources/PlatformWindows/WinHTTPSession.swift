import Agent
import CShims

/// WinHTTP, loaded and set up: connections that wait for their next exchange are its.
@LoopActor
final class WinHTTPSession {
    let raw: HINTERNET

    init() throws(TransportError) {
        try Self.library.get()
        // What an administrator has set for the machine counts. Else it is found out as for a browser: a static proxy, a
        // configuration script (PAC), or its detection.
        let isSet = shim_win_WinHttpGetDefaultProxyConfiguration() == UInt32(WINHTTP_ACCESS_TYPE_NAMED_PROXY)
        let access = isSet ? WINHTTP_ACCESS_TYPE_DEFAULT_PROXY : WINHTTP_ACCESS_TYPE_AUTOMATIC_PROXY
        guard let raw = shim_win_WinHttpOpen(UInt32(access)) else { throw TransportError.ofLastCall() }
        self.raw = raw
        guard shim_win_WinHttpSetOption_number(raw, UInt32(WINHTTP_OPTION_SECURE_PROTOCOLS), Self.protocols) else {
            let error = TransportError.ofLastCall()
            _ = shim_win_WinHttpCloseHandle(raw)
            throw error
        }
    }

    isolated deinit { _ = shim_win_WinHttpCloseHandle(raw) }

    /// TLS 1.2, which systems before Windows 10 leave out unless they are told; and 1.3 from Server 2022 on, because before
    /// it the flag is refused, or taken and the handshake fails.
    private static var protocols: UInt32 {
        let newer: Int32 = WindowsVersion.current.build >= 20348 ? WINHTTP_FLAG_SECURE_PROTOCOL_TLS1_3 : 0
        return UInt32(WINHTTP_FLAG_SECURE_PROTOCOL_TLS1_2 | newer)
    }

    private static let library: Result<Void, TransportError> = {
        let code = shim_win_http_load()
        return code == 0 ? .success(()) : .failure(TransportError(.other, "winhttp.dll: \(systemMessage(DWORD(code)))"))
    }()
}
