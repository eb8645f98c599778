import Agent
import CShims

/// Facts about a Windows machine.
public struct WindowsMachine: Machine {
    public let kernelName = "Windows"
    /// Such as `10.0.17763`.
    public let kernelVersion: String
    /// Such as `Windows Server 2019 Datacenter 17763`.
    public let osVersion: String
    public let architecture: String
    public let machineID: String?
    public let bootID: String

    /// Reads the facts that do not change.
    public init() {
        let version = WindowsVersion.current
        kernelVersion = "\(version.major).\(version.minor).\(version.build)"
        let product = Registry.text(#"SOFTWARE\Microsoft\Windows NT\CurrentVersion"#, "ProductName") ?? ""
        osVersion = Self.osVersion(product: product, version)
        architecture = Self.architecture
        machineID =
            SMBIOS.read().flatMap { SMBIOS.systemUUID(in: $0) }
            ?? Registry.text(#"SOFTWARE\Microsoft\Cryptography"#, "MachineGuid").flatMap { $0.isEmpty ? nil : $0 }
        bootID = Self.bootID
    }

    public var hostname: String {
        WideText.string { buffer, count in
            var size = UInt32(count)
            return shim_win_GetComputerNameEx(buffer, &size) ? DWORD(size) : 0
        } ?? ""
    }

    public var processID: Int32 { Int32(truncatingIfNeeded: shim_win_GetCurrentProcessId()) }

    public var uptimeSeconds: Int64 { Int64(shim_win_GetTickCount64() / 1000) }

    public func environment(_ name: String) -> String? { Environment.value(name) }

    public var localAddress: String {
        guard Sockets.areStarted else { return "" }
        // 192.0.2.1, of the block kept for documentation (RFC 5737): it takes the default route, if there is one.
        let address = UInt32(bigEndian: shim_win_source_address(UInt32(0xC000_0201).bigEndian))
        guard address != 0 else { return "" }
        return "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
    }

    /// The long name, of characters that a header field can have.
    package static func osVersion(product: String, _ version: WindowsVersion) -> String {
        var name = String(decoding: product.utf8.filter { $0 >= 0x20 && $0 < 0x7F }, as: UTF8.self)
        if name.isEmpty { name = version.isServer ? "Windows Server" : "Windows" }
        // Windows 11 says that it is Windows 10.
        let former = "Windows 10"
        if version.build >= 22000, !version.isServer, name.hasPrefix(former) {
            name = "Windows 11" + name.dropFirst(former.count)
        }
        return "\(name) \(version.build)"
    }

    /// The machine's, which is not always that of the program.
    private static var architecture: String {
        // IMAGE_FILE_MACHINE_… (winnt.h).
        switch shim_win_IsWow64Process2() {
        case 0x8664: return "x86_64"
        case 0x014C: return "x86"
        case 0xAA64: return "aarch64"
        case 0x01C4: return "arm"
        default: break
        }
        // PROCESSOR_ARCHITECTURE_… (winnt.h).
        switch shim_win_GetNativeSystemInfo() {
        case 9: return "x86_64"
        case 12: return "aarch64"
        case 5: return "arm"
        default: return "x86"
        }
    }

    /// The time of the boot as it was taken then. Where the clock is set later the system moves its time of the boot along,
    /// and says by how much, so that this stays the same.
    ///
    /// A start from hibernation, which the "fast startup" is as well, is not another boot: processes of services live on.
    private static var bootID: String {
        // SYSTEM_TIMEOFDAY_INFORMATION: the time of the boot, now, the time zone, two numbers of 32 bits, and by how much
        // the time of the boot was moved.
        var times = [Int64](repeating: 0, count: 6)
        let status = times.withUnsafeMutableBytes {
            // SystemTimeOfDayInformation.
            shim_win_NtQuerySystemInformation(3, $0.baseAddress, UInt32($0.count))
        }
        guard status >= 0, times[0] != 0 else { return "" }
        return String(UInt64(bitPattern: times[0] &- times[4]), radix: 16)
    }
}

/// What is read from HKEY_LOCAL_MACHINE, as 64-bit programs see it.
package enum Registry {
    /// A text; `nil` when there is none.
    package static func text(_ key: String, _ name: String) -> String? {
        var buffer = [WCHAR](repeating: 0, count: 1024)
        var size = UInt32(buffer.count * MemoryLayout<WCHAR>.size)
        guard shim_win_RegGetValue_text(key.wide, name.wide, &buffer, &size) == 0 else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }, as: UTF16.self)
    }

    /// A number; `nil` when there is none.
    package static func number(_ key: String, _ name: String) -> UInt32? {
        var value: UInt32 = 0
        return shim_win_RegGetValue_number(key.wide, name.wide, &value) == 0 ? value : nil
    }
}

/// Windows Sockets, which a process has to start before it uses them.
enum Sockets {
    static let areStarted = shim_win_WSAStartup() == 0
}
