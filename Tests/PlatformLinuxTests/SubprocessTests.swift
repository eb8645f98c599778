import CShims
import Foundation
import Testing

@testable import PlatformLinux

@Suite struct SubprocessTests {
    private func run(_ script: String) async throws -> Subprocess.Result {
        try await onOwnThread { try Subprocess.run("/bin/sh", ["-c", script]) }
    }

    @Test func outputAndExitCodeAreTheProgramsOwn() async throws {
        let result = try await run("printf 'out\\0\\377'; echo err >&2; exit 7")
        #expect(result.exitCode == 7)
        #expect(result.output == Array("out".utf8) + [0, 0xFF])
        #expect(try await run(":").output == [])
        #expect(try await run("kill -9 $$").exitCode == -1)
    }

    @Test func theEnvironmentIsPlain() async throws {
        let result = try await onOwnThread { try Subprocess.run("/usr/bin/env", []) }
        let lines = String(decoding: result.output, as: UTF8.self).split(separator: "\n").sorted()
        #expect(lines == ["LC_ALL=C", "PATH=\(Environment.defaultPath)"])
    }

    @Test func outputBeyondTheLimitIsReadAndThrownAway() async throws {
        let result = try await run("head -c 6000000 /dev/zero; exit 3")
        #expect(result.exitCode == 3)
        #expect(result.output.count == 4 << 20)
    }

    @Test func aProgramThatIsNotThereIsTold() async throws {
        await #expect(throws: Child.Failure.self) {
            try await onOwnThread { try Subprocess.run("/nonexistent/program", []) }
        }
    }

    @Test func noProcessIsLeftBehind() async throws {
        let left = try await onOwnThread { () -> [UInt8] in
            let thread = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")
            for _ in 0..<10 { _ = try Subprocess.run("/bin/true", []) }
            return try PosixFiles().read("/proc/\(thread)/children", limit: 4096)
        }
        #expect(left == [])
    }
}
