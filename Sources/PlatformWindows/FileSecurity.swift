import CShims

/// Who may use a file or folder that the agent makes: SYSTEM, the administrators, in some cases a task's user, and nobody
/// else. Nothing is taken over from the folder above.
package struct FileSecurity: Sendable {
    /// What a task's user may do with what is made for it.
    package enum UserRights: Sendable {
        /// Read a file and run it as a program; list a folder and pass through it, without what is in it.
        case read
        /// Read and write a file; make files in a folder, too.
        case write
    }

    /// The access control list in SDDL.
    package let text: String

    private init(_ text: String) { self.text = text }

    /// For files of the agent's own.
    package static let owner = FileSecurity(list(inherited: false))

    /// For folders of the agent's own; what is made in them without a list of its own gets theirs.
    package static let ownerDirectory = FileSecurity(list(inherited: true))

    /// For a file that the user of this SID uses as well. A text that is no SID gives nobody any more.
    package static func file(for user: String, _ rights: UserRights) -> FileSecurity {
        FileSecurity(owner.text + entry(for: user, rights))
    }

    /// For a folder that the user of this SID uses as well; what is in it does not become the user's by that.
    package static func directory(for user: String, _ rights: UserRights) -> FileSecurity {
        FileSecurity(ownerDirectory.text + entry(for: user, rights))
    }

    /// Lends it as what calls take that make something.
    package func withAttributes<T>(
        _ body: (UnsafeMutablePointer<SECURITY_ATTRIBUTES>) throws(SystemError) -> T
    ) throws(SystemError) -> T {
        let descriptor = try descriptor()
        defer { _ = shim_win_LocalFree(descriptor) }
        var attributes = SECURITY_ATTRIBUTES()
        attributes.nLength = DWORD(MemoryLayout<SECURITY_ATTRIBUTES>.size)
        attributes.lpSecurityDescriptor = descriptor
        return try body(&attributes)
    }

    /// Has a file or folder that is there be used by these alone, SetFileSecurityW.
    package func apply(to path: String) throws(SystemError) {
        let descriptor = try descriptor()
        defer { _ = shim_win_LocalFree(descriptor) }
        guard shim_win_SetFileSecurity_protected(Path.wide(path), descriptor) else {
            throw SystemError("protect \(path)")
        }
    }

    /// The access control list of what is at a path, in SDDL.
    package static func read(_ path: String) throws(SystemError) -> String {
        guard let text = shim_win_file_access(Path.wide(path)) else { throw SystemError("access of \(path)") }
        defer { _ = shim_win_LocalFree(text) }
        return String(wide: text)
    }

    private func descriptor() throws(SystemError) -> UnsafeMutableRawPointer {
        guard let descriptor = shim_win_ConvertStringSecurityDescriptorToSecurityDescriptor(text.wide) else {
            throw SystemError("ConvertStringSecurityDescriptorToSecurityDescriptor")
        }
        return descriptor
    }

    /// D:P: a list that takes nothing over. FA: all rights. OICI: for what is made in the folder, too.
    private static func list(inherited: Bool) -> String {
        let flags = inherited ? "OICI" : ""
        var list = "D:P(A;\(flags);FA;;;SY)(A;\(flags);FA;;;BA)"
        // An agent that a person runs in a terminal has to get at its own files.
        if let own = try? SecurityIdentifier.ofProcess(), own != SecurityIdentifier.system {
            list += "(A;\(flags);FA;;;\(own))"
        }
        return list
    }

    private static func entry(for user: String, _ rights: UserRights) -> String {
        guard SecurityIdentifier.isValid(user) else { return "" }
        // FR, FW, FX: FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE.
        return "(A;;\(rights == .read ? "FRFX" : "FRFW");;;\(user))"
    }
}
