/// An account of the machine, as a task needs it.
public struct User: Equatable, Sendable {
    public var name: String
    /// The account as the launcher identifies it. Linux: the uid in decimal. Windows: the SID.
    public var identifier: String
    /// All groups, the primary one first. Linux: gids in decimal.
    public var groups: [String]
    public var home: String
    /// The login shell; empty on Windows.
    public var shell: String

    public init(name: String, identifier: String, groups: [String], home: String, shell: String) {
        self.name = name
        self.identifier = identifier
        self.groups = groups
        self.home = home
        self.shell = shell
    }
}

/// The machine's account database. Asking it can block for long (LDAP, SSSD, domain controllers): ask on the worker.
public protocol Users: Sendable {
    /// The account called `name`, or the agent's own when `name` is empty; `nil` when there is none.
    /// Throws when the database cannot be asked, with the reason.
    func lookup(_ name: String) throws(UsersError) -> User?
}

/// The account database could not answer.
public struct UsersError: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
