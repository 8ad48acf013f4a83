/* drain_sibling_cancel_group, reconcile_sibling_cancel_group, and the cancel of siblings that a
 * decided group does not need any more (04 §5). */

#include "core/engine/cancel.h"
#include "core/engine/flow_work.h"
#include "core/engine/group.h"

/* ---- cancelling ---- */

static bool
passes(ff_err err)
{
    return err == FF_E_PENDING || err == FF_E_TRANSPORT;
}

/* Done with if it is cancelled, has ended, or is gone. */
static ff_err
cancel_sibling(struct ff_txn *txn, const struct ff_group *group, struct ff_edge *edge)
{
    struct ff_exec upstream = { 0 };
    bool found = false;

    FF_TRY(ff_exec_lookup(txn, &edge->upstream, &upstream, &found));
    if (found && upstream.lifecycle_phase != FF_PHASE_TERMINAL) {
        FF_TRY(ff_cancel_by_operator(txn, &upstream, group->cancel_siblings_reason));
    }
    edge->sibling_cancel_owed = false;
    return ff_txn_put_edge(txn, edge);
}

/* Asks for what the next siblings need; FF_E_PENDING. */
static ff_err
want_siblings(struct ff_txn *txn, const struct ff_scope *scope)
{
    struct ff_entry entry = { 0 }, next = { 0 };
    bool found = true, pending = false;

    for (uint32_t n = 0; found && n < FF_WALK_STEP; n++) {
        struct ff_edge edge = { 0 };
        struct ff_exec upstream = { 0 };
        bool exists = false;
        ff_err err = ff_txn_next(txn, FF_IX_SIBLING_OWED, scope, n == 0 ? NULL : &entry,
                                 FF_WALK_STEP, &next, &found);

        FF_TRY(err);
        entry = next;
        err = found ? ff_edge_at(txn, &entry, &edge) : FF_E_OK;
        if (found && err == FF_E_OK) {
            err = ff_txn_find_exec(txn, &edge.upstream, &upstream, &exists);
        }
        if (found && err == FF_E_OK && exists && upstream.current_attempt_index.is) {
            struct ff_attempt attempt = { 0 };

            err = ff_attempt_get(txn, &upstream, upstream.current_attempt_index.v, &attempt);
        }
        (void) ff_gather(err, &pending); /* what fails is met again where it counts */
    }
    return FF_E_PENDING;
}

/* One step over the list. *left: some could not be cancelled, or have not been tried yet. */
static ff_err
cancel_listed(struct ff_txn *txn, const struct ff_group *group, bool *left)
{
    struct ff_scope scope = ff_scope_ends(&group->flow_id, &group->downstream);
    struct ff_walk *walk = ff_txn_walk(txn);
    bool found = true;

    for (uint32_t n = 0; n < FF_WALK_STEP; n++) {
        struct ff_savepoint before = ff_txn_savepoint(txn);
        struct ff_entry entry = { 0 };
        struct ff_edge edge = { 0 };
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_SIBLING_OWED, &scope, walk->inside ? &walk->at : NULL,
                           FF_WALK_STEP, &entry, &found));
        if (!found) {
            *left = walk->failed;
            return FF_E_OK;
        }
        err = ff_edge_at(txn, &entry, &edge);
        if (err == FF_E_OK) {
            err = cancel_sibling(txn, group, &edge);
        }
        if (passes(err)) {
            return err == FF_E_PENDING ? want_siblings(txn, &scope) : err;
        }
        if (err != FF_E_OK) {
            ff_txn_rollback(txn, &before); /* the group waits for the next pass (04 §5.2) */
            walk->failed = true;
        }
        walk->inside = true;
        walk->at = entry;
    }
    return ff_txn_step(txn);
}

ff_err
ff_follow_siblings(struct ff_txn *txn, const void *args, void *result)
{
    struct ff_group group = { 0 };
    bool found = false, left = false;

    (void) result;
    FF_TRY(ff_txn_find(txn, FF_R_GROUP, args, &group, &found));
    if (!found || !group.cancel_siblings_pending) {
        return FF_E_OK;
    }
    FF_TRY(cancel_listed(txn, &group, &left));
    if (left) {
        return FF_E_OK;
    }
    group.cancel_siblings_pending = false;
    return ff_txn_put_group(txn, &group);
}

/* ---- drain_sibling_cancel_group ---- */

ff_err
ff_op_drain_sibling_cancel_group(struct ff_txn *txn,
                                 const struct ff_drain_sibling_cancel_group_args *args,
                                 struct ff_drain_sibling_cancel_group_result *result)
{
    struct ff_group group = { 0 };
    bool found = false, pending = false;

    result->outcome = "already_drained";
    FF_TRY(ff_group_find(txn, &args->flow_id, &args->downstream_execution_id, &group, &found));
    if (!found) {
        return FF_E_OK;
    }
    pending = group.cancel_siblings_pending;
    FF_TRY(ff_group_unflag(txn, &group));
    if (pending) {
        result->outcome = "drained";
        return ff_txn_put_group(txn, &group);
    }
    return FF_E_OK;
}

/* ---- reconcile_sibling_cancel_group ---- */

ff_err
ff_group_has_running(struct ff_txn *txn, const struct ff_group *group, bool *out)
{
    struct ff_scope scope = ff_scope_ends(&group->flow_id, &group->downstream);
    struct ff_entry entry = { 0 }, next = { 0 };
    bool found = true;

    *out = false;
    for (uint32_t n = 0; found && !*out; n++) {
        struct ff_edge edge = { 0 };
        struct ff_exec upstream = { 0 };
        bool exists = false;

        FF_TRY(ff_txn_next(txn, FF_IX_SIBLING_OWED, &scope, n == 0 ? NULL : &entry, 256, &next,
                           &found));
        entry = next;
        if (found) {
            FF_TRY(ff_edge_at(txn, &entry, &edge));
            FF_TRY(ff_txn_find_exec(txn, &edge.upstream, &upstream, &exists));
            *out = exists && upstream.lifecycle_phase != FF_PHASE_TERMINAL;
        }
    }
    return FF_E_OK;
}

ff_err
ff_op_reconcile_sibling_cancel_group(struct ff_txn *txn,
                                     const struct ff_reconcile_sibling_cancel_group_args *args,
                                     struct ff_reconcile_sibling_cancel_group_result *result)
{
    struct ff_group group = { 0 };
    bool found = false, running = false;

    result->outcome = "no_op";
    result->detail = "not_in_set";
    FF_TRY(ff_group_find(txn, &args->flow_id, &args->downstream_execution_id, &group, &found));
    if (!found || !group.cancel_siblings_pending) {
        return FF_E_OK; /* the set is the flag's own index: there is no stale entry */
    }
    FF_TRY(ff_group_has_running(txn, &group, &running));
    if (running) {
        result->detail = "siblings_running";
        return FF_E_OK;
    }
    result->outcome = "completed_drain";
    result->detail = NULL;
    FF_TRY(ff_group_unflag(txn, &group));
    return ff_txn_put_group(txn, &group);
}
