/* reclaim.h: how often lost work may be taken over, and what happens then (02 §6.5, §6.6). */
#ifndef FF_CORE_ENGINE_RECLAIM_H
#define FF_CORE_ENGINE_RECLAIM_H

#include "core/engine/exec.h"

/* Active, with a lease that was marked expired or revoked. */
static inline bool
ff_is_reclaimable(const struct ff_exec *exec)
{
    return exec->lifecycle_phase == FF_PHASE_ACTIVE && !exec->cancel_owed_at.is &&
           (exec->ownership_state == FF_OWNER_EXPIRED || exec->ownership_state == FF_OWNER_REVOKED);
}

/* The policy's limit if it has one, else what the call asks for, else the default (01 §5.3). */
static inline uint32_t
ff_reclaim_cap(const struct ff_exec *exec, struct ff_opt_u32 asked)
{
    if (exec->max_reclaim_count.is) {
        return exec->max_reclaim_count.v;
    }
    return asked.is ? asked.v : FF_RECLAIM_COUNT_DEFAULT;
}

/* Ends reclaimable work that may not be taken over again: failed, max_reclaims_exceeded. */
FF_MUST_USE ff_err ff_reclaim_fail_capped(struct ff_txn *txn, struct ff_exec *exec);

/* Marks the lease if it has lapsed unnoticed (02 §6.3). */
FF_MUST_USE ff_err ff_reclaim_mark_lapsed(struct ff_txn *txn, struct ff_exec *exec);

#endif
