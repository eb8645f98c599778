// What everything on Windows needs. Swift calls C functions with the C convention whatever their declaration says, and
// on i686 Windows has another one: so Swift calls no function of Windows itself, but the ones here and in the files
// beside, each named after the function that it calls. A callback that Windows calls is a C function here, too.
//
// They take and give `bool` where Windows has BOOL, which is another type to Swift with each toolchain. What Windows 8.1
// and Server 2012 R2 have is called directly; what is newer is looked up when it is needed.
#ifndef WINDOWS_BASE_H
#define WINDOWS_BASE_H

#if defined(_WIN32)

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif

#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// MARK: - Errors and handles

static inline DWORD shim_win_GetLastError(void) { return GetLastError(); }
static inline void shim_win_SetLastError(DWORD code) { SetLastError(code); }

/// The system's words for an error, without arguments; how many characters.
static inline DWORD shim_win_FormatMessage(DWORD code, WCHAR *buffer, DWORD count) {
    return FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, code, 0, buffer, count, NULL);
}

/// As above, for the codes of a module, such as winhttp.dll's or ntdll.dll's.
static inline DWORD shim_win_FormatMessage_module(HMODULE module, DWORD code, WCHAR *buffer, DWORD count) {
    return FormatMessageW(FORMAT_MESSAGE_FROM_HMODULE | FORMAT_MESSAGE_IGNORE_INSERTS, module, code, 0, buffer, count, NULL);
}

static inline int shim_win_is_valid(HANDLE handle) { return handle != NULL && handle != INVALID_HANDLE_VALUE; }
static inline bool shim_win_CloseHandle(HANDLE handle) { return CloseHandle(handle); }

/// A duplicate in this process, with the same rights.
static inline HANDLE shim_win_DuplicateHandle(HANDLE handle, bool inheritable) {
    HANDLE copy = NULL;
    if (!DuplicateHandle(GetCurrentProcess(), handle, GetCurrentProcess(), &copy, 0, inheritable, DUPLICATE_SAME_ACCESS))
        return NULL;
    return copy;
}

static inline bool shim_win_SetHandleInformation(HANDLE handle, DWORD mask, DWORD flags) {
    return SetHandleInformation(handle, mask, flags);
}

static inline HLOCAL shim_win_LocalFree(HLOCAL memory) { return LocalFree(memory); }

static inline HMODULE shim_win_GetModuleHandle(const WCHAR *name) { return GetModuleHandleW(name); }

// MARK: - Time

/// In units of 100 ns since 1601-01-01 00:00:00 UTC.
static inline uint64_t shim_win_GetSystemTimeAsFileTime(void) {
    FILETIME time;
    GetSystemTimeAsFileTime(&time);
    return (uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime;
}

/// Milliseconds since boot, suspended or not.
static inline uint64_t shim_win_GetTickCount64(void) { return GetTickCount64(); }

static inline void shim_win_Sleep(DWORD milliseconds) { Sleep(milliseconds); }

#endif
#endif
