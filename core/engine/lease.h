/* lease.h: who may act on an execution, and until when (02 §3).
 *
 * Every worker operation passes the gate first. A lease ends by exactly one of: release (the owner
 * gives it up), expiry (time, or the worker is lost), revocation, or the end of the execution.
 */
#ifndef FF_CORE_ENGINE_LEASE_H
#define FF_CORE_ENGINE_LEASE_H

#include "core/engine/exec.h"
#include "core/handle.h"

/* What a handle says (01 §8.2). */
struct ff_held {
    struct ff_eid execution_id;
    struct ff_fence fence; /* whole */
    uint32_t attempt_index;
    uint64_t lease_ttl_ms;
};
/* Checks 1 to 4 of 01 §8.4.
 * FF_E_INVALID_INPUT, FF_E_HANDLE_FROM_OTHER_BACKEND, FF_E_CORRUPTION. */
FF_MUST_USE ff_err ff_held_read(struct ff_txn *txn, const struct ff_handle *handle,
                                struct ff_held *out);

/* The handle of the lease that the execution is under, or was suspended under; in the call's
 * arena. */
struct ff_handle ff_lease_handle(struct ff_txn *txn, const struct ff_exec *exec,
                                 enum ff_handle_kind kind);

/* What the caller of a fenced operation shows, and what the operation admits. */
struct ff_gate {
    const struct ff_fence *fence; /* NULL, or in part, or whole */
    struct ff_opt_u32 attempt_index;
    bool override;           /* source is operator_override and the operation allows it */
    bool keeps_lease;        /* progress: a lapse is answered, not recorded; nothing is replayed */
    bool never_replays;      /* renew: a released lease is not its own doing */
    const char *outcomes[2]; /* recorded effects that answer a repeated call (02 §3.7) */
};

/* Loads the execution and lets the caller through, or not (02 §3.2).
 *
 * *replayed: the very call was answered before; exec->last_release has the answer, and nothing may
 * be written.
 *
 * FF_E_EXECUTION_NOT_FOUND
 * FF_E_PARTIAL_FENCE_TRIPLE {missing}, FF_E_FENCE_REQUIRED
 * FF_E_EXECUTION_NOT_ACTIVE  it ended, was suspended or waits for its next attempt.
 * FF_E_LEASE_REVOKED
 * FF_E_LEASE_EXPIRED         too late; unless keeps_lease the lapse is recorded although the call
 *                            fails.
 * FF_E_STALE_LEASE           it was claimed again; the worker must stop. */
FF_MUST_USE ff_err ff_lease_gate(struct ff_txn *txn, const struct ff_eid *id,
                                 const struct ff_gate *gate, struct ff_exec *exec, bool *replayed);
/* Steps 2 and 3 of it alone: *given says whether a whole fence is there.
 * FF_E_PARTIAL_FENCE_TRIPLE {missing}. */
FF_MUST_USE ff_err ff_fence_check_whole(struct ff_txn *txn, const struct ff_fence *fence,
                                        bool *given);

/* Who takes a lease, and for how long. */
struct ff_holder {
    struct ff_str worker_id, worker_instance_id;
    struct ff_uuid lease_id;
    uint64_t lease_ttl_ms;
    struct ff_opt_uuid request_id;
};
/* A new lease, with the vector of a running attempt; the caller has set the attempt and saves
 * (02 §3.4). */
void ff_lease_acquire(struct ff_txn *txn, struct ff_exec *exec, const struct ff_holder *holder);

/* Moves the end of a held lease to now + ttl. */
void ff_lease_extend(struct ff_txn *txn, struct ff_exec *exec, uint64_t lease_ttl_ms);

/* Marks a held lease as lost, saves, emits `expired` (02 §6.3). reason: lease_ttl or worker_lost.
 */
FF_MUST_USE ff_err ff_lease_mark_expired(struct ff_txn *txn, struct ff_exec *exec,
                                         const char *reason);

/* The owner gives the lease up: last_release, the end event of a lease whose end is not recorded
 * yet, fields cleared. The caller sets the vector and saves. */
struct ff_release_note {
    enum ff_release_op op;
    const char *outcome;
    struct ff_opt_i64 delay_until;
    struct ff_opt_u32 next_attempt_index;
    const char *revoked_by; /* operator, backend or reconciler, with `reason` */
    struct ff_str reason;
    const char *expired_by; /* not NULL: the event is `expired`, and this its reason */
};
FF_MUST_USE ff_err ff_lease_release(struct ff_txn *txn, struct ff_exec *exec,
                                    const struct ff_release_note *note);

#endif
