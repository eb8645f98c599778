import Agent
import CShims

/// The Linux backend, put together.
public struct LinuxPlatform: Platform {
    public let poller: any Poller
    public let worker: any Worker
    public let clock: any WallClock = SystemClock()
    public let random: any RandomSource = SystemRandom()
    public let files: any Files = PosixFiles()
    public let users: any Users = LinuxUsers()
    public let launcher: any Launcher
    public let transport: any Transport
    public let crypto: any Crypto = OpenSSLCrypto()
    public let machine: any Machine
    public let service: any Service

    /// - Parameter descriptorLimit: the soft limit of open descriptors that tasks get.
    @LoopActor
    public init(poller: EpollPoller, service: LinuxService, machine: LinuxMachine, descriptorLimit: Int?) {
        self.poller = poller
        self.machine = machine
        self.service = service
        worker = WorkerThreads()
        launcher = LinuxLauncher(poller: poller, service: service, descriptorLimit: descriptorLimit)
        transport = CurlTransport(poller: poller, worker: worker, crypto: crypto, random: random)
    }
}
