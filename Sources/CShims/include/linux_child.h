// A new process: what happens between fork(2) and execve(2), where Swift must not run.
#ifndef LINUX_CHILD_H
#define LINUX_CHILD_H

#if defined(__linux__)

#include <sys/types.h>

/// Where the way to the new program ended.
enum shim_child_stage {
    SHIM_CHILD_STARTED = 0,
    SHIM_CHILD_DESCRIPTORS,
    SHIM_CHILD_USER,
    SHIM_CHILD_DIRECTORY,
    SHIM_CHILD_EXEC,
    SHIM_CHILD_FORK,
};

struct shim_child {
    const char *path;
    char *const *arguments;
    char *const *environment;
    /// Become 0, 1 and 2.
    int input, output, error;
    /// Becomes 3, unless it is -1.
    int extra;
    /// A session of its own (setsid) rather than a process group of its own.
    int new_session;
    /// Whether to become this user, with exactly these groups.
    int change_user;
    uid_t user;
    gid_t group;
    const gid_t *groups;
    size_t group_count;
    /// The working directory, entered as the user; if that fails, `fallback`. Either may be NULL.
    const char *directory;
    const char *fallback;
    /// The directory of a cgroup (version 2) to start in, or -1. Where that cannot be, it starts in its parent's.
    int cgroup;
    /// The soft limit of open descriptors, or -1 to leave it.
    long descriptor_limit;
};

struct shim_child_failure {
    int stage;
    int error;
};

/// Starts the program and returns its process id once it runs; -1, and why, when it does not.
pid_t shim_spawn(const struct shim_child *child, struct shim_child_failure *failure);

/// fork(2), for a process that has one thread.
pid_t shim_fork(void);

/// The environment of this process.
char **shim_environment(void);

#endif
#endif
