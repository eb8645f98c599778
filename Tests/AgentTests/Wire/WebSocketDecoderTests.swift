import Testing

@testable import Agent

@Suite struct WebSocketDecoderTests {
    private func decode(
        _ bytes: [UInt8],
        role: WebSocketRole = .client,
        limit: Int = 1 << 20,
        step: Int = .max
    ) -> ([WebSocketMessage], WebSocketError?) {
        var decoder = WebSocketDecoder(role: role, limit: limit)
        var messages: [WebSocketMessage] = []
        var rest = bytes[...]
        do throws(WebSocketError) {
            repeat {
                decoder.append(rest.prefix(step))
                rest = rest.dropFirst(step)
                while let message = try decoder.next() { messages.append(message) }
            } while !rest.isEmpty
            return (messages, nil)
        } catch {
            return (messages, error)
        }
    }

    private func expect(_ bytes: [UInt8], _ messages: WebSocketMessage..., role: WebSocketRole = .client) {
        for step in [1, 2, 3, 7, .max] {
            let (found, error) = decode(bytes, role: role, step: step)
            #expect(found == messages)
            #expect(error == nil)
        }
    }

    private func expectError(_ code: UInt16, _ bytes: [UInt8], role: WebSocketRole = .client, limit: Int = 1 << 20) {
        let (messages, error) = decode(bytes, role: role, limit: limit)
        #expect(error?.code == code)
        let (bytewiseMessages, bytewiseError) = decode(bytes, role: role, limit: limit, step: 1)
        #expect(bytewiseMessages == messages)
        #expect(bytewiseError == error)
    }

    /// The examples of RFC 6455 section 5.7.
    @Test func readsTheExamplesOfTheRFC() {
        expect([0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F], .text("Hello"))
        expect([0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58], .text("Hello"), role: .server)
        expect([0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F], .text("Hello"))
        expect([0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F], .ping(Array("Hello".utf8)))
        expect(
            [0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58],
            .pong(Array("Hello".utf8)),
            role: .server
        )
        let short = [UInt8](repeating: 7, count: 256)
        expect([0x82, 0x7E, 0x01, 0x00] + short, .binary(short))
        let long = [UInt8](repeating: 7, count: 65536)
        expect([0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0] + long, .binary(long))
    }

    @Test func writesTheExamplesOfTheRFC() {
        let hello = Array("Hello".utf8)
        #expect(WebSocketEncoder.frame(opcode: .text, payload: hello, maskingKey: nil) == [0x81, 0x05] + hello)
        #expect(
            WebSocketEncoder.frame(opcode: .text, payload: hello, maskingKey: 0x37FA_213D)
                == [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]
        )
        #expect(
            WebSocketEncoder.frame(opcode: .text, payload: Array("Hel".utf8), final: false, maskingKey: nil)
                == [0x01, 0x03, 0x48, 0x65, 0x6C]
        )
        #expect(
            WebSocketEncoder.frame(opcode: .continuation, payload: Array("lo".utf8), maskingKey: nil)
                == [0x80, 0x02, 0x6C, 0x6F]
        )
    }

    @Test(arguments: [0, 1, 125, 126, 127, 65535, 65536, 100_000]) func lengthsGoBothWays(count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        for (role, key) in [(WebSocketRole.client, nil), (.server, 0), (.server, 0x0102_0304), (.server, .max)]
            as [(WebSocketRole, UInt32?)]
        {
            let frame = WebSocketEncoder.frame(opcode: .binary, payload: payload, maskingKey: key)
            let (messages, error) = decode(frame, role: role, step: 1000)
            #expect(messages == [.binary(payload)])
            #expect(error == nil)
        }
    }

    @Test func controlFramesAreCutToTheirLimit() {
        let frame = WebSocketEncoder.frame(
            opcode: .ping,
            payload: [UInt8](repeating: 1, count: 200),
            final: false,
            maskingKey: nil
        )
        expect(frame, .ping([UInt8](repeating: 1, count: 125)))
    }

    @Test func closeFramesAreCutBetweenCharacters() {
        expect(WebSocketEncoder.close(code: nil, reason: "ignored", maskingKey: nil), .close(code: nil, reason: ""))
        expect(WebSocketEncoder.close(code: 1001, reason: "bye", maskingKey: nil), .close(code: 1001, reason: "bye"))
        expect(
            WebSocketEncoder.close(code: 1000, reason: "", maskingKey: 5),
            .close(code: 1000, reason: ""),
            role: .server
        )
        let fits = String(repeating: "é", count: 61) + "x"
        expect(WebSocketEncoder.close(code: 4999, reason: fits, maskingKey: nil), .close(code: 4999, reason: fits))
        let long = String(repeating: "😀", count: 40)
        let cut = String(repeating: "😀", count: 30)
        expect(WebSocketEncoder.close(code: 3000, reason: long, maskingKey: nil), .close(code: 3000, reason: cut))
    }

    @Test func controlFramesComeBetweenFragments() {
        expect(
            [0x01, 1, 0x61, 0x89, 1, 0x70, 0x00, 0, 0x8A, 0, 0x80, 1, 0x62, 0x82, 1, 0xFF],
            .ping([0x70]),
            .pong([]),
            .text("ab"),
            .binary([0xFF])
        )
    }

    @Test func charactersMaySpanFragments() {
        expect([0x01, 1, 0xE2, 0x00, 1, 0x82, 0x80, 1, 0xAC], .text("€"))
        expect([0x81, 0], .text(""))
        expect([0x01, 0, 0x80, 0], .text(""))
        expect([0x02, 0, 0x80, 0], .binary([]))
    }

    @Test func invalidTextIsRejected() {
        expectError(1007, [0x81, 1, 0xFF])
        expectError(1007, [0x81, 2, 0xE2, 0x82])
        expectError(1007, [0x81, 3, 0xED, 0xA0, 0x80])
        expectError(1007, [0x81, 2, 0xC0, 0x80])
        expectError(1007, [0x01, 1, 0xE2, 0x80, 1, 0x61])
        expectError(1007, [0x88, 3, 0x03, 0xE8, 0xFF])
    }

    @Test func reservedBitsAndOpcodesAreRejected() {
        for bit in [0x40, 0x20, 0x10] as [UInt8] { expectError(1002, [0x81 | bit, 0]) }
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8] { expectError(1002, [0x80 | opcode, 0]) }
    }

    @Test func maskingIsTheClientsDutyOnly() {
        expectError(1002, [0x81, 0x80, 0, 0, 0, 0])
        expectError(1002, [0x81, 0x00], role: .server)
        expectError(1002, [0x89, 0x00], role: .server)
    }

    @Test func controlFramesAreShortAndWhole() {
        for opcode in [0x88, 0x89, 0x8A] as [UInt8] {
            expectError(1002, [opcode & 0x0F, 0])
            expectError(1002, [opcode, 126, 0, 126])
            expectError(1002, [opcode, 127, 0, 0, 0, 0, 0, 1, 0, 0])
        }
    }

    @Test func fragmentsMustBeInOrder() {
        expectError(1002, [0x80, 0])
        expectError(1002, [0x00, 0])
        expectError(1002, [0x01, 0, 0x81, 0])
        expectError(1002, [0x02, 0, 0x01, 0])
        expectError(1002, [0x01, 0, 0x80, 0, 0x80, 0])
    }

    @Test func lengthsMustBeMinimal() {
        expectError(1002, [0x82, 126, 0, 125])
        expectError(1002, [0x82, 126, 0, 0])
        expectError(1002, [0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF])
        expectError(1002, [0x82, 127, 0x80, 0, 0, 0, 0, 1, 0, 0])
        expectError(1002, [0x82, 127, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
    }

    @Test func messagesAreLimited() {
        expectError(1009, [0x82, 127, 0x3F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
        expectError(1009, [0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0])
        expectError(1009, [0x82, 5], limit: 4)
        expectError(1009, [0x02, 3, 1, 2, 3, 0x00, 0, 0x80, 2], limit: 4)
        expectError(1009, [0x82, 1], limit: -1)
        #expect(decode([0x02, 3, 1, 2, 3, 0x80, 1, 4], limit: 4).0 == [.binary([1, 2, 3, 4])])
        #expect(decode([0x89, 5, 1, 2, 3, 4, 5], limit: 4).0 == [.ping([1, 2, 3, 4, 5])])
    }

    @Test func closeCodesAreChecked() {
        expectError(1002, [0x88, 1, 3])
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] as [UInt16] {
            expectError(1002, [0x88, 2, UInt8(code >> 8), UInt8(code & 0xFF)])
        }
        for code in [1000, 1003, 1007, 1011, 3000, 4999] as [UInt16] {
            expect([0x88, 2, UInt8(code >> 8), UInt8(code & 0xFF)], .close(code: code, reason: ""))
        }
    }

    @Test func nothingIsReadAfterTheEnd() {
        expect([0x88, 0, 0x81, 1, 0x61, 0xFF], .close(code: nil, reason: ""))
        var decoder = WebSocketDecoder(role: .client)
        decoder.append([0xFF, 0xFF])
        let first = #expect(throws: WebSocketError.self) { try decoder.next() }
        decoder.append([0x81, 0])
        let second = #expect(throws: WebSocketError.self) { try decoder.next() }
        #expect(first == second)
    }

    /// A message of many bytes that come one by one, and many small messages that come at once.
    @Test(.timeLimit(.minutes(1))) func manyBytesAreNotSlow() throws {
        let repeated = { (frame: [UInt8]) in Array(repeatElement(frame, count: 100_000).joined()) }
        let payload = [UInt8](repeating: 1, count: 300_000)
        #expect(
            decode(WebSocketEncoder.frame(opcode: .binary, payload: payload, maskingKey: nil), step: 1).0 == [
                .binary(payload)
            ]
        )
        let pings = repeated([0x89, 1, 1])
        #expect(decode(pings).0.count == 100_000)
        let fragments = [0x02, 0] + repeated([0x00, 1, 1]) + [0x80, 0]
        #expect(decode(fragments, step: 1000).0 == [.binary([UInt8](repeating: 1, count: 100_000))])
    }
}
