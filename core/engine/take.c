#include "core/engine/take.h"

#include "core/engine/events.h"
#include "core/engine/quota.h"
#include "core/policy.h"
#include "core/state.h"

static struct ff_uuid
given_or_new(struct ff_txn *txn, struct ff_opt_uuid given)
{
    return given.is ? given.v : ff_txn_uuid(txn);
}

static void
fill_claim(struct ff_txn *txn, const struct ff_exec *exec, enum ff_handle_kind kind,
           struct ff_claim *out)
{
    *out = (struct ff_claim){
        .outcome = "claimed",
        .execution_id = exec->execution_id,
        .attempt_index = exec->current_attempt_index.v,
        .attempt_type = (enum ff_attempt_type) exec->current_attempt_type.v,
        .attempt_id = exec->current_attempt_id.v,
        .lease_id = exec->current_lease_id.v,
        .lease_epoch = exec->current_lease_epoch,
        .lease_expires_at = exec->lease_expires_at.v,
    };
    out->handle = ff_lease_handle(txn, exec, kind);
}

/* The lease, and the slots that it holds. */
static ff_err
acquire(struct ff_txn *txn, struct ff_exec *exec, const struct ff_taker *taker)
{
    const struct ff_holder holder = {
        .worker_id = taker->worker_id,
        .worker_instance_id = taker->worker_instance_id,
        .lease_id = given_or_new(txn, taker->lease_id),
        .lease_ttl_ms = taker->lease_ttl_ms,
        .request_id = taker->request_id,
    };

    if (taker->execution_deadline_at.is && taker->execution_deadline_at.v > 0) {
        exec->execution_deadline_at = taker->execution_deadline_at;
    }
    ff_lease_acquire(txn, exec, &holder);
    return ff_slots_hold(txn, exec);
}

/* ---- new attempts ---- */

static void
arm_timeout(struct ff_txn *txn, struct ff_exec *exec, const struct ff_taker *taker,
            struct ff_attempt *attempt)
{
    struct ff_opt_u64 timeout =
        taker->attempt_timeout_ms.is ? taker->attempt_timeout_ms : exec->attempt_timeout_ms;

    attempt->timeout_at = FF_NONE(ff_opt_i64);
    if (timeout.is && timeout.v > 0) {
        attempt->timeout_at = FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, timeout.v));
    }
    exec->attempt_timeout_at = attempt->timeout_at;
}

/* Moves the lineage that the execution kept for its next attempt to that attempt. */
static void
hand_lineage_on(struct ff_exec *exec, struct ff_attempt *attempt)
{
    if (attempt->attempt_type == FF_TYPE_RETRY) {
        attempt->retry_reason = exec->pending_retry_reason;
        attempt->previous_attempt_index = exec->pending_previous_attempt_index;
    } else if (attempt->attempt_type == FF_TYPE_REPLAY) {
        attempt->replay_reason = exec->pending_replay_reason;
        attempt->replay_requested_by = exec->pending_replay_requested_by;
        attempt->replayed_from_attempt_index = exec->pending_previous_attempt_index;
    }
    attempt->policy_json = exec->pending_attempt_policy_json;
    exec->pending_retry_reason = FF_NONE(ff_str);
    exec->pending_replay_reason = FF_NONE(ff_str);
    exec->pending_replay_requested_by = FF_NONE(ff_str);
    exec->pending_previous_attempt_index = FF_NONE(ff_opt_u32);
    exec->pending_attempt_policy_json = FF_NONE(ff_str);
}

/* Leases the execution to the taker under a new attempt, whose type and lineage are set. */
static ff_err
begin_attempt(struct ff_txn *txn, struct ff_exec *exec, const struct ff_taker *taker,
              struct ff_attempt *attempt)
{
    attempt->execution_id = exec->execution_id;
    attempt->attempt_index = exec->total_attempt_count;
    attempt->attempt_id = given_or_new(txn, taker->attempt_id);
    attempt->attempt_lifecycle = FF_LIFE_STARTED;
    attempt->created_at = txn->now_ms;
    attempt->started_at = FF_SOME(ff_opt_i64, txn->now_ms);
    if (taker->attempt_policy_json.n > 0) {
        attempt->policy_json = taker->attempt_policy_json;
    }
    exec->current_attempt_index = FF_SOME(ff_opt_u32, exec->total_attempt_count);
    exec->total_attempt_count++;
    exec->current_attempt_id = FF_SOME(ff_opt_uuid, attempt->attempt_id);
    exec->current_attempt_type = FF_SOME(ff_opt_u32, attempt->attempt_type);
    FF_TRY(acquire(txn, exec, taker));
    arm_timeout(txn, exec, taker, attempt);
    attempt->lease_id = exec->current_lease_id;
    attempt->lease_epoch = exec->current_lease_epoch;
    attempt->worker_id = taker->worker_id;
    attempt->worker_instance_id = taker->worker_instance_id;
    FF_TRY(ff_txn_put_new(txn, FF_R_ATTEMPT, attempt)); /* indices are never used twice */
    return ff_exec_save(txn, exec, FF_EXEC_MOVED);
}

ff_err
ff_take_fresh(struct ff_txn *txn, struct ff_exec *exec, const struct ff_taker *taker,
              struct ff_claim *out)
{
    struct ff_attempt attempt = { 0 };

    if (!ff_attempt_type_of(exec->attempt_state, &attempt.attempt_type)) {
        return ff_fail(&txn->fault, FF_E_CORRUPTION, ff_d_text("reason", "attempt_state"),
                       ff_d_text("context", "exec"), ff_d_text("field", "attempt_state"));
    }
    hand_lineage_on(exec, &attempt);
    FF_TRY(begin_attempt(txn, exec, taker, &attempt));
    FF_TRY(ff_event_lease(txn, exec, FF_LEASE_EV_ACQUIRED, NULL));
    fill_claim(txn, exec, FF_HANDLE_FRESH, out);
    return FF_E_OK;
}

/* The attempt whose lease was lost is over. */
static ff_err
end_lost_attempt(struct ff_txn *txn, struct ff_exec *exec, const char *reason)
{
    const struct ff_attempt_end end = {
        .lifecycle = FF_LIFE_INTERRUPTED_RECLAIMED,
        .reason = ff_cstr(reason),
        .stream_reason = "reclaimed",
    };

    return ff_attempt_finish(txn, exec, &end);
}

ff_err
ff_take_over(struct ff_txn *txn, struct ff_exec *exec, const struct ff_taker *taker,
             struct ff_claim *out)
{
    const char *reason =
        exec->ownership_state == FF_OWNER_REVOKED ? "lease_revoked" : "lease_expired";
    struct ff_attempt attempt = {
        .attempt_type = FF_TYPE_RECLAIM,
        .reclaim_reason = ff_cstr(reason),
        .previous_attempt_index = exec->current_attempt_index,
    };

    FF_TRY(end_lost_attempt(txn, exec, reason));
    exec->lease_reclaim_count++;
    FF_TRY(begin_attempt(txn, exec, taker, &attempt));
    FF_TRY(ff_event_lease(txn, exec, FF_LEASE_EV_RECLAIMED, NULL));
    fill_claim(txn, exec, FF_HANDLE_RECLAIMED, out);
    return FF_E_OK;
}

/* ---- an interrupted attempt ---- */

ff_err
ff_take_resumed(struct ff_txn *txn, struct ff_exec *exec, const struct ff_taker *taker,
                struct ff_claim *out)
{
    struct ff_attempt attempt = { 0 };
    struct ff_opt_u64 left = taker->remaining_timeout_ms;

    FF_TRY(ff_attempt_get(txn, exec, exec->current_attempt_index.v, &attempt));
    FF_TRY(acquire(txn, exec, taker));
    left = left.is ? left : attempt.timeout_remaining_ms;
    attempt.timeout_at = FF_NONE(ff_opt_i64);
    if (left.is && left.v > 0) {
        attempt.timeout_at = FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, left.v));
    }
    exec->attempt_timeout_at = attempt.timeout_at;
    attempt.timeout_remaining_ms = FF_NONE(ff_opt_u64);
    attempt.attempt_lifecycle = FF_LIFE_STARTED;
    attempt.resumed_at = FF_SOME(ff_opt_i64, txn->now_ms);
    attempt.suspended_at = FF_NONE(ff_opt_i64);
    attempt.suspension_id = FF_NONE(ff_str);
    attempt.lease_id = exec->current_lease_id;
    attempt.lease_epoch = exec->current_lease_epoch;
    attempt.worker_id = taker->worker_id;
    attempt.worker_instance_id = taker->worker_instance_id;
    FF_TRY(ff_txn_put_attempt(txn, &attempt));
    FF_TRY(ff_exec_save(txn, exec, FF_EXEC_MOVED));
    FF_TRY(ff_event_lease(txn, exec, FF_LEASE_EV_ACQUIRED, "claim_resumed"));
    fill_claim(txn, exec, FF_HANDLE_RESUMED, out);
    return FF_E_OK;
}

ff_err
ff_take(struct ff_txn *txn, struct ff_exec *exec, const struct ff_taker *taker,
        struct ff_claim *out)
{
    if (exec->lifecycle_phase == FF_PHASE_ACTIVE) {
        return ff_take_over(txn, exec, taker, out);
    }
    if (exec->attempt_state == FF_ATTEMPT_INTERRUPTED) {
        return ff_take_resumed(txn, exec, taker, out);
    }
    return ff_take_fresh(txn, exec, taker, out);
}

/* ---- answers ---- */

bool
ff_take_is_repeat(const struct ff_txn *txn, const struct ff_exec *exec,
                  struct ff_str worker_instance_id, struct ff_opt_uuid lease_id)
{
    return lease_id.is && exec->lifecycle_phase == FF_PHASE_ACTIVE &&
           exec->ownership_state == FF_OWNER_LEASED && exec->lease_expires_at.v > txn->now_ms &&
           ff_uuid_eq(exec->current_lease_id.v, lease_id.v) &&
           ff_str_eq(exec->current_worker_instance_id, worker_instance_id);
}

ff_err
ff_take_again(struct ff_txn *txn, const struct ff_exec *exec, struct ff_claim *out)
{
    enum ff_handle_kind kind = FF_HANDLE_FRESH;
    struct ff_attempt attempt = { 0 };

    FF_TRY(ff_attempt_get(txn, exec, exec->current_attempt_index.v, &attempt));
    if (attempt.resumed_at.is && attempt.resumed_at.v == exec->lease_acquired_at.v) {
        kind = FF_HANDLE_RESUMED;
    } else if (attempt.attempt_type == FF_TYPE_RECLAIM) {
        kind = FF_HANDLE_RECLAIMED;
    }
    fill_claim(txn, exec, kind, out);
    return FF_E_OK;
}

ff_err
ff_context_read(struct ff_txn *txn, const struct ff_exec *exec, struct ff_context *out)
{
    struct ff_key key = ff_key_eid(&exec->execution_id);
    struct ff_exec_input input = { 0 };
    struct ff_exec_tags tags = { 0 };
    bool found = false;

    FF_TRY(ff_txn_find(txn, FF_R_EXEC_INPUT, &key, &input, &found));
    if (exec->has_tags) {
        FF_TRY(ff_txn_find(txn, FF_R_EXEC_TAGS, &key, &tags, &found));
    }
    out->input_payload = input.payload.p != NULL ? input.payload : ff_str("", 0);
    out->payload_encoding = input.payload_encoding;
    out->tags = tags.tags;
    return FF_E_OK;
}

ff_err
ff_check_policy_text(struct ff_txn *txn, const char *field, struct ff_str json)
{
    const struct ff_policy *policy = NULL;

    return ff_policy_parse_json(json, field, txn->arena, &policy, &txn->fault);
}
