import CShims

/// What a process may only do when its token has it, and has it switched on.
package enum Privilege: String, Sendable {
    /// To log on anybody.
    case actAsSystem = "SeTcbPrivilege"
    /// To start a process with another token.
    case assignPrimaryToken = "SeAssignPrimaryTokenPrivilege"
    case increaseQuota = "SeIncreaseQuotaPrivilege"
    case impersonate = "SeImpersonatePrivilege"
    /// To load a profile, together with `restore`.
    case backup = "SeBackupPrivilege"
    case restore = "SeRestorePrivilege"

    /// SE_PRIVILEGE_ENABLED.
    private static let enabled: UInt32 = 2

    /// Runs `body` with these switched on, and switches off again what was off. Without one of them it is not run.
    package static func with<T>(
        _ privileges: [Privilege],
        _ body: () throws(LogonError) -> T
    ) throws(LogonError) -> T {
        let token: Handle
        do {
            token = try Token.ofProcess(access: DWORD(TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES))
        } catch {
            throw LogonError("\(error)")
        }
        var changed: [(Privilege, UInt32)] = []
        defer { for (privilege, before) in changed.reversed() { _ = try? privilege.set(before, in: token) } }
        for privilege in privileges {
            let before = try privilege.set(Self.enabled, in: token)
            if before & Self.enabled == 0 { changed.append((privilege, before)) }
        }
        return try body()
    }

    /// Sets the attributes: those that it had before.
    private func set(_ attributes: UInt32, in token: Handle) throws(LogonError) -> UInt32 {
        var value = LUID()
        guard shim_win_LookupPrivilegeValue(rawValue.wide, &value) else {
            throw LogonError("\(SystemError("LookupPrivilegeValue \(rawValue)"))")
        }
        var before: UInt32 = 0
        shim_win_SetLastError(0)
        let isDone = shim_win_AdjustTokenPrivileges(token.raw, value, attributes, &before)
        let code = shim_win_GetLastError()
        // It succeeds, too, where the token does not have the privilege.
        if isDone, code == ErrorCode.notAllAssigned { throw LogonError("this process does not have \(rawValue)") }
        guard isDone, code == 0 else {
            throw LogonError("\(SystemError("AdjustTokenPrivileges \(rawValue)", code: code))")
        }
        return before
    }
}

/// Why a user could not be become.
package struct LogonError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
