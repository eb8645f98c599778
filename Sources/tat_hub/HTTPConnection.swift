import Agent

/// One client: its requests are answered one after the other, in their order.
@LoopActor
final class HTTPConnection {
    typealias Handler = @LoopActor @Sendable (Request) async -> Outcome

    /// How long a connection may rest between two requests, how long a request may take to arrive, and a reply to leave.
    private static let restLimit = Duration.seconds(300)
    private static let requestLimit = Duration.seconds(60)
    private static let replyLimit = Duration.seconds(60)
    private static let stallLimit = Duration.seconds(3600)

    private let stream: ByteStream
    private let handler: Handler
    private var parser = HTTPParser()

    init(_ stream: ByteStream, handler: @escaping Handler) {
        self.stream = stream
        self.handler = handler
    }

    /// Serves the client until the end of the connection, which is closed then.
    func serve() async {
        defer { stream.close() }
        do {
            while let request = try await nextRequest() {
                let outcome = await handler(request)
                guard await perform(outcome, for: request) else { return }
            }
        } catch {
            let reply = Reply.text(error.reason, status: error.status)
            stream.enqueue(reply.encoded(keepsAlive: false))
        }
        await stream.finish()
    }

    private func nextRequest() async throws(HTTPFault) -> Request? {
        var deadline = ContinuousClock.now + (parser.isInsideRequest ? Self.requestLimit : Self.restLimit)
        while true {
            let wasInside = parser.isInsideRequest
            if let request = try parser.next() { return request }
            if parser.awaitsContinue {
                parser.continued()
                stream.enqueue(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
            }
            guard let bytes = await stream.read(until: deadline) else { return nil }
            parser.append(bytes)
            if !wasInside { deadline = .now + Self.requestLimit }
        }
    }

    /// Whether the connection can take another request.
    private func perform(_ outcome: Outcome, for request: Request) async -> Bool {
        switch outcome {
        case .reply(let reply):
            let bytes = reply.encoded(keepsAlive: request.keepsAlive, withBody: request.method != "HEAD")
            guard await stream.write(bytes, within: Self.replyLimit) else { return false }
            if !request.keepsAlive { await stream.finish() }
            return request.keepsAlive
        case .reset:
            stream.reset()
        case .stall:
            let deadline = ContinuousClock.now + Self.stallLimit
            while await stream.read(until: deadline) != nil {}
        case .part(let reply, let reset):
            let bytes = reply.encoded(keepsAlive: true)
            guard await stream.write(Array(bytes.dropLast((reply.body.count + 1) / 2)), within: Self.replyLimit) else {
                return false
            }
            if reset {
                // A reset discards what the peer has not received: it gets the time to.
                await sleep(for: .milliseconds(30))
                stream.reset()
            } else {
                await stream.finish()
            }
        case .upgrade(let headers, let run):
            let reply = Reply(status: 101, headers: headers, body: [])
            guard await stream.write(reply.encoded(keepsAlive: true), within: Self.replyLimit) else { return false }
            await run(stream, parser.takeRest())
        }
        return false
    }
}
