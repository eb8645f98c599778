// WinHTTP, by functions with the C convention. winhttp.dll is loaded by shim_win_http_load, so that processes which make
// no connections do without it; nothing else here may be called before that has succeeded.
#ifndef WINDOWS_HTTP_H
#define WINDOWS_HTTP_H

#if defined(_WIN32)
#include "windows_base.h"

#include <winhttp.h>

/// Gets what WinHTTP tells of a handle, on a thread of WinHTTP's. `information` is good for the time of the call.
typedef void (*shim_win_http_handler)(void *object, uint32_t status, void *information, uint32_t length);

/// The context of a handle. It has to live until the handler was told WINHTTP_CALLBACK_STATUS_HANDLE_CLOSING.
struct shim_win_http_context {
    shim_win_http_handler handler;
    void *object;
};

/// The functions of winhttp.dll.
struct shim_win_http {
    __typeof__(&WinHttpOpen) Open;
    __typeof__(&WinHttpCloseHandle) CloseHandle;
    __typeof__(&WinHttpConnect) Connect;
    __typeof__(&WinHttpOpenRequest) OpenRequest;
    __typeof__(&WinHttpSetOption) SetOption;
    __typeof__(&WinHttpSetStatusCallback) SetStatusCallback;
    __typeof__(&WinHttpSetTimeouts) SetTimeouts;
    __typeof__(&WinHttpAddRequestHeaders) AddRequestHeaders;
    __typeof__(&WinHttpSendRequest) SendRequest;
    __typeof__(&WinHttpWriteData) WriteData;
    __typeof__(&WinHttpReceiveResponse) ReceiveResponse;
    __typeof__(&WinHttpQueryHeaders) QueryHeaders;
    __typeof__(&WinHttpReadData) ReadData;
    __typeof__(&WinHttpGetDefaultProxyConfiguration) GetDefaultProxyConfiguration;
    __typeof__(&WinHttpWebSocketCompleteUpgrade) WebSocketCompleteUpgrade;
    __typeof__(&WinHttpWebSocketReceive) WebSocketReceive;
    __typeof__(&WinHttpWebSocketSend) WebSocketSend;
    __typeof__(&WinHttpWebSocketShutdown) WebSocketShutdown;
    __typeof__(&WinHttpWebSocketQueryCloseStatus) WebSocketQueryCloseStatus;
};

extern struct shim_win_http shim_win_http;

/// Loads winhttp.dll from the system's folder; 0 or the error's code. To be called once.
uint32_t shim_win_http_load(void);

/// What WinHTTP is given as the callback of a handle with a shim_win_http_context.
void CALLBACK shim_win_http_callback(
    HINTERNET handle, DWORD_PTR context, DWORD status, void *information, DWORD length);

static inline HINTERNET shim_win_WinHttpOpen(uint32_t access) {
    return shim_win_http.Open(NULL, access, WINHTTP_NO_PROXY_NAME, WINHTTP_NO_PROXY_BYPASS, WINHTTP_FLAG_ASYNC);
}

static inline bool shim_win_WinHttpCloseHandle(HINTERNET handle) { return shim_win_http.CloseHandle(handle); }

static inline HINTERNET shim_win_WinHttpConnect(HINTERNET session, const WCHAR *host, WORD port) {
    return shim_win_http.Connect(session, host, port, 0);
}

static inline HINTERNET shim_win_WinHttpOpenRequest(
    HINTERNET connection, const WCHAR *method, const WCHAR *path, uint32_t flags) {
    return shim_win_http.OpenRequest(
        connection, method, path, NULL, WINHTTP_NO_REFERER, WINHTTP_DEFAULT_ACCEPT_TYPES, flags);
}

static inline bool shim_win_WinHttpSetOption_number(HINTERNET handle, uint32_t option, uint32_t value) {
    DWORD number = value;
    return shim_win_http.SetOption(handle, option, &number, sizeof number);
}

/// For options that have no value.
static inline bool shim_win_WinHttpSetOption(HINTERNET handle, uint32_t option) {
    return shim_win_http.SetOption(handle, option, NULL, 0);
}

/// Has the handler of the context called for what `notifications` names.
static inline bool shim_win_WinHttpSetStatusCallback(
    HINTERNET handle, struct shim_win_http_context *context, uint32_t notifications) {
    DWORD_PTR value = (DWORD_PTR)context;
    return shim_win_http.SetOption(handle, WINHTTP_OPTION_CONTEXT_VALUE, &value, sizeof value) &&
           shim_win_http.SetStatusCallback(handle, shim_win_http_callback, notifications, 0) !=
               WINHTTP_INVALID_STATUS_CALLBACK;
}

/// In milliseconds; 0 is for ever.
static inline bool shim_win_WinHttpSetTimeouts(HINTERNET handle, int resolve, int connect, int send, int receive) {
    return shim_win_http.SetTimeouts(handle, resolve, connect, send, receive);
}

static inline bool shim_win_WinHttpAddRequestHeaders(HINTERNET request, const WCHAR *line, uint32_t flags) {
    return shim_win_http.AddRequestHeaders(request, line, (DWORD)-1, flags);
}

static inline bool shim_win_WinHttpSendRequest(
    HINTERNET request, void *body, uint32_t length, uint32_t total, struct shim_win_http_context *context) {
    return shim_win_http.SendRequest(
        request, WINHTTP_NO_ADDITIONAL_HEADERS, 0, body, length, total, (DWORD_PTR)context);
}

static inline bool shim_win_WinHttpWriteData(HINTERNET request, const void *bytes, uint32_t length) {
    return shim_win_http.WriteData(request, bytes, length, NULL);
}

static inline bool shim_win_WinHttpReceiveResponse(HINTERNET request) {
    return shim_win_http.ReceiveResponse(request, NULL);
}

/// A header of the reply: `*size` is the room in bytes, then what is taken.
static inline bool shim_win_WinHttpQueryHeaders(HINTERNET request, uint32_t what, void *buffer, uint32_t *size) {
    return shim_win_http.QueryHeaders(
        request, what, WINHTTP_HEADER_NAME_BY_INDEX, buffer, (DWORD *)size, WINHTTP_NO_HEADER_INDEX);
}

static inline bool shim_win_WinHttpReadData(HINTERNET request, void *buffer, uint32_t size) {
    return shim_win_http.ReadData(request, buffer, size, NULL);
}

/// The way to the network that is set for the machine by `netsh winhttp`; 0 if it cannot be told.
static inline uint32_t shim_win_WinHttpGetDefaultProxyConfiguration(void) {
    WINHTTP_PROXY_INFO information;
    memset(&information, 0, sizeof information);
    if (!shim_win_http.GetDefaultProxyConfiguration(&information)) return 0;
    if (information.lpszProxy) GlobalFree(information.lpszProxy);
    if (information.lpszProxyBypass) GlobalFree(information.lpszProxyBypass);
    return information.dwAccessType;
}

static inline HINTERNET shim_win_WinHttpWebSocketCompleteUpgrade(
    HINTERNET request, struct shim_win_http_context *context) {
    return shim_win_http.WebSocketCompleteUpgrade(request, (DWORD_PTR)context);
}

static inline uint32_t shim_win_WinHttpWebSocketReceive(HINTERNET socket, void *buffer, uint32_t size) {
    return shim_win_http.WebSocketReceive(socket, buffer, size, NULL, NULL);
}

static inline uint32_t shim_win_WinHttpWebSocketSend(
    HINTERNET socket, WINHTTP_WEB_SOCKET_BUFFER_TYPE type, void *bytes, uint32_t length) {
    return shim_win_http.WebSocketSend(socket, type, bytes, length);
}

static inline uint32_t shim_win_WinHttpWebSocketShutdown(HINTERNET socket, USHORT code, void *reason, uint32_t length) {
    return shim_win_http.WebSocketShutdown(socket, code, reason, length);
}

static inline uint32_t shim_win_WinHttpWebSocketQueryCloseStatus(
    HINTERNET socket, USHORT *code, void *reason, uint32_t size, uint32_t *length) {
    return shim_win_http.WebSocketQueryCloseStatus(socket, code, reason, size, (DWORD *)length);
}

#endif
#endif
