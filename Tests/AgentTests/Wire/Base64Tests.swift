import Foundation
import Testing

@testable import Agent

@Suite struct Base64Tests {
    /// The vectors of RFC 4648 section 10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func followsTheRFC(plain: String, text: String) throws {
        #expect(Base64.encode(Array(plain.utf8)) == text)
        #expect(Base64.encode(plain.utf8) == text)
        #expect(try Base64.decode(text) == Array(plain.utf8))
    }

    @Test func agreesWithFoundation() throws {
        var generator = SystemRandomNumberGenerator()
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = Base64.encode(bytes)
            #expect(text == Data(bytes).base64EncodedString())
            #expect(try Base64.decode(text) == bytes)
        }
    }

    @Test func usesTheWholeAlphabet() throws {
        let bytes = Array(UInt8.min...UInt8.max)
        #expect(try Base64.decode(Base64.encode(bytes)) == bytes)
        #expect(Base64.encode([0xFB, 0xEF, 0xFF]) == "++//")
        #expect(try Base64.decode("++//") == [0xFB, 0xEF, 0xFF])
    }

    @Test(arguments: [
        "Z", "Zg", "Zg=", "Zm8", "Zg===", "=", "==", "===", "====", "Z===", "=Zg=", "Z=g=", "Zg==Zg==", "Zm9v=",
        "Zm9v====", "Zg=a",
        "Zm9v\n", "Zm9\n", "Zm 9", " Zm9", "Zm9v\r\n\r\n", "Zm\r\n", "Zm9-", "Zm9_", "Zm9\u{0}", "é===", "Zmé", "Zm9.",
        "****", "Zg=\u{3D}=",
    ])
    func rejects(text: String) {
        #expect(throws: Base64Error.self) { try Base64.decode(text) }
    }

    @Test func acceptsAnyUnusedBits() throws {
        #expect(try Base64.decode("Zh==") == Array("f".utf8))
        #expect(try Base64.decode("Zm9=") == Array("fo".utf8))
    }

    @Test func errorsSayWhereButNotWhat() {
        let error = #expect(throws: Base64Error.self) { try Base64.decode("Zm9vZm!v") }
        #expect(error?.offset == 6)
        #expect(error?.description == "invalid base64 at byte 6: a character is not in the alphabet")
    }
}
