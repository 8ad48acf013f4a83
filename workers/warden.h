/* warden.h: a process that outlives its parent just long enough to kill what that has started.
 *
 * A command dies with its worker host by PR_SET_PDEATHSIG; what the command has started in turn
 * does not. The warden knows the process groups, and kills them when its pipe reaches its end,
 * which is when the host is gone, however that came. What leaves its group (setsid) escapes, too.
 */
#ifndef FF_WORKERS_WARDEN_H
#define FF_WORKERS_WARDEN_H

#include <sys/types.h>

#include "core/base.h"

struct ff_warden {
    pid_t pid; /* 0: none */
    int fd;    /* the pipe's writing end; close-on-exec */
};

/* Forks: before the process has any threads. False: no pipe or process, see errno. */
FF_MUST_USE bool ff_warden_start(struct ff_warden *warden);
/* group: to be killed from now on. Async-signal-safe: a command says it itself, before it is one.
 * False: the warden is gone. */
FF_MUST_USE bool ff_warden_watch(int fd, pid_t group);
/* Before the group's leader is reaped: its number may be used again then. */
void ff_warden_forget(int fd, pid_t group);
/* Ends it, and waits for it. */
void ff_warden_stop(struct ff_warden *warden);

#endif
