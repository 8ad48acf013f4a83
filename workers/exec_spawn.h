/* exec_spawn.h: starts a command as the leader of a process group of its own. */
#ifndef FF_WORKERS_EXEC_SPAWN_H
#define FF_WORKERS_EXEC_SPAWN_H

#include <sys/resource.h>
#include <sys/types.h>

#include "core/base.h"

struct ff_exec_spawning {
    char *const *argv; /* argv[0]: the path */
    char *const *envp;
    const char *dir;     /* becomes the current directory */
    struct ff_str input; /* what it reads, from a file in memory */
    int warden_fd;       /* the warden's; -1: none */
    struct rlimit files; /* RLIMIT_NOFILE that it gets */
};

/* All descriptors are close-on-exec; out, err and said do not block. */
struct ff_exec_spawned {
    pid_t pid;
    int pid_fd; /* readable when it has ended */
    int out, err;
    int said; /* an errno, if it could not become the command */
};

/* The command has default signals, descriptors 0 to 2 only, and dies with the calling thread.
 * Returns 0, or an errno; nothing is left then. */
FF_MUST_USE int ff_exec_spawn(const struct ff_exec_spawning *spawn, struct ff_exec_spawned *out);
/* 0: it did become the command. Known for certain once it has ended. */
int ff_exec_spawned_error(const struct ff_exec_spawned *spawned);
void ff_exec_spawned_close(struct ff_exec_spawned *spawned);

#endif
