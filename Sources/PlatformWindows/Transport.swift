import Agent
import CShims

/// HTTP and WebSocket by WinHTTP, asynchronously: its threads hand each event over to the loop.
///
/// WinHTTP finds the proxy in the settings of the machine and its user, and checks certificates against the system's store.
@LoopActor
public final class WinHTTPTransport: Transport {
    private let poller: any Poller
    private let worker: any Worker
    private let keepalive: WinHTTPWebSocket.Keepalive
    private var session: WinHTTPSession?

    /// A transport for the poller's loop. Nothing is loaded before the first use.
    public nonisolated convenience init(poller: any Poller, worker: any Worker) {
        self.init(poller: poller, worker: worker, keepalive: WinHTTPWebSocket.Keepalive())
    }

    nonisolated init(poller: any Poller, worker: any Worker, keepalive: WinHTTPWebSocket.Keepalive) {
        self.poller = poller
        self.worker = worker
        self.keepalive = keepalive
    }

    /// For tests: as above, with other times for pings.
    package nonisolated convenience init(
        poller: any Poller,
        worker: any Worker,
        keepaliveInterval: Duration,
        patience: Duration
    ) {
        self.init(
            poller: poller,
            worker: worker,
            keepalive: WinHTTPWebSocket.Keepalive(interval: keepaliveInterval, patience: patience)
        )
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
        let response = try await exchange(request, for: .file(file))
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
        var request = HTTPRequest(.get, url, headers: headers)
        request.connectTimeout = timeout
        request.timeout = timeout
        let upgrade = try WinHTTPExchange(
            request,
            for: .upgrade,
            schemes: HTTPAddress.webSocket,
            on: try sharedSession(),
            poller: poller
        )
        _ = try await upgrade.run().get()
        let handle = try upgrade.request.upgrade(poller: poller, room: WinHTTPWebSocket.room)
        return WinHTTPWebSocket(handle, on: upgrade.request.connection, keepalive: keepalive)
    }

    public func resolves(url: String) async -> Bool {
        guard let address = try? HTTPAddress(url, schemes: HTTPAddress.all) else { return false }
        let name = address.name
        guard Sockets.areStarted else { return false }
        return await EventLoop.shared.offload(to: worker) { shim_win_GetAddrInfo(name.wide) }
    }

    private func exchange(
        _ request: HTTPRequest,
        for purpose: WinHTTPExchange.Purpose = .memory,
        from source: UploadFile? = nil
    ) async throws(TransportError) -> HTTPResponse {
        let exchange = try WinHTTPExchange(
            request,
            for: purpose,
            from: source,
            on: try sharedSession(),
            poller: poller
        )
        return try await exchange.run().get()
    }

    private func sharedSession() throws(TransportError) -> WinHTTPSession {
        if let session { return session }
        let new = try WinHTTPSession()
        session = new
        return new
    }
}
