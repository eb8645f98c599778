import Testing

@testable import Agent

@Suite struct TaskProgressTests {
    private typealias Chunk = TaskProgress.Chunk
    private typealias Entry = TaskProgress.Entry

    /// A whole life: two chunks and the count of what was dropped.
    private static let life: [Entry] = [
        .startSent,
        .startSettled,
        .chunkPlanned(Chunk(index: 0, offset: 0, length: 4096)),
        .chunkSettled(index: 0),
        .chunkPlanned(Chunk(index: 1, offset: 4096, length: 1234)),
        .chunkSettled(index: 1),
        .dropReported,
    ]

    private func progress(after entries: some Sequence<Entry>) -> TaskProgress {
        var progress = TaskProgress()
        for entry in entries { progress.note(entry) }
        return progress
    }

    private func progress(_ lines: String) -> TaskProgress { TaskProgress(decoding: Array(lines.utf8)) }

    @Test func beginsWithNothing() {
        let progress = TaskProgress()
        #expect(progress.start == .notSent)
        #expect(progress.pending == nil)
        #expect(progress.nextIndex == 0)
        #expect(progress.nextOffset == 0)
        #expect(!progress.dropReported)
    }

    @Test func advancesStepByStep() {
        var progress = TaskProgress()
        progress.note(.startSent)
        #expect(progress.start == .sent)
        progress.note(.startSettled)
        #expect(progress.start == .settled)
        progress.note(.startSent)
        #expect(progress.start == .settled)
        let chunk = Chunk(index: 0, offset: 0, length: 100)
        progress.note(.chunkPlanned(chunk))
        #expect(progress.pending == chunk)
        #expect(progress.nextIndex == 0)
        progress.note(.chunkSettled(index: 0))
        #expect(progress.pending == nil)
        #expect(progress.nextIndex == 1)
        #expect(progress.nextOffset == 100)
        progress.note(.dropReported)
        #expect(progress.dropReported)
        #expect(progress.nextIndex == 2)
        #expect(progress.nextOffset == 100)
    }

    @Test func comesBackFromItsLines() {
        for count in 0...Self.life.count {
            let entries = Self.life.prefix(count)
            #expect(TaskProgress(decoding: entries.flatMap(\.line)) == progress(after: entries))
        }
    }

    @Test func everyEntryIsAWholeLine() {
        for entry in Self.life {
            #expect(entry.line.last == UInt8(ascii: "\n"))
            let text = String(decoding: entry.line, as: UTF8.self).split(separator: "\n")
            #expect(text.map { Entry(line: String($0)) } == [entry])
        }
    }

    @Test func aLineTornAtAnyByteCountsWholeOrNotAtAll() {
        let bytes = Self.life.flatMap(\.line)
        var ends: [Int] = []
        for entry in Self.life { ends.append((ends.last ?? 0) + entry.line.count) }
        for length in 0...bytes.count {
            // The line feed at the end is not needed: the full stop before it is.
            let whole = ends.count { $0 - 1 <= length }
            #expect(
                TaskProgress(decoding: Array(bytes.prefix(length))) == progress(after: Self.life.prefix(whole)),
                "torn after \(length) bytes"
            )
        }
    }

    @Test func aTornLineTakesNothingOfTheNextWithIt() {
        let lines = Self.life.map(\.line)
        for (number, line) in lines.enumerated() {
            for kept in 0..<line.count {
                // As an agent goes on after a power failure or a full disk: the line is written again.
                let file = lines.prefix(number).joined() + line.prefix(kept) + lines.dropFirst(number).joined()
                #expect(
                    TaskProgress(decoding: Array(file)) == progress(after: Self.life),
                    "line \(number) torn after \(kept) bytes"
                )
            }
        }
    }

    @Test func entriesOutOfOrderArePassedOver() {
        #expect(progress("settled 0 .\n") == progress(""))
        #expect(progress("chunk 1 0 10 .\nsettled 1 .\n") == progress(""))
        #expect(progress("chunk 0 5 10 .\nsettled 0 .\n") == progress(""))
        let one = progress("chunk 0 0 10 .\nsettled 0 .\n")
        #expect(one.nextOffset == 10)
        #expect(progress("chunk 0 0 10 .\nsettled 0 .\nsettled 0 .\n") == one)
        #expect(progress("chunk 0 0 10 .\nsettled 0 .\nchunk 0 0 10 .\nsettled 0 .\n") == one)
        #expect(progress("chunk 0 0 10 .\nsettled 1 .\n").pending == Chunk(index: 0, offset: 0, length: 10))
        #expect(progress("drop reported .\ndrop reported .\n").nextIndex == 1)
    }

    @Test(arguments: [
        "chunk 0 0 0 .", "chunk 0 0 -5 .", "chunk -1 0 5 .", "chunk 0 -1 5 .", "chunk 0 0 4097 .",
        "chunk 0 0 9223372036854775807 .", "chunk 0 0 99999999999999999999999 .", "chunk 0 0 .", "chunk 0 0 1 1 .",
        "chunk 0x0 0 1 .", "chunk 0 0 1e1 .", "settled .", "settled x .", "settled 0 0 .", "start .", "start later .",
        "start sent now .", "drop .", "drop it .", ".", " .", "...", "start sent", "start sent.", "\u{0}", "é .",
        "START SENT .", "chunk 0 0 1 . .", "start sent . chunk 0 0 1 .",
    ])
    func hostileLinesArePassedOver(line: String) {
        #expect(progress(line + "\nsettled 0 .\n") == progress(""))
        var rest = progress("")
        rest.note(.startSettled)
        #expect(progress(line + "\nstart settled .\n") == rest)
    }

    @Test func bytesThatAreNoTextArePassedOver() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<200 {
            var bytes = (0..<300).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            bytes += Array("\nstart settled .\n".utf8)
            #expect(TaskProgress(decoding: bytes).start == .settled)
        }
    }

    @Test func chunksWithoutEndDoNotOverflow() {
        var file: [UInt8] = []
        for index in 0..<2000 {
            file += Entry.chunkPlanned(Chunk(index: Int64(index), offset: Int64(index) * 4096, length: 4096)).line
            file += Entry.chunkSettled(index: Int64(index)).line
        }
        #expect(TaskProgress(decoding: file).nextOffset == 2000 * 4096)
    }
}
