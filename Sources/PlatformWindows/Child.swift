import CShims

/// A process to start: CreateProcessW, or as another user CreateProcessAsUserW. It inherits the handles that are named
/// here and no other.
package struct Child {
    /// A process that was started.
    package struct Process {
        package let handle: Handle
        package let id: DWORD
    }

    /// The executable file.
    package var program: String
    /// With the program's own name first.
    package var commandLine: String
    /// A block (`Environment`).
    package var environment: [WCHAR]
    package var directory: String
    package var input: Handle
    /// Standard output and standard error: one handle, so that their order is the program's.
    package var output: Handle
    /// Who the process runs as; `nil`: this process' user.
    package var token: HANDLE?
    /// What it is in from its first instruction.
    package var job: Job?
    /// CREATE_NO_WINDOW and the like.
    package var flags: DWORD

    package init(
        program: String,
        commandLine: String,
        environment: [WCHAR],
        directory: String,
        input: Handle,
        output: Handle,
        flags: DWORD
    ) {
        self.program = program
        self.commandLine = commandLine
        self.environment = environment
        self.directory = directory
        self.input = input
        self.output = output
        self.flags = flags
    }

    package func spawn() throws(SystemError) -> Process {
        if let job, let process = try spawn(into: job) { return process }
        guard let job else { return try start(jobs: nil, flags: flags).process }
        // Before Windows 10 and Server 2016 it can only be put in while it does not run yet.
        let (process, thread) = try start(jobs: nil, flags: flags | DWORD(CREATE_SUSPENDED))
        guard shim_win_AssignProcessToJobObject(job.handle.raw, process.handle.raw) else {
            let error = SystemError("AssignProcessToJobObject")
            _ = shim_win_TerminateProcess(process.handle.raw, 1)
            throw error
        }
        guard shim_win_ResumeThread(thread.raw) != DWORD.max else {
            let error = SystemError("ResumeThread")
            _ = shim_win_TerminateProcess(process.handle.raw, 1)
            throw error
        }
        return process
    }

    /// `nil` where a process cannot be made inside of a job.
    private func spawn(into job: Job) throws(SystemError) -> Process? {
        do throws(SystemError) {
            return try start(jobs: [job.handle.raw], flags: flags).process
        } catch {
            guard error.code == ErrorCode.notSupported || error.code == ErrorCode.invalidParameter else { throw error }
            return nil
        }
    }

    private func start(jobs: [HANDLE?]?, flags: DWORD) throws(SystemError) -> (process: Process, thread: Handle) {
        var startup = STARTUPINFOW()
        startup.dwFlags = DWORD(STARTF_USESTDHANDLES)
        startup.hStdInput = input.raw
        startup.hStdOutput = output.raw
        startup.hStdError = output.raw
        // A list with a handle twice is refused.
        var handles: [HANDLE?] = input.raw == output.raw ? [input.raw] : [input.raw, output.raw]
        var jobs = jobs ?? []
        var information = PROCESS_INFORMATION()
        var line = commandLine.wide
        var environment = environment
        for handle in handles { setInherited(handle, true) }
        defer { for handle in [input.raw, output.raw] { setInherited(handle, false) } }
        // What the attributes point to has to stay until they are deleted.
        let failure: SystemError? = handles.withUnsafeMutableBufferPointer { handles in
            jobs.withUnsafeMutableBufferPointer { jobs in
                environment.withUnsafeMutableBytes { environment in
                    withAttributes(handles: handles, jobs: jobs) { attributes in
                        let isStarted = shim_win_CreateProcess(
                            token,
                            Path.native(program).wide,
                            &line,
                            flags,
                            environment.baseAddress,
                            Path.native(directory).wide,
                            &startup,
                            attributes,
                            &information
                        )
                        return isStarted ? nil : SystemError("CreateProcess \(program)")
                    }
                }
            }
        }
        if let failure { throw failure }
        guard let process = Handle(owning: information.hProcess), let thread = Handle(owning: information.hThread)
        else {
            throw SystemError("CreateProcess \(program)")
        }
        return (Process(handle: process, id: information.dwProcessId), thread)
    }

    private func setInherited(_ handle: HANDLE?, _ isInherited: Bool) {
        let flag = DWORD(HANDLE_FLAG_INHERIT)
        _ = shim_win_SetHandleInformation(handle, flag, isInherited ? flag : 0)
    }

    /// Lends a PROC_THREAD_ATTRIBUTE_LIST.
    private func withAttributes(
        handles: UnsafeMutableBufferPointer<HANDLE?>,
        jobs: UnsafeMutableBufferPointer<HANDLE?>,
        _ body: (UnsafeMutableRawPointer?) -> SystemError?
    ) -> SystemError? {
        let size = shim_win_attribute_list_size(2)
        let list = UnsafeMutableRawPointer.allocate(byteCount: Int(size), alignment: 16)
        defer { list.deallocate() }
        guard shim_win_InitializeProcThreadAttributeList(list, 2, size) else {
            return SystemError("InitializeProcThreadAttributeList")
        }
        defer { shim_win_DeleteProcThreadAttributeList(list) }
        guard shim_win_UpdateProcThreadAttribute_handles(list, handles.baseAddress, SIZE_T(handles.count)) else {
            return SystemError("UpdateProcThreadAttribute")
        }
        if !jobs.isEmpty {
            guard shim_win_UpdateProcThreadAttribute_jobs(list, jobs.baseAddress, SIZE_T(jobs.count)) else {
                return SystemError("UpdateProcThreadAttribute")
            }
        }
        return body(list)
    }
}
