/// The time of day, for what people and the service read. Durations are measured with `ContinuousClock` instead, so
/// that a clock that is set does not disturb them.
public protocol WallClock: Sendable {
    /// Whole seconds since 1970-01-01 00:00:00 UTC.
    var unixSeconds: Int64 { get }

    /// Milliseconds since 1970-01-01 00:00:00 UTC.
    var unixMilliseconds: Int64 { get }
}
