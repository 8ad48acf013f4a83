/* suspend, suspend_by_triple, resume: examples 1 to 26 of 03; 20, 21, 37 of 01. */

#include "tests/engine/wait_signal.h"

#define RUNNABLE "runnable unowned eligible_now waiting_for_worker none attempt_interrupted waiting"

/* ---- suspend and resume ---- */

static void
test_suspend_and_signal(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(1);
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_deliver_signal_args args;
    struct ff_suspend_result result;
    struct ff_claim_result again;
    struct ff_observe_signals_result seen;
    struct target w;

    result = suspended(rig, &claim, "[" FRESH("A") "]", SINGLE("A", "go"));
    w = target_of(1, &result.details, 0);
    assert_string_equal(vector(rig, 1), "suspended unowned not_applicable waiting_for_approval "
                                        "none attempt_interrupted suspended");
    assert_int_equal(w.token.n, 3 + 64);
    assert_memory_equal(w.token.p, "k1:", 3);
    assert_str(result.details.waitpoint_key, "A");
    assert_true(ff_uuid_eq(describe(rig, 1).current_waitpoint.v, w.waitpoint_id));
    assert_null(describe(rig, 1).current_lease);
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_LEASE_HISTORY, "revoked", &id), 1);
    assert_str(ff_rig_last_event(rig, FF_FAMILY_LEASE_HISTORY).reason, "suspended");
    assert_str(result.handle->kind, "suspended");

    args = signal_args(&w, "go", "alice"); /* example 2 */
    args.payload = ff_str("\xff\0\xfe", 3);
    assert_string_equal(delivered_by(rig, &args), SATISFIED);
    assert_string_equal(vector(rig, 1), RUNNABLE);
    assert_false(describe(rig, 1).current_waitpoint.is);
    again = claim_this(rig, 1);
    assert_int_equal(again.attempt_index.v, 0);
    assert_true(ff_uuid_eq(again.attempt_id.v, claim.attempt_id.v));
    assert_int_equal(again.lease_epoch.v, 2);
    assert_str(again.handle->kind, "resumed");
    seen = observe(rig, again.handle);
    assert_int_equal(seen.signals.n, 1);
    assert_str(seen.signals.v[0].signal_name, "go");
    assert_int_equal(seen.signals.v[0].payload.n, 3);
    assert_memory_equal(seen.signals.v[0].payload.p, "\xff\0\xfe", 3);
    assert_true(ff_uuid_eq(seen.suspension_id.v, result.details.suspension_id));
    assert_ok(complete(rig, &again, ""));
}

static void
test_another_name_does_nothing(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, SINGLE("A", "go"));
    struct target w = target_of(1, &result.details, 0);
    struct ff_claim_result claim;

    assert_string_equal(deliver(rig, &w, "stop"), "no_op");
    assert_field(rig, 1, "public_state", "suspended");
    assert_string_equal(deliver(rig, &w, "Go"), "no_op"); /* example 4 */
    assert_string_equal(deliver(rig, &w, "go"), SATISFIED);
    claim = claim_this(rig, 1);
    assert_string_equal(observed(rig, claim.handle), "go");
}

static void
test_wildcard(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, SINGLE_OF("A", WILDCARD));
    struct target w = target_of(1, &result.details, 0);

    assert_string_equal(deliver(rig, &w, "anything"), SATISFIED);
}

static struct target
suspend_with_delay(struct ff_rig *rig, uint8_t number)
{
    const struct ff_claim_result claim = create_and_claim(rig, number);
    struct ff_suspend_args args = suspend_args(rig, &claim, NULL, SINGLE("A", "go"));
    struct ff_resume_policy policy = { .resume_delay_ms = FF_SOME(ff_opt_u64, 5000) };
    struct ff_suspend_result result;

    args.resume_policy = &policy;
    result = suspended_by(rig, &args);
    return target_of(number, &result.details, 0);
}

static void
test_resume_delay(void **state)
{
    struct ff_rig *rig = *state;
    struct target w = suspend_with_delay(rig, 1);
    struct ff_deliver_signal_args args;

    assert_string_equal(deliver(rig, &w, "go"), SATISFIED);
    assert_field(rig, 1, "public_state", "delayed");
    assert_field(rig, 1, "blocking_reason", "waiting_for_resume_delay");
    rig->now_ms = T + 4999;
    assert_claims_nothing(rig);
    rig->now_ms = T + 5000;
    promote(rig, 1);
    claim_this(rig, 1);

    w = suspend_with_delay(rig, 2);
    args = signal_args(&w, "go", "alice");
    args.resume_delay_ms = FF_SOME(ff_opt_u64, 0);
    assert_string_equal(delivered_by(rig, &args), SATISFIED);
    assert_field(rig, 2, "public_state", "waiting");
    claim_this(rig, 2);

    w = suspend_with_delay(rig, 3);
    args = signal_args(&w, "go", "alice");
    args.resume_delay_ms = FF_SOME(ff_opt_u64, 2000);
    assert_string_equal(delivered_by(rig, &args), SATISFIED);
    assert_field(rig, 3, "delay_until", "1007000");
}

static void
test_operator_only(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, OPERATOR_ONLY);
    struct target w = target_of(1, &result.details, 0);
    struct ff_claim_result claim;

    assert_string_equal(deliver(rig, &w, "x"), "no_op");
    assert_string_equal(deliver(rig, &w, "__operator_only__"), "no_op");
    assert_ok(resume(rig, 1, 0));
    assert_string_equal(vector(rig, 1), RUNNABLE);
    assert_err(resume(rig, 1, 0), FF_E_EXECUTION_NOT_SUSPENDED);
    claim = claim_this(rig, 1);
    assert_string_equal(observed(rig, claim.handle), "");
    assert_true(observe(rig, claim.handle).suspension_id.is);
}

static void
test_resume_by_hand(void **state)
{
    struct ff_rig *rig = *state;

    create_suspended(rig, 1, NULL, SINGLE("A", "go"));
    assert_ok(resume(rig, 1, 5000));
    assert_field(rig, 1, "public_state", "delayed");
    assert_err(resume(rig, 9, 0), FF_E_EXECUTION_NOT_FOUND);
    create_and_claim(rig, 2);
    assert_err(resume(rig, 2, 0), FF_E_EXECUTION_NOT_SUSPENDED);
}

static const struct reason_row {
    const char *name;
    enum ff_suspend_reason reason;
    const char *blocking;
} reason_rows[] = {
    { "03 ex 8 waiting_for_signal", FF_SUSPEND_SIGNAL, "waiting_for_signal" },
    { "03 ex 8 waiting_for_approval", FF_SUSPEND_APPROVAL, "waiting_for_approval" },
    { "03 ex 8 waiting_for_callback", FF_SUSPEND_CALLBACK, "waiting_for_callback" },
    { "03 ex 8 waiting_for_tool_result", FF_SUSPEND_TOOL_RESULT, "waiting_for_tool_result" },
    { "03 ex 8 operator review", FF_SUSPEND_OPERATOR_REVIEW, "paused_by_operator" },
    { "03 ex 8 paused_by_policy", FF_SUSPEND_POLICY, "paused_by_policy" },
    { "03 ex 8, 01 ex 20 paused_by_budget", FF_SUSPEND_BUDGET, "waiting_for_budget" },
    { "03 ex 8, 01 ex 20 step_boundary", FF_SUSPEND_STEP_BOUNDARY, "waiting_for_signal" },
    { "03 ex 8, 01 ex 20 manual_pause", FF_SUSPEND_MANUAL_PAUSE, "paused_by_operator" },
};

static void
test_reason_row(void **state)
{
    const struct reason_row *row = *state;
    struct ff_claim_result claim;
    struct ff_suspend_args args;
    struct ff_rig *rig = NULL;

    wait_setup((void **) &rig);
    claim = create_and_claim(rig, 1);
    args = suspend_args(rig, &claim, NULL, OPERATOR_ONLY);
    args.reason_code = row->reason;
    suspended_by(rig, &args);
    assert_field(rig, 1, "blocking_reason", row->blocking);
    assert_field(rig, 1, "public_state", "suspended");
    ff_rig_free(rig);
}

static void
test_default_binding(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, SINGLE("A", "go"));
    char id[FF_UUID_TEXT_MAX];

    assert_str(result.details.waitpoint_key, "A");
    assert_int_equal(result.details.additional_waitpoints.n, 0);
    result = create_suspended(rig, 2, NULL, OPERATOR_ONLY);
    ff_uuid_text(&result.details.waitpoint_id, id);
    assert_str(result.details.waitpoint_key, ff_arena_printf(&rig->arena, "wpk:%s", id).p);
}

static void
test_suspension_id(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_suspend_args args = suspend_args(rig, &claim, NULL, OPERATOR_ONLY);
    struct ff_suspend_result result = create_suspended(rig, 2, NULL, OPERATOR_ONLY);

    assert_false(ff_uuid_eq(result.details.suspension_id, (struct ff_uuid){ { 0 } }));
    args.suspension_id = FF_SOME(ff_opt_uuid, ((struct ff_uuid){ { 7, 7 } }));
    result = suspended_by(rig, &args);
    assert_true(ff_uuid_eq(result.details.suspension_id, args.suspension_id.v));
}

/* ---- errors of the arguments: they come even with garbage instead of a handle ---- */

#define DEPTH_2(node) ALL(ALL(node))
#define DEPTH_4(leaf) DEPTH_2(DEPTH_2(leaf))
#define FRESH_AB FRESH("A") "," FRESH("B")

static const struct bad_row {
    const char *name;
    const char *bindings, *condition;
    const char *reason, *path; /* path: of the node; NULL: none */
} bad_rows[] = {
    { "03 ex 11 no bindings", "[]", SINGLE("A", "x"), "waitpoints_empty", NULL },
    { "03 ex 11 key mismatch", "[" FRESH("A") "]", SINGLE("B", "x"), "waitpoint_key_mismatch",
      NULL },
    { "03 ex 11 key without binding", "[" FRESH("A") "]",
      ALL(SINGLE("A", "x") "," SINGLE("B", "x")), "referenced_waitpoint_key_missing_binding",
      NULL },
    { "03 ex 11 binding without use", "[" FRESH_AB "]", ALL(SINGLE("A", "x")),
      "extra_binding_not_referenced_by_condition", NULL },
    { "03 ex 11 key twice", "[" FRESH("A") "," FRESH("A") "]", SINGLE("A", "x"),
      "duplicate_waitpoint_key", NULL },
    { "03 ex 11 operator_only with two", "[" FRESH_AB "]", OPERATOR_ONLY,
      "extra_binding_not_referenced_by_condition", NULL },
    { "empty key", "[{\"kind\":\"fresh\",\"waitpoint_key\":\"\"}]", SINGLE("A", "x"),
      "waitpoint_binding_empty_key", NULL },
    { "unknown binding", "[{\"kind\":\"stale\"}]", SINGLE("A", "x"), "unknown_value", NULL },
    { "use_pending without id", "[{\"kind\":\"use_pending\"}]", SINGLE("A", "x"), "missing", NULL },
    { "bindings that are no list", "{}", SINGLE("A", "x"), "wrong_type", NULL },
    { "03 ex 12 timeout_only", NULL, TIMEOUT_ONLY, "timeout_only_without_deadline", NULL },
    { "03 ex 12 nested", NULL, ALL(TIMEOUT_ONLY "," SINGLE("A", "x")),
      "timeout_only_without_deadline", NULL },
    { "03 ex 14 empty name", NULL, SINGLE("A", ""), "empty_signal_name", "<root>" },
    { "03 ex 14 in a count", NULL, ALL(COUNT_OF(1, "signals", BY_NAME(""), "\"A\"")),
      "empty_signal_name", "members[0]" },
    { "03 ex 15 depth 5", NULL, DEPTH_4(ALL(SINGLE("A", "x"))), "condition_depth_exceeded",
      "members[0].members[0].members[0].members[0]" },
    { "03 ex 15 empty all_of", NULL, ALL(ALL("")), "allof_empty_members", "members[0]" },
    { "03 ex 15 n 0", NULL, COUNT(0, "signals", "\"A\""), "count_n_zero", "<root>" },
    { "03 ex 15 no waitpoints", NULL, COUNT(1, "signals", ""), "count_waitpoints_empty", "<root>" },
    { "03 ex 15 more than listed", NULL, COUNT(3, "waitpoints", "\"A\",\"B\""),
      "count_exceeds_waitpoint_set", "<root>" },
    { "03 ex 15 more than distinct", NULL, COUNT(2, "waitpoints", "\"A\",\"A\""),
      "count_exceeds_waitpoint_set", "<root>" },
    { "n 1001", NULL, COUNT(1001, "sources", "\"A\""), "count_n_too_large", "<root>" },
    { "unknown node", NULL, "{\"kind\":\"any_of\"}", "unknown_value", NULL },
    { "a node that is no map", NULL, ALL("7"), "wrong_type", NULL },
    { "a member too many", NULL, "{\"kind\":\"operator_only\",\"n\":1}", "unknown_field", NULL },
    { "no kind", NULL, ALL("{}"), "missing", NULL },
};

static void
test_bad_row(void **state)
{
    static const struct ff_claim_result no_claim;
    const struct bad_row *row = *state;
    struct ff_handle garbage = { .backend = ff_cstr("nobody"),
                                 .kind = ff_cstr("odd"),
                                 .opaque = ff_cstr("?") };
    struct ff_claim_result claim = no_claim;
    struct ff_rig *rig = NULL;

    wait_setup((void **) &rig);
    claim.handle = &garbage;
    assert_err(try_suspend(rig, &claim, row->bindings, row->condition), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", row->reason);
    assert_detail(rig, "path", row->path == NULL ? "" : row->path);
    claim = create_and_claim(rig, 1); /* and with a good one nothing has happened */
    assert_err(try_suspend(rig, &claim, row->bindings, row->condition), FF_E_INVALID_INPUT);
    assert_field(rig, 1, "public_state", "active");
    ff_rig_free(rig);
}

static void
test_sizes(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_str list = ff_cstr(""), keys = ff_cstr("");

    for (int i = 0; i < 129; i++) {
        list = ff_arena_printf(&rig->arena, "%s%s{\"kind\":\"fresh\",\"waitpoint_key\":\"%d\"}",
                               list.p, i == 0 ? "" : ",", i);
    }
    assert_err(
        try_suspend(rig, &claim, ff_arena_printf(&rig->arena, "[%s]", list.p).p, OPERATOR_ONLY),
        FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "too_many_waitpoints");
    for (int i = 0; i < 900; i++) {
        keys = ff_arena_printf(&rig->arena, "%s%s\"key-%05d\"", keys.p, i == 0 ? "" : ",", i);
    }
    assert_err(try_suspend(rig, &claim, NULL,
                           ff_arena_printf(&rig->arena,
                                           "{\"kind\":\"count\",\"n\":1,\"count_kind\":"
                                           "\"distinct_signals\",\"waitpoints\":[%s]}",
                                           keys.p)
                               .p),
               FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "condition_size_exceeded");
}

static const struct good_row {
    const char *name;
    const char *bindings, *condition;
} good_rows[] = {
    { "03 ex 15 depth 4", NULL, DEPTH_4(SINGLE("A", "x")) },
    { "03 ex 15 three signals on two", "[" FRESH_AB "]", COUNT(3, "signals", "\"A\",\"B\"") },
    { "n 1000", NULL, COUNT(1000, "sources", "\"A\"") },
};

static void
test_good_row(void **state)
{
    const struct good_row *row = *state;
    struct ff_rig *rig = NULL;

    wait_setup((void **) &rig);
    create_suspended(rig, 1, row->bindings, row->condition);
    ff_rig_free(rig);
}

static void
test_timeout_in_the_past(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_suspend_args args = suspend_args(rig, &claim, NULL, OPERATOR_ONLY);
    struct ff_suspend_result result;

    args.timeout_at = FF_SOME(ff_opt_i64, T - 600001);
    assert_err(ff_rig_suspend(rig, &args, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "timeout_at_in_past");
    args.timeout_at.v = T - 600000;
    suspended_by(rig, &args);
    assert_string_equal(time_out(rig, 1).outcome, "expired");
}

static void
test_timeout_behavior_words(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_suspend_args args = suspend_args(rig, &claim, NULL, OPERATOR_ONLY);
    struct ff_suspend_result result;

    args.timeout_at = FF_SOME(ff_opt_i64, T + 1);
    args.timeout_behavior = ff_cstr("explode");
    assert_err(ff_rig_suspend(rig, &args, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "unknown_value");
    args.timeout_behavior = ff_cstr("auto_resume");
    suspended_by(rig, &args);
    rig->now_ms = T + 1;
    assert_int_equal(time_out(rig, 1).behavior_applied.v, FF_ONTIME_AUTO_RESUME);
}

/* ---- errors of the state ---- */

static void
test_suspended_handle(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_suspend_args args = suspend_args(rig, &claim, NULL, OPERATOR_ONLY);
    struct ff_suspend_result result;

    args.idempotency_key = ff_cstr("r1");
    result = suspended_by(rig, &args);
    args.handle = *result.handle;
    assert_err(ff_rig_suspend(rig, &args, &result), FF_E_ALREADY_SUSPENDED);
}

static void
test_suspend_again(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result first = create_and_claim(rig, 1);
    struct ff_suspend_result result = suspended(rig, &first, NULL, SINGLE("A", "go"));
    char id[FF_UUID_TEXT_MAX];
    struct ff_claim_result claim;

    ff_uuid_text(&result.details.suspension_id, id);
    assert_err(try_suspend(rig, &first, NULL, OPERATOR_ONLY), FF_E_ALREADY_SUSPENDED);
    assert_detail(rig, "suspension_id", id);
    assert_ok(resume(rig, 1, 0));
    claim = claim_this(rig, 1);
    suspended(rig, &claim, NULL, OPERATOR_ONLY);
    assert_err(try_suspend(rig, &first, NULL, OPERATOR_ONLY), FF_E_EXECUTION_NOT_ACTIVE);
    assert_detail(rig, "lifecycle_phase", "suspended");
    assert_ok(resume(rig, 1, 0));
    claim = claim_this(rig, 1);
    assert_ok(complete(rig, &claim, ""));
    assert_err(try_suspend(rig, &claim, NULL, OPERATOR_ONLY), FF_E_EXECUTION_NOT_ACTIVE);
    assert_detail(rig, "terminal_outcome", "success");
}

static void
test_lost_leases(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct ff_claim_result other = create_and_claim(rig, 2);
    struct ff_revoke_lease_args revoke = { .execution_id = ff_rig_id(2),
                                           .reason = ff_cstr("because") };
    struct ff_revoke_lease_result revoked;

    rig->now_ms = T + TTL_MS;
    assert_err(try_suspend(rig, &claim, NULL, OPERATOR_ONLY), FF_E_LEASE_EXPIRED);
    assert_field(rig, 1, "ownership_state", "lease_expired_reclaimable");
    rig->now_ms = T;
    assert_ok(ff_rig_revoke_lease(rig, &revoke, &revoked));
    assert_err(try_suspend(rig, &other, NULL, OPERATOR_ONLY), FF_E_LEASE_REVOKED);
}

static ff_err
by_triple(struct ff_rig *rig, uint8_t number, const struct ff_fence *fence,
          struct ff_suspend_by_triple_result *result)
{
    const struct ff_suspend_by_triple_args args = {
        .execution_id = ff_rig_id(number),
        .fence = (struct ff_fence *) (uintptr_t) fence,
        .resume_condition = ff_rig_any(rig, SINGLE("A", "go")),
        .reason_code = FF_SUSPEND_SIGNAL,
        .timeout_behavior = ff_cstr("fail"),
    };

    return ff_rig_suspend_by_triple(rig, &args, result);
}

static void
test_by_triple(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct ff_fence right = fence_of(&claim);
    struct ff_suspend_by_triple_result result;
    struct ff_fence fence = right;
    struct target w;

    fence.lease_epoch.v = 2;
    assert_err(by_triple(rig, 1, &fence, &result), FF_E_STALE_LEASE);
    fence = right;
    fence.lease_id.v.b[0] ^= 1;
    assert_err(by_triple(rig, 1, &fence, &result), FF_E_STALE_LEASE);
    fence = right;
    fence.attempt_id.v.b[0] ^= 1;
    assert_err(by_triple(rig, 1, &fence, &result), FF_E_STALE_LEASE);
    assert_err(by_triple(rig, 1, NULL, &result), FF_E_FENCE_REQUIRED);
    fence = right;
    fence.attempt_id.is = false;
    assert_err(by_triple(rig, 1, &fence, &result), FF_E_PARTIAL_FENCE_TRIPLE);
    assert_err(by_triple(rig, 9, &right, &result), FF_E_EXECUTION_NOT_FOUND);
    assert_ok(by_triple(rig, 1, &right, &result));
    assert_string_equal(result.outcome, "suspended");
    w = target_of(1, &result.details, 0);
    assert_string_equal(deliver(rig, &w, "go"), SATISFIED);
}

static void
test_waitpoint_id_taken(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, OPERATOR_ONLY);
    const struct ff_claim_result claim = create_and_claim(rig, 2);
    char id[FF_UUID_TEXT_MAX];
    const char *bindings = NULL;

    ff_uuid_text(&result.details.waitpoint_id, id);
    bindings = ff_arena_printf(
                   &rig->arena,
                   "[{\"kind\":\"fresh\",\"waitpoint_id\":\"%s\",\"waitpoint_key\":\"A\"}]", id)
                   .p;
    assert_err(try_suspend(rig, &claim, bindings, SINGLE("A", "x")), FF_E_WAITPOINT_ALREADY_EXISTS);
    assert_ok(resume(rig, 1, 0)); /* closed ones count as well */
    assert_err(try_suspend(rig, &claim, bindings, SINGLE("A", "x")), FF_E_WAITPOINT_ALREADY_EXISTS);
}

static void
test_no_key_installed(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_renew_result renewed;

    assert_err(try_suspend(rig, &claim, NULL, OPERATOR_ONLY), FF_E_HMAC_SECRET_NOT_INITIALIZED);
    assert_field(rig, 1, "public_state", "active");
    assert_ok(renew(rig, &claim, &renewed));
}

/* ---- idempotency ---- */

static void
test_replay(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct ff_claim_result other = create_and_claim(rig, 2);
    struct ff_suspend_args args =
        suspend_args(rig, &claim, "[" FRESH_AB "]", COUNT(1, "waitpoints", "\"A\",\"B\""));
    struct ff_suspend_result first, again;

    args.idempotency_key = ff_cstr("r1");
    first = suspended_by(rig, &args);
    args = suspend_args(rig, &claim, NULL, SINGLE("C", "x"));
    args.suspension_id = FF_SOME(ff_opt_uuid, ((struct ff_uuid){ { 9 } }));
    args.idempotency_key = ff_cstr("r1");
    again = suspended_by(rig, &args);
    assert_true(ff_uuid_eq(again.details.suspension_id, first.details.suspension_id));
    assert_true(ff_uuid_eq(again.details.waitpoint_id, first.details.waitpoint_id));
    assert_true(ff_str_eq(again.details.waitpoint_token, first.details.waitpoint_token));
    assert_true(ff_str_eq(again.details.additional_waitpoints.v[0].waitpoint_token,
                          first.details.additional_waitpoints.v[0].waitpoint_token));
    assert_true(ff_str_eq(again.handle->opaque, first.handle->opaque));
    assert_int_equal(open_of(rig, 1, 10).entries.n, 2);

    args = suspend_args(rig, &other, NULL, OPERATOR_ONLY); /* example 23 */
    args.idempotency_key = ff_cstr("r1");
    again = suspended_by(rig, &args);
    assert_false(ff_uuid_eq(again.details.suspension_id, first.details.suspension_id));
    args = suspend_args(rig, &claim, NULL, OPERATOR_ONLY);
    args.idempotency_key = ff_cstr("r2");
    assert_err(ff_rig_suspend(rig, &args, &again), FF_E_ALREADY_SUSPENDED);
}

static const struct life_row {
    const char *name;
    int64_t timeout_at; /* 0: none */
    int64_t last_hit;
} life_rows[] = {
    { "03 ex 24 life by the time-out", T + 10000, T + 69999 },
    { "03 ex 24 life without time-out", 0, T + 604799999 },
    { "03 ex 24 a far time-out", T + 30LL * 86400000, T + 604799999 },
};

static void
test_life_row(void **state)
{
    const struct life_row *row = *state;
    struct ff_claim_result claim;
    struct ff_suspend_result result;
    struct ff_suspend_args args;
    struct ff_rig *rig = NULL;

    wait_setup((void **) &rig);
    claim = create_and_claim(rig, 1);
    args = suspend_args(rig, &claim, NULL, OPERATOR_ONLY);
    args.idempotency_key = ff_cstr("r1");
    args.timeout_at = (struct ff_opt_i64){ row->timeout_at, row->timeout_at != 0 };
    suspended_by(rig, &args);
    args.timeout_at.is = false;
    rig->now_ms = row->last_hit;
    suspended_by(rig, &args);
    rig->now_ms = row->last_hit + 1;
    assert_err(ff_rig_suspend(rig, &args, &result), FF_E_ALREADY_SUSPENDED);
    ff_rig_free(rig);
}

static void
test_epochs_and_attempts(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim, resumed;
    struct ff_suspend_args args;
    struct ff_fail_result failed;

    create_with(rig, 1, "{\"retry_policy\":{\"backoff\":{\"type\":\"fixed\",\"delay_ms\":0}}}");
    assert_field(rig, 1, "current_lease_epoch", "0");
    claim = claim_this(rig, 1);
    assert_int_equal(claim.lease_epoch.v, 1);
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed));
    assert_string_equal(promote(rig, 1), "promoted");
    claim = claim_this(rig, 1);
    assert_int_equal(claim.lease_epoch.v, 2);
    assert_int_equal(claim.attempt_index.v, 1);
    args = suspend_args(rig, &claim, NULL, OPERATOR_ONLY);
    suspended_by(rig, &args);
    assert_ok(resume(rig, 1, 0));
    resumed = claim_this(rig, 1);
    assert_int_equal(resumed.lease_epoch.v, 3);
    assert_int_equal(resumed.attempt_index.v, 1);
    assert_true(ff_uuid_eq(resumed.attempt_id.v, claim.attempt_id.v));
}

static void
test_what_is_not_kept(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_suspend_args args = suspend_args(rig, &claim, NULL, OPERATOR_ONLY);
    struct ff_suspend_result result;

    args.idempotency_key = ff_cstr("");
    suspended_by(rig, &args);
    assert_err(ff_rig_suspend(rig, &args, &result), FF_E_ALREADY_SUSPENDED);
    assert_ok(resume(rig, 1, 0));
    args.idempotency_key = ff_cstr("r1");
    args.handle = *claim.handle; /* of a lease that is gone */
    claim = claim_this(rig, 1);
    assert_err(ff_rig_suspend(rig, &args, &result), FF_E_STALE_LEASE);
    args.handle = *claim.handle;
    suspended_by(rig, &args);
}

static void
test_replay_of_already_satisfied(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct target early = pending(rig, &claim, "A");
    struct ff_suspend_args args =
        suspend_args(rig, &claim, use_pending(rig, &early), SINGLE("A", "go"));
    struct ff_suspend_result result;

    args.idempotency_key = ff_cstr("r1");
    deliver(rig, &early, "go");
    for (int i = 0; i < 2; i++) {
        assert_ok(ff_rig_suspend(rig, &args, &result));
        assert_string_equal(result.outcome, "already_satisfied");
        assert_null(result.handle);
        assert_true(ff_str_eq(result.details.waitpoint_token, early.token));
    }
}

/* ---- of 01 ---- */

static void
test_fresh_claim_of_a_resumed_one(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, SINGLE("A", "go"));
    struct target w = target_of(1, &result.details, 0);
    struct ff_claim_execution_result fresh;
    struct ff_claim_resumed_execution_result resumed;

    assert_string_equal(deliver(rig, &w, "go"), SATISFIED);
    assert_string_equal(vector(rig, 1), RUNNABLE);
    granted(rig, 1);
    assert_err(claim_granted_as(rig, 1, "w", &fresh), FF_E_USE_CLAIM_RESUMED_EXECUTION);
    assert_ok(claim_resumed_granted(rig, 1, &resumed));
    assert_int_equal(resumed.lease_epoch, 2);
}

static void
test_attempt_timeout_stands_still(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;

    create_with(rig, 1, "{\"timeout_policy\":{\"attempt_timeout_ms\":10000}}");
    claim = claim_this(rig, 1);
    assert_field(rig, 1, "attempt_timeout_at", "1010000");
    rig->now_ms = T + 4000;
    suspended(rig, &claim, NULL, SINGLE("A", "go"));
    assert_int_equal(describe_attempt(rig, 1, 0).timeout_remaining_ms.v, 6000);
    assert_field(rig, 1, "attempt_timeout_at", "");
    assert_ok(resume(rig, 1, 0));
    rig->now_ms = T + 100000;
    claim_this(rig, 1);
    assert_field(rig, 1, "attempt_timeout_at", "1106000");
}

static void
test_default_timeout_of_the_policy(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;

    create_with(rig, 1,
                "{\"suspension_policy\":{\"default_timeout_ms\":5000,"
                "\"timeout_behavior\":\"cancel\"}}");
    claim = claim_this(rig, 1);
    suspended(rig, &claim, NULL, SINGLE("A", "go"));
    rig->now_ms = T + 4999;
    assert_string_equal(time_out(rig, 1).outcome, "not_yet_due");
    rig->now_ms = T + 5000;
    assert_int_equal(time_out(rig, 1).behavior_applied.v, FF_ONTIME_CANCEL);
}

int
main(void)
{
    static const struct ff_rows tables[] = {
        FF_ROWS(reason_rows, test_reason_row),
        FF_ROWS(bad_rows, test_bad_row),
        FF_ROWS(good_rows, test_good_row),
        FF_ROWS(life_rows, test_life_row),
    };
    static const struct CMUnitTest singles[] = {
        WAIT_TEST("03 ex 1, 2 suspend, signal, resumed claim", test_suspend_and_signal),
        WAIT_TEST("03 ex 3, 4 another name", test_another_name_does_nothing),
        WAIT_TEST("03 ex 4 wildcard", test_wildcard),
        WAIT_TEST("03 ex 5 resume delay", test_resume_delay),
        WAIT_TEST("03 ex 6 operator_only", test_operator_only),
        WAIT_TEST("03 ex 7 resume_execution", test_resume_by_hand),
        WAIT_TEST("03 ex 9 default binding", test_default_binding),
        WAIT_TEST("03 ex 10 suspension id", test_suspension_id),
        WAIT_TEST("03 ex 13 timeout_at in the past", test_timeout_in_the_past),
        WAIT_TEST("words of timeout_behavior", test_timeout_behavior_words),
        WAIT_TEST("too many bindings, too large a condition", test_sizes),
        WAIT_TEST("03 ex 17 suspended handle", test_suspended_handle),
        WAIT_TEST("03 ex 18 suspend again", test_suspend_again),
        WAIT_TEST("03 ex 19 lost leases", test_lost_leases),
        WAIT_TEST("03 ex 19 by triple", test_by_triple),
        WAIT_TEST("03 ex 20 waitpoint id taken", test_waitpoint_id_taken),
        RIG_TEST("03 ex 21 no key installed", test_no_key_installed),
        WAIT_TEST("03 ex 22, 23 replay", test_replay),
        WAIT_TEST("03 ex 25 what is not kept", test_what_is_not_kept),
        WAIT_TEST("03 ex 26 replay of already_satisfied", test_replay_of_already_satisfied),
        WAIT_TEST("01 ex 10 epochs and attempts", test_epochs_and_attempts),
        WAIT_TEST("01 ex 21 resumed, then claimed", test_fresh_claim_of_a_resumed_one),
        WAIT_TEST("01 ex 37 attempt time-out stands still", test_attempt_timeout_stands_still),
        WAIT_TEST("01 §5.4 default time-out", test_default_timeout_of_the_policy),
    };

    return ff_rig_main("suspend", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
