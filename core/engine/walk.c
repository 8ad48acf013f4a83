#include "core/engine/walk.h"

#include "core/partition.h"

/* One record; what cannot be read is counted. */
static ff_err
act_on(struct ff_txn *txn, const struct ff_each *each, const struct ff_key *key, uint32_t counts[2])
{
    ff_err err = each->act(txn, key, &counts[0]);

    if (err == FF_E_CORRUPTION) {
        txn->fault = (struct ff_fault){ 0 };
        counts[1]++;
        return FF_E_OK;
    }
    return err;
}

static ff_err
each_of_scope(struct ff_txn *txn, const struct ff_each *each, const struct ff_scope *scope,
              uint32_t counts[2], bool *pending)
{
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    bool found = true;

    for (;;) {
        FF_TRY(ff_txn_next(txn, each->index, scope, &at, 256, &next, &found));
        if (!found) {
            return FF_E_OK;
        }
        at = next;
        FF_TRY(ff_gather(act_on(txn, each, &at.id, counts), pending));
    }
}

ff_err
ff_each_in(struct ff_txn *txn, const struct ff_each *each, struct ff_str partition,
           uint32_t *processed, uint32_t *errors)
{
    const struct ff_scope any = ff_scope_none();
    struct ff_partition parsed = { 0 };
    struct ff_scope_list scopes = { 0 };
    struct ff_scope only;
    uint32_t counts[2] = { 0, 0 };
    bool pending = false;

    if (partition.n > 0) {
        FF_TRY(ff_partition_key_parse(partition, "partition", &parsed, &txn->fault));
        if (parsed.family != each->family) {
            return ff_fail_input(&txn->fault, "partition", "unknown_family_prefix");
        }
        only = ff_scope_partition(parsed.index);
        scopes = (struct ff_scope_list){ .v = &only, .n = 1 };
    } else {
        FF_TRY(ff_txn_scopes(txn, each->index, &any, &scopes));
    }
    for (uint32_t i = 0; i < scopes.n; i++) {
        FF_TRY(ff_gather(each_of_scope(txn, each, &scopes.v[i], counts, &pending), &pending));
    }
    *processed = counts[0];
    *errors = counts[1];
    return pending ? FF_E_PENDING : FF_E_OK;
}

ff_err
ff_sweep_head(struct ff_txn *txn, const struct ff_sweep *sweep, uint32_t *removed)
{
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    bool found = true, pending = false;

    for (*removed = 0; *removed < sweep->max; ++*removed) {
        FF_TRY(ff_txn_next(txn, sweep->index, &sweep->scope, &at, sweep->max - *removed, &next,
                           &found));
        if (!found || next.sort >= sweep->below) {
            break;
        }
        at = next;
        FF_TRY(ff_gather(ff_txn_remove(txn, sweep->kind, &at.id), &pending));
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}
