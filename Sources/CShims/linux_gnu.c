#if defined(__linux__)
#define _GNU_SOURCE
#include "linux_gnu.h"

#include <fcntl.h>
#include <gnu/libc-version.h>
#include <malloc.h>
#include <nss.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(TAT_STATIC_LIBRARIES)
int shim_pin_name_services(void) {
    static const char *const files_only[] = {"passwd", "group", "initgroups", "services", "protocols", "networks"};
    for (size_t i = 0; i < sizeof files_only / sizeof *files_only; i++)
        if (__nss_configure_lookup(files_only[i], "files") != 0) return -1;
    return __nss_configure_lookup("hosts", "files dns");
}
#else
int shim_pin_name_services(void) { return 0; }
#endif

const char *shim_libc_version(void) { return gnu_get_libc_version(); }

int shim_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

ssize_t shim_splice(int from, int to, size_t count) {
    return splice(from, NULL, to, NULL, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

int shim_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

void shim_trim_heap(void) { malloc_trim(0); }

int shim_set_name(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }

long shim_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
    long before = (long)limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? before : -1;
}

// Room for one descriptor, aligned as the header before it has to be.
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

ssize_t shim_send_descriptor(int socket, const void *bytes, size_t count, int descriptor) {
    union control control = {0};
    struct iovec part = {(void *)bytes, count};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control,
    };
    control.header.cmsg_len = CMSG_LEN(sizeof descriptor);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t shim_receive_descriptor(int socket, void *bytes, size_t capacity, int *descriptor) {
    union control control = {0};
    struct iovec part = {bytes, capacity};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control,
    };
    *descriptor = -1;
    ssize_t length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = length < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
    return length;
}

#endif
