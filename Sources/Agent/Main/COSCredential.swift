/// What signs a request to the object storage (protocol §4). Never to be logged.
struct COSCredential: Equatable, Sendable, CustomStringConvertible {
    var secretID: String
    var secretKey: String
    /// Empty for a permanent credential.
    var token: String
    /// The service's id of the run that the task is a part of; empty when it was not told.
    var invocationID: String
    /// Until when it is good, in seconds since 1970; `nil` when that was not told.
    var expiry: Int64?

    /// Keeps the secrets out of texts that it is put into by mistake.
    var description: String { "a credential" }

    /// Why an answer is no credential that can be used. Holds nothing of the answer but its code.
    final class Unusable: Error, CustomStringConvertible {
        let description: String

        init(description: String) { self.description = description }
    }

    /// Reads the answer of the API or of the metadata service.
    init(json: JSON, now: Int64) throws(Unusable) {
        func text(_ names: String...) -> String {
            names.lazy.compactMap { json[$0]?.string }.first { !$0.isEmpty } ?? ""
        }
        let code = text("Code")
        guard code.isEmpty || code == "Success" else {
            throw Unusable(description: "the answer has the code `\(code.prefix(64))`")
        }
        secretID = text("TmpSecretId", "SecretId")
        secretKey = text("TmpSecretKey", "SecretKey")
        token = text("Token")
        invocationID = text("InvocationId", "InvocationID")
        guard Self.isSecret(secretID), Self.isSecret(secretKey), token.isEmpty || Self.isSecret(token) else {
            throw Unusable(description: "the answer has no usable SecretId, SecretKey and Token")
        }
        let time = json["ExpireTime"] ?? json["ExpiredTime"]
        expiry = (time?.int64 ?? time?.string.flatMap { Int64($0) }).flatMap { $0 > 0 ? $0 : nil }
        if let expiry, expiry <= now { throw Unusable(description: "the credential has expired") }
    }

    /// Whether this can be a part of a header field.
    private static func isSecret(_ text: String) -> Bool {
        (1...16_384).contains(text.utf8.count) && text.utf8.allSatisfy(HTTPText.isVisible)
    }
}

/// Where credentials come from: the API, failing that the metadata service.
@LoopActor
struct COSCredentialSource {
    /// Why there is no credential.
    final class Failure: Error, CustomStringConvertible {
        let description: String
        /// Whether to ask again would be of no use.
        let isFinal: Bool

        init(description: String, isFinal: Bool) {
            self.description = description
            self.isFinal = isFinal
        }
    }

    private let api: InvokeAPI
    private let metadata: MetadataService
    private let clock: any WallClock

    init(platform: any Platform, api: InvokeAPI) {
        self.api = api
        metadata = MetadataService(platform: platform)
        clock = platform.clock
    }

    /// A credential for the upload of a task's output.
    func credential(for taskID: String) async throws(Failure) -> COSCredential {
        let reason: String
        var isFinal = true
        do {
            return try COSCredential(json: await ask(taskID), now: clock.unixSeconds)
        } catch let error as COSCredential.Unusable {
            reason = error.description
        } catch let error as InvokeFailure {
            reason = error.description
            if case .undelivered = error.kind { isFinal = false }
        } catch {
            reason = "\(error)"
        }
        do throws(COSCredential.Unusable) {
            return try await ofMachine()
        } catch {
            throw Failure(
                description: "no credential: GetCosCredential \(reason); metadata service: \(error)",
                isFinal: isFinal
            )
        }
    }

    private func ask(_ taskID: String) async throws(InvokeFailure) -> JSON {
        try await api.call("GetCosCredential", ["InvocationTaskId": .string(taskID)])
    }

    /// That of the role which the machine has been given.
    private func ofMachine() async throws(COSCredential.Unusable) -> COSCredential {
        let path = "/latest/meta-data/cam/security-credentials"
        guard let answer = await metadata.get(path) else {
            throw COSCredential.Unusable(description: "no role is known")
        }
        let role = answer.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
        guard (1...128).contains(role.utf8.count), role.utf8.allSatisfy(PercentEncoding.isUnreserved) else {
            throw COSCredential.Unusable(description: "the role's name cannot be one")
        }
        guard let text = await metadata.get("\(path)/\(role)"), let json = try? JSON.parse(Array(text.utf8)) else {
            throw COSCredential.Unusable(description: "the role has no credential")
        }
        return try COSCredential(json: json, now: clock.unixSeconds)
    }
}
