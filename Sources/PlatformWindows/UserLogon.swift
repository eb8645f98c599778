import CShims

/// A user who was become: what processes of theirs start with. Until `close` the user's profile is loaded.
package final class UserLogon {
    /// A primary token.
    private let handle: Handle
    private var profile: HANDLE?

    /// The user's environment as a block: `NAME=VALUE`, each ended by NUL, and one more NUL.
    package let environment: [WCHAR]
    /// The folder of the user's profile.
    package let home: String

    /// The primary token.
    package var token: HANDLE? { handle.raw }

    /// Loads the profile and makes the environment.
    package init(_ token: Handle, name: String) throws(LogonError) {
        guard LogonLibrary.isLoaded else { throw LogonError("userenv.dll: \(NTStatus.dllNotFound)") }
        handle = token
        let loaded = try Privilege.with([.backup, .restore]) { () throws(LogonError) -> HANDLE? in
            var profile: HANDLE?
            guard shim_win_LoadUserProfile(token.raw, name.wide, &profile) else {
                throw LogonError("\(SystemError("LoadUserProfile"))")
            }
            return profile
        }
        do throws(LogonError) {
            environment = try Self.environment(of: token)
            home = try Self.home(of: token)
        } catch {
            Self.unload(loaded, token)
            throw error
        }
        profile = loaded
    }

    deinit { close() }

    /// Unloads the profile. Nothing when it was done before.
    package func close() {
        guard let profile else { return }
        self.profile = nil
        Self.unload(profile, handle)
    }

    private static func unload(_ profile: HANDLE?, _ token: Handle) {
        guard let profile else { return }
        // Where that fails the system does it at the next boot.
        try? Privilege.with([.backup, .restore]) { () throws(LogonError) in
            _ = shim_win_UnloadUserProfile(token.raw, profile)
        }
    }

    private static func environment(of token: Handle) throws(LogonError) -> [WCHAR] {
        guard let block = shim_win_CreateEnvironmentBlock(token.raw) else {
            throw LogonError("\(SystemError("CreateEnvironmentBlock"))")
        }
        defer { _ = shim_win_DestroyEnvironmentBlock(block) }
        var length = 0
        while block[length] != 0 || block[length + 1] != 0 { length += 1 }
        return Array(UnsafeBufferPointer(start: block, count: length + 2))
    }

    private static func home(of token: Handle) throws(LogonError) -> String {
        var buffer = [WCHAR](repeating: 0, count: 4096)
        var count = UInt32(buffer.count)
        guard shim_win_GetUserProfileDirectory(token.raw, &buffer, &count) else {
            throw LogonError("\(SystemError("GetUserProfileDirectory"))")
        }
        return String(decoding: buffer.prefix { $0 != 0 }, as: UTF16.self)
    }
}
