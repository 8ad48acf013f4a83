/* expire_execution: what time ends (02 §6.11). */

#include "core/engine/finish.h"

static const char *const stream_expired = "expired";

/* An attempt has run too long: the next one, if the policy grants it, else the end. */
static ff_err
retry_or_not(struct ff_txn *txn, const struct ff_exec *exec, struct ff_retry *out)
{
    const struct ff_failure failure = { .class = FF_FAILURE_TIMEOUT,
                                        .retry_count = exec->retry_count };
    const struct ff_retry_policy *policy = NULL;

    FF_TRY(ff_stored_retry_policy(txn, exec, &policy));
    *out = ff_retry_decide(policy, &failure);
    return FF_E_OK;
}

static ff_err
finish_attempt(struct ff_txn *txn, struct ff_exec *exec, struct ff_str reason)
{
    const struct ff_attempt_end end = {
        .lifecycle = FF_LIFE_ENDED_FAILURE,
        .reason = reason,
        .category = ff_str("timeout", 7),
        .stream_reason = stream_expired,
        .suspension_reason = ff_arena_printf(txn->arena, "expired:%.*s", (int) reason.n, reason.p).p
    };

    return ff_attempt_finish(txn, exec, &end);
}

static ff_err
end_expired(struct ff_txn *txn, struct ff_exec *exec, const char *phase,
            struct ff_expire_execution_result *result)
{
    const struct ff_release_note note = { .op = FF_RELEASE_EXPIRE,
                                          .outcome = "expired",
                                          .expired_by = phase };

    result->outcome = "expired";
    result->execution_id = FF_SOME(ff_opt_eid, exec->execution_id);
    result->from_phase = FF_SOME(ff_opt_u32, exec->lifecycle_phase);
    FF_TRY(finish_attempt(txn, exec, ff_cstr(phase)));
    if (exec->lifecycle_phase == FF_PHASE_ACTIVE) {
        FF_TRY(ff_lease_release(txn, exec, &note));
    }
    exec->failure_reason = ff_cstr(phase);
    exec->failure_category = ff_cstr("timeout");
    exec->failure_detail = FF_NONE(ff_str);
    return ff_exec_end(txn, exec, FF_OUTCOME_EXPIRED);
}

static ff_err
time_out_attempt(struct ff_txn *txn, struct ff_exec *exec,
                 struct ff_expire_execution_result *result)
{
    static const char phase[] = "attempt_timeout";
    const struct ff_failing failing = { .reason = ff_cstr(phase),
                                        .category = ff_str("timeout", 7) };
    struct ff_release_note note = { .op = FF_RELEASE_FAIL, .expired_by = phase };
    struct ff_retry retry = { 0 };

    FF_TRY(retry_or_not(txn, exec, &retry));
    if (retry.verdict != FF_RETRY) {
        return end_expired(txn, exec, phase, result);
    }
    FF_TRY(finish_attempt(txn, exec, failing.reason));
    exec->failure_reason = failing.reason;
    exec->failure_category = failing.category;
    exec->failure_detail = FF_NONE(ff_str);
    FF_TRY(ff_retry_schedule(txn, exec, &failing, &retry, &note));
    result->outcome = "retry_scheduled";
    result->delay_until = note.delay_until;
    result->next_attempt_index = note.next_attempt_index;
    return FF_E_OK;
}

ff_err
ff_op_expire_execution(struct ff_txn *txn, const struct ff_expire_execution_args *args,
                       struct ff_expire_execution_result *result)
{
    struct ff_exec exec = { 0 };
    bool found = false;

    FF_TRY(ff_exec_lookup(txn, &args->execution_id, &exec, &found));
    if (!found || exec.lifecycle_phase == FF_PHASE_TERMINAL) {
        result->outcome = found ? "already_terminal" : "not_found";
        return FF_E_OK;
    }
    result->outcome = "not_yet_due";
    if (args->phase == FF_EXPIRE_ATTEMPT_TIMEOUT) {
        bool due = exec.lifecycle_phase == FF_PHASE_ACTIVE && exec.attempt_timeout_at.is &&
                   exec.attempt_timeout_at.v <= txn->now_ms;

        return due ? time_out_attempt(txn, &exec, result) : FF_E_OK;
    }
    if (exec.execution_deadline_at.is && exec.execution_deadline_at.v <= txn->now_ms) {
        return end_expired(txn, &exec, "execution_deadline", result);
    }
    return FF_E_OK;
}
