import CShims

/// The folder of the system's programs.
package enum SystemFolder {
    /// The one whose programs are as wide as the system: a 32-bit process finds those of a 64-bit system below
    /// `Sysnative`.
    package static let native: String =
        shim_win_IsWow64Process() != 0 ? windows + #"\Sysnative"# : own

    /// The Windows folder.
    package static let windows = path { shim_win_GetSystemWindowsDirectory($0, $1) } ?? #"C:\Windows"#

    private static let own = path { shim_win_GetSystemDirectory($0, $1) } ?? windows + #"\System32"#

    private static func path(_ fill: (UnsafeMutablePointer<WCHAR>?, UINT) -> UINT) -> String? {
        WideText.string { buffer, count in DWORD(fill(buffer, UINT(count))) }
    }
}
