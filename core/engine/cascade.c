/* resolve_dependency, cascade_completion, evaluate_flow_eligibility: how the end of an execution
 * reaches those that wait for it (04 §4). */

#include "core/engine/flow_work.h"
#include "core/engine/gate.h"
#include "core/sound.h"

/* ---- resolve_dependency ---- */

static ff_err
fail_no_edge(struct ff_txn *txn, const char *reason)
{
    return ff_fail(&txn->fault, FF_E_INVALID_DEPENDENCY, ff_d_text("reason", reason));
}

static void
answer(const struct ff_resolving *resolving, struct ff_resolve_dependency_result *result)
{
    result->group_state = resolving->group.state;
    result->child_transition = resolving->skipped    ? "skipped"
                               : resolving->released ? "eligible"
                                                     : "none";
    result->data_injected = resolving->data_injected;
}

ff_err
ff_op_resolve_dependency(struct ff_txn *txn, const struct ff_resolve_dependency_args *args,
                         struct ff_resolve_dependency_result *result)
{
    struct ff_resolving resolving = { .outcome = args->upstream_outcome };
    struct ff_edge *edge = &resolving.edge;
    bool found = false;

    if (args->upstream_outcome == FF_OUTCOME_NONE) {
        return ff_fail_input(&txn->fault, "upstream_outcome", "unknown_value");
    }
    FF_TRY(ff_edge_find(txn, &args->flow_id, &args->edge_id, edge, &found));
    if (!found || edge->edge_state == FF_EDGE_PENDING) {
        return fail_no_edge(txn, found ? "not_applied" : "unknown_edge");
    }
    if (!ff_eid_eq(edge->upstream, args->upstream_execution_id) ||
        !ff_eid_eq(edge->downstream, args->downstream_execution_id)) {
        return fail_no_edge(txn, "other_endpoints");
    }
    FF_TRY(ff_resolving_read(txn, &resolving));
    if (ff_group_is_held(&resolving.group)) {
        return ff_fail(&txn->fault, FF_E_RETRY_EXHAUSTED, ff_d_text("reason", "replaying"));
    }
    FF_TRY(ff_flow_unstage(txn, &resolving.child));
    if (resolving.child.staged) {
        return fail_no_edge(txn, "unknown_edge"); /* its flow is being submitted */
    }
    result->outcome = "already_resolved";
    if (edge->edge_state == FF_EDGE_APPLIED) {
        FF_TRY(ff_edge_resolve(txn, &resolving));
        result->outcome = edge->edge_state == FF_EDGE_SATISFIED ? "satisfied" : "impossible";
    }
    answer(&resolving, result);
    return FF_E_OK;
}

/* ---- cascade_completion ---- */

/* Asks for all that the next edges of an execution need, so that it is loaded together. */
static ff_err
want_ahead(struct ff_txn *txn, const struct ff_scope *scope, const struct ff_walk *walk)
{
    struct ff_entry entry = walk->at, next = { 0 };
    const struct ff_place place = { FF_IX_EDGES_OUT, scope, &entry };
    bool found = true, pending = false;

    for (uint32_t n = 0; found && n < FF_WALK_STEP; n++) {
        struct ff_resolving resolving = { 0 };
        ff_err err =
            ff_txn_next(txn, FF_IX_EDGES_OUT, scope, n == 0 && !walk->inside ? NULL : &entry,
                        FF_WALK_STEP, &next, &found);

        if (err == FF_E_PENDING) {
            return err;
        }
        FF_TRY(err);
        entry = next;
        err = found ? ff_edge_at(txn, &place, &resolving.edge) : FF_E_OK;
        if (err == FF_E_OK && found) {
            err = ff_resolving_read(txn, &resolving);
        }
        (void) ff_gather(err, &pending); /* what fails is met again where it counts */
    }
    return FF_E_PENDING;
}

/* An execution that has ended, and how far its edges are seen to. */
struct cascading {
    const struct ff_exec *exec;
    uint32_t left; /* edges that may still be looked at */
    bool deep;     /* what is skipped is cascaded by the walk, too; else it is left to its mark */
    bool done;     /* all edges have been looked at */
};

/* One edge, if it counts the end of its upstream. */
static ff_err
cascade_edge(struct ff_txn *txn, const struct cascading *from, const struct ff_place *place,
             const struct ff_savepoint *before)
{
    struct ff_resolving resolving = { .outcome = from->exec->terminal_outcome };
    struct ff_walk *walk = ff_txn_walk(txn);

    FF_TRY(ff_edge_at(txn, place, &resolving.edge));
    if (resolving.edge.edge_state != FF_EDGE_APPLIED ||
        !ff_end_counts(from->exec, resolving.edge.ignore_terminal_count)) {
        return FF_E_OK;
    }
    FF_TRY(ff_resolving_read(txn, &resolving));
    if (ff_group_is_held(&resolving.group)) {
        return ff_resolving_hold_group(txn, &resolving); /* its replay sees to it at the end */
    }
    FF_TRY(ff_edge_resolve(txn, &resolving));
    walk->counts[0]++;
    if (resolving.skipped && from->deep) {
        ff_txn_own_cascades(txn, before);
        ff_walk_add(txn, &resolving.edge.downstream);
        walk->counts[1]++;
    }
    return FF_E_OK;
}

/* Goes through the outgoing edges from where the walk stands. */
static ff_err
cascade_edges(struct ff_txn *txn, struct cascading *from)
{
    struct ff_scope scope = ff_scope_ends(&from->exec->flow_id.v, &from->exec->execution_id);
    struct ff_walk *walk = ff_txn_walk(txn);
    bool found = true;

    for (; from->left > 0; from->left--) {
        struct ff_savepoint before = ff_txn_savepoint(txn);
        struct ff_entry entry = { 0 };
        const struct ff_place place = { FF_IX_EDGES_OUT, &scope, &entry };
        ff_err err = ff_txn_next(txn, FF_IX_EDGES_OUT, &scope, walk->inside ? &walk->at : NULL,
                                 from->left, &entry, &found);

        FF_TRY(err);
        if (!found) {
            from->done = true;
            return FF_E_OK;
        }
        err = cascade_edge(txn, from, &place, &before);
        if (err == FF_E_PENDING) {
            return want_ahead(txn, &scope, walk);
        }
        if (err != FF_E_OK) {
            ff_txn_rollback(txn, &before); /* the others go on; the mark stays (04 §4.4) */
            walk->failed = true;
        }
        walk->inside = true;
        walk->at = entry;
    }
    return FF_E_OK;
}

/* The mark is no part of what the execution shows: no time is stamped. */
static ff_err
mark(struct ff_txn *txn, struct ff_exec *exec, bool owed)
{
    if (exec->cascade_owed == owed) {
        return FF_E_OK;
    }
    exec->cascade_owed = owed;
    return ff_txn_put_exec(txn, exec);
}

/* *done: nothing is left of this one. */
static ff_err
cascade_from(struct ff_txn *txn, const struct ff_eid *id, uint32_t *left, bool *done)
{
    struct ff_exec exec = { 0 };
    struct cascading from = { .exec = &exec, .left = *left, .deep = true };
    bool found = false;

    *done = false;
    FF_TRY(ff_txn_find_exec(txn, id, &exec, &found));
    if (!found || !exec.flow_id.is || exec.lifecycle_phase != FF_PHASE_TERMINAL || exec.staged) {
        *done = true; /* a staged one cascades when its flow is all there */
        return FF_E_OK;
    }
    FF_TRY(cascade_edges(txn, &from));
    *left = from.left;
    *done = from.done;
    if (from.done && !ff_txn_walk(txn)->failed) {
        FF_TRY(mark(txn, &exec, false));
    }
    return FF_E_OK;
}

/* One step; FF_E_STEP: more is left. */
static ff_err
cascade(struct ff_txn *txn, const struct ff_eid *id)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    uint32_t left = FF_WALK_STEP;

    if (walk->n == 0) {
        ff_walk_add(txn, id);
    }
    while (walk->next < walk->n) {
        bool done = false;

        if (left == 0) {
            return ff_txn_step(txn);
        }
        left--;
        FF_TRY(cascade_from(txn, &walk->todo[walk->next], &left, &done));
        if (done) {
            walk->next++;
            walk->inside = walk->failed = false;
        }
    }
    return FF_E_OK;
}

ff_err
ff_op_cascade_completion(struct ff_txn *txn, const struct ff_cascade_completion_args *args,
                         struct ff_cascade_completion_result *result)
{
    FF_TRY(cascade(txn, &args->execution_id));
    result->resolved = ff_txn_walk(txn)->counts[0];
    result->cascaded_children = ff_txn_walk(txn)->counts[1];
    result->synchronous = true;
    return FF_E_OK;
}

ff_err
ff_follow_cascade(struct ff_txn *txn, const void *args, void *result)
{
    struct ff_eid id = ff_key_to_eid(args);

    (void) result;
    return cascade(txn, &id);
}

/* ---- in the call that ends the execution ---- */

/* Outgoing edges that are resolved there: as many as others wait for without noticing, 10 us each.
 */
#define EDGES_AT_ONCE_MAX 16

bool
ff_cascade_fits(struct ff_txn *txn, const struct ff_exec *exec)
{
    struct ff_savepoint before = ff_txn_savepoint(txn);
    struct ff_scope scope;
    struct ff_entry entry, next = { 0 };
    bool found = true;

    if (!exec->flow_id.is || exec->staged || !txn->facts->consumes ||
        !txn->facts->store->ops->exclusive || ff_txn_walks(txn)) {
        return false;
    }
    scope = ff_scope_ends(&exec->flow_id.v, &exec->execution_id);
    for (uint32_t n = 0; n <= EDGES_AT_ONCE_MAX; n++) {
        ff_err err = ff_txn_next(txn, FF_IX_EDGES_OUT, &scope, n == 0 ? NULL : &entry,
                                 EDGES_AT_ONCE_MAX + 1, &next, &found);

        if (err != FF_E_OK) {
            ff_txn_rollback(txn, &before);
        }
        if (err != FF_E_OK || !found) {
            return err == FF_E_OK;
        }
        entry = next;
    }
    return false;
}

ff_err
ff_cascade_now(struct ff_txn *txn, struct ff_exec *exec)
{
    struct cascading from = { .exec = exec, .left = EDGES_AT_ONCE_MAX + 1 };
    struct ff_savepoint before = ff_txn_savepoint(txn);
    ff_err err = cascade_edges(txn, &from);
    bool failed = err != FF_E_OK || !from.done || ff_txn_walk(txn)->failed;

    ff_txn_walk_over(txn);
    if (err != FF_E_OK) {
        ff_txn_rollback(txn, &before);
    }
    return mark(txn, exec, failed);
}

/* ---- evaluate_flow_eligibility (04 §4.7) ---- */

static const char *
status_of(const struct ff_exec *exec, const struct ff_group *group)
{
    if (exec->lifecycle_phase != FF_PHASE_RUNNABLE) {
        return "not_runnable";
    }
    if (exec->ownership_state != FF_OWNER_UNOWNED) {
        return "owned";
    }
    if (exec->terminal_outcome != FF_OUTCOME_NONE) {
        return "terminal";
    }
    switch (ff_group_verdict(group)) {
    case FF_VERDICT_IMPOSSIBLE:
        return "impossible";
    case FF_VERDICT_BLOCKED:
        return "blocked_by_dependencies";
    default:
        return "eligible";
    }
}

ff_err
ff_op_evaluate_flow_eligibility(struct ff_txn *txn,
                                const struct ff_evaluate_flow_eligibility_args *args,
                                struct ff_evaluate_flow_eligibility_result *result)
{
    struct ff_exec exec = { 0 };
    struct ff_group group = { 0 };
    bool found = false, has_group = false;

    result->outcome = "status";
    result->status = "not_found";
    FF_TRY(ff_txn_find_exec(txn, &args->execution_id, &exec, &found));
    if (!found) {
        return FF_E_OK;
    }
    if (exec.flow_id.is) {
        FF_TRY(ff_group_find(txn, &exec.flow_id.v, &exec.execution_id, &group, &has_group));
    }
    result->status = status_of(&exec, &group);
    return FF_E_OK;
}
