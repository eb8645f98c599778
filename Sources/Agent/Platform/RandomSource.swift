/// Random bytes fit for keys and nonces.
public protocol RandomSource: Sendable {
    /// `count` unpredictable bytes. Linux: getrandom(2).
    func bytes(_ count: Int) -> [UInt8]
}
