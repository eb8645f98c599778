// What a thread waits on: completion ports, events, pipes; and threads and locks themselves.
#ifndef WINDOWS_LOOP_H
#define WINDOWS_LOOP_H

#if defined(_WIN32)
#include "windows_base.h"

// MARK: - Completion ports

/// A new port for one thread.
static inline HANDLE shim_win_CreateIoCompletionPort(void) {
    return CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
}

/// Has the completions of `file` come to `port`, with `key`.
static inline bool shim_win_CreateIoCompletionPort_add(HANDLE port, HANDLE file, ULONG_PTR key) {
    return CreateIoCompletionPort(file, port, key, 0) != NULL;
}

static inline bool shim_win_GetQueuedCompletionStatusEx(
    HANDLE port, OVERLAPPED_ENTRY *entries, ULONG count, ULONG *removed, DWORD milliseconds) {
    return GetQueuedCompletionStatusEx(port, entries, count, removed, milliseconds, FALSE);
}

static inline bool shim_win_PostQueuedCompletionStatus(HANDLE port, DWORD bytes, ULONG_PTR key, OVERLAPPED *overlapped) {
    return PostQueuedCompletionStatus(port, bytes, key, overlapped);
}

/// The operation's own result, which is an NTSTATUS.
static inline int32_t shim_win_overlapped_status(const OVERLAPPED *overlapped) { return (int32_t)overlapped->Internal; }

static inline bool shim_win_GetOverlappedResult(HANDLE file, OVERLAPPED *overlapped, DWORD *count, bool wait) {
    return GetOverlappedResult(file, overlapped, count, wait);
}

static inline bool shim_win_CancelIoEx(HANDLE file, OVERLAPPED *overlapped) { return CancelIoEx(file, overlapped); }

/// Where a wait is to be reported to.
struct shim_win_wait {
    HANDLE port;
    ULONG_PTR key;
    OVERLAPPED *overlapped;
    HANDLE registration;
};

/// Posts to the port, once, when `object` is signalled. `wait` has to stay until it was unregistered.
bool shim_win_RegisterWaitForSingleObject(struct shim_win_wait *wait, HANDLE object);

/// Returns when no callback runs any more.
static inline bool shim_win_UnregisterWaitEx(struct shim_win_wait *wait) {
    return UnregisterWaitEx(wait->registration, INVALID_HANDLE_VALUE);
}

// MARK: - Objects to wait for

static inline HANDLE shim_win_CreateEvent(SECURITY_ATTRIBUTES *security, bool manual, bool initial, const WCHAR *name) {
    return CreateEventW(security, manual, initial, name);
}

static inline bool shim_win_SetEvent(HANDLE event) { return SetEvent(event); }
static inline bool shim_win_ResetEvent(HANDLE event) { return ResetEvent(event); }

static inline DWORD shim_win_WaitForSingleObject(HANDLE object, DWORD milliseconds) {
    return WaitForSingleObject(object, milliseconds);
}

static inline DWORD shim_win_WaitForMultipleObjects(DWORD count, const HANDLE *objects, DWORD milliseconds) {
    return WaitForMultipleObjects(count, objects, FALSE, milliseconds);
}

// MARK: - Pipes

static inline HANDLE shim_win_CreateNamedPipe(
    const WCHAR *name, DWORD mode, DWORD type, DWORD instances, DWORD out_size, DWORD in_size,
    SECURITY_ATTRIBUTES *security) {
    return CreateNamedPipeW(name, mode, type, instances, out_size, in_size, 0, security);
}

static inline bool shim_win_ConnectNamedPipe(HANDLE pipe, OVERLAPPED *overlapped) {
    return ConnectNamedPipe(pipe, overlapped);
}

// MARK: - Threads and locks

/// Starts a thread that calls `body` with `context`, with this much stack. Whether it was started.
bool shim_win_CreateThread(void (*body)(void *), void *context, SIZE_T stack);

static inline DWORD shim_win_GetCurrentThreadId(void) { return GetCurrentThreadId(); }

static inline void shim_win_InitializeSRWLock(SRWLOCK *lock) { InitializeSRWLock(lock); }
static inline void shim_win_AcquireSRWLockExclusive(SRWLOCK *lock) { AcquireSRWLockExclusive(lock); }
static inline void shim_win_ReleaseSRWLockExclusive(SRWLOCK *lock) { ReleaseSRWLockExclusive(lock); }

static inline HANDLE shim_win_CreateSemaphore(LONG initial, LONG most) {
    return CreateSemaphoreW(NULL, initial, most, NULL);
}

static inline bool shim_win_ReleaseSemaphore(HANDLE semaphore) { return ReleaseSemaphore(semaphore, 1, NULL); }

#endif
#endif
