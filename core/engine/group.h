/* group.h: edge groups: what a member waits for, and what follows when that is decided (04 §1.4 to
 * §1.6, §4.2, §5.1). */
#ifndef FF_CORE_ENGINE_GROUP_H
#define FF_CORE_ENGINE_GROUP_H

#include "core/engine/flow.h"

/* evaluate(group) of 04 §1.5; pure. */
enum ff_edge_group_state ff_group_evaluate(const struct ff_group *group);

enum ff_verdict {
    FF_VERDICT_NONE, /* no applied inbound edge */
    FF_VERDICT_SATISFIED,
    FF_VERDICT_BLOCKED,
    FF_VERDICT_IMPOSSIBLE
};
/* 04 §1.6; pure. */
enum ff_verdict ff_group_verdict(const struct ff_group *group);

/* One edge and the two records behind it. */
struct ff_resolving {
    struct ff_edge edge;
    struct ff_group group;
    struct ff_exec child;
    bool child_found;
    enum ff_terminal_outcome outcome; /* of the upstream */
    /* told by ff_edge_resolve */
    bool released, skipped, data_injected;
};
/* Looks up group and child of resolving->edge. */
FF_MUST_USE ff_err ff_resolving_read(struct ff_txn *txn, struct ff_resolving *resolving);
/* The group changes and the child stays as it is: on a shared store another broker might just now
 * judge the child by the group as it was. */
FF_MUST_USE ff_err ff_resolving_hold_child(struct ff_txn *txn,
                                           const struct ff_resolving *resolving);
/* The procedure of 04 §4.2: writes edge, group, child, and the marks on siblings. The edge is
 * `applied`. On failure what was written is the caller's to take back (ff_txn_rollback). */
FF_MUST_USE ff_err ff_edge_resolve(struct ff_txn *txn, struct ff_resolving *resolving);

/* The edge has been applied, and its upstream has not ended: the group is judged with it, and a
 * quorum for which more edges were staged after one had failed may be out of reach (04 §2.4). */
FF_MUST_USE ff_err ff_edge_await(struct ff_txn *txn, struct ff_resolving *resolving);

/* How an upstream has ended, as far as the edge may count it: the execution's own outcome, or what
 * the member entry keeps of a purged one. False: it has not, or that end came before a replay of
 * the downstream reset the edge (04 §4.6.2). */
FF_MUST_USE ff_err ff_edge_outcome(struct ff_txn *txn, const struct ff_edge *edge,
                                   enum ff_terminal_outcome *outcome, bool *ended);

/* The group no longer asks for its siblings' cancel: flag and list are cleared, the reason stays
 * (04 §5.3). The caller writes the group. */
FF_MUST_USE ff_err ff_group_unflag(struct ff_txn *txn, struct ff_group *group);
/* Whether a sibling that is to be cancelled has not ended. FF_E_PENDING. */
FF_MUST_USE ff_err ff_group_has_running(struct ff_txn *txn, const struct ff_group *group,
                                        bool *out);

#endif
