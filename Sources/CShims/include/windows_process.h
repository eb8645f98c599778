// Processes, jobs, and the process' own surroundings.
#ifndef WINDOWS_PROCESS_H
#define WINDOWS_PROCESS_H

#if defined(_WIN32)
#include "windows_base.h"
#include <psapi.h>
#include <shellapi.h>

// MARK: - Starting

static inline SIZE_T shim_win_attribute_list_size(DWORD count) {
    SIZE_T size = 0;
    InitializeProcThreadAttributeList(NULL, count, 0, &size);
    return size;
}

static inline bool shim_win_InitializeProcThreadAttributeList(void *list, DWORD count, SIZE_T size) {
    return InitializeProcThreadAttributeList((LPPROC_THREAD_ATTRIBUTE_LIST)list, count, 0, &size);
}

/// The only handles that the process inherits.
static inline bool shim_win_UpdateProcThreadAttribute_handles(void *list, HANDLE *handles, SIZE_T count) {
    return UpdateProcThreadAttribute(
        (LPPROC_THREAD_ATTRIBUTE_LIST)list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles, count * sizeof *handles, NULL,
        NULL);
}

/// The jobs that the process is in from its start: Windows 10 and Server 2016.
static inline bool shim_win_UpdateProcThreadAttribute_jobs(void *list, HANDLE *jobs, SIZE_T count) {
    // PROC_THREAD_ATTRIBUTE_JOB_LIST, which headers have for Windows 10 only: number 13, an input.
    return UpdateProcThreadAttribute(
        (LPPROC_THREAD_ATTRIBUTE_LIST)list, 0, 13 | 0x00020000, jobs, count * sizeof *jobs, NULL, NULL);
}

static inline void shim_win_DeleteProcThreadAttributeList(void *list) {
    DeleteProcThreadAttributeList((LPPROC_THREAD_ATTRIBUTE_LIST)list);
}

/// CreateProcessW, or, with a token, CreateProcessAsUserW. `attributes` may be NULL.
static inline bool shim_win_CreateProcess(
    HANDLE token, const WCHAR *program, WCHAR *command_line, DWORD flags, void *environment, const WCHAR *directory,
    STARTUPINFOW *startup, void *attributes, PROCESS_INFORMATION *process) {
    STARTUPINFOEXW extended;
    memset(&extended, 0, sizeof extended);
    extended.StartupInfo = *startup;
    extended.StartupInfo.cb = attributes ? sizeof extended : sizeof extended.StartupInfo;
    extended.lpAttributeList = (LPPROC_THREAD_ATTRIBUTE_LIST)attributes;
    flags |= CREATE_UNICODE_ENVIRONMENT | (attributes ? EXTENDED_STARTUPINFO_PRESENT : 0);
    // Inheritable handles exist only while a process is started, or are in its list.
    if (token)
        return CreateProcessAsUserW(
            token, program, command_line, NULL, NULL, TRUE, flags, environment, directory, &extended.StartupInfo, process);
    return CreateProcessW(
        program, command_line, NULL, NULL, TRUE, flags, environment, directory, &extended.StartupInfo, process);
}

static inline DWORD shim_win_ResumeThread(HANDLE thread) { return ResumeThread(thread); }
static inline bool shim_win_TerminateProcess(HANDLE process, UINT code) { return TerminateProcess(process, code); }
static inline bool shim_win_GetExitCodeProcess(HANDLE process, DWORD *code) { return GetExitCodeProcess(process, code); }

// MARK: - Jobs

static inline HANDLE shim_win_CreateJobObject(void) { return CreateJobObjectW(NULL, NULL); }

/// JOB_OBJECT_LIMIT_…: no other limit is set.
static inline bool shim_win_SetInformationJobObject_limits(HANDLE job, DWORD limits) {
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION information;
    memset(&information, 0, sizeof information);
    information.BasicLimitInformation.LimitFlags = limits;
    return SetInformationJobObject(job, JobObjectExtendedLimitInformation, &information, sizeof information);
}

static inline bool shim_win_AssignProcessToJobObject(HANDLE job, HANDLE process) {
    return AssignProcessToJobObject(job, process);
}

static inline bool shim_win_TerminateJobObject(HANDLE job, UINT code) { return TerminateJobObject(job, code); }

/// How many processes of the job live, or -1.
static inline int64_t shim_win_job_processes(HANDLE job) {
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION information;
    memset(&information, 0, sizeof information);
    if (!QueryInformationJobObject(job, JobObjectBasicAccountingInformation, &information, sizeof information, NULL))
        return -1;
    return information.ActiveProcesses;
}

// MARK: - This process

static inline HANDLE shim_win_GetCurrentProcess(void) { return GetCurrentProcess(); }
static inline DWORD shim_win_GetCurrentProcessId(void) { return GetCurrentProcessId(); }

static inline DWORD shim_win_GetModuleFileName(WCHAR *buffer, DWORD count) {
    return GetModuleFileNameW(NULL, buffer, count);
}

/// NAME=VALUE, each ended by NUL, and one more NUL; to be freed.
static inline WCHAR *shim_win_GetEnvironmentStrings(void) { return GetEnvironmentStringsW(); }
static inline bool shim_win_FreeEnvironmentStrings(WCHAR *block) { return FreeEnvironmentStringsW(block); }

static inline DWORD shim_win_GetEnvironmentVariable(const WCHAR *name, WCHAR *buffer, DWORD count) {
    return GetEnvironmentVariableW(name, buffer, count);
}

static inline UINT shim_win_GetSystemDirectory(WCHAR *buffer, UINT count) { return GetSystemDirectoryW(buffer, count); }
static inline UINT shim_win_GetSystemWindowsDirectory(WCHAR *buffer, UINT count) {
    return GetSystemWindowsDirectoryW(buffer, count);
}

/// Whether this is a 32-bit process on a 64-bit system.
static inline int shim_win_IsWow64Process(void) {
    BOOL is = FALSE;
    return IsWow64Process(GetCurrentProcess(), &is) && is;
}

/// The working set in bytes, or -1.
static inline int64_t shim_win_GetProcessMemoryInfo(void) {
    PROCESS_MEMORY_COUNTERS counters;
    memset(&counters, 0, sizeof counters);
    counters.cb = sizeof counters;
    return GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters) ? (int64_t)counters.WorkingSetSize : -1;
}

/// How many handles this process has, or -1.
static inline int64_t shim_win_GetProcessHandleCount(void) {
    DWORD count = 0;
    return GetProcessHandleCount(GetCurrentProcess(), &count) ? (int64_t)count : -1;
}

/// Ends the process at once, without what the C library does at an exit.
static inline void shim_win_ExitProcess(UINT code) { ExitProcess(code); }

static inline bool shim_win_SetConsoleCP(UINT code_page) {
    return SetConsoleCP(code_page) && SetConsoleOutputCP(code_page);
}

/// The words of a command line, to be freed by LocalFree.
static inline WCHAR **shim_win_CommandLineToArgv(const WCHAR *line, int *count) {
    return CommandLineToArgvW(line, count);
}

static inline UINT shim_win_GetConsoleOutputCP(void) { return GetConsoleOutputCP(); }
static inline UINT shim_win_GetOEMCP(void) { return GetOEMCP(); }
static inline UINT shim_win_SetErrorMode(UINT mode) { return SetErrorMode(mode); }

/// The characters of a text in a code page; 0 when it is not text in it.
static inline int shim_win_MultiByteToWideChar(
    UINT code_page, DWORD flags, const void *bytes, int count, WCHAR *buffer, int capacity) {
    return MultiByteToWideChar(code_page, flags, (const char *)bytes, count, buffer, capacity);
}

#endif
#endif
