/* submit_flow: writing a graph that has been checked, and answering (04 §2.9).
 */

#include "core/engine/create.h"
#include "core/engine/purge.h"
#include "core/engine/submit_int.h"
#include "core/id.h"

/* ---- what is stored already ---- */

ff_err
ff_graph_find_flow(struct ff_txn *txn, const struct ff_graph *graph, struct ff_flow *out,
                   bool *found)
{
    struct ff_key key = ff_key_flow(&graph->head.flow_id);

    FF_TRY(ff_txn_find(txn, FF_R_FLOW, &key, out, found));
    if (!*found) {
        FF_TRY(ff_txn_find_hidden(txn, FF_R_FLOW, &key, out, found));
    }
    if (*found && out->purging) {
        return ff_purge_over(txn, FF_R_FLOW, &key);
    }
    return *found &&
                   !ff_str_eq(out->submit_digest, ff_str(graph->digest.b, sizeof(graph->digest.b)))
               ? ff_graph_fail(txn, FF_E_INVALID_INPUT, ff_cstr("flow.flow_id"),
                               "flow_exists_with_other_graph")
               : FF_E_OK;
}

ff_err
ff_graph_check_free(struct ff_txn *txn, const struct ff_graph *graph, uint32_t at)
{
    struct ff_key key = ff_key_eid(&graph->ids[at]);
    struct ff_exec exec = { 0 };
    bool found = false;

    FF_TRY(ff_txn_find_exec(txn, &graph->ids[at], &exec, &found));
    return found ? ff_graph_fail(
                       txn, FF_E_INVALID_INPUT,
                       ff_arena_printf(txn->arena, "members[%u].execution_id", (unsigned) at),
                       "already_exists")
                 : ff_purge_over(txn, FF_R_EXEC, &key);
}

/* No member's id may be taken. They are looked for together. */
static ff_err
check_free(struct ff_txn *txn, const struct ff_graph *graph)
{
    bool pending = false;

    for (uint32_t i = 0; i < graph->members.n; i++) {
        FF_TRY(ff_gather(ff_graph_check_free(txn, graph, i), &pending));
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

bool
ff_graph_changes_lane(const struct ff_graph *graph, uint32_t at)
{
    return at == 0 || !ff_str_eq(graph->members.v[at].lane_id, graph->members.v[at - 1].lane_id);
}

ff_err
ff_graph_fail_lane(struct ff_txn *txn, uint32_t at)
{
    return ff_graph_fail(txn, FF_E_INVALID_INPUT,
                         ff_arena_printf(txn->arena, "members[%u].lane_id", (unsigned) at),
                         "lane_not_accepting");
}

static ff_err
open_lanes(struct ff_txn *txn, const struct ff_graph *graph)
{
    bool pending = false;

    for (uint32_t i = 0; i < graph->members.n; i++) {
        ff_err err = ff_graph_changes_lane(graph, i)
                         ? ff_create_open_lane(txn, graph->members.v[i].lane_id)
                         : FF_E_OK;

        if (err == FF_E_INVALID_INPUT) {
            return ff_graph_fail_lane(txn, i);
        }
        FF_TRY(ff_gather(err, &pending));
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* ---- writing ---- */

static ff_err
write_member(struct ff_txn *txn, const struct ff_graph *graph, uint32_t at, bool staged)
{
    const struct ff_submit_member *member = &graph->members.v[at];
    const struct ff_create_execution_args args = {
        .execution_id = graph->ids[at],
        .namespace = member->namespace.n > 0 ? member->namespace : graph->head.namespace,
        .lane_id = member->lane_id,
        .execution_kind = member->execution_kind,
        .input_payload = member->input_payload,
        .payload_encoding = member->payload_encoding,
        .priority = member->priority,
        .creator_identity = member->creator_identity,
        .tags = member->tags,
        .delay_until = member->delay_until,
        .execution_deadline_at = member->execution_deadline_at,
    };
    const struct ff_creation creation = { .args = &args,
                                          .policy = graph->policies[at],
                                          .flow_id = &graph->head.flow_id,
                                          .waits_for = graph->inbound[at],
                                          .staged = staged };
    const struct ff_member stored = { .flow_id = graph->head.flow_id,
                                      .execution_id = graph->ids[at],
                                      .key = member->key };
    struct ff_exec exec = { 0 };

    FF_TRY(ff_create_write(txn, &creation, &exec));
    return ff_txn_put_new(txn, FF_R_MEMBER, &stored);
}

static ff_err
write_group(struct ff_txn *txn, const struct ff_graph *graph, uint32_t at)
{
    struct ff_group group = graph->gates[at]; /* its policy */

    if (graph->inbound[at] == 0 && !graph->has_gate[at]) {
        return FF_E_OK;
    }
    group.flow_id = graph->head.flow_id;
    group.downstream = graph->ids[at];
    group.total = group.applied = group.waiting = graph->inbound[at];
    return ff_txn_put_new(txn, FF_R_GROUP, &group);
}

ff_err
ff_graph_put_member(struct ff_txn *txn, const struct ff_graph *graph, uint32_t at, bool staged)
{
    FF_TRY(write_member(txn, graph, at, staged));
    return write_group(txn, graph, at);
}

ff_err
ff_graph_put_edge(struct ff_txn *txn, const struct ff_graph *graph, uint32_t at)
{
    const struct ff_submit_edge *given = &graph->edges.v[at];
    const struct ff_edge edge = {
        .flow_id = graph->head.flow_id,
        .edge_id = graph->edge_ids[at],
        .upstream = graph->ids[graph->from[at]],
        .downstream = graph->ids[graph->to[at]],
        .dependency_kind = given->dependency_kind,
        .data_passing_ref =
            given->data_passing_ref.n > 0 ? given->data_passing_ref : FF_NONE(ff_str),
        .edge_state = FF_EDGE_APPLIED,
        .created_at = txn->now_ms,
        .applied_at = FF_SOME(ff_opt_i64, txn->now_ms),
    };

    return ff_txn_put_new(txn, FF_R_EDGE, &edge);
}

struct ff_flow
ff_graph_flow(const struct ff_graph *graph)
{
    return (struct ff_flow){
        .flow_id = graph->head.flow_id,
        .partition = graph->partition,
        .flow_kind = graph->head.flow_kind,
        .namespace = graph->head.namespace,
        .submit_digest = ff_str(graph->digest.b, sizeof(graph->digest.b)),
        .submit_revision = graph->members.n + graph->edges.n,
        .ids_in_order = graph->in_order,
    };
}

/* Checks against what is stored, and writes all of it. */
static ff_err
write_graph(struct ff_txn *txn, const struct ff_graph *graph)
{
    struct ff_flow flow = ff_graph_flow(graph);

    FF_TRY(check_free(txn, graph));
    FF_TRY(open_lanes(txn, graph));
    for (uint32_t i = 0; i < graph->members.n; i++) {
        FF_TRY(ff_graph_put_member(txn, graph, i, false));
    }
    for (uint32_t i = 0; i < graph->edges.n; i++) {
        FF_TRY(ff_graph_put_edge(txn, graph, i));
    }
    flow.node_count = graph->members.n;
    flow.edge_count = graph->edges.n;
    flow.graph_revision = (uint64_t) graph->members.n + graph->edges.n;
    return ff_flow_put_new(txn, &flow);
}

/* ---- the operation ---- */

void
ff_graph_answer(struct ff_txn *txn, const struct ff_graph *graph,
                struct ff_submit_flow_result *result)
{
    result->flow_id = graph->head.flow_id;
    result->graph_revision = (uint64_t) graph->members.n + graph->edges.n;
    result->edges = (struct ff_uuids){ .v = graph->edge_ids, .n = graph->edges.n };
    result->members.v = FF_ARENA_NEW(txn->arena, struct ff_tag, graph->members.n);
    result->members.n = graph->members.n;
    for (uint32_t i = 0; i < graph->members.n; i++) {
        char *text = ff_arena_alloc(txn->arena, FF_EID_TEXT_MAX);

        result->members.v[i].key = graph->members.v[i].key;
        result->members.v[i].value = ff_str(text, ff_eid_text(&graph->ids[i], text));
    }
}

ff_err
ff_op_submit_flow(struct ff_txn *txn, const struct ff_submit_flow_args *args,
                  struct ff_submit_flow_result *result)
{
    struct ff_graph *graph = NULL;
    struct ff_flow flow = { 0 };
    bool found = false;

    if (args->members.n + args->edges.n > txn->facts->submit_once_max ||
        ff_txn_walk(txn)->kept != NULL) {
        return ff_submit_in_steps(txn, args, result);
    }
    graph = FF_ARENA_NEW(txn->arena, struct ff_graph, 1);
    while (!graph->is_read) {
        FF_TRY(ff_graph_read_some(txn, args, graph));
    }
    FF_TRY(ff_graph_find_flow(txn, graph, &flow, &found));
    if (flow.submitting || flow.release_due_at.is) { /* begun where less is done at once */
        return ff_submit_in_steps(txn, args, result);
    }
    ff_graph_name(graph, found ? flow.created_at : txn->now_ms, !found || flow.ids_in_order);
    while (!graph->is_named) {
        FF_TRY(ff_graph_name_some(txn, graph));
    }
    if (!found) {
        FF_TRY(write_graph(txn, graph));
    }
    result->outcome = found ? "already_submitted" : "submitted";
    ff_graph_answer(txn, graph, result);
    return FF_E_OK;
}
