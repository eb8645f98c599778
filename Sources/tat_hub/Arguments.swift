/// The words of a command line, taken apart.
struct Arguments {
    private(set) var flags: Set<String> = []
    private(set) var options: [String: [String]] = [:]
    private(set) var words: [String] = []

    /// - Parameters:
    ///   - flags: The names, with their dashes, that stand alone.
    ///   - options: The names that are followed by a value, in the next word or behind `=`.
    ///   - stopsAtWord: Whether all that follows the first word that is no option belongs to it.
    init(_ words: [String], flags: Set<String>, options: Set<String>, stopsAtWord: Bool = false) throws(Failure) {
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" {
                self.words += rest
                return
            }
            guard word.hasPrefix("-"), word != "-" else {
                self.words.append(word)
                guard stopsAtWord else { continue }
                // `--` was not needed to tell the script from the options, but may be there.
                self.words += rest
                return
            }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            if flags.contains(word) {
                self.flags.insert(word)
            } else if options.contains(name) {
                guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst() else {
                    throw Self.usage("\(name) needs a value")
                }
                self.options[name, default: []].append(value)
            } else {
                throw Self.usage("unknown option \(printable(word))")
            }
        }
    }

    /// The last value that was given.
    subscript(_ option: String) -> String? { options[option]?.last }

    /// The value of an option as a whole number in a range.
    func integer(_ option: String, in range: ClosedRange<Int64>) throws(Failure) -> Int64? {
        guard let text = self[option] else { return nil }
        guard let value = Int64(text), range.contains(value) else {
            throw Self.usage("\(option) is a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// Insists on a number of words.
    func expect(_ count: Int, _ what: String) throws(Failure) {
        guard words.count == count else { throw Self.usage("expected \(what)") }
    }

    static func usage(_ message: String) -> Failure {
        Failure("\(message) (see tat_hub --help)", exitCode: ExitCode.usage)
    }
}
