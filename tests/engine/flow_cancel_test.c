/* Cancelling flows: examples 8 and 56 to 69 of 04. */

#include "tests/engine/crash.h"
#include "tests/engine/flow_acts.h"

static ff_err
try_cancel(struct ff_rig *rig, const char *policy_word, const char *reason,
           struct ff_flow_wait *wait, struct ff_cancel_flow_result *result)
{
    const struct ff_cancel_flow_args args = {
        .flow_id = F, .policy = ff_cstr(policy_word), .wait = wait, .reason = ff_cstr(reason)
    };

    return ff_rig_cancel_flow(rig, &args, result);
}

static struct ff_cancel_flow_result
cancel(struct ff_rig *rig, const char *policy_word, const char *reason)
{
    struct ff_cancel_flow_result result;

    assert_ok(try_cancel(rig, policy_word, reason, NULL, &result));
    return result;
}

static struct ff_cancel_flow_result
cancel_and_wait(struct ff_rig *rig, const char *policy_word)
{
    struct ff_flow_wait wait = { .kind = FF_FLOW_WAIT_INDEFINITE };
    struct ff_cancel_flow_result result;

    assert_ok(try_cancel(rig, policy_word, "op", &wait, &result));
    return result;
}

/* The grace of a header is over. */
static const char *
cancel_and_wait_after(struct ff_rig *rig, int64_t grace_ms)
{
    rig->now_ms += grace_ms;
    return cancel_and_wait(rig, "cancel_all").outcome;
}

static ff_err
try_header_for(struct ff_rig *rig, const char *reason, const char *policy_word,
               const char *grace_json, struct ff_cancel_flow_header_result *result)
{
    struct ff_cancel_flow_header_args args = { .flow_id = F,
                                               .policy = ff_cstr(policy_word),
                                               .reason = ff_cstr(reason) };

    if (grace_json != NULL) {
        args.grace_ms = ff_rig_any(rig, grace_json);
    }
    return ff_rig_cancel_flow_header(rig, &args, result);
}

static ff_err
try_header(struct ff_rig *rig, const char *policy_word, const char *grace_json,
           struct ff_cancel_flow_header_result *result)
{
    return try_header_for(rig, "op", policy_word, grace_json, result);
}

static void
ack(struct ff_rig *rig, uint8_t number)
{
    const struct ff_ack_cancel_member_args args = { .flow_id = F,
                                                    .execution_id = ff_rig_id(number) };
    struct ff_ack_cancel_member_result result;

    assert_ok(ff_rig_ack_cancel_member(rig, &args, &result));
}

static const char *
policy_of(struct ff_rig *rig)
{
    struct ff_opt_u32 stored = describe_flow(rig).cancellation_policy;

    return stored.is ? ff_word(&ff_vocab_cancel_flow_policy, stored.v) : "";
}

/* A waiting, B active, C completed, D blocked (04 ex 56). B's claim. */
static struct ff_issue_grant_and_claim_result
make_four(struct ff_rig *rig)
{
    make_flow(rig, 4);
    complete_one(rig, C, NULL);
    build(rig, 1, A, D);
    return take(rig, B);
}

static void
test_cancel_all(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_cancel_flow_result result;
    struct ff_flow_snapshot flow;
    uint32_t events = 0;

    make_four(rig);
    rig->now_ms += 5;
    events = ff_rig_count(rig, FF_FAMILY_COMPLETION, "cancelled", NULL);
    result = cancel(rig, "cancel_all", "op");
    assert_string_equal(result.outcome, "cancelled");
    assert_int_equal(result.cancellation_policy, FF_CANCEL_FLOW_ALL);
    assert_string_equal(numbers(rig, result.member_execution_ids), "01 02 03 04");
    assert_field(rig, A, "public_state", "cancelled");
    assert_field(rig, B, "public_state", "cancelled");
    assert_field(rig, B, "current_lease_id", "");
    assert_field(rig, B, "cancellation_reason", "op");
    assert_field(rig, B, "cancelled_by", OPERATOR);
    assert_field(rig, C, "public_state", "completed");
    assert_field(rig, D, "public_state", "cancelled");
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_COMPLETION, "cancelled", NULL) - events, 3);
    assert_int_equal(ff_rig_last_event(rig, FF_FAMILY_OPERATOR).member_count.v, 4);
    flow = describe_flow(rig);
    assert_string_equal(flow_state(rig), "cancelled");
    assert_int_equal(flow.last_mutation_at, rig->now_ms);
    assert_int_equal(flow.cancelled_at.v, rig->now_ms);
    assert_true(ff_str_is(flow.cancel_reason, "op"));
    assert_string_equal(policy_of(rig), "cancel_all");
    assert_int_equal(flow.pending_cancel_count, 0);
    cascade(rig, A);
    assert_field(rig, D, "public_state", "cancelled");
}

static void
test_cancel_pending(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_issue_grant_and_claim_result claim = make_four(rig);
    const struct ff_complete_args own = { .handle = claim.handle };
    struct ff_complete_result completed;

    cancel(rig, "let_active_finish", "op");
    assert_string_equal(policy_of(rig), "cancel_pending");
    assert_field(rig, A, "public_state", "cancelled");
    assert_field(rig, D, "public_state", "cancelled");
    assert_field(rig, B, "public_state", "active");
    assert_int_equal(describe_flow(rig).pending_cancel_count, 0);
    assert_ok(ff_rig_complete(rig, &own, &completed)); /* it has kept its lease */
    assert_field(rig, B, "public_state", "completed");
}

static void
add_delayed(struct ff_rig *rig, uint8_t number)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result created;
    struct ff_add_execution_to_flow_result added;

    args.delay_until = FF_SOME(ff_opt_i64, rig->now_ms + 60000);
    assert_ok(ff_rig_create_execution(rig, &args, &created));
    assert_ok(add(rig, number, &added));
}

/* Delayed ones and those that a quota keeps back are pending, too; no reason is a reason. */
static void
test_cancel_pending_of_what_waits(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_block_execution_for_admission_args block = {
        .execution_id = ff_rig_id(A),
        .lane_id = ff_cstr("L"),
        .reason = ff_cstr("waiting_for_quota"),
    };
    struct ff_block_execution_for_admission_result blocked;

    make_flow(rig, 1);
    assert_ok(ff_rig_block_execution_for_admission(rig, &block, &blocked));
    assert_field(rig, A, "public_state", "rate_limited");
    assert_string_equal(flow_state(rig), "blocked"); /* 04 §6, step 4 */
    assert_ok(cancel_as(rig, A, OPERATOR));
    add_delayed(rig, B);
    assert_string_equal(flow_state(rig), "blocked");
    assert_string_equal(replay(rig, A), "waiting");
    assert_ok(ff_rig_block_execution_for_admission(rig, &block, &blocked));
    assert_string_equal(cancel(rig, "cancel_unscheduled_only", "").outcome, "cancelled");
    for (uint8_t i = A; i <= B; i++) {
        assert_field(rig, i, "public_state", "cancelled");
        assert_field(rig, i, "cancellation_reason", "flow_cancelled");
    }
}

static void
test_flow_only(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_apply_dependency_to_child_result applied;
    struct ff_set_edge_group_policy_result set;
    struct ff_add_execution_to_flow_result added;

    make_four(rig);
    stage(rig, 2, B, D);
    assert_string_equal(numbers(rig, cancel(rig, "cancel_flow_only", "op").member_execution_ids),
                        "01 02 03 04");
    assert_string_equal(policy_of(rig), "flow_only");
    assert_field(rig, B, "public_state", "active");
    create(rig, 9);
    assert_err(add(rig, 9, &added), FF_E_FLOW_ALREADY_TERMINAL);
    assert_field(rig, 9, "flow_id", ""); /* 04 ex 8 */
    assert_err(stage_at(rig, 3, A, B, revision(rig)), FF_E_FLOW_ALREADY_TERMINAL);
    assert_err(try_apply(rig, 2, B, D, &applied), FF_E_FLOW_ALREADY_TERMINAL);
    assert_err(set_policy(rig, A, "{\"kind\":\"all_of\"}", &set), FF_E_FLOW_ALREADY_TERMINAL);
    claim_this(rig, A);
}

static void
test_repeat(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_events before;

    make_four(rig);
    cancel(rig, "cancel_all", "op");
    before = ff_rig_events(rig, FF_FAMILY_OPERATOR);
    rig->now_ms += 10;
    assert_string_equal(cancel(rig, "cancel_all", "again").outcome, "cancelled");
    assert_true(ff_str_is(describe_flow(rig).cancel_reason, "op"));
    assert_string_equal(policy_of(rig), "cancel_all");
    assert_field(rig, A, "cancellation_reason", "op");
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_OPERATOR).n, before.n);
}

static void
test_widen(void **state)
{
    struct ff_rig *rig = *state;
    int64_t cancelled_at = 0;

    make_four(rig);
    cancel(rig, "flow_only", "first");
    cancelled_at = describe_flow(rig).cancelled_at.v;
    rig->now_ms += 10;
    cancel(rig, "cancel_all", "second");
    assert_field(rig, B, "public_state", "cancelled");
    assert_field(rig, B, "cancellation_reason", "first");
    assert_string_equal(policy_of(rig), "cancel_all");
    assert_true(ff_str_is(describe_flow(rig).cancel_reason, "first"));
    assert_int_equal(describe_flow(rig).cancelled_at.v, cancelled_at);
    cancel(rig, "flow_only", "third");
    assert_string_equal(policy_of(rig), "cancel_all");
}

static void
test_refused(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_cancel_flow_result result;

    assert_err(try_cancel(rig, "cancel_all", "op", NULL, &result), FF_E_FLOW_NOT_FOUND);
    assert_err(try_cancel(rig, "cancel-all", "op", NULL, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "field", "policy");
}

static void
test_empty_flow(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_flow_wait wait = { .kind = FF_FLOW_WAIT_TIMEOUT,
                                 .timeout_ms = FF_SOME(ff_opt_u64, 500) };
    struct ff_cancel_flow_result result;

    make_flow(rig, 0);
    assert_ok(try_cancel(rig, "cancel_all", "", &wait, &result));
    assert_string_equal(result.outcome, "cancelled");
    assert_null(describe_flow(rig).cancel_reason.p);
    wait.timeout_ms.v = 0;
    assert_ok(try_cancel(rig, "cancel_all", "", &wait, &result));
    assert_string_equal(result.outcome, "cancelled");
}

/* ---- more than a step ---- */

static struct ff_eid
wide_id(uint32_t number)
{
    struct ff_eid id = ff_rig_id(0);

    id.uuid.b[13] = 1;
    id.uuid.b[14] = (uint8_t) (number >> 8);
    id.uuid.b[15] = (uint8_t) number;
    return id;
}

static void
make_many(struct ff_rig *rig, uint32_t n)
{
    make_flow(rig, 0);
    for (uint32_t i = 0; i < n; i++) {
        struct ff_create_execution_args args = ff_rig_new_exec(0);
        const struct ff_add_execution_to_flow_args add_args = { .flow_id = F,
                                                                .execution_id = wide_id(i) };
        struct ff_create_execution_result created;
        struct ff_add_execution_to_flow_result added;

        args.execution_id = wide_id(i);
        assert_ok(ff_rig_create_execution(rig, &args, &created));
        assert_ok(ff_rig_add_execution_to_flow(rig, &add_args, &added));
    }
}

static uint32_t
count_cancelled(struct ff_rig *rig)
{
    const struct ff_project_flow_summary_args args = { .flow_id = F };
    struct ff_project_flow_summary_result result;

    assert_ok(ff_rig_project_flow_summary(rig, &args, &result));
    return describe_flow(rig).summary->members_cancelled;
}

/* 2500 members where calls are cheap; elsewhere a little more than one step. */
static uint32_t
many(const struct ff_rig *rig)
{
    return rig->cheap ? 2500 : 1100;
}

static void
test_scheduled(void **state)
{
    struct ff_rig *rig = *state;
    uint32_t n = many(rig);
    struct ff_cancel_flow_result result;

    make_many(rig, n);
    result = cancel(rig, "cancel_all", "op");
    assert_string_equal(result.outcome, "cancellation_scheduled");
    assert_int_equal(result.member_count.v, n);
    assert_int_equal(result.member_execution_ids.n, n);
    assert_int_equal(count_cancelled(rig), 1000);
    assert_int_equal(describe_flow(rig).pending_cancel_count, n - 1000);
    assert_claims_nothing(rig);
    result = cancel_and_wait(rig, "cancel_all");
    assert_string_equal(result.outcome, "cancelled");
    assert_int_equal(result.member_execution_ids.n, 1000);
    assert_int_equal(count_cancelled(rig), n);
    assert_int_equal(describe_flow(rig).pending_cancel_count, 0);
}

/* The broker ends while the members are marked: the flow looks as it did. */
static void
crash_while_marking(struct ff_rig *rig)
{
    const struct ff_cancel_flow_args args = { .flow_id = F,
                                              .policy = ff_cstr("cancel_all"),
                                              .reason = ff_cstr("op") };
    struct ff_flow_snapshot flow;

    make_many(rig, many(rig));
    crash_after_a_step(rig, FF_OP_cancel_flow, &args);
    flow = describe_flow(rig);
    assert_int_equal(flow.public_flow_state, FF_FLOW_OPEN);
    assert_false(flow.cancelled_at.is);
    assert_false(flow.cancellation_policy.is);
    assert_null(flow.cancel_reason.p);
    assert_int_equal(flow.pending_cancel_count, 0);
}

/* The engine goes on by itself. */
static void
test_crash_while_marking(void **state)
{
    struct ff_rig *rig = *state;

    if (rig->contrary) {
        return; /* which commit it refuses is not ours to say */
    }
    crash_while_marking(rig);
    consume(rig);
    ff_rig_pump(rig);
    assert_false(describe_flow(rig).cancelled_at.is);
    rig->now_ms += 1000;
    ff_rig_pump(rig);
    assert_string_equal(flow_state(rig), "cancelled");
    assert_true(ff_str_is(describe_flow(rig).cancel_reason, "op"));
    assert_int_equal(count_cancelled(rig), many(rig));
    assert_int_equal(describe_flow(rig).pending_cancel_count, 0);
}

/* Or the caller tries again. */
static void
test_again_after_crash(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_cancel_flow_result result;

    if (rig->contrary) {
        return; /* as above */
    }
    crash_while_marking(rig);
    result = cancel_and_wait(rig, "cancel_all");
    assert_string_equal(result.outcome, "cancelled");
    assert_int_equal(result.member_execution_ids.n, many(rig));
    assert_int_equal(count_cancelled(rig), many(rig));
    assert_int_equal(describe_flow(rig).pending_cancel_count, 0);
}

static void
test_wait_in_one_call(void **state)
{
    struct ff_rig *rig = *state;
    uint32_t n = many(rig);
    struct ff_cancel_flow_result result;

    make_many(rig, n);
    result = cancel_and_wait(rig, "cancel_all");
    assert_string_equal(result.outcome, "cancelled");
    if (!rig->contrary) { /* there the call may have been made twice */
        assert_int_equal(result.member_execution_ids.n, n); /* 04 ex 65: and 1000 at a retry */
    }
    assert_int_equal(count_cancelled(rig), n);
    assert_int_equal(cancel(rig, "cancel_all", "op").member_execution_ids.n, 1000);
}

static void
test_timeout(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_flow_wait wait = { .kind = FF_FLOW_WAIT_TIMEOUT,
                                 .timeout_ms = FF_SOME(ff_opt_u64, 0) };
    struct ff_cancel_flow_result result;

    make_many(rig, 1100);
    assert_err(try_cancel(rig, "cancel_all", "op", &wait, &result), FF_E_TIMEOUT);
    assert_detail(rig, "elapsed_ms", "0");
    assert_int_equal(describe_flow(rig).pending_cancel_count, 100);
    assert_string_equal(flow_state(rig), "cancelled");
    consume(rig); /* what is left is not forgotten, only nobody has looked since */
    assert_string_equal(cancel_and_wait(rig, "cancel_all").outcome, "cancelled");
}

static void
test_background(void **state)
{
    struct ff_rig *rig = *state;

    if (rig->contrary) {
        return; /* a refused commit leaves it to the scanner */
    }
    make_many(rig, many(rig));
    consume(rig);
    assert_string_equal(cancel(rig, "cancel_all", "op").outcome, "cancellation_scheduled");
    ff_rig_pump(rig);
    assert_int_equal(describe_flow(rig).pending_cancel_count, 0);
    assert_int_equal(count_cancelled(rig), many(rig));
}

/* ---- a damaged record ---- */

static void
test_damaged_target(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(B);
    struct ff_key key = ff_key_eid(&id);
    struct ff_cancel_flow_result result;

    make_flow(rig, 3);
    ff_rig_spoil(rig, FF_R_EXEC, &key, ff_str("\xc1garbage", 8));
    result = cancel_and_wait(rig, "cancel_all");
    assert_string_equal(result.outcome, "partially_cancelled");
    assert_string_equal(numbers(rig, result.failed_member_execution_ids), "02");
    assert_field(rig, A, "public_state", "cancelled");
    assert_field(rig, C, "public_state", "cancelled");
    assert_int_equal(describe_flow(rig).pending_cancel_count, 1);
    ack(rig, B);
    assert_int_equal(describe_flow(rig).pending_cancel_count, 0);
}

/* ---- the header ---- */

static void
test_header(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_cancel_flow_header_result result;

    make_flow(rig, 2);
    granted(rig, A);
    assert_ok(try_header(rig, "cancel_all", NULL, &result));
    assert_string_equal(result.outcome, "cancelled");
    assert_field(rig, A, "public_state", "waiting");
    assert_claims_nothing(rig);
    {
        struct ff_issue_claim_grant_result refused;
        struct ff_claim_execution_result claimed;

        assert_err(grant(rig, B, "[]", &refused), FF_E_EXECUTION_NOT_ELIGIBLE);
        assert_err(claim_granted_as(rig, A, "w", &claimed), FF_E_EXECUTION_NOT_LEASEABLE);
    }
    assert_int_equal(describe_flow(rig).pending_cancel_count, 2);
    ack(rig, A);
    assert_int_equal(describe_flow(rig).pending_cancel_count, 1);
    claim_this(rig, A); /* it was not cancelled: claimable again */
    ack(rig, B);
    ack(rig, B);
    assert_int_equal(describe_flow(rig).pending_cancel_count, 0);
    assert_ok(try_header_for(rig, "again", "flow_only", NULL, &result));
    assert_string_equal(result.outcome, "already_terminal");
    assert_int_equal(result.stored_cancellation_policy.v, FF_CANCEL_FLOW_ALL);
    assert_true(ff_str_is(result.stored_cancel_reason, "op"));
    assert_string_equal(numbers(rig, result.member_execution_ids), "01 02");
}

static void
test_bad_grace(void **state)
{
    static const char *const bad[] = { "-1", "1.5", "9007199254740992", "\"x\"" };
    struct ff_rig *rig = *state;
    struct ff_cancel_flow_header_result result;

    for (size_t i = 0; i < FF_COUNT(bad); i++) {
        assert_err(try_header(rig, "cancel_all", bad[i], &result), FF_E_INVALID_GRACE_MS);
    }
    make_flow(rig, 1);
    assert_err(try_header(rig, "cancel-all", "-1", &result), FF_E_INVALID_GRACE_MS);
    assert_string_equal(flow_state(rig), "open");
}

/* A call that waits takes the backlog on when its grace is over, not before. */
static void
test_grace(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_flow_wait wait = { .kind = FF_FLOW_WAIT_INDEFINITE };
    const struct ff_cancel_flow_args args = {
        .flow_id = F, .policy = ff_cstr("cancel_all"), .wait = &wait, .reason = ff_cstr("op")
    };
    struct ff_cancel_flow_header_result header;
    struct ff_cancel_flow_result result = { 0 };
    struct ff_waiting *waiting = NULL;
    int64_t start_ms = rig->now_ms;

    make_flow(rig, 2);
    assert_ok(try_header(rig, "cancel_all", "30000", &header));
    waiting = ff_rig_start(rig, FF_OP_cancel_flow, &args);
    rig->now_ms = start_ms + 29999;
    ff_rig_pump(rig);
    assert_false(ff_rig_is_done(waiting));
    assert_field(rig, A, "public_state", "waiting");
    rig->now_ms = start_ms + 30000;
    ff_rig_pump(rig);
    assert_ok(ff_rig_finish(rig, waiting, &result));
    assert_field(rig, A, "public_state", "cancelled");
    assert_int_equal(describe_flow(rig).pending_cancel_count, 0);
}

static void
test_header_without_targets(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_cancel_flow_header_result result;

    ack(rig, A); /* an unknown flow */
    make_flow(rig, 2);
    assert_ok(try_header(rig, "flow_only", NULL, &result));
    assert_int_equal(describe_flow(rig).pending_cancel_count, 0);
    assert_ok(try_header(rig, "cancel_all", NULL, &result)); /* it never widens */
    assert_string_equal(result.outcome, "already_terminal");
    assert_string_equal(policy_of(rig), "flow_only");
    assert_int_equal(describe_flow(rig).pending_cancel_count, 0);
    claim_this(rig, A);
}

/* 07 ex 23. */
static void
test_header_pending(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_cancel_flow_header_result result;

    make_flow(rig, 2);
    activate(rig, B);
    assert_ok(try_header(rig, "cancel_pending", NULL, &result));
    assert_int_equal(describe_flow(rig).pending_cancel_count, 1);
}

/* The edges of a member that left the backlog alive count again (04 §8.6). */
static void
test_ack_applies_the_verdict(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_cancel_flow_header_result result;

    make_flow(rig, 3);
    build(rig, 1, A, B);
    build(rig, 2, A, C);
    activate(rig, A);
    assert_ok(try_header(rig, "cancel_pending", NULL, &result));
    break_down(rig, A);
    assert_field(rig, B, "public_state", "waiting_children"); /* not skipped */
    ack(rig, B);
    assert_field(rig, B, "public_state", "skipped");
}

/* Nor is it skipped where it would run again: it ends cancelled (04 §8.3). */
static void
test_retry_in_the_backlog(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_cancel_flow_header_result result;

    make_flow(rig, 2);
    activate(rig, A);
    activate(rig, B);
    build(rig, 1, A, B);
    assert_ok(try_header(rig, "cancel_all", NULL, &result));
    break_down(rig, A);
    assert_field(rig, B, "public_state", "active");
    assert_string_equal(break_for_a_second(rig, B), "retry_scheduled");
    assert_field(rig, B, "public_state", "waiting_children");
    assert_string_equal(cancel_and_wait_after(rig, 30000), "cancelled");
    assert_field(rig, B, "public_state", "cancelled");
}

static void
test_replay_leaves_the_backlog(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_cancel_flow_header_result result;

    make_flow(rig, 1);
    assert_ok(try_header(rig, "cancel_all", NULL, &result));
    assert_ok(cancel_as(rig, A, OPERATOR));
    assert_int_equal(describe_flow(rig).pending_cancel_count, 1);
    assert_string_equal(replay(rig, A), "waiting");
    assert_int_equal(describe_flow(rig).pending_cancel_count, 0);
    claim_this(rig, A);
}

static const struct CMUnitTest tests[] = {
    RIG_TEST("04 ex 56 cancel_all", test_cancel_all),
    RIG_TEST("04 ex 57 cancel_pending", test_cancel_pending),
    RIG_TEST("04 §8.1 cancel_pending of all that waits", test_cancel_pending_of_what_waits),
    RIG_TEST("04 ex 8, 58 flow_only", test_flow_only),
    RIG_TEST("04 ex 59 the same again", test_repeat),
    RIG_TEST("04 ex 60 widening", test_widen),
    RIG_TEST("04 ex 61 refused", test_refused),
    RIG_TEST("04 ex 62 an empty flow", test_empty_flow),
    RIG_TEST("04 ex 63 more than a step", test_scheduled),
    RIG_TEST("04 ex 65 all in one call that waits", test_wait_in_one_call),
    RIG_TEST("a cancel goes on after a crash while members are marked", test_crash_while_marking),
    RIG_TEST("a cancel after a crash while members were marked", test_again_after_crash),
    RIG_TEST("a wait that is too short", test_timeout),
    RIG_TEST("the backlog drains by itself", test_background),
    RIG_TEST("04 ex 64 a damaged target", test_damaged_target),
    RIG_TEST("04 ex 66 the header and its acknowledgements", test_header),
    RIG_TEST("04 ex 67 a bad grace", test_bad_grace),
    RIG_TEST("04 ex 68 the grace of a header", test_grace),
    RIG_TEST("04 ex 69 a header without targets", test_header_without_targets),
    RIG_TEST("07 ex 23 a header with cancel_pending", test_header_pending),
    RIG_TEST("an acknowledged member's edges count", test_ack_applies_the_verdict),
    RIG_TEST("a retry in the backlog is neither run nor skipped", test_retry_in_the_backlog),
    RIG_TEST("a replay leaves the backlog", test_replay_leaves_the_backlog),
};

int
main(void)
{
    return ff_rig_main("flow_cancel", NULL, 0, tests, FF_COUNT(tests));
}
