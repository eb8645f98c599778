import Agent
import Foundation
import Testing

@testable import PlatformLinux

@Suite("Cryptography")
struct CryptoTests {
    private let crypto = OpenSSLCrypto()

    private func hex(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }

    @Test(
        "SHA-1 of RFC 3174",
        arguments: [
            ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"), ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
        ]
    )
    func sha1(_ text: String, _ digest: String) throws {
        #expect(hex(try crypto.sha1(Array(text.utf8))) == digest)
    }

    @Test(
        "HMAC-SHA1 of RFC 2202",
        arguments: [
            ([UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8), "b617318655057264e28bc0b6fb378c8ef146be00"),
            (
                Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
                "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
            ),
            (
                [UInt8](repeating: 0xAA, count: 20), [UInt8](repeating: 0xDD, count: 50),
                "125d7342b9ac11cd91a39af48aa17b4f63f175d3"
            ),
            ((1...25).map { $0 }, [UInt8](repeating: 0xCD, count: 50), "4c9007f4026250c6bc8414f9bf50c86c2d7235da"),
            (
                [UInt8](repeating: 0x0C, count: 20), Array("Test With Truncation".utf8),
                "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"
            ),
            (
                [UInt8](repeating: 0xAA, count: 80),
                Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
                "aa4ae5e15272d00e95705637ce8a3b55ed402112"
            ),
            (
                [UInt8](repeating: 0xAA, count: 80),
                Array("Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data".utf8),
                "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"
            ),
            ([], [], "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d"),
        ]
    )
    func hmac(_ key: [UInt8], _ bytes: [UInt8], _ code: String) throws {
        #expect(hex(try crypto.hmacSHA1(key: key, bytes)) == code)
    }

    @Test("a signature by a new key is what others verify")
    func signature() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
        func write(_ bytes: [UInt8], _ name: String) throws {
            try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
        }
        func openssl(_ arguments: String...) throws -> Int32 { try runCommand(["openssl"] + arguments) }

        let pair = try crypto.makeRSAKeyPair()
        #expect(pair.privateKey.hasPrefix("-----BEGIN RSA PRIVATE KEY-----\nMII"))
        #expect(pair.publicKey.hasPrefix("-----BEGIN RSA PUBLIC KEY-----\nMII"))
        #expect(pair.privateKey.split(separator: "\n").allSatisfy { $0.utf8.count <= 64 })
        let message = Array("machine+instance+random+timestamp".utf8)
        let signature = try crypto.signRSASHA1(message, privateKey: pair.privateKey)
        #expect(signature.count == 256)
        try write(Array(pair.privateKey.utf8), "private.pem")
        try write(Array(pair.publicKey.utf8), "public.pem")
        try write(message, "message")
        try write(signature, "signature")
        #expect(try openssl("rsa", "-in", path("private.pem"), "-check", "-noout") == 0)
        #expect(
            try openssl("rsa", "-RSAPublicKey_in", "-in", path("public.pem"), "-pubout", "-out", path("spki.pem")) == 0
        )
        let verify = ["-sha1", "-verify", path("spki.pem"), "-signature", path("signature"), path("message")]
        #expect(try openssl("dgst", verify[0], verify[1], verify[2], verify[3], verify[4], verify[5]) == 0)
        try write(message + [0], "message")
        #expect(try openssl("dgst", verify[0], verify[1], verify[2], verify[3], verify[4], verify[5]) != 0)
    }

    @Test("a private key with other line ends")
    func lineEnds() throws {
        let pair = try crypto.makeRSAKeyPair()
        let message = Array("message".utf8)
        let signature = try crypto.signRSASHA1(message, privateKey: pair.privateKey)
        let windows = pair.privateKey.replacingOccurrences(of: "\n", with: "\r\n") + "\r\n"
        #expect(try crypto.signRSASHA1(message, privateKey: windows) == signature)
    }

    @Test(
        "what is not a private key",
        arguments: [
            "", "x", "-----BEGIN RSA PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\n-----END RSA PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----\n!!!!\n-----END RSA PRIVATE KEY-----\n",
            "-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n",
        ]
    )
    func badKeys(_ key: String) {
        #expect(throws: CryptoError.self) { try crypto.signRSASHA1([1], privateKey: key) }
    }

    @Test("random bytes differ, and are as many as asked for", arguments: [0, 1, 16, 256, 257, 10_000])
    func random(_ count: Int) {
        let (first, second) = (SystemRandom().bytes(count), SystemRandom().bytes(count))
        #expect(first.count == count)
        #expect(second.count == count)
        if count >= 16 { #expect(first != second) }
    }
}
