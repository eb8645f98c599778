import Agent
import CShims

/// The time of day by GetSystemTimeAsFileTime.
public struct SystemClock: WallClock {
    public init() {}

    public var unixSeconds: Int64 { unixMilliseconds / 1000 }

    public var unixMilliseconds: Int64 { FileTime.unixMilliseconds(shim_win_GetSystemTimeAsFileTime()) }
}

/// Times of the system: units of 100 ns since 1601-01-01 00:00:00 UTC.
enum FileTime {
    /// Milliseconds since 1970-01-01 00:00:00 UTC.
    static func unixMilliseconds(_ time: UInt64) -> Int64 {
        Int64(time / 10_000) - 11_644_473_600_000
    }
}
