/* Waitpoints that are made ahead, and signals that come early: examples 27 to 38 of 03. */

#include "tests/engine/wait_signal.h"

/* Both at once: [{use_pending}, {fresh}]. */
static const char *
with_fresh(struct ff_rig *rig, const struct target *early, const char *key)
{
    const char *one = use_pending(rig, early);

    return ff_arena_printf(&rig->arena, "%.*s,{\"kind\":\"fresh\",\"waitpoint_key\":\"%s\"}]",
                           (int) strlen(one) - 1, one, key)
        .p;
}

static void
test_create(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct target one = pending(rig, &claim, "A"), two = pending(rig, &claim, "A");
    struct ff_list_pending_waitpoints_result open = open_of(rig, 1, 10);

    assert_memory_equal(one.token.p, "k1:", 3);
    assert_false(ff_uuid_eq(one.waitpoint_id, two.waitpoint_id));
    assert_false(ff_str_eq(one.token, two.token));
    assert_int_equal(open.entries.n, 2);
    assert_int_equal(open.entries.v[0].state, FF_WAITPOINT_PENDING);
    assert_false(open.entries.v[0].activated_at.is);
    assert_int_equal(open.entries.v[0].expires_at.v, T + 60000);
    assert_field(rig, 1, "public_state", "active");
    assert_field(rig, 1, "ownership_state", "leased");
}

static void
test_early_signal(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct target early = pending(rig, &claim, "A");
    struct ff_suspend_args args =
        suspend_args(rig, &claim, use_pending(rig, &early), SINGLE("A", "go"));
    struct ff_suspend_result result;
    struct ff_renew_result renewed;

    assert_string_equal(deliver(rig, &early, "go"), BUFFERED);
    assert_str(ff_rig_last_event(rig, FF_FAMILY_SIGNAL_DELIVERY).effect, "buffered");
    assert_ok(ff_rig_suspend(rig, &args, &result));
    assert_string_equal(result.outcome, "already_satisfied");
    assert_field(rig, 1, "public_state", "active");
    assert_ok(renew(rig, &claim, &renewed));
    assert_string_equal(observed(rig, claim.handle), "go");
    assert_closed(rig, &early);
    assert_err(try_deliver(rig, &early, "go"), FF_E_WAITPOINT_CLOSED);
    assert_ok(complete(rig, &claim, ""));
}

static void
test_another_early_signal(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct target early = pending(rig, &claim, "A");
    struct ff_suspend_result result;
    struct ff_claim_result again;

    assert_string_equal(deliver(rig, &early, "other"), BUFFERED);
    result = suspended(rig, &claim, use_pending(rig, &early), SINGLE("A", "go"));
    assert_true(ff_str_eq(result.details.waitpoint_token, early.token));
    assert_string_equal(deliver(rig, &early, "go"), SATISFIED);
    again = claim_this(rig, 1);
    assert_string_equal(observed(rig, again.handle), "go");
}

static void
test_half_of_it_early(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct target early = pending(rig, &claim, "A");
    struct ff_claim_result again;

    deliver(rig, &early, "a");
    suspended(rig, &claim, use_pending(rig, &early), ALL(SINGLE("A", "a") "," SINGLE("A", "b")));
    assert_string_equal(deliver(rig, &early, "b"), SATISFIED);
    again = claim_this(rig, 1);
    assert_string_equal(observed(rig, again.handle), "a b");
}

static void
test_two_early_sources(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct target early = pending(rig, &claim, "A");
    struct ff_suspend_args args =
        suspend_args(rig, &claim, use_pending(rig, &early), COUNT(2, "sources", "\"A\""));
    struct ff_suspend_result result;

    deliver_from(rig, &early, "x", "alice");
    deliver_from(rig, &early, "y", "alice");
    deliver_from(rig, &early, "z", "bob");
    assert_ok(ff_rig_suspend(rig, &args, &result));
    assert_string_equal(result.outcome, "already_satisfied");
    assert_string_equal(observed(rig, claim.handle), "x z"); /* repeats are not included */
}

static void
sweep(struct ff_rig *rig, const struct target *target, const char *want)
{
    const struct ff_close_waitpoint_args args = { .execution_id = ff_rig_id(target->number),
                                                  .waitpoint_id = target->waitpoint_id };
    struct ff_close_waitpoint_result result;

    assert_ok(ff_rig_close_waitpoint(rig, &args, &result));
    assert_string_equal(result.outcome, want);
}

static void
test_expiry(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    struct target early, later;

    assert_ok(create_pending(rig, &claim, "A", 1000, &early));
    assert_ok(create_pending(rig, &claim, "A", 999, &later));
    rig->now_ms = T + 1000;
    for (int swept = 0; swept < 2; swept++) {
        assert_err(try_suspend(rig, &claim, use_pending(rig, &early), SINGLE("A", "go")),
                   FF_E_PENDING_WAITPOINT_EXPIRED);
        assert_err(try_deliver(rig, &early, "go"), FF_E_WAITPOINT_CLOSED);
        assert_int_equal(open_of(rig, 1, 10).entries.n, 0);
        assert_null(token_of(rig, &early).p);
        sweep(rig, &early, swept == 0 ? "closed" : "not_pending_cleaned");
    }
}

static void
test_in_time(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    struct target early;

    assert_ok(create_pending(rig, &claim, "A", 1000, &early));
    rig->now_ms = T + 999;
    suspended(rig, &claim, use_pending(rig, &early), SINGLE("A", "go"));
    rig->now_ms = T + 1000; /* active ones have the suspension's time-out */
    sweep(rig, &early, "not_pending_cleaned");
    assert_string_equal(deliver(rig, &early, "go"), SATISFIED);
}

static void
test_what_cannot_be_used(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct ff_claim_result other = create_and_claim(rig, 2);
    const struct target foreign = pending(rig, &other, "A");
    const struct target mine = pending(rig, &claim, "A");
    struct target unknown = mine;
    struct ff_close_waitpoint_args close = { .execution_id = ff_rig_id(1),
                                             .waitpoint_id = mine.waitpoint_id,
                                             .reason = ff_cstr("no more") };
    struct ff_close_waitpoint_result closed;

    unknown.waitpoint_id.b[3] ^= 1;
    assert_err(try_suspend(rig, &claim, use_pending(rig, &unknown), SINGLE("A", "go")),
               FF_E_WAITPOINT_NOT_FOUND);
    assert_err(try_suspend(rig, &claim, use_pending(rig, &foreign), SINGLE("A", "go")),
               FF_E_INVALID_WAITPOINT_FOR_EXECUTION);
    assert_err(try_suspend(rig, &claim, use_pending(rig, &mine), SINGLE("B", "go")),
               FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "waitpoint_key_mismatch");
    assert_err(try_suspend(rig, &claim, with_fresh(rig, &mine, "A"), SINGLE("A", "go")),
               FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "duplicate_waitpoint_key");
    assert_ok(ff_rig_close_waitpoint(rig, &close, &closed));
    assert_err(try_suspend(rig, &claim, use_pending(rig, &mine), SINGLE("A", "go")),
               FF_E_WAITPOINT_NOT_PENDING);
    suspended(rig, &other, use_pending(rig, &foreign), SINGLE("A", "go"));
    assert_ok(resume(rig, 2, 0));
    {
        const struct ff_claim_result again = claim_this(rig, 2);

        assert_err(try_suspend(rig, &again, use_pending(rig, &foreign), SINGLE("A", "go")),
                   FF_E_WAITPOINT_NOT_PENDING);
    }
}

static void
test_reclaim(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct target early = pending(rig, &claim, "A");

    rig->now_ms = T + TTL_MS;
    claim = claim_this(rig, 1);
    assert_int_equal(claim.attempt_index.v, 1);
    assert_closed(rig, &early);
    assert_err(try_suspend(rig, &claim, use_pending(rig, &early), SINGLE("A", "go")),
               FF_E_INVALID_WAITPOINT_FOR_EXECUTION);
    assert_err(try_deliver(rig, &early, "go"), FF_E_WAITPOINT_CLOSED);
}

static void
test_complete(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct target early = pending(rig, &claim, "A");

    assert_ok(complete(rig, &claim, ""));
    assert_closed(rig, &early);
    assert_err(try_deliver(rig, &early, "go"), FF_E_TARGET_NOT_SIGNALABLE);
}

static void
test_retry_closes_delay_does_not(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_fail_result failed;
    struct ff_claim_result claim;
    struct target early;

    create_with(rig, 1, "{\"retry_policy\":{\"max_retries\":3}}");
    claim = claim_this(rig, 1);
    early = pending(rig, &claim, "A");
    assert_ok(delay(rig, &claim, T + 10));
    assert_string_equal(deliver(rig, &early, "go"), BUFFERED);
    rig->now_ms = T + 10;
    promote(rig, 1);
    claim = claim_this(rig, 1);
    assert_int_equal(open_of(rig, 1, 10).entries.n, 1);
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, "", &failed));
    assert_string_equal(failed.outcome, "retry_scheduled");
    assert_closed(rig, &early);
}

static void
test_create_errors(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    char long_key[514];
    struct ff_claim_result handle = claim;
    struct ff_suspend_result result;
    struct target target;

    memset(long_key, 'k', sizeof(long_key));
    long_key[513] = '\0';
    assert_err(create_pending(rig, &claim, "", 1000, &target), FF_E_INVALID_WAITPOINT_KEY);
    assert_err(create_pending(rig, &claim, long_key, 1000, &target), FF_E_INVALID_WAITPOINT_KEY);
    assert_ok(create_pending(rig, &claim, "A", UINT64_MAX, &target));
    assert_int_equal(open_of(rig, 1, 10).entries.v[0].expires_at.v, INT64_MAX);
    result = suspended(rig, &claim, NULL, OPERATOR_ONLY);
    assert_err(create_pending(rig, &claim, "A", 1000, &target), FF_E_EXECUTION_NOT_ACTIVE);
    handle.handle = result.handle;
    assert_err(create_pending(rig, &handle, "A", 1000, &target), FF_E_ALREADY_SUSPENDED);
    assert_ok(resume(rig, 1, 0));
    claim_this(rig, 1);
    assert_err(create_pending(rig, &claim, "A", 1000, &target), FF_E_STALE_LEASE);
}

static void
test_create_without_key(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    struct target target;

    assert_err(create_pending(rig, &claim, "A", 1000, &target), FF_E_HMAC_SECRET_NOT_INITIALIZED);
}

static void
test_rotation_between(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct target early = pending(rig, &claim, "A");
    struct ff_suspend_result result;

    rotated(rig, "k2", SECRET_2, "600000");
    result = suspended(rig, &claim, use_pending(rig, &early), SINGLE("A", "go"));
    assert_true(ff_str_eq(result.details.waitpoint_token, early.token));
    assert_string_equal(deliver(rig, &early, "go"), SATISFIED);
}

static void
test_mixed(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct target early = pending(rig, &claim, "A");
    struct ff_suspend_result result;
    struct target b;

    deliver(rig, &early, "x");
    result = suspended(rig, &claim, with_fresh(rig, &early, "B"),
                       ALL(SINGLE("A", "x") "," SINGLE_OF("B", WILDCARD)));
    b = target_of(1, &result.details, 1);
    assert_string_equal(deliver(rig, &b, "y"), SATISFIED);
}

static void
test_open_at_the_most(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    struct target target;

    for (int i = 0; i < 1000; i++) {
        assert_ok(create_pending(rig, &claim, "A", i < 500 ? 10 : 60000, &target));
    }
    assert_err(create_pending(rig, &claim, "A", 60000, &target), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "too_many_waitpoints");
    rig->now_ms = T + 10; /* what has lapsed makes room */
    assert_ok(create_pending(rig, &claim, "A", 60000, &target));
    assert_int_equal(open_of(rig, 1, 1000).entries.n, 501);
    assert_ok(complete(rig, &claim, ""));
    assert_int_equal(open_of(rig, 1, 1000).entries.n, 0);
}

int
main(void)
{
    static const struct CMUnitTest singles[] = {
        WAIT_TEST("03 ex 27 create_waitpoint", test_create),
        WAIT_TEST("03 ex 28 early signal", test_early_signal),
        WAIT_TEST("03 ex 29 another early signal", test_another_early_signal),
        WAIT_TEST("03 ex 30 half of it early", test_half_of_it_early),
        WAIT_TEST("03 ex 31 two early sources", test_two_early_sources),
        WAIT_TEST("03 ex 32 expiry", test_expiry),
        WAIT_TEST("03 ex 32 in time", test_in_time),
        WAIT_TEST("03 ex 33 what cannot be used", test_what_cannot_be_used),
        WAIT_TEST("03 ex 34 reclaim", test_reclaim),
        WAIT_TEST("03 ex 35 complete", test_complete),
        WAIT_TEST("03 §1.2 a retry closes, a delay does not", test_retry_closes_delay_does_not),
        WAIT_TEST("03 ex 36 errors of create_waitpoint", test_create_errors),
        RIG_TEST("03 ex 36 no key installed", test_create_without_key),
        WAIT_TEST("03 ex 37 rotation between", test_rotation_between),
        WAIT_TEST("03 ex 38 mixed bindings", test_mixed),
        WAIT_TEST("01 §1.8 open waitpoints", test_open_at_the_most),
    };

    return ff_rig_main("pending", NULL, 0, singles, FF_COUNT(singles));
}
