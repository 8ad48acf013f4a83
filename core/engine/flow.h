/* flow.h: the records of flows: looking them up, and what everything that changes them shares.
 *
 * A getter can answer FF_E_PENDING and FF_E_CORRUPTION. An absent record reads as zeros, but for
 * its key.
 */
#ifndef FF_CORE_ENGINE_FLOW_H
#define FF_CORE_ENGINE_FLOW_H

#include "core/engine/exec.h"
#include "core/engine/rely.h"
#include "core/engine/walk.h"

#define FF_FLOW_MEMBERS_MAX 10000
#define FF_FLOW_EDGES_MAX 100000

FF_MUST_USE ff_err ff_flow_find(struct ff_txn *txn, const struct ff_uuid *flow_id,
                                struct ff_flow *out, bool *found);
/* FF_E_FLOW_NOT_FOUND {entity}; FF_E_INVALID_INPUT partition_mismatch where the caller named
 * another partition. */
FF_MUST_USE ff_err ff_flow_get(struct ff_txn *txn, const struct ff_uuid *flow_id,
                               struct ff_flow *out);
/* The same for structural changes: also FF_E_FLOW_ALREADY_TERMINAL (04 §1.1). */
FF_MUST_USE ff_err ff_flow_open(struct ff_txn *txn, const struct ff_uuid *flow_id,
                                struct ff_flow *out);
/* An execution that is `staged` (records.def): where its flow can be seen it is so no longer; else
 * nothing of it may go on, and the commit holds only as long as that is so. FF_E_PENDING. */
FF_MUST_USE ff_err ff_flow_unstage(struct ff_txn *txn, struct ff_exec *exec);
/* A member or edge was added. */
FF_MUST_USE ff_err ff_flow_grown(struct ff_txn *txn, struct ff_flow *flow);
/* Writes a new flow. */
FF_MUST_USE ff_err ff_flow_put_new(struct ff_txn *txn, struct ff_flow *flow);

FF_MUST_USE ff_err ff_member_find(struct ff_txn *txn, const struct ff_uuid *flow_id,
                                  const struct ff_eid *execution_id, struct ff_member *out,
                                  bool *found);
FF_MUST_USE ff_err ff_edge_find(struct ff_txn *txn, const struct ff_uuid *flow_id,
                                const struct ff_uuid *edge_id, struct ff_edge *out, bool *found);
/* By its place in an index (ff_txn_follow). */
FF_MUST_USE static inline ff_err
ff_edge_at(struct ff_txn *txn, const struct ff_place *place, struct ff_edge *out)
{
    return ff_txn_follow(txn, FF_R_EDGE, place, out);
}
FF_MUST_USE ff_err ff_group_find(struct ff_txn *txn, const struct ff_uuid *flow_id,
                                 const struct ff_eid *downstream, struct ff_group *out,
                                 bool *found);
/* Asks for all edges of a flow at once, for a search that follows them (design §2). */
FF_MUST_USE ff_err ff_edges_want_all(struct ff_txn *txn, const struct ff_uuid *flow_id);

/* ---- the end of a member, in the call that ends it (cascade.c) ---- */

/* Whether the call can resolve the outgoing edges itself: they are few, all that they need can be
 * read at once, and it is no walk. Else the execution is to be marked (cascade_owed). */
bool ff_cascade_fits(struct ff_txn *txn, const struct ff_exec *exec);
/* It has been written as ended, without a mark. Where something cannot be resolved it is marked
 * after all: its end does not fail for that. Members that are skipped are left to marks. */
FF_MUST_USE ff_err ff_cascade_now(struct ff_txn *txn, struct ff_exec *exec);

/* ---- members as a whole (flow_state.c) ---- */

/* derive(members) of 04 §6, without looking at guard_state. FF_E_PENDING. */
FF_MUST_USE ff_err ff_flow_derive(struct ff_txn *txn, const struct ff_uuid *flow_id,
                                  enum ff_flow_state *out);
/* What describe_flow shows. */
FF_MUST_USE ff_err ff_flow_public_state(struct ff_txn *txn, const struct ff_flow *flow,
                                        enum ff_flow_state *out);

/* ---- retention (07 §4) ---- */

/* An execution is about to be purged: its member entry keeps how it ended (04 §1.2). */
FF_MUST_USE ff_err ff_member_keep_end(struct ff_txn *txn, const struct ff_exec *exec);
/* Whether an outgoing edge is not resolved although its downstream has not ended (07 §4).
 * looks: edges that were read for it are added. */
FF_MUST_USE ff_err ff_member_is_waited_for(struct ff_txn *txn, const struct ff_exec *exec,
                                           bool *out, uint32_t *looks);

#endif
