#if defined(_WIN32)
#include "windows_http.h"

struct shim_win_http shim_win_http;

#define FUNCTION(name)                                                                                                 \
    if (!(*(FARPROC *)&shim_win_http.name = GetProcAddress(module, "WinHttp" #name))) return GetLastError();

uint32_t shim_win_http_load(void) {
    HMODULE module = LoadLibraryExW(L"winhttp.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    if (!module) return GetLastError();
    FUNCTION(Open)
    FUNCTION(CloseHandle)
    FUNCTION(Connect)
    FUNCTION(OpenRequest)
    FUNCTION(SetOption)
    FUNCTION(SetStatusCallback)
    FUNCTION(SetTimeouts)
    FUNCTION(AddRequestHeaders)
    FUNCTION(SendRequest)
    FUNCTION(WriteData)
    FUNCTION(ReceiveResponse)
    FUNCTION(QueryHeaders)
    FUNCTION(ReadData)
    FUNCTION(GetDefaultProxyConfiguration)
    FUNCTION(WebSocketCompleteUpgrade)
    FUNCTION(WebSocketReceive)
    FUNCTION(WebSocketSend)
    FUNCTION(WebSocketShutdown)
    FUNCTION(WebSocketQueryCloseStatus)
    return 0;
}

void CALLBACK shim_win_http_callback(HINTERNET handle, DWORD_PTR context, DWORD status, void *information,
                                     DWORD length) {
    const struct shim_win_http_context *receiver = (const struct shim_win_http_context *)context;
    (void)handle;
    if (receiver) receiver->handler(receiver->object, status, information, length);
}
#endif
