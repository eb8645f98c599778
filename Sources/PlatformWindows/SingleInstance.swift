import CShims

/// Lets one agent run on a machine: a named event that exists as long as somebody holds it (protocol §8).
///
/// Sound as `Sendable`: the handle is behind a lock.
package final class SingleInstance: Sendable {
    /// Another agent holds it.
    struct Taken: Error, CustomStringConvertible {
        let name: String

        var description: String { "another tat_agent is running on this machine (it holds \(name))" }
    }

    package static let name = #"Global\tatsvc"#

    private let event: Lock<Handle?>

    /// Takes the name. SYSTEM and administrators can see who holds it; nobody else can do anything with it.
    package init(name: String) throws {
        let descriptor = shim_win_ConvertStringSecurityDescriptorToSecurityDescriptor(
            "D:P(A;;GA;;;SY)(A;;GA;;;BA)".wide
        )
        guard let descriptor else {
            throw SystemError("security descriptor")
        }
        defer { _ = shim_win_LocalFree(descriptor) }
        var attributes = SECURITY_ATTRIBUTES()
        attributes.nLength = DWORD(MemoryLayout<SECURITY_ATTRIBUTES>.size)
        attributes.lpSecurityDescriptor = descriptor
        let raw = shim_win_CreateEvent(&attributes, true, false, name.wide)
        let error = SystemError("event \(name)")
        guard let event = Handle(owning: raw) else {
            throw error.code == ErrorCode.accessDenied ? Taken(name: name) : error
        }
        guard error.code != ErrorCode.alreadyExists else { throw Taken(name: name) }
        self.event = Lock(event)
    }

    /// Lets another agent take it.
    package func release() { event.with { $0 = nil } }
}
