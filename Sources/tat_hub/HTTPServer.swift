import Agent
import CShims
import PlatformLinux

/// Accepts connections and serves each in a task of its own.
@LoopActor
final class HTTPServer {
    /// More clients wait in the system's queue.
    private static let connectionLimit = 4000

    private let socket: FileDescriptor
    private let poller: EpollPoller
    private let handler: HTTPConnection.Handler
    private var watch: EpollPoller.Watch?
    private var connections = 0
    private var pause: LoopTimer?

    init(_ socket: FileDescriptor, on poller: EpollPoller, handler: @escaping HTTPConnection.Handler) {
        self.socket = socket
        self.poller = poller
        self.handler = handler
    }

    func start() throws {
        watch = try poller.watch(socket.number, for: .read) { [weak self] _ in self?.accept() }
    }

    func stop() {
        watch?.cancel()
        watch = nil
    }

    private func accept() {
        // A few at a time, so that those who are connected get their turn.
        for _ in 0..<32 {
            guard connections < Self.connectionLimit else { return rest() }
            let number = shim_accept(socket.number)
            guard number >= 0 else {
                switch shim_errno() {
                case EAGAIN: return
                case EINTR, ECONNABORTED, EPROTO: continue
                default: return rest()
                }
            }
            serve(FileDescriptor(owning: number))
        }
    }

    private func serve(_ client: FileDescriptor) {
        guard let stream = try? ByteStream(client, on: poller) else { return }
        connections += 1
        let connection = HTTPConnection(stream, handler: handler)
        spawn {
            await connection.serve()
            self.connections -= 1
        }
    }

    /// Out of descriptors or places: looks again in a moment instead of at once and for ever.
    private func rest() {
        watch?.change(to: [])
        pause = EventLoop.shared.schedule(after: .milliseconds(50)) { [weak self] in
            self?.watch?.change(to: .read)
        }
    }
}
