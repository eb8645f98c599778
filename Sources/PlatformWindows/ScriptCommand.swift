import Agent
import CShims

/// How a script is run (protocol §7): what is written down of it, and the command that runs that.
package struct ScriptCommand {
    /// The file's name ends with it: the interpreters go by that.
    package let fileExtension: String
    /// What the file holds.
    package let text: [UInt8]
    /// Whether it is in UTF-8, as it should be; else it is in the machine's own code page.
    package let isUTF8: Bool
    private let kind: Kind

    private enum Kind { case powershell, batch }

    /// The types of tasks that can run here; the first is what runs where none is named.
    package static let types = ["POWERSHELL", "BAT"]

    /// `nil` for a type that cannot run here.
    package init?(type: String, script: [UInt8]) {
        let mark: [UInt8] = [0xef, 0xbb, 0xbf]
        let bare = script.starts(with: mark) ? Array(script.dropFirst(3)) : script
        // The interpreters assume the machine's code page where nothing is said.
        isUTF8 = String(validating: bare, as: UTF8.self) != nil
        switch type {
        case "POWERSHELL":
            fileExtension = ".ps1"
            // Windows PowerShell reads a file as UTF-8 only if it begins with the mark.
            text = isUTF8 ? mark + bare : script
            kind = .powershell
        case "BAT":
            fileExtension = ".bat"
            // The mark would become a part of the first command. Labels are only found after whole line ends.
            text = Self.withWholeLineEnds(bare)
            kind = .batch
        default:
            return nil
        }
    }

    /// The program and the command line that run the script at `path`.
    ///
    /// - Parameter consoleIsUTF8: whether the console's code page is UTF-8 already.
    package func command(for path: String, consoleIsUTF8: Bool) -> (program: String, line: String) {
        let path = Path.native(path)
        switch kind {
        case .powershell:
            let program = SystemFolder.native + #"\WindowsPowerShell\v1.0\powershell.exe"#
            let arguments = [
                program, "-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-OutputFormat",
                "Text",
                "-Command", Self.invocation(of: path),
            ]
            return (program, CommandLineText.joined(arguments))
        case .batch:
            let program = SystemFolder.native + #"\cmd.exe"#
            // With /S, cmd takes away the first and the last quote and nothing else; in quotes only % has a meaning.
            let command = (isUTF8 && !consoleIsUTF8 ? "chcp 65001 >nul & " : "") + "\"\(path)\""
            return (program, "\(CommandLineText.quoted(program)) /D /S /C \"\(command)\"")
        }
    }

    /// Has output come as UTF-8 before the script runs, and its exit code be the process'. As with -File, the code of a
    /// script that just ends is 0, whatever programs it ran; an error that ends it makes 1.
    private static func invocation(of path: String) -> String {
        // Each kind of quote that ends a text there is doubled.
        var quoted = String.UnicodeScalarView()
        for scalar in path.unicodeScalars {
            if ["'", "\u{2018}", "\u{2019}", "\u{201a}", "\u{201b}"].contains(scalar) { quoted.append(scalar) }
            quoted.append(scalar)
        }
        return "try { [Console]::OutputEncoding = New-Object Text.UTF8Encoding $false } catch {}; "
            + "$OutputEncoding = [Console]::OutputEncoding; "
            + "& '\(String(quoted))'; "
            + "if ($?) { exit 0 }; if ($LASTEXITCODE) { exit $LASTEXITCODE }; exit 1"
    }

    private static func withWholeLineEnds(_ text: [UInt8]) -> [UInt8] {
        var whole: [UInt8] = []
        whole.reserveCapacity(text.count + text.count / 16)
        var last: UInt8 = 0
        for byte in text {
            if byte == UInt8(ascii: "\n"), last != UInt8(ascii: "\r") { whole.append(UInt8(ascii: "\r")) }
            whole.append(byte)
            last = byte
        }
        return whole
    }
}
