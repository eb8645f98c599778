import Agent
import CShims

/// Random bytes by BCryptGenRandom.
public struct SystemRandom: RandomSource {
    public init() {}

    public func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: max(0, count)) { buffer, filled in
            let status = shim_win_BCryptGenRandom(buffer.baseAddress, ULONG(max(0, count)))
            // Without random numbers nothing may go on that relies on them.
            precondition(status >= 0, "BCryptGenRandom: status \(status)")
            filled = max(0, count)
        }
    }
}
