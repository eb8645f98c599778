#if defined(__linux__)
#define _GNU_SOURCE
#include "linux_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Until its execve the child borrows this process' memory, while the thread that made it waits (vfork(2)): no page is
// copied, and the child tells what went wrong by writing it down. In return it makes system calls only, and has no
// signal handler run: it is made with all signals blocked and unblocks them when all are at their defaults. Descriptors,
// identity, directory, limits and signal handling are the child's own.

enum { EXTRA = 3, FIRST_TO_CLOSE = 4 };

static void close_from(unsigned first) {
    if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
    struct rlimit limit = {.rlim_cur = 65536};
    getrlimit(RLIMIT_NOFILE, &limit);
    for (unsigned fd = first; fd < limit.rlim_cur && fd < 1u << 20; fd++) close((int)fd);
}

// All sources are first moved above the targets, so that no target is overwritten before it was read.
static int take_descriptors(const struct shim_child *child) {
    int source[FIRST_TO_CLOSE] = {child->input, child->output, child->error, child->extra};
    for (int i = 0; i < FIRST_TO_CLOSE; i++) {
        if (source[i] < 0) continue;
        source[i] = fcntl(source[i], F_DUPFD_CLOEXEC, FIRST_TO_CLOSE);
        if (source[i] < 0) return -1;
    }
    for (int i = 0; i <= EXTRA; i++) {
        if (source[i] < 0) close(i);
        else if (dup2(source[i], i) < 0) return -1;
    }
    close_from(FIRST_TO_CLOSE);
    return 0;
}

static void reset_signals(void) {
    for (int number = 1; number < SIGRTMIN; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void limit_descriptors(long soft) {
    struct rlimit limit;
    if (soft < 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = (rlim_t)soft;
    setrlimit(RLIMIT_NOFILE, &limit);
}

// The kernel's own calls: the C library's would have every thread of the process change with this one. Where there are
// two generations of them, the first has 16-bit ids.
#if defined(SYS_setresuid32)
enum { SET_GROUPS = SYS_setgroups32, SET_GIDS = SYS_setresgid32, SET_UIDS = SYS_setresuid32 };
#else
enum { SET_GROUPS = SYS_setgroups, SET_GIDS = SYS_setresgid, SET_UIDS = SYS_setresuid };
#endif

// Groups first: after the uid they could not be set any more. The ids are looked at again, so that no half of it holds.
static int become_user(const struct shim_child *child) {
    if (!child->change_user) return 0;
    if (syscall(SET_GROUPS, child->group_count, child->groups) != 0) return -1;
    if (syscall(SET_GIDS, child->group, child->group, child->group) != 0) return -1;
    if (syscall(SET_UIDS, child->user, child->user, child->user) != 0) return -1;
    if (getuid() == child->user && geteuid() == child->user && getgid() == child->group) return 0;
    errno = EPERM;
    return -1;
}

static int enter_directory(const struct shim_child *child) {
    if (child->directory == NULL || chdir(child->directory) == 0) return 0;
    return child->fallback == NULL ? -1 : chdir(child->fallback);
}

// Returns only when the way ended before the program, with where that was and errno.
static int become_program(const struct shim_child *child) {
    if (child->new_session) setsid();
    else setpgid(0, 0);
    reset_signals();
    if (take_descriptors(child) != 0) return SHIM_CHILD_DESCRIPTORS;
    limit_descriptors(child->descriptor_limit);
    if (become_user(child) != 0) return SHIM_CHILD_USER;
    umask(022);
    if (enter_directory(child) != 0) return SHIM_CHILD_DIRECTORY;
    execve(child->path, child->arguments, child->environment);
    return SHIM_CHILD_EXEC;
}

pid_t shim_spawn(const struct shim_child *child, struct shim_child_failure *failure) {
    volatile int stage = SHIM_CHILD_STARTED, error = 0;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = vfork();
    if (pid == 0) {
        stage = become_program(child);
        error = errno;
        _exit(127);
    }
    if (pid < 0) {
        stage = SHIM_CHILD_FORK;
        error = errno;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    failure->stage = stage;
    failure->error = error;
    if (stage == SHIM_CHILD_STARTED) return pid;
    if (pid > 0) while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
    return -1;
}

pid_t shim_fork(void) { return fork(); }

char **shim_environment(void) { return environ; }

#endif
