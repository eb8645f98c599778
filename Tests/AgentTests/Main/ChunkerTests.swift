import Testing

@testable import Agent

@Suite struct ChunkerTests {
    private static let limit = Int64(Chunker.uploadLimit)

    private func letters(_ count: Int) -> [UInt8] { Array(repeating: UInt8(ascii: "a"), count: count) }

    private func decide(
        _ stored: [UInt8],
        offset: Int64 = 0,
        total: Int64? = nil,
        overdue: Bool = false
    ) -> Chunker.Decision {
        Chunker.decide(stored: stored, offset: offset, total: total, overdue: overdue)
    }

    @Test func theNumbersAreTheProtocols() {
        #expect(Chunker.uploadLimit == 24_576)
        #expect(Chunker.chunkSize == 4096)
        #expect(Chunker.delay == .seconds(1))
        #expect(TaskDirectory.uploadLimit == 24_576)
    }

    @Test func uploadsAFullChunkAtOnceAndLessOnlyAfterTheDelay() {
        #expect(decide(letters(4096)) == .upload(4096))
        #expect(decide(letters(4095)) == .wait)
        #expect(decide(letters(4095), overdue: true) == .upload(4095))
        #expect(decide(letters(1), overdue: true) == .upload(1))
        #expect(decide([]) == .wait)
        #expect(decide([], overdue: true) == .wait)
        #expect(decide(letters(10_000)) == .upload(4096))
    }

    @Test func uploadsTheRestAtTheEndWithoutADelay() {
        #expect(decide(letters(5), total: 5) == .upload(5))
        #expect(decide(letters(4096), total: 5000) == .upload(4096))
        #expect(decide(letters(904), offset: 4096, total: 5000) == .upload(904))
        #expect(decide([], offset: 5000, total: 5000) == .done)
        #expect(decide([], total: 0) == .done)
    }

    @Test(arguments: ["é", "€", "🙂"])
    func doesNotSplitACharacterBetweenChunks(character: String) {
        let bytes = Array(character.utf8)
        for kept in 1..<bytes.count {
            let stored = letters(4096 - kept) + bytes.prefix(kept)
            #expect(decide(stored) == .upload(4096 - kept))
            #expect(decide(stored, total: 9000) == .upload(4096 - kept))
            // The rest of it may still be on its way.
            #expect(decide(letters(7) + bytes.prefix(kept), overdue: true) == .upload(7))
            #expect(decide(Array(bytes.prefix(kept)), overdue: true) == .wait)
        }
        #expect(decide(letters(4096 - bytes.count) + bytes) == .upload(4096))
    }

    @Test func halfACharacterAtTheVeryEndGoesAsItIs() {
        let bytes = Array("🙂".utf8.prefix(3))
        #expect(decide(bytes, total: 3) == .upload(3))
        #expect(decide(bytes, offset: Self.limit - 3, total: Self.limit) == .upload(3))
    }

    @Test func invalidBytesGoAsTheyAre() {
        let bytes: [UInt8] = Array(repeating: 0xFF, count: 4096)
        #expect(decide(bytes) == .upload(4096))
        #expect(decide(Array(bytes.prefix(3)), overdue: true) == .upload(3))
        #expect(decide(Array(repeating: 0x80, count: 4096)) == .upload(4096))
        #expect(decide([0xC0], overdue: true) == .upload(1))
    }

    @Test func uploadsNothingBeyondTheLimit() {
        #expect(decide(letters(4096), offset: Self.limit - 10) == .upload(10))
        #expect(decide(letters(4096), offset: Self.limit - 10, total: 1 << 40) == .upload(10))
        #expect(decide([], offset: Self.limit, total: Self.limit) == .done)
        #expect(decide([], offset: Self.limit, total: 1 << 40) == .done)
        #expect(decide(letters(9), offset: Self.limit, total: 1 << 40) == .done)
        #expect(decide(letters(9), offset: Self.limit + 5, total: nil) == .done)
        #expect(decide(letters(9), offset: .max, total: .max) == .done)
    }

    @Test func doesNotBeginACharacterThatTheLimitCuts() {
        let bytes = Array("🙂".utf8)
        for kept in 1...3 {
            let offset = Self.limit - Int64(kept)
            #expect(decide(bytes, offset: offset, total: 30_000) == .done)
            #expect(decide(Array(bytes.prefix(kept)), offset: offset, total: 30_000) == .done)
            #expect(decide(letters(100) + bytes, offset: offset - 100, total: 30_000) == .upload(100))
        }
    }

    @Test func knowsBeforeTheEndThatNothingMoreFits() {
        // A task that is over the limit is not looked at every second until it ends.
        #expect(decide([], offset: Self.limit) == .done)
        #expect(decide(Array("🙂".utf8.prefix(2)), offset: Self.limit - 2) == .done)
        #expect(decide(Array("🙂".utf8.prefix(2)), offset: Self.limit - 3) == .wait)
    }

    @Test func uploadsWhatAFullDiskHadRoomFor() {
        #expect(decide(letters(100), total: 9999) == .upload(100))
        #expect(decide([], offset: 100, total: 9999) == .done)
        #expect(decide(Array("é".utf8.prefix(1)), offset: 100, total: 9999) == .done)
    }

    // MARK: - All of it together

    @Test func chunksAddUpToTheLongestPrefixThatIsAllowed() {
        let starts = CharacterStarts()
        for seed in 0..<100 {
            var random = SeededGenerator(seed: UInt64(seed))
            let output = Self.randomOutput(&random)
            let chunks = Self.chunks(of: output, &random)

            let reach = chunks.reduce(0, +)
            #expect(chunks.allSatisfy { (1...4096).contains($0) }, "seed \(seed)")
            #expect(reach == starts.longestAllowed(output), "seed \(seed)")
            let interior = Self.interior(of: output)
            var end = 0
            for length in chunks {
                end += length
                #expect(!interior.contains(end), "seed \(seed): a character is split at \(end)")
            }
        }
    }

    /// The chunks as a reporter would upload them while the output arrives in pieces of random sizes.
    private static func chunks(of output: [UInt8], _ random: inout SeededGenerator) -> [Int] {
        let kept = output.prefix(Chunker.uploadLimit)
        var arrived = 0
        var offset = 0
        var chunks: [Int] = []
        func step(total: Int64?, overdue: Bool) -> Bool {
            let stored = Array(kept[offset..<min(arrived, kept.count, offset + Chunker.chunkSize)])
            let decision = Chunker.decide(stored: stored, offset: Int64(offset), total: total, overdue: overdue)
            guard case .upload(let length) = decision else { return false }
            chunks.append(length)
            offset += length
            return true
        }
        while arrived < kept.count {
            arrived += Int.random(in: 1...(Bool.random(using: &random) ? 5 : 6000), using: &random)
            arrived = min(arrived, kept.count)
            while step(total: nil, overdue: Int.random(in: 0..<4, using: &random) == 0) {}
        }
        while step(total: Int64(output.count), overdue: false) {}
        return chunks
    }

    private static let characters = ["a", "\n", "é", "€", "😀", "\u{7FF}", "\u{FFFD}", "\u{10FFFF}"].map {
        Array($0.utf8)
    }

    private static func randomOutput(_ random: inout SeededGenerator) -> [UInt8] {
        // Sizes around the limits are the interesting ones.
        let around = [0, 4096, 8192, 24_576, 24_576, 28_000].randomElement(using: &random) ?? 0
        let length = max(0, around + Int.random(in: -5...5, using: &random))
        let invalidity = Int.random(in: 0...2, using: &random)
        var output: [UInt8] = []
        while output.count < length {
            if invalidity > 0, Int.random(in: 0..<(invalidity == 1 ? 200 : 3), using: &random) == 0 {
                output.append(.random(in: .min ... .max, using: &random))
            } else {
                output += characters.randomElement(using: &random) ?? []
            }
        }
        return Array(output.prefix(length))
    }

    /// The places within a valid character where it must not be cut.
    private static func interior(of bytes: [UInt8]) -> Set<Int> {
        var places: Set<Int> = []
        var parser = Unicode.UTF8.ForwardParser()
        var rest = bytes.makeIterator()
        var offset = 0
        while true {
            switch parser.parseScalar(from: &rest) {
            case .valid(let encoded):
                places.formUnion((offset..<offset + encoded.count).dropFirst())
                offset += encoded.count
            case .error(let length): offset += length
            case .emptyInput: return places
            }
        }
    }
}

/// All byte sequences that begin a character without ending it, made by writing down all characters.
private struct CharacterStarts {
    private let starts: Set<[UInt8]>

    init() {
        var starts: Set<[UInt8]> = []
        // The last byte of a character takes 64 values, so one in 64 has all the starts.
        for value in stride(from: UInt32(0x80), through: 0x10FFFF, by: 64) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let bytes = Array(UTF8.encode(scalar) ?? .init())
            for length in 1..<bytes.count { starts.insert(Array(bytes.prefix(length))) }
        }
        self.starts = starts
    }

    /// How many bytes of an output are to be uploaded by protocol §3.
    func longestAllowed(_ output: [UInt8]) -> Int {
        guard output.count > Chunker.uploadLimit else { return output.count }
        let reach = Array(output.prefix(Chunker.uploadLimit))
        for length in 1...3 where starts.contains(Array(reach.suffix(length))) { return reach.count - length }
        return reach.count
    }
}
