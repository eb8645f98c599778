/// Puts the whole output of tasks into object storage (protocol §4).
@LoopActor
final class OutputUpload {
    /// How an upload ended, for good.
    enum Outcome: Equatable, Sendable {
        /// The object's address.
        case stored(url: String)
        case failed(reason: String)
    }

    /// How much is tried.
    struct Limits: Sendable {
        var attempts = 16
        /// After this much time from the first failure on there is no further attempt.
        var time = Duration.seconds(600)
        var pauses = Backoff()
    }

    /// How many uploads are under way at once; the others wait in order.
    private static let width = 4
    /// The most bytes of a reply that are looked at, and of a reason that is told.
    private static let replyLimit = 1 << 20
    static let reasonLimit = 1024

    private let transport: any Transport
    private let crypto: any Crypto
    private let clock: any WallClock
    private let files: any Files
    private let credentials: COSCredentialSource
    private let log: Log
    private let limits: Limits
    private let gate = Gate(width: width)

    init(platform: any Platform, api: InvokeAPI, log: Log, limits: Limits = Limits()) {
        transport = platform.transport
        crypto = platform.crypto
        clock = platform.clock
        files = platform.files
        credentials = COSCredentialSource(platform: platform, api: api)
        self.log = log
        self.limits = limits
    }

    /// Uploads the file at `path` as the output of a task, until that is done or no use any more. To do so again, with
    /// the same file, is harmless.
    ///
    /// - Parameter isWanted: asked before each attempt; the outcome of an upload that is not wanted means nothing.
    func run(
        _ task: TaskRecord,
        from path: String,
        isWanted: @escaping @LoopActor () -> Bool = { true }
    ) async -> Outcome {
        var pauses = limits.pauses
        var attempts = 0
        var deadline: ContinuousClock.Instant?
        while true {
            attempts += 1
            do throws(Failure) {
                let url = try await gate.run { () async throws(Failure) in
                    guard isWanted() else { throw Failure(description: "it is not wanted any more", isFinal: true) }
                    return try await attempt(task, path)
                }
                return .stored(url: url)
            } catch {
                let reason = Self.bounded(error.description)
                let end = deadline ?? .now + limits.time
                deadline = end
                guard !error.isFinal, attempts < limits.attempts, .now < end else {
                    log.warning("task \(task.id): its output is not uploaded after \(attempts) attempts: \(reason)")
                    return .failed(reason: reason)
                }
                log.warning("task \(task.id): its output is not uploaded: \(reason); trying again")
                await sleep(for: pauses.pause())
            }
        }
    }

    /// Why an attempt came to nothing.
    private final class Failure: Error {
        let description: String
        /// Whether another attempt would be of no use.
        let isFinal: Bool

        init(description: String, isFinal: Bool) {
            self.description = description
            self.isFinal = isFinal
        }
    }

    /// One attempt, with a credential and a signature of its own: the object's address.
    private func attempt(_ task: TaskRecord, _ path: String) async throws(Failure) -> String {
        let credential: COSCredential
        do throws(COSCredentialSource.Failure) {
            credential = try await credentials.credential(for: task.id)
        } catch {
            throw Failure(description: error.description, isFinal: error.isFinal)
        }
        let object: COSObject
        let request: HTTPRequest
        do {
            object = try COSObject(
                bucketURL: task.cosBucketURL,
                prefix: task.cosBucketPrefix,
                invocationID: credential.invocationID,
                taskID: task.id
            )
            request = try self.request(object, credential, size: files.size(path))
        } catch {
            throw Failure(description: "\(error)", isFinal: true)
        }
        let response: HTTPResponse
        do throws(TransportError) {
            response = try await transport.upload(request, from: path)
        } catch {
            throw Failure(description: error.description, isFinal: error.kind == .invalidRequest || error.kind == .file)
        }
        try Self.check(response)
        return object.url
    }

    /// The request that stores so many bytes as the object.
    private func request(_ object: COSObject, _ credential: COSCredential, size: Int64) throws -> HTTPRequest {
        let now = clock.unixSeconds
        var headers = [
            HTTPHeader("Host", object.host),
            HTTPHeader("Date", HTTPDate(unixSeconds: now).description),
            HTTPHeader("Content-Type", "application/xml"),
        ]
        if !credential.token.isEmpty { headers.append(HTTPHeader("x-cos-security-token", credential.token)) }
        let signature = COSSignature(
            method: .put,
            path: object.path,
            headers: headers + [HTTPHeader("Content-Length", String(size))],
            start: now,
            end: min(now + COSSignature.lifetime, credential.expiry ?? .max)
        )
        let authorization = try signature.authorization(
            secretID: credential.secretID,
            secretKey: credential.secretKey,
            by: crypto
        )
        var request = HTTPRequest(.put, object.url)
        // The transport adds Content-Length, which only it knows for sure.
        request.headers = headers + [HTTPHeader("Authorization", authorization)]
        request.responseLimit = Self.replyLimit
        return request
    }

    /// Throws unless the object was stored.
    private static func check(_ response: HTTPResponse) throws(Failure) {
        let status = response.status
        guard !(200...299).contains(status) else { return }
        // What the storage asks to be tried again later, by its documentation and RFC 9110.
        let isTransient = status >= 500 || status == 408 || status == 429
        throw Failure(description: reason(of: response), isFinal: !isTransient)
    }

    /// The status and, of the XML that the storage answers with, what went wrong.
    nonisolated static func reason(of response: HTTPResponse) -> String {
        let details = [("Code", 128), ("Message", 512)].compactMap { name, limit in
            element(name, of: response.body).map { String(decoding: $0.prefix(limit), as: UTF8.self) }
        }
        return (["object storage: HTTP status \(response.status)"] + details).joined(separator: ": ")
    }

    /// The text of the first XML element of a name in the first part of a reply; `nil` when there is none.
    private nonisolated static func element(_ name: String, of reply: [UInt8]) -> ArraySlice<UInt8>? {
        let head = reply.prefix(16 << 10)
        guard let start = end(of: Array("<\(name)>".utf8), in: head) else { return nil }
        let text = head[start...].prefix { $0 != UInt8(ascii: "<") }
        return text.isEmpty ? nil : text
    }

    private nonisolated static func end(of pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        bytes.indices.first { bytes[$0...].starts(with: pattern) }.map { $0 + pattern.count }
    }

    private static func bounded(_ reason: String) -> String {
        reason.utf8.count <= reasonLimit ? reason : String(decoding: reason.utf8.prefix(reasonLimit), as: UTF8.self)
    }
}
