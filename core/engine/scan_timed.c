/* Lists of the timed scanners: what is due by now, due time then id ascending. */
#include "core/engine/scan.h"

#include "core/engine/group.h"
#include "core/engine/scan_flows.h"

/* Entries that are not due yet and looked at for the first one that the filter admits. */
#define FUTURE_LOOKS_MAX 256

struct source {
    enum ff_index index;
    /* no scope; one a lane, or a partition; one a lane and ownership */
    enum { WHOLE, OF_LANES, OF_LEASED } scopes;
    bool at_once; /* its sort is no time: all of it is due */
    bool with_lane;
    int64_t delay_ms; /* so much later than its sort */
    struct ff_opt_u32 phase;
};

/* The scopes of a source, merged. */
struct merge {
    const struct source *source;
    struct ff_scope_list scopes;
    struct ff_entry *heads;
    bool *has;
    uint32_t at; /* the one whose head is the first */
};

static bool
scope_counts(const struct source *source, const struct ff_scope *scope)
{
    return source->scopes != OF_LEASED || scope->b[scope->n - 1] == FF_OWNER_LEASED;
}

static ff_err
merge_open(struct ff_scan *scan, struct merge *merge, const struct ff_entry *after)
{
    struct ff_scope whole = ff_scope_none();
    struct ff_txn *txn = scan->txn;
    bool pending = false;

    if (merge->source->scopes == WHOLE) {
        merge->scopes.v = FF_ARENA_NEW(txn->arena, struct ff_scope, 1);
        merge->scopes.v[0] = whole;
        merge->scopes.n = 1;
    } else {
        FF_TRY(ff_txn_scopes(txn, merge->source->index, &whole, &merge->scopes));
    }
    merge->heads = FF_ARENA_NEW(txn->arena, struct ff_entry, merge->scopes.n + 1u);
    merge->has = FF_ARENA_NEW(txn->arena, bool, merge->scopes.n + 1u);
    for (uint32_t i = 0; i < merge->scopes.n; i++) {
        ff_err err = FF_E_OK;

        if (scope_counts(merge->source, &merge->scopes.v[i])) {
            err = ff_txn_next(txn, merge->source->index, &merge->scopes.v[i], after,
                              scan->limit + 1, &merge->heads[i], &merge->has[i]);
        }
        pending = pending || err == FF_E_PENDING;
        if (err != FF_E_PENDING) {
            FF_TRY(err);
        }
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* The first of all heads; false: there is none. */
static bool
merge_first(struct merge *merge, struct ff_entry *out)
{
    bool any = false;

    for (uint32_t i = 0; i < merge->scopes.n; i++) {
        if (merge->has[i] && (!any || ff_entry_cmp(&merge->heads[i], out) < 0)) {
            *out = merge->heads[i];
            merge->at = i;
            any = true;
        }
    }
    return any;
}

static ff_err
merge_pass(struct ff_scan *scan, struct merge *merge)
{
    struct ff_entry passed = merge->heads[merge->at];

    return ff_txn_next(scan->txn, merge->source->index, &merge->scopes.v[merge->at], &passed,
                       scan->limit + 1, &merge->heads[merge->at], &merge->has[merge->at]);
}

static void
due_no_later(struct ff_scan *scan, const struct source *source, int64_t at_ms)
{
    int64_t due_at =
        source->at_once ? scan->txn->now_ms : ff_time_add(at_ms, (uint64_t) source->delay_ms);

    if (due_at < scan->next_due_at) {
        scan->next_due_at = due_at;
    }
}

/* When the first one that is wanted falls due. */
static ff_err
find_next_due(struct ff_scan *scan, struct merge *merge)
{
    struct ff_entry entry = { 0 };

    for (int i = 0; merge_first(merge, &entry); i++) {
        bool admits = false;
        ff_err err = ff_scan_admits(scan, &entry.id, &admits);

        if (err != FF_E_PENDING) {
            FF_TRY(err);
        }
        scan->pending = scan->pending || err == FF_E_PENDING;
        if (admits || i == FUTURE_LOOKS_MAX) {
            due_no_later(scan, merge->source, entry.sort);
            return FF_E_OK;
        }
        FF_TRY(merge_pass(scan, merge));
    }
    return FF_E_OK;
}

/* A candidate whose records are to be loaded, or cannot be read, keeps nobody waiting. */
static ff_err
passed_over(struct ff_scan *scan, ff_err err)
{
    scan->pending = scan->pending || err == FF_E_PENDING;
    if (err == FF_E_CORRUPTION) {
        scan->txn->fault = (struct ff_fault){ 0 };
    }
    return err == FF_E_PENDING || err == FF_E_CORRUPTION ? FF_E_OK : err;
}

/* A waitpoint's item names its execution, which its record knows. */
static ff_err
fill_waitpoint(struct ff_scan *scan, const struct ff_entry *entry)
{
    struct ff_waitpoint waitpoint = { 0 };
    struct ff_due_item *item = NULL;
    bool found = false;
    ff_err err = ff_txn_find(scan->txn, FF_R_WAITPOINT, &entry->id, &waitpoint, &found);

    if (err != FF_E_OK) {
        return passed_over(scan, err);
    }
    if (found) {
        item = ff_scan_give(scan);
        item->execution_id = FF_SOME(ff_opt_eid, waitpoint.execution_id);
        item->waitpoint_id = FF_SOME(ff_opt_uuid, waitpoint.waitpoint_id);
    }
    return FF_E_OK;
}

/* A cascade's item tells how the execution ended. */
static ff_err
fill_cascade(struct ff_scan *scan, const struct ff_entry *entry)
{
    struct ff_due_item *item = NULL;
    struct ff_exec exec = { 0 };
    bool found = false;
    ff_err err = ff_txn_find(scan->txn, FF_R_EXEC, &entry->id, &exec, &found);

    if (err != FF_E_OK) {
        return passed_over(scan, err);
    }
    if (found) {
        item = ff_scan_give(scan);
        item->execution_id = FF_SOME(ff_opt_eid, exec.execution_id);
        item->outcome = FF_SOME(ff_opt_u32, exec.terminal_outcome);
    }
    return FF_E_OK;
}

/* A group's item, if all its siblings have ended: else there is nothing to repair. */
static ff_err
fill_group(struct ff_scan *scan, const struct ff_entry *entry)
{
    struct ff_due_item *item = NULL;
    struct ff_group group = { 0 };
    struct ff_sibling_look look = { .inside = false };
    bool found = false;
    ff_err err = ff_txn_find(scan->txn, FF_R_GROUP, &entry->id, &group, &found);

    if (err == FF_E_OK && found) {
        err = ff_sibling_look(scan->txn, &group, &look);
    }
    if (err != FF_E_OK) {
        return passed_over(scan, err);
    }
    if (found && !look.running && !look.more) { /* larger ones: edge_cancel_dispatcher */
        item = ff_scan_give(scan);
        item->flow_id = FF_SOME(ff_opt_uuid, group.flow_id);
        item->downstream_execution_id = FF_SOME(ff_opt_eid, group.downstream);
    }
    return FF_E_OK;
}

static void
fill_plain(struct ff_scan *scan, const struct merge *merge, const struct ff_entry *entry)
{
    struct ff_due_item *item = ff_scan_give(scan);
    const struct ff_scope *scope = &merge->scopes.v[merge->at];

    if (merge->source->index == FF_IX_BUDGET_DUE) {
        item->budget_id.is = true;
        memcpy(item->budget_id.v.b, entry->id.b, sizeof(item->budget_id.v.b));
        return;
    }
    item->execution_id = FF_SOME(ff_opt_eid, ff_key_to_eid(&entry->id));
    item->phase = merge->source->phase;
    if (merge->source->with_lane) {
        item->lane_id = ff_arena_copy(scan->txn->arena, ff_str(scope->b, scope->n - 1u));
    }
}

static ff_err
fill(struct ff_scan *scan, const struct merge *merge, const struct ff_entry *entry)
{
    switch (merge->source->index) {
    case FF_IX_WAITPOINT_DUE:
        return fill_waitpoint(scan, entry);
    case FF_IX_CASCADE:
        return fill_cascade(scan, entry);
    case FF_IX_GROUPS_OWED:
        return fill_group(scan, entry);
    default:
        fill_plain(scan, merge, entry);
        return FF_E_OK;
    }
}

static ff_err
list_source(struct ff_scan *scan, const struct source *source, uint8_t number)
{
    bool after = scan->has_after && scan->after.source == number;
    struct ff_scan_place place = { .source = number };
    struct merge merge = { .source = source };

    FF_TRY(merge_open(scan, &merge, after ? &scan->after.entry : NULL));
    while (merge_first(&merge, &place.entry)) {
        bool go_on = false, wanted = false;

        if (!source->at_once && place.entry.sort > scan->txn->now_ms - source->delay_ms) {
            return find_next_due(scan, &merge);
        }
        FF_TRY(ff_scan_look(scan, &place, &go_on, &wanted));
        if (!go_on) {
            due_no_later(scan, source, place.entry.sort);
            return FF_E_OK;
        }
        if (wanted) {
            FF_TRY(fill(scan, &merge, &place.entry));
        }
        FF_TRY(merge_pass(scan, &merge));
    }
    return FF_E_OK;
}

static ff_err
list(struct ff_scan *scan, const struct source *sources, uint8_t n)
{
    uint8_t first = scan->has_after ? scan->after.source : 0;

    for (uint8_t i = first; i < n && !scan->more; i++) {
        FF_TRY(list_source(scan, &sources[i], i));
    }
    return FF_E_OK;
}

/* ---- the scanners ---- */

ff_err
ff_scan_lease_expiry(struct ff_scan *scan)
{
    static const struct source sources[] = {
        { .index = FF_IX_LEASE_DUE, .scopes = OF_LEASED },
        { .index = FF_IX_CAPPED, .at_once = true },
    };

    return list(scan, sources, FF_COUNT(sources));
}

ff_err
ff_scan_delayed_promoter(struct ff_scan *scan)
{
    static const struct source delayed = { .index = FF_IX_DELAYED,
                                           .scopes = OF_LANES,
                                           .with_lane = true };

    return list(scan, &delayed, 1);
}

ff_err
ff_scan_attempt_timeout(struct ff_scan *scan)
{
    static const struct source due = { .index = FF_IX_ATTEMPT_DUE,
                                       .phase = { .v = FF_EXPIRE_ATTEMPT_TIMEOUT, .is = true } };

    return list(scan, &due, 1);
}

ff_err
ff_scan_execution_deadline(struct ff_scan *scan)
{
    static const struct source due = { .index = FF_IX_DEADLINE_DUE,
                                       .phase = { .v = FF_EXPIRE_EXECUTION_DEADLINE, .is = true } };

    return list(scan, &due, 1);
}

ff_err
ff_scan_suspension_timeout(struct ff_scan *scan)
{
    static const struct source due = { .index = FF_IX_SUSPENSION_DUE };

    return list(scan, &due, 1);
}

ff_err
ff_scan_pending_wp_expiry(struct ff_scan *scan)
{
    static const struct source due = { .index = FF_IX_WAITPOINT_DUE };

    return list(scan, &due, 1);
}

/* What is owed comes first. A call that waits is for that alone: the rotation has its own pace. */
ff_err
ff_scan_dependency_reconciler(struct ff_scan *scan)
{
    const struct source owed = { .index = FF_IX_CASCADE,
                                 .scopes = OF_LANES,
                                 .delay_ms = scan->txn->facts->consumes ? FF_SCAN_OWN_WORK_MS : 0 };

    FF_TRY(list_source(scan, &owed, FF_SCAN_OWED));
    return scan->more || scan->args->block_ms > 0 ? FF_E_OK : ff_scan_rotation(scan);
}

ff_err
ff_scan_edge_cancel_reconciler(struct ff_scan *scan)
{
    static const struct source flagged = { .index = FF_IX_GROUPS_OWED, .scopes = OF_LANES };

    return list(scan, &flagged, 1);
}

ff_err
ff_scan_budget_reset(struct ff_scan *scan)
{
    static const struct source due = { .index = FF_IX_BUDGET_DUE };

    return list(scan, &due, 1);
}
