import CShims

/// The system's log of applications, for what is to be found there when the agent's own log cannot: starts, stops and
/// failures. Where it cannot be written to, nothing happens.
package enum EventLog {
    package enum Kind: UInt16, Sendable {
        case error = 1
        case warning = 2
        case information = 4
    }

    /// Under this name the installer registers the source.
    package static let source = "tatsvc"

    /// Adds an event, ReportEventW. The text is cut after 30,000 characters, of which one event may have 31,839.
    @discardableResult
    package static func report(_ kind: Kind, _ text: String, event: UInt32 = 1) -> Bool {
        guard let log = shim_win_RegisterEventSource(source.wide) else { return false }
        defer { _ = shim_win_DeregisterEventSource(log) }
        return shim_win_ReportEvent(log, kind.rawValue, event, String(text.prefix(30_000)).wide)
    }
}
