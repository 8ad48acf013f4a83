/* The life of concurrency slots (05 §2.3). A slot's record says until when it counts; a policy's
 * record how many there are. */

#include "core/engine/quota.h"
#include "core/engine/rely.h"
#include "core/engine/topics.h"
#include "core/engine/walk.h"

static void
tell_free(struct ff_txn *txn, const struct ff_uuid *policy_id)
{
    const struct ff_scope quota = ff_topic_quota(policy_id), unblock = ff_topic_unblock();

    ff_txn_wake(txn, &quota, 1);
    ff_txn_wake(txn, &unblock, UINT32_MAX);
}

ff_err
ff_slot_drop(struct ff_txn *txn, const struct ff_slot *slot)
{
    const struct ff_key key = ff_record_key(FF_R_SLOT, slot);
    struct ff_quota quota = { 0 };
    bool defined = false;

    FF_TRY(ff_quota_get(txn, &slot->quota_policy_id, &quota, &defined));
    FF_TRY(ff_txn_remove(txn, FF_R_SLOT, &key));
    quota.slots -= quota.slots > 0;
    tell_free(txn, &slot->quota_policy_id);
    return ff_txn_put_quota(txn, &quota);
}

/* The policy's record is written with each of its slots, and vouches for all of them. */
ff_err
ff_slots_lapse(struct ff_txn *txn, struct ff_quota *quota, bool *wrote)
{
    const struct ff_scope scope = ff_scope_uuid(&quota->quota_policy_id);
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    const struct ff_place place = { FF_IX_SLOTS, &scope, &at };
    const struct ff_key key = ff_record_key(FF_R_QUOTA, quota);
    bool found = true, pending = false, any = false;

    FF_TRY(ff_txn_guard(txn, FF_IX_SLOTS, &scope, FF_R_QUOTA, &key));
    for (;;) {
        struct ff_slot slot = { 0 };
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_SLOTS, &scope, &at, 8, &next, &found));
        if (!found || next.sort > txn->now_ms) {
            break;
        }
        at = next;
        err = ff_txn_follow(txn, FF_R_SLOT, &place, &slot);
        if (err == FF_E_OK) {
            err = ff_txn_remove(txn, FF_R_SLOT, &at.id);
            quota->slots -= quota->slots > 0;
            any = true;
        }
        FF_TRY(ff_gather(err, &pending));
    }
    if (pending || !any) {
        return pending ? FF_E_PENDING : FF_E_OK;
    }
    *wrote = true;
    return ff_txn_put_quota(txn, quota);
}

/* ---- those of one execution ---- */

/* What becomes of each: `to` is its new end; 0: it goes; its old one: nothing. */
struct turn {
    int64_t (*to)(const struct ff_slot *slot, const struct ff_exec *exec, int64_t arg);
    int64_t arg;
    uint32_t left; /* result: how many remain */
};

static ff_err
turn_one(struct ff_txn *txn, const struct ff_exec *exec, struct turn *turn,
         const struct ff_place *place)
{
    struct ff_slot slot = { 0 };
    int64_t to_ms = 0;

    FF_TRY(ff_txn_follow(txn, FF_R_SLOT, place, &slot));
    to_ms = turn->to(&slot, exec, turn->arg);
    if (to_ms == 0) {
        return ff_slot_drop(txn, &slot);
    }
    turn->left++;
    if (to_ms == slot.lapses_at) {
        return FF_E_OK;
    }
    slot.lapses_at = to_ms;
    return ff_txn_put_slot(txn, &slot);
}

static ff_err
turn_all(struct ff_txn *txn, const struct ff_exec *exec, struct turn *turn)
{
    const struct ff_scope scope = ff_scope_eid(&exec->execution_id);
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    const struct ff_place place = { FF_IX_SLOTS_OF, &scope, &at };
    const struct ff_key key = ff_key_eid(&exec->execution_id);
    bool found = true, pending = false;

    FF_TRY(ff_txn_guard(txn, FF_IX_SLOTS_OF, &scope, FF_R_EXEC, &key));
    for (;;) {
        FF_TRY(ff_txn_next(txn, FF_IX_SLOTS_OF, &scope, &at, 4, &next, &found));
        if (!found) {
            return pending ? FF_E_PENDING : FF_E_OK;
        }
        at = next;
        FF_TRY(ff_gather(turn_one(txn, exec, turn, &place), &pending));
    }
}

static int64_t
to_held(const struct ff_slot *slot, const struct ff_exec *exec, int64_t now_ms)
{
    (void) exec;
    return slot->lapses_at > now_ms ? INT64_MAX : slot->lapses_at;
}

static int64_t
to_kept(const struct ff_slot *slot, const struct ff_exec *exec, int64_t until_ms)
{
    (void) exec;
    return slot->lapses_at < until_ms ? until_ms : slot->lapses_at;
}

/* Of one that waits only what being active held goes: another slot is a caller's (S-3). */
static int64_t
to_freed(const struct ff_slot *slot, const struct ff_exec *exec, int64_t arg)
{
    bool ended = exec->lifecycle_phase == FF_PHASE_TERMINAL;

    (void) arg;
    return ended || slot->lapses_at == INT64_MAX ? 0 : slot->lapses_at;
}

/* The slot of its own policy, cap or not reached (C-11). */
static ff_err
hold_own(struct ff_txn *txn, struct ff_exec *exec)
{
    struct ff_slot slot = { .execution_id = exec->execution_id, .lapses_at = INT64_MAX };
    struct ff_quota quota = { 0 };
    struct ff_slot stored = { 0 };
    struct ff_key key;
    bool defined = false, found = false;

    FF_TRY(ff_quota_get(txn, &exec->quota_policy_id.v, &quota, &defined));
    if (!defined || quota.max_concurrent == 0) {
        return FF_E_OK;
    }
    slot.quota_policy_id = quota.quota_policy_id;
    key = ff_record_key(FF_R_SLOT, &slot);
    exec->slot_held = true;
    FF_TRY(ff_txn_find(txn, FF_R_SLOT, &key, &stored, &found));
    if (found && stored.lapses_at == INT64_MAX) {
        return FF_E_OK;
    }
    FF_TRY(ff_txn_put_slot(txn, &slot));
    quota.slots += !found;
    return found ? FF_E_OK : ff_txn_put_quota(txn, &quota);
}

static struct ff_key
own_admission_key(const struct ff_exec *exec)
{
    const struct ff_digest dimension = ff_dimension_digest(ff_cstr("default"));

    return ff_key_admission(&exec->quota_policy_id.v, ff_str(dimension.b, sizeof(dimension.b)),
                            &exec->execution_id);
}

/* The request of a grant has really happened. */
static ff_err
consume_admission(struct ff_txn *txn, const struct ff_exec *exec)
{
    const struct ff_key key = own_admission_key(exec);
    struct ff_admission admission = { 0 };
    bool found = false;

    FF_TRY(ff_txn_find(txn, FF_R_ADMISSION, &key, &admission, &found));
    if (!found || !admission.grant_until.is || admission.grant_until.v <= txn->now_ms) {
        return FF_E_OK;
    }
    admission.grant_until = FF_NONE(ff_opt_i64);
    return ff_txn_put_admission(txn, &admission);
}

ff_err
ff_slots_hold(struct ff_txn *txn, struct ff_exec *exec)
{
    struct turn turn = { .to = to_held, .arg = txn->now_ms };

    if (exec->quota_policy_id.is) {
        FF_TRY(consume_admission(txn, exec));
        FF_TRY(hold_own(txn, exec));
    }
    return exec->slot_held ? turn_all(txn, exec, &turn) : FF_E_OK;
}

ff_err
ff_slots_inherit(struct ff_txn *txn, struct ff_exec *exec)
{
    struct ff_admission admission = { 0 };
    struct ff_key key;
    bool found = false;

    if (!exec->quota_policy_id.is) {
        return FF_E_OK;
    }
    key = own_admission_key(exec);
    FF_TRY(ff_txn_find(txn, FF_R_ADMISSION, &key, &admission, &found));
    if (found) {
        exec->slot_held = true; /* perhaps: they are looked for then */
        exec->quota_guard_until = FF_SOME(ff_opt_i64, admission.guard_until);
    }
    return FF_E_OK;
}

ff_err
ff_slots_keep_until(struct ff_txn *txn, const struct ff_exec *exec, int64_t until_ms)
{
    struct turn turn = { .to = to_kept, .arg = until_ms };

    return exec->slot_held ? turn_all(txn, exec, &turn) : FF_E_OK;
}

ff_err
ff_slots_free(struct ff_txn *txn, struct ff_exec *exec)
{
    struct turn turn = { .to = to_freed };

    if (exec->slot_held) {
        FF_TRY(turn_all(txn, exec, &turn));
        exec->slot_held = turn.left > 0;
    }
    return FF_E_OK;
}
