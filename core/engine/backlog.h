/* backlog.h: the members of a cancelled flow that are still owed a cancel (04 §8.2, §8.7).
 *
 * A member in the backlog bears a mark (exec.cancel_owed_at) that keeps every claim away. One whose
 * cancel failed, because its record cannot be read, is marked in its member entry instead. The flow
 * counts both (cancel_left); callers write the flow.
 */
#ifndef FF_CORE_ENGINE_BACKLOG_H
#define FF_CORE_ENGINE_BACKLOG_H

#include "core/engine/flow.h"

/* Cancels of the step that flips a flow (04 §8.3); where there are more, and the engine does the
 * rest by itself, it cancels but some of them. */
#define FF_CANCEL_STEP 1000
/* Cancels of every other step: each changes some eight records, and others wait for it. */
#define FF_DRAIN_STEP 64

/* More targets than a step cancels are marked first, up to so many with a call, so that the flip
 * itself is short. The flow's cancellation_policy is the one to come. *ready: none is left to mark.
 */
FF_MUST_USE ff_err ff_backlog_prepare(struct ff_txn *txn, struct ff_flow *flow, bool *ready);
/* The flip (04 §8.2), or a step towards it; *done: it is made. Writes the flow. */
struct ff_flip {
    enum ff_cancel_flow_policy policy;
    struct ff_str reason;
    uint64_t grace_ms;
    uint32_t cancel_now; /* targets that are cancelled in the same step */
};
FF_MUST_USE ff_err ff_flow_flip(struct ff_txn *txn, struct ff_flow *flow,
                                const struct ff_flip *with, bool *done);
/* Members that the policy of the flow covers and that are not in the backlog become its; up to
 * cancel_now of them are cancelled at once, in the order of their ids. */
FF_MUST_USE ff_err ff_backlog_fill(struct ff_txn *txn, struct ff_flow *flow, uint32_t cancel_now);
/* Cancels up to `most` of those in it. */
FF_MUST_USE ff_err ff_backlog_drain(struct ff_txn *txn, struct ff_flow *flow, uint32_t most);
/* Whether any are left but those whose cancel failed. */
FF_MUST_USE ff_err ff_backlog_rest(struct ff_txn *txn, const struct ff_flow *flow, bool *out);
/* The ids of those whose cancel failed, ascending. */
FF_MUST_USE ff_err ff_backlog_failed(struct ff_txn *txn, const struct ff_flow *flow,
                                     struct ff_strs *out);
/* Takes one member out, cancelled or not (04 §8.6). */
FF_MUST_USE ff_err ff_backlog_leave(struct ff_txn *txn, struct ff_flow *flow,
                                    const struct ff_eid *execution_id);
/* What its members are cancelled with. */
struct ff_str ff_backlog_reason(const struct ff_flow *flow);

#endif
