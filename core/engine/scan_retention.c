/* What the retention trimmer has to do: partitions with ended executions or flows past their
 * retention, and, as an item without partition, lapsed keys, expired frames and old events (07 §4),
 * and what calls of submit_flow and replay_execution have left behind.
 */
#include "core/engine/scan_flows.h"
#include "core/engine/submit.h"

enum { PARTITIONS, FLOWS, EXPIRED };

int64_t
ff_scan_due_at(const struct ff_engine_facts *facts, const struct ff_index_key *key)
{
    bool by_default = key->index == FF_IX_RETAINED && key->scope.b[key->scope.n - 1] == 0;

    if (key->index == FF_IX_CASCADE || key->index == FF_IX_GROUPS_OWED) {
        return ff_time_add(key->sort, facts->consumes ? FF_SCAN_OWN_WORK_MS : 0);
    }
    if (key->index == FF_IX_SUBMITTING) {
        return ff_time_add(key->sort, FF_SUBMIT_KEPT_MS);
    }
    if (key->index == FF_IX_FLOW_ENDED) {
        return ff_time_add(key->sort, facts->flow_retention_ms);
    }
    return by_default ? ff_time_add(key->sort, facts->retention_ms) : key->sort;
}

static void
due_no_later(struct ff_scan *scan, int64_t due_at)
{
    if (due_at > scan->txn->now_ms && due_at < scan->next_due_at) {
        scan->next_due_at = due_at;
    }
}

/* When the first one of a scope falls due; INT64_MAX: it is empty. */
static ff_err
first_due(struct ff_scan *scan, enum ff_index index, const struct ff_scope *scope, int64_t *due_at)
{
    struct ff_index_key key = { .index = (uint8_t) index, .scope = *scope };
    struct ff_entry entry = { 0 };
    bool found = false;
    ff_err err = ff_txn_next(scan->txn, index, scope, NULL, 1, &entry, &found);

    *due_at = INT64_MAX;
    if (err == FF_E_PENDING) {
        scan->pending = true;
        return FF_E_OK;
    }
    FF_TRY(err);
    if (found) {
        key.sort = entry.sort;
        *due_at = ff_scan_due_at(scan->txn->facts, &key);
        due_no_later(scan, *due_at);
    }
    return FF_E_OK;
}

static uint16_t
partition_of(const struct ff_scope *scope)
{
    return (uint16_t) (scope->b[0] << 8 | scope->b[1]);
}

/* Both scopes of a partition stand side by side. A partition may be listed for its executions and
 * for its flows: what is done for it is the same. */
static ff_err
list_partitions(struct ff_scan *scan, uint8_t source, enum ff_index index)
{
    struct ff_scope any = ff_scope_none();
    struct ff_scope_list scopes = { 0 };
    bool goes_on = scan->has_after && scan->after.source == source;
    int64_t given = goes_on ? scan->after.entry.sort : -1;

    if (scan->has_after && scan->after.source > source) {
        return FF_E_OK;
    }
    FF_TRY(ff_txn_scopes(scan->txn, index, &any, &scopes));
    for (uint32_t i = 0; i < scopes.n && !scan->more; i++) {
        struct ff_partition partition = { FF_PARTITION_FLOW, partition_of(&scopes.v[i]) };
        int64_t due_at = INT64_MAX;

        if (partition.index <= given ||
            (scan->partition.is && scan->partition.v != partition.index)) {
            continue;
        }
        FF_TRY(first_due(scan, index, &scopes.v[i], &due_at));
        if (due_at <= scan->txn->now_ms && ff_scan_give_partition(scan, source, &partition)) {
            given = partition.index; /* once, whichever scope it is for */
        }
    }
    return FF_E_OK;
}

static ff_err
keys_due(struct ff_scan *scan, bool *due)
{
    struct ff_scope any = ff_scope_none();
    struct ff_scope_list kinds = { 0 };

    FF_TRY(ff_txn_scopes(scan->txn, FF_IX_EXPIRING, &any, &kinds));
    for (uint32_t i = 0; i < kinds.n; i++) {
        int64_t due_at = INT64_MAX;

        FF_TRY(first_due(scan, FF_IX_EXPIRING, &kinds.v[i], &due_at));
        *due = *due || due_at <= scan->txn->now_ms;
    }
    return FF_E_OK;
}

/* Purges that were begun are due at once. */
static ff_err
purges_due(struct ff_scan *scan, bool *due)
{
    struct ff_scope any = ff_scope_none();
    struct ff_scope_list kinds = { 0 };

    FF_TRY(ff_txn_scopes(scan->txn, FF_IX_PURGING, &any, &kinds));
    *due = *due || kinds.n > 0;
    return FF_E_OK;
}

/* Of an index without scopes. */
static ff_err
whole_due(struct ff_scan *scan, enum ff_index index, bool *due)
{
    struct ff_scope all = ff_scope_none();
    int64_t due_at = INT64_MAX;

    FF_TRY(first_due(scan, index, &all, &due_at));
    *due = *due || due_at <= scan->txn->now_ms;
    return FF_E_OK;
}

static ff_err
events_due(struct ff_scan *scan, bool *due)
{
    struct ff_txn *txn = scan->txn;

    for (int i = 0; i < FF_FAMILIES; i++) {
        struct ff_old_events events = { 0 };
        ff_err err = ff_txn_old_events(txn, (enum ff_event_family) i, 1, &events);

        scan->pending = scan->pending || err == FF_E_PENDING;
        if (err != FF_E_PENDING) {
            FF_TRY(err);
        }
        if (err == FF_E_OK && events.n > 0) {
            int64_t due_at = ff_time_add(events.v[0].at, txn->facts->event_retention_ms);

            due_no_later(scan, due_at);
            *due = *due || due_at <= txn->now_ms;
        }
    }
    return FF_E_OK;
}

ff_err
ff_scan_retention_trimmer(struct ff_scan *scan)
{
    const struct ff_scan_place place = { .source = EXPIRED };
    bool due = false;

    FF_TRY(list_partitions(scan, PARTITIONS, FF_IX_RETAINED));
    if (!scan->more) {
        FF_TRY(list_partitions(scan, FLOWS, FF_IX_FLOW_ENDED));
    }
    if (scan->more || scan->partition.is || (scan->has_after && scan->after.source == EXPIRED)) {
        return FF_E_OK;
    }
    FF_TRY(keys_due(scan, &due));
    FF_TRY(purges_due(scan, &due));
    FF_TRY(whole_due(scan, FF_IX_STREAM_DUE, &due));
    FF_TRY(whole_due(scan, FF_IX_SUBMITTING, &due));
    FF_TRY(whole_due(scan, FF_IX_RELEASING, &due));
    FF_TRY(whole_due(scan, FF_IX_REPLAYING, &due));
    FF_TRY(events_due(scan, &due));
    if (due && ff_scan_room(scan, &place)) {
        ff_scan_give(scan); /* an item without arguments */
    }
    return FF_E_OK;
}
