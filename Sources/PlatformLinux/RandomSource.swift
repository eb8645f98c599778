import Agent
import CShims

/// Random bytes by getrandom(2).
public struct SystemRandom: RandomSource {
    public init() {}

    public func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: max(0, count)) { buffer, filled in
            while filled < count {
                // 256 bytes are the most that come at once, whatever signals arrive.
                let wanted = min(256, count - filled)
                let length = retrying { getrandom(buffer.baseAddress.map { $0 + filled }, wanted, 0) }
                // Without random numbers nothing may go on that relies on them; the kernel has had them since 3.17.
                precondition(length > 0, "getrandom: \(systemMessage(shim_errno()))")
                filled += length
            }
        }
    }
}
