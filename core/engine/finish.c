/* complete, fail: the owner ends its attempt (02 §6.1, §6.2). */

#include "core/engine/finish.h"

#include "core/engine/gate.h"
#include "core/engine/take.h"
#include "core/policy.h"

static const char override_source[] = "operator_override";

/* ---- complete ---- */

struct completing {
    struct ff_str payload; /* p == NULL: no result */
    struct ff_str encoding;
};

static ff_err
complete(struct ff_txn *txn, const struct ff_eid *id, const struct ff_gate *gate,
         const struct completing *with)
{
    const struct ff_attempt_end end = { .lifecycle = FF_LIFE_ENDED_SUCCESS,
                                        .stream_reason = "attempt_success" };
    const struct ff_release_note note = { .op = FF_RELEASE_COMPLETE,
                                          .outcome = "completed",
                                          .revoked_by = "backend",
                                          .reason = ff_str("completed", 9) };
    struct ff_exec exec = { 0 };
    bool replayed = false;

    FF_TRY(ff_lease_gate(txn, id, gate, &exec, &replayed));
    if (replayed) {
        return FF_E_OK;
    }
    FF_TRY(ff_attempt_finish(txn, &exec, &end));
    if (with->payload.p != NULL) {
        struct ff_exec_result stored = { .execution_id = exec.execution_id,
                                         .result = with->payload,
                                         .result_encoding = with->encoding };

        FF_TRY(ff_txn_put_new(txn, FF_R_EXEC_RESULT, &stored)); /* a replay removes it */
    }
    FF_TRY(ff_lease_release(txn, &exec, &note));
    return ff_exec_end_last(txn, &exec, FF_OUTCOME_SUCCESS);
}

ff_err
ff_op_complete(struct ff_txn *txn, const struct ff_complete_args *args,
               struct ff_complete_result *result)
{
    const struct completing with = { .payload = args->payload };
    struct ff_gate gate = { .outcomes = { "completed" } };
    struct ff_held held = { 0 };

    (void) result;
    FF_TRY(ff_held_read(txn, &args->handle, &held));
    gate.fence = &held.fence;
    gate.attempt_index = FF_SOME(ff_opt_u32, held.attempt_index);
    return complete(txn, &held.execution_id, &gate, &with);
}

ff_err
ff_op_complete_execution(struct ff_txn *txn, const struct ff_complete_execution_args *args,
                         struct ff_complete_execution_result *result)
{
    const struct completing with = { .payload = args->result_payload,
                                     .encoding = args->result_encoding };
    const struct ff_gate gate = {
        .fence = args->fence,
        .attempt_index = args->attempt_index,
        .override = ff_str_is(args->source, override_source),
        .outcomes = { "completed" },
    };

    FF_TRY(complete(txn, &args->execution_id, &gate, &with));
    result->outcome = "completed";
    result->execution_id = args->execution_id;
    result->public_state = FF_PUBLIC_COMPLETED;
    return FF_E_OK;
}

/* ---- fail ---- */

ff_err
ff_stored_retry_policy(struct ff_txn *txn, const struct ff_exec *exec,
                       const struct ff_retry_policy **out)
{
    struct ff_key key = ff_key_eid(&exec->execution_id);
    struct ff_exec_input input = { 0 };
    bool found = false;

    *out = NULL;
    if (exec->has_retry_policy) {
        FF_TRY(ff_txn_find(txn, FF_R_EXEC_INPUT, &key, &input, &found));
        *out = input.policy == NULL ? NULL : input.policy->retry_policy;
    }
    return FF_E_OK;
}

ff_err
ff_retry_schedule(struct ff_txn *txn, struct ff_exec *exec, const struct ff_failing *failing,
                  const struct ff_retry *retry, struct ff_release_note *note)
{
    uint64_t spread_ms = retry->max_delay_ms - retry->min_delay_ms + 1;
    uint64_t delay_ms = retry->min_delay_ms + ff_txn_random(txn, spread_ms);
    int64_t until_ms = ff_time_add(txn->now_ms, delay_ms);

    note->outcome = "retry_scheduled";
    note->delay_until = FF_SOME(ff_opt_i64, until_ms);
    note->next_attempt_index = FF_SOME(ff_opt_u32, exec->total_attempt_count);
    FF_TRY(ff_lease_release(txn, exec, note));
    exec->retry_count++;
    exec->pending_retry_reason = failing->reason;
    exec->pending_previous_attempt_index = exec->current_attempt_index;
    exec->pending_attempt_policy_json = failing->next_attempt_policy_json.n > 0
                                            ? failing->next_attempt_policy_json
                                            : FF_NONE(ff_str);
    exec->current_attempt_id = FF_NONE(ff_opt_uuid);
    exec->attempt_state = FF_ATTEMPT_PENDING_RETRY;
    ff_exec_make_delayed(exec, FF_BLOCK_WAITING_FOR_RETRY_BACKOFF, until_ms);
    return ff_gate_save(txn, exec);
}

struct failure {
    struct ff_failing failing;
    enum ff_failure_class class;
    struct ff_str retry_policy_json; /* empty: the stored policy */
};

/* Whether the failure is retried, and after how long. */
static ff_err
decide(struct ff_txn *txn, const struct ff_exec *exec, const struct failure *failure,
       const struct ff_retry_policy *given, struct ff_retry *out)
{
    const struct ff_failure made = { .class = failure->class,
                                     .category = failure->failing.category,
                                     .retry_count = exec->retry_count };

    if (given == NULL) {
        FF_TRY(ff_stored_retry_policy(txn, exec, &given));
    }
    *out = ff_retry_decide(given, &made);
    return FF_E_OK;
}

static ff_err
end_or_retry(struct ff_txn *txn, struct ff_exec *exec, const struct ff_failing *failing,
             const struct ff_retry *retry)
{
    const struct ff_attempt_end end = { .lifecycle = FF_LIFE_ENDED_FAILURE,
                                        .reason = failing->reason,
                                        .category = failing->category,
                                        .stream_reason = "attempt_failure" };
    struct ff_release_note note = { .op = FF_RELEASE_FAIL,
                                    .outcome = "terminal_failed",
                                    .revoked_by = "backend",
                                    .reason = ff_str("failed", 6) };

    FF_TRY(ff_attempt_finish(txn, exec, &end));
    exec->failure_reason = failing->reason;
    exec->failure_category = failing->category;
    exec->failure_detail = failing->detail;
    if (retry->verdict == FF_RETRY) {
        return ff_retry_schedule(txn, exec, failing, retry, &note);
    }
    FF_TRY(ff_lease_release(txn, exec, &note));
    return ff_exec_end_last(txn, exec, FF_OUTCOME_FAILED);
}

/* What fail and fail_execution answer, now and when asked again. */
struct failed {
    const char *outcome;
    struct ff_opt_i64 delay_until;
    struct ff_opt_u32 next_attempt_index;
};

static ff_err
fail(struct ff_txn *txn, const struct ff_eid *id, const struct ff_gate *gate,
     const struct failure *failure, struct failed *out)
{
    const struct ff_retry_policy *given = NULL;
    struct ff_exec exec = { 0 };
    struct ff_retry retry = { 0 };
    bool replayed = false;

    FF_TRY(ff_retry_policy_parse_json(failure->retry_policy_json, "retry_policy_json", txn->arena,
                                      &given, &txn->fault));
    FF_TRY(ff_check_policy_text(txn, "next_attempt_policy_json",
                                failure->failing.next_attempt_policy_json));
    FF_TRY(ff_lease_gate(txn, id, gate, &exec, &replayed));
    if (!replayed) {
        FF_TRY(decide(txn, &exec, failure, given, &retry));
        FF_TRY(end_or_retry(txn, &exec, &failure->failing, &retry));
    }
    out->outcome = ff_str_is(exec.last_release->outcome, "retry_scheduled") ? "retry_scheduled"
                                                                            : "terminal_failed";
    out->delay_until = exec.last_release->delay_until;
    out->next_attempt_index = exec.last_release->next_attempt_index;
    return FF_E_OK;
}

ff_err
ff_op_fail(struct ff_txn *txn, const struct ff_fail_args *args, struct ff_fail_result *result)
{
    struct failure failure = {
        .failing = { .reason = args->reason.message,
                     .category = args->failure_category,
                     .detail = args->reason.detail },
        .class = args->classification,
    };
    struct ff_gate gate = { .outcomes = { "retry_scheduled", "terminal_failed" } };
    struct ff_held held = { 0 };
    struct failed failed = { 0 };

    if (args->failure_category.n == 0) {
        failure.failing.category = ff_cstr(ff_word(&ff_vocab_failure_class, args->classification));
    }
    FF_TRY(ff_held_read(txn, &args->handle, &held));
    gate.fence = &held.fence;
    gate.attempt_index = FF_SOME(ff_opt_u32, held.attempt_index);
    FF_TRY(fail(txn, &held.execution_id, &gate, &failure, &failed));
    result->outcome = failed.outcome;
    result->delay_until = failed.delay_until;
    result->next_attempt_index = failed.next_attempt_index;
    return FF_E_OK;
}

ff_err
ff_op_fail_execution(struct ff_txn *txn, const struct ff_fail_execution_args *args,
                     struct ff_fail_execution_result *result)
{
    struct failure failure = {
        .failing = { .reason = args->failure_reason,
                     .category = args->failure_category,
                     .detail = args->failure_detail,
                     .next_attempt_policy_json = args->next_attempt_policy_json },
        .class = ff_failure_class_of(args->failure_category),
        .retry_policy_json = args->retry_policy_json,
    };
    const struct ff_gate gate = {
        .fence = args->fence,
        .attempt_index = args->attempt_index,
        .override = ff_str_is(args->source, override_source),
        .outcomes = { "retry_scheduled", "terminal_failed" },
    };
    struct failed failed = { 0 };

    if (args->failure_category.n == 0) {
        failure.failing.category = ff_cstr(ff_word(&ff_vocab_failure_class, failure.class));
    }
    FF_TRY(fail(txn, &args->execution_id, &gate, &failure, &failed));
    result->outcome = failed.outcome;
    result->delay_until = failed.delay_until;
    result->next_attempt_index = failed.next_attempt_index;
    return FF_E_OK;
}
