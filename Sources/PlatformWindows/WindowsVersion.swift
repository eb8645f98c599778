import CShims

/// The version of Windows that runs, RtlGetVersion.
package struct WindowsVersion: Sendable {
    package var major: UInt32 = 0
    package var minor: UInt32 = 0
    package var build: UInt32 = 0
    package var isServer = false

    package init() {}

    package static let current: WindowsVersion = {
        var version = WindowsVersion()
        _ = shim_win_RtlGetVersion(&version.major, &version.minor, &version.build, &version.isServer)
        return version
    }()
}
