/* exec.h: opening, moving and saving the record of an execution; what every operation on one
 * shares.
 *
 * A transition sets the vector through one of the moves below and ends with ff_exec_save, which
 * derives public_state and stamps the times. An illegal vector is refused by the put itself.
 */
#ifndef FF_CORE_ENGINE_EXEC_H
#define FF_CORE_ENGINE_EXEC_H

#include "core/engine/txn.h"

/* As ff_txn_get_exec, for operations that change the record.
 * Beside its errors FF_E_INVARIANT_VIOLATION: what is stored is not legal (01 §4.3). */
FF_MUST_USE ff_err ff_exec_open(struct ff_txn *txn, const struct ff_eid *id, struct ff_exec *out);
/* The same where an unknown execution is an answer, not an error. */
FF_MUST_USE ff_err ff_exec_lookup(struct ff_txn *txn, const struct ff_eid *id, struct ff_exec *out,
                                  bool *found);
/* The operation's own lane_id argument; "" = not stated.
 * FF_E_INVALID_INPUT lane_mismatch {given, stored}. */
FF_MUST_USE ff_err ff_exec_check_lane(struct ff_txn *txn, const struct ff_exec *exec,
                                      struct ff_str lane_id);

enum ff_exec_change { FF_EXEC_SAME, FF_EXEC_MOVED }; /* MOVED: the state vector has changed */
/* Stamps the times, derives public_state, writes; errors are those of ff_txn_put. */
FF_MUST_USE ff_err ff_exec_save(struct ff_txn *txn, struct ff_exec *exec,
                                enum ff_exec_change change);

/* ---- moves (02 §2); the caller saves ---- */

/* Runnable and claimable at once. The place in the queue, attempt_state and lineage stay. */
void ff_exec_make_eligible(struct ff_exec *exec);
void ff_exec_make_delayed(struct ff_exec *exec, enum ff_blocking_reason reason, int64_t until_ms);
void ff_exec_make_blocked(struct ff_exec *exec, enum ff_eligibility_state eligibility,
                          enum ff_blocking_reason reason, struct ff_str detail);
void ff_exec_make_active(struct ff_exec *exec);
/* Waits for signals (03 §4.4), its attempt interrupted; the lease has been released. */
void ff_exec_make_suspended(struct ff_exec *exec, enum ff_blocking_reason reason,
                            struct ff_str detail);
/* Forgets the lease and who held it; epoch, attempt index and attempt id stay. Disarms the timer.
 */
void ff_exec_drop_lease(struct ff_exec *exec);
/* The terminal transition with its common effects, saved, and its completion event (02 §2). The
 * lease's own end event comes before it, from the caller. */
FF_MUST_USE ff_err ff_exec_end(struct ff_txn *txn, struct ff_exec *exec,
                               enum ff_terminal_outcome outcome);
/* The same, as the last thing that the call does: where its edges are few, it resolves them
 * (flow.h), which may change any other execution of the flow. */
FF_MUST_USE ff_err ff_exec_end_last(struct ff_txn *txn, struct ff_exec *exec,
                                    enum ff_terminal_outcome outcome);

/* ---- questions ---- */

/* May be handed out; a member of its flow's cancel backlog may not (04 §8.2). */
static inline bool
ff_exec_is_eligible(const struct ff_exec *exec)
{
    return exec->eligibility_state == FF_ELIGIBLE_NOW && !exec->cancel_owed_at.is;
}

static inline bool
ff_grant_is_live(const struct ff_exec *exec, int64_t now_ms)
{
    return exec->grant != NULL && exec->grant->grant_expires_at > now_ms;
}

/* FF_E_EXECUTION_NOT_ACTIVE with its four details (01 §9.3). */
ff_err ff_fail_not_active(struct ff_txn *txn, const struct ff_exec *exec);

/* ---- attempts ---- */

/* FF_E_CORRUPTION: the execution says there is one, and there is none. */
FF_MUST_USE ff_err ff_attempt_get(struct ff_txn *txn, const struct ff_exec *exec,
                                  uint32_t attempt_index, struct ff_attempt *out);
/* The current attempt waits: its time-out stands still, its stream stays open. suspension_id: of
 * the suspension, or the word for what it waits for else. */
FF_MUST_USE ff_err ff_attempt_suspend(struct ff_txn *txn, const struct ff_exec *exec,
                                      struct ff_str suspension_id);
/* The current attempt ends: lifecycle, ended_at, reason and category (absent: unchanged); its
 * stream is closed, and so are its suspension and its waitpoints (03 §1.2). Nothing happens if it
 * has ended already, or if there is none. The caller saves the execution. */
struct ff_attempt_end {
    enum ff_attempt_lifecycle lifecycle;
    struct ff_str reason, category;
    const char *stream_reason;     /* 06 §1.3 */
    const char *suspension_reason; /* close_reason of an open suspension; NULL: cancelled */
};
FF_MUST_USE ff_err ff_attempt_finish(struct ff_txn *txn, struct ff_exec *exec,
                                     const struct ff_attempt_end *end);
/* Closes the attempt's stream, if it is open (06 §1.3: the first close wins, but `reclaimed`
 * replaces the reason of a lost lease). */
void ff_attempt_close_stream(struct ff_txn *txn, struct ff_attempt *attempt, const char *reason);
bool ff_attempt_has_ended(const struct ff_attempt *attempt);

#endif
