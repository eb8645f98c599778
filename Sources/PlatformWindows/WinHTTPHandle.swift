import Agent
import CShims

/// What WinHTTP tells of a handle.
enum WinHTTPEvent: Sendable {
    /// The connection is made, TLS and all, and the request begins to be sent.
    case sending
    case sent
    case headersAvailable
    /// So many bytes are in the buffer; of a WebSocket, with WINHTTP_WEB_SOCKET_BUFFER_TYPE.
    case read(count: Int, type: WINHTTP_WEB_SOCKET_BUFFER_TYPE?)
    case written
    /// The close frame was sent.
    case shutDown
    /// What is wrong with a certificate: WINHTTP_CALLBACK_STATUS_FLAG_…; the failure itself follows.
    case secureFailure(UInt32)
    case failed(UInt32)
}

/// A handle of WinHTTP's that works asynchronously: an HTTP request, or a WebSocket. It is closed once.
@LoopActor
final class WinHTTPHandle {
    private(set) var raw: HINTERNET?
    let events: WinHTTPEvents

    /// Takes over the handle. Its events go to `events`, which serves this handle alone.
    init(owning raw: HINTERNET, events: WinHTTPEvents) throws(TransportError) {
        self.raw = raw
        self.events = events
        guard events.listen(to: raw) else {
            let error = TransportError.ofLastCall()
            _ = shim_win_WinHttpCloseHandle(raw)
            throw error
        }
    }

    isolated deinit { close() }

    /// Closes the handle: whatever is under way ends, and nothing more is told.
    func close() {
        events.receiver = nil
        guard let raw else { return }
        self.raw = nil
        _ = shim_win_WinHttpCloseHandle(raw)
    }
}

/// The events of one handle, and the memory that WinHTTP reads and writes meanwhile.
///
/// WinHTTP has a reference to it, which it gives back with its last call for the handle. So the memory is there for as
/// long as WinHTTP may touch it.
///
/// Sound as `@unchecked Sendable`: `poller` and `isWebSocket` do not change; the rest is used on the loop's thread only,
/// and by WinHTTP between the call that lends it the memory and the event that says that it is done.
final class WinHTTPEvents: @unchecked Sendable {
    private let poller: any Poller
    private let isWebSocket: Bool
    private let context: UnsafeMutablePointer<shim_win_http_context>

    /// Called on the loop for each event; not any more when the handle is closed.
    var receiver: (@LoopActor (WinHTTPEvent) -> Void)?

    /// Where WinHTTP puts what it reads.
    let incoming: UnsafeMutableRawBufferPointer
    /// What WinHTTP sends at the moment.
    private(set) var outgoing: UnsafeMutableRawBufferPointer?

    /// - Parameter room: how many bytes are read at a time.
    init(poller: any Poller, isWebSocket: Bool, room: Int) {
        self.poller = poller
        self.isWebSocket = isWebSocket
        incoming = .allocate(byteCount: room, alignment: 16)
        context = .allocate(capacity: 1)
        context.initialize(
            to: shim_win_http_context(
                handler: { object, status, information, length in
                    guard let object else { return }
                    let events = Unmanaged<WinHTTPEvents>.fromOpaque(object).takeUnretainedValue()
                    events.arrived(status, information, length)
                },
                object: nil
            )
        )
    }

    deinit {
        context.deallocate()
        incoming.deallocate()
        outgoing?.deallocate()
    }

    /// The context that WinHTTP hands back: for calls that take it once more.
    var rawContext: UnsafeMutablePointer<shim_win_http_context> { context }

    /// Has WinHTTP call for the handle, until it is closed.
    fileprivate func listen(to handle: HINTERNET) -> Bool {
        let reference = Unmanaged.passRetained(self)
        context.pointee.object = reference.toOpaque()
        let wanted = [
            WINHTTP_CALLBACK_STATUS_SENDING_REQUEST, WINHTTP_CALLBACK_STATUS_SENDREQUEST_COMPLETE,
            WINHTTP_CALLBACK_STATUS_HEADERS_AVAILABLE, WINHTTP_CALLBACK_STATUS_READ_COMPLETE,
            WINHTTP_CALLBACK_STATUS_WRITE_COMPLETE, WINHTTP_CALLBACK_STATUS_SHUTDOWN_COMPLETE,
            WINHTTP_CALLBACK_STATUS_CLOSE_COMPLETE, WINHTTP_CALLBACK_STATUS_SECURE_FAILURE,
            WINHTTP_CALLBACK_STATUS_REQUEST_ERROR, WINHTTP_CALLBACK_STATUS_HANDLE_CLOSING,
        ].reduce(UInt32(0)) { $0 | UInt32(bitPattern: Int32($1)) }
        guard shim_win_WinHttpSetStatusCallback(handle, context, wanted) else {
            // Nobody will call.
            context.pointee.object = nil
            reference.release()
            return false
        }
        return true
    }

    /// Copies what is to be sent to memory that stays where it is until the next call of this.
    func hold(_ bytes: some Collection<UInt8>) -> UnsafeMutableRawBufferPointer {
        outgoing?.deallocate()
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 16)
        memory.copyBytes(from: bytes)
        outgoing = memory
        return UnsafeMutableRawBufferPointer(rebasing: memory[..<bytes.count])
    }

    /// Memory to be filled with what is sent next.
    func hold(room: Int) -> UnsafeMutableRawBufferPointer {
        if let outgoing, outgoing.count == room { return outgoing }
        outgoing?.deallocate()
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 16)
        outgoing = memory
        return memory
    }

    /// Gives the memory of what was sent back.
    func letGo() {
        outgoing?.deallocate()
        outgoing = nil
    }

    /// The first bytes of what was read.
    func received(_ count: Int) -> [UInt8] { Array(incoming.prefix(count)) }

    /// On a thread of WinHTTP's, or within a call of ours.
    private func arrived(_ status: UInt32, _ information: UnsafeMutableRawPointer?, _ length: UInt32) {
        if status == UInt32(WINHTTP_CALLBACK_STATUS_HANDLE_CLOSING) {
            // There are no calls after this one; events that are on their way still hold their references.
            poller.post { [self] in Unmanaged.passUnretained(self).release() }
            return
        }
        guard let event = event(status, information, Int(clamping: length)) else { return }
        poller.post { [self] in EventLoop.shared.assumeIsolated { receiver?(event) } }
    }

    private func event(_ status: UInt32, _ information: UnsafeMutableRawPointer?, _ length: Int) -> WinHTTPEvent? {
        switch Int32(bitPattern: status) {
        case WINHTTP_CALLBACK_STATUS_SENDING_REQUEST: return .sending
        case WINHTTP_CALLBACK_STATUS_SENDREQUEST_COMPLETE: return .sent
        case WINHTTP_CALLBACK_STATUS_HEADERS_AVAILABLE: return .headersAvailable
        case WINHTTP_CALLBACK_STATUS_WRITE_COMPLETE: return .written
        case WINHTTP_CALLBACK_STATUS_SHUTDOWN_COMPLETE: return .shutDown
        case WINHTTP_CALLBACK_STATUS_READ_COMPLETE:
            guard isWebSocket else { return .read(count: min(length, incoming.count), type: nil) }
            guard let information, length >= MemoryLayout<WINHTTP_WEB_SOCKET_STATUS>.size else { return nil }
            let result = information.loadUnaligned(as: WINHTTP_WEB_SOCKET_STATUS.self)
            return .read(count: min(Int(clamping: result.dwBytesTransferred), incoming.count), type: result.eBufferType)
        case WINHTTP_CALLBACK_STATUS_SECURE_FAILURE:
            guard let information, length >= 4 else { return nil }
            return .secureFailure(information.loadUnaligned(as: UInt32.self))
        case WINHTTP_CALLBACK_STATUS_REQUEST_ERROR:
            // A WebSocket's result begins with the same structure.
            guard let information, length >= MemoryLayout<WINHTTP_ASYNC_RESULT>.size else { return .failed(0) }
            return .failed(UInt32(information.loadUnaligned(as: WINHTTP_ASYNC_RESULT.self).dwError))
        default: return nil
        }
    }
}
