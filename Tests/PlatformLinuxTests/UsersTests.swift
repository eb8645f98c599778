import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

@Suite struct UsersTests {
    private let etc: TestFolder

    init() throws {
        etc = try TestFolder()
        try etc.write("passwd: files\ngroup: files\n", to: "nsswitch.conf")
    }

    private func lookup(_ name: String, passwd: String, group: String = "") throws -> User? {
        try etc.write(passwd, to: "passwd")
        try etc.write(group, to: "group")
        return try LinuxUsers(etc: etc.path).lookup(name)
    }

    // MARK: - passwd

    @Test func anAccountIsReadWithAllItsFields() throws {
        let passwd = """
            root:x:0:0:root:/root:/bin/bash
            plxann:x:4001:4002:Ann Example,,,:/home/ann with space:/usr/bin/zsh
            plxbob:x:4003:4003::/home/bob:/bin/sh
            """
        let user = try lookup("plxann", passwd: passwd)
        #expect(
            user
                == User(
                    name: "plxann",
                    identifier: "4001",
                    groups: ["4002"],
                    home: "/home/ann with space",
                    shell: "/usr/bin/zsh"
                )
        )
    }

    /// Answers are kept while the files stay as they are, if they are older than two seconds.
    @Test func aChangeOfTheFilesIsSeenAtOnce() async throws {
        try etc.write("plxann:x:4001:4001::/a:/bin/sh\n", to: "passwd")
        try etc.write("", to: "group")
        let users = LinuxUsers(etc: etc.path)
        let start = ContinuousClock.now
        try await until("the files are old") { ContinuousClock.now - start > .seconds(4) }
        for _ in 0..<2 { #expect(try users.lookup("plxann")?.identifier == "4001") }
        try etc.write("plxann:x:4002:4001::/a:/bin/sh\n", to: "passwd")
        #expect(try users.lookup("plxann")?.identifier == "4002")
        try etc.write("plxgroup:x:4003:plxann\n", to: "group")
        #expect(try users.lookup("plxann")?.groups == ["4001", "4003"])
        try PosixFiles().remove(etc.path + "/passwd")
        #expect(try users.lookup("plxann") == nil)
    }

    @Test func emptyFieldsHaveTheirDefaults() throws {
        let user = try lookup("plxann", passwd: "plxann:x:4001:4002:::\n")
        #expect(user?.home == "/")
        #expect(user?.shell == "/bin/sh")
    }

    @Test func theFirstOfTwoAccountsWithOneNameHolds() throws {
        let passwd = "plxann:x:4001:4001::/a:/bin/sh\nplxann:x:4002:4002::/b:/bin/sh\n"
        #expect(try lookup("plxann", passwd: passwd)?.identifier == "4001")
    }

    @Test func malformedLinesArePassedOver() throws {
        let passwd = """

            # comment
            plxann
            plxann:x:4001
            plxann:x:notanumber:4001::/a:/bin/sh
            plxann:x:-1:4001::/a:/bin/sh
            plxann:x:99999999999:4001::/a:/bin/sh
            plxann:x::4001::/a:/bin/sh
            plxann:x:4001:4001::/a:/bin/sh:more
            +::::::
            plxann:x:4007:4007::/good:/bin/sh
            """
        let user = try lookup("plxann", passwd: passwd)
        #expect(user?.identifier == "4007")
        #expect(user?.home == "/good")
    }

    /// Characters that Swift, but not passwd(5), takes for the end of a line or for one with the separator before.
    @Test(arguments: ["\u{85}", "\u{2028}", "\u{0B}", "\u{0C}", "\u{301}", "\u{FE0F}"])
    func theTextOfAnAccountSplitsNoLine(_ text: String) throws {
        let passwd = "plxann:x:4001:4002:\(text)Ann\(text):/home/ann:/bin/sh\n"
        #expect(try lookup("plxann", passwd: passwd)?.home == "/home/ann")
    }

    @Test func bytesThatAreNotUTF8SpoilNothing() throws {
        let line = Array("plxann:x:4001:4002:".utf8) + [0xE9, 0xFF] + Array(":/home/ann:/bin/sh\n".utf8)
        try Data(line).write(to: URL(filePath: etc / "passwd"))
        #expect(try LinuxUsers(etc: etc.path).lookup("plxann")?.home == "/home/ann")
    }

    @Test func namesAreComparedByteByByte() throws {
        let passwd = "plxé:x:4001:4001::/composed:/bin/sh\nKelvin:x:4002:4002::/latin:/bin/sh\n"
        #expect(try lookup("plx\u{E9}", passwd: passwd)?.home == "/composed")
        #expect(try lookup("plxe\u{301}", passwd: passwd) == nil)
        #expect(try lookup("\u{212A}elvin", passwd: passwd) == nil)
        #expect(try lookup("kelvin", passwd: passwd) == nil)
    }

    @Test func aNumberThatIsANameIsOne() throws {
        #expect(try lookup("4711", passwd: "4711:x:4001:4001::/a:/bin/sh\n")?.identifier == "4001")
    }

    @Test func anEmptyNameIsTheAgentsOwnUser() throws {
        let uid = geteuid()
        let user = try lookup("", passwd: "plxann:x:\(uid + 1):1::/a:/bin/sh\nplxme:x:\(uid):1::/b:/bin/sh\n")
        #expect(user?.name == "plxme")
        #expect(try LinuxUsers().lookup("")?.identifier == String(uid))
    }

    // MARK: - Names that are none

    /// getent(1) takes some of these for uid 0.
    @Test(
        arguments: [
            "0", "00", "+0", "-0", " 0", "\t0", "\n0", " +0", " -0", "  00", "\u{0B}0", "65534", "18446744073709551616",
            "36893488147419103232",
        ]
    )
    func numbersAreNoNames(_ name: String) throws {
        #expect(try LinuxUsers().lookup(name) == nil)
    }

    @Test(
        arguments: [
            "root:x:0:0:root:/root:/bin/sh", "root:", "root\u{0}", "root\u{0}x", ":", "root\n", "\nroot",
            "root\nnobody", "ro\u{0}ot", "root\r",
            "plx-nobody-is-called-this", "-i", "--help", "-s files", "$(id)", "root ", " root", "ROOT", "root/", "*",
            "#",
            String(repeating: "a", count: 10_000),
        ]
    )
    func unknownNamesAreNobody(_ name: String) throws {
        #expect(try LinuxUsers().lookup(name) == nil)
    }

    // MARK: - Groups

    @Test func thePrimaryGroupIsFirstAndNoneIsThereTwice() throws {
        let group = """
            z:x:50:plxann
            y:x:10:other,plxann,third
            own:x:4002:plxann
            again:x:50:plxann
            none:x:60:
            other:x:70:plxanna,aplxann,plx
            """
        let user = try lookup("plxann", passwd: "plxann:x:4001:4002::/a:/bin/sh\n", group: group)
        #expect(user?.groups == ["4002", "50", "10"])
    }

    @Test func malformedGroupLinesArePassedOver() throws {
        let group = """
            # comment
            a
            a:x:1
            a:x:notanumber:plxann
            a:x:-1:plxann
            a:x:5:plxann:more
            a:x:6:,,plxann,,
            """
        let user = try lookup("plxann", passwd: "plxann:x:4001:4002::/a:/bin/sh\n", group: group)
        #expect(user?.groups == ["4002", "6"])
    }

    @Test func aUserWithoutAGroupFileHasItsOwnGroup() throws {
        try etc.write("plxann:x:4001:4002::/a:/bin/sh\n", to: "passwd")
        #expect(try LinuxUsers(etc: etc.path).lookup("plxann")?.groups == ["4002"])
    }

    // MARK: - The real system

    @Test func rootIsRoot() throws {
        let root = try #require(try LinuxUsers().lookup("root"))
        #expect(root.identifier == "0")
        #expect(root.groups.first == "0")
        #expect(root.home == "/root")
        #expect(root.shell.hasPrefix("/"))
    }

    @Test func nobodyIsWhoTheSystemSays() throws {
        guard let entry = getpwnam("nobody") else { return }
        let (uid, gid) = (entry.pointee.pw_uid, entry.pointee.pw_gid)
        let nobody = try #require(try LinuxUsers().lookup("nobody"))
        #expect(nobody.identifier == String(uid))
        #expect(nobody.groups == [String(gid)])
    }

    /// With files that know nobody, the answer is the name services'.
    @Test(.enabled(if: access("/usr/bin/getent", X_OK) == 0, "no getent here"))
    func whatTheFilesDoNotKnowTheNameServicesDo() throws {
        try etc.write("", to: "passwd")
        try etc.write("", to: "group")
        let users = LinuxUsers(etc: etc.path)
        #expect(try users.lookup("root") == LinuxUsers().lookup("root"))
        #expect(try users.lookup("")?.identifier == String(geteuid()))
        #expect(try users.lookup("plx-nobody-is-called-this") == nil)
    }

    @Test(.enabled(if: isRoot, "only root can add users"))
    func supplementaryGroupsAreAllThere() throws {
        let account = try TestUser(extraGroups: 3)
        defer { account.remove() }
        let gids = try account.groups.map { try #require(getgrnam($0)).pointee.gr_gid }
        let entry = try #require(getpwnam(account.name)).pointee
        let user = try #require(try LinuxUsers().lookup(account.name))
        #expect(user.identifier == String(entry.pw_uid))
        #expect(user.groups.first == String(entry.pw_gid))
        #expect(Set(user.groups.dropFirst()) == Set(gids.map { String($0) }))
        #expect(user.groups.count == 4)
    }

    /// The groups come from getent(1) when nsswitch.conf(5) names a source besides the files.
    @Test(
        .enabled(if: isRoot, "only root can add users"),
        .enabled(if: access("/usr/bin/getent", X_OK) == 0, "no getent here"),
        arguments: ["group: files sss\n", "group:files ldap\n", "group:\tfiles [NOTFOUND=continue] winbind\n"]
    )
    func groupsOfNameServicesAreAskedFor(_ switches: String) throws {
        let account = try TestUser(extraGroups: 2)
        defer { account.remove() }
        let entry = try #require(getpwnam(account.name)).pointee
        try etc.write("\(account.name):x:\(entry.pw_uid):\(entry.pw_gid)::/a:/bin/sh\n", to: "passwd")
        try etc.write("", to: "group")
        let users = LinuxUsers(etc: etc.path)
        #expect(try users.lookup(account.name)?.groups.count == 1, "the files alone know of no other")
        try etc.write(switches, to: "nsswitch.conf")
        #expect(try users.lookup(account.name)?.groups.count == 3)
    }
}
