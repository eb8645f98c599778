import Testing

@testable import Agent

@Suite struct IdentityTests {
    private func headers(
        machine: FakeMachine = FakeMachine(),
        random: any RandomSource = SystemRandomSource(),
        key: String? = nil
    ) async throws -> [HTTPHeader] {
        try await onLoop {
            var platform = FakePlatform()
            platform.machine = machine
            platform.random = random
            var config = Config()
            config.registration = key.map {
                Registration(
                    region: "mars",
                    code: "c",
                    value: "v",
                    machineID: "registered-machine",
                    privateKey: $0,
                    instanceID: "instance-1"
                )
            }
            return try Identity(platform: platform, config: config).headers()
        }
    }

    private func value(_ name: String, _ headers: [HTTPHeader]) throws -> String {
        let values = headers.filter { $0.name == name }.map(\.value)
        #expect(values.count == 1, "\(name)")
        return try #require(values.first)
    }

    private static let facts = [
        HTTPHeader("Tat-Version", agentVersion),
        HTTPHeader("Tat-Pid", "42"),
        HTTPHeader("Tat-KernelName", "Linux"),
        HTTPHeader("Tat-KernelVersion", "6.1.0"),
        HTTPHeader("Tat-OSVersion", "Linux 12 Debian GNU/Linux"),
        HTTPHeader("Tat-CPUArch", "x86_64"),
        HTTPHeader("Tat-UptimeSecs", "1234"),
    ]

    @Test func aMachineOfTheServicesOwnTellsItsFacts() async throws {
        #expect(try await headers() == Self.facts + [HTTPHeader("MachineId", "machine-1")])
        #expect(try await headers(machine: FakeMachine(machineID: nil)) == Self.facts)
    }

    @Test func theMockHasTwoMore() async throws {
        let plain = try await headers(machine: FakeMachine(machineID: nil, variables: ["MOCK_ENABLE": ""]))
        #expect(plain == Self.facts + [HTTPHeader("Tat-Vpcid", "123456"), HTTPHeader("Tat-Vip", "192.168.0.1")])
        let variables = ["MOCK_ENABLE": "1", "MOCK_VPCID": "7", "MOCK_VIP": "10.0.0.1"]
        let set = try await headers(machine: FakeMachine(machineID: nil, variables: variables))
        #expect(set == Self.facts + [HTTPHeader("Tat-Vpcid", "7"), HTTPHeader("Tat-Vip", "10.0.0.1")])
        let without = try await headers(machine: FakeMachine(machineID: nil, variables: ["MOCK_VPCID": "7"]))
        #expect(without == Self.facts)
    }

    @Test func aRegisteredMachineSigns() async throws {
        let headers = try await headers(key: "the key")
        #expect(Array(headers.prefix(7)) == Self.facts)
        #expect(headers.map(\.name).dropFirst(7) == ["MachineId", "InstanceId", "RandomKey", "Timestamp", "Signature"])
        #expect(try value("MachineId", headers) == "registered-machine")
        #expect(try value("InstanceId", headers) == "instance-1")
        #expect(try value("Timestamp", headers) == "1700000000")
        let key = try value("RandomKey", headers)
        let signature = try Base64.decode(try value("Signature", headers))
        #expect(
            String(decoding: signature, as: UTF8.self)
                == "the key signs registered-machineinstance-1\(key)1700000000"
        )
    }

    @Test func theRandomKeyIsThirtyTwoAlphanumericsAndNew() async throws {
        var keys: Set<String> = []
        for _ in 0..<50 {
            let key = try value("RandomKey", try await headers(key: "the key"))
            #expect(key.utf8.count == 32)
            #expect(
                key.utf8.allSatisfy {
                    HTTPText.isDigit($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                }
            )
            keys.insert(key)
        }
        #expect(keys.count == 50)
        // All characters come up.
        #expect(Set(keys.joined()).count == 62)
    }

    @Test func bytesThatWouldFavourSomeCharactersAreDrawnAgain() async throws {
        // 248 to 255 would be A to H once more.
        let source = FixedRandomSource(cycle: [248, 255, 61, 250, 247])
        let key = try value("RandomKey", try await headers(random: source, key: "k"))
        #expect(key == String(repeating: "9", count: 32))
    }

    @Test func aKeyThatCannotSignIsAnError() async throws {
        await #expect(throws: CryptoError.self) { try await headers(key: "broken") }
    }
}
