import Agent
import CShims

/// The time of day by clock_gettime(2).
public struct SystemClock: WallClock {
    public init() {}

    public var unixSeconds: Int64 { Int64(time.tv_sec) }

    public var unixMilliseconds: Int64 { Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000 }

    private var time: timespec {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time
    }
}
