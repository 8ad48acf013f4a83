/* flow_build.h: the parts of a graph, shared by the single operations and by submit_flow (04 §2).
 */
#ifndef FF_CORE_ENGINE_FLOW_BUILD_H
#define FF_CORE_ENGINE_FLOW_BUILD_H

#include "core/engine/group.h"

/* Reads the msgpack {kind, k, on_satisfied} into a group's policy. What ff_msgpack_parse refuses;
 * FF_E_INVALID_INPUT {field: policy, policy.kind, .k or .on_satisfied}. */
FF_MUST_USE ff_err ff_group_policy_read(struct ff_txn *txn, struct ff_str packed,
                                        struct ff_group *out);

/* FF_E_INVALID_INPUT {field, empty | too_long}. */
FF_MUST_USE ff_err ff_check_label(struct ff_txn *txn, struct ff_str text, const char *field);

/* Is `to` reachable from `from` along the flow's edges, staged or applied? Exact; goes on in steps
 * (ff_txn_walk) where the graph is large. FF_E_PENDING, FF_E_STEP. */
FF_MUST_USE ff_err ff_edges_lead(struct ff_txn *txn, const struct ff_uuid *flow_id,
                                 const struct ff_eid *from, const struct ff_eid *to, bool *out);

/* Edge → applied, and what follows from it (04 §3.3, §3.4). The resolving has all three records;
 * its edge is `pending`. */
FF_MUST_USE ff_err ff_edge_apply(struct ff_txn *txn, struct ff_resolving *resolving);

/* An edge as callers see it (04 §7.3). */
struct ff_edge_snapshot ff_edge_snapshot(const struct ff_edge *edge);

#endif
