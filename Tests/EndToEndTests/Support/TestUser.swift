import Foundation
import Testing

/// An account made for the tests, with a home and a group of its own.
struct TestUser: Sendable {
    let name: String
    let uid: Int
    let gid: Int
    let home: String
}

/// Accounts that exist while the tests of a suite run.
struct TestUsers: Sendable {
    let alice: TestUser
    let bob: TestUser
    /// Further groups that alice is in.
    let groups: [Int]

    /// Those of the suite, where it has the trait `.users`.
    static var shared: TestUsers {
        get throws {
            guard let users = UsersScope.users else { throw TestFailure("the suite has no users") }
            return users
        }
    }
}

/// Makes users and groups with names of their own, and removes them.
final class AccountMaker {
    private let folder: TestFolder
    private let prefix = "tat" + UUID().uuidString.prefix(8).lowercased()
    private var users: [String] = []
    private var groups: [String] = []

    init() throws { folder = try TestFolder() }

    func make() throws -> TestUsers {
        groups = ["\(prefix)g1", "\(prefix)g2"]
        for group in groups { try account("groupadd", "--system", group) }
        return TestUsers(
            alice: try user("a", ["--groups", groups.joined(separator: ",")]),
            bob: try user("b", []),
            groups: try groups.map { Int(try field(2, "group", $0)) ?? -1 }
        )
    }

    func remove() {
        for user in users { _ = try? account("userdel", user) }
        for group in groups { _ = try? account("groupdel", group) }
        folder.remove()
    }

    private func user(_ suffix: String, _ options: [String]) throws -> TestUser {
        let name = prefix + suffix
        let home = try folder.make(name, mode: 0o700)
        users.append(name)
        let fixed = ["--system", "--user-group", "--no-create-home", "--home-dir", home, "--shell", "/bin/bash"]
        try account(["useradd"] + fixed + options + [name])
        let (uid, gid) = (Int(try field(2, "passwd", name)) ?? -1, Int(try field(3, "passwd", name)) ?? -1)
        guard uid > 0, gid > 0, chown(home, uid_t(uid), gid_t(gid)) == 0 else { throw TestFailure("no user \(name)") }
        return TestUser(name: name, uid: uid, gid: gid, home: home)
    }

    private func field(_ number: Int, _ database: String, _ name: String) throws -> String {
        let line = try SpawnedProcess.run(["getent", database, name])
        let fields = line.split(separator: ":", omittingEmptySubsequences: false)
        return fields.count > number ? String(fields[number]) : ""
    }

    private func account(_ words: String...) throws { try account(words) }

    /// The files may be locked by somebody else who changes them.
    private func account(_ words: [String]) throws {
        for attempt in 1... {
            do {
                try SpawnedProcess.run(words)
                return
            } catch {
                guard attempt < 5 else { throw error }
                usleep(200_000)
            }
        }
    }
}

/// Gives a suite users that its tests share. Needs root.
struct UsersScope: SuiteTrait, TestScoping {
    @TaskLocal fileprivate static var users: TestUsers?

    @concurrent
    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        let maker = try AccountMaker()
        defer { maker.remove() }
        let users = try maker.make()
        try await Self.$users.withValue(users) { try await function() }
    }
}

extension Trait where Self == UsersScope {
    static var users: Self { UsersScope() }
}
