// Calls that the system's headers declare for _GNU_SOURCE only, which Swift's import of them does not define.
#ifndef LINUX_GNU_H
#define LINUX_GNU_H

#if defined(__linux__)

#include <sys/types.h>

/// pipe2(2) with O_CLOEXEC.
int shim_pipe(int ends[2]);

/// In a static executable: names of hosts are looked up in the files of /etc and by DNS only, whatever nsswitch.conf(5)
/// says, for all else is in plug-ins made for another C library. Before the first lookup. 0, or -1 and errno.
int shim_pin_name_services(void);

/// The C library's version, such as "2.41".
const char *shim_libc_version(void);

/// splice(2) of up to `count` bytes at the current offsets, without blocking on the pipe. -1 and errno as there.
ssize_t shim_splice(int from, int to, size_t count);

/// accept4(2) with SOCK_CLOEXEC and SOCK_NONBLOCK.
int shim_accept(int listener);

/// malloc_trim(3): gives free memory of the heap back.
void shim_trim_heap(void);

/// The name of this process in ps(1), 15 bytes at the most (PR_SET_NAME).
int shim_set_name(const char *name);

/// Raises the soft limit of open descriptors to the hard one. What it was, or -1.
long shim_raise_descriptor_limit(void);

/// Sends a message together with a descriptor (sendmsg(2), SCM_RIGHTS), without waiting and without SIGPIPE.
ssize_t shim_send_descriptor(int socket, const void *bytes, size_t count, int descriptor);

/// Receives a message and the descriptor that came with it, close-on-exec; -1 in `descriptor` when none did.
ssize_t shim_receive_descriptor(int socket, void *bytes, size_t capacity, int *descriptor);

#endif
#endif
