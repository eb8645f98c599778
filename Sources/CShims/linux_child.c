#if defined(__linux__)
#define _GNU_SOURCE
#include "linux_child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
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

// All that the child does. A call that does not return: nothing of its parent's frame is the child's to write in.
__attribute__((noinline, noreturn)) static void
run_child(const struct shim_child *child, volatile int *stage, volatile int *error) {
    *stage = become_program(child);
    *error = errno;
    _exit(127);
}

// As vfork(2), with the child in the cgroup from its first moment (clone3(2)): to move it there later would, on a quiet
// machine, wait for all processors (13 ms seen). The system call is made right here, for in a function that returns the
// child would return before its parent and spoil its stack.
static inline __attribute__((always_inline)) long vfork_into(int cgroup) {
    unsigned long long arguments[11] = {
        [0] = CLONE_VM | CLONE_VFORK | 0x200000000ULL /* CLONE_INTO_CGROUP */, [4] = SIGCHLD, [10] = (unsigned)cgroup,
    };
    long result = -ENOSYS;
#if defined(__x86_64__)
    __asm__ volatile("syscall" : "=a"(result)
                     : "a"(435L), "D"(arguments), "S"(sizeof arguments) : "rcx", "r11", "memory");
#elif defined(__i386__)
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(435), "b"(arguments), "c"(sizeof arguments) : "memory");
#elif defined(__aarch64__)
    register long number __asm__("x8") = 435, first __asm__("x0") = (long)arguments, second __asm__("x1") = sizeof arguments;
    __asm__ volatile("svc 0" : "+r"(first) : "r"(number), "r"(second) : "memory");
    result = first;
#endif
    return result;
}

pid_t shim_spawn(const struct shim_child *child, struct shim_child_failure *failure) {
    volatile int stage = SHIM_CHILD_STARTED, error = 0;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = child->cgroup < 0 ? -1 : (pid_t)vfork_into(child->cgroup);
    if (pid == 0) run_child(child, &stage, &error);
    if (pid < 0) pid = vfork();
    if (pid == 0) run_child(child, &stage, &error);
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
