/* purge.h: taking an ended execution, or a flow whose members are gone, away for good, with all
 * that belongs to it (07 §4, 04 §7.7).
 *
 * What has more records than a step removes stays for a while, hidden: from the first step on no
 * operation finds it (ff_txn_find), it stands in FF_IX_PURGING, and its id is not free. Whoever
 * trims next goes on with it, after a crash too.
 */
#ifndef FF_CORE_ENGINE_PURGE_H
#define FF_CORE_ENGINE_PURGE_H

#include "core/engine/txn.h"

/* Records that one step removes. */
#define FF_PURGE_STEP 1000

/* Removes the execution and what is found through it, or the next part of that; *n: how many
 * records. Kept: its flow's member entry and edges, budget usage, events, its idempotency key.
 * FF_E_PENDING. */
FF_MUST_USE ff_err ff_purge_exec(struct ff_txn *txn, const struct ff_exec *exec, uint32_t *n);
/* Removes the flow with members, edges, groups and summary, or the next part; of one that is being
 * submitted also its executions, which have never run. FF_E_PENDING. */
FF_MUST_USE ff_err ff_purge_flow(struct ff_txn *txn, const struct ff_flow *flow);

/* The next part of what an earlier step has begun; *any: there was something. FF_E_PENDING. */
FF_MUST_USE ff_err ff_purge_rest(struct ff_txn *txn, bool *any);
/* Before something is made under this key: FF_E_RETRY_EXHAUSTED {reason} where what had it before
 * is still being taken away (07 §4), or a flow is being submitted in steps. kind: FF_R_EXEC,
 * FF_R_FLOW. FF_E_PENDING. */
FF_MUST_USE ff_err ff_purge_over(struct ff_txn *txn, enum ff_record kind, const struct ff_key *key);

#endif
