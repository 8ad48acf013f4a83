/* restart.h: whether and when a child that has ended is started again.
 *
 * Pure: the caller has the clock, the dice and the child. A child that had been ready for a while
 * comes back at once; one that ends sooner waits, twice as long each time; one that ended too often
 * in a while is given up, and the rest goes on without it.
 */
#ifndef FF_SUPERVISOR_RESTART_H
#define FF_SUPERVISOR_RESTART_H

#include "core/base.h"

enum ff_restart_policy {
    FF_RESTART_PERMANENT, /* always */
    FF_RESTART_TRANSIENT, /* unless it exited with 0 */
    FF_RESTART_TEMPORARY  /* never */
};

/* Restarts that intensity can be told to count: the setting restart_max. */
#define FF_RESTARTS_MAX 100
/* First wait, and the longest, in milliseconds; each is drawn from three quarters to five quarters
 * of it, so that children that fell together do not come back together. */
#define FF_BACKOFF_FIRST_MS 50
#define FF_BACKOFF_MAX_MS 2000
/* Ready for so long: its next start is not a repetition of the last. */
#define FF_HEALTHY_MS 1000

struct ff_restart_limits {
    uint32_t max; /* restarts within the window; at most FF_RESTARTS_MAX */
    uint64_t window_ms;
};

/* What is remembered of a child; zeroed at first, and when an operator starts it. */
struct ff_restarts {
    int64_t at_ms[FF_RESTARTS_MAX]; /* a ring */
    uint32_t n;                     /* ends in all */
    uint32_t streak;                /* of them in a row without having been healthy */
};

struct ff_child_end {
    int64_t now_ms; /* monotonic */
    bool exited;    /* else a signal ended it */
    int status;     /* its exit status, or the signal */
    bool healthy;   /* it had been ready for FF_HEALTHY_MS */
};

enum ff_restart_what {
    FF_RESTART_AGAIN, /* after delay_ms */
    FF_RESTART_REST,  /* its end was in order; it stays stopped */
    FF_RESTART_FAILED /* too often, or it said that trying again is of no use (exit 100) */
};

struct ff_restart_verdict {
    enum ff_restart_what what;
    uint64_t delay_ms;
};

/* dice: any 32 random bits. */
struct ff_restart_verdict ff_restart_judge(struct ff_restarts *restarts,
                                           enum ff_restart_policy policy,
                                           const struct ff_restart_limits *limits,
                                           const struct ff_child_end *end, uint32_t dice);

#endif
