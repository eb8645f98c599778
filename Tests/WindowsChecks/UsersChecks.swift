import Agent
import CShims
import PlatformWindows

let usersChecks = [
    Check("users: the agent's own, by no name and by its name") {
        let own = try unwrap(try WindowsUsers().lookup(""))
        try expectEqual(own.identifier, try SecurityIdentifier.ofProcess())
        try expect(!own.name.isEmpty)
        try expect(Path.isAbsolute(own.home), own.home)
        try expectEqual(try WindowsUsers().lookup(own.name)?.identifier, own.identifier)
        // To Wine the user's name in capital letters is nobody's.
        let shouted = try WindowsUsers().lookup(own.name.uppercased())
        try expect(shouted?.identifier == own.identifier || isWine, "\(String(describing: shouted))")
        if own.identifier != SecurityIdentifier.system {
            try expectEqual(try WindowsUsers().lookup(#".\"# + own.name)?.identifier, own.identifier)
            try expectEqual(try WindowsUsers().lookup(Account.computer + #"\"# + own.name)?.identifier, own.identifier)
        }
    },
    Check("users: SYSTEM, by its names in English") {
        for name in ["SYSTEM", "System", "LocalSystem", #"NT AUTHORITY\SYSTEM"#] {
            let user = try unwrap(try WindowsUsers().lookup(name), name)
            try expectEqual([user.name, user.identifier], ["SYSTEM", "S-1-5-18"])
        }
    },
    Check("users: Administrator") {
        let user = try unwrap(try WindowsUsers().lookup("Administrator"))
        try expect(user.identifier.hasPrefix("S-1-5-21-") && user.identifier.hasSuffix("-500"), "\(user)")
    },
    Check("users: who is none: groups, the computer, unknown and impossible names") {
        for name in [
            "Users", "Administrators", "Everyone", #"BUILTIN\Users"#, "LOCAL SERVICE", Account.computer, "no-such-user",
            #"NOSUCHDOMAIN\user"#, "user@no.such.domain", #"\"#, "@", #"a\b\c"#, "a\u{0}b", "a\nb", " ",
            String(repeating: "x", count: 10_000), "S-1-5-18", "😀",
        ] {
            let found = try WindowsUsers().lookup(name)
            try expect(found == nil, "\(name.prefix(40)): \(String(describing: found))")
        }
    },
    Check("users: accounts by their SID, and texts that are none") {
        let own = try SecurityIdentifier.ofProcess()
        try expectEqual(try Account.with(identifier: own)?.identifier, own)
        try expectEqual(try Account.with(identifier: SecurityIdentifier.administrators)?.kind == .user, false)
        for text in ["", "x", "S-1-", "S-1-5-21-1-2-3-4", "S-1-5-18;;;"] {
            try expect(try Account.with(identifier: text) == nil, text)
        }
    },
]
