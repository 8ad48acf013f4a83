/* suspend.h: waiting for signals with libflowfabric (03).
 *
 * A worker that must wait gives its lease up, ends, and is started again with the signals that it
 * waited for; nothing of it runs meanwhile.
 *
 *   const struct ff_awaited approval = { .key = "approval", .name = "approved" };
 *   const struct ff_awaiting awaiting = { .v = &approval, .n = 1 };
 *   const struct ff_suspending with = { .handle = claim->handle, .reason = FF_SUSPEND_APPROVAL,
 *                                       .timeout_ms = 86400000, .on_timeout = FF_ONTIME_CANCEL };
 *
 *   err = ff_suspend_on(client, &with, &awaiting, &result, &answer);
 *
 * A signal may have come before: then the outcome is `already_satisfied`, the lease is still held,
 * and observe_signals has the signals at once.
 */
#ifndef FF_WORKERS_SUSPEND_H
#define FF_WORKERS_SUSPEND_H

#include "workers/flowfabric.h"

/* Waitpoints of one suspension. */
#define FF_SUSPEND_MAX 128

/* A waitpoint of its own, and the signal that is wanted there. */
struct ff_awaited {
    const char *key;  /* its name, for people and lists; all different */
    const char *name; /* of the signal; NULL: any */
};

/* What is waited for. */
struct ff_awaiting {
    const struct ff_awaited *v;
    uint32_t n;      /* 1..128 */
    uint32_t wanted; /* so many distinct ones of them are enough; 0: all. If it is fewer than all,
                        their names must be the same */
};

struct ff_suspending {
    struct ff_handle handle; /* of the claim */
    enum ff_suspend_reason reason;
    uint64_t timeout_ms; /* from now, by this machine's clock; 0: that of the policy, else none */
    enum ff_timeout_behavior on_timeout;
    const char *idempotency_key; /* NULL: none. The same call again gets the first answer */
    const char *pointer;         /* given back by observe_signals; NULL: none */
};

/* Suspends. result->details has the waitpoints in the order of awaiting->v, with their tokens,
 * which are what the senders of the signals need; keep them out of logs. Beside the errors of
 * suspend: FF_E_INVALID_INPUT {field: "awaiting", reason}. */
ff_err ff_suspend_on(struct ff_client *client, const struct ff_suspending *with,
                     const struct ff_awaiting *awaiting, struct ff_suspend_result *result,
                     struct ff_answer *answer);
/* Only the arguments for it, but for the handle: to be sent in another way. NULL, or why it cannot
 * be said (the reason above). What they point to lives in the arena. */
const char *ff_suspend_fill(const struct ff_suspending *with, const struct ff_awaiting *awaiting,
                            struct ff_suspend_args *out, struct ff_arena *arena);
/* The waitpoint of awaiting->v[at] in such a result. */
struct ff_waitpoint_ref ff_suspend_waitpoint(const struct ff_suspend_result *result, uint32_t at);

/* The signal bridge (08 §6.4), for a service that hands signals on to a daemon it is an operator
 * of: the presented token is compared with the waitpoint's before anything is delivered.
 * FF_E_UNKNOWN_WAITPOINT: no open waitpoint of the execution. FF_E_TOKEN_MISMATCH. */
ff_err ff_signal_bridge(struct ff_client *client, const struct ff_deliver_signal_args *args,
                        struct ff_deliver_signal_result *result, struct ff_answer *answer);

#endif
