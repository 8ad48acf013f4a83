/* spawn.h: one child process: fork, then exec of this very program with a role.
 *
 * The child has three descriptors of its own beside standard error and output: its end of the
 * control channel, the pipe on which it says that it is ready, and the locks of the directories.
 * Everything else is closed. It leads a process group of its own, so that an interrupt from a
 * terminal reaches the supervisor alone, which then ends its children in order.
 */
#ifndef FF_SUPERVISOR_SPAWN_H
#define FF_SUPERVISOR_SPAWN_H

#include <sys/types.h>

#include "core/base.h"

#define FF_SPAWN_LOCKS_MAX 2

struct ff_spawn {
    const char *role;
    const char *name;     /* NULL: the role takes none */
    const char *instance; /* NULL: it has none */
    const char *config_path;
    const char
        *state_dir; /* fixed for the life of the tree, whatever the configuration says later */
    const char *runtime_dir;
    int lock_fds[FF_SPAWN_LOCKS_MAX];
    uint32_t n_locks;
};

struct ff_spawned {
    pid_t pid;
    int ctl_fd;   /* the supervisor's end; close-on-exec */
    int ready_fd; /* where the newline comes */
};

/* 0, or an errno: no process, or no descriptors to be had. A child whose exec fails exits with
 * 111. */
int ff_spawn(const struct ff_spawn *spawn, struct ff_spawned *out);

#endif
