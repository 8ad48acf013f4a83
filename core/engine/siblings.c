/* drain_sibling_cancel_group, reconcile_sibling_cancel_group, and the cancel of siblings that a
 * decided group does not need any more (04 §5). */

#include "core/engine/cancel.h"
#include "core/engine/flow_work.h"
#include "core/engine/group.h"
#include "core/engine/rely.h"
#include "core/state.h"

/* ---- cancelling ---- */

static bool
passes(ff_err err)
{
    return err == FF_E_PENDING || err == FF_E_TRANSPORT;
}

/* Asks for what the next siblings need; FF_E_PENDING. */
static ff_err
want_siblings(struct ff_txn *txn, const struct ff_group *group, const struct ff_scope *scope)
{
    const struct ff_walk *walk = ff_txn_walk(txn);
    struct ff_entry entry = walk->at, next = { 0 };
    bool found = true, pending = false;

    for (uint32_t n = 0; found && n < FF_WALK_STEP; n++) {
        struct ff_sibling sibling = { .running = false };
        ff_err err =
            ff_txn_next(txn, FF_IX_EDGES_IN, scope, n == 0 && !walk->inside ? NULL : &entry,
                        FF_WALK_STEP, &next, &found);

        FF_TRY(err);
        entry = next;
        err = found ? ff_sibling_at(txn, group, &entry, &sibling) : FF_E_OK;
        if (err == FF_E_OK && sibling.running && sibling.exec.current_attempt_index.is) {
            struct ff_attempt attempt = { 0 };

            err =
                ff_attempt_get(txn, &sibling.exec, sibling.exec.current_attempt_index.v, &attempt);
        }
        (void) ff_gather(err, &pending); /* what fails is met again where it counts */
    }
    return FF_E_PENDING;
}

static ff_err
cancel_at(struct ff_txn *txn, const struct ff_group *group, const struct ff_entry *entry)
{
    struct ff_sibling sibling = { .running = false };

    FF_TRY(ff_sibling_at(txn, group, entry, &sibling));
    if (!sibling.running) {
        return FF_E_OK;
    }
    FF_TRY(ff_exec_check(&sibling.exec, txn->arena, &txn->fault));
    return ff_cancel_by_operator(txn, &sibling.exec, group->cancel_siblings_reason);
}

/* One step over the edges. *left: some siblings could not be cancelled. */
static ff_err
cancel_listed(struct ff_txn *txn, const struct ff_group *group, bool *left)
{
    struct ff_scope scope = ff_scope_ends(&group->flow_id, &group->downstream);
    struct ff_walk *walk = ff_txn_walk(txn);
    bool found = true;

    for (uint32_t n = 0; n < FF_WALK_STEP; n++) {
        struct ff_savepoint before = ff_txn_savepoint(txn);
        struct ff_entry entry = { 0 };
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_EDGES_IN, &scope, walk->inside ? &walk->at : NULL,
                           FF_WALK_STEP, &entry, &found));
        if (!found) {
            *left = walk->failed;
            return FF_E_OK;
        }
        err = cancel_at(txn, group, &entry);
        if (passes(err)) {
            return err == FF_E_PENDING ? want_siblings(txn, group, &scope) : err;
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
    FF_TRY(ff_txn_hold(txn, FF_R_GROUP, args)); /* each step cancels for what it says */
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
    bool found = false;

    result->outcome = "already_drained";
    FF_TRY(ff_group_find(txn, &args->flow_id, &args->downstream_execution_id, &group, &found));
    if (!found || !group.cancel_siblings_pending) {
        return FF_E_OK;
    }
    result->outcome = "drained";
    group.cancel_siblings_pending = false;
    return ff_txn_put_group(txn, &group);
}

/* ---- reconcile_sibling_cancel_group ---- */

ff_err
ff_op_reconcile_sibling_cancel_group(struct ff_txn *txn,
                                     const struct ff_reconcile_sibling_cancel_group_args *args,
                                     struct ff_reconcile_sibling_cancel_group_result *result)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    struct ff_sibling_look look = { .at = walk->at, .inside = walk->inside };
    struct ff_group group = { 0 };
    bool found = false;

    result->outcome = "no_op";
    result->detail = "not_in_set";
    FF_TRY(ff_group_find(txn, &args->flow_id, &args->downstream_execution_id, &group, &found));
    if (!found || !group.cancel_siblings_pending) {
        return FF_E_OK; /* the set is the flag's own index: there is no stale entry */
    }
    FF_TRY(ff_sibling_look(txn, &group, &look));
    if (look.running) {
        result->detail = "siblings_running";
        return FF_E_OK;
    }
    if (look.more) {
        walk->at = look.at;
        walk->inside = true;
        return ff_txn_step(txn);
    }
    result->outcome = "completed_drain";
    result->detail = NULL;
    group.cancel_siblings_pending = false;
    return ff_txn_put_group(txn, &group);
}
