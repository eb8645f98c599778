import Agent

/// SHA-1 (RFC 3174) and HMAC (RFC 2104), written down from their descriptions.
struct COSTestCrypto: Crypto {
    func sha1(_ bytes: [UInt8]) throws(CryptoError) -> [UInt8] {
        var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
        var message = bytes + [0x80]
        while message.count % 64 != 56 { message.append(0) }
        let bits = UInt64(bytes.count) * 8
        message += (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * $0)) }
        for block in stride(from: 0, to: message.count, by: 64) {
            var words = (0..<16).map { word in
                (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(message[block + 4 * word + $1]) }
            }
            for index in 16..<80 {
                words.append(rotated(words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16], 1))
            }
            var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
            for index in 0..<80 {
                let (mix, constant): (UInt32, UInt32) =
                    switch index {
                    case 0..<20: (b & c | ~b & d, 0x5A82_7999)
                    case 20..<40: (b ^ c ^ d, 0x6ED9_EBA1)
                    case 40..<60: (b & c | b & d | c & d, 0x8F1B_BCDC)
                    default: (b ^ c ^ d, 0xCA62_C1D6)
                    }
                (a, b, c, d, e) = (rotated(a, 5) &+ mix &+ e &+ words[index] &+ constant, a, rotated(b, 30), c, d)
            }
            for (index, value) in [a, b, c, d, e].enumerated() { state[index] &+= value }
        }
        return state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * UInt32($0))) } }
    }

    private func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 { word << count | word >> (32 - count) }

    func hmacSHA1(key: [UInt8], _ bytes: [UInt8]) throws(CryptoError) -> [UInt8] {
        let short = key.count > 64 ? try sha1(key) : key
        let padded = short + [UInt8](repeating: 0, count: 64 - short.count)
        return try sha1(padded.map { $0 ^ 0x5C } + sha1(padded.map { $0 ^ 0x36 } + bytes))
    }

    func makeRSAKeyPair() throws(CryptoError) -> RSAKeyPair { throw CryptoError("not asked for") }

    func signRSASHA1(_ message: [UInt8], privateKey: String) throws(CryptoError) -> [UInt8] {
        throw CryptoError("not asked for")
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
