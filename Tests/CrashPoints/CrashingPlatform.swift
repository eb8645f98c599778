import Agent

/// A platform whose operations with an effect outside the process are two steps each: before it and after it. At a step
/// of its choice a test build's process dies (`Tests/Torture/crashpoints.py`). Not part of the product.
public struct CrashingPlatform: Platform {
    public typealias Step = @Sendable (_ name: String) -> Void

    private let platform: any Platform
    public let files: any Files
    public let launcher: any Launcher
    public let transport: any Transport

    public var poller: any Poller { platform.poller }
    public var worker: any Worker { platform.worker }
    public var clock: any WallClock { platform.clock }
    public var random: any RandomSource { platform.random }
    public var users: any Users { platform.users }
    public var crypto: any Crypto { platform.crypto }
    public var machine: any Machine { platform.machine }
    public var service: any Service { platform.service }

    @LoopActor
    public init(_ platform: any Platform, step: @escaping Step) {
        self.platform = platform
        files = CrashingFiles(files: platform.files, step: step)
        launcher = CrashingLauncher(launcher: platform.launcher, step: step)
        transport = CrashingTransport(platform.transport, step: step)
    }
}
