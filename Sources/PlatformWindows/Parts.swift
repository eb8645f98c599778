import CShims

/// What this program is made of besides its own code and the system's libraries: for `--version --verbose`.
enum Parts {
    /// One in a line, with version and licence.
    static func describe() -> String {
        let linked = String(cString: shim_linked_parts())
        let parts = linked.isEmpty ? ["Swift runtime, Apache-2.0 WITH Swift-exception"] : linked.split(separator: ";")
        return "linked in:\n" + parts.map { "  \($0)\n" }.joined()
    }
}
