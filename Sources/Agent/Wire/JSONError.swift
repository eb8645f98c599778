/// Why a text is not a JSON document that is accepted here.
///
/// It never contains any of the text, so it may be logged.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Where the fault is, in bytes from the start of the text.
    public let offset: Int
    /// What is wrong, as a sentence without a full stop.
    public let reason: String

    /// An error at an offset in bytes.
    public init(offset: Int, reason: String) {
        self.offset = offset
        self.reason = reason
    }

    public var description: String { "invalid JSON at byte \(offset): \(reason)" }
}
