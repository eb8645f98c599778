import CShims

/// Going into the background: the terminal's process waits until the daemon has started, or says why it did not.
final class Daemon {
    private var report: FileDescriptor?

    private init(report: FileDescriptor) { self.report = report }

    /// Splits the process. The daemon gets a value and goes on; the terminal's process never returns, it ends with the
    /// daemon's outcome. To be called while there is one thread.
    static func detach() throws -> Daemon {
        var (reading, writing): (FileDescriptor?, FileDescriptor?) = try FileDescriptor.pipe()
        let pid = shim_fork()
        if pid == 0, let report = writing {
            reading = nil
            setsid()
            chdir("/")
            return Daemon(report: report)
        }
        guard pid > 0 else { throw SystemError("fork") }
        // Only the daemon's end is left then, so that its end is seen.
        writing = nil
        exit(try reading.map(outcome(from:)) ?? 1)
    }

    /// The exit code for the terminal. The daemon sends one byte 0 when it has started, else the reason why not.
    private static func outcome(from reading: FileDescriptor) throws -> Int32 {
        var outcome: [UInt8] = []
        while let bytes = try reading.read(atMost: 4096), !bytes.isEmpty { outcome += bytes }
        if outcome == [0] { return 0 }
        let reason = outcome.isEmpty ? "tat_agent: it ended while starting" : String(decoding: outcome, as: UTF8.self)
        ConsoleLog().write(reason)
        return 1
    }

    /// Lets the terminal's process go: the daemon has started.
    func started(keepingTerminal: Bool) {
        if !keepingTerminal, let null = try? FileDescriptor.open("/dev/null", O_RDWR) {
            for number: Int32 in 0...2 { dup2(null.number, number) }
        }
        tell([0])
    }

    /// Tells the terminal why there is no daemon.
    func failed(_ reason: String) { tell(Array(reason.utf8)) }

    private func tell(_ bytes: [UInt8]) {
        try? report?.writeAll(bytes)
        report = nil
    }
}
