import Agent
import CShims
import PlatformWindows

let machineChecks = [
    Check("machine: the facts are there") {
        let machine = WindowsMachine()
        try expectEqual(machine.kernelName, "Windows")
        let numbers = machine.kernelVersion.split(separator: ".").compactMap { Int($0) }
        try expect(numbers.count == 3 && numbers[0] >= 6 && numbers[2] >= 9200, machine.kernelVersion)
        try expect(
            machine.osVersion.hasPrefix("Windows") && machine.osVersion.has(String(numbers[2])),
            machine.osVersion
        )
        try expect(["x86_64", "x86", "aarch64"].contains(machine.architecture), machine.architecture)
        try expect(!machine.hostname.isEmpty)
        try expect(machine.processID > 0)
        try expect(machine.uptimeSeconds > 0)
        try expect(!machine.bootID.isEmpty)
        try expectEqual(machine.bootID, WindowsMachine().bootID)
        // Wine has neither the firmware's data nor a MachineGuid on every machine.
        let hasID = machine.machineID.map { $0.utf8.count >= 32 } ?? isWine
        try expect(hasID, "\(String(describing: machine.machineID))")
        let address = machine.localAddress.split(separator: ".").compactMap { UInt8($0) }
        try expect(machine.localAddress.isEmpty || address.count == 4, machine.localAddress)
        print("       \(machine.osVersion), \(machine.architecture), \(machine.kernelVersion), boot \(machine.bootID)")
    },
    Check("machine: the environment") {
        let machine = WindowsMachine()
        try expect(machine.environment("SystemRoot")?.isEmpty == false)
        try expectEqual(machine.environment("TAT_NO_SUCH_VARIABLE"), nil)
    },
    Check("machine: long names") {
        var version = WindowsVersion()
        version.build = 17763
        version.isServer = true
        let server = "Windows Server 2019 Datacenter"
        try expectEqual(WindowsMachine.osVersion(product: server, version), "Windows Server 2019 Datacenter 17763")
        try expectEqual(WindowsMachine.osVersion(product: "", version), "Windows Server 17763")
        try expectEqual(WindowsMachine.osVersion(product: "Windows é\r\nX: 1", version), "Windows X: 1 17763")
        version.build = 22631
        version.isServer = false
        try expectEqual(WindowsMachine.osVersion(product: "Windows 10 Pro", version), "Windows 11 Pro 22631")
    },
    Check("smbios: the system's UUID, in either order of its bytes") {
        let uuid: [UInt8] = Array(0...15)
        let newer = smbios(version: (3, 2), [biosStructure, systemStructure(uuid), endStructure])
        try expectEqual(SMBIOS.systemUUID(in: newer), "03020100-0504-0706-0809-0a0b0c0d0e0f")
        let older = smbios(version: (2, 5), [biosStructure, systemStructure(uuid), endStructure])
        try expectEqual(SMBIOS.systemUUID(in: older), "00010203-0405-0607-0809-0a0b0c0d0e0f")
        for unset in [[UInt8](repeating: 0, count: 16), [UInt8](repeating: 0xFF, count: 16)] {
            try expectEqual(SMBIOS.systemUUID(in: smbios(version: (3, 0), [systemStructure(unset)])), nil)
        }
        try expectEqual(SMBIOS.systemUUID(in: smbios(version: (3, 0), [biosStructure, endStructure])), nil)
        try expectEqual(SMBIOS.systemUUID(in: smbios(version: (3, 0), [endStructure, systemStructure(uuid)])), nil)
    },
    Check("smbios: what is cut short or broken is no UUID, and no crash") {
        let uuid: [UInt8] = Array(1...16)
        let whole = smbios(version: (3, 2), [biosStructure, systemStructure(uuid)])
        // Of the system's structure everything up to the UUID's last byte is needed.
        let needed = 8 + biosStructure.count + 27
        for length in 0..<whole.count {
            let found = SMBIOS.systemUUID(in: Array(whole.prefix(length)))
            try expectEqual(found != nil, length >= needed)
        }
        for index in whole.indices {
            for value in [0, 1, 3, 0x7F, 0xFF] as [UInt8] {
                var broken = whole
                broken[index] = value
                _ = SMBIOS.systemUUID(in: broken)
            }
        }
        // A table that says that it is longer than it is, and one that says that it is empty.
        try expect(SMBIOS.systemUUID(in: whole.replacing(4, with: 0xFF)) != nil)
        var empty = whole
        for index in 4..<8 { empty[index] = 0 }
        try expectEqual(SMBIOS.systemUUID(in: empty), nil)
    },
]

/// Of type 0, with texts.
private let biosStructure: [UInt8] =
    [0, 18, 0, 0, 1, 2, 0, 0, 3] + [UInt8](repeating: 0, count: 9) + Array("Maker\u{0}1.0\u{0}2020\u{0}\u{0}".utf8)

/// Of type 1, 27 bytes long as from version 2.4 on.
private func systemStructure(_ uuid: [UInt8]) -> [UInt8] {
    [1, 27, 1, 0, 1, 2, 0, 0] + uuid + [6, 0, 0] + Array("Maker\u{0}Machine\u{0}\u{0}".utf8)
}

private let endStructure: [UInt8] = [127, 4, 2, 0, 0, 0]

private func smbios(version: (UInt8, UInt8), _ structures: [[UInt8]]) -> [UInt8] {
    let table = structures.flatMap(\.self)
    return [0, version.0, version.1, 0, UInt8(table.count & 0xFF), UInt8(table.count >> 8), 0, 0] + table
}

extension [UInt8] {
    fileprivate func replacing(_ index: Int, with value: UInt8) -> [UInt8] {
        var copy = self
        copy[index] = value
        return copy
    }
}
