/// The header fields by which the service knows the agent (protocol §2).
struct Identity: Sendable {
    private let platform: any Platform
    private let registration: Registration?

    init(platform: any Platform, config: Config) {
        self.platform = platform
        registration = config.registration
    }

    /// The fields of one request; a registered machine signs each anew.
    func headers() throws(CryptoError) -> [HTTPHeader] {
        let machine = platform.machine
        var headers = [
            HTTPHeader("Tat-Version", agentVersion),
            HTTPHeader("Tat-Pid", String(machine.processID)),
            HTTPHeader("Tat-KernelName", machine.kernelName),
            HTTPHeader("Tat-KernelVersion", machine.kernelVersion),
            HTTPHeader("Tat-OSVersion", machine.osVersion),
            HTTPHeader("Tat-CPUArch", machine.architecture),
            HTTPHeader("Tat-UptimeSecs", String(machine.uptimeSeconds)),
        ]
        if machine.environment("MOCK_ENABLE") != nil {
            headers.append(HTTPHeader("Tat-Vpcid", machine.environment("MOCK_VPCID") ?? "123456"))
            headers.append(HTTPHeader("Tat-Vip", machine.environment("MOCK_VIP") ?? "192.168.0.1"))
        }
        if let registration {
            try headers.append(contentsOf: signed(registration))
        } else if let machineID = machine.machineID {
            headers.append(HTTPHeader("MachineId", machineID))
        }
        return headers
    }

    private func signed(_ registration: Registration) throws(CryptoError) -> [HTTPHeader] {
        let key = randomKey()
        let timestamp = String(platform.clock.unixSeconds)
        let message = registration.machineID + registration.instanceID + key + timestamp
        let signature = try platform.crypto.signRSASHA1(Array(message.utf8), privateKey: registration.privateKey)
        return [
            HTTPHeader("MachineId", registration.machineID),
            HTTPHeader("InstanceId", registration.instanceID),
            HTTPHeader("RandomKey", key),
            HTTPHeader("Timestamp", timestamp),
            HTTPHeader("Signature", Base64.encode(signature)),
        ]
    }

    /// 32 alphanumerics, each equally likely: bytes that would favour some are drawn again.
    private func randomKey() -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        let fair = 256 / alphabet.count * alphabet.count
        var key: [UInt8] = []
        while key.count < 32 {
            key += platform.random.bytes(64).filter { Int($0) < fair }.map { alphabet[Int($0) % alphabet.count] }
        }
        return String(decoding: key.prefix(32), as: UTF8.self)
    }
}
