/* create_quota_policy, read_quota_policy_limits, check_admission, release_admission,
 * reconcile_quota_counters (05 §2). */

#include "core/engine/exec.h"
#include "core/engine/quota.h"
#include "core/engine/reads.h"
#include "core/engine/rely.h"
#include "core/engine/topics.h"
#include "core/engine/walk.h"

/* Of one kind and one policy, removed by one call of the reconciler; the rest is the next one's. */
#define SWEPT_MAX 1000

/* ---- the definition ---- */

ff_err
ff_op_create_quota_policy(struct ff_txn *txn, const struct ff_create_quota_policy_args *args,
                          struct ff_create_quota_policy_result *result)
{
    struct ff_quota quota = { 0 };
    bool defined = false;

    FF_TRY(ff_quota_get(txn, &args->quota_policy_id, &quota, &defined));
    result->quota_policy_id = args->quota_policy_id;
    result->outcome = defined ? "already_satisfied" : "created";
    if (defined) {
        return FF_E_OK;
    }
    quota.created_at = FF_SOME(ff_opt_i64, txn->now_ms);
    quota.window_seconds = args->window_seconds;
    quota.max_requests_per_window = args->max_requests_per_window;
    quota.max_concurrent = args->max_concurrent;
    quota.jitter_ms = args->jitter_ms;
    return ff_txn_put_quota(txn, &quota);
}

ff_err
ff_op_read_quota_policy_limits(struct ff_txn *txn,
                               const struct ff_read_quota_policy_limits_args *args,
                               struct ff_read_quota_policy_limits_result *result)
{
    struct ff_quota quota = { 0 };
    bool defined = false;

    FF_TRY(ff_quota_get(txn, &args->quota_policy_id, &quota, &defined));
    if (defined) {
        result->limits = FF_ARENA_NEW(txn->arena, struct ff_quota_limits, 1);
        *result->limits = (struct ff_quota_limits){
            .max_requests_per_window = quota.max_requests_per_window,
            .window_seconds = quota.window_seconds,
            .max_concurrent = quota.max_concurrent,
            .jitter_ms = quota.jitter_ms,
        };
    }
    return FF_E_OK;
}

/* ---- check_admission ---- */

/* What is said explicitly wins over the policy, and without one there is no limit. */
static struct ff_quota_ask
ask_of(const struct ff_check_admission_args *args, const struct ff_quota *quota)
{
    uint64_t window_seconds =
        args->window_seconds.is ? args->window_seconds.v : quota->window_seconds;
    struct ff_str dimension = args->dimension.n == 0 ? ff_cstr("default") : args->dimension;

    return (struct ff_quota_ask){
        .policy_id = args->quota_policy_id,
        .dimension = ff_dimension_digest(dimension),
        .execution_id = args->execution_id,
        .window_ms = ff_window_ms(window_seconds),
        .rate_limit = args->rate_limit.is ? args->rate_limit.v : quota->max_requests_per_window,
        .cap = args->concurrency_cap.is ? args->concurrency_cap.v : quota->max_concurrent,
    };
}

/* How long the slot is kept (S-1, S-3). */
static int64_t
slot_end(const struct ff_txn *txn, const struct ff_exec *exec, int64_t guard_until)
{
    if (exec->lifecycle_phase == FF_PHASE_ACTIVE) {
        return INT64_MAX;
    }
    if (ff_grant_is_live(exec, txn->now_ms) && exec->grant->grant_expires_at > guard_until) {
        return exec->grant->grant_expires_at;
    }
    return guard_until;
}

/* Lets the execution's own record tell that there is something to look for. */
static ff_err
note_on_exec(struct ff_txn *txn, struct ff_exec *exec, const struct ff_check_admission_args *args,
             const struct ff_quota_answer *answer, bool slot)
{
    bool own = exec->quota_policy_id.is &&
               ff_uuid_eq(exec->quota_policy_id.v, args->quota_policy_id) &&
               (args->dimension.n == 0 || ff_str_is(args->dimension, "default"));

    exec->slot_held = exec->slot_held || slot;
    if (own) {
        exec->quota_guard_until = FF_SOME(ff_opt_i64, answer->guard_until);
    }
    return ff_txn_put_exec(txn, exec); /* nothing that can be seen: it counts as no mutation */
}

static ff_err
record(struct ff_txn *txn, const struct ff_check_admission_args *args,
       const struct ff_quota_ask *ask, struct ff_quota_answer *answer)
{
    const struct ff_key key = ff_key_eid(&args->execution_id);
    struct ff_quota_hold hold = { 0 };
    struct ff_exec exec = { 0 };
    bool found = false;

    FF_TRY(ff_exec_peek(txn, &args->execution_id, &exec, &found));
    found = found && exec.lifecycle_phase != FF_PHASE_TERMINAL;
    hold.lease_epoch = exec.current_lease_epoch;
    hold.slot_until =
        answer->guard_live ? answer->guard_until : ff_time_add(txn->now_ms, ask->window_ms);
    if (found) {
        hold.slot_until = slot_end(txn, &exec, hold.slot_until);
    }
    FF_TRY(ff_quota_record(txn, ask, answer, &hold));
    return found ? note_on_exec(txn, &exec, args, answer, ask->cap > 0)
                 : ff_txn_hold(txn, FF_R_EXEC, &key); /* it may come to life meanwhile */
}

static uint64_t
retry_after(struct ff_txn *txn, const struct ff_check_admission_args *args,
            const struct ff_quota_answer *answer)
{
    uint64_t jitter_ms = args->jitter_ms.is ? args->jitter_ms.v : answer->quota.jitter_ms;
    int64_t wait_ms = answer->again_at - txn->now_ms;

    return (wait_ms > 0 ? (uint64_t) wait_ms : 0) + ff_txn_random(txn, jitter_ms + 1);
}

ff_err
ff_op_check_admission(struct ff_txn *txn, const struct ff_check_admission_args *args,
                      struct ff_check_admission_result *result)
{
    static const char *const outcomes[] = {
        [FF_QUOTA_ADMITTED] = "admitted",
        [FF_QUOTA_ALREADY] = "already_admitted",
        [FF_QUOTA_RATE] = "rate_exceeded",
        [FF_QUOTA_CONCURRENCY] = "concurrency_exceeded",
    };
    struct ff_quota_answer answer = { 0 };
    struct ff_quota_ask ask = { 0 };
    struct ff_quota quota = { 0 };
    bool defined = false;

    FF_TRY(ff_quota_get(txn, &args->quota_policy_id, &quota, &defined));
    ask = ask_of(args, &quota);
    FF_TRY(ff_quota_judge(txn, &ask, &answer));
    result->outcome = outcomes[answer.verdict];
    if (answer.verdict == FF_QUOTA_RATE) {
        result->retry_after_ms = FF_SOME(ff_opt_u64, retry_after(txn, args, &answer));
    }
    if (answer.verdict != FF_QUOTA_ADMITTED) {
        return FF_E_OK;
    }
    if (answer.guard_live) {
        result->outcome = outcomes[FF_QUOTA_ALREADY]; /* only the slot is taken again */
    }
    return record(txn, args, &ask, &answer);
}

/* ---- release_admission ---- */

static ff_err
release_guards(struct ff_txn *txn, const struct ff_release_admission_args *args,
               const struct ff_exec *exec)
{
    const struct ff_scope scope = ff_scope_admissions(&args->quota_policy_id, &args->execution_id);
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    const struct ff_place place = { FF_IX_ADMISSIONS, &scope, &at };
    const struct ff_key key = ff_key_uuid(&args->quota_policy_id);
    bool found = true, pending = false;

    FF_TRY(ff_txn_guard(txn, FF_IX_ADMISSIONS, &scope, FF_R_QUOTA, &key));
    for (;;) {
        struct ff_admission admission = { 0 };
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_ADMISSIONS, &scope, &at, 8, &next, &found));
        if (!found) {
            return pending ? FF_E_PENDING : FF_E_OK;
        }
        at = next;
        err = ff_txn_follow(txn, FF_R_ADMISSION, &place, &admission);
        if (err == FF_E_OK) {
            bool has_run = exec->current_lease_epoch > admission.lease_epoch;

            err = ff_admission_drop(txn, &admission, has_run);
        }
        FF_TRY(ff_gather(err, &pending));
    }
}

ff_err
ff_op_release_admission(struct ff_txn *txn, const struct ff_release_admission_args *args,
                        struct ff_release_admission_result *result)
{
    const struct ff_key key = ff_key_slot(&args->quota_policy_id, &args->execution_id);
    const struct ff_key exec_key = ff_key_eid(&args->execution_id);
    const struct ff_scope quota = ff_topic_quota(&args->quota_policy_id);
    struct ff_exec exec = { 0 };
    struct ff_slot slot = { 0 };
    bool found = false, known = false;

    result->outcome = "released";
    FF_TRY(ff_exec_peek(txn, &args->execution_id, &exec, &known));
    FF_TRY(release_guards(txn, args, &exec));
    ff_txn_wake(txn, &quota, 1);
    FF_TRY(ff_txn_find(txn, FF_R_SLOT, &key, &slot, &found));
    if (!found || exec.lifecycle_phase == FF_PHASE_ACTIVE || ff_grant_is_live(&exec, txn->now_ms)) {
        return FF_E_OK; /* S-1: what runs, or is about to, keeps its slot */
    }
    FF_TRY(ff_txn_hold(txn, FF_R_EXEC, &exec_key));
    return ff_slot_drop(txn, &slot);
}

/* ---- reconcile_quota_counters ---- */

/* Entries that no check can count any more. */
static ff_err
sweep_window(struct ff_txn *txn, const struct ff_quota *quota, const struct ff_scope *scope,
             bool *changed)
{
    int64_t policy_ms = quota->created_at.is ? (int64_t) ff_window_ms(quota->window_seconds) : 0;
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    const struct ff_place place = { FF_IX_WINDOW, scope, &at };
    bool found = true, pending = false;

    for (uint32_t i = 0; i < SWEPT_MAX; i++) {
        struct ff_window_entry entry = { 0 };
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_WINDOW, scope, &at, 64, &next, &found));
        if (!found || next.sort > txn->now_ms - policy_ms) {
            break;
        }
        at = next;
        err = ff_txn_follow(txn, FF_R_WINDOW_ENTRY, &place, &entry);
        if (err == FF_E_OK && ff_time_add(entry.admitted_at, entry.window_ms) <= txn->now_ms) {
            err = ff_window_drop(txn, &at.id, &entry);
            *changed = true;
        }
        FF_TRY(ff_gather(err, &pending));
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

static ff_err
sweep_windows(struct ff_txn *txn, const struct ff_quota *quota, bool *changed)
{
    const struct ff_scope policy = ff_scope_uuid(&quota->quota_policy_id);
    struct ff_scope_list scopes = { 0 };
    bool pending = false;

    FF_TRY(ff_txn_scopes(txn, FF_IX_WINDOW, &policy, &scopes));
    for (uint32_t i = 0; i < scopes.n; i++) {
        FF_TRY(ff_gather(sweep_window(txn, quota, &scopes.v[i], changed), &pending));
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* Lapsed guards; those of lapsed grants with their entries (S-4). */
static ff_err
sweep_guards(struct ff_txn *txn, const struct ff_quota *quota, bool *changed)
{
    const struct ff_sweep sweep = { .index = FF_IX_GUARDS,
                                    .scope = ff_scope_uuid(&quota->quota_policy_id),
                                    .kind = FF_R_ADMISSION,
                                    .below = ff_time_add(txn->now_ms, 1),
                                    .max = SWEPT_MAX };
    uint32_t removed = 0;

    FF_TRY(ff_admissions_lapse(txn, &quota->quota_policy_id, changed));
    FF_TRY(ff_sweep_head(txn, &sweep, &removed));
    *changed = *changed || removed > 0;
    return FF_E_OK;
}

/* False for one that is held for an execution which does not run, or that has lapsed. */
static ff_err
is_kept(struct ff_txn *txn, const struct ff_place *place, bool *kept)
{
    struct ff_slot slot = { 0 };
    struct ff_exec exec = { 0 };
    struct ff_key key;
    bool found = false;

    FF_TRY(ff_txn_follow(txn, FF_R_SLOT, place, &slot));
    *kept = slot.lapses_at > txn->now_ms;
    if (slot.lapses_at == INT64_MAX) {
        FF_TRY(ff_exec_peek(txn, &slot.execution_id, &exec, &found));
        *kept = found && exec.lifecycle_phase == FF_PHASE_ACTIVE;
        key = ff_key_eid(&slot.execution_id);
    }
    return *kept || slot.lapses_at <= txn->now_ms ? FF_E_OK : ff_txn_hold(txn, FF_R_EXEC, &key);
}

/* Drops those; the count is taken from what is left. */
static ff_err
recount_slots(struct ff_txn *txn, struct ff_quota *quota, bool *changed)
{
    const struct ff_scope scope = ff_scope_uuid(&quota->quota_policy_id);
    const struct ff_key key = ff_record_key(FF_R_QUOTA, quota);
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    const struct ff_place place = { FF_IX_SLOTS, &scope, &at };
    bool found = true, pending = false;
    uint64_t n = 0, dropped = 0;

    FF_TRY(ff_txn_guard(txn, FF_IX_SLOTS, &scope, FF_R_QUOTA, &key));
    for (;;) {
        bool kept = true;

        FF_TRY(ff_txn_next(txn, FF_IX_SLOTS, &scope, &at, 256, &next, &found));
        if (!found) {
            break;
        }
        at = next;
        FF_TRY(ff_gather(is_kept(txn, &place, &kept), &pending));
        if (!kept) {
            FF_TRY(ff_txn_remove(txn, FF_R_SLOT, &at.id));
            dropped++;
        }
        n += kept;
    }
    if (!pending && (dropped > 0 || n != quota->slots)) {
        quota->slots = n;
        *changed = true;
        FF_TRY(ff_txn_put_quota(txn, quota));
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

static ff_err
reconcile(struct ff_txn *txn, const struct ff_key *key, uint32_t *processed)
{
    struct ff_quota quota = { 0 };
    bool found = false, changed = false;

    FF_TRY(ff_txn_find(txn, FF_R_QUOTA, key, &quota, &found));
    if (!found) {
        return FF_E_OK;
    }
    FF_TRY(sweep_guards(txn, &quota, &changed));
    FF_TRY(sweep_windows(txn, &quota, &changed));
    FF_TRY(recount_slots(txn, &quota, &changed));
    *processed += changed;
    return FF_E_OK;
}

ff_err
ff_op_reconcile_quota_counters(struct ff_txn *txn,
                               const struct ff_reconcile_quota_counters_args *args,
                               struct ff_reconcile_quota_counters_result *result)
{
    const struct ff_each each = { .index = FF_IX_QUOTAS,
                                  .family = FF_PARTITION_QUOTA,
                                  .act = reconcile };

    return ff_each_in(txn, &each, args->partition, &result->processed, &result->errors);
}
