import Agent
import CShims

/// The account database: the files of `/etc` first, then, for what only name services know (LDAP, SSSD), `getent`.
///
/// The C library is not asked in process: linked statically it would load name service plug-ins made for another one.
public struct LinuxUsers: Users {
    private let etc: String

    /// - Parameter etc: where `passwd`, `group` and `nsswitch.conf` are.
    public init(etc: String = "/etc") { self.etc = etc }

    public func lookup(_ name: String) throws(UsersError) -> User? {
        guard let account = try account(name) else { return nil }
        return User(
            name: account.name,
            identifier: String(account.uid),
            groups: try groups(of: account).map { String($0) },
            home: account.home.isEmpty ? "/" : account.home,
            shell: account.shell.isEmpty ? "/bin/sh" : account.shell
        )
    }

    private struct Account {
        let name: String
        let uid: uid_t
        let gid: gid_t
        let home: String
        let shell: String

        /// A line of passwd(5).
        init?(line: Substring) {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
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
        let isWanted: (Account) -> Bool = name.isEmpty ? { $0.uid == uid } : { $0.name == name }
        if let found = lines(of: "passwd").lazy.compactMap(Account.init(line:)).first(where: isWanted) { return found }
        let key = name.isEmpty ? String(uid) : name
        // getent takes a number for a uid, and nobody is called by one.
        guard name.isEmpty || (UInt64(name) == nil && !name.contains(where: { $0 == ":" || $0.isNewline })) else {
            return nil
        }
        return try ask("passwd", key).lazy.compactMap(Account.init(line:)).first
    }

    /// The primary group first, then the others.
    private func groups(of account: Account) throws(UsersError) -> [gid_t] {
        var groups = [account.gid]
        func add(_ gid: gid_t) {
            if !groups.contains(gid) { groups.append(gid) }
        }
        for line in lines(of: "group") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count == 4, let gid = gid_t(fields[2]) else { continue }
            if fields[3].split(separator: ",").contains(where: { $0 == account.name }) { add(gid) }
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
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard words.first == "group:" || words.first == "initgroups:" else { return false }
            return words.dropFirst().contains { word in
                !["files", "compat", "systemd"].contains(word) && !word.hasPrefix("[") && !word.hasPrefix("#")
            }
        }
    }

    private func lines(of file: String) -> [Substring] {
        let bytes = (try? PosixFiles().read("\(etc)/\(file)", limit: 64 << 20)) ?? []
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
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
        case 0: return String(decoding: result.output, as: UTF8.self).split(whereSeparator: \.isNewline)
        // "One or more supplied key could not be found", "Missing arguments, or database unknown".
        case 1, 2: return []
        default: throw UsersError("the account database did not answer (getent: \(result.exitCode))")
        }
    }
}
