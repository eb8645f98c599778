// The service control manager, the console's events.
#ifndef WINDOWS_SERVICE_H
#define WINDOWS_SERVICE_H

#if defined(_WIN32)
#include "windows_base.h"

/// What a service is made of. Called on threads of the system's choice.
struct shim_win_service {
    /// The service's own thread; the service has ended when it returns.
    void (*body)(void);
    /// A control (SERVICE_CONTROL_…) has come.
    void (*control)(DWORD control);
};

/// StartServiceCtrlDispatcherW for one service in this process: returns when it has ended.
bool shim_win_StartServiceCtrlDispatcher(const WCHAR *name, const struct shim_win_service *service);

/// SetServiceStatus of that service. `specific_code` counts with ERROR_SERVICE_SPECIFIC_ERROR only, `checkpoint` and
/// `hint` (ms) in the pending states only.
bool shim_win_SetServiceStatus(
    DWORD state, DWORD accepted, DWORD exit_code, DWORD specific_code, DWORD checkpoint, DWORD hint);

/// Has `handler` called, on a thread of the system's, for CTRL_C_EVENT and its like.
bool shim_win_SetConsoleCtrlHandler(void (*handler)(DWORD event));

#endif
#endif
