/// Command lines: Windows passes programs one text, which they take apart themselves.
package enum CommandLineText {
    /// A text that a program, which takes it apart by the rules of CommandLineToArgvW and the C library, reads as these.
    package static func joined(_ arguments: [String]) -> String {
        arguments.map(quoted).joined(separator: " ")
    }

    /// One argument: in quotes where it needs them; a quote gets a backslash, and backslashes before a quote are doubled.
    package static func quoted(_ argument: String) -> String {
        let scalars = argument.unicodeScalars
        let special: [Unicode.Scalar] = [" ", "\t", "\n", "\u{b}", "\""]
        if !scalars.isEmpty, !scalars.contains(where: special.contains) { return argument }
        var text = String.UnicodeScalarView("\"".unicodeScalars)
        var backslashes = 0
        for scalar in scalars {
            if scalar == "\\" {
                backslashes += 1
            } else {
                if scalar == "\"" { text.append(contentsOf: repeatElement("\\", count: backslashes + 1)) }
                backslashes = 0
            }
            text.append(scalar)
        }
        text.append(contentsOf: repeatElement("\\", count: backslashes))
        text.append("\"")
        return String(text)
    }
}
