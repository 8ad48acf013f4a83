/* finish.h: how an attempt's failure goes on: with a retry, or with the end (02 §6.2, §6.11). */
#ifndef FF_CORE_ENGINE_FINISH_H
#define FF_CORE_ENGINE_FINISH_H

#include "core/engine/lease.h"
#include "core/retry.h"

/* That of the execution's policy; NULL: none. */
FF_MUST_USE ff_err ff_stored_retry_policy(struct ff_txn *txn, const struct ff_exec *exec,
                                          const struct ff_retry_policy **out);

struct ff_failing {
    struct ff_str reason, category; /* category: never empty */
    struct ff_str detail;
    struct ff_str next_attempt_policy_json;
};

/* Leaves the lease and waits for the next attempt. The present one has been finished.
 * note: revoked_by or expired_by of the lease's end event; the rest is filled here. */
FF_MUST_USE ff_err ff_retry_schedule(struct ff_txn *txn, struct ff_exec *exec,
                                     const struct ff_failing *failing, const struct ff_retry *retry,
                                     struct ff_release_note *note);

#endif
