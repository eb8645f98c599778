import Agent
import CShims

/// A multi handle of libcurl, driven by the loop: transfers, and the connections that they leave for the next ones.
@LoopActor
final class CurlMulti {
    typealias Completion = @LoopActor (CURLcode) -> Void

    private let handle: UnsafeMutableRawPointer
    private let library: CurlLibrary
    private let sockets: CurlSockets
    private var transfers: [UnsafeMutableRawPointer: (easy: CurlEasy, completion: Completion?)] = [:]

    init(library: CurlLibrary, poller: EpollPoller) throws(TransportError) {
        guard let handle = library.functions.multi_init() else { throw TransportError(.other, "out of memory") }
        self.handle = handle
        self.library = library
        sockets = CurlSockets(poller: poller)
        _ = shim_curl_multi_set_long(handle, CURLMOPT_MAX_HOST_CONNECTIONS, 8)
        _ = shim_curl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, 8)
        sockets.attach(to: handle)
        sockets.act = { [weak self] socket, events in self?.act(socket, events) }
    }

    isolated deinit {
        // Easy handles that are still in it are only detached by this; their owners free them.
        _ = library.functions.multi_cleanup(handle)
    }

    /// Starts a transfer. `completion` is called when it has ended, unless it is removed before.
    func add(_ easy: CurlEasy, completion: @escaping Completion) throws(TransportError) {
        sockets.attach(toEasy: easy.handle)
        transfers[easy.handle] = (easy, completion)
        let code = library.functions.multi_add_handle(handle, easy.handle)
        guard code == CURLM_OK else {
            transfers[easy.handle] = nil
            throw TransportError(.other, "libcurl does not take the transfer (\(code.rawValue))")
        }
    }

    /// Takes a transfer out: one that has not ended is aborted, and a connection that was its only result is closed.
    func remove(_ easy: CurlEasy) {
        guard transfers.removeValue(forKey: easy.handle) != nil else { return }
        _ = library.functions.multi_remove_handle(handle, easy.handle)
    }

    /// Has the watch of a connection's socket, if there still is one, end: its owner watches it from now on.
    func handOver(_ socket: curl_socket_t) { sockets.forget(socket) }

    private func act(_ socket: curl_socket_t, _ events: Int32) {
        var running: Int32 = 0
        _ = library.functions.multi_socket_action(handle, socket, events, &running)
        var left: Int32 = 0
        while let message = library.functions.multi_info_read(handle, &left) {
            // Copied: the message is gone once its handle is removed.
            let (kind, easy, result) = (message.pointee.msg, message.pointee.easy_handle, message.pointee.data.result)
            guard kind == CURLMSG_DONE, let easy, let transfer = transfers[easy] else { continue }
            transfers[easy]?.completion = nil
            transfer.completion?(result)
        }
    }
}

/// The sockets and the timer of a multi handle: what libcurl wants them watched for.
///
/// libcurl's callbacks get this object as their context. It outlives the multi handle, which its owner frees in its
/// `deinit`, before it lets go of this; so the unretained pointer is good whenever libcurl calls. It only calls from
/// its own functions, which are called on the loop's thread.
@LoopActor
private final class CurlSockets {
    /// Tells libcurl that a socket is ready, or by CURL_SOCKET_TIMEOUT that the timer has fired.
    var act: (curl_socket_t, Int32) -> Void = { _, _ in }

    private let poller: EpollPoller
    private var watches: [curl_socket_t: EpollPoller.Watch] = [:]
    private var timer: LoopTimer?

    init(poller: EpollPoller) { self.poller = poller }

    func attach(to multi: UnsafeMutableRawPointer) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        _ = shim_curl_multi_set_socket(
            multi,
            { _, socket, interest, context, _ in
                CurlSockets.with(context) { $0.watch(socket, for: interest) }
                return 0
            },
            context
        )
        _ = shim_curl_multi_set_timer(
            multi,
            { _, milliseconds, context in
                CurlSockets.with(context) { $0.setTimer(milliseconds) }
                return 0
            },
            context
        )
    }

    /// A connection belongs to the multi handle, whichever easy handle opened it.
    func attach(toEasy easy: UnsafeMutableRawPointer) {
        _ = shim_curl_set_pointer(easy, CURLOPT_CLOSESOCKETDATA, Unmanaged.passUnretained(self).toOpaque())
        _ = shim_curl_set_closesocket(easy) { context, socket in
            CurlSockets.with(context) { $0.forget(socket) }
            return close(socket)
        }
    }

    private nonisolated static func with(
        _ context: UnsafeMutableRawPointer?,
        _ body: @LoopActor (CurlSockets) -> Void
    ) {
        guard let context else { return }
        let sockets = Unmanaged<CurlSockets>.fromOpaque(context).takeUnretainedValue()
        EventLoop.shared.assumeIsolated { body(sockets) }
    }

    /// A socket is forgotten before it is closed.
    func forget(_ socket: curl_socket_t) {
        watches.removeValue(forKey: socket)?.cancel()
    }

    private func watch(_ socket: curl_socket_t, for interest: Int32) {
        var wanted: Readiness = []
        if interest & CURL_POLL_IN != 0 { wanted.insert(.read) }
        if interest & CURL_POLL_OUT != 0 { wanted.insert(.write) }
        if interest == CURL_POLL_REMOVE {
            forget(socket)
        } else if let watch = watches[socket] {
            watch.change(to: wanted)
        } else {
            // A descriptor that cannot be watched leaves the transfer to its timeout.
            watches[socket] = try? poller.watch(socket, for: wanted) { [weak self] ready in
                self?.act(socket, ready.curl)
            }
        }
    }

    private func setTimer(_ milliseconds: Int) {
        timer?.cancel()
        timer = nil
        if milliseconds > 0 {
            timer = EventLoop.shared.schedule(after: .milliseconds(milliseconds)) { [weak self] in self?.timeOut() }
        } else if milliseconds == 0 {
            // As a job rather than a timer, so that other descriptors get their turn while libcurl has plenty to do.
            // Should libcurl change its mind before it runs, it does no harm.
            spawn { [weak self] in self?.timeOut() }
        }
    }

    private func timeOut() { act(CURL_SOCKET_BAD, 0) }
}

extension Readiness {
    fileprivate var curl: Int32 {
        // Trying to read or write is what tells why a connection broke.
        if contains(.broken) { return CURL_CSELECT_IN | CURL_CSELECT_OUT | CURL_CSELECT_ERR }
        return (contains(.read) ? CURL_CSELECT_IN : 0) | (contains(.write) ? CURL_CSELECT_OUT : 0)
    }
}
