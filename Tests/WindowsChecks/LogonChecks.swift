import Agent
import CShims
import PlatformWindows

let logonChecks = [
    Check("logon: MSV1_0_S4U_LOGON, byte by byte, as a 64-bit authority wants it") {
        let request = S4URequest(.local, name: "ab", domain: ".")
        let block = try unwrap(request.block(at: 0x1122_3344_5566_7700, pointerWidth: 8))
        try expectEqual(
            block,
            [12, 0, 0, 0, 0, 0, 0, 0]
                // Length and room of the name, padding, where it is: 40 bytes after the start.
                + [4, 0, 4, 0, 0, 0, 0, 0, 0x28, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]
                + [2, 0, 2, 0, 0, 0, 0, 0, 0x2C, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]
                + [0x61, 0, 0x62, 0] + [0x2E, 0]
        )
    },
    Check("logon: MSV1_0_S4U_LOGON, byte by byte, as a 32-bit authority wants it") {
        let request = S4URequest(.local, name: "ab", domain: ".")
        let block = try unwrap(request.block(at: 0x1122_3300, pointerWidth: 4))
        try expectEqual(
            block,
            [12, 0, 0, 0, 0, 0, 0, 0] + [4, 0, 4, 0, 0x18, 0x33, 0x22, 0x11] + [2, 0, 2, 0, 0x1C, 0x33, 0x22, 0x11]
                + [0x61, 0, 0x62, 0] + [0x2E, 0]
        )
    },
    Check("logon: KERB_S4U_LOGON, byte by byte, both widths, without a realm") {
        // Outside of the basic plane a character is two units.
        let request = S4URequest(.kerberos, name: "ü@😀", domain: "")
        let text: [UInt8] = [0xFC, 0, 0x40, 0, 0x3D, 0xD8, 0x00, 0xDE]
        try expectEqual(
            try unwrap(request.block(at: 0x1000, pointerWidth: 8)),
            [12, 0, 0, 0, 0, 0, 0, 0] + [8, 0, 8, 0, 0, 0, 0, 0, 0x28, 0x10, 0, 0, 0, 0, 0, 0]
                + [UInt8](repeating: 0, count: 16) + text
        )
        try expectEqual(
            try unwrap(request.block(at: 0x1000, pointerWidth: 4)),
            [12, 0, 0, 0, 0, 0, 0, 0] + [8, 0, 8, 0, 0x18, 0x10, 0, 0] + [UInt8](repeating: 0, count: 8) + text
        )
    },
    Check("logon: the structures are as large as the system's header says") {
        let empty = S4URequest(.local, name: "", domain: "")
        let width = MemoryLayout<UnsafeRawPointer>.size
        try expectEqual(try unwrap(empty.block(at: 0, pointerWidth: width)).count, shim_win_s4u_logon_size())
        try expectEqual(MemoryLayout<KERB_S4U_LOGON>.size, shim_win_s4u_logon_size())
        let long = S4URequest(.local, name: String(repeating: "x", count: 32_768), domain: "")
        try expect(long.block(at: 0, pointerWidth: width) == nil)
    },
    Check("logon: a status is told by its name, its number and its words") {
        let status = NTStatus(Int32(bitPattern: 0xC000_006D))
        try expect(status.description.hasPrefix("STATUS_LOGON_FAILURE (0xC000006D)"), "\(status)")
        try expect(NTStatus(Int32(bitPattern: 0xC123_4567)).description.hasPrefix("NTSTATUS 0xC1234567"))
        try expect(!NTStatus(-1).isSuccess && NTStatus(0).isSuccess)
    },
    Check("logon: each step that fails is told, and no token comes of it") {
        let account = Account(
            identifier: "S-1-5-21-1-2-3-1001",
            domain: Account.computer,
            name: "somebody",
            kind: .user
        )
        let denied = NTStatus(Int32(bitPattern: 0xC000_0022))
        let restricted = NTStatus(Int32(bitPattern: 0xC000_006E))
        let disabled = NTStatus(Int32(bitPattern: 0xC000_0072))
        let cases: [(RecordedAuthority, [String])] = [
            (RecordedAuthority(registration: denied), ["LsaRegisterLogonProcess", "STATUS_ACCESS_DENIED"]),
            (RecordedAuthority(package: denied), ["LsaLookupAuthenticationPackage", "STATUS_ACCESS_DENIED"]),
            (
                RecordedAuthority(outcome: LogonOutcome(status: restricted, substatus: disabled)),
                ["LsaLogonUser: STATUS_ACCOUNT_RESTRICTION", "substatus STATUS_ACCOUNT_DISABLED"]
            ),
            (RecordedAuthority(outcome: LogonOutcome(status: NTStatus(0))), ["gave no token"]),
            // A status that is no error, and no success either.
            (RecordedAuthority(outcome: LogonOutcome(status: NTStatus(0x103))), ["LsaLogonUser: NTSTATUS 0x103"]),
            // The token of somebody else: this process' own.
            (
                RecordedAuthority(outcome: LogonOutcome(status: NTStatus(0), token: try processToken())),
                ["for S-1-5-21-1-2-3-1001"]
            ),
        ]
        for (authority, words) in cases {
            do {
                _ = try S4UToken.make(for: account, by: authority)
                throw Failure(description: "a token came of it: \(words)")
            } catch let error as LogonError {
                for word in words { try expect(error.description.has(word), error.description) }
            }
        }
    },
    Check("logon: what is asked of the authority, and that the token is a primary one") {
        let own = try unwrap(try Account.with(identifier: try SecurityIdentifier.ofProcess()))
        let authority = RecordedAuthority(outcome: LogonOutcome(status: NTStatus(0), token: try processToken()))
        let local = Account(identifier: own.identifier, domain: Account.computer, name: "somebody", kind: .user)
        let token = try S4UToken.make(for: local, by: authority)
        try expectEqual(try SecurityIdentifier.ofUser(token), own.identifier)
        try expectEqual(authority.packages, ["MICROSOFT_AUTHENTICATION_PACKAGE_V1_0"])
        try expectEqual(authority.requests, [S4URequest(.local, name: "somebody", domain: ".")])
        let foreign = Account(identifier: own.identifier, domain: "NOSUCHDOMAIN", name: "somebody", kind: .user)
        _ = try S4UToken.make(for: foreign, by: authority)
        try expectEqual(authority.packages.last, "Kerberos")
        try expectEqual(authority.requests.last?.authentication, .kerberos)
    },
    Check("logon: without a privilege nothing is done") {
        var isDone = false
        do {
            try Privilege.with([.actAsSystem, .assignPrimaryToken]) { () throws(LogonError) in isDone = true }
        } catch let error as LogonError {
            try expect(error.description.has("Privilege"), error.description)
            try expect(!isDone)
        }
    },
    Check("logon: the system's authority answers, a token or a reason") {
        let user = User(name: "nobody", identifier: "S-1-5-21-1-2-3-1001", groups: [], home: "", shell: "")
        do {
            _ = try S4ULogon().logon(user)
            throw Failure(description: "a user who is not there was logged on")
        } catch let error as LogonError {
            try expect(error.description.has("there is no user S-1-5-21-1-2-3-1001"), error.description)
        }
        let system = User(name: "SYSTEM", identifier: "S-1-5-18", groups: [], home: "", shell: "")
        if try SecurityIdentifier.ofProcess() != "S-1-5-18" {
            do {
                _ = try S4ULogon().logon(system)
                throw Failure(description: "SYSTEM was logged on")
            } catch let error as LogonError {
                try expect(error.description.has("SYSTEM"), error.description)
            }
        }
        let own = try unwrap(try WindowsUsers().lookup(""))
        try expect(try S4ULogon().logon(own) == nil)
        if isWine {
            // It has a name and a number for the administrator, but logs nobody on.
            let administrator = try unwrap(try WindowsUsers().lookup("Administrator"))
            do {
                _ = try S4ULogon().logon(administrator)
                throw Failure(description: "somebody was logged on")
            } catch let error as LogonError {
                try expect(error.description.has("LsaLookupAuthenticationPackage"), error.description)
                try expect(error.description.has("STATUS_UNSUCCESSFUL (0xC0000001)"), error.description)
            }
        }
        // The real calls, for a name that nobody has.
        let account = Account(identifier: user.identifier, domain: Account.computer, name: "no-such-user", kind: .user)
        do {
            _ = try S4UToken.make(for: account, by: LocalSecurityAuthority())
            throw Failure(description: "a user who is not there got a token")
        } catch let error as LogonError {
            print("       \(error)")
            try expect(!error.description.isEmpty)
        }
    },
    Check("logon: a user's environment and home, from a token") {
        let logon = try UserLogon(try processToken(), name: try unwrap(try WindowsUsers().lookup("")).name)
        try expect(Path.isAbsolute(logon.home), logon.home)
        let variables = logon.environment.split(separator: 0).map { String(decoding: $0, as: UTF16.self).uppercased() }
        try expect(variables.contains { $0.hasPrefix("SYSTEMROOT=") }, "\(variables)")
        logon.close()
        logon.close()
    },
]

/// This process' own token, as if it came from a logon.
private func processToken() throws -> Handle {
    let rights = DWORD(TOKEN_QUERY | TOKEN_DUPLICATE | TOKEN_IMPERSONATE)
    return try unwrap(Handle(owning: shim_win_OpenProcessToken(UInt32(rights))))
}

/// Says what it was told to say, and keeps what it was asked.
private final class RecordedAuthority: LogonAuthority, LogonConnection {
    private let registration: NTStatus?
    private let lookup: NTStatus?
    private let outcome: LogonOutcome
    private(set) var packages: [String] = []
    private(set) var requests: [S4URequest] = []

    init(
        registration: NTStatus? = nil,
        package: NTStatus? = nil,
        outcome: LogonOutcome = LogonOutcome(status: NTStatus(0))
    ) {
        self.registration = registration
        lookup = package
        self.outcome = outcome
    }

    func register() -> Result<any LogonConnection, NTStatus> {
        registration.map { .failure($0) } ?? .success(self)
    }

    func package(_ name: String) -> Result<UInt32, NTStatus> {
        packages.append(name)
        return lookup.map { .failure($0) } ?? .success(7)
    }

    func logOn(package: UInt32, _ request: S4URequest) -> LogonOutcome {
        requests.append(request)
        return package == 7 ? outcome : LogonOutcome(status: NTStatus(-1))
    }
}
