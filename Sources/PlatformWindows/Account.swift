import CShims

/// An account, as the machine's and its domains' databases know it.
package struct Account: Equatable, Sendable {
    /// What it is: SID_NAME_USE.
    package enum Kind: Int32, Sendable {
        case user = 1
        case group = 2
        case domain = 3
        case alias = 4
        case wellKnownGroup = 5
        case deleted = 6
        case invalid = 7
        case unknown = 8
        case computer = 9
    }

    package var identifier: String
    /// The computer's name for accounts of its own.
    package var domain: String
    package var name: String
    package var kind: Kind

    package init(identifier: String, domain: String, name: String, kind: Kind) {
        self.identifier = identifier
        self.domain = domain
        self.name = name
        self.kind = kind
    }

    /// The account with a name: `name`, `DOMAIN\name`, `.\name` or `name@domain`; `nil` when there is none.
    /// LookupAccountNameW, which may ask domain controllers.
    package static func named(_ name: String) throws(SystemError) -> Account? {
        // What could be no name in any form is not asked for.
        guard !name.isEmpty, name.utf16.count <= 512, name.unicodeScalars.allSatisfy({ $0.value >= 0x20 }) else {
            return nil
        }
        let name = name.hasPrefix(#".\"#) ? computer + name.dropFirst() : name
        var sid = [UInt8](repeating: 0, count: 68)
        var sidSize = UInt32(sid.count)
        var domain = [WCHAR](repeating: 0, count: 512)
        var domainSize = UInt32(domain.count)
        var use: Int32 = 0
        let isFound = sid.withUnsafeMutableBytes {
            shim_win_LookupAccountName(name.wide, $0.baseAddress, &sidSize, &domain, &domainSize, &use)
        }
        guard isFound else { return try none("LookupAccountName") }
        let text = sid.withUnsafeMutableBytes { SecurityIdentifier.text(of: $0.baseAddress) }
        guard let text else { throw SystemError("ConvertSidToStringSid") }
        // As the database spells it.
        return try with(identifier: text)
            ?? Account(identifier: text, domain: string(domain), name: name, kind: Kind(rawValue: use) ?? .unknown)
    }

    /// The account with a SID; `nil` when there is none. LookupAccountSidW, which may ask domain controllers.
    package static func with(identifier: String) throws(SystemError) -> Account? {
        var name = [WCHAR](repeating: 0, count: 512)
        var domain = name
        var (nameSize, domainSize) = (UInt32(name.count), UInt32(domain.count))
        var use: Int32 = 0
        let isFound = SecurityIdentifier.with(identifier) {
            shim_win_LookupAccountSid($0, &name, &nameSize, &domain, &domainSize, &use)
        }
        guard let isFound else { return nil }
        guard isFound else { return try none("LookupAccountSid") }
        return Account(
            identifier: identifier,
            domain: string(domain),
            name: string(name),
            kind: Kind(rawValue: use) ?? .unknown
        )
    }

    /// Whether the account is the machine's own, not a domain's. A domain controller has none.
    package var isLocal: Bool { domain.uppercased() == Self.computer.uppercased() }

    /// The computer's NetBIOS name, which accounts of its own have as their domain.
    package static var computer: String {
        WideText.string { buffer, count in
            var size = UInt32(count)
            return shim_win_GetComputerName(buffer, &size) ? DWORD(size) : 0
        } ?? ""
    }

    /// `nil` for what is not there; other errors mean that it cannot be told.
    private static func none(_ call: String) throws(SystemError) -> Account? {
        let error = SystemError(call)
        switch error.code {
        case ErrorCode.noneMapped, ErrorCode.noSuchUser, ErrorCode.noSuchDomain, ErrorCode.invalidName,
            ErrorCode.invalidAccountName, ErrorCode.invalidParameter:
            return nil
        default: throw error
        }
    }

    private static func string(_ text: [WCHAR]) -> String { String(decoding: text.prefix { $0 != 0 }, as: UTF16.self) }
}
