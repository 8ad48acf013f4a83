/* trim_flows: flows whose members are all gone and whose retention is over go too (04 §7.7). */
#include "core/engine/flow.h"
#include "core/engine/purge.h"
#include "core/partition.h"

/* Events stay, and the id is free again. */
static ff_err
remove_flow(struct ff_txn *txn, const struct ff_key *key)
{
    struct ff_flow flow = { 0 };
    bool found = false;

    FF_TRY(ff_txn_find(txn, FF_R_FLOW, key, &flow, &found));
    return found ? ff_purge_flow(txn, &flow) : FF_E_OK;
}

ff_err
ff_op_trim_flows(struct ff_txn *txn, const struct ff_trim_flows_args *args,
                 struct ff_trim_flows_result *result)
{
    struct ff_walk *walk = ff_txn_walk(txn);
    struct ff_partition partition = { 0 };
    struct ff_scope scope = ff_scope_none();
    struct ff_entry entry = { 0 };
    bool found = false, rest = false;

    FF_TRY(ff_partition_key_parse(args->partition, "partition", &partition, &txn->fault));
    if (partition.family != FF_PARTITION_FLOW) {
        return FF_E_OK; /* no flow lives there */
    }
    FF_TRY(ff_purge_rest(txn, &rest));
    if (rest) {
        return ff_txn_step(txn);
    }
    scope = ff_scope_partition(partition.index);
    FF_TRY(ff_txn_next(txn, FF_IX_FLOW_ENDED, &scope, NULL, 1, &entry, &found));
    if (found && walk->counts[0] < args->batch_size &&
        ff_time_add(entry.sort, args->retention_ms) <= txn->now_ms) {
        FF_TRY(remove_flow(txn, &entry.id));
        walk->counts[0]++;
        return ff_txn_step(txn); /* each deletion is a step; a large one goes on in the next */
    }
    result->purged = walk->counts[0];
    return FF_E_OK;
}
