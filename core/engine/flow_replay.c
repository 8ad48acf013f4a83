#include "core/engine/flow_replay.h"

#include "core/engine/gate.h"

/* ---- edges ---- */

/* Whether all edges of the group are gone through in one step. */
static bool
fits(const struct ff_txn *txn, const struct ff_group *group)
{
    return !group->replay_due_at.is && group->total <= txn->facts->flow_step;
}

/* Where the walk stands in the edges counts only in the phase in which it came there: in another
 * one those before it may have changed. */
static void
take_place(struct ff_walk *walk, const struct ff_group *group, const struct ff_scope *scope)
{
    walk->inside = walk->inside && walk->phase == group->replay_phase &&
                   ff_scope_cmp(&walk->scope, scope) == 0;
    walk->phase = group->replay_phase;
    walk->scope = *scope;
}

/* Calls `visit` for inbound edges of the group's member, from where the walk stands in them.
 * *done: for the last one, too. The caller writes the group. */
static ff_err
some_edges(struct ff_txn *txn, struct ff_group *group,
           ff_err (*visit)(struct ff_txn *txn, struct ff_group *group, struct ff_edge *edge),
           bool *done)
{
    struct ff_scope scope = ff_scope_ends(&group->flow_id, &group->downstream);
    struct ff_walk *walk = ff_txn_walk(txn);
    const struct ff_key key = ff_key_member(&group->flow_id, &group->downstream);
    const struct ff_place place = { FF_IX_EDGES_IN, &scope, &walk->at };
    uint32_t left = fits(txn, group) ? UINT32_MAX : txn->facts->flow_step;
    bool found = true, pending = false;

    take_place(walk, group, &scope);
    FF_TRY(ff_txn_guard(txn, FF_IX_EDGES_IN, &scope, FF_R_GROUP, &key));
    for (; found && left > 0; left--) {
        struct ff_edge edge = { 0 };
        struct ff_entry next = { 0 };
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_EDGES_IN, &scope, walk->inside ? &walk->at : NULL,
                           left < group->total ? left : group->total + 1, &next, &found));
        if (found) {
            walk->at = next;
            walk->inside = true;
            err = ff_edge_at(txn, &place, &edge);
        }
        if (found && err == FF_E_OK) {
            err = visit(txn, group, &edge);
        }
        FF_TRY(ff_gather(err, &pending));
    }
    *done = !found;
    walk->inside = walk->inside && found;
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* ---- taking back ---- */

/* Makes an impossible edge wait for a new end of its upstream. Until the last one which kind of end
 * is counted less means nothing. */
static ff_err
reset_edge(struct ff_txn *txn, struct ff_group *group, struct ff_edge *edge)
{
    const struct ff_key key = ff_key_eid(&edge->upstream);
    struct ff_exec upstream = { 0 };
    bool found = false;

    FF_TRY(ff_txn_find_exec(txn, &edge->upstream, &upstream, &found));
    FF_TRY(found ? ff_txn_hold(txn, FF_R_EXEC, &key) : FF_E_OK); /* its end may be under way */
    edge->edge_state = FF_EDGE_APPLIED;
    edge->resolved_at = FF_NONE(ff_opt_i64);
    edge->ignore_terminal_count = FF_SOME(ff_opt_u32, found ? upstream.terminal_count : UINT32_MAX);
    group->waiting++;
    if (group->failed > 0) {
        group->failed--;
    } else {
        group->skipped -= group->skipped > 0;
    }
    return ff_txn_put_edge(txn, edge);
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

/* Others see to it that this is gone on with. Siblings are what its edges wait for: no such cancel
 * goes on beside it. */
static void
mark(struct ff_txn *txn, struct ff_group *group, const struct ff_replay *replay)
{
    if (!ff_group_is_held(group)) {
        group->replay_phase++;
        group->replay_reason = replay->reason;
        group->replay_requested_by = replay->requested_by;
        group->cancel_siblings_pending = false;
        group->cancel_siblings_reason = FF_NONE(ff_str);
    }
    group->replay_due_at = FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, FF_REPLAY_KEPT_MS));
}

ff_err
ff_flow_take_back(struct ff_txn *txn, const struct ff_exec *exec, struct ff_replay *replay,
                  bool *done)
{
    struct ff_group group = { 0 };
    bool found = false;

    *done = true;
    replay->groups_reset = 0;
    if (!exec->flow_id.is) {
        return FF_E_OK;
    }
    FF_TRY(ff_group_find(txn, &exec->flow_id.v, &exec->execution_id, &group, &found));
    if (!found || group.state != FF_GROUP_IMPOSSIBLE) {
        return FF_E_OK;
    }
    replay->groups_reset = 1;
    if (!fits(txn, &group)) {
        mark(txn, &group, replay);
    }
    FF_TRY(some_edges(txn, &group, reset_if_impossible, done));
    return ff_txn_put_group(txn, &group);
}

/* ---- the flip ---- */

static ff_err
reset_group(struct ff_txn *txn, struct ff_group *group)
{
    group->cancel_siblings_pending = false;
    group->cancel_siblings_reason = FF_NONE(ff_str);
    group->failed = group->skipped = 0;
    group->satisfied_at = FF_NONE(ff_opt_i64);
    group->decided_by = FF_NONE(ff_opt_eid);
    group->replay_phase += ff_group_is_held(group);
    group->replay_reason = group->replay_requested_by = FF_NONE(ff_str);
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
ff_flow_replay(struct ff_txn *txn, struct ff_exec *exec, const struct ff_replay *replay, bool *more)
{
    struct ff_group group = { 0 };
    bool found = false;

    *more = replay->groups_reset > 0;
    exec->cascade_owed = false; /* the next end cascades */
    if (!exec->flow_id.is) {
        return ff_exec_save(txn, exec, FF_EXEC_MOVED);
    }
    FF_TRY(leave_backlog(txn, exec));
    FF_TRY(ff_group_find(txn, &exec->flow_id.v, &exec->execution_id, &group, &found));
    if (!*more) {
        const struct ff_key key = ff_key_member(&exec->flow_id.v, &exec->execution_id);

        FF_TRY(ff_txn_hold(txn, FF_R_GROUP, &key)); /* who decides it skips a member that waits */
        return ff_gate_save(txn, exec);
    }
    FF_TRY(reset_group(txn, &group));
    return ff_gate_save(txn, exec); /* so that what passes data finds it waiting */
}

/* ---- catching up ---- */

/* Lets `resolving` count the end, and keeps what has become of the group and its member. */
static ff_err
resolve_end(struct ff_txn *txn, struct ff_group *group, struct ff_edge *edge, bool only_success)
{
    struct ff_resolving resolving = { .edge = *edge };
    bool ended = false;

    FF_TRY(ff_edge_outcome(txn, edge, &resolving.outcome, &ended));
    if (!ended || (only_success && resolving.outcome != FF_OUTCOME_SUCCESS)) {
        return FF_E_OK;
    }
    FF_TRY(ff_resolving_read(txn, &resolving));
    FF_TRY(ff_edge_resolve(txn, &resolving));
    *group = resolving.group;
    return FF_E_OK;
}

/* Step 2 of §4.6: what was reset although its upstream has succeeded meanwhile. */
static ff_err
resolve_if_succeeded(struct ff_txn *txn, struct ff_group *group, struct ff_edge *edge)
{
    return edge->edge_state == FF_EDGE_APPLIED && edge->ignore_terminal_count.is
               ? resolve_end(txn, group, edge, true)
               : FF_E_OK;
}

/* While the group was held cascades have gone by. */
static ff_err
resolve_if_ended(struct ff_txn *txn, struct ff_group *group, struct ff_edge *edge)
{
    return edge->edge_state == FF_EDGE_APPLIED ? resolve_end(txn, group, edge, false) : FF_E_OK;
}

/* Somebody else was faster, and it has perhaps been replayed again since. */
static bool
is_over(const struct ff_walk *walk, const struct ff_group *group)
{
    return ff_group_is_held(group) ||
           (walk->inside && (walk->phase != group->replay_phase || !group->replay_due_at.is));
}

ff_err
ff_flow_catch_up(struct ff_txn *txn, const struct ff_key *group_key, struct ff_exec *released,
                 bool *done)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    struct ff_group group = { 0 };
    bool found = false;

    *done = true;
    FF_TRY(ff_txn_find(txn, FF_R_GROUP, group_key, &group, &found));
    if (!found || is_over(walk, &group)) {
        walk->inside = false;
        return FF_E_OK;
    }
    if (!group.replay_due_at.is) {
        FF_TRY(some_edges(txn, &group, resolve_if_succeeded, done));
    } else {
        FF_TRY(some_edges(txn, &group, resolve_if_ended, done));
        group.replay_due_at = FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, FF_REPLAY_KEPT_MS));
        if (*done) {
            group.replay_due_at = FF_NONE(ff_opt_i64);
        }
        FF_TRY(ff_txn_put_group(txn, &group));
    }
    return ff_txn_find_exec(txn, &group.downstream, released, &found);
}
