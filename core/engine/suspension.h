/* suspension.h: waitpoints and episodes of waiting (03): opening, closing, resuming.
 *
 * exec->open_waitpoints counts the waitpoints that are not closed; whoever opens or closes one
 * writes the execution too. An execution has at most one open suspension, exactly while its phase
 * is `suspended`.
 */
#ifndef FF_CORE_ENGINE_SUSPENSION_H
#define FF_CORE_ENGINE_SUSPENSION_H

#include "core/engine/exec.h"
#include "core/records_wait.h"

/* Open waitpoints of one execution (01 §1.8). */
#define FF_OPEN_WAITPOINTS_MAX 1000

/* ---- waitpoints ---- */

FF_MUST_USE ff_err ff_waitpoint_find(struct ff_txn *txn, uint16_t partition,
                                     const struct ff_uuid *waitpoint_id, struct ff_waitpoint *out,
                                     bool *found);
/* Pending, and its time is over: it counts as closed, swept or not (03 §1.2). */
bool ff_waitpoint_has_lapsed(const struct ff_waitpoint *waitpoint, int64_t now_ms);
/* Takes signals: neither closed nor lapsed. */
bool ff_waitpoint_is_open(const struct ff_waitpoint *waitpoint, int64_t now_ms);
/* Closes an open one and writes it; the caller writes the execution. */
FF_MUST_USE ff_err ff_waitpoint_close(struct ff_txn *txn, struct ff_exec *exec,
                                      struct ff_waitpoint *waitpoint, struct ff_str reason);
/* Sees to it that n more may be opened, sweeping lapsed ones if need be.
 * FF_E_INVALID_INPUT too_many_waitpoints {count, max}. */
FF_MUST_USE ff_err ff_waitpoints_make_room(struct ff_txn *txn, struct ff_exec *exec, uint32_t n,
                                           const char *field);

/* ---- episodes ---- */

/* The latest one; *open: it has not ended. */
FF_MUST_USE ff_err ff_suspension_find(struct ff_txn *txn, const struct ff_eid *id,
                                      struct ff_suspension *out, bool *found, bool *open);

/* How an episode ends. */
struct ff_episode_end {
    struct ff_str reason;      /* of the suspension and its waitpoints */
    struct ff_opt_uuid closer; /* the signal that made the condition true */
    struct ff_opt_u32 trigger; /* of resume_execution (enum ff_resume_trigger) */
    uint64_t delay_ms;         /* of a resume */
};
/* Closes the suspension and all its waitpoints and writes them; the caller writes the execution. */
FF_MUST_USE ff_err ff_suspension_close(struct ff_txn *txn, struct ff_exec *exec,
                                       struct ff_suspension *suspension,
                                       const struct ff_episode_end *end);
/* The same, and the execution is runnable again, at once or after the delay (03 §7.2); saved. */
FF_MUST_USE ff_err ff_suspension_resume(struct ff_txn *txn, struct ff_exec *exec,
                                        struct ff_suspension *suspension,
                                        const struct ff_episode_end *end);
/* The attempt ends or is replaced: an open suspension closes with `reason`, waitpoints that are
 * still pending close `never_committed`. The caller writes the execution. */
FF_MUST_USE ff_err ff_suspension_drop(struct ff_txn *txn, struct ff_exec *exec,
                                      struct ff_str reason);

#endif
