import Agent
import CShims
import PlatformWindows

let cryptoChecks = [
    Check("crypto: SHA-1 of RFC 3174") {
        for (text, digest) in [
            ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"), ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
        ] {
            try expectEqual(hex(try CNGCrypto().sha1(Array(text.utf8))), digest)
        }
    },
    Check("crypto: HMAC-SHA1 of RFC 2202") {
        let longText = "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data"
        let cases: [([UInt8], [UInt8], String)] = [
            ([UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8), "b617318655057264e28bc0b6fb378c8ef146be00"),
            (
                Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
                "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
            ),
            (
                [UInt8](repeating: 0xAA, count: 20), [UInt8](repeating: 0xDD, count: 50),
                "125d7342b9ac11cd91a39af48aa17b4f63f175d3"
            ),
            (
                [UInt8](repeating: 0xAA, count: 80), Array(longText.utf8), "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"
            ),
            ([], [], "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d"),
        ]
        for (key, bytes, code) in cases { try expectEqual(hex(try CNGCrypto().hmacSHA1(key: key, bytes)), code) }
    },
    Check("crypto: the signature by a key that OpenSSL made is the one that OpenSSL makes") {
        let message = Array("machine+instance+random+timestamp".utf8)
        try expectEqual(hex(try CNGCrypto().signRSASHA1(message, privateKey: testKey)), testSignature)
        let windows = testKey.split(separator: "\n").joined(separator: "\r\n") + "\r\n"
        try expectEqual(hex(try CNGCrypto().signRSASHA1(message, privateKey: windows)), testSignature)
    },
    Check("crypto: the key's numbers survive the way through CNG's form and PKCS#1") {
        let der = try unwrap(PEM.decode(testKey, label: "RSA PRIVATE KEY"))
        let numbers = try unwrap(RSANumbers(privateDER: der))
        try expectEqual(numbers.privateDER, der)
        try expectEqual(numbers.publicExponent, [1, 0, 1])
        try expectEqual(numbers.modulus.count, 256)
        // The head of a BCRYPT_RSAPRIVATE_BLOB: RSA2, 2048 bits, lengths of exponent, modulus and primes.
        try expectEqual(hex(Array(numbers.privateBlob.prefix(24))), "525341320008000003000000000100008000000080000000")
        try expectEqual(numbers.privateBlob.count, 24 + 3 + 256 + 128 + 128)
    },
    Check("crypto: what a new key signs is what its public half confirms") {
        let pair = try CNGCrypto().makeRSAKeyPair()
        try expect(pair.privateKey.hasPrefix("-----BEGIN RSA PRIVATE KEY-----\nMII"), pair.publicKey)
        try expect(pair.publicKey.hasPrefix("-----BEGIN RSA PUBLIC KEY-----\nMII"), pair.publicKey)
        try expect(pair.privateKey.split(separator: "\n").allSatisfy { $0.utf8.count <= 64 })
        let message = Array("message".utf8)
        let signature = try CNGCrypto().signRSASHA1(message, privateKey: pair.privateKey)
        let der = try unwrap(PEM.decode(pair.publicKey, label: "RSA PUBLIC KEY"))
        let publicHalf = try unwrap(DER.integers(in: der, limit: 2))
        try expectEqual(publicHalf.count, 2)
        try expectEqual(publicHalf[1], [1, 0, 1])
        // RFC 8017 section 9.2: 00 01 FF … FF 00, the DER of the digest's kind, the digest.
        let kind: [UInt8] = [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14]
        let digest = try CNGCrypto().sha1(message)
        let padding = [UInt8](repeating: 0xFF, count: 256 - 3 - kind.count - digest.count)
        let padded = [0x00, 0x01] + padding + [0x00] + kind + digest
        try expectEqual(hex(power65537(signature, modulo: publicHalf[0])), hex(padded))
    },
    Check("crypto: what is not a private key") {
        for key in [
            "", "x", "-----BEGIN RSA PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\n-----END RSA PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----\n!!!!\n-----END RSA PRIVATE KEY-----\n",
            "-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n",
        ] {
            do {
                _ = try CNGCrypto().signRSASHA1([1], privateKey: key)
                throw Failure(description: "signed by \(key)")
            } catch is CryptoError {}
        }
        let der = try unwrap(PEM.decode(testKey, label: "RSA PRIVATE KEY"))
        for length in 0..<der.count {
            try expect(RSANumbers(privateDER: Array(der.prefix(length))) == nil, "\(length)")
        }
        for index in 0..<8 {
            var broken = der
            broken[index] ^= 0x81
            // Whatever comes of it, it is an answer.
            _ = RSANumbers(privateDER: broken).map { try? CNGCrypto().signRSASHA1([1], privateKey: pem($0)) }
        }
        try expect(RSANumbers(fullBlob: []) == nil)
        try expect(RSANumbers(fullBlob: [UInt8](repeating: 0xFF, count: 600)) == nil)
    },
]

private func pem(_ numbers: RSANumbers) -> String { PEM.encode(numbers.privateDER, label: "RSA PRIVATE KEY") }

private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// By shifting and adding, bit by bit, as one learns it at school.
private func power65537(_ base: [UInt8], modulo modulus: [UInt8]) -> [UInt8] {
    func limbs(_ bytes: [UInt8]) -> [UInt32] {
        let padded = [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4) + bytes
        return stride(from: padded.count - 4, through: 0, by: -4).map { start in
            padded[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) }
        }
    }
    let modulus = limbs(modulus)
    func isLess(_ a: [UInt32], _ b: [UInt32]) -> Bool {
        for index in a.indices.reversed() where a[index] != b[index] { return a[index] < b[index] }
        return false
    }
    func add(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        var (sum, carry) = ([UInt32](), UInt64(0))
        for index in a.indices {
            carry += UInt64(a[index]) + UInt64(b[index])
            sum.append(UInt32(truncatingIfNeeded: carry))
            carry >>= 32
        }
        guard carry > 0 || !isLess(sum, modulus) else { return sum }
        var borrow: Int64 = 0
        for index in sum.indices {
            borrow += Int64(sum[index]) - Int64(modulus[index])
            sum[index] = UInt32(truncatingIfNeeded: borrow)
            borrow >>= 32
        }
        return sum
    }
    func multiply(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        var product = [UInt32](repeating: 0, count: modulus.count)
        for limb in b.reversed() {
            for bit in stride(from: 31, through: 0, by: -1) {
                product = add(product, product)
                if limb >> UInt32(bit) & 1 == 1 { product = add(product, a) }
            }
        }
        return product
    }
    let base = limbs(base)
    var power = base
    for _ in 0..<16 { power = multiply(power, power) }
    power = multiply(power, base)
    return power.reversed().flatMap { limb in (0..<4).map { UInt8(truncatingIfNeeded: limb >> (24 - 8 * UInt32($0))) } }
}

/// Made for this check, and of no other use.
private let testKey = """
    -----BEGIN RSA PRIVATE KEY-----
    MIIEogIBAAKCAQEAtVn5KR9HpanuS2DgpFg2B3b9TNKt1sVyG0+bIPU72+EB7kQI
    KB0Prkg9E0+G068uaSSK9i1y16Cxvfp4fdYJobFvdpFxIhzkPbv/KUGmdSKEbFwm
    oq4hUJu86fr1hG17mayJP+Kb9cR1t19dx3jr7zNMHD4ShzG35EZQBhr7nXMynvZh
    eCcN3enVBsZTK6ruI/rWwA2josHG1z3vsad6bMGIgN+1hn1LBnZU517CbKYj4fL7
    7uUgYUySE7HDg6OWIaASe3emzoVk20KCIxVi9mFlyO+v3aw9POX735Mg7NxMr6wq
    zZXgaZS3/bHu+3G20vq3xSSajzfxK8CWO4W3nQIDAQABAoIBABLOawqC6ibpnaLW
    /8zDMg0pn4BzO6BRVvEymut6yvOVHKJlDzR7uQfRiXXiciCrIsS4C6oWUfm++hex
    rQOdqd+I+z5gPEt1lAy73WzdmEG+690h3EbUCHPnxpo8EnBieyYXUJ9dpF9C+ZMj
    0mGQbmUenHa0UC8Rbpi/WuabLzsnTSG9HoyXZVRJ4MlLHOKds10kwVb4KSFmW36V
    Ef3BdqE7V7JCEz/yEWievzi418enRmbINIJxQm7v245Bu4JcZPXw/mRUNAPzDOeG
    15P61ey1Gt7vjkE14R2r/4MXfdb4hP9xISamfT6Qy45W0TNYg818slSbAGDKthvK
    kvTLifkCgYEA+z1eSeSnFbp0Wic9DlZb1RHeexxsP4DDBb1+2TYPDBQMb4kwpMlD
    h7pyFRbltyfkbzX4hrAJXD7K/AlysuHe8V5Z9DLgYrjq1GIriTmhCcZrQi4vyogj
    /BWjeCFLMnDI9hG62tvbfskxEkp4/ebvZki/32TbaZH6+e0nZK+O3PkCgYEAuMmd
    IPT6FPwxGcJRtiX2RL44U7Oe03LInsTD704t3ReNcgeA5zWoFCABWtUwNCqkMOEa
    1PkH77WFrsiSMBcndmP1CP+dg+gi3vN2lpFj7cahto35OoAevnjo89IOc/sbLxEz
    jpzsTfsN4eg0/pjDGQIR8eASKMancnS19mKKDMUCgYAZvgj6M0Z3cHpZfmnAHVMd
    es47+QaSXyQcY3Uq1mImT6uShhEI4WJc9tqXlJgG8zxxtKr5SfI7lGeB+YnaEFCi
    lJNM9SWOl/nftwtU7SW19bGpv0fATcC6JJFyTp8A1ROSOvDVWe+chwrTH/RTt6TR
    6yRVxGTC5WU81HLT2zUdKQKBgBjMXbzdg24rhf9Z95NFNu50xKRe95KS1d+Qsma8
    DCWekonZ/e+JYNwKi4QAFi76BfzVSL+KCAmgR6d0HUI86TvXIDwr6ZyZG4zmCWUd
    b9aqEGuqU+cI6JdRLJoD95KTAUvouA2Me53fcjZ97ha4s334rCXUlztHpZMTnJPL
    F5GtAoGAFrMfxCgbzwxe4QD0t5OgWMsY51rsx+z9tNzdOlZAzgXJaVvFjXswUdwA
    e6sOM6sE8Wjmj+jpo7gbXHgcUUT/ClfpzZCoXyhCi6qpNr75GdmMeXA0TwB/muFT
    HMnZ9lHi5bTjeImbmnqPZT9fMy2yoFNImT9UviBgnnNIcP02YXE=
    -----END RSA PRIVATE KEY-----

    """

private let testSignature =
    "0734ed6828a46fc37bc87cba8c5c424942f6a44bd59a79bd4de3e21507fb1e25ced950d0608ed8bb0be28fa2f9ab17b1"
    + "14a64ff648e7a59120c56c63da72a510d8b59341d8e3f8f47db6784219cda0461481b3fe2e819739fc8e554c24251c07"
    + "1b4f2833818e58a9918c39a19a2b7a8e1184109a5ec52a5ab5ae85eaeed3871e82be059213c1439f136d386604e5ca59"
    + "5a81f8e18391bef0889570b1d87076c127c1b3a2d52ac1ee485c58ac5632d97c35d78e2aeec8ae6f739b776c3ac46dea"
    + "e92d1175648956ea35fd35cf440af280ea95a3c522f1469cd7cad18a458914b268eff9bcee14fd1a7feabcec26e79d80"
    + "aa2f4e82cfd103e536d94559a2002adc"
