/* list_flows, resolve_execution_flow_id (04 §7). */

#include "core/engine/flow.h"
#include "core/partition.h"

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
