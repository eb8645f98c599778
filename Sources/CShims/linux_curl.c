#if defined(__linux__)
#include "linux_curl.h"

#include <dlfcn.h>
#include <stddef.h>

// The macros of these names add checks only.
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

static CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
static CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
static CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
static struct shim_curl functions;

#if defined(TAT_STATIC_LIBRARIES)

int shim_curl_is_static(void) { return 1; }

const struct shim_curl *shim_curl_load(const char **error) {
    *error = NULL;
    easy_setopt = curl_easy_setopt;
    easy_getinfo = curl_easy_getinfo;
    multi_setopt = curl_multi_setopt;
#define X(result, name, parameters) functions.name = (result(*) parameters)curl_##name;
    SHIM_CURL_FUNCTIONS(X)
#undef X
    return &functions;
}

#else

int shim_curl_is_static(void) { return 0; }

const struct shim_curl *shim_curl_load(const char **error) {
    void *library = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_LOCAL);
    if (!library) goto failed;
    if (!(easy_setopt = (CURLcode(*)(CURL *, CURLoption, ...))dlsym(library, "curl_easy_setopt"))) goto failed;
    if (!(easy_getinfo = (CURLcode(*)(CURL *, CURLINFO, ...))dlsym(library, "curl_easy_getinfo"))) goto failed;
    if (!(multi_setopt = (CURLMcode(*)(CURLM *, CURLMoption, ...))dlsym(library, "curl_multi_setopt"))) goto failed;
#define X(result, name, parameters) \
    if (!(functions.name = (result(*) parameters)dlsym(library, "curl_" #name))) goto failed;
    SHIM_CURL_FUNCTIONS(X)
#undef X
    return &functions;
failed:
    *error = dlerror();
    return NULL;
}

#endif

CURLcode shim_curl_set_long(void *easy, CURLoption option, long value) { return easy_setopt(easy, option, value); }

CURLcode shim_curl_set_offset(void *easy, CURLoption option, curl_off_t value) {
    return easy_setopt(easy, option, value);
}

CURLcode shim_curl_set_pointer(void *easy, CURLoption option, const void *value) {
    return easy_setopt(easy, option, value);
}

CURLcode shim_curl_set_write(void *easy, curl_write_callback function) {
    return easy_setopt(easy, CURLOPT_WRITEFUNCTION, function);
}

CURLcode shim_curl_set_read(void *easy, curl_read_callback function) {
    return easy_setopt(easy, CURLOPT_READFUNCTION, function);
}

CURLcode shim_curl_set_seek(void *easy, curl_seek_callback function) {
    return easy_setopt(easy, CURLOPT_SEEKFUNCTION, function);
}

CURLcode shim_curl_set_sockopt(void *easy, curl_sockopt_callback function) {
    return easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, function);
}

CURLcode shim_curl_set_closesocket(void *easy, curl_closesocket_callback function) {
    return easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, function);
}

CURLcode shim_curl_get_long(void *easy, CURLINFO info, long *value) { return easy_getinfo(easy, info, value); }

CURLcode shim_curl_get_socket(void *easy, CURLINFO info, curl_socket_t *value) {
    return easy_getinfo(easy, info, value);
}

CURLMcode shim_curl_multi_set_long(void *multi, CURLMoption option, long value) {
    return multi_setopt(multi, option, value);
}

CURLMcode shim_curl_multi_set_socket(void *multi, curl_socket_callback function, void *context) {
    CURLMcode code = multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
    return code ? code : multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, function);
}

CURLMcode shim_curl_multi_set_timer(void *multi, curl_multi_timer_callback function, void *context) {
    CURLMcode code = multi_setopt(multi, CURLMOPT_TIMERDATA, context);
    return code ? code : multi_setopt(multi, CURLMOPT_TIMERFUNCTION, function);
}

#endif
