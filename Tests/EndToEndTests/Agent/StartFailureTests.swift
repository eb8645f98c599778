import Agent
import CShims
import Foundation
import Testing

@Suite("Scripts that cannot start", .lab)
struct StartFailureTests {
    @Test(
        "commands that are none",
        arguments: [
            (["Command": "!!!"], "it is not base64"), (["Command": "ZQ"], "it is not base64"),
            (["Command": "ZWNo\nbw=="], "it is not base64"), (["Command": ""], "it is empty"),
            (["Command": nil], "it is empty"), (["Command": 12], "it is empty"),
            (["CommandType": "POWERSHELL"], "command type `POWERSHELL` cannot run on Linux"),
            (["CommandType": "bat"], "command type `BAT` cannot run on Linux"),
            (["CommandType": "SHELL "], "command type `SHELL ` cannot run on Linux"),
        ] as [(JSON.Object, String)]
    )
    func commands(fields: JSON.Object, reason: String) async throws {
        let lab = try Lab.shared
        let outcome = try await lab.run("touch \(lab.scratch.path)/never", fields: fields)
        outcome.expectStartFailure("InvalidCommand: \(reason)")
        outcome.expectNoRepeats()
        #expect(outcome.json["report"]?["FinalLogIndex"] == JSON.null)
        #expect(!lab.scratch.has("never"))
        try await lab.expectAlive()
    }

    @Test("users and directories that do not exist")
    func notThere() async throws {
        let lab = try Lab.shared
        try await lab.run("echo never", user: "no-such-user").expectStartFailure(
            "InvalidUser: user `no-such-user` not exists"
        )
        try await lab.run("echo never", directory: "/no/such").expectStartFailure(
            "InvalidWorkingDirectory: working_directory `/no/such` not exists"
        )
        try await lab.expectAlive()
    }

    /// What runs a program as another user than root; empty where the tests are not root's.
    private static let asNobody =
        Lab.isRoot ? ["/usr/bin/env", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : []

    private static let canBeNobody =
        asNobody.isEmpty
        || (try? SpawnedProcess.run(asNobody + [Executables.url("tat_agent").path, "--version"])) != nil

    @Test(
        "an agent that is not root runs scripts as itself only",
        .enabled(if: canBeNobody, "other users cannot reach the built program")
    )
    func withoutRoot() async throws {
        let name = Lab.isRoot ? "nobody" : NSUserName()
        try await Lab.stopped { lab in
            if Lab.isRoot { try SpawnedProcess.run(["chown", "-R", "65534:65534", lab.agent.folder.path]) }
            try await lab.agent.start(prefix: Self.asNobody)
            try await lab.run("id -un", user: name).expectSuccess(name + "\n")
            try await lab.run("id -un", user: "").expectSuccess(name + "\n")
            try await lab.run("id -un", user: "root").expectStartFailure(
                "TaskSpawnFailed: becoming user root without being root: Operation not permitted"
            )
        }
    }

    @Test("a user who may not have more processes", .root)
    func noProcesses() async throws {
        try await Lab.stopped { lab in
            // The kernel counts the processes that the user has before.
            let (path, words) = (TestFolder.searchPath, Self.asNobody + ["sleep", "600"])
            let other = try SpawnedProcess(words, environment: ["PATH": path], output: "/dev/null", errors: "/dev/null")
            defer { other.end() }
            try await eventually("nobody has a process") {
                var status = stat()
                return stat("/proc/\(other.pid)", &status) == 0 && status.st_uid == 65534
            }
            try await lab.agent.start(prefix: ["/usr/bin/env", "prlimit", "--nproc=0"])
            try await lab.run("echo never", user: "nobody").expectStartFailure(
                "TaskSpawnFailed: its program could not be run: Resource temporarily unavailable"
            )
        }
    }
}

@Suite("A disk that is full", .root)
struct FullDiskTests {
    /// What `stat -f` tells of the state directory's disk: `%a` its free blocks, `%d` its free inodes.
    private func space(_ format: String, _ lab: Lab) throws -> Int {
        let text = try SpawnedProcess.run(["stat", "-f", "-c", format, lab.agent.state])
        return Int(text.dropLast()) ?? -1
    }

    /// A script of about so many bytes.
    private func script(_ size: Int) -> String {
        "echo it runs\n" + String(repeating: "#\(String(repeating: "x", count: 98))\n", count: size / 100)
    }

    @Test("a task that cannot be written down")
    func record() async throws {
        try await Lab.stopped { lab in
            try lab.agent.mountState("size=256k")
            try await lab.agent.start()
            let outcome = try await lab.run(script(300_000))
            #expect(outcome.result == "START_FAILED")
            #expect(outcome.errorInfo.hasPrefix("ScriptStoreFailed: "))
            #expect(outcome.errorInfo.contains("No space left on device"))
            outcome.expectNoRepeats(starts: 0)
            try await lab.waitUntilIdle()
            try await lab.expectAlive()
        }
    }

    @Test("a script that cannot be stored")
    func store() async throws {
        try await Lab.stopped { lab in
            // There is room for the record with the script in base64, but not for the script as well.
            try lab.agent.mountState("size=1m")
            try await lab.agent.start()
            let outcome = try await lab.run(script(600_000))
            #expect(outcome.result == "START_FAILED")
            #expect(outcome.errorInfo.hasPrefix("ScriptStoreFailed: "))
            #expect(outcome.errorInfo.contains("No space left on device"))
            outcome.expectNoRepeats()
            try await lab.waitUntilIdle()
            try await lab.expectAlive()
        }
    }

    @Test("no room for the file of the output")
    func output() async throws {
        try await Lab.stopped { lab in
            try lab.agent.mountState("size=1m,nr_inodes=1000")
            try await lab.agent.start()
            try await lab.expectAlive()
            try await lab.waitUntilIdle()
            // Files take up all but what the task's directory, record, claim (under two names) and script need.
            let free = try space("%d", lab)
            let filler = lab.agent.state + "/filler"
            try FileManager.default.createDirectory(atPath: filler, withIntermediateDirectories: false)
            for number in 0..<(free - 1 - 4) {
                guard FileManager.default.createFile(atPath: "\(filler)/\(number)", contents: nil) else {
                    throw TestFailure("no filler \(number) of \(free)")
                }
            }
            let id = try await lab.create("touch \(lab.scratch.path)/never")
            let outcome = try await lab.outcome(of: id)
            #expect(outcome.result == "START_FAILED")
            #expect(outcome.errorInfo.hasPrefix("OutputFileCreateFailed: "))
            #expect(outcome.errorInfo.contains("No space left on device"))
            #expect(!lab.scratch.has("never"))
            try await lab.waitUntilIdle()
            try FileManager.default.removeItem(atPath: filler)
            try await lab.expectAlive()
        }
    }

    @Test("output for which there is no room is counted, and the script goes on")
    func outputOverflow() async throws {
        try await Lab.stopped { lab in
            try lab.agent.mountState("size=64k")
            try await lab.agent.start()
            let id = try await lab.create(
                """
                touch \(lab.scratch.path)/up
                until [ -e \(lab.scratch.path)/go ]; do sleep 0.02; done
                for i in {1..20000}; do echo 123456789; done
                echo done > \(lab.scratch.path)/done
                """
            )
            try await eventually("the script runs") { lab.scratch.has("up") }
            let filler = lab.agent.state + "/filler"
            // Fills the disk but for two pages.
            try Data(count: (try space("%a", lab) - 2) * 4096).write(to: URL(filePath: filler))
            try lab.scratch.write("go")
            // It has written more than a pipe holds, so the supervisor has found no room.
            try await eventually("the script has ended") { lab.scratch.has("done") }
            try FileManager.default.removeItem(atPath: filler)
            let outcome = try await lab.outcome(of: id)
            outcome.expectSuccess()
            #expect(outcome.output.count == 8192)
            let isAsWritten = outcome.text == String(String(repeating: "123456789\n", count: 820).prefix(8192))
            #expect(isAsWritten)
            #expect(outcome.dropped == 200_000 - 8192)
            try await lab.waitUntilIdle()
            try await lab.expectAlive()
        }
    }
}
