import CShims
import Testing

@testable import Agent
@testable import PlatformLinux

/// Leaks that this process really has, found by what the system says of it.
@Suite(.serialized) struct LeakTests {
    /// What the checker finds while `leak` holds something that is too much for the limits.
    private func find(_ change: @Sendable (inout LeakChecker.Limits) -> Void) async throws -> String? {
        var limits = LeakChecker.Limits(interval: .milliseconds(5), patience: 3)
        limits.residentMemory = .max
        limits.descriptors = .max
        change(&limits)
        return try await onLoop { [limits] in
            let service = try TestService.shared
            let checker = LeakChecker(limits: limits, usage: { service.usage }, runningTasks: { 0 })
            var found: String?
            spawn { found = await checker.run() }
            try await eventually { found != nil }
            return found
        }
    }

    @Test func descriptorsThatAreLeftOpen() async throws {
        let null = try FileDescriptor.null()
        let leaked = (0..<300).map { _ in FileDescriptor(owning: shim_fcntl(null.number, F_DUPFD_CLOEXEC, 0)) }
        let found = try await find { $0.descriptors = leaked.count - 1 }
        #expect(found?.hasPrefix("descriptors: ") == true)
        withExtendedLifetime(leaked) {}
    }

    @Test func memoryThatIsNotGivenBack() async throws {
        let size = 256 << 20
        let leaked = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 4096)
        defer { leaked.deallocate() }
        leaked.initializeMemory(as: UInt8.self, repeating: 1, count: size)
        let found = try await find { $0.residentMemory = Int64(size / 2) }
        #expect(found?.hasPrefix("memory: ") == true)
    }

    @Test func childrenThatNobodyCollects() async throws {
        try await onLoop {
            let leaked = try (0..<20).map { _ in
                try Child(
                    path: "/bin/true",
                    arguments: ["true"],
                    environment: [],
                    input: try .null(),
                    output: try .null(),
                    error: try .null()
                ).spawn()
            }
            defer { for pid in leaked { waitpid(pid, nil, 0) } }
            let service = try TestService.shared
            try await eventually { (service.usage?.zombies ?? 0) >= 20 }
        }
    }
}
