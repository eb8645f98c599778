import CShims

/// An NTSTATUS, with its name where it is one that becoming a user may give.
package struct NTStatus: Error, Equatable, Sendable, CustomStringConvertible {
    package let code: Int32

    package init(_ code: Int32) { self.code = code }

    package static let unsuccessful = NTStatus(Int32(bitPattern: 0xC000_0001))
    package static let nameTooLong = NTStatus(Int32(bitPattern: 0xC000_0106))
    package static let dllNotFound = NTStatus(Int32(bitPattern: 0xC000_0135))

    /// Whether it is not an error: NT_SUCCESS.
    package var isSuccess: Bool { code >= 0 }

    /// Such as `STATUS_LOGON_FAILURE (0xC000006D): The attempted logon is invalid. …`.
    package var description: String {
        let number = "0x" + String(UInt32(bitPattern: code), radix: 16, uppercase: true)
        let named = Self.names[UInt32(bitPattern: code)].map { "\($0) (\(number))" } ?? "NTSTATUS \(number)"
        let words = words
        return words.isEmpty ? named : "\(named): \(words)"
    }

    /// The system's words, in its language; from ntdll.dll, or those of the Windows error that it corresponds to.
    private var words: String {
        let module = shim_win_GetModuleHandle("ntdll.dll".wide)
        let own = WideText.string { buffer, count in
            shim_win_FormatMessage_module(module, DWORD(UInt32(bitPattern: code)), buffer, count)
        }
        if let own { return Self.oneLine(own) }
        let error = shim_win_LsaNtStatusToWinError(code)
        // ERROR_MR_MID_NOT_FOUND: there is none.
        return error == 317 ? "" : systemMessage(DWORD(error))
    }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    private static let names: [UInt32: String] = [
        0x0000_0000: "STATUS_SUCCESS",
        0xC000_0001: "STATUS_UNSUCCESSFUL",
        0xC000_0002: "STATUS_NOT_IMPLEMENTED",
        0xC000_000D: "STATUS_INVALID_PARAMETER",
        0xC000_0022: "STATUS_ACCESS_DENIED",
        0xC000_0023: "STATUS_BUFFER_TOO_SMALL",
        0xC000_0034: "STATUS_OBJECT_NAME_NOT_FOUND",
        0xC000_0041: "STATUS_PORT_CONNECTION_REFUSED",
        0xC000_005E: "STATUS_NO_LOGON_SERVERS",
        0xC000_005F: "STATUS_NO_SUCH_LOGON_SESSION",
        0xC000_0061: "STATUS_PRIVILEGE_NOT_HELD",
        0xC000_0062: "STATUS_INVALID_ACCOUNT_NAME",
        0xC000_0064: "STATUS_NO_SUCH_USER",
        0xC000_006A: "STATUS_WRONG_PASSWORD",
        0xC000_006D: "STATUS_LOGON_FAILURE",
        0xC000_006E: "STATUS_ACCOUNT_RESTRICTION",
        0xC000_006F: "STATUS_INVALID_LOGON_HOURS",
        0xC000_0070: "STATUS_INVALID_WORKSTATION",
        0xC000_0071: "STATUS_PASSWORD_EXPIRED",
        0xC000_0072: "STATUS_ACCOUNT_DISABLED",
        0xC000_0073: "STATUS_NONE_MAPPED",
        0xC000_009A: "STATUS_INSUFFICIENT_RESOURCES",
        0xC000_00BB: "STATUS_NOT_SUPPORTED",
        0xC000_00DC: "STATUS_INVALID_SERVER_STATE",
        0xC000_00DF: "STATUS_NO_SUCH_DOMAIN",
        0xC000_00E5: "STATUS_INTERNAL_ERROR",
        0xC000_00FE: "STATUS_NO_SUCH_PACKAGE",
        0xC000_0106: "STATUS_NAME_TOO_LONG",
        0xC000_0133: "STATUS_TIME_DIFFERENCE_AT_DC",
        0xC000_0135: "STATUS_DLL_NOT_FOUND",
        0xC000_015B: "STATUS_LOGON_TYPE_NOT_GRANTED",
        0xC000_0192: "STATUS_NETLOGON_NOT_STARTED",
        0xC000_0193: "STATUS_ACCOUNT_EXPIRED",
        0xC000_0199: "STATUS_NOLOGON_WORKSTATION_TRUST_ACCOUNT",
        0xC000_0224: "STATUS_PASSWORD_MUST_CHANGE",
        0xC000_0225: "STATUS_NOT_FOUND",
        0xC000_0234: "STATUS_ACCOUNT_LOCKED_OUT",
        0xC000_0413: "STATUS_AUTHENTICATION_FIREWALL_FAILED",
        0xC000_018B: "STATUS_NO_TRUST_SAM_ACCOUNT",
        0xC000_018D: "STATUS_TRUSTED_RELATIONSHIP_FAILURE",
        0xC000_0388: "STATUS_DOWNGRADE_DETECTED",
    ]
}
