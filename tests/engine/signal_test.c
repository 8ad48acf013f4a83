/* Conditions, signals, approvals: examples 39 to 55 and 80 to 84 of 03; 46 of 06. */

#include "tests/engine/wait_signal.h"

/* ---- composite conditions: who sends what where, and what it does ---- */

struct act {
    uint8_t at; /* place of the waitpoint in binding order */
    const char *name, *source, *effect;
};

static const struct condition_row {
    const char *name;
    const char *bindings, *condition;
    struct act acts[5];
    const char *observed; /* NULL: it does not resume */
} condition_rows[] = {
    { "03 ex 39 two names on one waitpoint",
      NULL,
      ALL(SINGLE("A", "a") "," SINGLE("A", "b")),
      { { 0, "a", "alice", APPENDED },
        { 0, "a", "bob", REPEATED },
        { 0, "b", "alice", SATISFIED } },
      "a b" },
    { "03 ex 40 two signals",
      NULL,
      COUNT(2, "signals", "\"A\""),
      { { 0, "x", "alice", APPENDED }, { 0, "x", "alice", SATISFIED } },
      "x x" },
    { "03 ex 41 two sources",
      NULL,
      COUNT(2, "sources", "\"A\""),
      { { 0, "x", "alice", APPENDED },
        { 0, "y", "alice", REPEATED },
        { 0, "z", "bob", SATISFIED } },
      "x z" },
    { "03 ex 42 matcher of a count",
      NULL,
      COUNT_OF(1, "signals", BY_NAME("approve"), "\"A\""),
      { { 0, "reject", "alice", "signal_ignored_matcher_failed" },
        { 0, "approve", "alice", SATISFIED } },
      "approve" },
    { "03 ex 43 three waitpoints",
      "[" FRESH("A") "," FRESH("B") "," FRESH("C") "]",
      ALL(SINGLE_OF("A", WILDCARD) "," SINGLE_OF("B", WILDCARD) "," SINGLE_OF("C", WILDCARD)),
      { { 2, "c", "alice", APPENDED },
        { 0, "a", "alice", APPENDED },
        { 0, "a2", "alice", REPEATED },
        { 1, "b", "alice", SATISFIED } },
      "c a b" },
    { "03 ex 44 any of two",
      "[" FRESH("A") "," FRESH("B") "]",
      COUNT(1, "waitpoints", "\"A\",\"B\""),
      { { 1, "b", "alice", SATISFIED } },
      "b" },
    { "03 ex 45 both counts",
      "[" FRESH("A") "," FRESH("B") "]",
      ALL(COUNT(1, "waitpoints", "\"A\"") "," COUNT(1, "waitpoints", "\"B\"")),
      { { 0, "a", "alice", APPENDED }, { 1, "b", "alice", SATISFIED } },
      "a b" },
    { "03 ex 46 a count inside",
      "[" FRESH("A") "," FRESH("B") "]",
      ALL(ALL(COUNT(2, "sources", "\"A\"")) "," SINGLE("B", "go")),
      { { 0, "x", "alice", APPENDED },
        { 0, "x", "bob", APPENDED },
        { 1, "go", "alice", SATISFIED } },
      "x x go" },
    { "03 ex 47 operator_only inside",
      NULL,
      ALL(OPERATOR_ONLY "," SINGLE("A", "go")),
      { { 0, "go", "alice", APPENDED }, { 0, "go", "alice", REPEATED } },
      NULL },
    { "a satisfied count takes more, each source once",
      "[" FRESH("A") "," FRESH("B") "]",
      ALL(COUNT(1, "sources", "\"A\"") "," SINGLE("B", "go")),
      { { 0, "x", "alice", APPENDED },
        { 0, "x", "bob", APPENDED },
        { 0, "x", "bob", REPEATED },
        { 1, "go", "alice", SATISFIED } },
      "x x go" },
};

static void
test_condition_row(void **state)
{
    const struct condition_row *row = *state;
    struct ff_suspend_result result;
    struct ff_rig *rig = NULL;

    wait_setup((void **) &rig);
    result = create_suspended(rig, 1, row->bindings, row->condition);
    for (size_t i = 0; i < FF_COUNT(row->acts) && row->acts[i].name != NULL; i++) {
        const struct act *act = &row->acts[i];
        struct target w = target_of(1, &result.details, act->at);

        assert_string_equal(deliver_from(rig, &w, act->name, act->source), act->effect);
    }
    if (row->observed == NULL) {
        assert_field(rig, 1, "public_state", "suspended");
        assert_ok(resume(rig, 1, 0));
    } else {
        assert_string_equal(observed(rig, claim_this(rig, 1).handle), row->observed);
    }
    for (uint32_t i = 0; i <= result.details.additional_waitpoints.n; i++) {
        struct target w = target_of(1, &result.details, i);

        assert_closed(rig, &w);
        assert_err(try_deliver(rig, &w, "late"), FF_E_WAITPOINT_CLOSED);
    }
    ff_rig_free(rig);
}

static void
test_pairs_of_source(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, COUNT(3, "sources", "\"A\""));
    struct target w = target_of(1, &result.details, 0);
    struct ff_deliver_signal_args args = signal_args(&w, "x", "alice");

    assert_string_equal(delivered_by(rig, &args), APPENDED);
    args.source_type = ff_cstr("system");
    assert_string_equal(delivered_by(rig, &args), APPENDED);
    args.source_type = ff_cstr("use"); /* user + alice = use + ralice */
    args.source_identity = ff_cstr("ralice");
    assert_string_equal(delivered_by(rig, &args), SATISFIED);
}

static void
test_one_id_on_two_waitpoints(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, "[" FRESH("A") "," FRESH("B") "]",
                                                       COUNT(2, "signals", "\"A\",\"B\""));
    struct target a = target_of(1, &result.details, 0), b = target_of(1, &result.details, 1);
    struct ff_deliver_signal_args args = signal_args(&a, "x", "alice");

    args.signal_id = FF_SOME(ff_opt_uuid, ((struct ff_uuid){ { 5 } }));
    assert_string_equal(delivered_by(rig, &args), APPENDED);
    args.waitpoint_id = b.waitpoint_id;
    args.waitpoint_token = b.token;
    assert_string_equal(delivered_by(rig, &args), REPEATED);
    args.signal_id.v.b[0] = 6;
    assert_string_equal(delivered_by(rig, &args), SATISFIED);
}

static void
test_a_later_episode_is_not_touched(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, SINGLE("A", "go"));
    struct target old = target_of(1, &result.details, 0), new;
    struct ff_claim_result claim;

    assert_string_equal(deliver(rig, &old, "go"), SATISFIED);
    claim = claim_this(rig, 1);
    result = suspended(rig, &claim, NULL, SINGLE("A", "go"));
    new = target_of(1, &result.details, 0);
    assert_err(try_deliver(rig, &old, "go"), FF_E_WAITPOINT_CLOSED);
    assert_field(rig, 1, "public_state", "suspended");
    assert_string_equal(deliver(rig, &new, "go"), SATISFIED);
    claim = claim_this(rig, 1);
    assert_int_equal(observe(rig, claim.handle).signals.n, 1);
}

/* ---- duplicates ---- */

static struct ff_deliver_signal_args
keyed(const struct target *target, const char *key)
{
    struct ff_deliver_signal_args args = signal_args(target, "x", "alice");

    args.idempotency_key = ff_cstr(key);
    return args;
}

static void
test_idempotency_key(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, "[" FRESH("A") "," FRESH("B") "]",
                                                       COUNT(9, "signals", "\"A\",\"B\""));
    struct target a = target_of(1, &result.details, 0), b = target_of(1, &result.details, 1);
    struct ff_deliver_signal_args args = keyed(&a, "once");
    struct ff_deliver_signal_result first, again;
    struct ff_event event;

    assert_ok(ff_rig_deliver_signal(rig, &args, &first));
    assert_ok(ff_rig_deliver_signal(rig, &args, &again));
    assert_string_equal(again.outcome, "duplicate");
    assert_true(ff_uuid_eq(again.existing_signal_id.v, first.signal_id.v));
    event = ff_rig_last_event(rig, FF_FAMILY_SIGNAL_DELIVERY);
    assert_str(event.effect, "deduped");
    assert_true(ff_uuid_eq(event.signal_id.v, first.signal_id.v));
    assert_field(rig, 1, "signal_count", "1");
    args = keyed(&b, "once");
    assert_string_equal(delivered_by(rig, &args), APPENDED);
}

static void
test_key_outlives_the_episode(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, SINGLE_OF("A", WILDCARD));
    struct target w = target_of(1, &result.details, 0);
    struct ff_deliver_signal_args args = keyed(&w, "once");
    struct ff_deliver_signal_result delivered;
    struct ff_claim_result claim;

    assert_string_equal(delivered_by(rig, &args), SATISFIED);
    assert_string_equal(delivered_by(rig, &args), "duplicate");
    rig->now_ms = T + 86399999;
    claim = claim_this(rig, 1);
    assert_string_equal(delivered_by(rig, &args), "duplicate");
    rig->now_ms = T + 86400000;
    assert_err(ff_rig_deliver_signal(rig, &args, &delivered), FF_E_WAITPOINT_CLOSED);
    rig->now_ms = T + 86399999 + TTL_MS - 1;
    assert_ok(complete(rig, &claim, ""));
    assert_err(ff_rig_deliver_signal(rig, &args, &delivered), FF_E_TARGET_NOT_SIGNALABLE);
}

static void
test_no_dedup(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, COUNT(9, "signals", "\"A\""));
    struct target w = target_of(1, &result.details, 0);
    struct ff_deliver_signal_args args = keyed(&w, "once");

    args.dedup_ttl_ms = 0;
    assert_string_equal(delivered_by(rig, &args), APPENDED);
    assert_string_equal(delivered_by(rig, &args), APPENDED);
    args = signal_args(&w, "x", "alice");
    args.signal_id = FF_SOME(ff_opt_uuid, ((struct ff_uuid){ { 5 } }));
    assert_string_equal(delivered_by(rig, &args), APPENDED);
    assert_string_equal(delivered_by(rig, &args), "duplicate");
}

/* ---- limits ---- */

static void
test_signals_of_an_execution(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, OPERATOR_ONLY);
    struct target w = target_of(1, &result.details, 0);
    struct ff_deliver_signal_args args = keyed(&w, "first");
    struct ff_deliver_signal_result delivered;

    args.max_signals_per_execution = FF_SOME(ff_opt_u64, 2);
    assert_string_equal(delivered_by(rig, &args), "no_op");
    args.idempotency_key = ff_cstr("second");
    assert_string_equal(delivered_by(rig, &args), "no_op");
    args.idempotency_key = ff_cstr("third");
    assert_err(ff_rig_deliver_signal(rig, &args, &delivered), FF_E_SIGNAL_LIMIT_EXCEEDED);
    args.idempotency_key = ff_cstr("first");
    assert_string_equal(delivered_by(rig, &args), "duplicate");
    args.idempotency_key = ff_cstr("third");
    args.max_signals_per_execution.v = 0;
    assert_string_equal(delivered_by(rig, &args), "no_op");
}

static void
test_signals_of_the_policy(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result;
    struct ff_claim_result claim;
    struct target w;

    create_with(rig, 1, "{\"max_signals_per_execution\":1}");
    claim = claim_this(rig, 1);
    result = suspended(rig, &claim, NULL, OPERATOR_ONLY);
    w = target_of(1, &result.details, 0);
    assert_string_equal(deliver(rig, &w, "x"), "no_op");
    assert_err(try_deliver(rig, &w, "x"), FF_E_SIGNAL_LIMIT_EXCEEDED);
}

static void
test_buffer_is_bounded(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct target early = pending(rig, &claim, "A");
    struct ff_deliver_signal_args args = signal_args(&early, "x", "alice");
    struct ff_deliver_signal_result delivered;

    args.signal_maxlen = 3;
    for (int i = 0; i < 3; i++) {
        assert_string_equal(delivered_by(rig, &args), BUFFERED);
    }
    assert_err(ff_rig_deliver_signal(rig, &args, &delivered), FF_E_SIGNAL_LIMIT_EXCEEDED);
}

static void
test_what_satisfies_is_not_trimmed(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result =
        create_suspended(rig, 1, NULL, ALL(SINGLE("A", "a") "," SINGLE("A", "b")));
    struct target w = target_of(1, &result.details, 0);
    struct ff_deliver_signal_args args = signal_args(&w, "a", "alice");
    struct ff_deliver_signal_args noise = signal_args(&w, "noise", "alice");

    args.signal_maxlen = noise.signal_maxlen = 2;
    noise.signal_id = FF_SOME(ff_opt_uuid, ((struct ff_uuid){ { 5 } }));
    assert_string_equal(delivered_by(rig, &noise), "signal_ignored_matcher_failed");
    assert_string_equal(delivered_by(rig, &args), APPENDED);
    assert_string_equal(delivered_by(rig, &noise), "duplicate");
    args.signal_name = ff_cstr("noise");
    assert_string_equal(delivered_by(rig, &args), "signal_ignored_matcher_failed");
    assert_string_equal(delivered_by(rig, &noise),
                        "signal_ignored_matcher_failed"); /* was trimmed */
    args.signal_name = ff_cstr("b");
    assert_string_equal(delivered_by(rig, &args), SATISFIED);
    assert_string_equal(observed(rig, claim_this(rig, 1).handle), "a b");
}

/* ---- payloads, and what is no target ---- */

static void
test_payload_size(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, OPERATOR_ONLY);
    struct target w = target_of(1, &result.details, 0);
    struct ff_deliver_signal_args args = signal_args(&w, "x", "alice");
    struct ff_deliver_signal_result delivered;

    args.payload = ff_str(ff_arena_zalloc(&rig->arena, 65537), 65537);
    assert_err(ff_rig_deliver_signal(rig, &args, &delivered), FF_E_PAYLOAD_TOO_LARGE);
    args.payload.n = 65536;
    assert_string_equal(delivered_by(rig, &args), "no_op");
}

static void
test_payloads(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, COUNT(3, "signals", "\"A\""));
    struct target w = target_of(1, &result.details, 0);
    struct ff_deliver_signal_args args = signal_args(&w, "x", "alice");
    struct ff_observe_signals_result seen;

    assert_string_equal(delivered_by(rig, &args), APPENDED);
    args.payload = ff_str("", 0);
    assert_string_equal(delivered_by(rig, &args), APPENDED);
    args.payload = ff_str("\xff\0\xfe", 3);
    args.correlation_id = ff_cstr("c-1");
    assert_string_equal(delivered_by(rig, &args), SATISFIED);
    seen = observe(rig, claim_this(rig, 1).handle);
    assert_int_equal(seen.signals.n, 3);
    assert_null(seen.signals.v[0].payload.p);
    assert_non_null(seen.signals.v[1].payload.p);
    assert_int_equal(seen.signals.v[1].payload.n, 0);
    assert_memory_equal(seen.signals.v[2].payload.p, "\xff\0\xfe", 3);
    assert_str(seen.signals.v[2].correlation_id, "c-1");
    assert_int_equal(seen.signals.v[2].accepted_at, T);
}

static void
test_no_target(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, SINGLE_OF("A", WILDCARD));
    struct target w = target_of(1, &result.details, 0), unknown = w;
    struct ff_claim_result claim;

    unknown.number = 9;
    assert_err(try_deliver(rig, &unknown, "x"), FF_E_EXECUTION_NOT_FOUND);
    assert_err(try_deliver(rig, &w, ""), FF_E_INVALID_INPUT);
    assert_string_equal(deliver(rig, &w, "x"), SATISFIED);
    assert_err(try_deliver(rig, &w, "x"), FF_E_WAITPOINT_CLOSED);
    claim = claim_this(rig, 1);
    assert_ok(complete(rig, &claim, ""));
    assert_err(try_deliver(rig, &w, "x"), FF_E_TARGET_NOT_SIGNALABLE);
}

static void
test_events(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, COUNT(2, "signals", "\"A\""));
    struct target w = target_of(1, &result.details, 0), forged = w;
    struct ff_event event;

    deliver_from(rig, &w, "x", "");
    event = ff_rig_last_event(rig, FF_FAMILY_SIGNAL_DELIVERY);
    assert_str(event.effect, "appended_to_waitpoint");
    assert_null(event.source_identity.p);
    assert_true(ff_uuid_eq(event.waitpoint_id.v, w.waitpoint_id));
    forged.token = ff_cstr("k1:00");
    assert_err(try_deliver(rig, &forged, "x"), FF_E_INVALID_TOKEN);
    deliver_from(rig, &w, "x", "bob");
    event = ff_rig_last_event(rig, FF_FAMILY_SIGNAL_DELIVERY);
    assert_str(event.effect, "satisfied");
    assert_str(event.source_identity, "bob");
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_SIGNAL_DELIVERY).n, 2);
}

/* ---- approvals ---- */

static struct ff_deliver_approval_signal_args
approval(const struct target *target, const char *name, const char *suffix, const char *by)
{
    return (struct ff_deliver_approval_signal_args){
        .execution_id = ff_rig_id(target->number),
        .lane_id = ff_cstr("L"),
        .waitpoint_id = target->waitpoint_id,
        .signal_name = ff_cstr(name),
        .idempotency_suffix = ff_cstr(suffix),
        .dedup_ttl_ms = 86400000,
        .signal_maxlen = 1000,
        .decided_by = ff_cstr(by),
    };
}

static const char *
approve(struct ff_rig *rig, const struct target *target, const char *name, const char *suffix,
        const char *by)
{
    const struct ff_deliver_approval_signal_args args = approval(target, name, suffix, by);
    struct ff_deliver_approval_signal_result result;

    assert_ok(ff_rig_deliver_approval_signal(rig, &args, &result));
    return result.effect.is ? ff_word(&ff_vocab_signal_effect, result.effect.v) : result.outcome;
}

static void
test_approval(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, SINGLE("A", "approved"));
    struct target w = target_of(1, &result.details, 0);
    struct ff_observe_signals_result seen;

    assert_string_equal(approve(rig, &w, "rejected", "1", ""), "no_op");
    assert_string_equal(approve(rig, &w, "approved", "1", "alice"), SATISFIED);
    seen = observe(rig, claim_this(rig, 1).handle);
    assert_str(seen.signals.v[0].signal_category, "approval");
    assert_str(seen.signals.v[0].source_type, "operator");
    assert_str(seen.signals.v[0].source_identity, "alice");
    result = create_suspended(rig, 2, NULL, SINGLE_OF("A", WILDCARD));
    w = target_of(2, &result.details, 0);
    assert_string_equal(approve(rig, &w, "rejected", "1", ""), SATISFIED);
}

static void
test_approval_twice(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, COUNT(2, "signals", "\"A\""));
    struct target w = target_of(1, &result.details, 0);

    assert_string_equal(approve(rig, &w, "approved", "1", ""), APPENDED);
    assert_string_equal(approve(rig, &w, "approved", "1", ""), "duplicate");
    assert_string_equal(approve(rig, &w, "rejected", "1", ""), SATISFIED);
    assert_string_equal(approve(rig, &w, "approved", "1", ""), "duplicate");
}

static void
test_approval_errors(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result suspension = create_suspended(rig, 1, NULL, SINGLE("A", "approved"));
    struct target w = target_of(1, &suspension.details, 0);
    struct ff_deliver_approval_signal_args args = approval(&w, "approved", "1", "");
    struct ff_deliver_approval_signal_result result;

    args.lane_id = ff_cstr("M");
    assert_err(ff_rig_deliver_approval_signal(rig, &args, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "lane_mismatch");
    args = approval(&w, "approved", "1", "");
    args.waitpoint_id.b[0] ^= 1;
    assert_err(ff_rig_deliver_approval_signal(rig, &args, &result), FF_E_WAITPOINT_NOT_FOUND);
    args = approval(&w, "approved", "1", "");
    args.execution_id = ff_rig_id(9);
    assert_err(ff_rig_deliver_approval_signal(rig, &args, &result), FF_E_EXECUTION_NOT_FOUND);
    assert_string_equal(approve(rig, &w, "approved", "1", ""), SATISFIED);
    args = approval(&w, "approved", "2", "");
    assert_err(ff_rig_deliver_approval_signal(rig, &args, &result), FF_E_WAITPOINT_CLOSED);
}

static void
test_deciders(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, COUNT(2, "sources", "\"A\""));
    struct target w = target_of(1, &result.details, 0);

    assert_string_equal(approve(rig, &w, "approved", "1", ""), APPENDED);
    assert_string_equal(approve(rig, &w, "approved", "2", ""), REPEATED);
    assert_string_equal(approve(rig, &w, "approved", "3", "bob"), SATISFIED);
    claim_this(rig, 1);
    result = create_suspended(rig, 2, NULL, COUNT(2, "sources", "\"A\""));
    w = target_of(2, &result.details, 0);
    assert_string_equal(approve(rig, &w, "approved", "1", "alice"), APPENDED);
    assert_string_equal(approve(rig, &w, "approved", "2", "bob"), SATISFIED);
}

static void
test_approval_of_a_pending_one(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct target early = pending(rig, &claim, "A");

    rotated(rig, "k2", SECRET_2, "1000");
    rig->now_ms = T + 1001;
    assert_err(try_deliver(rig, &early, "approved"), FF_E_TOKEN_EXPIRED);
    assert_string_equal(approve(rig, &early, "approved", "1", ""), BUFFERED);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(condition_rows, test_condition_row) };
    static const struct CMUnitTest singles[] = {
        WAIT_TEST("03 ex 41 sources are pairs", test_pairs_of_source),
        WAIT_TEST("03 §3.1 one id on two waitpoints", test_one_id_on_two_waitpoints),
        WAIT_TEST("03 §6 a later episode is not touched", test_a_later_episode_is_not_touched),
        WAIT_TEST("03 ex 48, 06 ex 46 idempotency key", test_idempotency_key),
        WAIT_TEST("03 ex 49 a key outlives the episode", test_key_outlives_the_episode),
        WAIT_TEST("03 ex 50 no dedup", test_no_dedup),
        WAIT_TEST("03 ex 51 signals of an execution", test_signals_of_an_execution),
        WAIT_TEST("01 §5.1 signals of the policy", test_signals_of_the_policy),
        WAIT_TEST("03 ex 52 a bounded buffer", test_buffer_is_bounded),
        WAIT_TEST("03 §6 what satisfies is not trimmed", test_what_satisfies_is_not_trimmed),
        WAIT_TEST("03 ex 53 size of a payload", test_payload_size),
        WAIT_TEST("03 ex 53 payloads", test_payloads),
        WAIT_TEST("03 ex 54, 55 no target", test_no_target),
        WAIT_TEST("06 ex 46 events", test_events),
        WAIT_TEST("03 ex 80 approval", test_approval),
        WAIT_TEST("03 ex 81 approval twice", test_approval_twice),
        WAIT_TEST("03 ex 82 errors of approvals", test_approval_errors),
        WAIT_TEST("03 ex 83 deciders", test_deciders),
        WAIT_TEST("03 ex 84 approval of a pending one", test_approval_of_a_pending_one),
    };

    return ff_rig_main("signal", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
