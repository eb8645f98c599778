import Agent
import CShims
import PlatformLinux

/// The hub: everything behind one port.
@LoopActor
final class Server {
    private let http: HTTPServer
    private let notify: NotifyService
    private let poller: EpollPoller
    private let signalSource: FileDescriptor
    private var signals: EpollPoller.Watch?

    /// The hub of this process, and why it could not start.
    private static var running: Server?
    private static var failure: Failure?

    /// Runs the hub until SIGTERM or SIGINT.
    nonisolated static func run(listen place: HostPort, state directory: StateDirectory) throws(Failure) {
        try directory.prepare()
        let lock = try directory.lock()
        let (socket, address) = try Sockets.listen(at: place)
        let token = hexadecimal(try randomBytes(32))
        let signals = try Signals.descriptor(for: [SIGTERM, SIGINT])
        shim_raise_open_files(16_384)
        guard let poller = try? EpollPoller() else { throw .system("epoll") }
        EventLoop.shared.run(on: poller) {
            do throws(Failure) {
                let server = try Server(socket, on: poller, signals, directory, token: token, address: address)
                try server.start()
                try directory.publish(StateDirectory.Access(address: address.reachable.description, token: token))
                if !address.isLoopback { note("warning: whoever reaches \(address) can act as an agent here") }
                say("listening on \(address)")
                running = server
            } catch {
                failure = error
                EventLoop.shared.stop()
            }
        }
        directory.withdraw()
        withExtendedLifetime(lock) {}
        if let failure = EventLoop.shared.assumeIsolated({ failure }) { throw failure }
    }

    private init(
        _ socket: FileDescriptor,
        on poller: EpollPoller,
        _ signals: FileDescriptor,
        _ directory: StateDirectory,
        token: String,
        address: HostPort
    ) throws(Failure) {
        self.poller = poller
        signalSource = signals
        let state = try HubState(journal: directory.journal)
        let notify = NotifyService(state, crypto: OpenSSLCrypto())
        let invoke = InvokeService(state)
        let control = ControlService(state, notify: notify, token: token, address: address.description)
        self.notify = notify
        http = HTTPServer(socket, on: poller) { request in
            // No program sends it, and every browser does, for whatever page: those have no business here.
            guard request.header("Origin") == nil else {
                return .reply(.error("requests of web pages are refused", status: 403))
            }
            switch request.path.first {
            case "hub": return await control.handle(request)
            case "ws": return notify.handle(request)
            default:
                guard request.method == "POST" else { return .reply(.text("not found", status: 404)) }
                return invoke.handle(request)
            }
        }
        state.sweep()
    }

    private func start() throws(Failure) {
        do {
            try http.start()
            signals = try poller.watch(signalSource.number, for: .read) { [weak self] _ in self?.stop() }
        } catch {
            throw Failure("\(error)")
        }
    }

    private func stop() {
        signals?.cancel()
        http.stop()
        notify.closeAll()
        // Every reply and close frame that the system takes at once has been taken; nobody else is waited for.
        EventLoop.shared.stop()
    }
}
