import Agent
import CShims

/// HTTP and WebSocket by libcurl.
///
/// libcurl finds the proxy in the environment (`http_proxy`, `https_proxy`, `no_proxy`) and checks certificates against
/// the system's store.
@LoopActor
public final class CurlTransport: Transport {
    private let poller: EpollPoller
    private let worker: any Worker
    private let crypto: any Crypto
    private let random: any RandomSource
    private let trust: TrustStore
    /// How long a connection may wait for its next exchange.
    private let connectionAge: Duration

    /// The connections that exchanges share. It goes when it has not been used for a while, and with it all its memory.
    private var multi: CurlMulti?
    private var exchanges = 0
    private var idleTimer: LoopTimer?

    /// A transport for the poller's loop. Nothing is loaded before the first use.
    public nonisolated convenience init(
        poller: EpollPoller,
        worker: any Worker,
        crypto: any Crypto,
        random: any RandomSource
    ) {
        self.init(poller: poller, worker: worker, crypto: crypto, random: random, trust: .ofSystem())
    }

    nonisolated init(
        poller: EpollPoller,
        worker: any Worker,
        crypto: any Crypto,
        random: any RandomSource,
        trust: TrustStore,
        connectionAge: Duration = .seconds(60)
    ) {
        self.poller = poller
        self.worker = worker
        self.crypto = crypto
        self.random = random
        self.trust = trust
        self.connectionAge = connectionAge
    }

    public func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        try await exchange(request)
    }

    public func download(_ request: HTTPRequest, to path: String) async throws(TransportError) -> HTTPResponse {
        let file: DownloadFile
        do {
            file = try DownloadFile(path: path)
        } catch {
            throw TransportError(.file, error.description)
        }
        let response = try await exchange(request, to: file)
        if HTTPResponse.isGood(response.status) { file.keep() }
        return response
    }

    public func upload(_ request: HTTPRequest, from path: String) async throws(TransportError) -> HTTPResponse {
        let file: UploadFile
        do {
            file = try UploadFile(path: path)
        } catch {
            throw TransportError(.file, error.description)
        }
        return try await exchange(request, from: file)
    }

    public func openWebSocket(
        url: String,
        headers: [HTTPHeader],
        timeout: Duration
    ) async throws(TransportError) -> any WebSocketConnection {
        try CurlHeaders.check(headers)
        let library = try CurlLibrary.shared()
        let url = try CurlURL(url, schemes: CurlURL.webSocket, library: library)
        let deadline = ContinuousClock.now + timeout
        let stream = try CurlStream(url, poller: poller, library: library, trust: trust, timeout: timeout)
        try await stream.connect().get()
        let socket = CurlWebSocket(stream, crypto: crypto, random: random)
        try await socket.upgrade(url, headers: headers, within: deadline - .now)
        return socket
    }

    public func resolves(url: String) async -> Bool {
        guard let library = try? CurlLibrary.shared(),
            let host = try? CurlURL(url, schemes: CurlURL.http.merging(CurlURL.webSocket) { $1 }, library: library).host
        else { return false }
        return await EventLoop.shared.offload(to: worker) {
            var addresses: UnsafeMutablePointer<addrinfo>?
            guard getaddrinfo(host, nil, nil, &addresses) == 0 else { return false }
            freeaddrinfo(addresses)
            return true
        }
    }

    private func exchange(
        _ request: HTTPRequest,
        to file: DownloadFile? = nil,
        from source: UploadFile? = nil
    ) async throws(TransportError) -> HTTPResponse {
        let library = try CurlLibrary.shared()
        let multi = try sharedMulti(library)
        let exchange = try CurlExchange(
            request,
            on: multi,
            library: library,
            trust: trust,
            to: file,
            from: source
        )
        exchanges += 1
        idleTimer?.cancel()
        let result = await exchange.run()
        exchanges -= 1
        if exchanges == 0 {
            idleTimer = EventLoop.shared.schedule(after: connectionAge) { [weak self] in self?.multi = nil }
        }
        return try result.get()
    }

    private func sharedMulti(_ library: CurlLibrary) throws(TransportError) -> CurlMulti {
        if let multi { return multi }
        let new = try CurlMulti(library: library, poller: poller)
        multi = new
        return new
    }
}
