import Testing

@testable import Agent

@Suite struct UTF8PrefixTests {
    /// Bytes, and how many at the end are held back.
    @Test(arguments: [
        ([], 0), ([0x61], 0), ([0x61, 0xC3], 1), ([0xC3, 0xA9], 0), ([0xE2], 1), ([0xE2, 0x82], 2),
        ([0xE2, 0x82, 0xAC], 0),
        ([0xF0], 1), ([0xF0, 0x9F], 2), ([0xF0, 0x9F, 0x98], 3), ([0xF0, 0x9F, 0x98, 0x80], 0),
        ([0x61, 0xF0, 0x9F, 0x98], 3),
        ([0xF0, 0x9F, 0x98, 0x80, 0xC3], 1), ([0xC3, 0xA9, 0xE2, 0x82], 2),
    ])
    func holdsBackWhatMayBeCompleted(bytes: [UInt8], held: Int) {
        #expect(UTF8Prefix.completeLength(of: bytes) == bytes.count - held)
        #expect(UTF8Prefix.completeLength(of: ([0xE2, 0x82] + bytes)[2...]) == bytes.count - held)
    }

    @Test(
        arguments: [
            [0x80], [0xBF, 0x80], [0x80, 0x80, 0x80, 0x80], [0xC0], [0xC1], [0xF5], [0xFF], [0xFE], [0xE0, 0x80],
            [0xE0, 0x9F], [0xED, 0xA0],
            [0xF0, 0x80], [0xF0, 0x8F, 0x80], [0xF4, 0x90], [0xF4, 0x90, 0x80], [0xC3, 0xA9, 0x80],
            [0xE2, 0x82, 0xAC, 0x80],
            [0xC3, 0x61], [0xE2, 0x61], [0xE2, 0x82, 0x61], [0xC3, 0x80, 0x80],
        ] as [[UInt8]]
    )
    func holdsBackNothingInvalid(bytes: [UInt8]) {
        #expect(UTF8Prefix.completeLength(of: bytes) == bytes.count)
    }

    @Test(arguments: [[0xE0, 0xA0], [0xED, 0x9F], [0xF0, 0x90], [0xF4, 0x8F], [0xF4, 0x8F, 0xBF]] as [[UInt8]])
    func holdsBackWhatIsJustValid(bytes: [UInt8]) {
        #expect(UTF8Prefix.completeLength(of: bytes) == 0)
    }

    /// However a text is cut, the pieces that are passed on are valid and make up the text.
    @Test func neverSplitsACharacter() {
        let text = Array("aé€😀\u{10FFFF}\u{800}x".utf8)
        for size in 1...5 {
            var waiting: [UInt8] = []
            var passed = ""
            for byte in stride(from: 0, to: text.count, by: size) {
                waiting += text[byte..<min(byte + size, text.count)]
                let length = UTF8Prefix.completeLength(of: waiting)
                #expect(waiting.count - length <= 3)
                let piece = String(validating: waiting.prefix(length), as: UTF8.self)
                #expect(piece != nil)
                passed += piece ?? ""
                waiting.removeFirst(length)
            }
            #expect(waiting.isEmpty)
            #expect(Array(passed.utf8) == text)
        }
    }
}
