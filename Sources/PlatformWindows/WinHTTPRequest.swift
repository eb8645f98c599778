import Agent
import CShims

/// The host and port that requests are for. WinHTTP wants it to outlive them, and WebSockets that come of them.
@LoopActor
final class WinHTTPConnection {
    let raw: HINTERNET
    private let session: WinHTTPSession

    init(to address: HTTPAddress, on session: WinHTTPSession) throws(TransportError) {
        guard let raw = shim_win_WinHttpConnect(session.raw, address.host.wide, address.port) else {
            throw TransportError.ofLastCall()
        }
        self.raw = raw
        self.session = session
    }

    isolated deinit { _ = shim_win_WinHttpCloseHandle(raw) }
}

/// A request of WinHTTP's.
@LoopActor
final class WinHTTPRequest {
    let connection: WinHTTPConnection
    private let handle: WinHTTPHandle

    private static let room = 16 << 10

    /// A request that is not sent yet. Its events go to `receiver`.
    init(
        _ method: String,
        _ address: HTTPAddress,
        headers: [HTTPHeader],
        on session: WinHTTPSession,
        poller: any Poller
    ) throws(TransportError) {
        let lines = try HTTPHeaderLines.make(of: headers)
        connection = try WinHTTPConnection(to: address, on: session)
        // The path is sent as it is: it may have been signed.
        var flags = WINHTTP_FLAG_ESCAPE_DISABLE | WINHTTP_FLAG_ESCAPE_DISABLE_QUERY
        if address.isSecure { flags |= WINHTTP_FLAG_SECURE }
        guard
            let raw = shim_win_WinHttpOpenRequest(connection.raw, method.wide, address.path.wide, UInt32(flags))
        else { throw TransportError.ofLastCall() }
        let events = WinHTTPEvents(poller: poller, isWebSocket: false, room: Self.room)
        handle = try WinHTTPHandle(owning: raw, events: events)
        let refused = UInt32(WINHTTP_DISABLE_REDIRECTS | WINHTTP_DISABLE_COOKIES)
        guard shim_win_WinHttpSetOption_number(raw, UInt32(WINHTTP_OPTION_DISABLE_FEATURE), refused) else {
            throw TransportError.ofLastCall()
        }
        for line in lines {
            // One that WinHTTP would write itself is replaced.
            let flags = UInt32(WINHTTP_ADDREQ_FLAG_ADD) | (line.replaces ? 0x8000_0000 : 0)
            guard shim_win_WinHttpAddRequestHeaders(raw, line.text.wide, flags) else {
                throw TransportError.ofLastCall()
            }
        }
    }

    // Before the connection, which goes with the last who holds it.
    isolated deinit { handle.close() }

    var events: WinHTTPEvents { handle.events }

    /// Ends whatever is under way.
    func close() { handle.close() }

    /// How long WinHTTP waits for each step. Our own timers hold for the whole.
    func setTimeouts(connect: Duration, transfer: Duration?) {
        guard let raw = handle.raw else { return }
        let connect = connect.timeout
        let transfer = transfer?.timeout ?? 0
        _ = shim_win_WinHttpSetTimeouts(raw, connect, connect, transfer, transfer)
        // Waiting for the head of the reply has a limit of its own, 90 s unless it is set.
        let response = transfer == 0 ? UInt32.max : UInt32(transfer)
        _ = shim_win_WinHttpSetOption_number(raw, UInt32(WINHTTP_OPTION_RECEIVE_RESPONSE_TIMEOUT), response)
    }

    /// Asks for the upgrade to a WebSocket, too.
    func askForWebSocket() throws(TransportError) {
        guard let raw = handle.raw, shim_win_WinHttpSetOption(raw, UInt32(WINHTTP_OPTION_UPGRADE_TO_WEB_SOCKET)) else {
            throw TransportError.ofLastCall()
        }
    }

    // MARK: Steps, each of which is followed by an event

    /// Sends the head, and the body if it is given. Else a body of `total` bytes is written after it.
    func send(body: [UInt8], total: UInt32) throws(TransportError) {
        try step { raw in
            let memory = events.hold(body)
            return shim_win_WinHttpSendRequest(
                raw,
                body.isEmpty ? nil : memory.baseAddress,
                UInt32(body.count),
                total,
                events.rawContext
            )
        }
    }

    /// Writes the first bytes of what `events` holds.
    func write(_ count: Int) throws(TransportError) {
        try step { shim_win_WinHttpWriteData($0, events.outgoing?.baseAddress, UInt32(count)) }
    }

    func receiveHead() throws(TransportError) {
        events.letGo()
        try step { shim_win_WinHttpReceiveResponse($0) }
    }

    func read() throws(TransportError) {
        try step { shim_win_WinHttpReadData($0, events.incoming.baseAddress, UInt32(events.incoming.count)) }
    }

    private func step(_ call: (HINTERNET) -> Bool) throws(TransportError) {
        guard let raw = handle.raw else { throw TransportError(.closed, "the exchange is over") }
        guard call(raw) else { throw TransportError.ofLastCall() }
    }

    // MARK: The head of the reply

    var status: Int? {
        var value: UInt32 = 0
        var size = UInt32(MemoryLayout<UInt32>.size)
        let what = UInt32(WINHTTP_QUERY_STATUS_CODE) | UInt32(WINHTTP_QUERY_FLAG_NUMBER)
        guard let raw = handle.raw, shim_win_WinHttpQueryHeaders(raw, what, &value, &size) else { return nil }
        return Int(clamping: value)
    }

    /// What `Content-Length` says, if it is there.
    var contentLength: Int64? {
        var text = [WCHAR](repeating: 0, count: 32)
        var size = UInt32(text.count * MemoryLayout<WCHAR>.size)
        guard let raw = handle.raw,
            shim_win_WinHttpQueryHeaders(raw, UInt32(WINHTTP_QUERY_CONTENT_LENGTH), &text, &size)
        else { return nil }
        return Int64(String(decoding: text.prefix { $0 != 0 }, as: UTF16.self))
    }

    // MARK: WebSocket

    /// Makes the WebSocket that the reply has agreed to; the request is over with that.
    func upgrade(poller: any Poller, room: Int) throws(TransportError) -> WinHTTPHandle {
        guard let raw = handle.raw else { throw TransportError(.closed, "the exchange is over") }
        let events = WinHTTPEvents(poller: poller, isWebSocket: true, room: room)
        guard let socket = shim_win_WinHttpWebSocketCompleteUpgrade(raw, events.rawContext) else {
            throw TransportError.ofLastCall()
        }
        return try WinHTTPHandle(owning: socket, events: events)
    }
}

/// Header fields as lines.
enum HTTPHeaderLines {
    struct Line {
        let text: String
        /// Whether WinHTTP might write such a field as well.
        let replaces: Bool
    }

    /// Refuses what would end a field early, or make another one of it, and what WinHTTP could not send as it is.
    static func make(of headers: [HTTPHeader]) throws(TransportError) -> [Line] {
        var lines: [Line] = []
        for header in headers {
            guard !header.name.isEmpty, header.name.utf8.allSatisfy(isToken), header.value.utf8.allSatisfy(isText)
            else { throw TransportError(.invalidRequest, "a header field is not valid") }
            let replaces = header.name.lowercased() == "host"
            lines.append(Line(text: "\(header.name): \(header.value)", replaces: replaces))
        }
        return lines
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && !#""(),/:;<=>?@[\]{}"#.utf8.contains(byte)
    }

    private static func isText(_ byte: UInt8) -> Bool { byte >= 0x20 && byte < 0x7F || byte == 0x09 }
}

extension Duration {
    /// In milliseconds, rounded up, at least one: to WinHTTP, 0 means for ever.
    fileprivate var timeout: Int32 {
        let (seconds, attoseconds) = components
        guard seconds < 2_000_000 else { return 2_000_000_000 }
        return max(1, Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000))
    }
}
