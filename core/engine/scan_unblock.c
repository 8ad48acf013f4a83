/* What of the blocked executions may go on: the list of the scanner `unblock` (05 §3.4, U-1 to
 * U-4).
 *
 * A condition is judged once for all executions of a class; the classes that pass are merged by
 * rank. A quota lets only as many through as it has room for, less those that wait already.
 */
#include "core/caps.h"
#include "core/engine/judge.h"
#include "core/engine/lanes.h"
#include "core/engine/scan.h"
#include "core/engine/walk.h"

/* How many more of a policy's executions may become eligible in this pass (U-3). */
struct room {
    struct ff_uuid policy_id;
    uint64_t window, slots; /* UINT64_MAX: no such limit */
    int64_t again_at;       /* when the window has a place again; INT64_MAX: unknown */
    struct room *next;
};

/* One class that is blocked for one reason. */
struct source {
    enum ff_index index; /* READY or HELD */
    struct ff_scope scope;
    enum ff_blocking_reason reason;
    struct room *room; /* of its policy, where that is the reason */
    struct ff_entry head;
    bool has;
};

struct unblock {
    struct ff_scan *scan;
    struct source *sources;
    uint32_t n;
    struct room *rooms;
    struct ff_crew *crews;
    bool pending;
};

/* ---- quotas ---- */

/* Those of the policy that are eligible already: they will use their share of the room. */
static ff_err
count_eligible(struct ff_txn *txn, const struct ff_uuid *policy_id, uint64_t most, uint64_t *n)
{
    const struct ff_scope scope = ff_scope_uuid(policy_id);
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    bool found = true;

    for (*n = 0; *n < most; ++*n) {
        FF_TRY(ff_txn_next(txn, FF_IX_OF_POLICY, &scope, &at, 256, &next, &found));
        if (!found) {
            break;
        }
        at = next;
    }
    return FF_E_OK;
}

static uint64_t
less(uint64_t room, uint64_t used)
{
    return room == UINT64_MAX ? room : room > used ? room - used : 0;
}

static ff_err
measure(struct ff_txn *txn, const struct ff_exec *exec, struct room *room)
{
    struct ff_quota_room quota = { 0 };
    uint64_t eligible = 0, most = 0;

    FF_TRY(ff_quota_room(txn, exec, &quota));
    most = quota.window < quota.slots ? quota.window : quota.slots;
    if (most > 0 && most != UINT64_MAX) {
        FF_TRY(count_eligible(txn, &room->policy_id, most, &eligible));
    }
    room->window = less(quota.window, eligible);
    room->slots = less(quota.slots, eligible);
    room->again_at = quota.again_at;
    return FF_E_OK;
}

static ff_err
room_of(struct unblock *unblock, const struct ff_exec *exec, struct room **out)
{
    struct ff_txn *txn = unblock->scan->txn;
    struct room *room = unblock->rooms;

    while (room != NULL && !ff_uuid_eq(room->policy_id, exec->quota_policy_id.v)) {
        room = room->next;
    }
    if (room == NULL) {
        room = FF_ARENA_NEW(txn->arena, struct room, 1);
        room->policy_id = exec->quota_policy_id.v;
        FF_TRY(measure(txn, exec, room));
        room->next = unblock->rooms;
        unblock->rooms = room;
    }
    *out = room;
    return FF_E_OK;
}

/* ---- conditions ---- */

static ff_err
route_is_open(struct unblock *unblock, const struct ff_exec *exec, bool *open)
{
    const struct ff_crew_question question = { .namespace = exec->namespace,
                                               .lane_id = exec->lane_id,
                                               .required = exec->required_capabilities };

    return ff_crew_is_capable(unblock->scan->txn, &unblock->crews, &question, open);
}

static ff_err
budgets_are_open(struct unblock *unblock, const struct ff_exec *exec, bool *open)
{
    struct ff_judgement judgement = { .reason = FF_BLOCK_NONE };

    FF_TRY(ff_judge_budgets(unblock->scan->txn, exec, &judgement));
    *open = judgement.reason == FF_BLOCK_NONE;
    return FF_E_OK;
}

static ff_err
quota_is_open(struct unblock *unblock, const struct ff_exec *exec, struct source *source,
              bool *open)
{
    *open = true;
    if (!exec->quota_policy_id.is) {
        return FF_E_OK;
    }
    FF_TRY(room_of(unblock, exec, &source->room));
    *open = source->room->slots > 0;
    return FF_E_OK;
}

/* One that cannot be read is not found, and keeps the others from nothing. */
static ff_err
find_exec(struct ff_txn *txn, const struct ff_entry *entry, struct ff_exec *out, bool *found)
{
    ff_err err = ff_txn_find(txn, FF_R_EXEC, &entry->id, out, found);

    if (err == FF_E_CORRUPTION) {
        txn->fault = (struct ff_fault){ 0 };
        *found = false;
        return FF_E_OK;
    }
    return err;
}

/* The first one that can be read speaks for the others behind it. */
static ff_err
find_speaker(struct unblock *unblock, struct source *source, struct ff_exec *out)
{
    const struct ff_scan *scan = unblock->scan;
    bool found = false;

    for (uint32_t i = 0; source->has && i < FF_SCAN_LOOKS_MAX; i++) {
        struct ff_entry passed = source->head;

        FF_TRY(find_exec(scan->txn, &passed, out, &found));
        if (found) {
            return FF_E_OK;
        }
        FF_TRY(ff_txn_next(scan->txn, source->index, &source->scope, &passed, scan->limit + 1,
                           &source->head, &source->has));
    }
    source->has = false;
    return FF_E_OK;
}

/* What cannot be read keeps its executions blocked, but for the registry, which is advice only. */
static ff_err
judge(struct unblock *unblock, struct source *source, bool *open)
{
    struct ff_txn *txn = unblock->scan->txn;
    struct ff_exec exec = { 0 };
    ff_err err = FF_E_OK;

    *open = false;
    FF_TRY(find_speaker(unblock, source, &exec));
    if (source->has) {
        err = source->reason == FF_BLOCK_WAITING_FOR_BUDGET ? budgets_are_open(unblock, &exec, open)
              : source->reason == FF_BLOCK_WAITING_FOR_QUOTA
                  ? quota_is_open(unblock, &exec, source, open)
                  : route_is_open(unblock, &exec, open);
    }
    if (err == FF_E_CORRUPTION) {
        txn->fault = (struct ff_fault){ 0 };
        *open = source->reason == FF_BLOCK_WAITING_FOR_CAPABLE_WORKER;
        return FF_E_OK;
    }
    return err;
}

/* Lane ids hold no zero byte: the lane is what comes before the first. */
static struct ff_str
lane_of(const struct ff_scope *scope)
{
    const uint8_t *end = memchr(scope->b, 0, scope->n);

    FF_ASSERT(end != NULL);
    return ff_str(scope->b, (size_t) (end - scope->b));
}

static ff_err
lane_is_open(struct unblock *unblock, const struct ff_scope *scope, bool *open)
{
    struct ff_lane lane = { 0 };
    bool registered = false;

    FF_TRY(ff_lane_get(unblock->scan->txn, lane_of(scope), &lane, &registered));
    *open = ff_lane_hands_out(lane.state);
    return FF_E_OK;
}

/* ---- sources ---- */

static enum ff_blocking_reason
reason_of(enum ff_eligibility_state eligibility)
{
    switch (eligibility) {
    case FF_ELIGIBLE_BUDGET:
        return FF_BLOCK_WAITING_FOR_BUDGET;
    case FF_ELIGIBLE_QUOTA:
        return FF_BLOCK_WAITING_FOR_QUOTA;
    case FF_ELIGIBLE_ROUTE:
        return FF_BLOCK_WAITING_FOR_CAPABLE_WORKER;
    case FF_ELIGIBLE_LANE_STATE:
        return FF_BLOCK_PAUSED_BY_POLICY;
    default:
        return FF_BLOCK_NONE; /* eligible, or an operator's */
    }
}

static ff_err
open_source(struct unblock *unblock, enum ff_index index, const struct ff_scope *scope)
{
    const struct ff_scan *scan = unblock->scan;
    struct source *source = &unblock->sources[unblock->n];
    bool open = false;

    *source = (struct source){ .index = index,
                               .scope = *scope,
                               .reason = reason_of(ff_scope_eligibility(scope)) };
    if (source->reason == FF_BLOCK_NONE) {
        return FF_E_OK;
    }
    FF_TRY(ff_txn_next(scan->txn, index, scope, scan->has_after ? &scan->after.entry : NULL,
                       scan->limit + 1, &source->head, &source->has));
    if (source->has) {
        FF_TRY(index == FF_IX_HELD ? lane_is_open(unblock, scope, &open)
                                   : judge(unblock, source, &open));
    }
    unblock->n += open;
    return FF_E_OK;
}

static ff_err
open_sources(struct unblock *unblock)
{
    static const enum ff_index indexes[] = { FF_IX_READY, FF_IX_HELD };
    const struct ff_scope any = ff_scope_none();
    struct ff_txn *txn = unblock->scan->txn;
    struct ff_scope_list scopes[FF_COUNT(indexes)] = { { .n = 0 } };
    uint32_t n = 0;

    for (size_t i = 0; i < FF_COUNT(indexes); i++) {
        FF_TRY(ff_gather(ff_txn_scopes(txn, indexes[i], &any, &scopes[i]), &unblock->pending));
        n += scopes[i].n;
    }
    unblock->sources = FF_ARENA_NEW(txn->arena, struct source, n + 1u);
    for (size_t i = 0; i < FF_COUNT(indexes); i++) {
        for (uint32_t j = 0; j < scopes[i].n; j++) {
            FF_TRY(ff_gather(open_source(unblock, indexes[i], &scopes[i].v[j]), &unblock->pending));
        }
    }
    return unblock->pending ? FF_E_PENDING : FF_E_OK;
}

/* ---- the list ---- */

/* The source whose head comes first; NULL: there is none. */
static struct source *
first(struct unblock *unblock)
{
    struct source *best = NULL;

    for (uint32_t i = 0; i < unblock->n; i++) {
        struct source *source = &unblock->sources[i];

        if (source->has && (best == NULL || ff_entry_cmp(&source->head, &best->head) < 0)) {
            best = source;
        }
    }
    return best;
}

/* Whether the policy has room for this one: with a live guard a slot is enough (U-3). */
static ff_err
fits(struct unblock *unblock, const struct source *source, bool *out)
{
    struct ff_txn *txn = unblock->scan->txn;
    struct room *room = source->room;
    struct ff_exec exec = { 0 };
    bool found = false, counted = false;

    *out = true;
    if (room == NULL || (room->window > 0 && room->slots > 0)) {
        return FF_E_OK;
    }
    FF_TRY(find_exec(txn, &source->head, &exec, &found));
    counted = exec.quota_guard_until.is && exec.quota_guard_until.v > txn->now_ms;
    *out = counted && room->slots > 0;
    return FF_E_OK;
}

static void
use(struct room *room)
{
    if (room != NULL) {
        room->window = less(room->window, 1);
        room->slots = less(room->slots, 1);
    }
}

/* The window has no place: behind the head only those it has counted already can follow, and they
 * are found by their guards. */
static ff_err
skip_to_counted(struct unblock *unblock, struct source *source)
{
    struct ff_txn *txn = unblock->scan->txn;
    struct ff_entry best = { 0 };
    struct ff_exec exec = { 0 };
    bool found = false, any = false, pending = false;

    FF_TRY(find_exec(txn, &source->head, &exec, &found));
    if (!found) {
        struct ff_entry passed = source->head;

        return ff_txn_next(txn, source->index, &source->scope, &passed, 16, &source->head,
                           &source->has);
    }
    for (int slot = 0; slot <= 1 && source->room->slots > 0; slot++) {
        const struct ff_scope scope = ff_scope_admitted(exec.lane_id, exec.class_digest, slot == 1);
        struct ff_entry at = { .sort = ff_time_add(txn->now_ms, 1) }, next = { 0 };

        for (uint32_t i = 0; i < FF_SCAN_LOOKS_MAX / 16; i++) {
            struct ff_entry entry = { 0 };
            struct ff_exec one = { 0 };

            FF_TRY(ff_txn_next(txn, FF_IX_ADMITTED, &scope, &at, 16, &next, &found));
            if (!found) {
                break;
            }
            at = next;
            FF_TRY(ff_gather(find_exec(txn, &at, &one, &found), &pending));
            entry = (struct ff_entry){ ff_rank(one.created_at, one.priority), at.id };
            if (one.eligibility_state == FF_ELIGIBLE_QUOTA &&
                ff_entry_cmp(&entry, &source->head) > 0 &&
                (!any || ff_entry_cmp(&entry, &best) < 0)) {
                best = entry;
                any = true;
            }
        }
    }
    source->head = best;
    source->has = any;
    return pending ? FF_E_PENDING : FF_E_OK;
}

static ff_err
pass_head(struct unblock *unblock, struct source *source)
{
    struct ff_scan *scan = unblock->scan;
    struct ff_entry passed = source->head;

    if (source->room != NULL && source->room->again_at < scan->next_due_at) {
        scan->next_due_at = source->room->again_at;
    }
    if (source->room != NULL && (source->room->window == 0 || source->room->slots == 0)) {
        return skip_to_counted(unblock, source);
    }
    return ff_txn_next(scan->txn, source->index, &source->scope, &passed, scan->limit + 1,
                       &source->head, &source->has);
}

static void
give(struct unblock *unblock, const struct source *source)
{
    struct ff_due_item *item = ff_scan_give(unblock->scan);

    item->execution_id = FF_SOME(ff_opt_eid, ff_key_to_eid(&source->head.id));
    item->lane_id = ff_arena_copy(unblock->scan->txn->arena, lane_of(&source->scope));
    item->expected_blocking_reason = FF_SOME(ff_opt_u32, source->reason);
    use(source->room);
}

ff_err
ff_scan_unblock(struct ff_scan *scan)
{
    struct unblock unblock = { .scan = scan };
    struct source *source = NULL;

    FF_TRY(open_sources(&unblock));
    while ((source = first(&unblock)) != NULL) {
        struct ff_scan_place place = { .entry = source->head };
        bool go_on = true, wanted = false, fit = false;
        ff_err err = FF_E_OK;

        FF_TRY(ff_gather(fits(&unblock, source, &fit), &scan->pending));
        if (fit) {
            FF_TRY(ff_scan_look(scan, &place, &go_on, &wanted));
        }
        if (!go_on) {
            return FF_E_OK;
        }
        if (wanted) {
            give(&unblock, source);
        }
        err = pass_head(&unblock, source);
        source->has = source->has && err == FF_E_OK; /* not loaded: the others go on meanwhile */
        FF_TRY(ff_gather(err, &scan->pending));
    }
    return FF_E_OK;
}
