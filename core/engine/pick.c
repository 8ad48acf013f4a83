#include "core/engine/pick_int.h"

#include <stdlib.h>

#include "core/caps.h"
#include "core/engine/lanes.h"
#include "core/engine/lease.h"
#include "core/engine/reclaim.h"
#include "core/engine/rely.h"
#include "core/engine/walk.h"
#include "core/id.h"

/* Marked per call; what is left is the next call's, or the lease scanner's. */
#define LAPSED_LEASES_MAX 1024
/* Merged by rank as they are; older ones lose their grant and join the ready index again. */
#define LAPSED_GRANTS_MAX 256
/* Of one class whose quota is exhausted: those with a live guard or a slot, judged one by one. */
#define ADMITTED_MAX 256

ff_err
ff_offered_caps(struct ff_txn *txn, struct ff_str packed, struct ff_strs *out)
{
    static const struct ff_caps_from from = { FF_SIDE_WORKER, "worker_capabilities" };

    return ff_caps_parse(packed, from, txn->arena, out, &txn->fault);
}

/* ---- loading ---- */

/* Asks for the record behind an entry, and for what the caller will read with it. */
static ff_err
want_record(struct ff_txn *txn, const struct ff_entry *entry, bool with_context, bool *pending)
{
    struct ff_exec exec = { 0 };
    struct ff_exec_input input = { 0 };
    bool found = false;

    FF_TRY(ff_gather(ff_txn_find(txn, FF_R_EXEC, &entry->id, &exec, &found), pending));
    if (with_context) {
        FF_TRY(ff_gather(ff_txn_find(txn, FF_R_EXEC_INPUT, &entry->id, &input, &found), pending));
    }
    if (with_context && found && exec.has_tags) {
        struct ff_exec_tags tags = { 0 };

        FF_TRY(ff_gather(ff_txn_find(txn, FF_R_EXEC_TAGS, &entry->id, &tags, &found), pending));
    }
    return FF_E_OK;
}

static ff_err
follow(struct ff_txn *txn, const struct ff_pick_source *source, const struct ff_entry *entry,
       struct ff_exec *out)
{
    const struct ff_place place = { source->index, &source->scope, entry };

    return ff_txn_follow(txn, FF_R_EXEC, &place, out);
}

/* The next of the source's share behind `after` becomes its head. */
static ff_err
next_of(struct ff_txn *txn, struct ff_pick_source *source, const struct ff_entry *after,
        uint32_t expect, bool *found)
{
    struct ff_entry entry = { 0 }, next = { 0 };
    uint32_t reach = ff_share_reach(&source->share, expect);

    for (uint32_t n = 0; n < reach; n++) {
        FF_TRY(ff_txn_next(txn, source->index, &source->scope, n == 0 ? after : &entry,
                           ff_share_whole(&source->share, expect), &next, found));
        if (!*found || ff_share_has(txn, &source->share, &next.id)) {
            *found = *found && !(source->passed_over &&
                                 ff_share_too_late(&source->share, source->passed_rank, next.sort));
            source->head = next;
            return FF_E_OK;
        }
        source->passed_rank = source->passed_over ? source->passed_rank : next.sort;
        source->passed_over = true;
        entry = next;
    }
    *found = false;
    return FF_E_OK;
}

/* One record was not resident: asks for all that this scope is likely to give; FF_E_PENDING. */
static ff_err
want_scope(struct ff_txn *txn, const struct ff_pick_source *source, const struct ff_picking *want)
{
    struct ff_pick_source at = *source;
    bool found = true, pending = false;

    for (uint32_t i = 0; i < want->expect; i++) {
        ff_err err = next_of(txn, &at, i == 0 ? NULL : &at.head, want->expect - i, &found);

        FF_TRY(ff_gather(err, &pending));
        if (err == FF_E_PENDING || !found) {
            break;
        }
        FF_TRY(want_record(txn, &at.head, want->with_context, &pending));
    }
    return FF_E_PENDING;
}

/* ---- what only time has changed ---- */

static void
wake_no_later(struct ff_pick *pick, int64_t at_ms)
{
    if (at_ms < pick->wake_at_ms) {
        pick->wake_at_ms = at_ms;
    }
}

/* Marks the leases of the lane that have lapsed, so that they stand among the reclaimable. */
static ff_err
mark_lapsed_leases(struct ff_txn *txn, struct ff_pick *pick)
{
    struct ff_pick_source lapsed = {
        .index = FF_IX_LEASE_DUE,
        .scope = ff_scope_lease_due(pick->want->lane_id, FF_OWNER_LEASED),
    };
    struct ff_due due = { lapsed.index, lapsed.scope, .until = txn->now_ms, .expect = 1 };
    struct ff_picking some = { .expect = 64 };
    struct ff_exec exec = { 0 };
    bool found = false;

    for (int i = 0; i < LAPSED_LEASES_MAX; i++) {
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next_due(txn, &due, NULL, &lapsed.head, &found));
        if (!found) {
            break;
        }
        err = follow(txn, &lapsed, &lapsed.head, &exec);
        if (err == FF_E_PENDING) {
            return want_scope(txn, &lapsed, &some);
        }
        FF_TRY(err);
        FF_TRY(ff_lease_mark_expired(txn, &exec, "lease_ttl"));
        pick->wrote = true;
    }
    wake_no_later(pick, due.next_at);
    return FF_E_OK;
}

static int
extra_cmp(const void *a, const void *b)
{
    return ff_entry_cmp(&((const struct ff_pick_extra *) a)->entry,
                        &((const struct ff_pick_extra *) b)->entry);
}

static bool
may_be_candidate(const struct ff_exec *exec, bool include_reclaimable)
{
    if (exec->cancel_owed_at.is) {
        return false;
    }
    if (exec->lifecycle_phase == FF_PHASE_ACTIVE) {
        return include_reclaimable;
    }
    return exec->eligibility_state == FF_ELIGIBLE_NOW ||
           exec->eligibility_state == FF_ELIGIBLE_BUDGET ||
           exec->eligibility_state == FF_ELIGIBLE_QUOTA ||
           exec->eligibility_state == FF_ELIGIBLE_ROUTE;
}

/* Counts the lapsed grants, and drops the oldest of a crowd: their executions stand among the ready
 * ones from here on. */
static ff_err
thin_lapsed_grants(struct ff_txn *txn, const struct ff_pick_source *granted, uint32_t *n_out,
                   int64_t *next_at)
{
    struct ff_due due = { granted->index, granted->scope, .until = txn->now_ms, .expect = 1 };
    struct ff_entry entry = { 0 }, next = { 0 };
    struct ff_entry oldest[LAPSED_GRANTS_MAX];
    bool found = true;
    uint32_t n = 0;

    for (;;) {
        struct ff_exec exec = { 0 };

        FF_TRY(ff_txn_next_due(txn, &due, n == 0 ? NULL : &entry, &next, &found));
        if (!found) {
            break;
        }
        if (n >= LAPSED_GRANTS_MAX) {
            FF_TRY(follow(txn, granted, &oldest[n % LAPSED_GRANTS_MAX], &exec));
            exec.grant = NULL;
            FF_TRY(ff_exec_save(txn, &exec, FF_EXEC_SAME));
        }
        oldest[n++ % LAPSED_GRANTS_MAX] = next;
        entry = next;
    }
    *n_out = n < LAPSED_GRANTS_MAX ? n : LAPSED_GRANTS_MAX;
    *next_at = due.next_at;
    return FF_E_OK;
}

/* Executions whose grant has lapsed unused are candidates at their rank (02 §5.2). */
static ff_err
collect_lapsed_grants(struct ff_txn *txn, struct ff_pick *pick)
{
    struct ff_pick_source granted = {
        .index = FF_IX_GRANTED,
        .scope = ff_scope_lane(pick->want->lane_id),
    };
    struct ff_picking some = { .expect = LAPSED_GRANTS_MAX };
    bool found = false;
    int64_t next_at = INT64_MAX;
    uint32_t n = 0;

    FF_TRY(thin_lapsed_grants(txn, &granted, &n, &next_at));
    wake_no_later(pick, next_at);
    pick->extra = n == 0 ? NULL : FF_ARENA_NEW(txn->arena, struct ff_pick_extra, n);
    for (uint32_t i = 0; i < n; i++) {
        struct ff_pick_extra *lapsed = &pick->extra[pick->n_extra];
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_GRANTED, &granted.scope, i == 0 ? NULL : &granted.head, n - i,
                           &lapsed->entry, &found));
        granted.head = lapsed->entry;
        err = follow(txn, &granted, &granted.head, &lapsed->exec);
        if (err == FF_E_PENDING) {
            return want_scope(txn, &granted, &some);
        }
        FF_TRY(err);
        lapsed->entry.sort = ff_rank(lapsed->exec.created_at, lapsed->exec.priority);
        pick->n_extra += may_be_candidate(&lapsed->exec, pick->want->include_reclaimable);
    }
    if (pick->n_extra > 1) {
        qsort(pick->extra, pick->n_extra, sizeof(pick->extra[0]), extra_cmp);
    }
    return FF_E_OK;
}

/* ---- sources ---- */

static ff_err
add_sources(struct ff_txn *txn, struct ff_pick *pick)
{
    struct ff_scope lane = ff_scope_lane(pick->want->lane_id);
    struct ff_scope_list ready = { 0 }, lost = { 0 };
    bool pending = false;

    FF_TRY(ff_gather(ff_txn_scopes(txn, FF_IX_READY, &lane, &ready), &pending));
    if (pick->want->include_reclaimable) {
        FF_TRY(ff_gather(ff_txn_scopes(txn, FF_IX_RECLAIMABLE, &lane, &lost), &pending));
    }
    pick->sources = FF_ARENA_NEW(txn->arena, struct ff_pick_source, ready.n + lost.n);
    pick->n_sources = ready.n + lost.n;
    for (uint32_t i = 0; i < pick->n_sources; i++) {
        struct ff_pick_source *source = &pick->sources[i];
        bool found = false;

        source->index = i < ready.n ? FF_IX_READY : FF_IX_RECLAIMABLE;
        source->scope = i < ready.n ? ready.v[i] : lost.v[i - ready.n];
        source->share = ff_txn_share(txn, &source->scope);
        FF_TRY(ff_gather(next_of(txn, source, NULL, pick->want->expect, &found), &pending));
        source->spent = !found;
    }
    ff_pick_heapify(txn, pick);
    return pending ? FF_E_PENDING : FF_E_OK;
}

ff_err
ff_pick_begin(struct ff_txn *txn, const struct ff_picking *want, struct ff_pick *out)
{
    struct ff_lane lane = { 0 };
    bool registered = false;

    *out = (struct ff_pick){ .want = want, .wake_at_ms = INT64_MAX };
    FF_TRY(ff_lane_get(txn, want->lane_id, &lane, &registered));
    out->closed = !ff_lane_hands_out(lane.state) || txn->facts->claims_stopped;
    if (out->closed) {
        return FF_E_OK;
    }
    if (want->include_reclaimable) {
        FF_TRY(mark_lapsed_leases(txn, out));
    }
    FF_TRY(collect_lapsed_grants(txn, out));
    return add_sources(txn, out);
}

/* What the last candidate came from has moved on: looks at its new head. */
static ff_err
advance(struct ff_txn *txn, struct ff_pick *pick)
{
    bool found = false;

    if (!pick->given) {
        return FF_E_OK;
    }
    pick->given = false;
    if (pick->last == NULL) {
        pick->at_extra++;
        return FF_E_OK;
    }
    FF_TRY(next_of(txn, pick->last,
                   pick->last->share.part == FF_SHARE_ALL ? NULL : &pick->last->head,
                   pick->want->expect, &found));
    pick->last->spent = !found;
    if (found) {
        ff_pick_sift(pick, 0); /* it is the one that was chosen */
    }
    return FF_E_OK;
}

/* Of the own shares nothing is left, nor was there anything: what falls to others is better taken
 * than left, although they may be about to take it. */
static ff_err
begin_rest(struct ff_txn *txn, struct ff_pick *pick, bool *any)
{
    bool pending = false;

    *any = false;
    for (uint32_t i = 0; i < pick->n_sources && pick->taken == 0; i++) {
        struct ff_pick_source *source = &pick->sources[i];
        bool found = false;

        if (source->passed_over && !source->refused && source->share.part != FF_SHARE_ALL) {
            source->passed_over = false;
            source->share.part++;
            FF_TRY(ff_gather(next_of(txn, source, NULL, pick->want->expect, &found), &pending));
            source->spent = !found;
            *any = true;
        }
    }
    ff_pick_heapify(txn, pick);
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* The candidate that comes first; pick->last says where from. False: there is none. */
static bool
choose(struct ff_pick *pick, const struct ff_entry **entry)
{
    *entry = pick->at_extra < pick->n_extra ? &pick->extra[pick->at_extra].entry : NULL;
    pick->last = NULL;
    while (pick->n_heap > 0 && pick->heap[0]->spent) {
        pick->heap[0] = pick->heap[--pick->n_heap];
        if (pick->n_heap > 0) {
            ff_pick_sift(pick, 0);
        }
    }
    if (pick->n_heap > 0 && (*entry == NULL || ff_entry_cmp(&pick->heap[0]->head, *entry) < 0)) {
        *entry = &pick->heap[0]->head;
        pick->last = pick->heap[0];
    }
    return *entry != NULL;
}

/* ---- judging ---- */

/* Labels a rejected candidate, unless it bears that label. Lost work, and what somebody else could
 * run, is only stepped over (C-3 a, C-12). */
static ff_err
label(struct ff_txn *txn, struct ff_pick *pick, struct ff_exec *exec,
      const struct ff_judgement *judgement)
{
    if (judgement->skip || exec->eligibility_state == judgement->eligibility) {
        return FF_E_OK;
    }
    pick->wrote = true;
    exec->grant = NULL; /* a lapsed one, or none */
    ff_exec_make_blocked(exec, judgement->eligibility, judgement->reason,
                         ff_judgement_detail(txn, judgement));
    return ff_exec_save(txn, exec, FF_EXEC_MOVED);
}

/* Class part of a scope: ready ones have the eligibility behind it. */
static bool
same_class(const struct ff_pick_source *a, const struct ff_pick_source *b)
{
    size_t n = a->scope.n - (a->index == FF_IX_READY);

    return a->index == b->index && a->scope.n == b->scope.n &&
           memcmp(a->scope.b, b->scope.b, n) == 0;
}

/* The verdict holds for the whole class: its scopes, which stand side by side, are done with. */
static void
settle_class(struct ff_pick *pick, bool passed)
{
    struct ff_pick_source *end = pick->sources + pick->n_sources;
    struct ff_pick_source *first = pick->last, *last = pick->last;

    while (first > pick->sources && same_class(&first[-1], pick->last)) {
        first--;
    }
    while (last + 1 < end && same_class(&last[1], pick->last)) {
        last++;
    }
    for (; first <= last; first++) {
        first->passed = passed;
        first->spent = first->spent || !passed;
        first->refused = !passed;
    }
}

/* Collects those of a class that its quota has admitted before. */
static ff_err
collect_admitted(struct ff_txn *txn, const struct ff_scope *scope, struct ff_pick_extra *out,
                 uint32_t *n)
{
    const struct ff_pick_source admitted = { .index = FF_IX_ADMITTED, .scope = *scope };
    struct ff_entry at = { .sort = ff_time_add(txn->now_ms, 1) }, next = { 0 };
    bool found = true, pending = false;

    while (*n < ADMITTED_MAX) {
        struct ff_pick_extra *extra = &out[*n];

        FF_TRY(ff_txn_next(txn, FF_IX_ADMITTED, scope, &at, 16, &next, &found));
        if (!found) {
            break;
        }
        at = next;
        FF_TRY(ff_gather(follow(txn, &admitted, &at, &extra->exec), &pending));
        extra->entry.id = at.id;
        extra->entry.sort = ff_rank(extra->exec.created_at, extra->exec.priority);
        ++*n;
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* The class is refused by its quota, but for those that need no new place in the window, or no new
 * slot: they become candidates of their own. */
static ff_err
add_admitted(struct ff_txn *txn, struct ff_pick *pick, const struct ff_exec *exec)
{
    bool by_rate = pick->quota.answer.verdict == FF_QUOTA_RATE;
    uint32_t left = pick->n_extra - pick->at_extra, n = 0;
    struct ff_pick_extra *all = FF_ARENA_NEW(txn->arena, struct ff_pick_extra, left + ADMITTED_MAX);

    for (int slot = by_rate ? 0 : 1; slot <= 1; slot++) {
        const struct ff_scope scope =
            ff_scope_admitted(exec->lane_id, exec->class_digest, slot == 1);

        FF_TRY(collect_admitted(txn, &scope, all, &n));
    }
    if (n == 0) {
        return FF_E_OK;
    }
    if (left > 0) {
        memcpy(all + n, pick->extra + pick->at_extra, left * sizeof(*all));
    }
    pick->extra = all;
    pick->n_extra = n + left;
    pick->at_extra = 0;
    qsort(all, pick->n_extra, sizeof(*all), extra_cmp);
    return FF_E_OK;
}

/* Beyond capabilities and budgets: the quota of this very execution. */
static ff_err
consider_quota(struct ff_txn *txn, struct ff_pick *pick, struct ff_exec *exec, bool *fits)
{
    struct ff_judgement judgement = { .reason = FF_BLOCK_NONE };

    FF_TRY(ff_judge_quota(txn, exec, &pick->quota, &judgement));
    pick->wrote = pick->wrote || judgement.wrote;
    *fits = judgement.reason == FF_BLOCK_NONE;
    if (*fits) {
        return FF_E_OK;
    }
    wake_no_later(pick, judgement.again_at);
    FF_TRY(label(txn, pick, exec, &judgement));
    if (pick->last != NULL) {
        settle_class(pick, false);
        return add_admitted(txn, pick, exec);
    }
    return FF_E_OK;
}

/* True in *fits if the worker may have it; else it is labelled and its class left. */
static ff_err
consider(struct ff_txn *txn, struct ff_pick *pick, struct ff_exec *exec, bool *fits)
{
    struct ff_judgement judgement = { .reason = FF_BLOCK_NONE };

    if (pick->last == NULL || !pick->last->passed) {
        FF_TRY(ff_judge_class(txn, pick->want->offered, &pick->crews, exec, &judgement));
        *fits = judgement.reason == FF_BLOCK_NONE;
        if (pick->last != NULL) {
            settle_class(pick, *fits);
        }
        if (!*fits) {
            return label(txn, pick, exec, &judgement);
        }
    }
    if (!ff_is_reclaimable(exec)) {
        return consider_quota(txn, pick, exec, fits);
    }
    pick->quota.asked = false;
    *fits = exec->lease_reclaim_count < ff_reclaim_cap(exec, FF_NONE(ff_opt_u32));
    if (!*fits) {
        pick->wrote = true;
        return ff_reclaim_fail_capped(txn, exec);
    }
    return FF_E_OK;
}

ff_err
ff_pick_admit(struct ff_txn *txn, struct ff_pick *pick, struct ff_exec *exec,
              const struct ff_quota_hold *hold)
{
    struct ff_quota_case *quota = &pick->quota;

    pick->taken++;
    if (pick->last != NULL) {
        ff_txn_taken(txn, &pick->last->scope, &pick->last->head.id);
    }
    if (!quota->asked) {
        return FF_E_OK;
    }
    if (quota->answer.verdict == FF_QUOTA_ADMITTED) {
        FF_TRY(ff_quota_record(txn, &quota->ask, &quota->answer, hold));
    }
    exec->slot_held = exec->slot_held || quota->ask.cap > 0;
    exec->quota_guard_until = FF_SOME(ff_opt_i64, quota->answer.guard_until);
    return FF_E_OK;
}

static ff_err
read_candidate(struct ff_txn *txn, const struct ff_pick *pick, const struct ff_entry *entry,
               struct ff_exec *out)
{
    ff_err err = FF_E_OK;

    if (pick->last == NULL) {
        *out = pick->extra[pick->at_extra].exec;
        return FF_E_OK;
    }
    err = follow(txn, pick->last, entry, out);
    if (err == FF_E_PENDING) {
        return want_scope(txn, pick->last, pick->want);
    }
    return err;
}

ff_err
ff_pick_next(struct ff_txn *txn, struct ff_pick *pick, struct ff_exec *out, bool *found)
{
    const struct ff_entry *entry = NULL;
    bool more = true;

    *found = false;
    if (pick->closed) {
        return FF_E_OK;
    }
    FF_TRY(advance(txn, pick));
    while (!*found && more) {
        if (!choose(pick, &entry)) {
            FF_TRY(begin_rest(txn, pick, &more));
            continue;
        }
        FF_TRY(read_candidate(txn, pick, entry, out));
        FF_TRY(consider(txn, pick, out, found));
        pick->given = pick->last == NULL || !pick->last->spent; /* a refused class is left */
        if (!*found) {
            FF_TRY(advance(txn, pick));
        }
    }
    return FF_E_OK;
}

ff_err
ff_pick_wait(struct ff_txn *txn, const struct ff_pick *pick, uint64_t block_ms)
{
    struct ff_scope lane = ff_scope_lane(pick->want->lane_id);

    if (block_ms == 0) {
        return FF_E_OK;
    }
    if (pick->wrote) {
        ff_txn_keep(txn); /* labels and marks are shown while the call waits */
    }
    return ff_txn_park(txn, &lane, block_ms, pick->wake_at_ms);
}

ff_err
ff_pick_prefetch(struct ff_txn *txn, const struct ff_pick *pick)
{
    return pick->last == NULL ? FF_E_PENDING : want_scope(txn, pick->last, pick->want);
}
