/* walks.h: calls of many steps, each of which is committed before the next one is (spec/records.md
 * §6); part of txn.h.
 */
#ifndef FF_CORE_ENGINE_WALKS_H
#define FF_CORE_ENGINE_WALKS_H

#include "core/store.h"

struct ff_arena;
struct ff_txn;

/* What a walk (spec/records.md §6) keeps from step to step; zeroed at first. */
struct ff_walk {
    struct ff_entry at;
    uint32_t stage;
    uint32_t counts[2];
    /* Of walks that follow references: what there is to visit, and how far that is done. */
    struct ff_eid *todo; /* grows by ff_walk_add only */
    uint32_t n, next, room;
    /* Of walks over all scopes of an index: which one `at` is in. */
    struct ff_scope scope;
    enum { FF_WALK_BEFORE, FF_WALK_IN, FF_WALK_BEHIND } place; /* of `scope` */
    bool inside;    /* `at` says how far the one at `next` has been handled */
    uint32_t phase; /* of the group in whose edges `at` is (flow_replay.h) */
    bool failed;    /* ... and that something of it could not be */
    bool ahead;     /* the next step may be made while the last one is being committed */
    void *kept;     /* in ff_walk_arena */
};
/* Entities that a step of such a walk handles: what waits behind it waits for two such steps at the
 * most, with what they make follow (ffbench pause). */
#define FF_WALK_STEP 128
struct ff_walk *ff_txn_walk(struct ff_txn *txn);
/* The call is one, as far as it has come. */
bool ff_txn_walks(const struct ff_txn *txn);
/* What began a walk within a call that is none has ended it. */
void ff_txn_walk_over(struct ff_txn *txn);
void ff_walk_add(struct ff_txn *txn, const struct ff_eid *id);
/* Lives as long as the call: what a walk keeps is in it. */
struct ff_arena *ff_walk_arena(struct ff_txn *txn);
/* The walk has done a step: what it has written is committed, others have their turn, and it is run
 * again with what it keeps. A step that is not committed is done again. Returns FF_E_STEP, which is
 * returned as it is. */
FF_MUST_USE ff_err ff_txn_step(struct ff_txn *txn);

#endif
