#if defined(_WIN32)
#include "windows_service.h"

static const struct shim_win_service *the_service;
static SERVICE_STATUS_HANDLE the_status;
static const WCHAR *the_name;
static void (*console_handler)(DWORD);

static DWORD WINAPI service_control(DWORD control, DWORD event, LPVOID data, LPVOID context) {
    (void)event;
    (void)data;
    (void)context;
    switch (control) {
    case SERVICE_CONTROL_INTERROGATE: return NO_ERROR;
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_SHUTDOWN:
    case SERVICE_CONTROL_PRESHUTDOWN: the_service->control(control); return NO_ERROR;
    default: return ERROR_CALL_NOT_IMPLEMENTED;
    }
}

static void WINAPI service_main(DWORD count, LPWSTR *arguments) {
    (void)count;
    (void)arguments;
    the_status = RegisterServiceCtrlHandlerExW(the_name, service_control, NULL);
    if (the_status) the_service->body();
}

bool shim_win_StartServiceCtrlDispatcher(const WCHAR *name, const struct shim_win_service *service) {
    SERVICE_TABLE_ENTRYW table[] = {{(LPWSTR)name, service_main}, {NULL, NULL}};
    the_name = name;
    the_service = service;
    return StartServiceCtrlDispatcherW(table);
}

bool shim_win_SetServiceStatus(
    DWORD state, DWORD accepted, DWORD exit_code, DWORD specific_code, DWORD checkpoint, DWORD hint) {
    SERVICE_STATUS status = {
        .dwServiceType = SERVICE_WIN32_OWN_PROCESS,
        .dwCurrentState = state,
        .dwControlsAccepted = accepted,
        .dwWin32ExitCode = exit_code,
        .dwServiceSpecificExitCode = specific_code,
        .dwCheckPoint = checkpoint,
        .dwWaitHint = hint,
    };
    return SetServiceStatus(the_status, &status);
}

static BOOL WINAPI console_event(DWORD event) {
    console_handler(event);
    return TRUE;
}

bool shim_win_SetConsoleCtrlHandler(void (*handler)(DWORD)) {
    console_handler = handler;
    return SetConsoleCtrlHandler(console_event, TRUE);
}

#endif
