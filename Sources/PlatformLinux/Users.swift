import Agent
import CShims

/// The account database: the files of `/etc` first, then, for what only name services know (LDAP, SSSD), `getent`.
///
/// The C library is not asked in process: linked statically it would load name service plug-ins made for another one.
public struct LinuxUsers: Users {
    private let etc: String
    private let cache = Lock(Cache())

    /// - Parameter etc: where `passwd`, `group` and `nsswitch.conf` are.
    public init(etc: String = "/etc") { self.etc = etc }

    public func lookup(_ name: String) throws(UsersError) -> User? {
        let stamps = stamps
        if let user = cache.with({ $0.stamps == stamps ? $0.users[name] : nil }) { return user }
        guard let account = try account(name) else { return nil }
        let user = User(
            name: account.name,
            identifier: String(account.uid),
            groups: try groups(of: account).map { String($0) },
            home: account.home.isEmpty ? "/" : account.home,
            shell: account.shell.isEmpty ? "/bin/sh" : account.shell
        )
        if account.isInFiles, !groupsComeFromElsewhere { cache.with { $0.keep(user, as: name, stamps) } }
        return user
    }

    // MARK: - What the files said

    /// Tells one state of the files from another.
    private struct Stamp: Equatable {
        let file: ino_t
        let size: off_t
        let seconds: Int
        let nanoseconds: Int
    }

    private struct Cache {
        static let limit = 64
        var stamps: [Stamp]?
        var users: [String: User] = [:]

        mutating func keep(_ user: User, as name: String, _ stamps: [Stamp]?) {
            if stamps != self.stamps || users.count == Self.limit { users = [:] }
            self.stamps = stamps
            if stamps != nil { users[name] = user }
        }
    }

    /// `nil` while one of the files is so new that another change might leave the same stamp.
    private var stamps: [Stamp]? {
        let now = SystemClock().unixSeconds
        var stamps: [Stamp] = []
        for name in ["passwd", "group", "nsswitch.conf"] {
            var status = stat()
            guard stat("\(etc)/\(name)", &status) == 0 else { continue }
            let changed = status.st_ctim
            guard abs(now - Int64(changed.tv_sec)) > 2 else { return nil }
            stamps.append(
                Stamp(
                    file: status.st_ino,
                    size: status.st_size,
                    seconds: Int(changed.tv_sec),
                    nanoseconds: Int(changed.tv_nsec)
                )
            )
        }
        return stamps
    }

    private struct Account {
        let name: String
        let uid: uid_t
        let gid: gid_t
        let home: String
        let shell: String
        /// Whether it is of the files, and of no name service.
        var isInFiles = true

        /// A line of passwd(5).
        init?(line: Substring) {
            let fields = LinuxUsers.fields(of: line)
            guard fields.count == 7, let uid = uid_t(fields[2]), let gid = gid_t(fields[3]) else { return nil }
            name = String(fields[0])
            self.uid = uid
            self.gid = gid
            home = String(fields[5])
            shell = String(fields[6])
        }
    }

    private func account(_ name: String) throws(UsersError) -> Account? {
        let uid = geteuid()
        let isWanted: (Account) -> Bool = name.isEmpty ? { $0.uid == uid } : { isSame($0.name, name) }
        if let found = lines(of: "passwd").lazy.compactMap(Account.init(line:)).first(where: isWanted) { return found }
        let key = name.isEmpty ? String(uid) : name
        guard name.isEmpty || Self.canBeAsked(name) else { return nil }
        var found = try ask("passwd", key).lazy.compactMap(Account.init(line:)).first
        found?.isInFiles = false
        return found
    }

    /// Whether getent can be asked for a name: none holds a separator or ends early, and a number, with blanks and a sign
    /// before it as strtoul(3) allows them, would be taken for a uid.
    private static func canBeAsked(_ name: String) -> Bool {
        guard !name.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: ":") }) else {
            return false
        }
        var rest = name.utf8.drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
        if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        return !rest.allSatisfy { (0x30...0x39).contains($0) }
    }

    /// The primary group first, then the others.
    private func groups(of account: Account) throws(UsersError) -> [gid_t] {
        var groups = [account.gid]
        func add(_ gid: gid_t) {
            if !groups.contains(gid) { groups.append(gid) }
        }
        for line in lines(of: "group") {
            let fields = Self.fields(of: line)
            guard fields.count == 4, let gid = gid_t(fields[2]) else { continue }
            if Self.split(fields[3], at: ",").contains(where: { isSame($0, account.name) }) { add(gid) }
        }
        if groupsComeFromElsewhere {
            // "NAME GID GID …"
            for line in try ask("initgroups", account.name) {
                for word in line.split(separator: " ").dropFirst() {
                    if let gid = gid_t(word) { add(gid) }
                }
            }
        }
        return groups
    }

    /// Whether nsswitch.conf(5) names a source of groups besides the files.
    private var groupsComeFromElsewhere: Bool {
        lines(of: "nsswitch.conf").contains { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, ["group", "initgroups"].contains(parts[0]) else { return false }
            return parts[1].split(whereSeparator: { $0 == " " || $0 == "\t" }).contains { word in
                !["files", "compat", "systemd"].contains(word) && !word.hasPrefix("[") && !word.hasPrefix("#")
            }
        }
    }

    private func lines(of file: String) -> [Substring] {
        let bytes = (try? PosixFiles().read("\(etc)/\(file)", limit: 64 << 20)) ?? []
        return Self.lines(in: bytes)
    }

    private func ask(_ database: String, _ key: String) throws(UsersError) -> [Substring] {
        guard let getent = (["/usr/bin/getent", "/bin/getent"] as [String]).first(where: { access($0, X_OK) == 0 })
        else { return [] }
        let result: Subprocess.Result
        do {
            result = try Subprocess.run(getent, ["--", database, key])
        } catch {
            throw UsersError("the account database cannot be asked: \(error)")
        }
        switch result.exitCode {
        case 0: return Self.lines(in: result.output)
        // "One or more supplied key could not be found", "Missing arguments, or database unknown".
        case 1, 2: return []
        default: throw UsersError("the account database did not answer (getent: \(result.exitCode))")
        }
    }

    // By bytes: a separator with a combining character after it is another character to Swift, there are more ends of
    // lines to it, and names that only look alike are equal to it.

    private static func lines(in bytes: [UInt8]) -> [Substring] {
        split(Substring(decoding: bytes, as: UTF8.self), at: "\n")
    }

    fileprivate static func fields(of line: Substring) -> [Substring] {
        split(line, at: ":", omittingEmptySubsequences: false)
    }

    private static func split(
        _ text: Substring,
        at separator: Unicode.Scalar,
        omittingEmptySubsequences: Bool = true
    ) -> [Substring] {
        text.utf8.split(
            separator: UInt8(ascii: separator),
            omittingEmptySubsequences: omittingEmptySubsequences
        ).map { Substring($0) }
    }
}

private func isSame(_ name: some StringProtocol, _ other: some StringProtocol) -> Bool {
    name.utf8.elementsEqual(other.utf8)
}
