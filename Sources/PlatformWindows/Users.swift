import Agent
import CShims

/// The accounts of the machine and of its domains. The system itself is called `SYSTEM`, whatever its language.
public struct WindowsUsers: Users {
    public init() {}

    public func lookup(_ name: String) throws(UsersError) -> User? {
        do {
            guard let account = try account(name) else { return nil }
            return User(
                name: account.isLocal || account.identifier == SecurityIdentifier.system
                    ? account.name : #"\#(account.domain)\\#(account.name)"#,
                identifier: account.identifier,
                groups: [],
                home: home(of: account.identifier),
                shell: ""
            )
        } catch {
            throw UsersError("the account database did not answer: \(error)")
        }
    }

    private func account(_ name: String) throws(SystemError) -> Account? {
        if name.isEmpty { return try own() }
        if Self.namesOfSystem.contains(name.lowercased()) { return try system() }
        if let account = try Account.named(name), isUser(account) { return account }
        // A name alone may be that of the computer, or a group's, as well.
        let isPlain = !name.utf8.contains { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "@") }
        guard isPlain else { return nil }
        if let account = try Account.named(#"\#(Account.computer)\\#(name)"#), isUser(account) { return account }
        // The one who is called so in English, however it is called here.
        return name.lowercased() == "administrator" ? try administrator() : nil
    }

    private static let namesOfSystem = ["system", "localsystem", #"nt authority\system"#]

    private func isUser(_ account: Account) -> Bool {
        // In other languages than English the system is found under its name there.
        account.kind == .user || account.identifier == SecurityIdentifier.system
    }

    private func system() throws(SystemError) -> Account? {
        var account = try Account.with(identifier: SecurityIdentifier.system)
        account?.name = "SYSTEM"
        return account
    }

    private func own() throws(SystemError) -> Account? {
        let identifier = try SecurityIdentifier.ofProcess()
        return identifier == SecurityIdentifier.system ? try system() : try Account.with(identifier: identifier)
    }

    /// The account of the machine that has had the number 500 since its installation.
    private func administrator() throws(SystemError) -> Account? {
        guard let machine = try Account.named(Account.computer), machine.kind == .domain else { return nil }
        return try Account.with(identifier: machine.identifier + "-500").flatMap { isUser($0) ? $0 : nil }
    }

    /// The folder of the account's profile; empty where it has none yet.
    private func home(of identifier: String) -> String {
        let key = #"SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\"# + identifier
        if let path = Registry.text(key, "ProfileImagePath"), Path.isAbsolute(path) { return path }
        let isOwn = (try? SecurityIdentifier.ofProcess()) == identifier
        return isOwn ? Environment.value("USERPROFILE") ?? "" : ""
    }
}
