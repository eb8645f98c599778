import CShims

/// Paths, which the core joins with slashes and Windows wants with backslashes where they are long.
package enum Path {
    /// The path for the calls of the system, ended by NUL: with backslashes, and past the limit of 260 characters in the
    /// form that has none.
    package static func wide(_ path: String) -> [WCHAR] {
        system(path).wide
    }

    /// As `wide`, as a string.
    package static func system(_ path: String) -> String {
        var text = native(path)
        // Folders may have 248 characters, files 259.
        if text.utf16.count >= 240, isOnDrive(text) {
            text = #"\\?\"# + text
        } else if text.utf16.count >= 240, text.hasPrefix(#"\\"#), !text.hasPrefix(#"\\?\"#), !text.hasPrefix(#"\\.\"#)
        {
            text = #"\\?\UNC\"# + text.dropFirst(2)
        }
        return text
    }

    /// With backslashes only.
    package static func native(_ path: String) -> String {
        var text = String.UnicodeScalarView()
        for scalar in path.unicodeScalars { text.append(scalar == "/" ? #"\"# : scalar) }
        return String(text)
    }

    /// Whether the path is whole: `C:\…` or `\\server\share\…`.
    package static func isAbsolute(_ path: String) -> Bool {
        let path = native(path)
        return isOnDrive(path) || path.hasPrefix(#"\\"#)
    }

    /// The folder that the path is in; itself where there is none above.
    package static func parent(of path: String) -> String {
        let bytes = path.utf8
        let slashes = [UInt8(ascii: "/"), UInt8(ascii: "\\")]
        guard let slash = bytes.lastIndex(where: slashes.contains) else { return path }
        return String(Substring(bytes[..<slash]))
    }

    private static func isOnDrive(_ path: String) -> Bool {
        let start = Array(path.utf8.prefix(3))
        guard start.count == 3, start[1] == UInt8(ascii: ":"), start[2] == UInt8(ascii: "\\") else { return false }
        let letter = start[0] | 0x20
        return letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z")
    }
}
