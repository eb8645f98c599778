/// Facts about the machine, as the service wants them (protocol §2). Cheap to ask.
public protocol Machine: Sendable {
    /// `Linux` or `Windows`.
    var kernelName: String { get }
    var kernelVersion: String { get }
    /// The long name, such as `Linux 12 Debian GNU/Linux`.
    var osVersion: String { get }
    /// `x86_64`, `x86`, `aarch64`, …
    var architecture: String { get }
    /// SMBIOS system UUID, else the system's own machine id; `nil` when neither can be read.
    var machineID: String? { get }
    /// Another value after each boot.
    var bootID: String { get }
    var hostname: String { get }
    var processID: Int32 { get }
    /// The address that outgoing traffic starts from, or empty.
    var localAddress: String { get }
    /// A variable of the process' environment.
    func environment(_ name: String) -> String?
    /// Since boot.
    var uptimeSeconds: Int64 { get }
}
