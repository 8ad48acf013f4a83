#include "core/engine/group.h"

#include "core/engine/gate.h"
#include "core/sound.h"

/* ---- pure ---- */

static enum ff_edge_group_state
evaluate_all(const struct ff_group *group, uint32_t lost)
{
    if (group->total > 0 && group->succeeded == group->total) {
        return FF_GROUP_SATISFIED;
    }
    return lost > 0 ? FF_GROUP_IMPOSSIBLE : FF_GROUP_PENDING;
}

enum ff_edge_group_state
ff_group_evaluate(const struct ff_group *group)
{
    uint32_t lost = group->failed + group->skipped;
    uint32_t k = group->kind == FF_EDGE_POLICY_ANY_OF ? 1 : group->k;

    if (group->kind == FF_EDGE_POLICY_ALL_OF) {
        return evaluate_all(group, lost);
    }
    if (group->succeeded >= k) {
        return FF_GROUP_SATISFIED;
    }
    return k <= group->total && lost > group->total - k ? FF_GROUP_IMPOSSIBLE : FF_GROUP_PENDING;
}

enum ff_verdict
ff_group_verdict(const struct ff_group *group)
{
    if (group->applied == 0) {
        return FF_VERDICT_NONE;
    }
    switch (group->state) {
    case FF_GROUP_SATISFIED:
        return FF_VERDICT_SATISFIED;
    case FF_GROUP_IMPOSSIBLE:
        return FF_VERDICT_IMPOSSIBLE;
    default:
        return FF_VERDICT_BLOCKED;
    }
}

/* ---- upstreams ---- */

ff_err
ff_edge_outcome(struct ff_txn *txn, const struct ff_edge *edge, enum ff_terminal_outcome *outcome,
                bool *ended)
{
    struct ff_exec upstream = { 0 };
    struct ff_member member = { 0 };
    bool found = false;

    FF_TRY(ff_txn_find_exec(txn, &edge->upstream, &upstream, &found));
    if (found) {
        *outcome = upstream.terminal_outcome;
        *ended = ff_end_counts(&upstream, edge->ignore_terminal_count);
        return FF_E_OK;
    }
    FF_TRY(ff_member_find(txn, &edge->flow_id, &edge->upstream, &member, &found));
    *outcome = member.outcome.v;
    *ended = found && member.purged && member.outcome.is &&
             (member.outcome.v == FF_OUTCOME_SUCCESS || !edge->ignore_terminal_count.is);
    return FF_E_OK;
}

/* ---- siblings (04 §5.1) ---- */

ff_err
ff_sibling_at(struct ff_txn *txn, const struct ff_group *group, const struct ff_entry *entry,
              struct ff_sibling *out)
{
    const struct ff_scope scope = ff_scope_ends(&group->flow_id, &group->downstream);
    const struct ff_place place = { FF_IX_EDGES_IN, &scope, entry };
    struct ff_edge edge = { 0 };
    bool found = false;

    out->running = false;
    FF_TRY(ff_edge_at(txn, &place, &edge));
    out->id = edge.upstream;
    if (edge.edge_state == FF_EDGE_SATISFIED || edge.edge_state == FF_EDGE_IMPOSSIBLE ||
        (group->decided_by.is && ff_eid_eq(group->decided_by.v, edge.upstream))) {
        return FF_E_OK;
    }
    FF_TRY(ff_txn_find_exec(txn, &edge.upstream, &out->exec, &found));
    out->running = found && out->exec.lifecycle_phase != FF_PHASE_TERMINAL;
    return FF_E_OK;
}

/* Edges whose records are asked for together. */
#define LOOKS_LOADED 64

ff_err
ff_sibling_look(struct ff_txn *txn, const struct ff_group *group, struct ff_sibling_look *look)
{
    struct ff_scope scope = ff_scope_ends(&group->flow_id, &group->downstream);
    struct ff_sibling sibling;
    bool pending = false;

    look->running = false;
    look->more = true;
    for (uint32_t n = 1; n <= FF_SIBLING_LOOKS; n++) {
        struct ff_entry next = { 0 };

        FF_TRY(ff_txn_next(txn, FF_IX_EDGES_IN, &scope, look->inside ? &look->at : NULL,
                           LOOKS_LOADED, &next, &look->more));
        if (!look->more) {
            break;
        }
        look->at = next;
        look->inside = true;
        sibling.running = false;
        FF_TRY(ff_gather(ff_sibling_at(txn, group, &look->at, &sibling), &pending));
        look->running = sibling.running;
        if (pending ? n % LOOKS_LOADED == 0 : look->running) {
            break;
        }
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* Where none of the first edges has a living upstream the rest is left to who cancels them: then it
 * may turn out that there was none, and the flag goes again. */
static ff_err
flag_siblings(struct ff_txn *txn, struct ff_resolving *resolving)
{
    struct ff_group *group = &resolving->group;
    struct ff_sibling_look look = { .inside = false };

    if (resolving->edge.edge_state != FF_EDGE_APPLIED) {
        group->decided_by = FF_SOME(ff_opt_eid, resolving->edge.upstream);
    }
    if (group->total == group->succeeded + group->failed + group->skipped) {
        return FF_E_OK;
    }
    FF_TRY(ff_sibling_look(txn, group, &look));
    if (look.running || look.more) {
        group->cancel_siblings_pending = true;
        group->cancel_siblings_reason =
            ff_cstr(group->state == FF_GROUP_SATISFIED ? "sibling_quorum_satisfied"
                                                       : "sibling_quorum_impossible");
        group->flagged_at = txn->now_ms;
    }
    return FF_E_OK;
}

/* ---- data passing (04 §4.2 step 5) ---- */

static ff_err
pass_data(struct ff_txn *txn, struct ff_resolving *resolving)
{
    const struct ff_edge *edge = &resolving->edge;
    struct ff_str ref = edge->applied_ref.n > 0 ? edge->applied_ref : edge->data_passing_ref;
    struct ff_key from = ff_key_eid(&edge->upstream), to = ff_key_eid(&edge->downstream);
    struct ff_exec_result given = { 0 };
    struct ff_exec_input input = { 0 };
    bool found = false;

    if (ref.n == 0 || !resolving->child_found ||
        (resolving->child.lifecycle_phase != FF_PHASE_RUNNABLE &&
         resolving->child.lifecycle_phase != FF_PHASE_SUBMITTED)) {
        return FF_E_OK;
    }
    FF_TRY(ff_txn_find(txn, FF_R_EXEC_RESULT, &from, &given, &found));
    if (!found) {
        return FF_E_OK;
    }
    FF_TRY(ff_txn_find(txn, FF_R_EXEC_INPUT, &to, &input, &found));
    input.execution_id = edge->downstream;
    input.payload = given.result;
    input.payload_encoding = given.result_encoding;
    resolving->data_injected = true;
    return ff_txn_put_exec_input(txn, &input);
}

/* ---- resolving (04 §4.2) ---- */

ff_err
ff_resolving_read(struct ff_txn *txn, struct ff_resolving *resolving)
{
    const struct ff_edge *edge = &resolving->edge;
    bool found = false, pending = false;

    FF_TRY(
        ff_gather(ff_group_find(txn, &edge->flow_id, &edge->downstream, &resolving->group, &found),
                  &pending));
    FF_TRY(ff_gather(
        ff_txn_find_exec(txn, &edge->downstream, &resolving->child, &resolving->child_found),
        &pending));
    return pending ? FF_E_PENDING : FF_E_OK;
}

ff_err
ff_resolving_hold_child(struct ff_txn *txn, const struct ff_resolving *resolving)
{
    const struct ff_key key = ff_key_eid(&resolving->edge.downstream);

    return resolving->child_found ? ff_txn_hold(txn, FF_R_EXEC, &key) : FF_E_OK;
}

ff_err
ff_resolving_hold_group(struct ff_txn *txn, const struct ff_resolving *resolving)
{
    const struct ff_key key = ff_key_member(&resolving->edge.flow_id, &resolving->edge.downstream);

    return ff_txn_hold(txn, FF_R_GROUP, &key);
}

/* Steps 6 to 8: the group has just been decided. */
static ff_err
decided(struct ff_txn *txn, struct ff_resolving *resolving)
{
    struct ff_group *group = &resolving->group;
    struct ff_exec *child = &resolving->child;

    if (group->on_satisfied.is && group->on_satisfied.v == FF_ON_SATISFIED_CANCEL_REMAINING) {
        FF_TRY(flag_siblings(txn, resolving));
    }
    FF_TRY(ff_txn_put_group(txn, group));
    if (!resolving->child_found || child->lifecycle_phase == FF_PHASE_TERMINAL ||
        child->cancel_owed_at.is) { /* a member of the backlog ends cancelled (04 §8.3) */
        return ff_resolving_hold_child(txn, resolving);
    }
    if (group->state == FF_GROUP_IMPOSSIBLE) {
        resolving->skipped = true;
        return ff_gate_skip(txn, child);
    }
    resolving->released = child->lifecycle_phase == FF_PHASE_RUNNABLE &&
                          child->eligibility_state == FF_ELIGIBLE_DEPENDENCIES;
    return resolving->released ? ff_gate_release(txn, child)
                               : ff_resolving_hold_child(txn, resolving);
}

/* Steps 1 and 2: *fired if the group was decided before. */
static void
count(struct ff_txn *txn, struct ff_resolving *resolving, bool *fired)
{
    struct ff_group *group = &resolving->group;
    bool success = resolving->outcome == FF_OUTCOME_SUCCESS;

    *fired = group->state != FF_GROUP_PENDING;
    resolving->edge.edge_state = success ? FF_EDGE_SATISFIED : FF_EDGE_IMPOSSIBLE;
    resolving->edge.resolved_at = FF_SOME(ff_opt_i64, txn->now_ms);
    group->succeeded += success;
    group->skipped += resolving->outcome == FF_OUTCOME_SKIPPED;
    group->failed += !success && resolving->outcome != FF_OUTCOME_SKIPPED;
    group->waiting -= group->waiting > 0;
}

ff_err
ff_edge_resolve(struct ff_txn *txn, struct ff_resolving *resolving)
{
    struct ff_group *group = &resolving->group;
    bool success = resolving->outcome == FF_OUTCOME_SUCCESS, fired = false;

    count(txn, resolving, &fired);
    FF_TRY(ff_txn_put_edge(txn, &resolving->edge));
    if (fired) {
        return ff_txn_put_group(txn, group);
    }
    group->state = ff_group_evaluate(group);
    if (group->state == FF_GROUP_SATISFIED && !group->satisfied_at.is) {
        group->satisfied_at = FF_SOME(ff_opt_i64, txn->now_ms);
    }
    if (success && (group->kind == FF_EDGE_POLICY_ALL_OF || group->state == FF_GROUP_SATISFIED)) {
        FF_TRY(pass_data(txn, resolving));
    }
    return group->state == FF_GROUP_PENDING ? ff_txn_put_group(txn, group)
                                            : decided(txn, resolving);
}

ff_err
ff_edge_await(struct ff_txn *txn, struct ff_resolving *resolving)
{
    struct ff_group *group = &resolving->group;

    FF_TRY(ff_txn_put_edge(txn, &resolving->edge));
    if (group->state != FF_GROUP_PENDING) {
        return ff_txn_put_group(txn, group);
    }
    group->state = ff_group_evaluate(group);
    return group->state == FF_GROUP_PENDING ? ff_txn_put_group(txn, group)
                                            : decided(txn, resolving);
}
