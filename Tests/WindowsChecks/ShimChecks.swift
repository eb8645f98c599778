import Agent
import CShims
import PlatformWindows

/// So often that a call which leaves its arguments on the stack, as one with the wrong convention does on i686, runs out
/// of it or returns to nowhere.
private let rounds = 3000

private func again(_ body: () throws -> Void) rethrows {
    for _ in 0..<rounds { try body() }
}

private var noHandle: HANDLE? { nil }
private let nowhere = #"C:\no such folder\no such file"#.wide

let shimChecks = [
    Check("shims: errors, handles, time") {
        var buffer = [WCHAR](repeating: 0, count: 300)
        try again {
            shim_win_SetLastError(5)
            try expectEqual(shim_win_GetLastError(), 5)
            _ = shim_win_FormatMessage(5, &buffer, 300)
            _ = shim_win_FormatMessage_module(nil, 5, &buffer, 300)
            _ = shim_win_is_valid(noHandle)
            _ = shim_win_CloseHandle(noHandle)
            _ = shim_win_DuplicateHandle(noHandle, false)
            _ = shim_win_SetHandleInformation(noHandle, 1, 0)
            _ = shim_win_LocalFree(nil)
            try expect(shim_win_GetModuleHandle("kernel32.dll".wide) != nil)
            try expect(shim_win_GetSystemTimeAsFileTime() != 0 && shim_win_GetTickCount64() != 0)
            shim_win_Sleep(0)
        }
    },
    Check("shims: files") {
        var data = WIN32_FILE_ATTRIBUTE_DATA()
        var found = WIN32_FIND_DATAW()
        var overlapped = OVERLAPPED()
        var count: DWORD = 0
        var buffer = [WCHAR](repeating: 0, count: 300)
        try again {
            try expect(shim_win_is_valid(shim_win_CreateFile(nowhere, 0, 0, nil, 3, 0)) == 0)
            _ = shim_win_ReadFile(noHandle, &buffer, 10, &count, nil)
            _ = shim_win_WriteFile(noHandle, &buffer, 10, &count, nil)
            shim_win_set_offset(&overlapped, 1 << 40)
            _ = shim_win_FlushFileBuffers(noHandle)
            try expect(shim_win_GetFileSizeEx(noHandle) == -1)
            _ = shim_win_SetEndOfFile(noHandle, 0)
            _ = shim_win_GetFileType(noHandle)
            _ = shim_win_GetStdHandle(shim_win_std_input())
            _ = shim_win_GetStdHandle(shim_win_std_output())
            _ = shim_win_GetStdHandle(shim_win_std_error())
            _ = shim_win_file_change_time(noHandle)
            _ = shim_win_GetFileAttributes(nowhere)
            _ = shim_win_SetFileAttributes(nowhere, 0)
            _ = shim_win_GetFileAttributesEx(nowhere, &data)
            _ = shim_win_CreateDirectory(nowhere, nil)
            _ = shim_win_RemoveDirectory(nowhere)
            _ = shim_win_DeleteFile(nowhere)
            _ = shim_win_MoveFileEx(nowhere, nowhere, 0)
            try expect(shim_win_is_valid(shim_win_FindFirstFile(nowhere, &found)) == 0)
            _ = shim_win_FindNextFile(noHandle, &found)
            _ = shim_win_FindClose(noHandle)
            _ = shim_win_find_name(&found)
            try expect(shim_win_GetFullPathName("x".wide, 300, &buffer) > 1)
        }
    },
    Check("shims: ports, events, pipes, threads") {
        var entry = OVERLAPPED_ENTRY()
        var removed: ULONG = 0
        var count: DWORD = 0
        var overlapped = OVERLAPPED()
        var lock = SRWLOCK()
        let port = try unwrap(Handle(owning: shim_win_CreateIoCompletionPort()))
        let event = try Handle.event()
        let semaphore = try unwrap(Handle(owning: shim_win_CreateSemaphore(0, .max)))
        try again {
            try expect(shim_win_PostQueuedCompletionStatus(port.raw, 3, 1, nil))
            try expect(shim_win_GetQueuedCompletionStatusEx(port.raw, &entry, 1, &removed, 1000))
            try expectEqual(entry.dwNumberOfBytesTransferred, 3)
            _ = shim_win_CreateIoCompletionPort_add(port.raw, noHandle, 1)
            _ = shim_win_overlapped_status(&overlapped)
            _ = shim_win_GetOverlappedResult(noHandle, &overlapped, &count, false)
            _ = shim_win_CancelIoEx(noHandle, nil)
            _ = shim_win_SetEvent(event.raw)
            try expectEqual(shim_win_WaitForSingleObject(event.raw, 1000), 0)
            _ = shim_win_ResetEvent(event.raw)
            var handles: [HANDLE?] = [event.raw, semaphore.raw]
            try expect(shim_win_ReleaseSemaphore(semaphore.raw))
            try expectEqual(shim_win_WaitForMultipleObjects(2, &handles, 1000), 1)
            _ = shim_win_CreateNamedPipe("no pipe".wide, 0, 0, 1, 1, 1, nil)
            _ = shim_win_ConnectNamedPipe(noHandle, nil)
            shim_win_InitializeSRWLock(&lock)
            shim_win_AcquireSRWLockExclusive(&lock)
            shim_win_ReleaseSRWLockExclusive(&lock)
            try expect(shim_win_GetCurrentThreadId() != 0)
        }
    },
    Check("shims: processes and jobs") {
        var startup = STARTUPINFOW()
        var process = PROCESS_INFORMATION()
        var line = nowhere
        var code: DWORD = 0
        var buffer = [WCHAR](repeating: 0, count: 300)
        let size = shim_win_attribute_list_size(2)
        let list = UnsafeMutableRawPointer.allocate(byteCount: Int(size), alignment: 16)
        defer { list.deallocate() }
        let job = try Job()
        var handles: [HANDLE?] = [job.handle.raw]
        try again {
            try expect(shim_win_InitializeProcThreadAttributeList(list, 2, size))
            _ = shim_win_UpdateProcThreadAttribute_handles(list, &handles, 1)
            _ = shim_win_UpdateProcThreadAttribute_jobs(list, &handles, 1)
            shim_win_DeleteProcThreadAttributeList(list)
            _ = shim_win_ResumeThread(noHandle)
            _ = shim_win_TerminateProcess(noHandle, 0)
            _ = shim_win_GetExitCodeProcess(noHandle, &code)
            _ = shim_win_SetInformationJobObject_limits(noHandle, 0)
            _ = shim_win_AssignProcessToJobObject(noHandle, noHandle)
            _ = shim_win_TerminateJobObject(noHandle, 0)
            try expectEqual(shim_win_job_processes(job.handle.raw), 0)
            try expect(shim_win_GetCurrentProcess() != nil && shim_win_GetCurrentProcessId() != 0)
            try expect(shim_win_GetModuleFileName(&buffer, 300) > 0)
            try expect(shim_win_FreeEnvironmentStrings(shim_win_GetEnvironmentStrings()))
            _ = shim_win_GetEnvironmentVariable(nowhere, &buffer, 300)
            try expect(shim_win_GetSystemDirectory(&buffer, 300) > 0)
            try expect(shim_win_GetSystemWindowsDirectory(&buffer, 300) > 0)
            _ = shim_win_IsWow64Process()
            try expect(shim_win_GetProcessMemoryInfo() > 0, "memory")
            // Wine does not count those of a 32-bit process.
            try expect(shim_win_GetProcessHandleCount() >= 0, "handles")
            try expect(shim_win_GetOEMCP() != 0)
            _ = shim_win_MultiByteToWideChar(437, 0, "x", 1, &buffer, 300)
        }
        for _ in 0..<50 {
            try expect(!shim_win_CreateProcess(nil, nowhere, &line, 0, nil, nil, &startup, nil, &process))
        }
    },
    Check("shims: callbacks on threads of the system") {
        let counter = Lock(0)
        let context = Unmanaged.passRetained(counter)
        defer { context.release() }
        for _ in 0..<200 {
            let isStarted = shim_win_CreateThread(
                { context in
                    guard let context else { return }
                    Unmanaged<Lock<Int>>.fromOpaque(context).takeUnretainedValue().with { $0 += 1 }
                },
                context.toOpaque(),
                65_536
            )
            try expect(isStarted)
        }
        for _ in 0..<500 where counter.with({ $0 }) < 200 { shim_win_Sleep(10) }
        try expectEqual(counter.with { $0 }, 200)
    },
]
