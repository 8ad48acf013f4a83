/* describe_flow, list_flows, resolve_execution_flow_id (04 §7). */

#include <stdlib.h>

#include "core/engine/group.h"
#include "core/id.h"
#include "core/partition.h"

/* ---- describe_flow ---- */

static struct ff_str
eid_text(struct ff_txn *txn, const struct ff_eid *id)
{
    char *text = ff_arena_alloc(txn->arena, FF_EID_TEXT_MAX);

    return ff_str(text, ff_eid_text(id, text));
}

static int
str_cmp(const void *a, const void *b)
{
    return ff_str_cmp(*(const struct ff_str *) a, *(const struct ff_str *) b);
}

/* One that cannot be read keeps its group pending. */
static ff_err
is_owed(struct ff_txn *txn, const struct ff_group *group, const struct ff_entry *entry,
        struct ff_sibling *sibling)
{
    ff_err err = ff_sibling_at(txn, group, entry, sibling);

    if (err != FF_E_CORRUPTION) {
        return err;
    }
    txn->fault = (struct ff_fault){ 0 };
    sibling->running = true;
    return FF_E_OK;
}

/* Upstreams that are owed a cancel, each once; within one partition their texts order as their
 * bytes do. */
static ff_err
pending_siblings(struct ff_txn *txn, const struct ff_group *group, struct ff_strs *out)
{
    struct ff_scope scope = ff_scope_ends(&group->flow_id, &group->downstream);
    struct ff_entry entry = { 0 }, next = { 0 };
    bool found = group->cancel_siblings_pending, pending = false;
    uint32_t n = 0;

    out->v = FF_ARENA_NEW(txn->arena, struct ff_str, found ? group->total : 0);
    for (; found; n++) {
        struct ff_sibling sibling = { .running = false };

        FF_TRY(
            ff_txn_next(txn, FF_IX_EDGES_IN, &scope, n == 0 ? NULL : &entry, 256, &next, &found));
        entry = next;
        if (found) {
            FF_TRY(ff_gather(is_owed(txn, group, &entry, &sibling), &pending));
        }
        if (sibling.running && out->n < group->total) {
            out->v[out->n++] = eid_text(txn, &sibling.id);
        }
    }
    if (out->n > 1) {
        qsort(out->v, out->n, sizeof(out->v[0]), str_cmp);
    }
    n = out->n;
    out->n = n > 0;
    for (uint32_t i = 1; i < n; i++) {
        if (!ff_str_eq(out->v[i], out->v[out->n - 1])) {
            out->v[out->n++] = out->v[i];
        }
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

static ff_err
show_group(struct ff_txn *txn, const struct ff_group *group, struct ff_edge_group_snapshot *out)
{
    *out = (struct ff_edge_group_snapshot){
        .downstream_execution_id = group->downstream,
        .policy = { .kind = group->kind, .on_satisfied = group->on_satisfied },
        .total_deps = group->total,
        .satisfied_count = group->succeeded,
        .failed_count = group->failed,
        .skipped_count = group->skipped,
        .running_count = group->total - group->succeeded - group->failed - group->skipped,
        .group_state = group->state,
        .satisfied_at = group->satisfied_at,
        .cancel_siblings_pending = group->cancel_siblings_pending,
        .cancel_siblings_reason = group->cancel_siblings_reason,
    };
    if (group->kind == FF_EDGE_POLICY_QUORUM) {
        out->policy.k = FF_SOME(ff_opt_u32, group->k);
    }
    return pending_siblings(txn, group, &out->pending_sibling_ids);
}

/* Those with at least one staged edge. */
static ff_err
show_groups(struct ff_txn *txn, const struct ff_flow *flow,
            struct ff_edge_group_snapshot_list *list)
{
    struct ff_scope scope = ff_scope_flow(&flow->flow_id);
    struct ff_entry entry = { 0 }, next = { 0 };
    bool found = flow->edge_count > 0, pending = false;

    list->v = FF_ARENA_NEW(txn->arena, struct ff_edge_group_snapshot, found ? flow->node_count : 0);
    for (uint32_t n = 0; found; n++) {
        struct ff_group group = { 0 };

        FF_TRY(ff_txn_next(txn, FF_IX_GROUPS, &scope, n == 0 ? NULL : &entry, 1024, &next, &found));
        entry = next;
        if (!found) {
            break;
        }
        FF_TRY(ff_gather(ff_txn_find(txn, FF_R_GROUP, &entry.id, &group, &found), &pending));
        found = true;
        if (group.total > 0 && list->n < flow->node_count) {
            FF_TRY(ff_gather(show_group(txn, &group, &list->v[list->n++]), &pending));
        }
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

static void
show_flow(const struct ff_flow *flow, struct ff_flow_snapshot *out)
{
    *out = (struct ff_flow_snapshot){
        .flow_id = flow->flow_id,
        .flow_kind = flow->flow_kind,
        .namespace = flow->namespace,
        .graph_revision = flow->graph_revision,
        .node_count = flow->node_count,
        .edge_count = flow->edge_count,
        .created_at = flow->created_at,
        .last_mutation_at = flow->last_mutation_at,
        .cancelled_at = flow->cancelled_at,
        .cancel_reason =
            flow->cancelled && flow->cancel_reason.n > 0 ? flow->cancel_reason : FF_NONE(ff_str),
        .cancellation_policy = flow->cancelled ? flow->cancellation_policy : FF_NONE(ff_opt_u32),
        .tags = flow->tags,
        .pending_cancel_count = flow->cancel_left,
    };
}

ff_err
ff_op_describe_flow(struct ff_txn *txn, const struct ff_describe_flow_args *args,
                    struct ff_describe_flow_result *result)
{
    struct ff_flow_snapshot *out = FF_ARENA_NEW(txn->arena, struct ff_flow_snapshot, 1);
    struct ff_key key = ff_key_flow(&args->flow_id);
    struct ff_flow flow = { 0 };
    struct ff_summary summary = { 0 };
    bool found = false, pending = false;

    FF_TRY(ff_flow_find(txn, &args->flow_id, &flow, &found));
    if (!found) {
        return FF_E_OK;
    }
    show_flow(&flow, out);
    FF_TRY(ff_gather(ff_flow_public_state(txn, &flow, &out->public_flow_state), &pending));
    FF_TRY(ff_gather(show_groups(txn, &flow, &out->edge_groups), &pending));
    FF_TRY(ff_gather(ff_txn_find(txn, FF_R_SUMMARY, &key, &summary, &found), &pending));
    out->summary = summary.counts;
    result->flow = out;
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* ---- list_flows ---- */

#define PAGE_MAX 1000

static enum ff_flow_status
status_of(enum ff_flow_state state)
{
    switch (state) {
    case FF_FLOW_CANCELLED:
        return FF_FLOW_STATUS_CANCELLED;
    case FF_FLOW_COMPLETED:
        return FF_FLOW_STATUS_COMPLETED;
    case FF_FLOW_FAILED:
        return FF_FLOW_STATUS_FAILED;
    default:
        return FF_FLOW_STATUS_ACTIVE;
    }
}

static ff_err
show_row(struct ff_txn *txn, const struct ff_entry *entry, struct ff_flow_row *out)
{
    enum ff_flow_state state = FF_FLOW_OPEN;
    struct ff_flow flow = { 0 };
    bool found = false;

    FF_TRY(ff_txn_find(txn, FF_R_FLOW, &entry->id, &flow, &found));
    FF_TRY(ff_flow_public_state(txn, &flow, &state));
    *out = (struct ff_flow_row){ .flow_id = flow.flow_id,
                                 .created_at = flow.created_at,
                                 .status = status_of(state) };
    return FF_E_OK;
}

ff_err
ff_op_list_flows(struct ff_txn *txn, const struct ff_list_flows_args *args,
                 struct ff_list_flows_result *result)
{
    uint32_t limit = args->limit < PAGE_MAX ? args->limit : PAGE_MAX;
    struct ff_flow_row_list *list = &result->flows;
    struct ff_partition partition = { 0 };
    struct ff_scope scope = ff_scope_none();
    struct ff_entry entry = { 0 }, next = { 0 };
    bool found = true, pending = false, first = !args->cursor.is;

    FF_TRY(ff_partition_key_parse(args->partition, "partition", &partition, &txn->fault));
    if (partition.family != FF_PARTITION_FLOW || limit == 0) {
        return partition.family == FF_PARTITION_FLOW
                   ? FF_E_OK
                   : ff_fail_input(&txn->fault, "partition", "wrong_family");
    }
    scope = ff_scope_partition(partition.index);
    entry.id = ff_key_flow(&args->cursor.v);
    list->v = FF_ARENA_NEW(txn->arena, struct ff_flow_row, limit);
    for (;; first = false) {
        FF_TRY(
            ff_txn_next(txn, FF_IX_FLOWS, &scope, first ? NULL : &entry, limit + 1, &next, &found));
        if (!found || list->n == limit) {
            break;
        }
        entry = next;
        FF_TRY(ff_gather(show_row(txn, &entry, &list->v[list->n++]), &pending));
    }
    if (found && !pending) {
        result->next_cursor = FF_SOME(ff_opt_uuid, list->v[list->n - 1].flow_id);
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* ---- the rest ---- */

ff_err
ff_op_resolve_execution_flow_id(struct ff_txn *txn,
                                const struct ff_resolve_execution_flow_id_args *args,
                                struct ff_resolve_execution_flow_id_result *result)
{
    struct ff_exec exec = { 0 };
    bool found = false;

    FF_TRY(ff_txn_find_exec(txn, &args->execution_id, &exec, &found));
    result->flow_id = exec.flow_id;
    return FF_E_OK;
}
