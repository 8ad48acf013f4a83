/* The records of flows: see flow.h. Errors of lookups name the entity, as everywhere. */
#include "core/engine/flow.h"

#include "core/engine/purge.h"

ff_err
ff_flow_find(struct ff_txn *txn, const struct ff_uuid *flow_id, struct ff_flow *out, bool *found)
{
    struct ff_key key = ff_key_flow(flow_id);

    return ff_txn_find(txn, FF_R_FLOW, &key, out, found);
}

ff_err
ff_flow_get(struct ff_txn *txn, const struct ff_uuid *flow_id, struct ff_flow *out)
{
    const struct ff_common_args *common = txn->common;
    bool found = false;

    FF_TRY(ff_flow_find(txn, flow_id, out, &found));
    if (!found) {
        return ff_fail(&txn->fault, FF_E_FLOW_NOT_FOUND, ff_d_text("entity", "flow"));
    }
    if (common->partition.is && common->partition.v != out->partition) {
        return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "partition"),
                       ff_d_text("reason", "partition_mismatch"),
                       ff_d_u64("arg_index", common->partition.v),
                       ff_d_u64("id_index", out->partition));
    }
    return FF_E_OK;
}

ff_err
ff_flow_open(struct ff_txn *txn, const struct ff_uuid *flow_id, struct ff_flow *out)
{
    FF_TRY(ff_flow_get(txn, flow_id, out));
    return out->cancelled ? ff_fail(&txn->fault, FF_E_FLOW_ALREADY_TERMINAL) : FF_E_OK;
}

ff_err
ff_flow_unstage(struct ff_txn *txn, struct ff_exec *exec)
{
    struct ff_flow flow = { 0 };
    struct ff_key key;
    bool found = false;

    if (!exec->staged) {
        return FF_E_OK;
    }
    FF_TRY(ff_flow_find(txn, &exec->flow_id.v, &flow, &found));
    exec->staged = !found;
    key = ff_key_flow(&exec->flow_id.v);
    return found ? FF_E_OK : ff_txn_hold(txn, FF_R_FLOW, &key);
}

ff_err
ff_flow_grown(struct ff_txn *txn, struct ff_flow *flow)
{
    flow->graph_revision++;
    flow->last_mutation_at = txn->now_ms;
    return ff_txn_put_flow(txn, flow);
}

/* Both times of a new flow are the call's. */
ff_err
ff_flow_put_new(struct ff_txn *txn, struct ff_flow *flow)
{
    struct ff_key key = ff_key_flow(&flow->flow_id);

    FF_TRY(ff_purge_over(txn, FF_R_FLOW, &key));
    flow->created_at = txn->now_ms;
    flow->last_mutation_at = txn->now_ms;
    return ff_txn_put_flow(txn, flow);
}

ff_err
ff_member_find(struct ff_txn *txn, const struct ff_uuid *flow_id, const struct ff_eid *execution_id,
               struct ff_member *out, bool *found)
{
    struct ff_key key = ff_key_member(flow_id, execution_id);

    return ff_txn_find(txn, FF_R_MEMBER, &key, out, found);
}

ff_err
ff_edge_find(struct ff_txn *txn, const struct ff_uuid *flow_id, const struct ff_uuid *edge_id,
             struct ff_edge *out, bool *found)
{
    struct ff_key key = ff_key_edge(flow_id, edge_id);

    return ff_txn_find(txn, FF_R_EDGE, &key, out, found);
}

ff_err
ff_group_find(struct ff_txn *txn, const struct ff_uuid *flow_id, const struct ff_eid *downstream,
              struct ff_group *out, bool *found)
{
    struct ff_key key = ff_key_member(flow_id, downstream);

    FF_TRY(ff_txn_find(txn, FF_R_GROUP, &key, out, found));
    out->flow_id = *flow_id;
    out->downstream = *downstream;
    return FF_E_OK;
}

/* The edges that leave an execution, where a search will look for them. */
static ff_err
want_leaving(struct ff_txn *txn, const struct ff_uuid *flow_id, const struct ff_eid *id)
{
    struct ff_scope scope = ff_scope_ends(flow_id, id);
    struct ff_entry entry = { 0 };
    bool found = false;

    return ff_txn_next(txn, FF_IX_EDGES_OUT, &scope, NULL, 64, &entry, &found);
}

static ff_err
want_edge(struct ff_txn *txn, const struct ff_uuid *flow_id, const struct ff_place *place,
          bool *pending)
{
    struct ff_edge edge = { 0 };
    ff_err err = ff_edge_at(txn, place, &edge);

    if (err == FF_E_OK) {
        FF_TRY(ff_gather(want_leaving(txn, flow_id, &edge.upstream), pending));
        err = want_leaving(txn, flow_id, &edge.downstream);
    }
    return ff_gather(err, pending);
}

ff_err
ff_edges_want_all(struct ff_txn *txn, const struct ff_uuid *flow_id)
{
    struct ff_scope scope = ff_scope_flow(flow_id);
    struct ff_entry entry = { 0 }, next = { 0 };
    const struct ff_place place = { FF_IX_EDGES, &scope, &entry };
    bool found = true, pending = false;

    for (uint32_t n = 0; found; n++) {
        ff_err err =
            ff_txn_next(txn, FF_IX_EDGES, &scope, n == 0 ? NULL : &entry, 4096, &next, &found);

        if (err != FF_E_OK) {
            return err; /* the rest of the index first */
        }
        entry = next;
        if (found) {
            FF_TRY(want_edge(txn, flow_id, &place, &pending));
        }
    }
    return FF_E_PENDING;
}

/* ---- retention ---- */

/* So that a flow whose members are all gone stands in the index of those that may go. */
static ff_err
note_purged(struct ff_txn *txn, const struct ff_exec *exec)
{
    struct ff_flow flow = { 0 };
    bool found = false;

    FF_TRY(ff_flow_find(txn, &exec->flow_id.v, &flow, &found));
    if (!found) {
        return FF_E_OK;
    }
    flow.purged_count++;
    if (!flow.ended_at.is || flow.ended_at.v < exec->completed_at.v) {
        flow.ended_at = exec->completed_at;
    }
    return ff_txn_put_flow(txn, &flow);
}

ff_err
ff_member_keep_end(struct ff_txn *txn, const struct ff_exec *exec)
{
    struct ff_member member = { 0 };
    bool found = false;

    if (!exec->flow_id.is) {
        return FF_E_OK;
    }
    FF_TRY(ff_member_find(txn, &exec->flow_id.v, &exec->execution_id, &member, &found));
    if (!found || member.purged) {
        return FF_E_OK;
    }
    member.purged = true;
    member.outcome = FF_SOME(ff_opt_u32, exec->terminal_outcome);
    member.cancellation_reason = exec->cancellation_reason;
    member.completed_at = exec->completed_at;
    FF_TRY(ff_txn_put_member(txn, &member));
    return note_purged(txn, exec);
}

/* Of one edge. */
static ff_err
is_waiting_at(struct ff_txn *txn, const struct ff_place *place, bool *out)
{
    struct ff_edge edge = { 0 };
    struct ff_exec child = { 0 };
    bool exists = false;

    FF_TRY(ff_edge_at(txn, place, &edge));
    if (edge.edge_state == FF_EDGE_SATISFIED || edge.edge_state == FF_EDGE_IMPOSSIBLE) {
        *out = false;
        return FF_E_OK;
    }
    FF_TRY(ff_txn_find_exec(txn, &edge.downstream, &child, &exists));
    *out = exists && child.lifecycle_phase != FF_PHASE_TERMINAL;
    return FF_E_OK;
}

/* Of an execution with more edges it is asked whether any member of the flow has not ended. */
#define EDGES_LOOKED_AT 16

ff_err
ff_member_is_waited_for(struct ff_txn *txn, const struct ff_exec *exec, bool *out, uint32_t *looks)
{
    struct ff_scope scope = ff_scope_none();
    struct ff_entry entry = { 0 }, next = { 0 };
    const struct ff_place place = { FF_IX_EDGES_OUT, &scope, &entry };
    bool found = true;

    *out = false;
    if (!exec->flow_id.is) {
        return FF_E_OK;
    }
    scope = ff_scope_ends(&exec->flow_id.v, &exec->execution_id);
    for (uint32_t n = 0; found && !*out; n++) {
        FF_TRY(
            ff_txn_next(txn, FF_IX_EDGES_OUT, &scope, n == 0 ? NULL : &entry, 64, &next, &found));
        entry = next;
        if (n == EDGES_LOOKED_AT) {
            enum ff_flow_state state = FF_FLOW_OPEN;

            FF_TRY(ff_flow_derive(txn, &exec->flow_id.v, &state));
            found = found && state != FF_FLOW_COMPLETED && state != FF_FLOW_FAILED;
        }
        if (found) {
            FF_TRY(is_waiting_at(txn, &place, out));
            ++*looks;
        }
    }
    return FF_E_OK;
}
