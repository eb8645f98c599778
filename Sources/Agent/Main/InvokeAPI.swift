/// Why a call of the invoke API has no result.
///
/// A class, as every error of an `async` function that names it: for 32 bits Swift cannot compile others.
final class InvokeFailure: Error, Equatable, CustomStringConvertible {
    enum Kind: Equatable {
        /// The service answered with an `Error`: asking again would get the same.
        case refused(code: String, message: String)
        /// The service did not answer, or not sensibly: it may or may not have got the call.
        case undelivered(String)
    }

    let kind: Kind

    private init(_ kind: Kind) { self.kind = kind }

    static func refused(code: String, message: String) -> InvokeFailure {
        .init(.refused(code: code, message: message))
    }
    static func undelivered(_ reason: String) -> InvokeFailure { .init(.undelivered(reason)) }

    static func == (left: InvokeFailure, right: InvokeFailure) -> Bool { left.kind == right.kind }

    var description: String {
        switch kind {
        case .refused(let code, let message): "refused: \(code): \(message)"
        case .undelivered(let reason): "not delivered: \(reason)"
        }
    }
}

/// The service's HTTPS side (protocol §3): one POST a call.
@LoopActor
final class InvokeAPI {
    /// How many calls are under way at once; the others wait in order, and their time limit only runs from then on.
    private static let width = 8

    private let transport: any Transport
    private let endpoints: Endpoints
    private let identity: Identity
    private let gate = Gate(width: width)

    init(transport: any Transport, endpoints: Endpoints, identity: Identity) {
        self.transport = transport
        self.endpoints = endpoints
        self.identity = identity
    }

    /// Makes the call and gives the reply's `Response` object.
    func call(_ action: String, _ fields: JSON.Object = [:]) async throws(InvokeFailure) -> JSON {
        // In a Swift task of its own: one keeps to its end the memory that its deepest call took, and callers wait long.
        try await spawn { [self] in await attempt(action, fields) }.value.get()
    }

    private func attempt(_ action: String, _ fields: JSON.Object) async -> Result<JSON, InvokeFailure> {
        do throws(InvokeFailure) {
            return .success(try await exchange(action, fields))
        } catch {
            return .failure(error)
        }
    }

    private func exchange(_ action: String, _ fields: JSON.Object) async throws(InvokeFailure) -> JSON {
        try await gate.run { () async throws(InvokeFailure) -> JSON in
            let response: HTTPResponse
            do {
                var body: JSON.Object = ["Action": .string(action)]
                for (name, value) in fields.members { body[name] = value }
                var request = HTTPRequest(.post, await endpoints.invokeURL())
                request.headers = try identity.headers() + [HTTPHeader("Content-Type", "application/json")]
                request.body = JSON.object(body).encoded()
                response = try await transport.send(request)
            } catch {
                throw .undelivered("\(error)")
            }
            return try Self.result(of: response)
        }
    }

    /// The `Response` object of a reply.
    nonisolated static func result(of response: HTTPResponse) throws(InvokeFailure) -> JSON {
        guard response.status < 500 else { throw .undelivered("HTTP status \(response.status)") }
        let json: JSON
        do {
            json = try JSON.parse(response.body)
        } catch {
            throw .undelivered("HTTP status \(response.status), and a body that is not JSON: \(error)")
        }
        guard let result = json["Response"], result.object != nil else {
            throw .undelivered("HTTP status \(response.status), and a reply without Response")
        }
        if let error = result["Error"], !error.isNull {
            let code = error["Code"]?.string ?? ""
            let message = error["Message"]?.string ?? ""
            if isTransient(code) { throw .undelivered("\(code): \(message)") }
            throw .refused(code: code, message: message)
        }
        guard response.status == 200 else { throw .undelivered("HTTP status \(response.status)") }
        return result
    }

    /// Whether an error tells of the service's state rather than of the call, by the cloud's common error codes.
    private nonisolated static func isTransient(_ code: String) -> Bool {
        ["InternalError", "RequestLimitExceeded", "ServiceUnavailable"].contains {
            code == $0 || code.hasPrefix($0 + ".")
        }
    }
}
