import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

@Suite struct MachineTests {
    private let machine = LinuxMachine()

    @Test(
        arguments: [
            ("x86_64", "x86_64"), ("i386", "x86"), ("i486", "x86"), ("i586", "x86"), ("i686", "x86"),
            ("aarch64", "aarch64"), ("armv7l", "armv7l"), ("riscv64", "riscv64"), ("", ""),
        ]
    )
    func architecturesHaveTheServicesNames(_ machine: String, _ expected: String) {
        #expect(LinuxMachine.architecture(machine) == expected)
    }

    @Test(
        arguments: [
            (
                "NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 (b)\"\nID=debian\n",
                "Linux 12 Debian GNU/Linux"
            ),
            ("ID=alpine\nVERSION_ID=3.20.1\nNAME='Alpine Linux'\n", "Linux 3.20.1 Alpine Linux"),
            ("NAME=\"Arch Linux\"\nBUILD_ID=rolling\n", "Linux Arch Linux"),
            ("VERSION_ID=7\n", "Linux 7"),
            ("# comment\n\nNAME=\"\"\nVERSION_ID=1\n", "Linux 1"),
            ("PRETTY_NAME=\"Something\"\n", "Linux"),
            ("", "Linux"),
            ("\u{0}\u{FF}=====\n\n=\n", "Linux"),
        ]
    )
    func theSystemsNameIsReadFromOSRelease(_ release: String, _ expected: String) {
        #expect(LinuxMachine.osVersion(release: release) == expected)
    }

    @Test func theKernelSaysWhatItIs() throws {
        #expect(machine.kernelName == "Linux")
        #expect(try machine.kernelVersion == uname("-r"))
        #expect(try machine.hostname == uname("-n"))
        #expect(try machine.architecture == LinuxMachine.architecture(uname("-m")))
        #expect(machine.osVersion.hasPrefix("Linux"))
        #expect(machine.processID == getpid())
    }

    private func uname(_ option: String) throws -> String {
        String(decoding: try Subprocess.run("/bin/uname", [option]).output, as: UTF8.self).trimmingSuffix("\n")
    }

    private func word(_ path: String) -> String? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        return text.split(whereSeparator: \.isWhitespace).first.map { String($0) }
    }

    @Test func theBootHasAnID() {
        #expect(!machine.bootID.isEmpty)
        #expect(machine.bootID == word("/proc/sys/kernel/random/boot_id"))
        #expect(machine.bootID == LinuxMachine().bootID)
    }

    @Test func theMachineHasAnID() {
        let sources = ["/sys/class/dmi/id/product_uuid", "/etc/machine-id"].compactMap(word)
        #expect(machine.machineID == sources.first)
        #expect(machine.machineID != "")
    }

    @Test func theUptimeIsTheKernels() throws {
        let before = try #require(Double(word("/proc/uptime") ?? ""))
        let uptime = machine.uptimeSeconds
        let after = try #require(Double(word("/proc/uptime") ?? ""))
        #expect((Int64(before)...Int64(after)).contains(uptime))
    }

    @Test func theAddressIsOneOfTheMachines() throws {
        let address = machine.localAddress
        guard !address.isEmpty else { return }
        var list: UnsafeMutablePointer<ifaddrs>?
        #expect(getifaddrs(&list) == 0)
        defer { freeifaddrs(list) }
        var found: Set<String> = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let pointer = entry.ifa_addr, pointer.pointee.sa_family == sa_family_t(AF_INET) else { continue }
            let value = pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_addr.s_addr }
            let bytes = withUnsafeBytes(of: value) { Array($0) }
            found.insert(bytes.map { String($0) }.joined(separator: "."))
        }
        #expect(found.contains(address))
    }

    @Test func variablesAreThoseOfTheProcess() {
        #expect(machine.environment("PATH") == ProcessInfo.processInfo.environment["PATH"])
        #expect(machine.environment("PLX_NO_SUCH_VARIABLE") == nil)
    }

    @Test func theClockIsTheSystems() {
        let before = Date().timeIntervalSince1970
        let clock = SystemClock()
        let (seconds, milliseconds) = (clock.unixSeconds, clock.unixMilliseconds)
        let after = Date().timeIntervalSince1970
        #expect((Int64(before)...Int64(after)).contains(seconds))
        #expect((Int64(before * 1000)...Int64(after * 1000)).contains(milliseconds))
    }

    @Test(arguments: [0, 1, 255, 256, 257, 100_000])
    func randomBytesAreAsManyAsAsked(_ count: Int) {
        let bytes = SystemRandom().bytes(count)
        #expect(bytes.count == count)
        if count > 200 {
            #expect(bytes != SystemRandom().bytes(count))
            #expect(Set(bytes.suffix(200)).count > 50)
        }
        #expect(SystemRandom().bytes(-1) == [])
    }
}
