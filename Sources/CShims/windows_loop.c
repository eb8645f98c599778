#if defined(_WIN32)
#include "windows_loop.h"

static void CALLBACK wait_ended(PVOID context, BOOLEAN timed_out) {
    struct shim_win_wait *wait = context;
    (void)timed_out;
    PostQueuedCompletionStatus(wait->port, 0, wait->key, wait->overlapped);
}

bool shim_win_RegisterWaitForSingleObject(struct shim_win_wait *wait, HANDLE object) {
    return RegisterWaitForSingleObject(
        &wait->registration, object, wait_ended, wait, INFINITE, WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD);
}

struct start {
    void (*body)(void *);
    void *context;
};

static DWORD WINAPI thread_body(LPVOID parameter) {
    struct start start = *(struct start *)parameter;
    free(parameter);
    start.body(start.context);
    return 0;
}

bool shim_win_CreateThread(void (*body)(void *), void *context, SIZE_T stack) {
    struct start *start = malloc(sizeof *start);
    if (!start) return FALSE;
    start->body = body;
    start->context = context;
    HANDLE thread = CreateThread(NULL, stack, thread_body, start, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    if (!thread) {
        free(start);
        return FALSE;
    }
    CloseHandle(thread);
    return TRUE;
}

#endif
