#include "core/engine/quota.h"

#include "core/engine/rely.h"
#include "core/engine/topics.h"
#include "core/engine/walk.h"
#include "core/partition.h"

/* ---- reading ---- */

ff_err
ff_quota_get(struct ff_txn *txn, const struct ff_uuid *id, struct ff_quota *out, bool *defined)
{
    const struct ff_key key = ff_key_uuid(id);
    bool found = false;

    FF_TRY(ff_txn_find(txn, FF_R_QUOTA, &key, out, &found));
    if (!found) {
        out->quota_policy_id = *id;
        out->partition = ff_partition_of_quota(id, txn->facts->counts.quota);
    }
    *defined = found && out->created_at.is;
    return FF_E_OK;
}

struct ff_quota_ask
ff_quota_own_ask(const struct ff_exec *exec, const struct ff_quota *quota)
{
    return (struct ff_quota_ask){
        .policy_id = quota->quota_policy_id,
        .dimension = ff_dimension_digest(ff_cstr("default")),
        .execution_id = exec->execution_id,
        .window_ms = ff_window_ms(quota->window_seconds),
        .rate_limit = quota->max_requests_per_window,
        .cap = quota->max_concurrent,
    };
}

static struct ff_str
digest_str(const struct ff_digest *digest)
{
    return ff_str(digest->b, sizeof(digest->b));
}

/* The instant before which nothing counts: time - W, at least the smallest i64. */
static int64_t
horizon_of(int64_t now_ms, uint64_t window_ms)
{
    int64_t at_ms = 0;

    return __builtin_sub_overflow(now_ms, (int64_t) window_ms, &at_ms) ? INT64_MIN : at_ms;
}

/* ---- windows ---- */

static ff_err
window_get(struct ff_txn *txn, const struct ff_uuid *policy_id, struct ff_str dimension,
           struct ff_window *out, bool *found)
{
    const struct ff_key key = ff_key_window(policy_id, dimension);
    const struct ff_scope scope = ff_scope_window(policy_id, dimension);

    FF_TRY(ff_txn_find(txn, FF_R_WINDOW, &key, out, found));
    FF_TRY(ff_txn_guard(txn, FF_IX_WINDOW, &scope, FF_R_WINDOW, &key));
    out->quota_policy_id = *policy_id;
    out->dimension = dimension;
    return FF_E_OK;
}

/* How many entries were admitted behind `from`, up to and at `to`. */
static ff_err
entries_between(struct ff_txn *txn, const struct ff_scope *scope, int64_t from, int64_t to,
                uint64_t *n_out)
{
    struct ff_entry at = { .sort = from + 1, .id = { .n = 0 } }, next = { 0 };
    bool found = true;

    for (*n_out = 0; from < to; ++*n_out) {
        FF_TRY(ff_txn_next(txn, FF_IX_WINDOW, scope, &at, 64, &next, &found));
        if (!found || next.sort > to) {
            break;
        }
        at = next;
    }
    return FF_E_OK;
}

/* Entries that count at now for this W. The window's horizon moves on with time; a check with
 * a longer W than the last one's adds what lies between. */
static ff_err
window_count(struct ff_txn *txn, const struct ff_quota_ask *ask, struct ff_quota_answer *answer,
             uint64_t *n_out)
{
    const struct ff_scope scope = ff_scope_window(&ask->policy_id, digest_str(&ask->dimension));
    struct ff_window *window = &answer->window;
    int64_t horizon = horizon_of(txn->now_ms, ask->window_ms);
    uint64_t between = 0;
    bool found = false;

    FF_TRY(window_get(txn, &ask->policy_id, digest_str(&ask->dimension), window, &found));
    if (!found) {
        window->horizon = horizon;
    }
    if (horizon < window->horizon) {
        FF_TRY(entries_between(txn, &scope, horizon, window->horizon, &between));
        *n_out = window->counted + between;
        return FF_E_OK;
    }
    FF_TRY(entries_between(txn, &scope, window->horizon, horizon, &between));
    window->counted -= between < window->counted ? between : window->counted;
    window->horizon = horizon;
    *n_out = window->counted;
    if (between > 0) { /* else the next check finds it as it is */
        answer->wrote = true;
        FF_TRY(ff_txn_put_window(txn, window));
    }
    return FF_E_OK;
}

/* When the number of entries falls below the limit: the end of the (n - limit + 1)-th oldest. */
static ff_err
place_free_at(struct ff_txn *txn, const struct ff_quota_ask *ask, uint64_t n, int64_t *out)
{
    const struct ff_scope scope = ff_scope_window(&ask->policy_id, digest_str(&ask->dimension));
    struct ff_entry at = { .sort = horizon_of(txn->now_ms, ask->window_ms) + 1 }, next = { 0 };
    bool found = true;

    *out = txn->now_ms;
    for (uint64_t i = 0; i < n - ask->rate_limit + 1; i++) {
        FF_TRY(ff_txn_next(txn, FF_IX_WINDOW, &scope, &at, 1, &next, &found));
        if (!found) {
            break;
        }
        at = next;
        *out = ff_time_add(next.sort, ask->window_ms);
    }
    return FF_E_OK;
}

ff_err
ff_window_drop(struct ff_txn *txn, const struct ff_key *entry_key,
               const struct ff_window_entry *entry)
{
    const struct ff_key key = ff_key_window(&entry->quota_policy_id, entry->dimension);
    const struct ff_scope scope = ff_scope_window(&entry->quota_policy_id, entry->dimension);
    struct ff_window window = { 0 };
    struct ff_entry first = { 0 };
    bool found = false, any = true;

    FF_TRY(window_get(txn, &entry->quota_policy_id, entry->dimension, &window, &found));
    FF_TRY(ff_txn_remove(txn, FF_R_WINDOW_ENTRY, entry_key));
    if (!found) {
        return FF_E_OK;
    }
    window.counted -= entry->admitted_at > window.horizon && window.counted > 0;
    if (window.counted == 0) {
        FF_TRY(ff_txn_next(txn, FF_IX_WINDOW, &scope, NULL, 1, &first, &any));
    }
    return any ? ff_txn_put_window(txn, &window) : ff_txn_remove(txn, FF_R_WINDOW, &key);
}

/* ---- guards ---- */

ff_err
ff_admission_drop(struct ff_txn *txn, const struct ff_admission *admission, bool keep_entry)
{
    const struct ff_key key = ff_record_key(FF_R_ADMISSION, admission);
    const struct ff_window_entry entry = { .quota_policy_id = admission->quota_policy_id,
                                           .dimension = admission->dimension,
                                           .admitted_at = admission->admitted_at,
                                           .execution_id = admission->execution_id };
    const struct ff_key entry_key = ff_key_window_entry(&entry);
    struct ff_window_entry stored = { 0 };
    bool found = false;

    if (admission->counted && !keep_entry) {
        FF_TRY(ff_txn_find(txn, FF_R_WINDOW_ENTRY, &entry_key, &stored, &found));
        if (found) {
            FF_TRY(ff_window_drop(txn, &entry_key, &entry));
        }
    }
    return ff_txn_remove(txn, FF_R_ADMISSION, &key);
}

ff_err
ff_admissions_lapse(struct ff_txn *txn, const struct ff_uuid *policy_id, bool *wrote)
{
    const struct ff_scope scope = ff_scope_uuid(policy_id);
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    const struct ff_place place = { FF_IX_UNCONSUMED, &scope, &at };
    const struct ff_key quota_key = ff_key_uuid(policy_id);
    bool found = true, pending = false;

    FF_TRY(ff_txn_guard(txn, FF_IX_UNCONSUMED, &scope, FF_R_QUOTA, &quota_key));
    for (;;) {
        struct ff_admission admission = { 0 };
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_UNCONSUMED, &scope, &at, 16, &next, &found));
        if (!found || next.sort > txn->now_ms) {
            return pending ? FF_E_PENDING : FF_E_OK;
        }
        at = next;
        err = ff_txn_follow(txn, FF_R_ADMISSION, &place, &admission);
        if (err == FF_E_OK) {
            err = ff_admission_drop(txn, &admission, false);
            *wrote = true;
        }
        FF_TRY(ff_gather(err, &pending));
    }
}

/* ---- the check (05 §2.2) ---- */

static ff_err
find_guard(struct ff_txn *txn, const struct ff_quota_ask *ask, struct ff_quota_answer *out)
{
    const struct ff_key key =
        ff_key_admission(&ask->policy_id, digest_str(&ask->dimension), &ask->execution_id);
    struct ff_admission admission = { 0 };
    bool found = false;

    FF_TRY(ff_txn_find(txn, FF_R_ADMISSION, &key, &admission, &found));
    out->guard_live = found && txn->now_ms < admission.guard_until;
    out->guard_until = admission.guard_until;
    return FF_E_OK;
}

static ff_err
find_slot(struct ff_txn *txn, const struct ff_quota_ask *ask, struct ff_quota_answer *out)
{
    const struct ff_key key = ff_key_slot(&ask->policy_id, &ask->execution_id);
    struct ff_slot slot = { 0 };
    bool found = false;

    out->slot_live = false;
    if (ask->cap == 0) {
        return FF_E_OK;
    }
    FF_TRY(ff_txn_find(txn, FF_R_SLOT, &key, &slot, &found));
    out->slot_live = found && txn->now_ms < slot.lapses_at;
    return FF_E_OK;
}

/* When the first of the policy's slots lapses. */
static ff_err
slot_free_at(struct ff_txn *txn, const struct ff_uuid *policy_id, int64_t *out)
{
    const struct ff_scope scope = ff_scope_uuid(policy_id);
    struct ff_entry first = { 0 };
    bool found = false;

    FF_TRY(ff_txn_next(txn, FF_IX_SLOTS, &scope, NULL, 1, &first, &found));
    *out = found ? first.sort : INT64_MAX;
    return FF_E_OK;
}

static ff_err
judge_limits(struct ff_txn *txn, const struct ff_quota_ask *ask, struct ff_quota_answer *out)
{
    uint64_t n = 0;

    if (!out->guard_live && ask->rate_limit > 0) {
        FF_TRY(window_count(txn, ask, out, &n));
        if (n >= ask->rate_limit) {
            out->verdict = FF_QUOTA_RATE;
            return place_free_at(txn, ask, n, &out->again_at);
        }
    }
    if (ask->cap > 0 && !out->slot_live && out->quota.slots >= ask->cap) {
        out->verdict = FF_QUOTA_CONCURRENCY;
        return slot_free_at(txn, &ask->policy_id, &out->again_at);
    }
    out->verdict = FF_QUOTA_ADMITTED;
    return FF_E_OK;
}

ff_err
ff_quota_judge(struct ff_txn *txn, const struct ff_quota_ask *ask, struct ff_quota_answer *out)
{
    bool defined = false;

    *out = (struct ff_quota_answer){ .again_at = INT64_MAX };
    FF_TRY(ff_quota_get(txn, &ask->policy_id, &out->quota, &defined));
    FF_TRY(ff_admissions_lapse(txn, &ask->policy_id, &out->wrote));
    FF_TRY(ff_slots_lapse(txn, &out->quota, &out->wrote));
    FF_TRY(find_guard(txn, ask, out));
    FF_TRY(find_slot(txn, ask, out));
    if (out->guard_live && (ask->cap == 0 || out->slot_live)) {
        out->verdict = FF_QUOTA_ALREADY;
        return FF_E_OK;
    }
    return judge_limits(txn, ask, out);
}

ff_err
ff_quota_room(struct ff_txn *txn, const struct ff_exec *exec, struct ff_quota_room *out)
{
    struct ff_quota_answer answer = { .again_at = INT64_MAX };
    struct ff_quota_ask ask = { 0 };
    bool defined = false;
    uint64_t n = 0;

    *out = (struct ff_quota_room){ UINT64_MAX, UINT64_MAX, INT64_MAX };
    FF_TRY(ff_quota_get(txn, &exec->quota_policy_id.v, &answer.quota, &defined));
    if (!defined) {
        return FF_E_OK;
    }
    ask = ff_quota_own_ask(exec, &answer.quota);
    FF_TRY(ff_admissions_lapse(txn, &ask.policy_id, &answer.wrote));
    FF_TRY(ff_slots_lapse(txn, &answer.quota, &answer.wrote));
    if (ask.cap > 0) {
        out->slots = answer.quota.slots < ask.cap ? ask.cap - answer.quota.slots : 0;
    }
    if (ask.rate_limit > 0) {
        FF_TRY(window_count(txn, &ask, &answer, &n));
        out->window = n < ask.rate_limit ? ask.rate_limit - n : 0;
    }
    return out->window > 0 ? FF_E_OK : place_free_at(txn, &ask, n, &out->again_at);
}

/* ---- recording ---- */

static ff_err
add_guard(struct ff_txn *txn, const struct ff_quota_ask *ask, struct ff_quota_answer *answer,
          const struct ff_quota_hold *hold)
{
    const struct ff_admission admission = {
        .quota_policy_id = ask->policy_id,
        .dimension = digest_str(&ask->dimension),
        .execution_id = ask->execution_id,
        .admitted_at = txn->now_ms,
        .guard_until = ff_time_add(txn->now_ms, ask->window_ms),
        .counted = ask->rate_limit > 0,
        .lease_epoch = hold->lease_epoch,
        .grant_until = hold->grant_until,
    };
    const struct ff_window_entry entry = {
        .quota_policy_id = ask->policy_id,
        .dimension = admission.dimension,
        .admitted_at = txn->now_ms,
        .execution_id = ask->execution_id,
        .window_ms = ask->window_ms,
    };
    const struct ff_key entry_key = ff_key_window_entry(&entry);
    struct ff_window_entry same = { 0 };
    bool again = false;

    answer->guard_until = admission.guard_until;
    if (admission.counted) { /* run, released and asked for again in one instant: one entry */
        FF_TRY(ff_txn_find(txn, FF_R_WINDOW_ENTRY, &entry_key, &same, &again));
        answer->window.counted += !again && entry.admitted_at > answer->window.horizon;
        FF_TRY(ff_txn_put_window_entry(txn, &entry));
        FF_TRY(ff_txn_put_window(txn, &answer->window));
    }
    return ff_txn_put_admission(txn, &admission);
}

static ff_err
add_slot(struct ff_txn *txn, const struct ff_quota_ask *ask, struct ff_quota_answer *answer,
         int64_t until_ms)
{
    const struct ff_slot slot = { .quota_policy_id = ask->policy_id,
                                  .execution_id = ask->execution_id,
                                  .lapses_at = until_ms };

    answer->quota.slots++;
    FF_TRY(ff_txn_put_slot(txn, &slot));
    return ff_txn_put_quota(txn, &answer->quota);
}

ff_err
ff_quota_record(struct ff_txn *txn, const struct ff_quota_ask *ask, struct ff_quota_answer *answer,
                const struct ff_quota_hold *hold)
{
    FF_ASSERT(answer->verdict == FF_QUOTA_ADMITTED);
    if (!answer->guard_live) {
        FF_TRY(add_guard(txn, ask, answer, hold));
    }
    if (ask->cap > 0 && !answer->slot_live) {
        FF_TRY(add_slot(txn, ask, answer, hold->slot_until));
    } else if (!answer->guard_live) {
        FF_TRY(ff_txn_put_quota(txn, &answer->quota)); /* known to the reconciler */
    }
    return FF_E_OK;
}
