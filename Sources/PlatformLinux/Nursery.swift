import Agent
import CShims

/// `tat_agent supervise`: a small process that becomes a supervisor for each task directory it is sent, by fork(2).
///
/// It saves the start of the executable, which costs several times as much as a fork, for every task but the first.
/// The agent starts it when tasks may be coming and ends it when none came for a while, by closing their socket; it
/// ends with the agent, too. The supervisors outlive both.
enum Nursery {
    /// The longest message: a path.
    static let messageLimit = 4096

    /// Serves descriptor 3 until the agent closes its end. In a supervisor: runs the task, then returns its exit code.
    static func run() -> Int32 {
        _ = shim_set_name("tat_agent")
        // Supervisors that have ended need no one to collect them.
        shim_ignore_signal(SIGCHLD)
        shim_ignore_signal(SIGINT)
        Supervisor.warmUp()
        crashPoints(in: "nursery")
        crashPoint("ready")
        guard let requests = LinuxLauncher.inheritedSocket() else { return 2 }
        while true {
            var message = [UInt8](repeating: 0, count: messageLimit)
            var descriptor: Int32 = -1
            let length = retrying { shim_receive_descriptor(requests.number, &message, message.count, &descriptor) }
            guard length > 0, descriptor >= 0 else { return 0 }
            let link = FileDescriptor(owning: descriptor)
            crashPoint("asked")
            guard shim_fork() == 0 else {
                crashPoint("forked")
                continue
            }
            close(requests.number)
            setsid()
            shim_default_signal(SIGCHLD)
            return Supervisor.run(directory: String(decoding: message.prefix(length), as: UTF8.self), link: link)
        }
    }
}
