// However a stream is cut, the same messages come out; and messages that came out can be sent on.

/// All messages of a stream, and the error that ended it, if any.
private struct Decoded: Equatable {
    var messages: [WebSocketMessage] = []
    var error: WebSocketError?

    /// Feeds a decoder with as many bytes at a time as it is told each time.
    init(_ stream: ArraySlice<UInt8>, role: WebSocketRole, limit: Int, step: () -> Int) {
        var decoder = WebSocketDecoder(role: role, limit: limit)
        var rest = stream
        do throws(WebSocketError) {
            while !rest.isEmpty {
                let length = step()
                decoder.append(rest.prefix(length))
                rest = rest.dropFirst(length)
                while let message = try decoder.next() { messages.append(message) }
            }
        } catch {
            self.error = error
        }
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = UnsafeBufferPointer(start: start, count: count)
    guard let first = input.first else { return 0 }
    let stream = Array(input.dropFirst())
    let role: WebSocketRole = first & 1 == 0 ? .client : .server
    let limit = first & 2 == 0 ? 1 << 20 : Int(first)

    let whole = Decoded(stream[...], role: role, limit: limit) { .max }
    let bytewise = Decoded(stream[...], role: role, limit: limit) { 1 }
    guard bytewise == whole else { fatalError("byte by byte it is something else") }
    var state = UInt32(first) &+ UInt32(truncatingIfNeeded: stream.count)
    let cut = Decoded(stream[...], role: role, limit: limit) {
        state = state &* 1_664_525 &+ 1_013_904_223
        return Int(state >> 28)
    }
    guard cut == whole else { fatalError("cut somewhere it is something else") }

    let key: UInt32? = first & 4 == 0 ? nil : state
    let sent = whole.messages.flatMap { encode($0, key: key, inPieces: first & 8 != 0) }
    let received = Decoded(sent[...], role: key == nil ? .client : .server, limit: limit) { .max }
    guard received.error == nil, received.messages == whole.messages else { fatalError("it cannot be sent on") }

    _ = try? WebSocketHandshake.parseResponse(stream)
    checkPrefix(stream)
    return 0
}

private func encode(_ message: WebSocketMessage, key: UInt32?, inPieces: Bool) -> [UInt8] {
    func data(_ opcode: WebSocketOpcode, _ payload: [UInt8]) -> [UInt8] {
        guard inPieces else { return WebSocketEncoder.frame(opcode: opcode, payload: payload, maskingKey: key) }
        let half = payload.count / 2
        return WebSocketEncoder.frame(
            opcode: opcode,
            payload: Array(payload.prefix(half)),
            final: false,
            maskingKey: key
        )
            + WebSocketEncoder.frame(opcode: .continuation, payload: Array(payload.dropFirst(half)), maskingKey: key)
    }
    switch message {
    case .text(let text): return data(.text, Array(text.utf8))
    case .binary(let bytes): return data(.binary, bytes)
    case .ping(let bytes): return WebSocketEncoder.frame(opcode: .ping, payload: bytes, maskingKey: key)
    case .pong(let bytes): return WebSocketEncoder.frame(opcode: .pong, payload: bytes, maskingKey: key)
    case .close(let code, let reason): return WebSocketEncoder.close(code: code, reason: reason, maskingKey: key)
    }
}

/// What the prefix holds back is short, and if the stream is valid up to there, so is the prefix.
private func checkPrefix(_ stream: [UInt8]) {
    let length = UTF8Prefix.completeLength(of: stream)
    guard length <= stream.count, stream.count - length <= 3 else { fatalError("too much is held back") }
    if String(validating: stream, as: UTF8.self) != nil, length < stream.count { fatalError("valid text is held back") }
}
