import Agent
import CShims

/// The Windows backend, put together.
public struct WindowsPlatform: Platform {
    public let poller: any Poller
    public let worker: any Worker
    public let clock: any WallClock = SystemClock()
    public let random: any RandomSource = SystemRandom()
    public let files: any Files = WindowsFiles()
    public let users: any Users = WindowsUsers()
    public let launcher: any Launcher
    public let transport: any Transport
    public let crypto: any Crypto = CNGCrypto()
    public let machine: any Machine
    public let service: any Service

    @LoopActor
    init(poller: CompletionPoller, service: WindowsService, machine: WindowsMachine) {
        self.poller = poller
        self.machine = machine
        self.service = service
        worker = WorkerThreads()
        launcher = WindowsLauncher(poller: poller)
        transport = WinHTTPTransport(poller: poller, worker: worker)
    }
}
