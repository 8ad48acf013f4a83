/* projector.c: which flows have changed since their summary was made (07 §3.11), and the list of
 * the scanner flow_projector.
 *
 * They are kept in memory only: a member's move to another state notes its flow here, and
 * project_flow_summary strikes it off. After a start all flows are looked through once, a part with
 * each call: those whose summary is not a final one are noted. A note too many costs a projection
 * that changes nothing.
 */
#include <stdlib.h>

#include "core/engine/engine_int.h"
#include "core/engine/flow.h"
#include "core/engine/scan.h"

/* Flows noted at a time; more are found by looking through all of them again. */
#define STALE_MAX 65536
/* Flows that one call looks at after a start. */
#define SWEEP_LOOKS 500

enum { NOTED, SWEEPING };

static int
stale_cmp(const struct stale_flow *a, const struct stale_flow *b)
{
    return ff_key_cmp(&a->key, &b->key);
}

FF_RB_GENERATE(stale_tree, stale_flow, node, stale_cmp)

static struct stale_flow *
find(struct ff_engine *engine, const struct ff_key *key)
{
    struct stale_flow probe;

    probe.key = *key;
    return RB_FIND(stale_tree, &engine->projecting.stale, &probe);
}

void
ff_projector_note(struct ff_engine *engine, const struct ff_key *flow)
{
    struct projecting *projecting = &engine->projecting;
    struct ff_scope topic = ff_scope_scanner(FF_SCANNER_FLOW_PROJECTOR);
    struct stale_flow *stale = NULL;

    if (find(engine, flow) != NULL) {
        return;
    }
    if (projecting->n == STALE_MAX) {
        projecting->swept = false; /* it is found there, once there is room */
        projecting->at = (struct ff_entry){ .sort = INT64_MIN };
        projecting->partition = 0;
        return;
    }
    stale = malloc(sizeof(*stale));
    FF_ASSERT(stale != NULL);
    stale->key = *flow;
    RB_INSERT(stale_tree, &projecting->stale, stale);
    projecting->n++;
    if (engine->n_parked > 0) {
        ff_parking_wake(engine, &topic);
    }
}

void
ff_projector_note_move(struct ff_engine *engine, const struct ff_scope *member_state)
{
    struct ff_key flow = ff_key_bytes(ff_str(member_state->b, 16));

    ff_projector_note(engine, &flow);
}

static void
strike(struct ff_engine *engine, struct stale_flow *stale)
{
    RB_REMOVE(stale_tree, &engine->projecting.stale, stale);
    engine->projecting.n--;
    free(stale);
}

void
ff_projector_free(struct ff_engine *engine)
{
    struct stale_flow *stale = NULL;

    while ((stale = RB_MIN(stale_tree, &engine->projecting.stale)) != NULL) {
        strike(engine, stale);
    }
}

void
ff_txn_projected(struct ff_txn *txn, const struct ff_uuid *flow_id)
{
    struct ff_key key = ff_key_flow(flow_id);
    struct stale_flow *stale = find(txn->engine, &key);

    if (stale != NULL) {
        strike(txn->engine, stale);
    }
}

/* ---- after a start ---- */

static bool
is_final(const struct ff_summary *summary)
{
    return summary->counts != NULL && (summary->counts->public_flow_state == FF_FLOW_COMPLETED ||
                                       summary->counts->public_flow_state == FF_FLOW_FAILED);
}

/* One that cannot be read is left to who calls for it. */
static ff_err
look_at(struct ff_txn *txn, const struct ff_key *key)
{
    struct ff_summary summary = { 0 };
    struct ff_flow flow = { 0 };
    bool found = false, has_summary = false, pending = false;

    FF_TRY(ff_gather(ff_txn_find(txn, FF_R_FLOW, key, &flow, &found), &pending));
    FF_TRY(ff_gather(ff_txn_find(txn, FF_R_SUMMARY, key, &summary, &has_summary), &pending));
    if (!pending && found && flow.node_count > 0 && !is_final(&summary)) {
        ff_projector_note(txn->engine, key);
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

static ff_err
sweep_partition(struct ff_txn *txn, const struct ff_scope *scope, struct ff_entry *at,
                uint32_t *left)
{
    struct ff_entry next = { 0 };
    bool found = true, pending = false;

    for (; *left > 0; (*left)--) {
        ff_err err = ff_txn_next(txn, FF_IX_FLOWS, scope, at, *left, &next, &found);

        FF_TRY(err);
        if (!found) {
            break;
        }
        *at = next;
        err = look_at(txn, &at->id);
        if (err == FF_E_CORRUPTION) {
            txn->fault = (struct ff_fault){ 0 };
            continue;
        }
        FF_TRY(ff_gather(err, &pending));
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* The next part of all flows. */
static ff_err
sweep(struct ff_txn *txn)
{
    struct projecting *projecting = &txn->engine->projecting;
    const struct ff_scope any = ff_scope_none();
    struct ff_entry at = projecting->at;
    struct ff_scope_list scopes = { 0 };
    uint32_t left = SWEEP_LOOKS;
    uint16_t partition = projecting->partition;

    FF_TRY(ff_txn_scopes(txn, FF_IX_FLOWS, &any, &scopes));
    for (uint32_t i = 0; i < scopes.n && left > 0; i++) {
        uint16_t of = (uint16_t) (scopes.v[i].b[0] << 8 | scopes.v[i].b[1]);

        if (of < partition) {
            continue;
        }
        if (of > partition) {
            partition = of;
            at = (struct ff_entry){ .sort = INT64_MIN };
        }
        FF_TRY(sweep_partition(txn, &scopes.v[i], &at, &left));
    }
    projecting->at = at;
    projecting->partition = partition;
    projecting->swept = left > 0;
    return FF_E_OK;
}

/* ---- the scanner ---- */

static bool
is_at_home(const struct ff_scan *scan, const struct ff_uuid *flow_id)
{
    return !scan->partition.is ||
           scan->partition.v == ff_partition_of_flow(flow_id, scan->txn->facts->counts.flow);
}

static bool
give(struct ff_scan *scan, const struct stale_flow *stale)
{
    const struct ff_scan_place place = { .source = NOTED, .entry = { .id = stale->key } };
    struct ff_uuid flow_id;

    memcpy(flow_id.b, stale->key.b, sizeof(flow_id.b));
    if (!is_at_home(scan, &flow_id)) {
        return true;
    }
    if (!ff_scan_room(scan, &place)) {
        return false;
    }
    ff_scan_give(scan)->flow_id = FF_SOME(ff_opt_uuid, flow_id);
    return true;
}

ff_err
ff_scan_flow_projector(struct ff_scan *scan)
{
    const struct ff_scan_place sweeping = { .source = SWEEPING };
    struct projecting *projecting = &scan->txn->engine->projecting;
    struct stale_flow probe, *stale = RB_MIN(stale_tree, &projecting->stale);

    if (!projecting->swept && projecting->n < STALE_MAX) {
        FF_TRY(sweep(scan->txn));
        stale = RB_MIN(stale_tree, &projecting->stale);
    }
    if (scan->has_after && scan->after.source == NOTED) {
        probe.key = scan->after.entry.id;
        stale = RB_NFIND(stale_tree, &projecting->stale, &probe);
        if (stale != NULL && ff_key_cmp(&stale->key, &probe.key) == 0) {
            stale = RB_NEXT(stale_tree, &projecting->stale, stale);
        }
    }
    while (stale != NULL && give(scan, stale)) {
        stale = RB_NEXT(stale_tree, &projecting->stale, stale);
    }
    if (!scan->more && !projecting->swept && projecting->n < STALE_MAX) {
        scan->more = scan->has_last = true; /* the next call looks through some more */
        scan->last = sweeping;
    }
    return FF_E_OK;
}
