import Testing

@testable import Agent

@Suite struct LogTests {
    private let sink = TestLog()

    private func line(_ message: String) throws -> String {
        sink.log().info(message)
        let line = try #require(sink.lines.last)
        let prefix = "2023-11-14T22:13:20.000Z INFO "
        #expect(line.hasPrefix(prefix))
        return String(line.dropFirst(prefix.count))
    }

    @Test func aLineTellsTimeAndLevel() {
        let log = sink.log()
        log.debug("a")
        log.info("b")
        log.warning("c")
        log.error("d")
        #expect(
            sink.lines == [
                "2023-11-14T22:13:20.000Z DEBUG a", "2023-11-14T22:13:20.000Z INFO b",
                "2023-11-14T22:13:20.000Z WARN c", "2023-11-14T22:13:20.000Z ERROR d",
            ]
        )
    }

    @Test(arguments: [(LogLevel.debug, 4), (.info, 3), (.warning, 2), (.error, 1)])
    func whatIsBelowTheThresholdIsNotEvenMade(threshold: LogLevel, count: Int) {
        let log = sink.log(threshold)
        var made = 0
        func message() -> String {
            made += 1
            return "message"
        }
        log.debug(message())
        log.info(message())
        log.warning(message())
        log.error(message())
        #expect(sink.lines.count == count)
        #expect(made == count)
    }

    @Test func debugIsOffByDefault() {
        let log = Log(to: sink, clock: FakeClock())
        log.debug("a")
        log.info("b")
        #expect(sink.lines.count == 1)
    }

    @Test func textStaysAsItIs() throws {
        for text in ["", "a b", "é € 🙂 e\u{301}", "\\n \"quoted\" \\u{a}", String(repeating: "x", count: 4096)] {
            #expect(try line(text) == text)
        }
    }

    @Test func controlCharactersForgeNothing() throws {
        #expect(try line("a\nERROR b") == "a\\u{a}ERROR b")
        #expect(try line("a\r\nb") == "a\\u{d}\\u{a}b")
        #expect(try line("\u{0}\t\u{1b}[2J\u{7f}") == "\\u{0}\\u{9}\\u{1b}[2J\\u{7f}")
        // Next line, and what begins a command to a terminal in one character; line and paragraph separators.
        #expect(try line("a\u{85}b\u{9b}2J") == "a\\u{85}b\\u{9b}2J")
        #expect(try line("a\u{2028}b\u{2029}") == "a\\u{2028}b\\u{2029}")
        #expect(try line("é\u{a0}") == "é\u{a0}")
        #expect(sink.lines.allSatisfy { $0.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } })
    }

    @Test func aLongMessageIsCut() throws {
        let cut = String(repeating: "x", count: 4096) + "…"
        #expect(try line(String(repeating: "x", count: 4097)) == cut)
        #expect(try line(String(repeating: "x", count: 5_000_000)) == cut)
        // Escapes count as they are written, and are not cut in two.
        for text in [String(repeating: "\n", count: 4000), String(repeating: "🙂", count: 3000)] {
            let written = try line(text)
            #expect(written.utf8.count <= 4096 + 8)
            #expect(written.hasSuffix("…"))
            #expect(!written.contains("\u{FFFD}"))
        }
    }
}
