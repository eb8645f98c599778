import CShims
import PlatformLinux

/// Signals as something to read.
enum Signals {
    /// Blocks these signals, and SIGPIPE; a descriptor from which they can be read instead.
    static func descriptor(for signals: [Int32]) throws(Failure) -> FileDescriptor {
        var blocked = sigset_t()
        sigemptyset(&blocked)
        for signal in signals { sigaddset(&blocked, signal) }
        let number = signalfd(-1, &blocked, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
        guard number >= 0 else { throw .system("signalfd") }
        sigaddset(&blocked, SIGPIPE)
        sigprocmask(SIG_BLOCK, &blocked, nil)
        return FileDescriptor(owning: number)
    }

    /// Takes one signal that is waiting; whether there was one.
    static func take(from descriptor: FileDescriptor) -> Bool {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        return retrying { read(descriptor.number, &info, size) } == size
    }
}
