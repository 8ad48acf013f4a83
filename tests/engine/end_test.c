/* Cancel, time-outs, replay: examples 40 to 44 of 02; 25, 34 of 01. */

#include "tests/engine/lane.h"

/* ---- cancel ---- */

static const struct cancel_row {
    const char *name;
    const char *where;
    const char *attempt_state;
    const char *lease_event; /* its revoked_by; NULL: no end event comes of it */
} cancel_rows[] = {
    { "02 ex 40 cancel of a waiting one", "waiting", "none", NULL },
    { "02 ex 40 cancel of a delayed one", "delayed", "none", NULL },
    { "02 ex 40 cancel of a blocked one", "blocked", "none", NULL },
    { "02 ex 40 cancel of one waiting for children", "children", "attempt_terminal", NULL },
    { "02 ex 40, 01 ex 25 cancel of an active one", "active", "attempt_terminal", "operator" },
    { "02 ex 40 cancel of a lapsed one", "lapsed", "attempt_terminal", NULL },
    { "02 ex 40 cancel of a revoked one", "revoked", "attempt_terminal", NULL },
};

static void
bring_into(struct ff_rig *rig, const char *where)
{
    struct ff_claim_result claim;

    create_with(rig, 1, strcmp(where, "delayed") == 0 ? "{\"delay_until\":9000000}" : NULL);
    if (strcmp(where, "blocked") == 0) {
        const struct ff_block_execution_for_admission_args args = {
            .execution_id = ff_rig_id(1),
            .lane_id = ff_cstr("L"),
            .reason = ff_cstr("waiting_for_budget"),
        };
        struct ff_block_execution_for_admission_result result;

        assert_ok(ff_rig_block_execution_for_admission(rig, &args, &result));
        assert_string_equal(result.outcome, "blocked");
        return;
    }
    if (strcmp(where, "waiting") == 0 || strcmp(where, "delayed") == 0) {
        return;
    }
    claim = claim_this(rig, 1);
    if (strcmp(where, "children") == 0) {
        const struct ff_wait_children_args args = { .handle = *claim.handle };
        struct ff_wait_children_result result;

        assert_ok(ff_rig_wait_children(rig, &args, &result));
    } else if (strcmp(where, "lapsed") == 0) {
        rig->now_ms += TTL_MS;
        assert_string_equal(mark_expired(rig, 1), "marked_expired");
    } else if (strcmp(where, "revoked") == 0) {
        const struct ff_revoke_lease_args args = { .execution_id = ff_rig_id(1),
                                                   .expected_lease_id = ff_cstr(""),
                                                   .worker_instance_id = ff_cstr(""),
                                                   .reason = ff_cstr("x") };
        struct ff_revoke_lease_result result;

        assert_ok(ff_rig_revoke_lease(rig, &args, &result));
    }
}

static void
test_cancel_row(void **state)
{
    const struct cancel_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_eid id = ff_rig_id(1);
    uint32_t before = 0;

    bring_into(rig, row->where);
    before = ff_rig_events(rig, FF_FAMILY_LEASE_HISTORY).n;
    assert_ok(cancel_as(rig, 1, OPERATOR));
    assert_field(rig, 1, "public_state", "cancelled");
    assert_field(rig, 1, "attempt_state", row->attempt_state);
    assert_field(rig, 1, "cancelled_by", OPERATOR);
    assert_field(rig, 1, "cancellation_reason", "why not");
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_LEASE_HISTORY).n - before,
                     row->lease_event != NULL);
    if (row->lease_event != NULL) {
        struct ff_event event = ff_rig_last_event(rig, FF_FAMILY_LEASE_HISTORY);

        assert_true(ff_str_is(event.revoked_by, row->lease_event));
        assert_true(ff_str_is(event.reason, "why not"));
    }
    if (strcmp(row->attempt_state, "none") != 0) {
        assert_int_equal(describe_attempt(rig, 1, 0).attempt_lifecycle, FF_LIFE_ENDED_CANCELLED);
        assert_true(ff_str_is(describe_attempt(rig, 1, 0).failure_reason, "cancelled: why not"));
    }
    assert_ok(cancel_as(rig, 1, OPERATOR));
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_COMPLETION, "cancelled", &id), 1);
    ff_rig_free(rig);
}

static void
test_cancel_of_a_completed_one(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);

    assert_ok(complete(rig, &claim, NULL));
    assert_err(cancel_as(rig, 1, OPERATOR), FF_E_EXECUTION_NOT_ACTIVE);
    assert_detail(rig, "terminal_outcome", "success");
    assert_err(cancel_as(rig, 2, OPERATOR), FF_E_EXECUTION_NOT_FOUND);
}

static void
test_cancel_by_the_holder(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_cancel_execution_args args = { .execution_id = ff_rig_id(1),
                                             .reason = ff_cstr(""),
                                             .source = ff_cstr("lease_holder") };
    struct ff_cancel_execution_result result;

    assert_err(ff_rig_cancel_execution(rig, &args, &result), FF_E_FENCE_REQUIRED);
    args.lease_epoch = FF_SOME(ff_opt_u64, 1);
    assert_err(ff_rig_cancel_execution(rig, &args, &result), FF_E_PARTIAL_FENCE_TRIPLE);
    args.lease_id = claim.lease_id;
    args.attempt_id = claim.attempt_id;
    args.lease_epoch.v = 2;
    assert_err(ff_rig_cancel_execution(rig, &args, &result), FF_E_STALE_LEASE);
    args.lease_epoch.v = 1;
    assert_ok(ff_rig_cancel_execution(rig, &args, &result));
    assert_field(rig, 1, "cancelled_by", "lease_holder");
    assert_true(ff_str_is(ff_rig_last_event(rig, FF_FAMILY_LEASE_HISTORY).reason, "cancelled"));
}

static ff_err
cancel_handle(struct ff_rig *rig, const struct ff_claim_result *claim)
{
    const struct ff_cancel_args args = { .handle = *claim->handle, .reason = ff_cstr("enough") };
    struct ff_cancel_result result;

    return ff_rig_cancel(rig, &args, &result);
}

static void
test_cancel_by_handle(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(1);
    struct ff_claim_result claim = create_and_claim(rig, 1);

    assert_ok(cancel_handle(rig, &claim));
    assert_ok(cancel_handle(rig, &claim));
    assert_field(rig, 1, "cancelled_by", "worker");
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_COMPLETION, "cancelled", &id), 1);
    claim = create_and_claim(rig, 2);
    assert_ok(cancel_as(rig, 2, OPERATOR));
    assert_ok(cancel_handle(rig, &claim));
    assert_field(rig, 2, "cancelled_by", OPERATOR);
}

static void
test_cancel_sources(void **state)
{
    struct ff_rig *rig = *state;

    create_and_claim(rig, 1);
    assert_ok(cancel_as(rig, 1, "system_timeout"));
    assert_true(
        ff_str_is(ff_rig_last_event(rig, FF_FAMILY_LEASE_HISTORY).revoked_by, "reconciler"));
    create(rig, 2);
    assert_ok(cancel_as(rig, 2, "cairn_sweeper")); /* 01 ex 11: kept verbatim */
    assert_field(rig, 2, "cancelled_by", "cairn_sweeper");
    create(rig, 3);
    assert_err(cancel_as(rig, 3, ""), FF_E_INVALID_INPUT);
}

/* ---- time-outs ---- */

static struct ff_expire_execution_result
expire(struct ff_rig *rig, uint8_t number, enum ff_expire_phase phase)
{
    const struct ff_expire_execution_args args = { .execution_id = ff_rig_id(number),
                                                   .phase = phase };
    struct ff_expire_execution_result result;

    assert_ok(ff_rig_expire_execution(rig, &args, &result));
    return result;
}

static void
test_attempt_timeout(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(1);
    struct ff_claim_result claim;
    struct ff_event event;

    create_with(rig, 1, "{\"timeout_policy\":{\"attempt_timeout_ms\":10000}}");
    assert_string_equal(expire(rig, 1, FF_EXPIRE_ATTEMPT_TIMEOUT).outcome, "not_yet_due");
    claim = claim_this(rig, 1);
    rig->now_ms += 9999;
    assert_string_equal(expire(rig, 1, FF_EXPIRE_ATTEMPT_TIMEOUT).outcome, "not_yet_due");
    rig->now_ms += 1;
    assert_string_equal(expire(rig, 1, FF_EXPIRE_ATTEMPT_TIMEOUT).outcome, "expired");
    assert_field(rig, 1, "public_state", "expired");
    assert_field(rig, 1, "failure_reason", "attempt_timeout");
    assert_int_equal(describe_attempt(rig, 1, 0).attempt_lifecycle, FF_LIFE_ENDED_FAILURE);
    event = ff_rig_last_event(rig, FF_FAMILY_LEASE_HISTORY);
    assert_true(ff_str_is(event.event, "expired"));
    assert_true(ff_str_is(event.reason, "attempt_timeout"));
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_COMPLETION, "expired", &id), 1);
    assert_err(complete(rig, &claim, NULL), FF_E_EXECUTION_NOT_ACTIVE);
    assert_string_equal(expire(rig, 1, FF_EXPIRE_ATTEMPT_TIMEOUT).outcome, "already_terminal");
    assert_string_equal(expire(rig, 9, FF_EXPIRE_ATTEMPT_TIMEOUT).outcome, "not_found");
}

static void
test_attempt_timeout_with_a_retry(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_expire_execution_result result;

    create_with(rig, 1,
                "{\"timeout_policy\":{\"attempt_timeout_ms\":10000},\"retry_policy\":"
                "{\"max_retries\":1,\"backoff\":{\"type\":\"fixed\",\"delay_ms\":10}}}");
    claim_this(rig, 1);
    rig->now_ms += 10000;
    result = expire(rig, 1, FF_EXPIRE_ATTEMPT_TIMEOUT);
    assert_string_equal(result.outcome, "retry_scheduled");
    assert_int_equal(result.delay_until.v, rig->now_ms + 10);
    assert_int_equal(result.next_attempt_index.v, 1);
    rig->now_ms += 10;
    assert_string_equal(promote(rig, 1), "promoted");
    claim_this(rig, 1);
    rig->now_ms += 10000;
    assert_string_equal(expire(rig, 1, FF_EXPIRE_ATTEMPT_TIMEOUT).outcome, "expired");
}

static void
test_timeout_stands_still_while_delayed(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;

    create_with(rig, 1, "{\"timeout_policy\":{\"attempt_timeout_ms\":10000}}");
    claim = claim_this(rig, 1);
    rig->now_ms += 4000;
    assert_ok(delay(rig, &claim, rig->now_ms + 60000));
    assert_int_equal(describe_attempt(rig, 1, 0).timeout_remaining_ms.v, 6000);
    assert_field(rig, 1, "attempt_timeout_at", "");
    rig->now_ms += 96000;
    assert_string_equal(promote(rig, 1), "promoted");
    claim_this(rig, 1);
    assert_int_equal(describe_attempt(rig, 1, 0).timeout_at.v, rig->now_ms + 6000);
    rig->now_ms += 5999;
    assert_string_equal(expire(rig, 1, FF_EXPIRE_ATTEMPT_TIMEOUT).outcome, "not_yet_due");
    rig->now_ms += 1;
    assert_string_equal(expire(rig, 1, FF_EXPIRE_ATTEMPT_TIMEOUT).outcome, "expired");
}

static void
test_deadline_while_active(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_expire_execution_result result;

    create_with(rig, 1,
                "{\"timeout_policy\":{\"execution_deadline_ms\":5000},"
                "\"retry_policy\":{}}");
    claim_this(rig, 1);
    rig->now_ms += 5000;
    result = expire(rig, 1, FF_EXPIRE_EXECUTION_DEADLINE);
    assert_string_equal(result.outcome, "expired");
    assert_int_equal(result.from_phase.v, FF_PHASE_ACTIVE);
    assert_field(rig, 1, "failure_reason", "execution_deadline");
    assert_true(
        ff_str_is(ff_rig_last_event(rig, FF_FAMILY_LEASE_HISTORY).reason, "execution_deadline"));
}

/* ---- replay ---- */

static ff_err
replay(struct ff_rig *rig, uint8_t number)
{
    const struct ff_replay_execution_args args = { .execution_id = ff_rig_id(number),
                                                   .reason = ff_cstr("again"),
                                                   .requested_by = ff_cstr("ada") };
    struct ff_replay_execution_result result;
    ff_err err = ff_rig_replay_execution(rig, &args, &result);

    if (err == FF_E_OK) {
        assert_string_equal(result.outcome, "replayed");
        assert_int_equal(result.public_state, FF_PUBLIC_WAITING);
    }
    return err;
}

static void
test_replay(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_fail_result failed;
    struct ff_claim_result claim;
    struct ff_attempt_view attempt;
    struct ff_event event;

    create(rig, 1);
    assert_err(replay(rig, 1), FF_E_EXECUTION_NOT_TERMINAL);
    claim = claim_this(rig, 1);
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed));
    assert_ok(replay(rig, 1));
    assert_string_equal(vector(rig, 1), "runnable unowned eligible_now waiting_for_worker none "
                                        "pending_replay_attempt waiting");
    assert_field(rig, 1, "completed_at", "");
    assert_field(rig, 1, "failure_reason", "");
    assert_null(describe(rig, 1).current_attempt);
    event = ff_rig_last_event(rig, FF_FAMILY_OPERATOR);
    assert_true(ff_str_is(event.event, "replayed"));
    assert_true(ff_str_is(event.branch, "normal"));
    assert_int_equal(event.replay_count.v, 1);
    assert_err(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed),
               FF_E_EXECUTION_NOT_ACTIVE);
    claim = claim_this(rig, 1);
    assert_int_equal(claim.attempt_type.v, FF_TYPE_REPLAY);
    assert_int_equal(claim.attempt_index.v, 1);
    assert_int_equal(claim.lease_epoch.v, 2);
    attempt = describe_attempt(rig, 1, 1);
    assert_int_equal(attempt.replayed_from_attempt_index.v, 0);
    assert_true(ff_str_is(attempt.replay_reason, "again"));
    assert_true(ff_str_is(attempt.replay_requested_by, "ada"));
    assert_err(replay(rig, 1), FF_E_EXECUTION_NOT_TERMINAL);
}

static void
test_replay_of_a_completed_one(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_get_execution_result_args args = { .execution_id = ff_rig_id(1) };
    struct ff_get_execution_result_result result;
    struct ff_claim_result claim = create_and_claim(rig, 1);

    assert_ok(complete(rig, &claim, "first"));
    assert_ok(replay(rig, 1));
    assert_ok(ff_rig_get_execution_result(rig, &args, &result));
    assert_null(result.result.p);
    claim = claim_this(rig, 1);
    assert_ok(complete(rig, &claim, "second"));
    assert_ok(ff_rig_get_execution_result(rig, &args, &result));
    assert_true(ff_str_is(result.result, "second"));
}

static void
test_replays_run_out(void **state)
{
    struct ff_rig *rig = *state;

    create_with(rig, 1, "{\"max_replay_count\":0}");
    assert_ok(cancel_as(rig, 1, OPERATOR));
    assert_err(replay(rig, 1), FF_E_MAX_REPLAYS_EXHAUSTED);
    assert_detail(rig, "max", "0");
    create_with(rig, 2, "{\"max_replay_count\":1}"); /* 01 ex 34 */
    assert_ok(cancel_as(rig, 2, OPERATOR));
    assert_ok(replay(rig, 2));
    assert_ok(cancel_as(rig, 2, OPERATOR));
    assert_err(replay(rig, 2), FF_E_MAX_REPLAYS_EXHAUSTED);
    assert_detail(rig, "max", "1");
    create(rig, 3);
    for (int i = 0; i < 10; i++) {
        assert_ok(cancel_as(rig, 3, OPERATOR));
        assert_ok(replay(rig, 3));
    }
    assert_ok(cancel_as(rig, 3, OPERATOR));
    assert_err(replay(rig, 3), FF_E_MAX_REPLAYS_EXHAUSTED);
}

static void
test_replay_and_its_deadline(void **state)
{
    struct ff_rig *rig = *state;

    create_with(rig, 1, "{\"timeout_policy\":{\"execution_deadline_ms\":5000}}");
    assert_ok(cancel_as(rig, 1, OPERATOR));
    assert_ok(replay(rig, 1));
    assert_field(rig, 1, "execution_deadline_at", "1005000");
    assert_ok(cancel_as(rig, 1, OPERATOR));
    rig->now_ms += 5000;
    assert_ok(replay(rig, 1));
    assert_field(rig, 1, "execution_deadline_at", "");
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(cancel_rows, test_cancel_row) };
    static const struct CMUnitTest tests[] = {
        RIG_TEST("02 ex 40 cancel of a completed one", test_cancel_of_a_completed_one),
        RIG_TEST("02 ex 41 cancel by the lease holder", test_cancel_by_the_holder),
        RIG_TEST("02 ex 41 cancel by handle", test_cancel_by_handle),
        RIG_TEST("01 ex 11 sources of a cancel", test_cancel_sources),
        RIG_TEST("02 ex 42 attempt time-out", test_attempt_timeout),
        RIG_TEST("02 ex 42 attempt time-out with a retry", test_attempt_timeout_with_a_retry),
        RIG_TEST("02 ex 43 a time-out stands still while delayed",
                 test_timeout_stands_still_while_delayed),
        RIG_TEST("a deadline ends an active one, whatever the retries", test_deadline_while_active),
        RIG_TEST("02 ex 44, 01 ex 25 replay", test_replay),
        RIG_TEST("02 ex 44 replay of a completed one", test_replay_of_a_completed_one),
        RIG_TEST("02 ex 44, 01 ex 34 replays run out", test_replays_run_out),
        RIG_TEST("a replay and its deadline", test_replay_and_its_deadline),
    };

    return ff_rig_main("end", tables, FF_COUNT(tables), tests, FF_COUNT(tests));
}
