/// The machine's registration with the service, for machines that are not the service's own.
public struct Registration: Equatable, Sendable {
    public var region: String
    public var code: String
    public var value: String
    public var machineID: String
    /// PKCS#1 PEM.
    public var privateKey: String
    public var instanceID: String
}

/// The contents of `config.dat` (protocol §1).
public struct Config: Equatable, Sendable {
    public var registration: Registration?
    /// In place of the service's addresses.
    public var invokeURL: String?
    public var notifyURL: String?

    public init() {}

    /// Why `config.dat` cannot be used.
    public struct Malformed: Error, CustomStringConvertible {
        public let description: String
    }

    private static let sizeLimit = 1 << 20

    /// Reads the file at `path`. A file that is missing, empty or broken is worth a warning, which is returned, and
    /// the agent runs without it.
    public static func load(_ path: String, files: any Files) -> (config: Config, warning: String?) {
        do {
            let bytes = try files.read(path, limit: sizeLimit)
            guard !bytes.isEmpty else { throw Malformed(description: "it is empty") }
            return (try Config(decoding: bytes), nil)
        } catch {
            return (Config(), "running without \(path): \(error)")
        }
    }

    /// Writes the file, mode 0600.
    public func save(_ path: String, files: any Files) throws(FileError) {
        try files.replace(path, with: encoded)
    }

    init(decoding bytes: [UInt8]) throws {
        let json = try JSON.parse(bytes)
        guard json.object != nil else { throw Malformed(description: "it is not a JSON object") }
        if let register = json["register"], !register.isNull {
            func field(_ name: String) throws -> String {
                guard let value = register[name]?.string else {
                    throw Malformed(description: "register.\(name) is missing or no string")
                }
                return value
            }
            registration = Registration(
                region: try field("region"),
                code: try field("register_code"),
                value: try field("register_value"),
                machineID: try field("machine_id"),
                privateKey: try field("private_key"),
                instanceID: try field("instance_id")
            )
        }
        if let url = json["url"], !url.isNull {
            guard url.object != nil else { throw Malformed(description: "url is not a JSON object") }
            func address(_ name: String, schemes: [String]) throws -> String? {
                guard let value = url[name], !value.isNull, value != "" else { return nil }
                guard let text = value.string, schemes.contains(where: { text.hasPrefix($0 + "://") }) else {
                    throw Malformed(
                        description:
                            "url.\(name) is not an address that begins with \(schemes.joined(separator: " or "))"
                    )
                }
                return text
            }
            invokeURL = try address("invoke_url", schemes: ["https", "http"])
            notifyURL = try address("ws_url", schemes: ["wss", "ws"])
        }
    }

    private var encoded: [UInt8] {
        let register: JSON =
            if let registration {
                [
                    "region": .string(registration.region),
                    "register_code": .string(registration.code),
                    "register_value": .string(registration.value),
                    "machine_id": .string(registration.machineID),
                    "private_key": .string(registration.privateKey),
                    "instance_id": .string(registration.instanceID),
                ]
            } else {
                nil
            }
        let url: JSON =
            if invokeURL != nil || notifyURL != nil {
                ["invoke_url": .string(invokeURL ?? ""), "ws_url": .string(notifyURL ?? "")]
            } else {
                nil
            }
        return (["register": register, "url": url] as JSON).encoded() + [UInt8(ascii: "\n")]
    }
}
