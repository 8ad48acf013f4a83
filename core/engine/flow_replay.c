#include "core/engine/flow_replay.h"

#include "core/engine/gate.h"

/* Makes an impossible edge wait for a new end of its upstream. */
static ff_err
reset_edge(struct ff_txn *txn, struct ff_group *group, struct ff_edge *edge)
{
    struct ff_exec upstream = { 0 };
    bool found = false;

    FF_TRY(ff_txn_find_exec(txn, &edge->upstream, &upstream, &found));
    edge->edge_state = FF_EDGE_APPLIED;
    edge->resolved_at = FF_NONE(ff_opt_i64);
    edge->ignore_terminal_count = FF_SOME(ff_opt_u32, found ? upstream.terminal_count : UINT32_MAX);
    group->waiting++;
    return ff_txn_put_edge(txn, edge);
}

/* Calls `visit` for each inbound edge of the group's member. */
static ff_err
each_edge(struct ff_txn *txn, struct ff_group *group,
          ff_err (*visit)(struct ff_txn *txn, struct ff_group *group, struct ff_edge *edge))
{
    struct ff_scope scope = ff_scope_ends(&group->flow_id, &group->downstream);
    struct ff_entry entry = { 0 }, next = { 0 };
    const struct ff_place place = { FF_IX_EDGES_IN, &scope, &entry };
    bool found = true, pending = false;

    for (uint32_t n = 0; found; n++) {
        struct ff_edge edge = { 0 };
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_EDGES_IN, &scope, n == 0 ? NULL : &entry, group->total, &next,
                           &found));
        entry = next;
        err = found ? ff_edge_at(txn, &place, &edge) : FF_E_OK;
        if (found && err == FF_E_OK) {
            err = visit(txn, group, &edge);
        }
        FF_TRY(ff_gather(err, &pending));
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

static ff_err
reset_if_impossible(struct ff_txn *txn, struct ff_group *group, struct ff_edge *edge)
{
    const struct ff_key key = ff_key_edge(&edge->flow_id, &edge->edge_id);

    if (edge->edge_state == FF_EDGE_APPLIED) {
        return ff_txn_hold(txn, FF_R_EDGE, &key); /* the group may know already that it is lost */
    }
    return edge->edge_state == FF_EDGE_IMPOSSIBLE ? reset_edge(txn, group, edge) : FF_E_OK;
}

/* Step 2: what was reset although its upstream has succeeded meanwhile. */
static ff_err
resolve_if_succeeded(struct ff_txn *txn, struct ff_group *group, struct ff_edge *edge)
{
    struct ff_resolving resolving = { .edge = *edge };
    bool ended = false;

    if (edge->edge_state != FF_EDGE_APPLIED || !edge->ignore_terminal_count.is) {
        return FF_E_OK;
    }
    FF_TRY(ff_edge_outcome(txn, edge, &resolving.outcome, &ended));
    if (!ended || resolving.outcome != FF_OUTCOME_SUCCESS) {
        return FF_E_OK;
    }
    FF_TRY(ff_resolving_read(txn, &resolving));
    FF_TRY(ff_edge_resolve(txn, &resolving));
    *group = resolving.group;
    return FF_E_OK;
}

static ff_err
reset_group(struct ff_txn *txn, struct ff_group *group)
{
    group->cancel_siblings_pending = false;
    group->cancel_siblings_reason = FF_NONE(ff_str);
    group->failed = group->skipped = 0;
    group->state = FF_GROUP_PENDING;
    group->satisfied_at = FF_NONE(ff_opt_i64);
    group->decided_by = FF_NONE(ff_opt_eid);
    FF_TRY(each_edge(txn, group, reset_if_impossible));
    group->state = ff_group_evaluate(group);
    return ff_txn_put_group(txn, group);
}

static ff_err
leave_backlog(struct ff_txn *txn, struct ff_exec *exec)
{
    struct ff_flow flow = { 0 };
    bool found = false;

    if (!exec->cancel_owed_at.is) {
        return FF_E_OK;
    }
    exec->cancel_owed_at = FF_NONE(ff_opt_i64);
    FF_TRY(ff_flow_find(txn, &exec->flow_id.v, &flow, &found));
    flow.cancel_left -= found && flow.cancel_left > 0;
    return found ? ff_txn_put_flow(txn, &flow) : FF_E_OK;
}

ff_err
ff_flow_replay(struct ff_txn *txn, struct ff_exec *exec, uint32_t *groups_reset)
{
    struct ff_group group = { 0 };
    bool found = false;

    *groups_reset = 0;
    exec->cascade_owed = false; /* the next end cascades */
    if (!exec->flow_id.is) {
        return ff_exec_save(txn, exec, FF_EXEC_MOVED);
    }
    FF_TRY(leave_backlog(txn, exec));
    FF_TRY(ff_group_find(txn, &exec->flow_id.v, &exec->execution_id, &group, &found));
    if (!found || group.state != FF_GROUP_IMPOSSIBLE) {
        const struct ff_key key = ff_key_member(&exec->flow_id.v, &exec->execution_id);

        FF_TRY(ff_txn_hold(txn, FF_R_GROUP, &key)); /* who decides it skips a member that waits */
        return ff_gate_save(txn, exec);
    }
    *groups_reset = 1;
    FF_TRY(reset_group(txn, &group));
    FF_TRY(ff_gate_save(txn, exec)); /* so that what passes data finds it waiting */
    FF_TRY(each_edge(txn, &group, resolve_if_succeeded));
    return ff_txn_get_exec(txn, &exec->execution_id, exec); /* perhaps released */
}
