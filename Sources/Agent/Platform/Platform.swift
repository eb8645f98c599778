/// Everything the core asks of an operating system: a bundle of small capabilities, one file each.
///
/// A backend (`PlatformLinux`, `PlatformWindows`) implements each capability in a file of the same name, and the
/// executable picks the backend at compile time.
public protocol Platform: Sendable {
    var poller: any Poller { get }
    var worker: any Worker { get }
    var clock: any WallClock { get }
    var random: any RandomSource { get }
    var files: any Files { get }
    var users: any Users { get }
    var launcher: any Launcher { get }
    var transport: any Transport { get }
    var crypto: any Crypto { get }
    var machine: any Machine { get }
    var service: any Service { get }
}
