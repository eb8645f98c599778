import Agent

@testable import PlatformLinux

/// The service of this process, one for all tests: it takes over the loop's signals.
@LoopActor
enum TestService {
    private static var service: LinuxService?

    static var shared: LinuxService {
        get throws {
            if let service { return service }
            let made = try LinuxService(
                poller: testPoller,
                executable: "/nonexistent/tat_agent",
                arguments: ["tat_agent"],
                whenReady: { readyCount += 1 }
            )
            service = made
            return made
        }
    }

    /// How often the service was told that the agent is ready.
    private(set) static var readyCount = 0
}
