import Agent
import CShims

extension TransportError {
    /// What an error of WinHTTP's, or of the system's, means for an exchange.
    convenience init(winHTTP code: UInt32) {
        guard let (kind, words) = Self.known[code] else {
            self.init(.other, systemMessage(DWORD(code)))
            return
        }
        self.init(kind, "\(words) (error \(code))")
    }

    /// What GetLastError says after a call of WinHTTP's that failed.
    static func ofLastCall() -> TransportError { TransportError(winHTTP: UInt32(shim_win_GetLastError())) }

    /// The errors that the agent meets: 12000 to 12190 are those of winhttp.h, 10000 to 11999 those of Windows Sockets. Own
    /// words, because WinHTTP's are not in the system's table, and in the language of the system.
    private static let known: [UInt32: (Kind, String)] = [
        64: (.closed, "the connection broke"),
        10053: (.closed, "the connection broke"),
        10054: (.closed, "the connection broke"),
        10060: (.timeout, "the operation timed out"),
        10061: (.connect, "the connection is refused"),
        10065: (.connect, "there is no way to the host"),
        11001: (.resolve, "the name of the host cannot be resolved"),
        12002: (.timeout, "the operation timed out"),
        12005: (.invalidRequest, "the address is not valid"),
        12006: (.invalidRequest, "the address is not valid"),
        12007: (.resolve, "the name of the host cannot be resolved"),
        12017: (.closed, "the operation was cancelled"),
        12029: (.connect, "the connection cannot be made"),
        12030: (.closed, "the connection broke"),
        12037: (.tls, "the server's certificate is not valid now"),
        12038: (.tls, "the server's certificate is for another name"),
        12044: (.tls, "the server wants a certificate of ours"),
        12045: (.tls, "the server's certificate is of an authority that is not trusted"),
        12057: (.tls, "it cannot be found out whether the server's certificate was revoked"),
        12152: (.protocolViolation, "the server's reply is not valid"),
        12157: (.tls, "no secure channel can be made"),
        12166: (.other, "the proxy's configuration script does not work"),
        12167: (.other, "the proxy's configuration script cannot be fetched"),
        12169: (.tls, "the server's certificate is not valid"),
        12170: (.tls, "the server's certificate was revoked"),
        12175: (.tls, "the server's certificate is refused"),
        12177: (.other, "the proxy's configuration script fails"),
        12178: (.other, "the proxy cannot be detected"),
        12179: (.tls, "the server's certificate is not for servers"),
        12180: (.other, "the proxy cannot be detected"),
        12181: (.tooLarge, "the reply has too many header fields"),
        12182: (.tooLarge, "the head of the reply is too large"),
        12188: (.tls, "the proxy's certificate is refused"),
    ]

    /// What WINHTTP_CALLBACK_STATUS_SECURE_FAILURE says about a certificate.
    static func words(forSecureFailure flags: UInt32) -> String {
        let meanings: [(UInt32, String)] = [
            (0x1, "its revocation cannot be checked"), (0x2, "it is not valid"), (0x4, "it was revoked"),
            (0x8, "its authority is not trusted"), (0x10, "it is for another name"),
            (0x20, "its time has not come or is over"),
            (0x40, "it is not for servers"), (0x8000_0000, "the secure channel failed"),
        ]
        let words = meanings.filter { flags & $0.0 != 0 }.map(\.1)
        return words.isEmpty ? "flags \(flags)" : words.joined(separator: ", ")
    }
}
