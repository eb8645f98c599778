// The system's headers, and what in them Swift does not see: variadic functions and macros.
#ifndef LINUX_LIBC_H
#define LINUX_LIBC_H

#if defined(__linux__)

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline int shim_errno(void) { return errno; }

static inline int shim_open(const char *path, int flags, mode_t mode) { return open(path, flags | O_CLOEXEC, mode); }
static inline int shim_fcntl(int fd, int command, long argument) { return fcntl(fd, command, argument); }
static inline int shim_prctl(int option, unsigned long value) { return prctl(option, value, 0, 0, 0); }

static inline const char *shim_entry_name(const struct dirent *entry) { return entry->d_name; }
static inline void shim_ignore_signal(int number) { signal(number, SIG_IGN); }
static inline void shim_default_signal(int number) { signal(number, SIG_DFL); }

static inline int shim_is_directory(mode_t mode) { return S_ISDIR(mode); }
static inline int shim_is_regular(mode_t mode) { return S_ISREG(mode); }
static inline int shim_is_socket(mode_t mode) { return S_ISSOCK(mode); }
static inline int shim_exited(int status) { return WIFEXITED(status); }
static inline int shim_exit_code(int status) { return WEXITSTATUS(status); }
static inline int shim_term_signal(int status) { return WIFSIGNALED(status) ? WTERMSIG(status) : 0; }

/// Raises the limit of open files to what the system allows this process, at most `count`.
static inline void shim_raise_open_files(rlim_t count) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= count) return;
    limit.rlim_cur = limit.rlim_max < count ? limit.rlim_max : count;
    setrlimit(RLIMIT_NOFILE, &limit);
}

#endif
#endif
