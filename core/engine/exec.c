/* exec.c: see exec.h. Moves set every dimension they are about, so that none is left over. */
#include "core/engine/exec.h"

#include "core/engine/events.h"
#include "core/engine/flow.h"
#include "core/engine/quota.h"
#include "core/engine/reads.h"
#include "core/engine/stream.h"
#include "core/engine/suspension.h"
#include "core/id.h"
#include "core/state.h"

/* What is stored must be legal before it is changed; a read shows it as it is (01 §4.3). */
ff_err
ff_exec_open(struct ff_txn *txn, const struct ff_eid *id, struct ff_exec *out)
{
    FF_TRY(ff_txn_get_exec(txn, id, out));
    return ff_exec_check(out, txn->arena, &txn->fault);
}

ff_err
ff_exec_lookup(struct ff_txn *txn, const struct ff_eid *id, struct ff_exec *out, bool *found)
{
    FF_TRY(ff_exec_peek(txn, id, out, found));
    return *found ? ff_exec_check(out, txn->arena, &txn->fault) : FF_E_OK;
}

ff_err
ff_exec_check_lane(struct ff_txn *txn, const struct ff_exec *exec, struct ff_str lane_id)
{
    if (lane_id.n == 0 || ff_str_eq(lane_id, exec->lane_id)) {
        return FF_E_OK;
    }
    return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "lane_id"),
                   ff_d_text("reason", "lane_mismatch"), ff_d_str("given", lane_id),
                   ff_d_str("stored", exec->lane_id));
}

ff_err
ff_exec_save(struct ff_txn *txn, struct ff_exec *exec, enum ff_exec_change change)
{
    exec->last_mutation_at = txn->now_ms;
    if (change == FF_EXEC_MOVED) {
        exec->last_transition_at = txn->now_ms;
        /* Whatever leaves `active` gives its slots back in the same step (05 S-2). */
        if (exec->slot_held && exec->lifecycle_phase != FF_PHASE_ACTIVE) {
            FF_TRY(ff_slots_free(txn, exec));
        }
        ff_exec_set_public(exec);
    }
    return ff_txn_put_exec(txn, exec);
}

/* ---- moves ---- */

static void
make_runnable(struct ff_exec *exec, enum ff_eligibility_state eligibility,
              enum ff_blocking_reason reason)
{
    exec->lifecycle_phase = FF_PHASE_RUNNABLE;
    exec->ownership_state = FF_OWNER_UNOWNED;
    exec->eligibility_state = eligibility;
    exec->blocking_reason = reason;
    exec->terminal_outcome = FF_OUTCOME_NONE;
    exec->blocking_detail = FF_NONE(ff_str);
    exec->delay_until = FF_NONE(ff_opt_i64);
}

void
ff_exec_make_eligible(struct ff_exec *exec)
{
    make_runnable(exec, FF_ELIGIBLE_NOW, FF_BLOCK_WAITING_FOR_WORKER);
}

void
ff_exec_make_delayed(struct ff_exec *exec, enum ff_blocking_reason reason, int64_t until_ms)
{
    make_runnable(exec, FF_ELIGIBLE_UNTIL_TIME, reason);
    exec->delay_until = FF_SOME(ff_opt_i64, until_ms);
}

void
ff_exec_make_blocked(struct ff_exec *exec, enum ff_eligibility_state eligibility,
                     enum ff_blocking_reason reason, struct ff_str detail)
{
    make_runnable(exec, eligibility, reason);
    exec->blocking_detail = detail.n == 0 ? FF_NONE(ff_str) : detail;
}

void
ff_exec_make_active(struct ff_exec *exec)
{
    exec->lifecycle_phase = FF_PHASE_ACTIVE;
    exec->ownership_state = FF_OWNER_LEASED;
    exec->eligibility_state = FF_ELIGIBLE_NA;
    exec->blocking_reason = FF_BLOCK_NONE;
    exec->terminal_outcome = FF_OUTCOME_NONE;
    exec->attempt_state = FF_ATTEMPT_RUNNING;
    exec->blocking_detail = FF_NONE(ff_str);
    exec->delay_until = FF_NONE(ff_opt_i64);
}

/* The lease's epoch stays: the next claim adds one. */
void
ff_exec_make_suspended(struct ff_exec *exec, enum ff_blocking_reason reason, struct ff_str detail)
{
    exec->lifecycle_phase = FF_PHASE_SUSPENDED;
    exec->ownership_state = FF_OWNER_UNOWNED;
    exec->eligibility_state = FF_ELIGIBLE_NA;
    exec->blocking_reason = reason;
    exec->blocking_detail = detail;
    exec->terminal_outcome = FF_OUTCOME_NONE;
    exec->attempt_state = FF_ATTEMPT_INTERRUPTED;
    exec->delay_until = FF_NONE(ff_opt_i64);
}

void
ff_exec_drop_lease(struct ff_exec *exec)
{
    exec->current_lease_id = FF_NONE(ff_opt_uuid);
    exec->current_worker_id = FF_NONE(ff_str);
    exec->current_worker_instance_id = FF_NONE(ff_str);
    exec->current_lane = FF_NONE(ff_str);
    exec->lease_acquired_at = FF_NONE(ff_opt_i64);
    exec->lease_expires_at = FF_NONE(ff_opt_i64);
    exec->lease_last_renewed_at = FF_NONE(ff_opt_i64);
    exec->lease_renewal_deadline = FF_NONE(ff_opt_i64);
    exec->lease_expired_at = FF_NONE(ff_opt_i64);
    exec->lease_revoked_at = FF_NONE(ff_opt_i64);
    exec->lease_revoke_reason = FF_NONE(ff_str);
    exec->claim_request_id = FF_NONE(ff_opt_uuid);
    exec->claim_grant = NULL;
    exec->attempt_timeout_at = FF_NONE(ff_opt_i64);
}

/* owed: its edges are left to its mark, set in this step, so that no crash loses it (04 §4.4). */
static ff_err
end(struct ff_txn *txn, struct ff_exec *exec, enum ff_terminal_outcome outcome, bool owed)
{
    bool attempted = exec->total_attempt_count > 0;

    ff_exec_drop_lease(exec);
    exec->lifecycle_phase = FF_PHASE_TERMINAL;
    exec->ownership_state = FF_OWNER_UNOWNED;
    exec->eligibility_state = FF_ELIGIBLE_NA;
    exec->blocking_reason = FF_BLOCK_NONE;
    exec->blocking_detail = FF_NONE(ff_str);
    exec->terminal_outcome = outcome;
    exec->attempt_state = attempted ? FF_ATTEMPT_TERMINAL : FF_ATTEMPT_NONE;
    exec->completed_at = FF_SOME(ff_opt_i64, txn->now_ms);
    exec->delay_until = FF_NONE(ff_opt_i64);
    exec->current_suspension_id = FF_NONE(ff_opt_uuid);
    exec->current_waitpoint_id = FF_NONE(ff_opt_uuid);
    exec->grant = NULL;
    exec->terminal_count++;
    exec->cascade_owed = owed;
    FF_TRY(ff_flow_unstage(txn, exec));
    FF_TRY(ff_exec_save(txn, exec, FF_EXEC_MOVED));
    return ff_event_completion(txn, exec);
}

ff_err
ff_exec_end(struct ff_txn *txn, struct ff_exec *exec, enum ff_terminal_outcome outcome)
{
    return end(txn, exec, outcome, exec->flow_id.is);
}

ff_err
ff_exec_end_last(struct ff_txn *txn, struct ff_exec *exec, enum ff_terminal_outcome outcome)
{
    if (!ff_cascade_fits(txn, exec)) {
        return ff_exec_end(txn, exec, outcome);
    }
    FF_TRY(end(txn, exec, outcome, false));
    return ff_cascade_now(txn, exec);
}

/* ---- questions ---- */

ff_err
ff_fail_not_active(struct ff_txn *txn, const struct ff_exec *exec)
{
    char *attempt_id = ff_arena_zalloc(txn->arena, FF_UUID_TEXT_MAX);

    if (exec->current_attempt_id.is) {
        ff_uuid_text(&exec->current_attempt_id.v, attempt_id);
    }
    return ff_fail(
        &txn->fault, FF_E_EXECUTION_NOT_ACTIVE,
        ff_d_text("terminal_outcome", ff_word(&ff_vocab_terminal_outcome, exec->terminal_outcome)),
        ff_d_u64("lease_epoch", exec->current_lease_epoch),
        ff_d_text("lifecycle_phase", ff_word(&ff_vocab_lifecycle_phase, exec->lifecycle_phase)),
        ff_d_text("attempt_id", attempt_id));
}

/* ---- attempts ---- */

ff_err
ff_attempt_get(struct ff_txn *txn, const struct ff_exec *exec, uint32_t attempt_index,
               struct ff_attempt *out)
{
    struct ff_key key = ff_key_attempt(&exec->execution_id, attempt_index);
    bool found = false;

    FF_TRY(ff_txn_find(txn, FF_R_ATTEMPT, &key, out, &found));
    if (!found) {
        return ff_fail(&txn->fault, FF_E_CORRUPTION, ff_d_text("reason", "missing_record"),
                       ff_d_text("context", "attempt"));
    }
    return FF_E_OK;
}

bool
ff_attempt_has_ended(const struct ff_attempt *attempt)
{
    switch (attempt->attempt_lifecycle) {
    case FF_LIFE_ENDED_SUCCESS:
    case FF_LIFE_ENDED_FAILURE:
    case FF_LIFE_ENDED_CANCELLED:
    case FF_LIFE_INTERRUPTED_RECLAIMED:
        return true;
    default:
        return false;
    }
}

void
ff_attempt_close_stream(struct ff_txn *txn, struct ff_attempt *attempt, const char *reason)
{
    if (!attempt->stream_closed_at.is) {
        attempt->stream_closed_at = FF_SOME(ff_opt_i64, txn->now_ms);
        attempt->stream_closed_reason = ff_cstr(reason);
        ff_stream_wake(txn, &attempt->execution_id, attempt->attempt_index, true);
    } else if (strcmp(reason, "reclaimed") == 0 &&
               (ff_str_is(attempt->stream_closed_reason, "lease_expired") ||
                ff_str_is(attempt->stream_closed_reason, "lease_revoked"))) {
        attempt->stream_closed_reason = ff_cstr(reason);
    }
}

ff_err
ff_attempt_suspend(struct ff_txn *txn, const struct ff_exec *exec, struct ff_str suspension_id)
{
    struct ff_attempt attempt = { 0 };

    FF_TRY(ff_attempt_get(txn, exec, exec->current_attempt_index.v, &attempt));
    attempt.attempt_lifecycle = FF_LIFE_SUSPENDED;
    attempt.suspended_at = FF_SOME(ff_opt_i64, txn->now_ms);
    attempt.suspension_id = suspension_id;
    if (attempt.timeout_at.is) {
        int64_t left_ms = attempt.timeout_at.v - txn->now_ms;

        attempt.timeout_remaining_ms = FF_SOME(ff_opt_u64, left_ms < 1 ? 1 : (uint64_t) left_ms);
        attempt.timeout_at = FF_NONE(ff_opt_i64);
    }
    return ff_txn_put_attempt(txn, &attempt);
}

ff_err
ff_attempt_finish(struct ff_txn *txn, struct ff_exec *exec, const struct ff_attempt_end *end)
{
    const char *reason = end->suspension_reason == NULL ? "cancelled" : end->suspension_reason;
    struct ff_attempt attempt = { 0 };

    if (!exec->current_attempt_index.is) {
        return FF_E_OK;
    }
    /* Before the attempt, which may have ended: pending waitpoints must not outlive it. */
    FF_TRY(ff_suspension_drop(txn, exec, ff_cstr(reason)));
    FF_TRY(ff_attempt_get(txn, exec, exec->current_attempt_index.v, &attempt));
    if (ff_attempt_has_ended(&attempt)) {
        return FF_E_OK;
    }
    attempt.attempt_lifecycle = end->lifecycle;
    attempt.ended_at = FF_SOME(ff_opt_i64, txn->now_ms);
    attempt.timeout_at = FF_NONE(ff_opt_i64);
    attempt.timeout_remaining_ms = FF_NONE(ff_opt_u64);
    if (end->reason.p != NULL) {
        attempt.failure_reason = end->reason;
    }
    if (end->category.p != NULL) {
        attempt.failure_category = end->category;
    }
    ff_attempt_close_stream(txn, &attempt, end->stream_reason);
    return ff_txn_put_attempt(txn, &attempt);
}
