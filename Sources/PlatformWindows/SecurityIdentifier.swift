import CShims

/// An account's SID as text, such as `S-1-5-18`.
package enum SecurityIdentifier {
    /// The system itself, whom services run as.
    package static let system = "S-1-5-18"
    package static let administrators = "S-1-5-32-544"

    /// Whom this process runs as.
    package static func ofProcess() throws(SystemError) -> String {
        try ofUser(Token.ofProcess(access: DWORD(TOKEN_QUERY)))
    }

    /// Whom a token is for.
    package static func ofUser(_ token: Handle) throws(SystemError) -> String {
        let information = try Token.information(TokenUser, of: token)
        var text: String?
        information.withUnsafeBytes { text = Self.text(of: shim_win_token_user($0.baseAddress)) }
        guard let text else { throw SystemError("ConvertSidToStringSid") }
        return text
    }

    /// The text of a SID in memory; `nil` when it is none.
    static func text(of sid: UnsafeMutableRawPointer?) -> String? {
        guard let sid, let text = shim_win_ConvertSidToStringSid(sid) else { return nil }
        defer { _ = shim_win_LocalFree(text) }
        return String(wide: text)
    }

    /// Lends the SID of a text; `nil` when the text is none.
    static func with<T>(_ text: String, _ body: (UnsafeMutableRawPointer) -> T) -> T? {
        guard let sid = shim_win_ConvertStringSidToSid(text.wide) else { return nil }
        defer { _ = shim_win_LocalFree(sid) }
        return body(sid)
    }

    /// Whether a text is a SID, in nothing but the characters of one.
    static func isValid(_ text: String) -> Bool {
        text.hasPrefix("S-1-") && text.utf8.count <= 184
            && text.utf8.dropFirst(2).allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
    }
}

/// What is told of tokens.
enum Token {
    static func ofProcess(access: DWORD) throws(SystemError) -> Handle {
        guard let token = Handle(owning: shim_win_OpenProcessToken(UInt32(access))) else {
            throw SystemError("OpenProcessToken")
        }
        return token
    }

    /// What GetTokenInformation says.
    static func information(_ what: TOKEN_INFORMATION_CLASS, of token: Handle) throws(SystemError) -> [UInt64] {
        var size: UInt32 = 0
        _ = shim_win_GetTokenInformation(token.raw, Int32(bitPattern: UInt32(what.rawValue)), nil, &size)
        // In units of 8 bytes, so that what it points to is aligned.
        var buffer = [UInt64](repeating: 0, count: Int(size) / 8 + 1)
        size = UInt32(buffer.count * 8)
        guard shim_win_GetTokenInformation(token.raw, Int32(bitPattern: UInt32(what.rawValue)), &buffer, &size) else {
            throw SystemError("GetTokenInformation")
        }
        return buffer
    }
}
