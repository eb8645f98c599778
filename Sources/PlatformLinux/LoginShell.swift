import Agent
import CShims

/// How a script is run (protocol §7): by a shell that has read what a login shell reads, and then becomes the script's
/// interpreter.
enum LoginShell {
    /// Reads the profiles, whatever they print or fail at.
    private static let profiles = """
        { [ ! -r /etc/profile ] || . /etc/profile
        if [ -r ~/.bash_profile ]; then . ~/.bash_profile; elif [ -r ~/.bashrc ]; then . ~/.bashrc; fi
        } >/dev/null 2>&1

        """

    /// `bash` where there is one, else `sh`.
    static var path: String {
        (["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash"] as [String]).first { access($0, X_OK) == 0 } ?? "/bin/sh"
    }

    /// The arguments of `path`, itself first, that run the script at `script`, whose text begins with `text`.
    static func arguments(script: String, text: [UInt8]) -> [String] {
        let command = (interpreter(of: text) ?? [path]) + [script]
        return [path, "-c", profiles + "exec " + command.map(quote).joined(separator: " ")]
    }

    /// What a script that starts with `#!` names: the program and at most one argument, as the kernel reads it.
    static func interpreter(of text: [UInt8]) -> [String]? {
        guard text.starts(with: Array("#!".utf8)) else { return nil }
        // The kernel reads 256 bytes at the most.
        let line = text.prefix(256).dropFirst(2).prefix {
            $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") && $0 != 0
        }
        let words = line.split(maxSplits: 1, omittingEmptySubsequences: true, whereSeparator: isBlank)
        guard let program = words.first else { return nil }
        var argument = words.dropFirst().first?.drop(while: isBlank) ?? []
        while let last = argument.last, isBlank(last) { argument.removeLast() }
        return ([program, argument] as [ArraySlice<UInt8>]).filter { !$0.isEmpty }
            .map { String(decoding: $0, as: UTF8.self) }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    /// The word as the shell reads it back unchanged.
    static func quote(_ word: String) -> String {
        // By bytes: a quote with a combining character after it is another character to Swift, but not to the shell.
        let parts = word.utf8.split(separator: UInt8(ascii: "'"), omittingEmptySubsequences: false)
        return "'" + parts.map { String(Substring($0)) }.joined(separator: "'\\''") + "'"
    }
}
