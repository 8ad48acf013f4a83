/* Order, grants and claims: examples 11 to 21 of 02; 10, 22, 31, 39, 42 of 01; those of 05 §8 that
 * need neither budgets, quotas nor the worker registry. */

#include "tests/engine/lane.h"

static struct ff_claim_result
claim_with(struct ff_rig *rig, const char *capabilities_json)
{
    struct ff_claim_args args = claim_args(rig, capabilities_json);
    struct ff_claim_result result;

    assert_ok(ff_rig_claim(rig, &args, &result));
    return result;
}

static void
assert_claimed(const struct ff_claim_result *claim, uint8_t number)
{
    assert_string_equal(claim->outcome, "claimed");
    assert_true(ff_eid_eq(claim->execution_id.v, ff_rig_id(number)));
}

/* ---- order ---- */

static void
test_scan_order(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_change_priority_args change = { .execution_id = ff_rig_id(1),
                                                    .new_priority = 9,
                                                    .lane_id = ff_cstr("") };
    struct ff_change_priority_result changed;
    struct ff_event event;

    create_of(rig, 1, 1, 1000000);
    create_of(rig, 3, 5, 1000005);
    create_of(rig, 2, 5, 1000010);
    assert_string_equal(numbers(rig, scan(rig, 10)), "03 02 01");
    assert_string_equal(numbers(rig, scan(rig, 2)), "03 02");
    assert_int_equal(scan(rig, 0).n, 0);
    assert_ok(ff_rig_change_priority(rig, &change, &changed));
    assert_int_equal(changed.old_priority, 1);
    assert_int_equal(changed.new_priority, 9);
    assert_string_equal(numbers(rig, scan(rig, 10)), "01 03 02");
    event = ff_rig_last_event(rig, FF_FAMILY_OPERATOR);
    assert_true(ff_str_is(event.event, "priority_changed"));
    assert_int_equal(event.old_priority.v, 1);
    assert_int_equal(event.new_priority.v, 9);
}

static void
test_priority_then_age(void **state)
{
    struct ff_rig *rig = *state;

    create_of(rig, 1, 50, 1000001);
    create_of(rig, 3, 50, 1000002);
    create_of(rig, 2, 9000, 1000003);
    claim_this(rig, 2);
    claim_this(rig, 1);
    claim_this(rig, 3);
    assert_claims_nothing(rig);
}

static void
test_retry_keeps_its_place(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;
    struct ff_fail_result failed;

    create_with(rig, 1, "{\"retry_policy\":{\"backoff\":{\"type\":\"fixed\",\"delay_ms\":10}}}");
    rig->now_ms += 1;
    create(rig, 2);
    claim = claim_this(rig, 1);
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed));
    rig->now_ms += 10;
    assert_string_equal(promote(rig, 1), "promoted");
    assert_string_equal(numbers(rig, scan(rig, 10)), "01 02");
}

static const struct priority_row {
    const char *name;
    const char *source; /* a state to bring the execution into */
    ff_err want;
} priority_rows[] = {
    { "priority of a waiting one", "waiting", FF_E_OK },
    { "priority of an active one", "active", FF_E_EXECUTION_NOT_ELIGIBLE },
    { "priority of a terminal one", "terminal", FF_E_EXECUTION_NOT_ELIGIBLE },
    { "priority of an unknown one", "unknown", FF_E_EXECUTION_NOT_FOUND },
};

static void
bring_into(struct ff_rig *rig, uint8_t number, const char *where)
{
    struct ff_claim_result claim;

    if (strcmp(where, "unknown") == 0) {
        return;
    }
    if (strcmp(where, "delayed") == 0) {
        create_with(rig, number, "{\"delay_until\":9000000}");
        return;
    }
    create(rig, number);
    if (strcmp(where, "active") == 0 || strcmp(where, "terminal") == 0) {
        claim = claim_this(rig, number);
        if (strcmp(where, "terminal") == 0) {
            assert_ok(complete(rig, &claim, NULL));
        }
    }
}

static void
test_priority_row(void **state)
{
    const struct priority_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    const struct ff_change_priority_args change = { .execution_id = ff_rig_id(1),
                                                    .new_priority = 10000,
                                                    .lane_id = ff_cstr("L") };
    struct ff_change_priority_result changed;

    bring_into(rig, 1, row->source);
    assert_err(ff_rig_change_priority(rig, &change, &changed), row->want);
    if (row->want == FF_E_OK) {
        assert_int_equal(changed.new_priority, 9000);
    }
    ff_rig_free(rig);
}

/* ---- grants ---- */

static const struct grant_row {
    const char *name;
    const char *where;
    ff_err want;
} grant_rows[] = {
    { "02 ex 13 grant on an unknown one", "unknown", FF_E_EXECUTION_NOT_FOUND },
    { "02 ex 13 grant on a delayed one", "delayed", FF_E_EXECUTION_NOT_ELIGIBLE },
    { "02 ex 13 grant on an active one", "active", FF_E_EXECUTION_NOT_ELIGIBLE },
    { "02 ex 13 grant on a terminal one", "terminal", FF_E_EXECUTION_NOT_ELIGIBLE },
    { "02 ex 14 nothing required, nothing offered", "waiting", FF_E_OK },
};

static void
test_grant_row(void **state)
{
    const struct grant_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_issue_claim_grant_result result;

    bring_into(rig, 1, row->where);
    assert_err(grant(rig, 1, "[]", &result), row->want);
    ff_rig_free(rig);
}

static void
test_grant_lapses(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_issue_claim_grant_result first, second;
    struct ff_claim_args claim = claim_args(rig, "[]");
    struct ff_claim_result claimed;

    create(rig, 1);
    assert_ok(grant(rig, 1, "[]", &first));
    assert_int_equal(first.expires_at_ms, 1005000);
    assert_err(grant(rig, 1, "[]", &second), FF_E_GRANT_ALREADY_EXISTS);
    assert_field(rig, 1, "eligibility_state", "eligible_now");
    assert_int_equal(scan(rig, 10).n, 1);
    rig->now_ms = 1004999;
    assert_err(grant(rig, 1, "[]", &second), FF_E_GRANT_ALREADY_EXISTS);
    claim.worker_id = ff_cstr("x");
    assert_ok(ff_rig_claim(rig, &claim, &claimed));
    assert_string_equal(claimed.outcome, "none");
    rig->now_ms = 1005000;
    assert_ok(grant(rig, 1, "[]", &second));
    assert_false(ff_str_eq(first.grant_key, second.grant_key));
    rig->now_ms = 1010000;
    assert_field(rig, 1, "eligibility_state", "eligible_now");
    assert_ok(ff_rig_claim(rig, &claim, &claimed));
    assert_claimed(&claimed, 1);
}

static void
test_grant_needs_capabilities(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_issue_claim_grant_result result;

    create_requiring(rig, 1, 0, "[\"gpu\"]");
    create_requiring(rig, 2, 0, "[\"c\",\"a\"]");
    assert_err(grant(rig, 1, "[\"cpu\"]", &result), FF_E_CAPABILITY_MISMATCH);
    assert_detail(rig, "missing", "[\"gpu\"]");
    assert_detail(rig, "missing_csv", "gpu");
    assert_field(rig, 1, "last_capability_mismatch_at", "1000000");
    assert_field(rig, 1, "eligibility_state", "eligible_now");
    assert_ok(grant(rig, 1, "[\"cpu\",\"gpu\"]", &result));
    assert_err(grant(rig, 2, "[\"b\"]", &result), FF_E_CAPABILITY_MISMATCH);
    assert_detail(rig, "missing", "[\"a\",\"c\"]");
    assert_err(grant(rig, 2, "[\"a,b\"]", &result), FF_E_INVALID_CAPABILITIES);
    assert_detail(rig, "reason", "worker:comma_in_token");
}

/* ---- claims by grant ---- */

static void
test_claim_of_a_grant(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(1);
    struct ff_claim_execution_result claim;
    struct ff_event event;

    create(rig, 1);
    granted(rig, 1);
    rig->now_ms += 100;
    assert_ok(claim_granted_as(rig, 1, "w", &claim));
    assert_int_equal(claim.lease_epoch, 1);
    assert_int_equal(claim.attempt_index, 0);
    assert_int_equal(claim.attempt_type, FF_TYPE_INITIAL);
    assert_int_equal(claim.lease_expires_at, rig->now_ms + TTL_MS);
    assert_true(ff_str_is(claim.handle.kind, "fresh"));
    assert_field(rig, 1, "lease_renewal_deadline", "1020100");
    assert_field(rig, 1, "started_at", "1000100");
    assert_field(rig, 1, "grant", "");
    assert_string_equal(vector(rig, 1),
                        "active leased not_applicable none none running_attempt active");
    event = ff_rig_last_event(rig, FF_FAMILY_LEASE_HISTORY);
    assert_true(ff_str_is(event.event, "acquired"));
    assert_int_equal(event.lease_epoch.v, 1);
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_LEASE_HISTORY, "acquired", &id), 1);
    assert_err(claim_granted_as(rig, 1, "w", &claim), FF_E_EXECUTION_NOT_LEASEABLE);
}

static void
test_claim_without_a_fitting_grant(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_execution_result claim;
    struct ff_claim_resumed_execution_result resumed;

    create(rig, 1);
    assert_err(claim_granted_as(rig, 1, "w", &claim), FF_E_INVALID_CLAIM_GRANT);
    granted(rig, 1);
    assert_err(claim_granted_as(rig, 1, "x", &claim), FF_E_INVALID_CLAIM_GRANT);
    assert_err(claim_resumed_granted(rig, 1, &resumed), FF_E_NOT_A_RESUMED_EXECUTION);
    rig->now_ms += 5000;
    assert_err(claim_granted_as(rig, 1, "w", &claim), FF_E_CLAIM_GRANT_EXPIRED);
    create_with(rig, 2, "{\"delay_until\":9000000}");
    assert_err(claim_granted_as(rig, 2, "w", &claim), FF_E_EXECUTION_NOT_LEASEABLE);
    assert_err(claim_granted_as(rig, 3, "w", &claim), FF_E_EXECUTION_NOT_FOUND);
}

static void
test_interrupted_attempt_needs_resumed_claim(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result first = create_and_claim(rig, 1);
    struct ff_claim_execution_result fresh;
    struct ff_claim_resumed_execution_result resumed;

    assert_ok(delay(rig, &first, 1000010));
    rig->now_ms = 1000010;
    assert_string_equal(promote(rig, 1), "promoted");
    granted(rig, 1);
    assert_err(claim_granted_as(rig, 1, "w", &fresh), FF_E_USE_CLAIM_RESUMED_EXECUTION);
    assert_ok(claim_resumed_granted(rig, 1, &resumed));
    assert_int_equal(resumed.attempt_index, 0);
    assert_int_equal(resumed.lease_epoch, 2);
    assert_true(ff_uuid_eq(resumed.attempt_id, first.attempt_id.v));
    assert_true(ff_str_is(resumed.handle.kind, "resumed"));
    assert_field(rig, 1, "total_attempt_count", "1");
}

static void
test_any_instance_consumes(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_execution_args args = {
        .execution_id = ff_rig_id(1),
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-2"),
        .lane_id = ff_cstr("L"),
        .lease_ttl_ms = TTL_MS,
        .attempt_policy_json = ff_cstr(""),
        .lease_id = FF_SOME(ff_opt_uuid, ((struct ff_uuid){ .b = { 1 } })),
        .attempt_id = FF_SOME(ff_opt_uuid, ((struct ff_uuid){ .b = { 2 } })),
    };
    struct ff_claim_execution_result claim, again;

    create(rig, 1);
    granted(rig, 1);
    assert_ok(ff_rig_claim_execution(rig, &args, &claim));
    assert_true(ff_uuid_eq(claim.lease_id, args.lease_id.v));
    assert_true(ff_uuid_eq(claim.attempt_id, args.attempt_id.v));
    assert_ok(ff_rig_claim_execution(rig, &args, &again)); /* its own lease id again */
    assert_true(ff_str_eq(again.handle.opaque, claim.handle.opaque));
    assert_field(rig, 1, "total_attempt_count", "1");
    args.lease_id.v.b[0] = 9;
    assert_err(ff_rig_claim_execution(rig, &args, &again), FF_E_EXECUTION_NOT_LEASEABLE);
}

static void
test_bad_policy_leaves_the_grant(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_execution_args args = {
        .execution_id = ff_rig_id(1),
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-1"),
        .lane_id = ff_cstr(""),
        .lease_ttl_ms = TTL_MS,
        .attempt_policy_json = ff_cstr("{oops"),
    };
    struct ff_claim_execution_result claim;

    create(rig, 1);
    granted(rig, 1);
    assert_err(ff_rig_claim_execution(rig, &args, &claim), FF_E_INVALID_POLICY_JSON);
    args.attempt_policy_json = ff_cstr("");
    args.lane_id = ff_cstr("M");
    assert_err(ff_rig_claim_execution(rig, &args, &claim), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "lane_mismatch");
    args.lane_id = ff_cstr("L");
    assert_ok(ff_rig_claim_execution(rig, &args, &claim));
}

/* ---- claims by lane ---- */

static void
test_claim_steps_over_what_it_cannot_run(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;

    assert_claims_nothing(rig);
    create_requiring(rig, 1, 10, "[\"gpu\"]");
    create(rig, 2);
    claim = claim_with(rig, "[\"cpu\"]");
    assert_claimed(&claim, 2);
    assert_field(rig, 1, "attempt_state", "pending_first_attempt");
    assert_field(rig, 1, "total_attempt_count", "0");
    assert_field(rig, 1, "eligibility_state", "blocked_by_route");
    assert_field(rig, 1, "public_state", "waiting");
    claim = claim_with(rig, "[\"gpu\"]"); /* a blocked one is judged anew */
    assert_claimed(&claim, 1);
}

static void
test_fifty_claims(void **state)
{
    struct ff_rig *rig = *state;
    bool seen[51] = { false };

    for (uint8_t i = 1; i <= 50; i++) {
        create(rig, i);
    }
    for (uint8_t i = 1; i <= 50; i++) {
        struct ff_claim_result claim = claim_next(rig);

        assert_string_equal(claim.outcome, "claimed");
        assert_false(seen[claim.execution_id.v.uuid.b[15]]);
        seen[claim.execution_id.v.uuid.b[15]] = true;
    }
    assert_claims_nothing(rig);
}

static void
test_take_this_one(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_issue_grant_and_claim_args args = { .execution_id = ff_rig_id(1),
                                                  .lane_id = ff_cstr(""),
                                                  .lease_ttl_ms = TTL_MS };
    struct ff_issue_grant_and_claim_result result;

    create_requiring(rig, 1, 0, "[\"gpu\"]");
    set_lane(rig, FF_LANE_PAUSED);
    assert_ok(ff_rig_issue_grant_and_claim(rig, &args, &result));
    assert_int_equal(result.lease_epoch, 1);
    assert_int_equal(result.attempt_index, 0);
    assert_field(rig, 1, "current_worker_id", "operator");
    assert_field(rig, 1, "grant", "");
    assert_err(ff_rig_issue_grant_and_claim(rig, &args, &result), FF_E_EXECUTION_NOT_ELIGIBLE);
    args.execution_id = ff_rig_id(2);
    assert_err(ff_rig_issue_grant_and_claim(rig, &args, &result), FF_E_EXECUTION_NOT_FOUND);
    set_lane(rig, FF_LANE_ACTIVE);
    create(rig, 3);
    granted(rig, 3);
    args.execution_id = ff_rig_id(3);
    assert_err(ff_rig_issue_grant_and_claim(rig, &args, &result), FF_E_GRANT_ALREADY_EXISTS);
}

static void
test_request_id_gets_the_same_claim(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_args args = claim_args(rig, "[]");
    struct ff_claim_result first, again;

    args.request_id = FF_SOME(ff_opt_uuid, ((struct ff_uuid){ .b = { 7 } }));
    create(rig, 1);
    create(rig, 2);
    assert_ok(ff_rig_claim(rig, &args, &first));
    assert_ok(ff_rig_claim(rig, &args, &again));
    assert_claimed(&again, 1);
    assert_true(ff_str_eq(again.handle->opaque, first.handle->opaque));
    assert_true(ff_str_is(again.handle->kind, "fresh"));
    rig->now_ms += TTL_MS; /* the lease has ended: a new claim, of the lost work first */
    assert_ok(ff_rig_claim(rig, &args, &again));
    assert_claimed(&again, 1);
    assert_true(ff_str_is(again.handle->kind, "reclaimed"));
}

static struct ff_claim_many_args
many_args(struct ff_rig *rig, uint32_t max)
{
    return (struct ff_claim_many_args){
        .lane_id = ff_cstr("L"),
        .worker_capabilities = ff_rig_any(rig, "[]"),
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-1"),
        .lease_ttl_ms = TTL_MS,
        .include_reclaimable = true,
        .max = max,
        .include_context = true,
    };
}

static void
test_claim_many(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_many_args args = many_args(rig, 3);
    struct ff_claim_many_result first, again;

    for (uint8_t i = 1; i <= 4; i++) {
        struct ff_create_execution_args create_args = ff_rig_new_exec(i);
        struct ff_create_execution_result created;
        struct ff_tag tag = { ff_str("a.b", 3), ff_str("c", 1) };

        create_args.input_payload = ff_str(&"abcd"[i - 1], 1);
        create_args.tags = (struct ff_tags){ .v = &tag, .n = i == 2 };
        assert_ok(ff_rig_create_execution(rig, &create_args, &created));
    }
    args.request_id = FF_SOME(ff_opt_uuid, ((struct ff_uuid){ .b = { 7 } }));
    assert_ok(ff_rig_claim_many(rig, &args, &first));
    assert_int_equal(first.claims.n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct ff_claim *claim = &first.claims.v[i];

        assert_true(ff_eid_eq(claim->execution_id, ff_rig_id((uint8_t) (i + 1))));
        assert_int_equal(claim->input_payload.n, 1);
        assert_int_equal(claim->input_payload.p[0], 'a' + (int) i);
        assert_true(ff_str_is(claim->execution_kind, "job"));
        assert_int_equal(claim->tags.n, i == 1);
    }
    assert_ok(ff_rig_claim_many(rig, &args, &again));
    assert_int_equal(again.claims.n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(ff_str_eq(again.claims.v[i].handle.opaque, first.claims.v[i].handle.opaque));
        assert_int_equal(again.claims.v[i].input_payload.n, 1);
    }
    args.request_id.is = false;
    assert_ok(ff_rig_claim_many(rig, &args, &again));
    assert_int_equal(again.claims.n, 1);
    assert_ok(ff_rig_claim_many(rig, &args, &again));
    assert_int_equal(again.claims.n, 0);
}

static void
test_claim_many_stays_in_its_frame(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_many_args args = many_args(rig, 8);
    struct ff_claim_many_result result;
    char *payload = calloc(1, 7u << 20);

    assert_non_null(payload);
    for (uint8_t i = 1; i <= 4; i++) {
        struct ff_create_execution_args create_args = ff_rig_new_exec(i);
        struct ff_create_execution_result created;

        create_args.input_payload = ff_str(payload, 7u << 20);
        assert_ok(ff_rig_create_execution(rig, &create_args, &created));
    }
    free(payload);
    assert_ok(ff_rig_claim_many(rig, &args, &result)); /* 3 × 7 MiB is more than 16 MiB */
    assert_int_equal(result.claims.n, 2);
    args.include_context = false;
    assert_ok(ff_rig_claim_many(rig, &args, &result));
    assert_int_equal(result.claims.n, 2);
    assert_null(result.claims.v[0].input_payload.p);
}

/* ---- waiting ---- */

static void
test_parked_claim_is_woken_by_a_create(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_args args = claim_args(rig, "[]");
    struct ff_waiting *waiting = NULL;
    struct ff_claim_result result = { 0 };

    args.block_ms = 5000;
    waiting = ff_rig_start(rig, FF_OP_claim, &args);
    assert_false(ff_rig_is_done(waiting));
    rig->now_ms += 100;
    create(rig, 1);
    ff_rig_pump(rig);
    assert_ok(ff_rig_finish(rig, waiting, &result));
    assert_claimed(&result, 1);
}

static void
test_parked_claim_gives_up(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_args args = claim_args(rig, "[]");
    struct ff_waiting *waiting = NULL;
    struct ff_claim_result result = { 0 };

    create_requiring(rig, 1, 0, "[\"gpu\"]");
    args.block_ms = 5000;
    waiting = ff_rig_start(rig, FF_OP_claim, &args);
    assert_field(rig, 1, "eligibility_state", "blocked_by_route"); /* seen while it waits */
    rig->now_ms += 4999;
    ff_rig_pump(rig);
    assert_false(ff_rig_is_done(waiting));
    rig->now_ms += 1;
    ff_rig_pump(rig);
    assert_ok(ff_rig_finish(rig, waiting, &result));
    assert_string_equal(result.outcome, "none");
}

static void
test_parked_claim_is_woken_by_a_lapsed_grant(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_args args = claim_args(rig, "[]");
    struct ff_waiting *waiting = NULL;
    struct ff_claim_result result = { 0 };

    create(rig, 1);
    granted(rig, 1);
    args.block_ms = 30000;
    waiting = ff_rig_start(rig, FF_OP_claim, &args);
    assert_false(ff_rig_is_done(waiting));
    assert_int_equal(ff_engine_wait_ms(rig->engine), 5000);
    rig->now_ms += 5000;
    ff_rig_pump(rig);
    assert_ok(ff_rig_finish(rig, waiting, &result));
    assert_claimed(&result, 1);
}

static void
test_parked_claim_is_woken_by_the_lane(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_args args = claim_args(rig, "[]");
    struct ff_waiting *waiting = NULL;
    struct ff_claim_result result = { 0 };

    create(rig, 1);
    set_lane(rig, FF_LANE_PAUSED);
    args.block_ms = 30000;
    waiting = ff_rig_start(rig, FF_OP_claim, &args);
    assert_false(ff_rig_is_done(waiting));
    set_lane(rig, FF_LANE_ACTIVE);
    ff_rig_pump(rig);
    assert_ok(ff_rig_finish(rig, waiting, &result));
    assert_claimed(&result, 1);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(priority_rows, test_priority_row),
                                             FF_ROWS(grant_rows, test_grant_row) };
    static const struct CMUnitTest tests[] = {
        RIG_TEST("02 ex 11 scan in order", test_scan_order),
        RIG_TEST("01 ex 31 priority, then age", test_priority_then_age),
        RIG_TEST("02 ex 12 a retry keeps its place", test_retry_keeps_its_place),
        RIG_TEST("02 ex 13 a grant lapses", test_grant_lapses),
        RIG_TEST("02 ex 14, 01 ex 39, 05 ex 42 a grant needs capabilities",
                 test_grant_needs_capabilities),
        RIG_TEST("02 ex 16, 01 ex 19 claim of a grant", test_claim_of_a_grant),
        RIG_TEST("02 ex 17 claim without a fitting grant", test_claim_without_a_fitting_grant),
        RIG_TEST("02 ex 17 an interrupted attempt needs the resumed claim",
                 test_interrupted_attempt_needs_resumed_claim),
        RIG_TEST("02 ex 18 any instance of the worker consumes", test_any_instance_consumes),
        RIG_TEST("02 ex 19 a bad policy leaves the grant", test_bad_policy_leaves_the_grant),
        RIG_TEST("02 ex 20, 01 ex 42, 05 ex 49 claims step over what they cannot run",
                 test_claim_steps_over_what_it_cannot_run),
        RIG_TEST("02 ex 20 fifty claims get fifty", test_fifty_claims),
        RIG_TEST("02 ex 21 take this one", test_take_this_one),
        RIG_TEST("a request id gets the same claim", test_request_id_gets_the_same_claim),
        RIG_TEST("claim_many, and again with its request id", test_claim_many),
        RIG_TEST("claim_many stays in its frame", test_claim_many_stays_in_its_frame),
        RIG_TEST("a parked claim is woken by a create", test_parked_claim_is_woken_by_a_create),
        RIG_TEST("a parked claim gives up in time", test_parked_claim_gives_up),
        RIG_TEST("a parked claim is woken by a lapsed grant",
                 test_parked_claim_is_woken_by_a_lapsed_grant),
        RIG_TEST("a parked claim is woken by its lane", test_parked_claim_is_woken_by_the_lane),
    };

    return ff_rig_main("claim", tables, FF_COUNT(tables), tests, FF_COUNT(tests));
}
