import Agent
import CShims

/// A connection that libcurl makes (name, TCP, proxy, TLS) and whose bytes are ours.
///
/// It has a multi handle of its own: in one that others use, their transfers would look through the connections that
/// wait, and close this one.
@LoopActor
final class CurlStream {
    private let multi: CurlMulti
    private let easy: CurlEasy
    private let poller: EpollPoller

    private var watch: EpollPoller.Watch?
    private var isCancelled = false
    private var waiter: UnsafeContinuation<Result<Void, TransportError>, Never>?

    /// What is sent at the moment. TLS demands that a write that could not be done is repeated from the same address.
    private var chunk: UnsafeMutableRawBufferPointer?
    private var chunkRest = 0..<0

    /// Called when there may be something to read, or room to write.
    var onReady: (Readiness) -> Void = { _ in }

    init(
        _ url: CurlURL,
        poller: EpollPoller,
        library: CurlLibrary,
        trust: TrustStore,
        timeout: Duration
    ) throws(TransportError) {
        self.poller = poller
        multi = try CurlMulti(library: library, poller: poller)
        easy = try CurlEasy(url, library: library, trust: trust)
        easy.set(CURLOPT_CONNECT_ONLY, 1)
        easy.set(CURLOPT_HTTPPROXYTUNNEL, 1)
        easy.set(CURLOPT_CONNECTTIMEOUT_MS, timeout)
    }

    isolated deinit { close() }

    // MARK: Connecting

    /// Connects. To be called once, before all else.
    func connect() async -> Result<Void, TransportError> {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { begin($0) }
        } onCancel: {
            // Tasks are cancelled by loop code only, so this is the loop's thread.
            EventLoop.shared.assumeIsolated { self.cancel() }
        }
    }

    private func begin(_ continuation: UnsafeContinuation<Result<Void, TransportError>, Never>) {
        waiter = continuation
        if isCancelled { return cancel() }
        do throws(TransportError) {
            try multi.add(easy) { [weak self] in self?.connected($0) }
        } catch {
            connected(.failure(error))
        }
    }

    private func cancel() {
        isCancelled = true
        connected(.failure(TransportError(.closed, "the connection was cancelled")))
    }

    private func connected(_ code: CURLcode) {
        guard code == CURLE_OK else { return connected(.failure(easy.error(code))) }
        var socket: curl_socket_t = CURL_SOCKET_BAD
        guard shim_curl_get_socket(easy.handle, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK, socket != CURL_SOCKET_BAD
        else { return connected(.failure(easy.error(CURLE_COULDNT_CONNECT))) }
        multi.handOver(socket)
        do {
            watch = try poller.watch(socket, for: .read) { [weak self] in self?.onReady($0) }
            connected(.success(()))
        } catch {
            connected(.failure(TransportError(.other, "\(error)")))
        }
    }

    private func connected(_ result: Result<Void, TransportError>) {
        guard let waiter else { return }
        self.waiter = nil
        if case .failure = result { close() }
        waiter.resume(returning: result)
    }

    // MARK: Connected

    /// What `onReady` is called for. Reading has to go on until there is nothing, or it may not be called again: TLS
    /// may already have taken from the socket what has not been read here.
    func want(_ interest: Readiness) { watch?.change(to: interest) }

    /// Up to 16 KiB of what has arrived; empty at the end; `nil` when there is nothing yet.
    func read() throws(TransportError) -> [UInt8]? {
        guard watch != nil else { return [] }
        var code = CURLE_OK
        let bytes = [UInt8](unsafeUninitializedCapacity: 16 << 10) { buffer, count in
            code = easy.library.functions.easy_recv(easy.handle, buffer.baseAddress, buffer.count, &count)
            if code != CURLE_OK { count = 0 }
        }
        if code == CURLE_AGAIN { return nil }
        guard code == CURLE_OK else { throw easy.error(code) }
        return bytes
    }

    /// Sends as much as the connection takes. Whether all of the queue is sent.
    func write(from queue: inout OutgoingQueue) throws(TransportError) -> Bool {
        guard watch != nil else { return true }
        while true {
            if chunkRest.isEmpty, !fillChunk(from: &queue) { return true }
            guard let chunk, let address = chunk.baseAddress else { return true }
            var sent = 0
            let code = easy.library.functions.easy_send(
                easy.handle,
                address + chunkRest.lowerBound,
                chunkRest.count,
                &sent
            )
            if code == CURLE_AGAIN { return false }
            guard code == CURLE_OK else { throw easy.error(code) }
            if sent == 0 { return false }
            chunkRest = min(chunkRest.lowerBound + sent, chunkRest.upperBound)..<chunkRest.upperBound
        }
    }

    /// Takes the next chunk out of the queue. The memory for it is only there while there is something to send.
    private func fillChunk(from queue: inout OutgoingQueue) -> Bool {
        if queue.isEmpty {
            freeChunk()
            return false
        }
        let chunk = chunk ?? .allocate(byteCount: 16 << 10, alignment: 1)
        self.chunk = chunk
        chunkRest = 0..<queue.take(into: chunk)
        return true
    }

    private func freeChunk() {
        chunk?.deallocate()
        chunk = nil
        chunkRest = 0..<0
    }

    /// Closes the connection, and with it whatever was being sent.
    func close() {
        watch?.cancel()
        watch = nil
        // Closes the socket, too.
        multi.remove(easy)
        freeChunk()
        onReady = { _ in }
    }
}

/// Bytes that wait to be sent.
struct OutgoingQueue {
    private var parts: [[UInt8]] = []
    private var next = 0
    private var offset = 0

    /// How many they are.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ bytes: [UInt8]) {
        parts.append(bytes)
        count += bytes.count
    }

    /// Moves bytes to the memory, as many as it holds. How many they were.
    mutating func take(into memory: UnsafeMutableRawBufferPointer) -> Int {
        var taken = 0
        while taken < memory.count, next < parts.count {
            let part = parts[next]
            let length = min(part.count - offset, memory.count - taken)
            part.withUnsafeBytes { bytes in
                let source = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
                UnsafeMutableRawBufferPointer(rebasing: memory[taken...]).copyMemory(from: source)
            }
            taken += length
            offset += length
            if offset == part.count { dropPart() }
        }
        count -= taken
        return taken
    }

    private mutating func dropPart() {
        parts[next] = []
        next += 1
        offset = 0
        // Moving the rest forward costs no more than was taken since the last time.
        if next * 2 >= parts.count {
            parts.removeFirst(next)
            next = 0
        }
    }
}
