import Agent
import Foundation
import Synchronization

/// A platform of fakes; a test replaces what it is about.
struct FakePlatform: Platform {
    var poller: any Poller = testPoller
    var worker: any Worker = TestWorker()
    var clock: any WallClock = FakeClock()
    var random: any RandomSource = SystemRandomSource()
    var files: any Files = TestFiles()
    var users: any Users = FakeUsers()
    var launcher: any Launcher
    var transport: any Transport
    var crypto: any Crypto = FakeCrypto()
    var machine: any Machine = FakeMachine()
    var service: any Service = FakeService()

    @LoopActor
    init(transport: any Transport = FakeTransport(), launcher: any Launcher = FakeLauncher(host: FakeHost())) {
        self.transport = transport
        self.launcher = launcher
    }
}

/// A thread of its own, as the real one.
struct TestWorker: Worker {
    private let queue = DispatchQueue(label: "worker")

    func start(_ work: @escaping @Sendable () -> Void) { queue.async(execute: work) }
}

/// A clock that a test sets.
final class FakeClock: WallClock {
    private let milliseconds: Mutex<Int64>

    init(seconds: Int64 = 1_700_000_000) { milliseconds = Mutex(seconds * 1000) }

    var unixSeconds: Int64 { unixMilliseconds / 1000 }
    var unixMilliseconds: Int64 { milliseconds.withLock { $0 } }

    func set(seconds: Int64) { milliseconds.withLock { $0 = seconds * 1000 } }
}

struct SystemRandomSource: RandomSource {
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in .random(in: .min ... .max) } }
}

/// The same bytes again and again.
struct FixedRandomSource: RandomSource {
    var cycle: [UInt8]

    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { cycle[$0 % cycle.count] } }
}

struct FakeUsers: Users {
    static let root = User(name: "root", identifier: "0", groups: ["0"], home: "/root", shell: "/bin/sh")
    static let worker = User(name: "worker", identifier: "7", groups: ["7", "8"], home: "/home/w", shell: "/bin/bash")

    /// Why the database cannot be asked.
    var failure: String?

    func lookup(_ name: String) throws(UsersError) -> User? {
        if let failure { throw UsersError(failure) }
        return name.isEmpty ? Self.root : [Self.root, Self.worker].first { $0.name == name }
    }
}

/// Signs by naming what it signs.
final class FakeCrypto: Crypto {
    func sha1(_ bytes: [UInt8]) throws(CryptoError) -> [UInt8] { throw CryptoError("not asked for") }

    func hmacSHA1(key: [UInt8], _ bytes: [UInt8]) throws(CryptoError) -> [UInt8] {
        throw CryptoError("not asked for")
    }

    func makeRSAKeyPair() throws(CryptoError) -> RSAKeyPair {
        RSAKeyPair(privateKey: "new private key", publicKey: "new public key")
    }

    func signRSASHA1(_ message: [UInt8], privateKey: String) throws(CryptoError) -> [UInt8] {
        guard privateKey != "broken" else { throw CryptoError("the key is broken") }
        return Array("\(privateKey) signs ".utf8) + message
    }
}

struct FakeMachine: Machine {
    var kernelName = "Linux"
    var kernelVersion = "6.1.0"
    var osVersion = "Linux 12 Debian GNU/Linux"
    var architecture = "x86_64"
    var machineID: String? = "machine-1"
    var bootID = "boot-1"
    var hostname = "host"
    var processID: Int32 = 42
    var localAddress = "192.0.2.7"
    var uptimeSeconds: Int64 = 1234
    var variables: [String: String] = [:]

    func environment(_ name: String) -> String? { variables[name] }
}

@LoopActor
final class FakeService: Service {
    nonisolated init() {}

    func ready() {}
    var usage: ProcessUsage? { nil }

    func onRequest(_ handler: @escaping @LoopActor (ServiceRequest) -> Void) {}
    func restart() -> String { "a test does not restart" }
}

/// Keeps the lines of the log.
final class TestLog: LogSink {
    private let written = Mutex<[String]>([])

    var lines: [String] { written.withLock { $0 } }

    func write(_ line: String) { written.withLock { $0.append(line) } }

    /// The log that writes here.
    func log(_ threshold: LogLevel = .debug, clock: any WallClock = FakeClock()) -> Log {
        Log(to: self, clock: clock, threshold: threshold)
    }

    func contains(_ text: String) -> Bool { lines.contains { $0.contains(text) } }
}
