/// Registers a machine that is not the service's own, and writes `config.dat` (protocol §1, §3).
@LoopActor
public struct Registrar {
    /// Why the machine was not registered.
    public final class Failure: Error, CustomStringConvertible {
        public let description: String

        init(description: String) { self.description = description }
    }

    private let platform: any Platform
    private let configPath: String

    public init(platform: any Platform, configPath: String) {
        self.platform = platform
        self.configPath = configPath
    }

    /// Registers with the code that the service's console gave. The addresses in `config.dat` stay.
    public func register(region: String, code: String, value: String) async throws(Failure) {
        var (config, _) = Config.load(configPath, files: platform.files)
        let machine = platform.machine
        guard let machineID = machine.machineID else {
            throw Failure(description: "this machine has no id (SMBIOS UUID or machine-id) to register by")
        }
        let keys = await EventLoop.shared.offload(to: platform.worker) { [crypto = platform.crypto] in
            Result { try crypto.makeRSAKeyPair() }
        }
        let pair: RSAKeyPair
        do { pair = try keys.get() } catch { throw Failure(description: "no key could be made: \(error)") }

        config.registration = nil
        var unregistered = config
        if unregistered.invokeURL == nil, platform.machine.environment("MOCK_ENABLE") == nil {
            unregistered.invokeURL = "https://\(region).invoke.tat-tc.tencent.cn"
        }
        let api = InvokeAPI(
            transport: platform.transport,
            endpoints: Endpoints(platform: platform, config: unregistered),
            identity: Identity(platform: platform, config: unregistered)
        )
        let response: JSON
        do throws(InvokeFailure) {
            response = try await api.call(
                "RegisterInstance",
                [
                    "MachineId": .string(machineID),
                    "ActiveCode": .string(code),
                    "ActiveValue": .string(value),
                    "PublicKey": .string(pair.publicKey),
                    "Hostname": .string(machine.hostname),
                    "LocalIp": .string(machine.localAddress),
                    "SystemName": .string(machine.osVersion),
                ]
            )
        } catch {
            throw Failure(description: "\(error)")
        }
        guard let instanceID = response["InstanceId"]?.string, !instanceID.isEmpty else {
            throw Failure(description: "the service gave no InstanceId")
        }
        config.registration = Registration(
            region: region,
            code: code,
            value: value,
            machineID: machineID,
            privateKey: pair.privateKey,
            instanceID: instanceID
        )
        do throws(FileError) {
            try config.save(configPath, files: platform.files)
        } catch {
            throw Failure(description: "registered as \(instanceID), but that cannot be kept: \(error)")
        }
    }
}
