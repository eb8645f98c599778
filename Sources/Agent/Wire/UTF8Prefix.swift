/// Cuts a stream of UTF-8 between characters.
public enum UTF8Prefix {
    /// How many of these bytes can be passed on before the rest of the stream is known.
    ///
    /// That is all of them, less the one to three at the end that begin a character which further bytes can complete.
    /// Bytes that are not valid UTF-8 hold nothing back.
    public static func completeLength(of bytes: some RandomAccessCollection<UInt8>) -> Int {
        let tail = Array(bytes.suffix(3))
        guard let start = tail.lastIndex(where: { !isContinuation($0) }) else { return bytes.count }
        let character = tail[start...]
        return isIncomplete(character) ? bytes.count - character.count : bytes.count
    }

    /// Whether one or more continuation bytes are all that is missing from a character (RFC 3629 section 4).
    ///
    /// All bytes but the first are known to be continuation bytes.
    private static func isIncomplete(_ character: ArraySlice<UInt8>) -> Bool {
        guard let first = character.first else { return false }
        let length: Int
        switch first {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF: length = 3
        case 0xF0...0xF4: length = 4
        default: return false
        }
        guard character.count < length else { return false }
        guard let second = character.dropFirst().first else { return true }
        switch first {
        case 0xE0: return second >= 0xA0
        case 0xED: return second < 0xA0
        case 0xF0: return second >= 0x90
        case 0xF4: return second < 0x90
        default: return true
        }
    }

    private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }
}
