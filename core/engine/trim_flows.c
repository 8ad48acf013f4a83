/* trim_flows: flows whose members are all gone and whose retention is over go too (04 §7.7). */
#include "core/engine/flow.h"
#include "core/partition.h"

/* Removes every record of a flow's scope. */
static ff_err
remove_all(struct ff_txn *txn, enum ff_index index, const struct ff_uuid *flow_id,
           enum ff_record kind)
{
    struct ff_scope scope = ff_scope_flow(flow_id);
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    bool found = true, pending = false;

    for (;;) {
        FF_TRY(ff_txn_next(txn, index, &scope, &at, 1024, &next, &found));
        if (!found) {
            return pending ? FF_E_PENDING : FF_E_OK;
        }
        at = next;
        FF_TRY(ff_gather(ff_txn_remove(txn, kind, &at.id), &pending));
    }
}

/* Events stay, and the id is free again. */
static ff_err
remove_flow(struct ff_txn *txn, const struct ff_key *key)
{
    struct ff_flow flow = { 0 };
    bool found = false;

    FF_TRY(ff_txn_find(txn, FF_R_FLOW, key, &flow, &found));
    if (!found) {
        return FF_E_OK;
    }
    FF_TRY(remove_all(txn, FF_IX_MEMBERS, &flow.flow_id, FF_R_MEMBER));
    FF_TRY(remove_all(txn, FF_IX_GROUPS, &flow.flow_id, FF_R_GROUP));
    FF_TRY(remove_all(txn, FF_IX_EDGES, &flow.flow_id, FF_R_EDGE));
    FF_TRY(ff_txn_remove(txn, FF_R_SUMMARY, key));
    return ff_txn_remove(txn, FF_R_FLOW, key);
}

ff_err
ff_op_trim_flows(struct ff_txn *txn, const struct ff_trim_flows_args *args,
                 struct ff_trim_flows_result *result)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    struct ff_partition partition = { 0 };
    struct ff_scope scope = ff_scope_none();
    struct ff_entry entry = { 0 };
    bool found = false;

    FF_TRY(ff_partition_key_parse(args->partition, "partition", &partition, &txn->fault));
    if (partition.family != FF_PARTITION_FLOW) {
        return FF_E_OK; /* no flow lives there */
    }
    scope = ff_scope_partition(partition.index);
    FF_TRY(ff_txn_next(txn, FF_IX_FLOW_ENDED, &scope, NULL, 1, &entry, &found));
    if (found && walk->counts[0] < args->batch_size &&
        ff_time_add(entry.sort, args->retention_ms) <= txn->now_ms) {
        FF_TRY(remove_flow(txn, &entry.id));
        walk->counts[0]++;
        return ff_txn_step(txn); /* each deletion is a step */
    }
    result->purged = walk->counts[0];
    return FF_E_OK;
}
