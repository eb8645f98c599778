// Files, folders and streams.
#ifndef WINDOWS_FILE_H
#define WINDOWS_FILE_H

#if defined(_WIN32)
#include "windows_base.h"

static inline HANDLE shim_win_CreateFile(
    const WCHAR *path, DWORD access, DWORD share, SECURITY_ATTRIBUTES *security, DWORD disposition, DWORD flags) {
    return CreateFileW(path, access, share, security, disposition, flags, NULL);
}

static inline bool shim_win_ReadFile(HANDLE file, void *buffer, DWORD count, DWORD *read, OVERLAPPED *overlapped) {
    return ReadFile(file, buffer, count, read, overlapped);
}

static inline bool shim_win_WriteFile(
    HANDLE file, const void *buffer, DWORD count, DWORD *written, OVERLAPPED *overlapped) {
    return WriteFile(file, buffer, count, written, overlapped);
}

/// The offset at which an operation begins.
static inline void shim_win_set_offset(OVERLAPPED *overlapped, uint64_t offset) {
    overlapped->Offset = (DWORD)offset;
    overlapped->OffsetHigh = (DWORD)(offset >> 32);
}

static inline bool shim_win_FlushFileBuffers(HANDLE file) { return FlushFileBuffers(file); }

/// Waits for the lock that goes with writing to the file: of a byte far behind its end.
static inline bool shim_win_LockFileEx(HANDLE file) {
    OVERLAPPED place;
    memset(&place, 0, sizeof place);
    place.OffsetHigh = 0x40000000;
    return LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &place);
}

static inline bool shim_win_UnlockFileEx(HANDLE file) {
    OVERLAPPED place;
    memset(&place, 0, sizeof place);
    place.OffsetHigh = 0x40000000;
    return UnlockFileEx(file, 0, 1, 0, &place);
}

/// The size in bytes, or -1.
static inline int64_t shim_win_GetFileSizeEx(HANDLE file) {
    LARGE_INTEGER size;
    return GetFileSizeEx(file, &size) ? size.QuadPart : -1;
}

/// Cuts the file to this size.
static inline bool shim_win_SetEndOfFile(HANDLE file, int64_t size) {
    LARGE_INTEGER position;
    position.QuadPart = size;
    return SetFilePointerEx(file, position, NULL, FILE_BEGIN) && SetEndOfFile(file);
}

static inline DWORD shim_win_GetFileType(HANDLE file) { return GetFileType(file); }
static inline HANDLE shim_win_GetStdHandle(DWORD which) { return GetStdHandle(which); }
static inline DWORD shim_win_std_input(void) { return STD_INPUT_HANDLE; }
static inline DWORD shim_win_std_output(void) { return STD_OUTPUT_HANDLE; }
static inline DWORD shim_win_std_error(void) { return STD_ERROR_HANDLE; }

/// When the file or its name was last changed, in units of 100 ns since 1601; 0 when that cannot be told.
static inline uint64_t shim_win_file_change_time(HANDLE file) {
    FILE_BASIC_INFO information;
    if (!GetFileInformationByHandleEx(file, FileBasicInfo, &information, sizeof information)) return 0;
    return (uint64_t)information.ChangeTime.QuadPart;
}

static inline DWORD shim_win_GetFileAttributes(const WCHAR *path) { return GetFileAttributesW(path); }
static inline bool shim_win_SetFileAttributes(const WCHAR *path, DWORD attributes) {
    return SetFileAttributesW(path, attributes);
}

static inline bool shim_win_GetFileAttributesEx(const WCHAR *path, WIN32_FILE_ATTRIBUTE_DATA *data) {
    return GetFileAttributesExW(path, GetFileExInfoStandard, data);
}

static inline bool shim_win_CreateDirectory(const WCHAR *path, SECURITY_ATTRIBUTES *security) {
    return CreateDirectoryW(path, security);
}

static inline bool shim_win_RemoveDirectory(const WCHAR *path) { return RemoveDirectoryW(path); }
static inline bool shim_win_DeleteFile(const WCHAR *path) { return DeleteFileW(path); }

static inline bool shim_win_MoveFileEx(const WCHAR *path, const WCHAR *target, DWORD flags) {
    return MoveFileExW(path, target, flags);
}

static inline HANDLE shim_win_FindFirstFile(const WCHAR *pattern, WIN32_FIND_DATAW *data) {
    return FindFirstFileExW(pattern, FindExInfoBasic, data, FindExSearchNameMatch, NULL, 0);
}

static inline bool shim_win_FindNextFile(HANDLE search, WIN32_FIND_DATAW *data) { return FindNextFileW(search, data); }
static inline bool shim_win_FindClose(HANDLE search) { return FindClose(search); }

static inline const WCHAR *shim_win_find_name(const WIN32_FIND_DATAW *data) { return data->cFileName; }

static inline DWORD shim_win_GetFullPathName(const WCHAR *path, DWORD count, WCHAR *buffer) {
    return GetFullPathNameW(path, count, buffer, NULL);
}

#endif
#endif
