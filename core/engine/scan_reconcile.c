/* What the reconcilers of admission have to do: all there is, a partition at a time; whether a
 * worker's record has lapsed; whether indexes may disagree with their records. */
#include "core/engine/engine_int.h"
#include "core/engine/scan.h"

/* Every partition of the family that an index has entries of. */
static ff_err
list_partitions(struct ff_scan *scan, enum ff_index index, enum ff_partition_family family)
{
    struct ff_scope any = ff_scope_none();
    struct ff_scope_list scopes = { 0 };

    if (scan->partition.is && scan->family != family) {
        return FF_E_OK;
    }
    FF_TRY(ff_txn_scopes(scan->txn, index, &any, &scopes));
    for (uint32_t i = 0; i < scopes.n; i++) {
        const struct ff_scope *scope = &scopes.v[i];
        struct ff_partition partition = { family, (uint16_t) (scope->b[0] << 8 | scope->b[1]) };

        if (scan->partition.is && scan->partition.v != partition.index) {
            continue;
        }
        if (!ff_scan_give_partition(scan, 0, &partition)) {
            break;
        }
    }
    return FF_E_OK;
}

ff_err
ff_scan_budget_reconciler(struct ff_scan *scan)
{
    return list_partitions(scan, FF_IX_BUDGETS, FF_PARTITION_BUDGET);
}

ff_err
ff_scan_quota_reconciler(struct ff_scan *scan)
{
    return list_partitions(scan, FF_IX_QUOTAS, FF_PARTITION_QUOTA);
}

/* One item without arguments. A record goes one millisecond after its liveness (07 §5). */
ff_err
ff_scan_worker_registry_sweep(struct ff_scan *scan)
{
    const struct ff_scan_place place = { 0 };
    struct ff_scope whole = ff_scope_none();
    struct ff_entry first = { 0 };
    bool found = false;

    FF_TRY(ff_txn_next(scan->txn, FF_IX_WORKER_DUE, &whole, NULL, 1, &first, &found));
    if (!found || scan->has_after || scan->partition.is) {
        return FF_E_OK;
    }
    if (first.sort >= scan->txn->now_ms) {
        scan->next_due_at = ff_time_add(first.sort, 1);
    } else if (ff_scan_room(scan, &place)) {
        ff_scan_give(scan);
    }
    return FF_E_OK;
}

/* One item, for everything. A store that one broker owns keeps its indexes itself (07 §3.12). */
ff_err
ff_scan_index_reconciler(struct ff_scan *scan)
{
    const struct ff_scan_place place = { 0 };

    if (!scan->txn->engine->store->ops->exclusive && !scan->has_after &&
        ff_scan_room(scan, &place)) {
        ff_scan_give(scan)->partition = scan->args->partition;
    }
    return FF_E_OK;
}
