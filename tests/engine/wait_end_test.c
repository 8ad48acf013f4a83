/* How a wait ends without a signal, and what is seen of it: examples 66 to 79 of 03; 40 of 02. */

#include "tests/engine/wait_signal.h"

/* ---- time-outs ---- */

static struct ff_suspend_result
suspend_until(struct ff_rig *rig, uint8_t number, const char *behavior, const char *condition)
{
    struct ff_claim_result claim;
    struct ff_suspend_args args;

    create_with(rig, number, "{\"retry_policy\":{\"max_retries\":3}}");
    claim = claim_this(rig, number);
    args = suspend_args(rig, &claim, NULL, condition);
    args.timeout_at = FF_SOME(ff_opt_i64, T + 1000);
    args.timeout_behavior = ff_cstr(behavior);
    return suspended_by(rig, &args);
}

static const struct timeout_row {
    const char *name;
    const char *behavior, *public_state, *outcome, *attempt, *stream;
} timeout_rows[] = {
    { "03 ex 66 fail", "fail", "failed", "failed", "ended_failure", "attempt_failure" },
    { "03 ex 67 cancel", "cancel", "cancelled", "cancelled", "ended_cancelled",
      "attempt_cancelled" },
    { "03 ex 67 expire", "expire", "expired", "expired", "ended_failure", "expired" },
};

static void
test_timeout_row(void **state)
{
    const struct timeout_row *row = *state;
    struct ff_eid id = ff_rig_id(1);
    struct ff_expire_suspension_result result;
    struct ff_suspend_result suspension;
    struct ff_rig *rig = NULL;
    struct target w;

    wait_setup((void **) &rig);
    suspension = suspend_until(rig, 1, row->behavior, SINGLE("A", "go"));
    w = target_of(1, &suspension.details, 0);
    rig->now_ms = T + 999;
    assert_string_equal(time_out(rig, 1).outcome, "not_yet_due");
    rig->now_ms = T + 1000;
    result = time_out(rig, 1);
    assert_string_equal(result.outcome, "expired");
    assert_string_equal(ff_word(&ff_vocab_timeout_behavior, result.behavior_applied.v),
                        row->behavior);
    assert_string_equal(ff_word(&ff_vocab_public_state, result.public_state.v), row->public_state);
    assert_field(rig, 1, "public_state", row->public_state);
    assert_field(rig, 1, "failure_reason",
                 ff_arena_printf(&rig->arena, "suspension_timeout:%s", row->behavior).p);
    assert_field(rig, 1, "current_suspension_id", "");
    assert_field(rig, 1, "current_waitpoint_id", "");
    assert_string_equal(
        ff_word(&ff_vocab_attempt_lifecycle, describe_attempt(rig, 1, 0).attempt_lifecycle),
        row->attempt);
    assert_string_equal(time_out(rig, 1).outcome, "not_suspended_cleaned");
    assert_err(try_deliver(rig, &w, "go"), FF_E_TARGET_NOT_SIGNALABLE);
    assert_closed(rig, &w);
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_COMPLETION, row->outcome, &id), 1);
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_COMPLETION).n, 1);
    ff_rig_free(rig);
}

static void
test_auto_resume(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result;
    struct ff_observe_signals_result seen;
    struct ff_claim_result claim;
    struct target w;

    result = suspend_until(rig, 1, "auto_resume_with_timeout_signal", COUNT(2, "sources", "\"A\""));
    w = target_of(1, &result.details, 0);
    assert_string_equal(deliver(rig, &w, "approval"), APPENDED);
    rig->now_ms = T + 1000;
    assert_int_equal(time_out(rig, 1).public_state.v, FF_PUBLIC_WAITING);
    assert_closed(rig, &w);
    claim = claim_this(rig, 1);
    assert_string_equal(observed(rig, claim.handle), "approval timeout");
    seen = observe(rig, claim.handle);
    assert_str(seen.signals.v[1].source_type, "engine");
    assert_str(seen.signals.v[1].source_identity, "suspension_timeout");
    assert_str(seen.signals.v[1].signal_category, "timeout");
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_SIGNAL_DELIVERY).n, 1); /* alice's */
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_COMPLETION).n, 0);
}

static struct ff_list_suspended_result
list_after(struct ff_rig *rig, struct ff_str cursor, uint32_t limit)
{
    const struct ff_list_suspended_args args = { .partition = ff_cstr("{fp:6}"),
                                                 .cursor = cursor,
                                                 .limit = limit };
    struct ff_list_suspended_result result;

    assert_ok(ff_rig_list_suspended(rig, &args, &result));
    return result;
}

static struct ff_list_suspended_result
list(struct ff_rig *rig, uint32_t limit)
{
    return list_after(rig, FF_NONE(ff_str), limit);
}

static void
test_escalate(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = suspend_until(rig, 1, "escalate", SINGLE("A", "go"));
    struct target w = target_of(1, &result.details, 0);
    struct ff_list_suspended_result listed;

    rig->now_ms = T + 2000;
    assert_int_equal(time_out(rig, 1).public_state.v, FF_PUBLIC_SUSPENDED);
    assert_field(rig, 1, "blocking_reason", "paused_by_operator");
    assert_field(rig, 1, "last_mutation_at", "1002000");
    listed = list(rig, 10);
    assert_int_equal(listed.entries.n, 1);
    assert_int_equal(listed.entries.v[0].reason, FF_SUSPEND_OPERATOR_REVIEW);
    assert_int_equal(listed.entries.v[0].suspended_at, T);
    assert_false(listed.entries.v[0].timeout_at.is);
    assert_false(open_of(rig, 1, 10).entries.v[0].expires_at.is);
    rig->now_ms = T + 100000000;
    assert_string_equal(time_out(rig, 1).outcome, "not_yet_due");
    assert_string_equal(deliver(rig, &w, "go"), SATISFIED);
    assert_string_equal(observed(rig, claim_this(rig, 1).handle), "go");
}

static void
test_nothing_due(void **state)
{
    struct ff_rig *rig = *state;

    create_suspended(rig, 1, NULL, OPERATOR_ONLY);
    rig->now_ms = T + 1000000000;
    assert_string_equal(time_out(rig, 1).outcome, "not_yet_due");
    assert_string_equal(time_out(rig, 9).outcome, "not_found_cleaned");
    create_and_claim(rig, 2);
    assert_string_equal(time_out(rig, 2).outcome, "not_suspended_cleaned");
}

static void
test_signal_before_the_sweep(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = suspend_until(rig, 1, "fail", SINGLE("A", "go"));
    struct target w = target_of(1, &result.details, 0);

    rig->now_ms = T + 1500;
    assert_string_equal(deliver(rig, &w, "go"), SATISFIED);
    assert_string_equal(time_out(rig, 1).outcome, "not_suspended_cleaned");
}

/* ---- cancel, expire, close ---- */

static void
test_cancel(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct target early = pending(rig, &claim, "C");
    struct ff_suspend_result result = suspended(rig, &claim, "[" FRESH("A") "," FRESH("B") "]",
                                                COUNT(2, "waitpoints", "\"A\",\"B\""));
    struct target a = target_of(1, &result.details, 0), b = target_of(1, &result.details, 1);

    assert_string_equal(deliver(rig, &a, "x"), APPENDED);
    assert_ok(cancel_as(rig, 1, OPERATOR));
    assert_field(rig, 1, "public_state", "cancelled");
    assert_int_equal(open_of(rig, 1, 10).entries.n, 0);
    assert_err(try_deliver(rig, &b, "x"), FF_E_TARGET_NOT_SIGNALABLE);
    assert_err(try_deliver(rig, &early, "x"), FF_E_TARGET_NOT_SIGNALABLE);
    assert_int_equal(observe(rig, result.handle).signals.n, 0);
    assert_int_equal(describe_attempt(rig, 1, 0).attempt_lifecycle, FF_LIFE_ENDED_CANCELLED);
    assert_field(rig, 1, "open_waitpoints", "0");
    assert_ok(cancel_as(rig, 1, OPERATOR)); /* 02 example 40: the same answer again */
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_COMPLETION).n, 1);
}

static void
test_deadline(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result;
    struct ff_claim_result claim;
    struct ff_expire_execution_args args = { .execution_id = ff_rig_id(1),
                                             .phase = FF_EXPIRE_EXECUTION_DEADLINE };
    struct ff_expire_execution_result expired;
    struct target w;

    create_with(rig, 1, "{\"timeout_policy\":{\"execution_deadline_ms\":500}}");
    claim = claim_this(rig, 1);
    result = suspended(rig, &claim, NULL, SINGLE("A", "go"));
    w = target_of(1, &result.details, 0);
    rig->now_ms = T + 500;
    assert_ok(ff_rig_expire_execution(rig, &args, &expired));
    assert_string_equal(expired.outcome, "expired");
    assert_closed(rig, &w);
    assert_null(token_of(rig, &w).p);
    assert_int_equal(describe_attempt(rig, 1, 0).attempt_lifecycle, FF_LIFE_ENDED_FAILURE);
    assert_int_equal(observe(rig, result.handle).signals.n, 0);
    assert_int_equal(list(rig, 10).entries.n, 0);
}

static ff_err
try_close(struct ff_rig *rig, uint8_t number, const struct target *target, const char *reason,
          const char **outcome)
{
    const struct ff_close_waitpoint_args args = { .execution_id = ff_rig_id(number),
                                                  .waitpoint_id = target->waitpoint_id,
                                                  .reason = ff_cstr(reason) };
    struct ff_close_waitpoint_result result;
    ff_err err = ff_rig_close_waitpoint(rig, &args, &result);

    *outcome = err == FF_E_OK ? result.outcome : "";
    return err;
}

static const char *
close_it(struct ff_rig *rig, const struct target *target, const char *reason)
{
    const char *outcome = NULL;

    assert_ok(try_close(rig, target->number, target, reason, &outcome));
    return outcome;
}

static void
test_close(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    struct target one = pending(rig, &claim, "A"), two = pending(rig, &claim, "A");
    struct target unknown = one;
    struct ff_suspend_result result;
    const char *outcome = NULL;

    unknown.waitpoint_id.b[2] ^= 1;
    create(rig, 2);
    assert_err(try_close(rig, 1, &unknown, "x", &outcome), FF_E_WAITPOINT_NOT_FOUND);
    assert_err(try_close(rig, 2, &one, "x", &outcome), FF_E_INVALID_WAITPOINT_FOR_EXECUTION);
    assert_err(try_close(rig, 1, &one, "", &outcome), FF_E_INVALID_INPUT);
    assert_string_equal(close_it(rig, &one, "x"), "closed");
    assert_string_equal(close_it(rig, &one, "y"), "already_closed");
    assert_string_equal(close_it(rig, &unknown, NULL), "not_found_cleaned");
    assert_string_equal(close_it(rig, &two, NULL), "not_yet_due");
    assert_string_equal(deliver(rig, &two, "other"), BUFFERED);
    result = suspended(rig, &claim, use_pending(rig, &two), SINGLE("A", "go"));
    two = target_of(1, &result.details, 0);
    rig->now_ms = T + 60000;
    assert_string_equal(close_it(rig, &two, NULL), "not_pending_cleaned");
    assert_string_equal(deliver(rig, &two, "go"), SATISFIED);
}

static void
test_close_the_only_one(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, SINGLE("A", "go"));
    struct target w = target_of(1, &result.details, 0);

    assert_string_equal(close_it(rig, &w, "proactive_close"), "closed");
    assert_err(try_deliver(rig, &w, "go"), FF_E_WAITPOINT_CLOSED);
    assert_field(rig, 1, "public_state", "suspended");
    assert_ok(resume(rig, 1, 0));
    claim_this(rig, 1);
}

/* ---- lists ---- */

static void
test_list_waitpoints(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result =
        create_suspended(rig, 1, "[" FRESH("A") "," FRESH("B") "," FRESH("C") "]",
                         ALL(SINGLE("A", "s1") "," SINGLE("B", "s2") "," SINGLE_OF("C", WILDCARD)));
    struct ff_list_pending_waitpoints_args args = { .execution_id = ff_rig_id(1), .limit = 2 };
    struct ff_list_pending_waitpoints_result page;
    uint32_t seen = 0;

    for (int i = 0; i < 2; i++) {
        assert_ok(ff_rig_list_pending_waitpoints(rig, &args, &page));
        assert_int_equal(page.entries.n, i == 0 ? 2 : 1);
        assert_true(page.next_cursor.is == (i == 0));
        args.cursor = page.next_cursor;
        for (uint32_t k = 0; k < page.entries.n; k++, seen++) {
            const struct ff_pending_waitpoint *entry = &page.entries.v[k];
            bool any = ff_str_is(entry->waitpoint_key, "C");

            assert_int_equal(entry->required_signal_names.n, any ? 0 : 1);
            if (!any) {
                assert_str(entry->required_signal_names.v[0],
                           ff_str_is(entry->waitpoint_key, "A") ? "s1" : "s2");
            }
            assert_str(entry->token_kid, "k1");
            assert_int_equal(entry->token_fingerprint.n, 16);
            assert_int_equal(entry->activated_at.v, T);
            if (ff_uuid_eq(entry->waitpoint_id, result.details.waitpoint_id)) {
                assert_memory_equal(entry->token_fingerprint.p,
                                    result.details.waitpoint_token.p + 3, 16);
            }
        }
    }
    assert_int_equal(seen, 3);
    args = (struct ff_list_pending_waitpoints_args){ .execution_id = ff_rig_id(1) };
    assert_ok(ff_rig_list_pending_waitpoints(rig, &args, &page));
    assert_int_equal(page.entries.n, 0);
    assert_false(page.next_cursor.is);
    args.execution_id = ff_rig_id(9);
    assert_err(ff_rig_list_pending_waitpoints(rig, &args, &page), FF_E_EXECUTION_NOT_FOUND);
    create(rig, 2);
    assert_int_equal(open_of(rig, 2, 10).entries.n, 0);
}

static void
test_list_operator_only(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_list_pending_waitpoints_result open;

    create_suspended(rig, 1, NULL, OPERATOR_ONLY);
    open = open_of(rig, 1, 10);
    assert_int_equal(open.entries.v[0].required_signal_names.n, 1);
    assert_str(open.entries.v[0].required_signal_names.v[0], "__operator_only__");
    assert_ok(resume(rig, 1, 0));
    assert_int_equal(open_of(rig, 1, 10).entries.n, 0);
}

/* Suspended at `at_ms`, in lane L or M. */
static struct target
suspend_at(struct ff_rig *rig, uint8_t number, const char *lane, int64_t at_ms)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result created;
    struct ff_claim_args claiming = claim_args(rig, "[]");
    struct ff_suspend_result result;
    struct ff_claim_result claim;

    rig->now_ms = at_ms;
    args.lane_id = ff_cstr(lane);
    claiming.lane_id = ff_cstr(lane);
    assert_ok(ff_rig_create_execution(rig, &args, &created));
    assert_ok(ff_rig_claim(rig, &claiming, &claim));
    result = suspended(rig, &claim, NULL, SINGLE("A", "go"));
    return target_of(number, &result.details, 0);
}

static void
test_list_suspended(void **state)
{
    struct ff_rig *rig = *state;
    struct target second;
    struct ff_list_suspended_result page;
    struct ff_list_suspended_args bad = { .partition = ff_cstr("{fp:6}"),
                                          .cursor = ff_cstr("12"),
                                          .limit = 5 };

    suspend_at(rig, 3, "L", T + 1000); /* ids do not follow the times */
    second = suspend_at(rig, 1, "M", T + 2000);
    suspend_at(rig, 2, "L", T + 3000);
    page = list(rig, 2);
    assert_int_equal(page.entries.n, 2);
    assert_true(ff_eid_eq(page.entries.v[0].execution_id, ff_rig_id(3)));
    assert_int_equal(page.entries.v[0].suspended_at, T + 1000);
    assert_int_equal(page.entries.v[0].reason, FF_SUSPEND_APPROVAL);
    assert_non_null(page.next_cursor.p);
    assert_string_equal(deliver(rig, &second, "go"), SATISFIED); /* the cursor's own entry goes */
    page = list_after(rig, page.next_cursor, 2);
    assert_int_equal(page.entries.n, 1);
    assert_true(ff_eid_eq(page.entries.v[0].execution_id, ff_rig_id(2)));
    assert_null(page.next_cursor.p);
    assert_int_equal(list(rig, 0).entries.n, 0);
    assert_err(ff_rig_list_suspended(rig, &bad, &page), FF_E_INVALID_INPUT);
    bad.partition = ff_cstr("6");
    assert_err(ff_rig_list_suspended(rig, &bad, &page), FF_E_INVALID_INPUT);
}

/* ---- observe_signals ---- */

static void
test_observe(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result;
    struct ff_claim_result claim;
    struct ff_fail_result failed;
    struct target w;

    create_with(rig, 1,
                "{\"retry_policy\":{\"max_retries\":3,\"backoff\":{\"type\":\"fixed\","
                "\"delay_ms\":0}}}");
    claim = claim_this(rig, 1);
    assert_int_equal(observe(rig, claim.handle).signals.n, 0);
    assert_false(observe(rig, claim.handle).suspension_id.is);
    result = suspended(rig, &claim, NULL, SINGLE("A", "go"));
    w = target_of(1, &result.details, 0);
    assert_int_equal(observe(rig, result.handle).signals.n, 0); /* still open */
    assert_string_equal(deliver(rig, &w, "go"), SATISFIED);
    claim = claim_this(rig, 1);
    assert_string_equal(observed(rig, claim.handle), "go");
    assert_string_equal(observed(rig, claim.handle), "go");
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, "", &failed));
    promote(rig, 1);
    claim = claim_this(rig, 1);
    assert_int_equal(claim.attempt_index.v, 1);
    assert_int_equal(observe(rig, claim.handle).signals.n, 0);
}

static void
test_observe_in_pages(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_suspend_args args = suspend_args(rig, &claim, NULL, COUNT(5, "signals", "\"A\""));
    struct ff_observe_signals_args observing = { .limit = 2 };
    struct ff_observe_signals_result seen;
    struct target w;
    char name[4];

    args.continuation_metadata_pointer = ff_cstr("s3://step-7");
    {
        struct ff_suspend_result result = suspended_by(rig, &args);

        w = target_of(1, &result.details, 0);
    }
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        deliver(rig, &w, name);
    }
    claim = claim_this(rig, 1);
    observing.handle = *claim.handle;
    for (uint32_t i = 0; i < 5; i += seen.signals.n) {
        assert_ok(ff_rig_observe_signals(rig, &observing, &seen));
        assert_int_equal(seen.signals.n, i < 4 ? 2 : 1);
        snprintf(name, sizeof(name), "s%u", i);
        assert_str(seen.signals.v[0].signal_name, name);
        assert_true(seen.next_cursor.is == (i < 4));
        assert_str(seen.continuation_metadata_pointer, "s3://step-7");
        observing.cursor = seen.next_cursor;
    }
}

/* 02 §5.10: what resumed it comes with the claim. */
static void
test_claim_with_signals(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, COUNT(20, "signals", "\"A\""));
    struct target w = target_of(1, &result.details, 0);
    struct ff_deliver_signal_args args = signal_args(&w, "x", "alice");
    const struct ff_claim_args one = claim_args(rig, "[]");
    const struct ff_claim_many_args claiming = {
        .lane_id = one.lane_id,
        .worker_capabilities = one.worker_capabilities,
        .worker_id = one.worker_id,
        .worker_instance_id = one.worker_instance_id,
        .lease_ttl_ms = one.lease_ttl_ms,
        .include_reclaimable = true,
        .include_context = true,
        .request_id = FF_SOME(ff_opt_uuid, ((struct ff_uuid){ { 4 } })),
        .max = 4,
    };
    struct ff_claim_many_result claims;

    create(rig, 2);
    args.payload = ff_str(ff_arena_zalloc(&rig->arena, 65536), 65536);
    for (int i = 0; i < 20; i++) {
        delivered_by(rig, &args);
    }
    for (int again = 0; again < 2; again++) {
        assert_ok(ff_rig_claim_many(rig, &claiming, &claims));
        assert_int_equal(claims.claims.n, 2);
        assert_str(claims.claims.v[0].handle.kind, "resumed");
        assert_int_equal(claims.claims.v[0].resume_signals.n, 15); /* 1 MiB */
        assert_true(claims.claims.v[0].resume_signals_more.v);
        assert_int_equal(claims.claims.v[0].resume_signals.v[0].payload.n, 65536);
        assert_int_equal(claims.claims.v[1].resume_signals.n, 0);
        assert_false(claims.claims.v[1].resume_signals_more.is);
    }
    assert_int_equal(observe(rig, &claims.claims.v[0].handle).signals.n, 20);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(timeout_rows, test_timeout_row) };
    static const struct CMUnitTest singles[] = {
        WAIT_TEST("03 ex 68 auto resume", test_auto_resume),
        WAIT_TEST("03 ex 69 escalate", test_escalate),
        WAIT_TEST("03 ex 70 nothing due", test_nothing_due),
        WAIT_TEST("03 ex 71 a signal before the sweep", test_signal_before_the_sweep),
        WAIT_TEST("03 ex 72, 02 ex 40 cancel", test_cancel),
        WAIT_TEST("03 ex 73 deadline", test_deadline),
        WAIT_TEST("03 ex 74 close_waitpoint", test_close),
        WAIT_TEST("03 ex 75 close the only one", test_close_the_only_one),
        WAIT_TEST("03 ex 76 list_pending_waitpoints", test_list_waitpoints),
        WAIT_TEST("03 ex 76 operator_only", test_list_operator_only),
        WAIT_TEST("03 ex 78 list_suspended", test_list_suspended),
        WAIT_TEST("03 ex 79 observe_signals", test_observe),
        WAIT_TEST("03 §7.3 pages", test_observe_in_pages),
        WAIT_TEST("02 §5.10 signals with the claim", test_claim_with_signals),
    };

    return ff_rig_main("wait_end", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
