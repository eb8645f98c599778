// libcurl, loaded when it is first needed: to be linked with it costs a process 9 ms and 1.2 MB at its start, and most
// of ours never need it.
#ifndef LINUX_CURL_H
#define LINUX_CURL_H

#if defined(__linux__)

// Swift would warn of the options that newer versions replace; the older ones work in all versions.
#define CURL_DISABLE_DEPRECATION
#include <curl/curl.h>

// Result, name without `curl_`, parameters.
#define SHIM_CURL_FUNCTIONS(X) \
    X(CURLcode, global_init, (long flags)) \
    X(char *, version, (void)) \
    X(void *, easy_init, (void)) \
    X(void, easy_cleanup, (void *easy)) \
    X(const char *, easy_strerror, (CURLcode code)) \
    X(CURLcode, easy_send, (void *easy, const void *bytes, size_t count, size_t *sent)) \
    X(CURLcode, easy_recv, (void *easy, void *bytes, size_t count, size_t *received)) \
    X(struct curl_slist *, slist_append, (struct curl_slist *list, const char *text)) \
    X(void, slist_free_all, (struct curl_slist *list)) \
    X(void *, multi_init, (void)) \
    X(CURLMcode, multi_cleanup, (void *multi)) \
    X(CURLMcode, multi_add_handle, (void *multi, void *easy)) \
    X(CURLMcode, multi_remove_handle, (void *multi, void *easy)) \
    X(CURLMcode, multi_socket_action, (void *multi, curl_socket_t socket, int events, int *running)) \
    X(CURLMsg *, multi_info_read, (void *multi, int *left)) \
    X(CURLU *, url, (void)) \
    X(void, url_cleanup, (CURLU *url)) \
    X(CURLUcode, url_set, (CURLU *url, CURLUPart part, const char *text, unsigned int flags)) \
    X(CURLUcode, url_get, (const CURLU *url, CURLUPart part, char **text, unsigned int flags)) \
    X(void, free, (void *memory))

/// The functions of libcurl that are not variadic.
struct shim_curl {
#define X(result, name, parameters) result(*name) parameters;
    SHIM_CURL_FUNCTIONS(X)
#undef X
};

/// Loads libcurl: its functions, or NULL and in `error` why it cannot be loaded. To be called once, before the others.
const struct shim_curl *shim_curl_load(const char **error);

/// Whether libcurl and libcrypto are a part of the executable.
int shim_curl_is_static(void);

// curl_easy_setopt, by the type of the value. `pointer` is for strings, lists and the data of callbacks.
CURLcode shim_curl_set_long(void *easy, CURLoption option, long value);
CURLcode shim_curl_set_offset(void *easy, CURLoption option, curl_off_t value);
CURLcode shim_curl_set_pointer(void *easy, CURLoption option, const void *value);
CURLcode shim_curl_set_write(void *easy, curl_write_callback function);
CURLcode shim_curl_set_read(void *easy, curl_read_callback function);
CURLcode shim_curl_set_seek(void *easy, curl_seek_callback function);
CURLcode shim_curl_set_sockopt(void *easy, curl_sockopt_callback function);
CURLcode shim_curl_set_closesocket(void *easy, curl_closesocket_callback function);

// curl_easy_getinfo, by the type of the value.
CURLcode shim_curl_get_long(void *easy, CURLINFO info, long *value);
CURLcode shim_curl_get_socket(void *easy, CURLINFO info, curl_socket_t *value);

// curl_multi_setopt, by the type of the value.
CURLMcode shim_curl_multi_set_long(void *multi, CURLMoption option, long value);
CURLMcode shim_curl_multi_set_socket(void *multi, curl_socket_callback function, void *context);
CURLMcode shim_curl_multi_set_timer(void *multi, curl_multi_timer_callback function, void *context);

#endif
#endif
