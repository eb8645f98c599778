/// How much a line of the log matters.
public enum LogLevel: Int, Comparable, Sendable {
    case debug, info, warning, error

    var label: String {
        switch self {
        case .debug: "DEBUG"
        case .info: "INFO"
        case .warning: "WARN"
        case .error: "ERROR"
        }
    }

    public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}

/// Where lines of the log go.
public protocol LogSink: Sendable {
    /// Takes one line, without its line feed. Must not fail: a log that cannot be written is no reason to stop.
    func write(_ line: String)
}

/// The log. What it is given must not hold scripts, outputs, credentials or signatures.
public struct Log: Sendable {
    private let sink: any LogSink
    private let clock: any WallClock
    private let threshold: LogLevel

    public init(to sink: any LogSink, clock: any WallClock, threshold: LogLevel = .info) {
        self.sink = sink
        self.clock = clock
        self.threshold = threshold
    }

    public func debug(_ message: @autoclosure () -> String) { write(.debug, message) }
    public func info(_ message: @autoclosure () -> String) { write(.info, message) }
    public func warning(_ message: @autoclosure () -> String) { write(.warning, message) }
    public func error(_ message: @autoclosure () -> String) { write(.error, message) }

    private func write(_ level: LogLevel, _ message: () -> String) {
        guard level >= threshold else { return }
        sink.write("\(Timestamp(unixMilliseconds: clock.unixMilliseconds)) \(level.label) \(Self.oneLine(message()))")
    }

    /// At most this many bytes of a message are written.
    private static let messageLimit = 4096

    /// Makes one line of it, so that what comes from outside cannot forge lines of its own.
    static func oneLine(_ message: String) -> String {
        if message.utf8.count <= messageLimit, !message.unicodeScalars.contains(where: isControl) { return message }
        var line = ""
        for scalar in message.unicodeScalars {
            guard line.utf8.count < messageLimit else { return line + "…" }
            if isControl(scalar) {
                line += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                line.unicodeScalars.append(scalar)
            }
        }
        return line
    }

    /// A control character, of which terminals know more than those of ASCII, or another end of a line.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7f..<0xa0, 0x2028, 0x2029: true
        default: false
        }
    }
}
