import Agent
import CShims

/// One HTTP exchange, or the upgrade of a connection to a WebSocket.
@LoopActor
final class WinHTTPExchange {
    /// What becomes of the body of a reply.
    enum Purpose {
        case memory
        /// If it is a good one, else it is returned as well.
        case file(DownloadFile)
        /// There is none: the exchange ends with the head, and leaves the request to who asked.
        case upgrade
    }

    private static let chunk = 16 << 10
    /// An upload ends that makes less headway than so many bytes in so long a time.
    private static let stall = (bytes: 60 << 10, time: Duration.seconds(60))

    let request: WinHTTPRequest
    private let purpose: Purpose
    private let sentBody: [UInt8]
    private let source: UploadFile?
    private let limit: Int
    private let connectTimeout: Duration
    /// For the exchange as a whole; an upload has none.
    private let timeout: Duration?

    private var status = 0
    private var body: [UInt8] = []
    private var received = 0
    private var announced: Int64?
    private var sent = 0
    private var secureFailure: UInt32?

    private var isCancelled = false
    private var waiter: UnsafeContinuation<Result<HTTPResponse, TransportError>, Never>?
    private var connectTimer: LoopTimer?
    private var timer: LoopTimer?

    init(
        _ request: HTTPRequest,
        for purpose: Purpose = .memory,
        from source: UploadFile? = nil,
        schemes: [String: Bool] = HTTPAddress.http,
        on session: WinHTTPSession,
        poller: any Poller
    ) throws(TransportError) {
        let address = try HTTPAddress(request.url, schemes: schemes)
        guard request.body.count <= 1 << 30 else { throw TransportError(.tooLarge, "the request's body is too large") }
        self.request = try WinHTTPRequest(
            request.method.rawValue,
            address,
            headers: Self.fields(of: request, source),
            on: session,
            poller: poller
        )
        self.purpose = purpose
        self.source = source
        sentBody = source == nil && request.method != .get ? request.body : []
        limit = request.responseLimit
        timeout = source == nil ? request.timeout : nil
        connectTimeout = source == nil ? min(request.connectTimeout, request.timeout) : request.connectTimeout
        if case .upgrade = purpose { try self.request.askForWebSocket() }
        // A WebSocket inherits them, and is silent for as long as nothing happens.
        if case .upgrade = purpose {
            self.request.setTimeouts(connect: connectTimeout, transfer: nil)
        } else {
            self.request.setTimeouts(connect: connectTimeout, transfer: timeout ?? Self.stall.time)
        }
    }

    /// WinHTTP says the length of the body itself, unless it does not fit into its own count.
    private static func fields(of request: HTTPRequest, _ source: UploadFile?) -> [HTTPHeader] {
        let fields = request.headers.filter { $0.name.lowercased() != "content-length" }
        guard let source, source.size > Int64(UInt32.max) else { return fields }
        return fields + [HTTPHeader("Content-Length", String(source.size))]
    }

    /// Makes the exchange. To be called once.
    func run() async -> Result<HTTPResponse, TransportError> {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { begin($0) }
        } onCancel: {
            // Tasks are cancelled by loop code only, so this is the loop's thread.
            EventLoop.shared.assumeIsolated { self.cancel() }
        }
    }

    private func begin(_ continuation: UnsafeContinuation<Result<HTTPResponse, TransportError>, Never>) {
        waiter = continuation
        if isCancelled { return end(.failure(Self.cancelled)) }
        request.events.receiver = { [weak self] in self?.arrived($0) }
        connectTimer = EventLoop.shared.schedule(after: connectTimeout) { [weak self] in
            self?.end(.failure(TransportError(.timeout, "the connection was not made in time")))
        }
        if let timeout {
            timer = EventLoop.shared.schedule(after: timeout) { [weak self] in
                self?.end(.failure(TransportError(.timeout, "there was no whole reply in time")))
            }
        } else {
            watchHeadway()
        }
        attempt { () throws(TransportError) in
            let total = source.map { $0.size } ?? Int64(sentBody.count)
            // 0 where a field says it.
            try request.send(body: sentBody, total: UInt32(exactly: total) ?? 0)
        }
    }

    private func cancel() {
        isCancelled = true
        end(.failure(Self.cancelled))
    }

    private func watchHeadway() {
        let before = sent + received
        timer = EventLoop.shared.schedule(after: Self.stall.time) { [weak self] in
            guard let self else { return }
            guard sent + received - before >= Self.stall.bytes else {
                return end(.failure(TransportError(.timeout, "the upload makes no headway")))
            }
            watchHeadway()
        }
    }

    private func end(_ result: Result<HTTPResponse, TransportError>) {
        guard let waiter else { return }
        self.waiter = nil
        connectTimer?.cancel()
        timer?.cancel()
        request.events.receiver = nil
        if case .upgrade = purpose, case .success = result {} else { request.close() }
        waiter.resume(returning: result)
    }

    /// Does the next step; a failure ends the exchange.
    private func attempt(_ step: () throws(TransportError) -> Void) {
        do throws(TransportError) {
            try step()
        } catch {
            end(.failure(error))
        }
    }

    // MARK: Events

    private func arrived(_ event: WinHTTPEvent) {
        attempt { () throws(TransportError) in
            switch event {
            case .sending: connectTimer?.cancel()
            case .sent, .written: try sendNext()
            case .headersAvailable: try readHead()
            case .read(let count, _): try receive(count)
            case .shutDown: break
            case .secureFailure(let flags): secureFailure = flags
            case .failed(let code): throw failure(code)
            }
        }
    }

    private func failure(_ code: UInt32) -> TransportError {
        guard let secureFailure else { return TransportError(winHTTP: code) }
        let words = TransportError.words(forSecureFailure: secureFailure)
        return TransportError(.tls, "the server's certificate is refused: \(words) (error \(code))")
    }

    private func sendNext() throws(TransportError) {
        guard let source, Int64(sent) < source.size else { return try request.receiveHead() }
        let count: Int
        do {
            count = try source.read(into: request.events.hold(room: Self.chunk))
        } catch {
            throw TransportError(.file, error.description)
        }
        sent += count
        try request.write(count)
    }

    private func readHead() throws(TransportError) {
        guard let status = request.status else { throw TransportError.ofLastCall() }
        self.status = status
        if case .upgrade = purpose {
            guard status == 101 else {
                throw TransportError(
                    .protocolViolation,
                    "WebSocket handshake: the server answers with status \(status) instead of 101"
                )
            }
            return end(.success(HTTPResponse(status: status, body: [])))
        }
        announced = request.contentLength
        if let announced, announced > Int64(limit) { throw tooLarge }
        try request.read()
    }

    private func receive(_ count: Int) throws(TransportError) {
        guard count > 0 else { return try finish() }
        received += count
        guard received <= limit else { throw tooLarge }
        let bytes = request.events.received(count)
        if case .file(let file) = purpose, HTTPResponse.isGood(status) {
            do {
                try file.write(bytes)
            } catch {
                throw TransportError(.file, error.description)
            }
        } else {
            body += bytes
        }
        try request.read()
    }

    private func finish() throws(TransportError) {
        // WinHTTP takes the end of the connection for the end of the body.
        if let announced, Int64(received) < announced, status != 204, status != 304 {
            throw TransportError(
                .closed,
                "the connection broke \(announced - Int64(received)) bytes before the reply's end"
            )
        }
        end(.success(HTTPResponse(status: status, body: body)))
    }

    private var tooLarge: TransportError { TransportError(.tooLarge, "the reply has more than \(limit) bytes") }

    private static let cancelled = TransportError(.closed, "the exchange was cancelled")
}

extension HTTPResponse {
    /// Whether the request was fulfilled.
    static func isGood(_ status: Int) -> Bool { (200...299).contains(status) }
}
