import Agent
import CShims
import PlatformLinux

/// A connected socket on the loop. One task reads; anybody may write.
@LoopActor
final class ByteStream {
    private var socket: FileDescriptor?
    private var watch: EpollPoller.Watch?
    private let readable = Wakeup()
    private let drained = Wakeup()
    private var isReading = false
    private var isInterrupted = false
    private var isBroken = false
    private var output: [UInt8] = []
    private var sent = 0

    init(_ socket: FileDescriptor, on poller: EpollPoller) throws {
        self.socket = socket
        Sockets.noDelay(socket)
        watch = try poller.watch(socket.number, for: []) { [weak self] ready in self?.becameReady(ready) }
    }

    /// Whether `close` was not called and nothing is known to be wrong.
    var isUsable: Bool { socket != nil && !isBroken }

    /// How many bytes wait to be sent.
    var backlog: Int { output.count - sent }

    // MARK: Reading

    /// The next bytes; `nil` at the end of the input, after an error or a close, and when none came in time.
    func read(until deadline: ContinuousClock.Instant) async -> [UInt8]? {
        isReading = true
        defer { isReading = false }
        while let socket {
            var length = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, initialized in
                length = retrying { recv(socket.number, buffer.baseAddress, buffer.count, 0) }
                initialized = max(0, length)
            }
            if length > 0 {
                Sockets.acknowledge(socket)
                return bytes
            }
            guard length < 0, shim_errno() == EAGAIN, !isBroken else { return nil }
            watch?.change(to: watch?.interest.union(.read) ?? [])
            let left = deadline - .now
            guard left > .zero, await readable.wait(atMost: left) else { return nil }
            if isInterrupted { break }
        }
        isInterrupted = false
        return nil
    }

    /// Has a `read` that waits return `nil`.
    func interrupt() {
        guard isReading else { return }
        isInterrupted = true
        readable.signal()
    }

    // MARK: Writing

    /// Queues bytes; the caller has an eye on `backlog`.
    func enqueue(_ bytes: [UInt8]) {
        guard isUsable else { return }
        if backlog == 0 {
            output = bytes
            sent = 0
        } else {
            output.append(contentsOf: bytes)
        }
        flush()
    }

    /// Sends bytes and waits until the system has taken them all; whether that went well and in time.
    func write(_ bytes: [UInt8], within limit: Duration) async -> Bool {
        enqueue(bytes)
        let deadline = ContinuousClock.now + limit
        while isUsable, backlog > 0 {
            let left = deadline - .now
            guard left > .zero, await drained.wait(atMost: left) else { return false }
        }
        return isUsable
    }

    private func flush() {
        while let socket, backlog > 0 {
            let count = output.withUnsafeBytes { buffer in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[sent...])
                return retrying { send(socket.number, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL)) }
            }
            if count > 0 {
                sent += count
            } else if shim_errno() == EAGAIN {
                if sent >= 1 << 20 {
                    output.removeFirst(sent)
                    sent = 0
                }
                watch?.change(to: watch?.interest.union(.write) ?? [])
                return
            } else {
                becomeBroken()
                return
            }
        }
        output = []
        sent = 0
        watch?.change(to: watch?.interest.subtracting(.write) ?? [])
        drained.signal()
    }

    // MARK: The end

    /// Ends in order: the peer gets what was sent and then an end of input, not a reset because of what it still sent.
    func finish() async {
        let deadline = ContinuousClock.now + .seconds(2)
        if await write([], within: .seconds(2)), let socket {
            shutdown(socket.number, Int32(SHUT_WR))
            var room = 4 << 20
            while room > 0, let bytes = await read(until: deadline) { room -= bytes.count }
        }
        close()
    }

    /// Ends with a reset. What the peer has not received yet is lost.
    func reset() {
        if let socket { Sockets.resetOnClose(socket) }
        close()
    }

    /// Ends at once and wakes who waits.
    func close() {
        watch?.cancel()
        watch = nil
        socket = nil
        output = []
        sent = 0
        readable.signal()
        drained.signal()
    }

    private func becomeBroken() {
        isBroken = true
        watch?.cancel()
        watch = nil
        readable.signal()
        drained.signal()
    }

    private func becameReady(_ ready: Readiness) {
        // What arrived before a hang-up can still be read.
        if ready.contains(.broken) { return becomeBroken() }
        if ready.contains(.read) {
            if !isReading { watch?.change(to: watch?.interest.subtracting(.read) ?? []) }
            readable.signal()
        }
        if ready.contains(.write) { flush() }
    }
}
