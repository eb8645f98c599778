import Agent
import CShims
import PlatformWindows

/// A command of cmd in a job, with its output in a pipe.
private final class Command {
    let job: Job
    let process: Child.Process
    let reading: Handle

    init(_ command: String, inherited: Bool = true) throws {
        let name = Pipe.freshName()
        reading = try Pipe.listen(name, .inbound)
        let writing = try Pipe.connect(name, access: 0x4000_0000, isOverlapped: false)
        let null = try Handle.open(
            "NUL",
            access: 0x8000_0000,
            share: DWORD(FILE_SHARE_READ | FILE_SHARE_WRITE),
            disposition: DWORD(OPEN_EXISTING)
        )
        job = try Job()
        let program = SystemFolder.native + #"\cmd.exe"#
        var child = Child(
            program: program,
            commandLine: "cmd /d /c \(command)",
            environment: Environment.ofTask(id: "check", base: Environment.current),
            directory: SystemFolder.windows,
            input: null,
            output: writing,
            flags: 0
        )
        child.job = job
        process = try child.spawn()
    }

    /// Its whole output, once nobody holds the pipe any more.
    func output() throws -> String {
        var bytes: [UInt8] = []
        let operation = try Operation(on: reading, capacity: 4096)
        while (try? operation.read()) != nil {
            guard shim_win_WaitForSingleObject(operation.event.raw, 20_000) == 0 else {
                throw Failure(description: "no end of the output")
            }
            guard let piece = try? operation.result() else { break }
            bytes += piece
        }
        return String(decoding: bytes.filter { $0 != 13 }, as: UTF8.self)
    }

    func exitCode() throws -> DWORD {
        try expect(shim_win_WaitForSingleObject(process.handle.raw, 20_000) == 0, "it does not end")
        var code: DWORD = 0
        try expect(shim_win_GetExitCodeProcess(process.handle.raw, &code))
        return code
    }
}

/// Whether `condition` comes true within 5 s.
private func comesTrue(_ condition: () -> Bool) -> Bool {
    for _ in 0..<500 {
        if condition() { return true }
        shim_win_Sleep(10)
    }
    return false
}

let processChecks = [
    Check("process: output, environment and exit code") {
        let command = try Command("echo %TAT_INVOCATION_TASK_ID%& exit 7")
        try expectEqual(try command.output(), "check\n")
        try expectEqual(try command.exitCode(), 7)
        try expect(comesTrue { command.job.isEmpty })
    },
    Check("process: it is in the job from the start, and ends with it") {
        let command = try Command("ping -n 60 127.0.0.1")
        try expect(!command.job.isEmpty)
        command.job.terminate()
        try expectEqual(try command.exitCode(), 1)
        try expect(comesTrue { command.job.isEmpty })
        _ = try command.output()
    },
    Check("operation: one that is pending can be given up, also while another process holds the pipe") {
        let command = try Command("ping -n 20 127.0.0.1 >nul")
        let begun = shim_win_GetTickCount64()
        do {
            let operation = try Operation(on: command.reading, capacity: 16)
            try operation.read()
            try expect(try operation.result() == nil, "there is output")
        }
        try expect(shim_win_GetTickCount64() - begun < 5000, "it was waited for")
        command.job.terminate()
    },
    Check("process: the tree ends when nobody holds the job any more") {
        let process: Child.Process
        do {
            let command = try Command("ping -n 60 127.0.0.1")
            process = command.process
            try expect(shim_win_WaitForSingleObject(process.handle.raw, 100) != 0)
        }
        try expect(shim_win_WaitForSingleObject(process.handle.raw, 5000) == 0, "it lives on")
    },
    Check("process: released from the job it lives on") {
        let process: Child.Process
        do {
            let command = try Command("ping -n 60 127.0.0.1")
            process = command.process
            command.job.release()
        }
        try expect(shim_win_WaitForSingleObject(process.handle.raw, 500) != 0, "it ended")
        _ = shim_win_TerminateProcess(process.handle.raw, 1)
    },
    Check("process: what cannot be started says why") {
        let null = try Handle.open("NUL", access: 0x8000_0000, share: 3, disposition: DWORD(OPEN_EXISTING))
        var child = Child(
            program: #"C:\no such program.exe"#,
            commandLine: "none",
            environment: Environment.current,
            directory: SystemFolder.windows,
            input: null,
            output: null,
            flags: 0
        )
        child.job = try Job()
        var code: DWORD = 0
        do throws(SystemError) { _ = try child.spawn() } catch { code = error.code }
        try expectEqual(code, ErrorCode.fileNotFound)
    },
    Check("loop: work from other threads, and ends of processes") {
        try LoopRun.run { poller in
            let worker = WorkerThreads()
            let sum = await EventLoop.shared.offload(to: worker) { 20 + 22 }
            try expectEqual(sum, 42)
            let command = try Command("exit 0")
            let ended = Wakeup()
            let watch = try poller.watch(command.process.handle) { ended.signal() }
            try expect(await ended.wait(atMost: .seconds(10)), "the end was not seen")
            watch.cancel()
            let other = try Command("ping -n 2 127.0.0.1 >nul")
            let cancelled = try poller.watch(other.process.handle) { ended.signal() }
            cancelled.cancel()
            try expect(!(await ended.wait(atMost: .seconds(2))), "a cancelled watch was called")
        }
    },
    Check("single instance: one holds the name") {
        let name = SingleInstance.name + "-check"
        let first = try SingleInstance(name: name)
        var isTaken = false
        do { _ = try SingleInstance(name: name) } catch { isTaken = "\(error)".has("another tat_agent is running") }
        try expect(isTaken)
        first.release()
        _ = try SingleInstance(name: name)
    },
]
