import Agent
import CShims

/// Facts about a Linux machine.
public struct LinuxMachine: Machine {
    public let kernelName = "Linux"
    public let kernelVersion: String
    public let osVersion: String
    public let architecture: String
    public let machineID: String?
    public let bootID: String

    /// Reads the facts that do not change.
    public init() {
        var name = utsname()
        uname(&name)
        kernelVersion = Self.text(name.release)
        architecture = Self.architecture(Self.text(name.machine))
        osVersion = Self.osVersion(release: Self.line("/etc/os-release") ?? Self.line("/usr/lib/os-release") ?? "")
        machineID = Self.firstWord("/sys/class/dmi/id/product_uuid") ?? Self.firstWord("/etc/machine-id")
        bootID = Self.firstWord("/proc/sys/kernel/random/boot_id") ?? ""
    }

    public var hostname: String {
        var name = utsname()
        uname(&name)
        return Self.text(name.nodename)
    }

    public var processID: Int32 { getpid() }

    public var uptimeSeconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Int64(time.tv_sec)
    }

    public func environment(_ name: String) -> String? { Environment.value(name) }

    /// Connecting a datagram socket sends nothing, it only makes the kernel choose a route and with it an address.
    public var localAddress: String {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return "" }
        let owner = FileDescriptor(owning: descriptor)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(9).bigEndian
        // 192.0.2.1, of the block kept for documentation (RFC 5737): it takes the default route, if there is one.
        address.sin_addr.s_addr = UInt32(0xc000_0201).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isRouted = withUnsafeMutablePointer(to: &address) { pointer in
            // A sockaddr_in is what both calls take as a sockaddr of this family and size.
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                connect(owner.number, pointer, size) == 0 && getsockname(owner.number, pointer, &size) == 0
            }
        }
        guard isRouted else { return "" }
        let value = UInt32(bigEndian: address.sin_addr.s_addr)
        return "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)"
    }

    /// The service's names of architectures.
    static func architecture(_ machine: String) -> String {
        ["i386", "i486", "i586", "i686"].contains(machine) ? "x86" : machine
    }

    /// The long name from os-release(5): `Linux 12 Debian GNU/Linux`.
    static func osVersion(release: String) -> String {
        var fields: [String: String] = [:]
        for (name, value) in Environment.parse(etcEnvironment: Array(release.utf8)) { fields[name] = value }
        return ["Linux", fields["VERSION_ID"], fields["NAME"]].compactMap(\.self).filter { !$0.isEmpty }
            .joined(separator: " ")
    }

    private static func line(_ path: String) -> String? {
        (try? PosixFiles().read(path, limit: 64 << 10)).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func firstWord(_ path: String) -> String? {
        line(path)?.split(whereSeparator: \.isWhitespace).first.map(String.init)
    }

    /// A field of utsname, which C declares as an array and Swift sees as a tuple.
    private static func text<Field>(_ field: Field) -> String {
        withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
