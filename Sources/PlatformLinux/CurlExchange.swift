import Agent
import CShims

/// One HTTP exchange.
@LoopActor
final class CurlExchange {
    private let easy: CurlEasy
    private let multi: CurlMulti
    private let limit: Int
    private let file: DownloadFile?
    private let source: UploadFile?

    private var body: [UInt8] = []
    private var received = 0
    /// Why the exchange was given up while bytes went there or came.
    private var refusal: TransportError?
    private var isCancelled = false
    private var waiter: UnsafeContinuation<Result<HTTPResponse, TransportError>, Never>?

    /// An exchange whose body is the request's or comes from a file, and whose reply's body is returned or, if it is a
    /// good one, goes to a file.
    init(
        _ request: HTTPRequest,
        on multi: CurlMulti,
        library: CurlLibrary,
        trust: TrustStore,
        to file: DownloadFile? = nil,
        from source: UploadFile? = nil
    ) throws(TransportError) {
        let headers = try CurlHeaders.lines(
            request.headers,
            hasBody: source == nil && request.method != .get,
            // Whoever refuses a long upload can do so before all of it is on its way.
            mayExpect: source.map { $0.size > 1 << 20 } ?? false
        )
        let url = try CurlURL(request.url, schemes: CurlURL.http, library: library)
        easy = try CurlEasy(url, library: library, trust: trust)
        self.multi = multi
        self.file = file
        self.source = source
        limit = request.responseLimit
        easy.setHeaders(headers)
        if let source {
            easy.set(CURLOPT_UPLOAD, 1)
            easy.set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
            easy.set(CURLOPT_INFILESIZE_LARGE, offset: source.size)
            easy.set(CURLOPT_LOW_SPEED_LIMIT, 1024)
            easy.set(CURLOPT_LOW_SPEED_TIME, 60)
            easy.set(CURLOPT_CONNECTTIMEOUT_MS, request.connectTimeout)
            return
        }
        switch request.method {
        case .get:
            easy.set(CURLOPT_HTTPGET, 1)
        case .post, .put:
            easy.set(CURLOPT_POST, 1)
            if request.method == .put { easy.set(CURLOPT_CUSTOMREQUEST, request.method.rawValue) }
            easy.setBody(request.body)
        }
        easy.set(CURLOPT_TIMEOUT_MS, request.timeout)
        easy.set(CURLOPT_CONNECTTIMEOUT_MS, min(request.connectTimeout, request.timeout))
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
        receiveBody()
        if source != nil { sendFile() }
        do throws(TransportError) {
            try multi.add(easy) { [weak self] in self?.completed($0) }
        } catch {
            end(.failure(error))
        }
    }

    private func cancel() {
        isCancelled = true
        end(.failure(Self.cancelled))
    }

    private func completed(_ code: CURLcode) {
        if let refusal { return end(.failure(refusal)) }
        if code == CURLE_FILESIZE_EXCEEDED { return end(.failure(tooLarge)) }
        guard code == CURLE_OK else { return end(.failure(easy.error(code))) }
        end(.success(HTTPResponse(status: easy.number(CURLINFO_RESPONSE_CODE), body: body)))
    }

    private func end(_ result: Result<HTTPResponse, TransportError>) {
        guard let waiter else { return }
        self.waiter = nil
        multi.remove(easy)
        waiter.resume(returning: result)
    }

    // MARK: The reply's body

    /// libcurl gets this object as the context of the callback. It calls only while the handle is in the multi handle,
    /// and that long `run`, which has not returned, keeps the object alive.
    private func receiveBody() {
        easy.set(CURLOPT_MAXFILESIZE_LARGE, offset: limit)
        _ = shim_curl_set_pointer(easy.handle, CURLOPT_WRITEDATA, Unmanaged.passUnretained(self).toOpaque())
        _ = shim_curl_set_write(easy.handle) { bytes, size, count, context in
            guard let bytes, let context else { return 0 }
            let exchange = Unmanaged<CurlExchange>.fromOpaque(context).takeUnretainedValue()
            let chunk = Array(UnsafeRawBufferPointer(start: bytes, count: size * count))
            return EventLoop.shared.assumeIsolated { exchange.receive(chunk) } ? size * count : 0
        }
    }

    /// Whether the exchange is to go on.
    private func receive(_ chunk: [UInt8]) -> Bool {
        received += chunk.count
        guard received <= limit else {
            refusal = tooLarge
            return false
        }
        guard let file, HTTPResponse.isGood(easy.number(CURLINFO_RESPONSE_CODE)) else {
            body += chunk
            return true
        }
        do {
            try file.write(chunk)
            return true
        } catch {
            refusal = TransportError(.file, error.description)
            return false
        }
    }

    // MARK: The file that is sent

    /// The context of these callbacks is this object, as above.
    private func sendFile() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        _ = shim_curl_set_pointer(easy.handle, CURLOPT_READDATA, context)
        _ = shim_curl_set_read(easy.handle) { bytes, size, count, context in
            guard let bytes, let context else { return Int(CURL_READFUNC_ABORT) }
            let exchange = Unmanaged<CurlExchange>.fromOpaque(context).takeUnretainedValue()
            let buffer = UnsafeMutableRawBufferPointer(start: bytes, count: size * count)
            return EventLoop.shared.assumeIsolated { exchange.supply(buffer) }
        }
        // Sent once more, from the start, where a connection that was used again turns out to have ended.
        _ = shim_curl_set_pointer(easy.handle, CURLOPT_SEEKDATA, context)
        _ = shim_curl_set_seek(easy.handle) { context, offset, origin in
            guard let context, origin == SEEK_SET, let offset = Int(exactly: offset) else { return CURL_SEEKFUNC_FAIL }
            let exchange = Unmanaged<CurlExchange>.fromOpaque(context).takeUnretainedValue()
            let isDone = EventLoop.shared.assumeIsolated { exchange.source?.seek(to: offset) ?? false }
            return isDone ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL
        }
    }

    private func supply(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        do {
            return try source?.read(into: buffer) ?? 0
        } catch {
            refusal = TransportError(.file, error.description)
            return Int(CURL_READFUNC_ABORT)
        }
    }

    private var tooLarge: TransportError { TransportError(.tooLarge, "the reply has more than \(limit) bytes") }

    private static let cancelled = TransportError(.closed, "the exchange was cancelled")
}

extension HTTPResponse {
    /// Whether the request was fulfilled.
    static func isGood(_ status: Int) -> Bool { (200...299).contains(status) }
}

/// Header fields in libcurl's notation.
enum CurlHeaders {
    /// The lines for these fields, and those that keep libcurl from adding fields of its own.
    static func lines(
        _ headers: [HTTPHeader],
        hasBody: Bool,
        mayExpect: Bool = false
    ) throws(TransportError) -> [String] {
        try check(headers)
        var lines = headers.map { $0.value.utf8.allSatisfy(isBlank) ? "\($0.name);" : "\($0.name): \($0.value)" }
        if !mayExpect { lines.append("Expect:") }
        let hasType = headers.contains { $0.name.lowercased() == "content-type" }
        if hasBody, !hasType { lines.append("Content-Type:") }
        return lines
    }

    /// Refuses what would end a field early, or make another one of it.
    static func check(_ headers: [HTTPHeader]) throws(TransportError) {
        for header in headers {
            guard !header.name.isEmpty, header.name.utf8.allSatisfy(isToken), header.value.utf8.allSatisfy(isText)
            else { throw TransportError(.invalidRequest, "a header field is not valid") }
        }
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && !#""(),/:;<=>?@[\]{}"#.utf8.contains(byte)
    }

    private static func isText(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == 0x09 }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
