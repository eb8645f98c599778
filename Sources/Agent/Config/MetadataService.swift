/// The metadata service of a machine in the cloud (protocol §1). A machine elsewhere has none.
@LoopActor
struct MetadataService {
    private let transport: any Transport
    private let server: String

    nonisolated init(platform: any Platform) {
        transport = platform.transport
        server =
            platform.machine.environment("MOCK_ENABLE") == nil
            ? "http://metadata.tencentyun.com" : "http://mock-server:8000"
    }

    /// What the service has under a path; `nil` when it has nothing there or does not answer within 3 s.
    func get(_ path: String) async -> String? {
        var request = HTTPRequest(.get, server + path)
        request.timeout = .seconds(3)
        request.connectTimeout = .seconds(3)
        request.responseLimit = 64 << 10
        guard let response = try? await transport.send(request), response.status == 200 else { return nil }
        let text = String(decoding: response.body, as: UTF8.self)
        return text.isEmpty ? nil : text
    }
}
