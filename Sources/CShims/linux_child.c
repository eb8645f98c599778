#if defined(__linux__)
#define _GNU_SOURCE
#include "linux_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Between fork and execve only async-signal-safe calls are made: other threads may have held any lock at the fork.

enum { REPORT = 4, FIRST_TO_CLOSE = 5 };

static void close_from(unsigned first) {
    if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
    struct rlimit limit = {.rlim_cur = 65536};
    getrlimit(RLIMIT_NOFILE, &limit);
    for (unsigned fd = first; fd < limit.rlim_cur && fd < 1u << 20; fd++) close((int)fd);
}

// All sources are first moved above the targets, so that no target is overwritten before it was read.
static int take_descriptors(const struct shim_child *child, int report) {
    int source[5] = {child->input, child->output, child->error, child->extra, report};
    for (int i = 0; i < 5; i++) {
        if (source[i] < 0) continue;
        source[i] = fcntl(source[i], F_DUPFD_CLOEXEC, FIRST_TO_CLOSE);
        if (source[i] < 0) return -1;
    }
    for (int i = 0; i < 5; i++) {
        if (source[i] < 0) close(i);
        else if (dup2(source[i], i) < 0) return -1;
    }
    if (fcntl(REPORT, F_SETFD, FD_CLOEXEC) < 0) return -1;
    close_from(FIRST_TO_CLOSE);
    return 0;
}

static void reset_signals(void) {
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
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

// Groups first: after setuid they could not be set any more. Each id is looked at again, so that no half of it holds.
static int become_user(const struct shim_child *child) {
    if (!child->change_user) return 0;
    if (setgroups(child->group_count, child->groups) != 0) return -1;
    if (setresgid(child->group, child->group, child->group) != 0) return -1;
    if (setresuid(child->user, child->user, child->user) != 0) return -1;
    if (getuid() == child->user && geteuid() == child->user && getgid() == child->group) return 0;
    errno = EPERM;
    return -1;
}

static int enter_directory(const struct shim_child *child) {
    if (child->directory == NULL || chdir(child->directory) == 0) return 0;
    return child->fallback == NULL ? -1 : chdir(child->fallback);
}

static int become_program(const struct shim_child *child, int report) {
    if (child->new_session) setsid();
    else setpgid(0, 0);
    reset_signals();
    if (take_descriptors(child, report) != 0) return SHIM_CHILD_DESCRIPTORS;
    limit_descriptors(child->descriptor_limit);
    if (become_user(child) != 0) return SHIM_CHILD_USER;
    umask(022);
    if (enter_directory(child) != 0) return SHIM_CHILD_DIRECTORY;
    execve(child->path, child->arguments, child->environment);
    return SHIM_CHILD_EXEC;
}

pid_t shim_spawn(const struct shim_child *child, struct shim_child_failure *failure) {
    int report[2];
    *failure = (struct shim_child_failure){SHIM_CHILD_FORK, 0};
    if (pipe2(report, O_CLOEXEC) != 0) {
        failure->error = errno;
        return -1;
    }
    // Signals stay blocked until the child has its own handling of them: this process' handlers must not run there.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        struct shim_child_failure mine = {become_program(child, report[1]), errno};
        // Before the descriptors were taken the pipe is still where it was.
        int to = mine.stage == SHIM_CHILD_DESCRIPTORS ? report[1] : REPORT;
        (void)!write(to, &mine, sizeof mine);
        _exit(127);
    }
    failure->error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    ssize_t length = 0;
    if (pid > 0) {
        do length = read(report[0], failure, sizeof *failure);
        while (length < 0 && errno == EINTR);
    }
    close(report[0]);
    if (pid > 0 && length == 0) {
        failure->stage = SHIM_CHILD_STARTED;
        return pid;
    }
    if (pid > 0) while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
    return -1;
}

pid_t shim_fork(void) { return fork(); }

char **shim_environment(void) { return environ; }

#endif
