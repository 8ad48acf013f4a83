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
/* Nothing changes because the group is as it is. */
FF_MUST_USE ff_err ff_resolving_hold_group(struct ff_txn *txn,
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

/* ---- siblings (04 §5.1) ----
 *
 * The list of a flagged group is not stored: it is its unresolved edges whose upstream has not
 * ended, but for the one whose end decided it. So the decision costs the same whatever the number
 * of edges, and no crash can leave a part of the list behind. */

/* The upstream of the edge at an entry of FF_IX_EDGES_IN. */
struct ff_sibling {
    struct ff_eid id; /* also where its record cannot be read */
    struct ff_exec exec;
    bool running; /* it is one, and has not ended */
};
FF_MUST_USE ff_err ff_sibling_at(struct ff_txn *txn, const struct ff_group *group,
                                 const struct ff_entry *entry, struct ff_sibling *out);

/* Edges that one step looks at: one that has been resolved comes from the disk, 10 us each. */
#define FF_SIBLING_LOOKS 1024
/* Looks for a sibling that has not ended, from the first edge on or behind `at`, at so many edges
 * at the most. *more: there are others behind `at`. FF_E_PENDING. */
struct ff_sibling_look {
    struct ff_entry at;
    bool inside; /* `at` counts */
    bool running, more;
};
FF_MUST_USE ff_err ff_sibling_look(struct ff_txn *txn, const struct ff_group *group,
                                   struct ff_sibling_look *look);

#endif
