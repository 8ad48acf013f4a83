/* exec_exit.h: what the end of a command means for its execution. Pure.
 *
 *   exit 0                                    completed, stdout is the result
 *   64–68, 70, 72, 73, 76–78 (sysexits), 100  failed, permanent: the same input fails again
 *   any other status (69, 71, 74, 75, 1, …)   failed, transient: the retry policy decides
 *   killed by a signal                        failed, infra_crash
 *
 * Categories (01 §5.2): handler_error of a status, handler_panic of a signal.
 */
#ifndef FF_WORKERS_EXEC_EXIT_H
#define FF_WORKERS_EXEC_EXIT_H

#include "core/types.h"

struct ff_exec_verdict {
    bool ok;
    enum ff_failure_class class;
    const char *category; /* static */
    char message[512];
};

/* How a command ended, as waitid tells it. */
struct ff_exec_end {
    bool signalled; /* else it exited */
    int status;     /* exit status, or the signal */
};

/* last_line: of its standard error, "" if it said nothing; goes into the message. */
void ff_exec_judge(struct ff_exec_end end, const char *last_line, struct ff_exec_verdict *out);

#endif
