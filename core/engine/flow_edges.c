/* apply_dependency_to_child, and the search along edges (04 §2.4, §3). */

#include "core/engine/flow_build.h"
#include "core/engine/gate.h"
#include "core/id.h"
#include "core/partition.h"

/* ---- the search ---- */

/* Which executions a search has met: open addressing, made anew for each step. */
struct met {
    struct ff_eid *v;
    bool *used;
    uint32_t mask;
    uint32_t left; /* edges that the step may still look at */
};

static bool
met_add(struct met *met, const struct ff_eid *id)
{
    /* Ids that callers bring may count up in any of their bytes. */
    uint64_t at = ff_fnv1a64(id->uuid.b, sizeof(id->uuid.b)) & met->mask;

    for (; met->used[at]; at = (at + 1) & met->mask) {
        if (ff_eid_eq(met->v[at], *id)) {
            return false;
        }
    }
    met->used[at] = true;
    met->v[at] = *id;
    return true;
}

/* Edges that one step of a search looks at. */
#define SEARCH_STEP 1024

/* What the search has met so far, with room for what a step can add. */
static void
met_begin(struct ff_txn *txn, const struct ff_walk *walk, struct met *met)
{
    uint32_t room = 64;

    while (room < (walk->n + SEARCH_STEP) * 2) {
        room *= 2;
    }
    *met = (struct met){ .v = ff_arena_alloc(txn->arena, room * sizeof(struct ff_eid)),
                         .used = ff_arena_zalloc(txn->arena, room * sizeof(bool)),
                         .mask = room - 1,
                         .left = SEARCH_STEP };
    for (uint32_t i = 0; i < walk->n; i++) {
        met_add(met, &walk->todo[i]);
    }
}

/* Follows the edges of the execution where the walk stands. *out: one of them leads to `to`. */
static ff_err
follow_edges(struct ff_txn *txn, const struct ff_uuid *flow_id, const struct ff_eid *to,
             struct met *met, bool *out)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    struct ff_scope scope = ff_scope_ends(flow_id, &walk->todo[walk->next]);
    bool found = true;

    while (met->left > 0 && !*out) {
        struct ff_entry entry = { 0 };
        const struct ff_place place = { FF_IX_EDGES_OUT, &scope, &entry };
        struct ff_edge edge = { 0 };

        FF_TRY(ff_txn_next(txn, FF_IX_EDGES_OUT, &scope, walk->inside ? &walk->at : NULL, 64,
                           &entry, &found));
        if (!found) {
            walk->next++;
            walk->inside = false;
            return FF_E_OK;
        }
        FF_TRY(ff_edge_at(txn, &place, &edge));
        met->left--;
        walk->inside = true;
        walk->at = entry;
        *out = ff_eid_eq(edge.downstream, *to);
        if (met_add(met, &edge.downstream)) {
            ff_walk_add(txn, &edge.downstream);
        }
    }
    return FF_E_OK;
}

/* The walk's list is the order in which executions were met. The flow's revision was compared
 * before, so that the graph is the same at each step. */
ff_err
ff_edges_lead(struct ff_txn *txn, const struct ff_uuid *flow_id, const struct ff_eid *from,
              const struct ff_eid *to, bool *out)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    struct met met;

    *out = false;
    if (walk->n == 0) {
        ff_walk_add(txn, from);
    }
    met_begin(txn, walk, &met);
    while (!*out && walk->next < walk->n) {
        ff_err err = FF_E_OK;

        if (met.left == 0) {
            return ff_txn_step(txn);
        }
        err = follow_edges(txn, flow_id, to, &met, out);
        FF_TRY(err == FF_E_PENDING ? ff_edges_want_all(txn, flow_id) : err);
    }
    return FF_E_OK;
}

/* ---- apply_dependency_to_child ---- */

/* An all_of group that was satisfied waits again (04 §3.4), unless the new edge is satisfied at
 * once: then it has been all the time. */
static void
reopen(struct ff_group *group)
{
    if (group->kind == FF_EDGE_POLICY_ALL_OF && group->state == FF_GROUP_SATISFIED) {
        group->state = FF_GROUP_PENDING;
    }
}

static ff_err
forget_satisfied(struct ff_txn *txn, struct ff_group *group)
{
    if (group->state == FF_GROUP_SATISFIED || !group->satisfied_at.is) {
        return FF_E_OK;
    }
    group->satisfied_at = FF_NONE(ff_opt_i64);
    return ff_txn_put_group(txn, group);
}

/* The child, if it is waiting to run, waits for its edges now. */
static ff_err
gate_child(struct ff_txn *txn, struct ff_resolving *resolving)
{
    struct ff_exec *child = &resolving->child;

    if (child->lifecycle_phase != FF_PHASE_RUNNABLE || child->cancel_owed_at.is ||
        ff_group_verdict(&resolving->group) != FF_VERDICT_BLOCKED) {
        return ff_resolving_hold_child(txn, resolving);
    }
    return ff_gate_block(txn, child, &resolving->group, &resolving->edge.edge_id);
}

ff_err
ff_edge_apply(struct ff_txn *txn, struct ff_resolving *resolving)
{
    const struct ff_key upstream = ff_key_eid(&resolving->edge.upstream);
    bool ended = false;

    resolving->edge.edge_state = FF_EDGE_APPLIED;
    resolving->edge.applied_at = FF_SOME(ff_opt_i64, txn->now_ms);
    resolving->group.applied++;
    resolving->group.waiting++;
    FF_TRY(ff_edge_outcome(txn, &resolving->edge, &resolving->outcome, &ended));
    reopen(&resolving->group);
    if (ended && !ff_group_is_held(&resolving->group)) {
        FF_TRY(ff_edge_resolve(txn, resolving));
    } else {
        FF_TRY(ff_txn_hold(txn, FF_R_EXEC, &upstream)); /* unless it ends meanwhile, untold */
        FF_TRY(ff_edge_await(txn, resolving));
    }
    FF_TRY(forget_satisfied(txn, &resolving->group));
    return gate_child(txn, resolving);
}

/* Checks 1 to 3 of 04 §3.2. */
static ff_err
check_apply(struct ff_txn *txn, const struct ff_apply_dependency_to_child_args *args,
            struct ff_resolving *resolving)
{
    struct ff_edge *edge = &resolving->edge;
    struct ff_exec child = { 0 };
    bool found = false;

    FF_TRY(ff_exec_open(txn, &args->downstream_execution_id, &child));
    if (child.flow_id.is && !ff_uuid_eq(child.flow_id.v, args->flow_id)) {
        char *text = ff_arena_alloc(txn->arena, FF_UUID_TEXT_MAX);

        ff_uuid_text(&child.flow_id.v, text);
        return ff_fail(&txn->fault, FF_E_EXECUTION_ALREADY_IN_FLOW, ff_d_text("flow_id", text));
    }
    FF_TRY(ff_edge_find(txn, &args->flow_id, &args->edge_id, edge, &found));
    if (!found || !ff_eid_eq(edge->upstream, args->upstream_execution_id) ||
        !ff_eid_eq(edge->downstream, args->downstream_execution_id)) {
        return ff_fail(&txn->fault, FF_E_INVALID_DEPENDENCY,
                       ff_d_text("reason", found ? "other_endpoints" : "unknown_edge"));
    }
    return FF_E_OK;
}

ff_err
ff_op_apply_dependency_to_child(struct ff_txn *txn,
                                const struct ff_apply_dependency_to_child_args *args,
                                struct ff_apply_dependency_to_child_result *result)
{
    struct ff_resolving resolving = { 0 };
    struct ff_flow flow = { 0 };

    FF_TRY(check_apply(txn, args, &resolving));
    if (resolving.edge.edge_state != FF_EDGE_PENDING) {
        result->outcome = "already_applied";
        return FF_E_OK;
    }
    FF_TRY(ff_flow_open(txn, &args->flow_id, &flow));
    FF_TRY(ff_resolving_read(txn, &resolving));
    resolving.edge.applied_revision = FF_SOME(ff_opt_u64, args->graph_revision);
    if (args->data_passing_ref.n > 0) {
        resolving.edge.applied_ref = args->data_passing_ref;
    }
    FF_TRY(ff_edge_apply(txn, &resolving));
    result->outcome = "applied";
    result->unsatisfied_count = FF_SOME(ff_opt_u32, resolving.group.waiting);
    result->edge_state = FF_SOME(ff_opt_u32, resolving.edge.edge_state);
    return FF_E_OK;
}
