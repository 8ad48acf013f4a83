/* Admission blocks: examples 36 to 40 of 05; 15 of 02; 22 of 01. */

#include "tests/engine/lane.h"

static struct ff_block_execution_for_admission_result
block(struct ff_rig *rig, uint8_t number, const char *lane, const char *reason, const char *detail)
{
    const struct ff_block_execution_for_admission_args args = {
        .execution_id = ff_rig_id(number),
        .lane_id = ff_cstr(lane),
        .reason = ff_cstr(reason),
        .reason_detail = ff_cstr(detail),
    };
    struct ff_block_execution_for_admission_result result;

    assert_ok(ff_rig_block_execution_for_admission(rig, &args, &result));
    return result;
}

static ff_err
unblock(struct ff_rig *rig, uint8_t number, const char *lane, const char *expected)
{
    const struct ff_unblock_execution_args args = { .execution_id = ff_rig_id(number),
                                                    .lane_id = ff_cstr(lane),
                                                    .expected_blocking_reason = ff_cstr(expected) };
    struct ff_unblock_execution_result result;

    return ff_rig_unblock_execution(rig, &args, &result);
}

static void
test_block_and_unblock(void **state)
{
    struct ff_rig *rig = *state;

    create(rig, 1);
    assert_string_equal(block(rig, 1, "L", "waiting_for_budget", "b: tokens 100/100").outcome,
                        "blocked");
    assert_string_equal(vector(rig, 1), "runnable unowned blocked_by_budget waiting_for_budget "
                                        "none pending_first_attempt rate_limited");
    assert_field(rig, 1, "blocking_detail", "b: tokens 100/100");
    assert_int_equal(scan(rig, 10).n, 0);
    rig->now_ms += 5;
    block(rig, 1, "L", "waiting_for_budget", "b: tokens 100/100");
    assert_field(rig, 1, "last_mutation_at", "1000000");
    block(rig, 1, "L", "waiting_for_budget", "b: tokens 101/100");
    assert_field(rig, 1, "last_mutation_at", "1000005");
    assert_ok(unblock(rig, 1, "L", "waiting_for_budget"));
    assert_string_equal(vector(rig, 1), "runnable unowned eligible_now waiting_for_worker none "
                                        "pending_first_attempt waiting");
    assert_field(rig, 1, "blocking_detail", "");
    assert_err(unblock(rig, 1, "L", "waiting_for_budget"), FF_E_EXECUTION_NOT_ELIGIBLE);
}

static void
test_unblock_of_another_reason(void **state)
{
    struct ff_rig *rig = *state;

    create(rig, 2);
    block(rig, 2, "L", "waiting_for_quota", NULL);
    assert_field(rig, 2, "public_state", "rate_limited");
    assert_err(unblock(rig, 2, "L", "waiting_for_budget"), FF_E_EXECUTION_NOT_ELIGIBLE);
    assert_field(rig, 2, "eligibility_state", "blocked_by_quota");
    assert_err(unblock(rig, 2, "L", "nonsense"), FF_E_INVALID_BLOCKING_REASON);
    assert_err(unblock(rig, 2, "M", "waiting_for_quota"), FF_E_EXECUTION_NOT_IN_ELIGIBLE_SET);
    assert_err(unblock(rig, 9, "L", "waiting_for_quota"), FF_E_EXECUTION_NOT_FOUND);
}

static const struct refused_row {
    const char *name;
    const char *where;
    const char *lane;
    const char *code;
} refused_rows[] = {
    { "05 ex 38 block of a terminal one", "terminal", "L", "execution_not_active" },
    { "05 ex 38 block of an active one", "active", "L", "execution_not_eligible" },
    { "05 ex 38 block of an unknown one", "unknown", "L", "execution_not_found" },
    { "05 ex 38 block of a delayed one", "delayed", "L", "execution_not_eligible" },
    { "05 ex 38 block in another lane", "waiting", "M", "execution_not_in_eligible_set" },
    { "05 ex 38 block under a live grant", "granted", "L", "grant_already_exists" },
};

static void
test_refused_row(void **state)
{
    const struct refused_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_block_execution_for_admission_result result;

    if (strcmp(row->where, "unknown") != 0) {
        create_with(rig, 1,
                    strcmp(row->where, "delayed") == 0 ? "{\"delay_until\":9000000}" : NULL);
    }
    if (strcmp(row->where, "active") == 0) {
        claim_this(rig, 1);
    } else if (strcmp(row->where, "terminal") == 0) {
        assert_ok(cancel_as(rig, 1, OPERATOR));
    } else if (strcmp(row->where, "granted") == 0) {
        granted(rig, 1);
    }
    result = block(rig, 1, row->lane, "waiting_for_budget", NULL);
    assert_string_equal(result.outcome, "rejected");
    assert_string_equal(result.code, row->code);
    assert_true(result.message.n > 0);
    ff_rig_free(rig);
}

static void
test_block_in_another_partition(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_block_execution_for_admission_result result = { 0 };

    create(rig, 1);
    assert_ok(ff_rig_call_json(rig, FF_OP_block_execution_for_admission,
                               "{\"execution_id\":\"{fp:6}:00000000-0000-4000-8000-000000000001\","
                               "\"lane_id\":\"L\",\"reason\":\"waiting_for_budget\","
                               "\"partition\":\"{fp:5}\"}",
                               &result));
    assert_string_equal(result.code, "execution_not_in_eligible_set");
    block(rig, 1, "L", "waiting_for_budget", NULL);
    assert_err(ff_rig_call_json(rig, FF_OP_unblock_execution,
                                "{\"execution_id\":\"{fp:6}:00000000-0000-4000-8000-000000000001\","
                                "\"lane_id\":\"L\",\"partition\":5,"
                                "\"expected_blocking_reason\":\"waiting_for_budget\"}",
                                NULL),
               FF_E_EXECUTION_NOT_IN_ELIGIBLE_SET);
    assert_field(rig, 1, "eligibility_state", "blocked_by_budget");
}

static void
test_block_for_no_reason(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_block_execution_for_admission_args args = { .execution_id = ff_rig_id(1),
                                                                .lane_id = ff_cstr("L"),
                                                                .reason = ff_cstr("because") };
    struct ff_block_execution_for_admission_result result;

    assert_err(ff_rig_block_execution_for_admission(rig, &args, &result),
               FF_E_INVALID_BLOCKING_REASON);
    assert_detail(rig, "value", "because");
}

static void
test_block_route(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_block_route_args args = { .execution_id = ff_rig_id(1),
                                        .lane_id = ff_cstr("L"),
                                        .reason_code = ff_cstr("waiting_for_budget"),
                                        .reason_detail = ff_cstr("no gpu") };
    struct ff_block_route_result result;

    create(rig, 1);
    assert_ok(ff_rig_block_route(rig, &args, &result));
    assert_string_equal(result.outcome, "rejected");
    assert_string_equal(result.code, "invalid_blocking_reason");
    args.reason_code = ff_cstr("waiting_for_capable_worker");
    assert_ok(ff_rig_block_route(rig, &args, &result));
    assert_string_equal(result.outcome, "blocked");
    assert_field(rig, 1, "eligibility_state", "blocked_by_route");
    assert_field(rig, 1, "public_state", "waiting");
}

static void
test_held_by_an_operator(void **state)
{
    struct ff_rig *rig = *state;

    create(rig, 1);
    block(rig, 1, "L", "paused_by_operator", NULL);
    assert_claims_nothing(rig); /* unlike a block that a claim judges anew */
    assert_ok(unblock(rig, 1, "L", "paused_by_operator"));
    claim_this(rig, 1);
}

static void
test_blocked_retry(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;
    struct ff_fail_result failed;

    create_with(rig, 1, "{\"retry_policy\":{\"backoff\":{\"type\":\"fixed\",\"delay_ms\":10}}}");
    claim = claim_this(rig, 1);
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed));
    rig->now_ms += 10;
    assert_string_equal(promote(rig, 1), "promoted");
    create(rig, 2);
    block(rig, 1, "L", "waiting_for_budget", NULL);
    assert_field(rig, 1, "public_state", "rate_limited");
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed)); /* still remembered */
    assert_ok(unblock(rig, 1, "L", "waiting_for_budget"));
    assert_field(rig, 1, "retry_count", "1");
    assert_field(rig, 1, "attempt_state", "pending_retry_attempt");
    assert_string_equal(numbers(rig, scan(rig, 10)), "01 02");
    claim = claim_this(rig, 1);
    assert_int_equal(claim.attempt_type.v, FF_TYPE_RETRY);
    assert_true(ff_str_is(describe_attempt(rig, 1, 1).retry_reason, "it broke"));
}

static void
test_take_this_one_when_blocked(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_issue_grant_and_claim_args args = { .execution_id = ff_rig_id(1),
                                                        .lane_id = ff_cstr(""),
                                                        .lease_ttl_ms = TTL_MS };
    struct ff_issue_grant_and_claim_result result;

    create(rig, 1);
    block(rig, 1, "L", "waiting_for_budget", NULL);
    assert_err(ff_rig_issue_grant_and_claim(rig, &args, &result), FF_E_EXECUTION_NOT_ELIGIBLE);
    assert_field(rig, 1, "grant", "");
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(refused_rows, test_refused_row) };
    static const struct CMUnitTest tests[] = {
        RIG_TEST("05 ex 36, 01 ex 22 block and unblock", test_block_and_unblock),
        RIG_TEST("05 ex 37 unblock of another reason", test_unblock_of_another_reason),
        RIG_TEST("02 §1.5 block in another partition", test_block_in_another_partition),
        RIG_TEST("01 ex 22 block for no reason", test_block_for_no_reason),
        RIG_TEST("05 ex 39 block_route", test_block_route),
        RIG_TEST("05 ex 40 held by an operator", test_held_by_an_operator),
        RIG_TEST("02 ex 15 a blocked retry stays one", test_blocked_retry),
        RIG_TEST("02 ex 21 take this one when it is blocked", test_take_this_one_when_blocked),
    };

    return ff_rig_main("block", tables, FF_COUNT(tables), tests, FF_COUNT(tests));
}
