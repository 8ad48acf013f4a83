#include "workers/exec_exit.h"

#include <signal.h>
#include <stdio.h>
#include <sysexits.h>

static bool
is_permanent(int status)
{
    switch (status) {
    case EX_USAGE:
    case EX_DATAERR:
    case EX_NOINPUT:
    case EX_NOUSER:
    case EX_NOHOST:
    case EX_SOFTWARE:
    case EX_OSFILE:
    case EX_CANTCREAT:
    case EX_PROTOCOL:
    case EX_NOPERM:
    case EX_CONFIG:
    case 100: /* the habit of qmail and daemontools */
        return true;
    default:
        return false;
    }
}

static void
judge_signal(int signal, struct ff_exec_verdict *out)
{
    const char *name = sigabbrev_np(signal);

    out->class = FF_FAILURE_INFRA_CRASH;
    out->category = "handler_panic";
    snprintf(out->message, sizeof(out->message), "handler panicked: killed by signal %d (SIG%s)",
             signal, name == NULL ? "?" : name);
}

void
ff_exec_judge(struct ff_exec_end end, const char *last_line, struct ff_exec_verdict *out)
{
    size_t n = 0;

    *out = (struct ff_exec_verdict){ .ok = !end.signalled && end.status == 0 };
    if (out->ok) {
        return;
    }
    if (end.signalled) {
        judge_signal(end.status, out);
    } else {
        out->class = is_permanent(end.status) ? FF_FAILURE_PERMANENT : FF_FAILURE_TRANSIENT;
        out->category = "handler_error";
        snprintf(out->message, sizeof(out->message), "exit status %d", end.status);
    }
    n = strlen(out->message);
    if (last_line[0] != '\0') {
        snprintf(out->message + n, sizeof(out->message) - n, ": %s", last_line);
    }
}
