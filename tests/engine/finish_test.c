/* The end of an attempt: examples 26 to 33 of 02; 10 of 01. */

#include "tests/engine/lane.h"

#define FIXED_10 "{\"retry_policy\":{\"backoff\":{\"type\":\"fixed\",\"delay_ms\":10}}}"

static struct ff_get_execution_result_result
result_of(struct ff_rig *rig, uint8_t number)
{
    const struct ff_get_execution_result_args args = { .execution_id = ff_rig_id(number) };
    struct ff_get_execution_result_result result;

    assert_ok(ff_rig_get_execution_result(rig, &args, &result));
    return result;
}

static void
test_complete(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(1);
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_fail_result failed;
    struct ff_event event;
    struct ff_attempt_view attempt;

    rig->now_ms += 5;
    assert_ok(complete(rig, &claim, "done"));
    assert_string_equal(vector(rig, 1),
                        "terminal unowned not_applicable none success attempt_terminal completed");
    assert_true(ff_str_is(result_of(rig, 1).result, "done"));
    assert_null(describe(rig, 1).current_lease);
    assert_field(rig, 1, "completed_at", "1000005");
    assert_field(rig, 1, "current_worker_id", "");
    attempt = describe_attempt(rig, 1, 0);
    assert_int_equal(attempt.attempt_lifecycle, FF_LIFE_ENDED_SUCCESS);
    assert_int_equal(attempt.ended_at.v, 1000005);
    event = ff_rig_last_event(rig, FF_FAMILY_LEASE_HISTORY);
    assert_true(ff_str_is(event.event, "revoked"));
    assert_true(ff_str_is(event.revoked_by, "backend"));
    assert_true(ff_str_is(event.reason, "completed"));
    assert_ok(complete(rig, &claim, "done"));
    assert_ok(complete(rig, &claim, "other"));
    assert_true(ff_str_is(result_of(rig, 1).result, "done"));
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_COMPLETION, "success", &id), 1);
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_LEASE_HISTORY, "revoked", &id), 1);
    assert_err(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed),
               FF_E_EXECUTION_NOT_ACTIVE);
    assert_detail(rig, "terminal_outcome", "success");
}

static void
test_results(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);

    assert_ok(complete(rig, &claim, NULL));
    assert_null(result_of(rig, 1).result.p);
    claim = create_and_claim(rig, 2);
    assert_ok(complete(rig, &claim, ""));
    assert_non_null(result_of(rig, 2).result.p);
    assert_int_equal(result_of(rig, 2).result.n, 0);
    assert_null(result_of(rig, 3).result.p);
}

static void
test_fail_without_policy(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(1);
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_fail_result failed;

    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed));
    assert_string_equal(failed.outcome, "terminal_failed");
    assert_false(failed.delay_until.is);
    assert_field(rig, 1, "public_state", "failed");
    assert_field(rig, 1, "failure_reason", "it broke");
    assert_field(rig, 1, "failure_category", "transient");
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_COMPLETION, "failed", &id), 1);
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed));
    assert_string_equal(failed.outcome, "terminal_failed");
}

static void
test_retry(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim, second;
    struct ff_fail_result failed;
    struct ff_attempt_view attempt;

    create_with(rig, 1, FIXED_10);
    claim = claim_this(rig, 1);
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed));
    assert_string_equal(failed.outcome, "retry_scheduled");
    assert_int_equal(failed.delay_until.v, 1000010);
    assert_int_equal(failed.next_attempt_index.v, 1);
    assert_string_equal(vector(rig, 1), "runnable unowned not_eligible_until_time "
                                        "waiting_for_retry_backoff none pending_retry_attempt "
                                        "delayed");
    assert_null(describe(rig, 1).current_attempt);
    assert_field(rig, 1, "retry_count", "1");
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_COMPLETION).n, 0);
    rig->now_ms += 10;
    assert_string_equal(promote(rig, 1), "promoted");
    second = claim_this(rig, 1);
    assert_int_equal(second.attempt_type.v, FF_TYPE_RETRY);
    assert_int_equal(second.attempt_index.v, 1);
    assert_int_equal(second.lease_epoch.v, 2);
    assert_field(rig, 1, "started_at", "1000000");
    attempt = describe_attempt(rig, 1, 1);
    assert_true(ff_str_is(attempt.retry_reason, "it broke"));
    assert_int_equal(attempt.previous_attempt_index.v, 0);
    assert_int_equal(describe_attempt(rig, 1, 0).attempt_lifecycle, FF_LIFE_ENDED_FAILURE);
}

static void
test_repeated_fail(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;
    struct ff_fail_result failed;

    create_with(rig, 1, FIXED_10);
    claim = claim_this(rig, 1);
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed));
    rig->now_ms += 5;
    assert_ok(fail_as(rig, &claim, FF_FAILURE_PERMANENT, NULL, &failed));
    assert_string_equal(failed.outcome, "retry_scheduled");
    assert_int_equal(failed.delay_until.v, 1000010);
    assert_field(rig, 1, "retry_count", "1");
    rig->now_ms += 5;
    assert_string_equal(promote(rig, 1), "promoted");
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed));
    assert_int_equal(failed.delay_until.v, 1000010);
    assert_int_equal(failed.next_attempt_index.v, 1);
    claim_this(rig, 1);
    assert_err(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed), FF_E_STALE_LEASE);
}

static void
test_exponential(void **state)
{
    static const int64_t delays[] = { 1000, 2000, 4000, 5000 };
    struct ff_rig *rig = *state;

    create_with(rig, 1,
                "{\"retry_policy\":{\"max_retries\":9,\"backoff\":{\"type\":\"exponential\","
                "\"initial_delay_ms\":1000,\"max_delay_ms\":5000,\"multiplier\":2}}}");
    for (size_t i = 0; i < FF_COUNT(delays); i++) {
        struct ff_claim_result claim = claim_this(rig, 1);
        struct ff_fail_result failed;

        assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed));
        assert_int_equal(failed.delay_until.v - rig->now_ms, delays[i]);
        rig->now_ms = failed.delay_until.v;
        assert_string_equal(promote(rig, 1), "promoted");
    }
}

static void
test_jitter(void **state)
{
    struct ff_rig *rig = *state;

    for (uint8_t i = 1; i <= 20; i++) {
        struct ff_claim_result claim;
        struct ff_fail_result failed;

        create_with(rig, i, "{\"retry_policy\":{\"backoff\":{\"jitter\":true}}}");
        claim = claim_this(rig, i);
        assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed));
        assert_in_range(failed.delay_until.v - rig->now_ms, 500, 1000);
    }
}

/* ---- rows: which failures are retried ---- */

static const struct failure_row {
    const char *name;
    const char *policy;
    enum ff_failure_class class;
    const char *category;
    const char *want;
} failure_rows[] = {
    { "02 ex 30 permanent", FIXED_10, FF_FAILURE_PERMANENT, NULL, "terminal_failed" },
    { "02 ex 30 cancelled", FIXED_10, FF_FAILURE_CANCELLED, NULL, "terminal_failed" },
    { "02 ex 30 a retryable category", "{\"retry_policy\":{\"retryable_categories\":[\"net\"]}}",
      FF_FAILURE_TRANSIENT, "net", "retry_scheduled" },
    { "02 ex 30 not a retryable category",
      "{\"retry_policy\":{\"retryable_categories\":[\"net\"]}}", FF_FAILURE_TRANSIENT, NULL,
      "terminal_failed" },
    { "02 ex 30 max_retries 0", "{\"retry_policy\":{\"max_retries\":0}}", FF_FAILURE_TRANSIENT,
      NULL, "terminal_failed" },
    { "timeout is retried", FIXED_10, FF_FAILURE_TIMEOUT, NULL, "retry_scheduled" },
    { "infra_crash is retried", FIXED_10, FF_FAILURE_INFRA_CRASH, NULL, "retry_scheduled" },
};

static void
test_failure_row(void **state)
{
    const struct failure_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_claim_result claim;
    struct ff_fail_result failed;

    create_with(rig, 1, row->policy);
    claim = claim_this(rig, 1);
    assert_ok(fail_as(rig, &claim, row->class, row->category, &failed));
    assert_string_equal(failed.outcome, row->want);
    ff_rig_free(rig);
}

static void
test_fail_execution(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_fence fence = fence_of(&claim);
    struct ff_fail_execution_args args = {
        .execution_id = ff_rig_id(1),
        .fence = &fence,
        .failure_reason = ff_cstr("db gone"),
        .failure_category = ff_cstr(""),
        .failure_detail = ff_cstr("x"),
        .retry_policy_json = ff_cstr("{oops"),
        .next_attempt_policy_json = ff_cstr("{\"priority\":3}"),
        .source = ff_cstr("lease_holder"),
    };
    struct ff_fail_execution_result result;
    struct ff_attempt_view attempt;

    assert_err(ff_rig_fail_execution(rig, &args, &result), FF_E_INVALID_POLICY_JSON);
    args.retry_policy_json = ff_cstr("{\"backoff\":{\"type\":\"fixed\",\"delay_ms\":0}}");
    assert_ok(ff_rig_fail_execution(rig, &args, &result));
    assert_string_equal(result.outcome, "retry_scheduled");
    assert_int_equal(result.delay_until.v, rig->now_ms);
    assert_field(rig, 1, "failure_category", "transient");
    assert_string_equal(promote(rig, 1), "promoted");
    claim_this(rig, 1);
    attempt = describe_attempt(rig, 1, 1);
    assert_non_null(attempt.policy.p);
    assert_null(describe_attempt(rig, 1, 0).policy.p);
}

/* ---- delay, wait_children ---- */

static void
test_delay(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_create_execution_args args = ff_rig_new_exec(1);
    struct ff_create_execution_result created;
    struct ff_claim_resumed_execution_result resumed;
    struct ff_claim_result claim;
    struct ff_attempt_view attempt;

    args.execution_deadline_at = FF_SOME(ff_opt_i64, 5000000);
    assert_ok(ff_rig_create_execution(rig, &args, &created));
    claim = claim_this(rig, 1);
    assert_ok(delay(rig, &claim, 1060000));
    assert_string_equal(vector(rig, 1), "runnable unowned not_eligible_until_time "
                                        "waiting_for_delay none attempt_interrupted delayed");
    attempt = describe_attempt(rig, 1, 0);
    assert_int_equal(attempt.attempt_lifecycle, FF_LIFE_SUSPENDED);
    assert_true(ff_str_is(attempt.suspension_id, "worker_delay"));
    assert_field(rig, 1, "execution_deadline_at", "5000000");
    assert_ok(delay(rig, &claim, 1060000)); /* again */
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_LEASE_HISTORY).n, 2);
    assert_err(complete(rig, &claim, NULL), FF_E_EXECUTION_NOT_ACTIVE);
    assert_detail(rig, "lifecycle_phase", "runnable");
    rig->now_ms = 1060000;
    assert_string_equal(promote(rig, 1), "promoted");
    granted(rig, 1);
    assert_ok(claim_resumed_granted(rig, 1, &resumed));
    assert_int_equal(resumed.attempt_index, 0);
    assert_int_equal(resumed.lease_epoch, 2);
    assert_field(rig, 1, "total_attempt_count", "1");
    assert_int_equal(describe_attempt(rig, 1, 0).resumed_at.v, 1060000);
    assert_err(delay(rig, &claim, 1060000), FF_E_STALE_LEASE);
}

static void
test_delay_into_the_past(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);

    assert_err(delay(rig, &claim, -1), FF_E_INVALID_INPUT);
    assert_ok(delay(rig, &claim, 5));
    assert_field(rig, 1, "public_state", "delayed");
    assert_string_equal(promote(rig, 1), "promoted");
    claim = claim_this(rig, 1);
    assert_true(ff_str_is(claim.handle->kind, "resumed"));
}

static void
test_resume_from_grant(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_issue_claim_grant_result grant_result;
    struct ff_claim_from_resume_grant_args args;
    struct ff_claim_from_resume_grant_result result;

    assert_ok(delay(rig, &claim, 5));
    assert_string_equal(promote(rig, 1), "promoted");
    assert_ok(grant(rig, 1, "[]", &grant_result));
    args.token = (struct ff_resume_token){
        .grant = { .execution_id = ff_rig_id(1),
                   .partition_key = grant_result.partition_key,
                   .grant_key = ff_cstr("another"),
                   .expires_at_ms = FF_SOME(ff_opt_i64, grant_result.expires_at_ms),
                   .lane_id = ff_cstr("L") },
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-1"),
        .lease_ttl_ms = TTL_MS,
    };
    assert_err(ff_rig_claim_from_resume_grant(rig, &args, &result), FF_E_INVALID_CLAIM_GRANT);
    args.token.grant.grant_key = grant_result.grant_key;
    assert_ok(ff_rig_claim_from_resume_grant(rig, &args, &result));
    assert_string_equal(result.outcome, "claimed");
    assert_true(ff_str_is(result.handle->kind, "resumed"));
    assert_ok(ff_rig_claim_from_resume_grant(rig, &args, &result));
    assert_string_equal(result.outcome, "none");
    args.token.grant.execution_id = ff_rig_id(2);
    assert_err(ff_rig_claim_from_resume_grant(rig, &args, &result), FF_E_EXECUTION_NOT_FOUND);
    create(rig, 3);
    args.token.grant.execution_id = ff_rig_id(3);
    assert_err(ff_rig_claim_from_resume_grant(rig, &args, &result), FF_E_NOT_A_RESUMED_EXECUTION);
}

static void
test_wait_children(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct ff_wait_children_args args = { .handle = *claim.handle };
    struct ff_wait_children_result result;

    assert_ok(ff_rig_wait_children(rig, &args, &result));
    assert_string_equal(vector(rig, 1),
                        "runnable unowned blocked_by_dependencies waiting_for_children none "
                        "attempt_interrupted waiting_children");
    assert_null(describe(rig, 1).current_lease);
    assert_ok(ff_rig_wait_children(rig, &args, &result));
    assert_claims_nothing(rig);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(failure_rows, test_failure_row) };
    static const struct CMUnitTest tests[] = {
        RIG_TEST("02 ex 26, 06 ex 37 complete", test_complete),
        RIG_TEST("02 ex 27 results", test_results),
        RIG_TEST("02 ex 28, 01 ex 26 fail without a retry policy", test_fail_without_policy),
        RIG_TEST("02 ex 28, 01 ex 10 a retry", test_retry),
        RIG_TEST("02 ex 29 exponential back-off", test_exponential),
        RIG_TEST("02 ex 29 jitter", test_jitter),
        RIG_TEST("02 ex 31 a fail repeated", test_repeated_fail),
        RIG_TEST("01 ex 27 fail_execution: policies in its arguments", test_fail_execution),
        RIG_TEST("02 ex 32 delay", test_delay),
        RIG_TEST("a delay into the past", test_delay_into_the_past),
        RIG_TEST("claim_from_resume_grant", test_resume_from_grant),
        RIG_TEST("02 ex 33 wait_children", test_wait_children),
    };

    return ff_rig_main("finish", tables, FF_COUNT(tables), tests, FF_COUNT(tests));
}
