/* list_edges, describe_edge (04 §7.3, §7.4). */

#include "core/engine/flow_build.h"

struct ff_edge_snapshot
ff_edge_snapshot(const struct ff_edge *edge)
{
    return (struct ff_edge_snapshot){
        .edge_id = edge->edge_id,
        .flow_id = edge->flow_id,
        .upstream_execution_id = edge->upstream,
        .downstream_execution_id = edge->downstream,
        .dependency_kind = edge->dependency_kind,
        .satisfaction_condition = ff_cstr("all_required"),
        .data_passing_ref = edge->data_passing_ref,
        .edge_state = edge->edge_state,
        .created_at = edge->created_at,
        .created_by = ff_cstr("engine"),
    };
}

ff_err
ff_op_describe_edge(struct ff_txn *txn, const struct ff_describe_edge_args *args,
                    struct ff_describe_edge_result *result)
{
    struct ff_flow flow = { 0 };
    struct ff_edge edge = { 0 };
    bool found = false;

    FF_TRY(ff_flow_find(txn, &args->flow_id, &flow, &found));
    if (found) {
        FF_TRY(ff_edge_find(txn, &args->flow_id, &args->edge_id, &edge, &found));
    }
    if (found) {
        result->edge = FF_ARENA_NEW(txn->arena, struct ff_edge_snapshot, 1);
        *result->edge = ff_edge_snapshot(&edge);
    }
    return FF_E_OK;
}

static ff_err
check_direction(struct ff_txn *txn, const struct ff_edge_direction *direction, struct ff_eid *node)
{
    bool outgoing = direction->kind == FF_DIRECTION_OUTGOING;
    struct ff_opt_eid given = outgoing ? direction->from_node : direction->to_node;

    if (!given.is) {
        return ff_fail_input(&txn->fault, outgoing ? "direction.from_node" : "direction.to_node",
                             "missing");
    }
    *node = given.v;
    return FF_E_OK;
}

/* What the steps of list_edges have listed; each makes a new one. */
struct listing {
    struct ff_edge_snapshot *v;
    uint32_t n, room;
};

static void
add_edge(struct ff_txn *txn, struct listing *to, const struct ff_edge *edge)
{
    struct ff_edge_snapshot *out = NULL;

    to->v = ff_arena_grow(ff_walk_arena(txn), to->v, &to->room, to->n, sizeof(*to->v));
    out = &to->v[to->n++];
    *out = ff_edge_snapshot(edge);
    out->dependency_kind = ff_arena_copy(ff_walk_arena(txn), out->dependency_kind);
    if (out->data_passing_ref.p != NULL) {
        out->data_passing_ref = ff_arena_copy(ff_walk_arena(txn), out->data_passing_ref);
    }
}

/* Goes on listing the edges of a scope. *over: nothing is left. */
static ff_err
list_some(struct ff_txn *txn, struct ff_place place, struct listing *to, bool *over)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    bool found = true, pending = false;

    place.entry = &walk->at;
    for (uint32_t left = txn->facts->flow_step; found && left > 0; left--) {
        struct ff_edge edge = { 0 };
        struct ff_entry next = { 0 };

        FF_TRY(ff_txn_next(txn, place.index, place.scope, walk->inside ? &walk->at : NULL, left,
                           &next, &found));
        if (found) {
            walk->at = next;
            walk->inside = true;
            FF_TRY(ff_gather(ff_edge_at(txn, &place, &edge), &pending));
            add_edge(txn, to, &edge);
        }
    }
    *over = !found;
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* In steps: a member may have 100 000 edges. What fits into one step is of one instant; of more,
 * each edge is as it was at its step. */
ff_err
ff_op_list_edges(struct ff_txn *txn, const struct ff_list_edges_args *args,
                 struct ff_list_edges_result *result)
{
    struct listing *list = FF_ARENA_NEW(ff_walk_arena(txn), struct listing, 1);
    struct ff_walk *walk = ff_txn_walk(txn);
    struct ff_scope scope = ff_scope_none();
    struct ff_place place = { .scope = &scope };
    struct ff_eid node = { 0 };
    struct ff_flow flow = { 0 };
    bool found = false, over = false;

    FF_TRY(check_direction(txn, &args->direction, &node));
    FF_TRY(ff_flow_find(txn, &args->flow_id, &flow, &found)); /* else it may be going */
    scope = ff_scope_ends(&args->flow_id, &node);
    place.index = args->direction.kind == FF_DIRECTION_OUTGOING ? FF_IX_EDGES_OUT : FF_IX_EDGES_IN;
    if (walk->kept != NULL) {
        *list = *(const struct listing *) walk->kept;
    }
    walk->kept = list;
    FF_TRY(list_some(txn, place, list, &over));
    if (!over) {
        return ff_txn_step(txn);
    }
    result->edges = (struct ff_edge_snapshot_list){ .v = list->v, .n = list->n };
    return FF_E_OK;
}
