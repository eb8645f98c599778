import Agent

/// A transport with a step before each exchange, and one when its reply is there.
@LoopActor
final class CrashingTransport: Transport {
    private let transport: any Transport
    private let step: CrashingPlatform.Step

    init(_ transport: any Transport, step: @escaping CrashingPlatform.Step) {
        self.transport = transport
        self.step = step
    }

    private func exchange<T>(
        _ name: String,
        _ body: () async throws(TransportError) -> T
    ) async throws(TransportError) -> T {
        step("before " + name)
        let result: T
        do throws(TransportError) {
            result = try await body()
        } catch {
            step("after the failure of " + name)
            throw error
        }
        step("after " + name)
        return result
    }

    /// The action in a body of the invoke API.
    private func name(of request: HTTPRequest) -> String {
        (try? JSON.parse(request.body))?["Action"]?.string ?? request.method.rawValue
    }

    func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        try await exchange(name(of: request)) { () async throws(TransportError) in try await transport.send(request) }
    }

    func download(_ request: HTTPRequest, to path: String) async throws(TransportError) -> HTTPResponse {
        try await exchange("download") { () async throws(TransportError) in
            try await transport.download(request, to: path)
        }
    }

    func upload(_ request: HTTPRequest, from path: String) async throws(TransportError) -> HTTPResponse {
        try await exchange("upload") { () async throws(TransportError) in
            try await transport.upload(request, from: path)
        }
    }

    func openWebSocket(
        url: String,
        headers: [HTTPHeader],
        timeout: Duration
    ) async throws(TransportError) -> any WebSocketConnection {
        try await exchange("openWebSocket") { () async throws(TransportError) in
            try await transport.openWebSocket(url: url, headers: headers, timeout: timeout)
        }
    }

    func resolves(url: String) async -> Bool { await transport.resolves(url: url) }
}
