import Agent
import CShims

/// The authority that makes tokens. In the product there is one: the system's (`LocalSecurityAuthority`).
package protocol LogonAuthority {
    /// Announces this process as one that logs users on: LsaRegisterLogonProcess.
    func register() -> Result<any LogonConnection, NTStatus>
}

/// A process' standing with the authority. It ends with the object: LsaDeregisterLogonProcess.
package protocol LogonConnection: AnyObject {
    /// The number of an authentication package: LsaLookupAuthenticationPackage.
    func package(_ name: String) -> Result<UInt32, NTStatus>

    /// A network logon: LsaLogonUser.
    func logOn(package: UInt32, _ request: S4URequest) -> LogonOutcome
}

/// What LsaLogonUser says.
package struct LogonOutcome {
    package var status: NTStatus
    /// More about it, where the account is under a restriction.
    package var substatus: NTStatus
    package var token: Handle?

    package init(status: NTStatus, substatus: NTStatus = NTStatus(0), token: Handle? = nil) {
        self.status = status
        self.substatus = substatus
        self.token = token
    }
}

/// A logon without a password ("service for user"): what LsaLogonUser is asked.
package struct S4URequest: Equatable, Sendable {
    package enum Authentication: String, Sendable {
        /// For accounts of the machine: MSV1_0_S4U_LOGON.
        case local = "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0"
        /// For accounts of a domain: KERB_S4U_LOGON.
        case kerberos = "Kerberos"
    }

    package var authentication: Authentication
    package var name: String
    /// The machine or the realm; empty with a principal name, which says it.
    package var domain: String

    package init(_ authentication: Authentication, name: String, domain: String) {
        self.authentication = authentication
        self.name = name
        self.domain = domain
    }

    /// The structure in memory at `address`, with the texts that it points to right behind it, as the authority wants it:
    /// one block. Both kinds are laid out alike: the type of the message (12 in either), flags (0), and two UNICODE_STRINGs,
    /// which are the length and the room in bytes, 16 bits each, and a pointer, in its place for its width.
    /// `nil` when a text is longer than the 64 KiB that it can be.
    package func block(at address: UInt64, pointerWidth: Int) -> [UInt8]? {
        let texts = [name, domain].map { text in text.utf16.flatMap { Self.bytes(UInt64($0), 2) } }
        guard texts.allSatisfy({ $0.count <= Int(UInt16.max) - 1 }) else { return nil }
        var block = Self.bytes(12, 4) + Self.bytes(0, 4)
        var place = address + UInt64(8 + 2 * 2 * pointerWidth)
        for text in texts {
            block += Self.bytes(UInt64(text.count), 2) + Self.bytes(UInt64(text.count), 2)
            block += [UInt8](repeating: 0, count: pointerWidth - 4)
            block += Self.bytes(text.isEmpty ? 0 : place, pointerWidth)
            place += UInt64(text.count)
        }
        return block + texts[0] + texts[1]
    }

    /// The least significant byte first.
    private static func bytes(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
    }
}

/// Becomes users without their passwords. Whatever does not succeed in it is an error: no script runs then.
package struct S4ULogon {
    private let authority: any LogonAuthority

    package init(authority: any LogonAuthority = LocalSecurityAuthority()) { self.authority = authority }

    /// What a process of the user starts with; `nil` for the user of this process, who has not to be become.
    /// Blocks: it may ask domain controllers.
    package func logon(_ user: User) throws(LogonError) -> UserLogon? {
        do {
            if user.identifier == (try SecurityIdentifier.ofProcess()) { return nil }
        } catch {
            throw LogonError("\(error)")
        }
        guard user.identifier != SecurityIdentifier.system else {
            throw LogonError("only an agent that runs as SYSTEM can run scripts as SYSTEM")
        }
        let account = try account(of: user)
        let token = try S4UToken.make(for: account, by: authority)
        // CreateProcessAsUser switches them on itself, but has to have them.
        try Privilege.with([.assignPrimaryToken, .increaseQuota]) {}
        return try UserLogon(token, name: account.name)
    }

    private func account(of user: User) throws(LogonError) -> Account {
        let account: Account?
        do {
            account = try Account.with(identifier: user.identifier)
        } catch {
            throw LogonError("\(error)")
        }
        guard let account, account.kind == .user else { throw LogonError("there is no user \(user.identifier)") }
        return account
    }
}

/// Makes the tokens.
package enum S4UToken {
    /// A primary token of the account.
    package static func make(for account: Account, by authority: any LogonAuthority) throws(LogonError) -> Handle {
        try Privilege.with([.actAsSystem, .impersonate]) { () throws(LogonError) in
            let connection = try get(authority.register(), "LsaRegisterLogonProcess")
            let request = request(for: account)
            let name = request.authentication.rawValue
            let package = try get(connection.package(name), "LsaLookupAuthenticationPackage \(name)")
            let outcome = connection.logOn(package: package, request)
            guard outcome.status.code == 0, let token = outcome.token else { throw failure(outcome) }
            try check(token, isFor: account)
            guard let primary = Handle(owning: shim_win_DuplicateTokenEx_primary(token.raw)) else {
                throw LogonError("\(SystemError("DuplicateTokenEx"))")
            }
            try check(primary, isFor: account)
            return primary
        }
    }

    /// What is asked for an account. One of a domain is best called by its principal name, which is asked for as well.
    static func request(for account: Account) -> S4URequest {
        if account.isLocal { return S4URequest(.local, name: account.name, domain: ".") }
        let name = #"\#(account.domain)\\#(account.name)"#
        guard let principal = LocalSecurityAuthority.principalName(of: name) else {
            return S4URequest(.kerberos, name: account.name, domain: account.domain)
        }
        return S4URequest(.kerberos, name: principal, domain: "")
    }

    /// No other than the wanted user may be become, whatever went wrong.
    private static func check(_ token: Handle, isFor account: Account) throws(LogonError) {
        let found: String
        do {
            found = try SecurityIdentifier.ofUser(token)
        } catch {
            throw LogonError("\(error)")
        }
        guard found == account.identifier else {
            throw LogonError("the logon gave a token of \(found) for \(account.identifier)")
        }
    }

    private static func get<T>(_ result: Result<T, NTStatus>, _ call: String) throws(LogonError) -> T {
        do {
            return try result.get()
        } catch {
            throw LogonError("\(call): \(error)")
        }
    }

    private static func failure(_ outcome: LogonOutcome) -> LogonError {
        guard outcome.status.code != 0 else { return LogonError("LsaLogonUser gave no token") }
        let detail = outcome.substatus.code == 0 ? "" : "; substatus \(outcome.substatus)"
        return LogonError("LsaLogonUser: \(outcome.status)\(detail)")
    }
}
