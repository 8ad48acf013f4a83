/* Losing and regaining a lease: examples 34 to 39a of 02. */

#include "tests/engine/lane.h"

/* ---- marking ---- */

static void
test_mark(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_claim_result other = create_and_claim(rig, 2);
    const struct ff_revoke_lease_args revoke = { .execution_id = ff_rig_id(2),
                                                 .expected_lease_id = ff_cstr(""),
                                                 .worker_instance_id = ff_cstr(""),
                                                 .reason = ff_cstr("operator") };
    struct ff_revoke_lease_result revoked;

    rig->now_ms += TTL_MS - 1;
    assert_string_equal(mark_expired(rig, 1), "not_yet_expired");
    assert_ok(ff_rig_revoke_lease(rig, &revoke, &revoked));
    rig->now_ms += 1;
    assert_string_equal(mark_expired(rig, 1), "marked_expired");
    assert_string_equal(mark_expired(rig, 1), "already_expired");
    assert_string_equal(mark_expired(rig, 2), "already_revoked");
    assert_string_equal(mark_expired(rig, 3), "not_found");
    create(rig, 3);
    assert_string_equal(mark_expired(rig, 3), "not_active");
    assert_ok(cancel_as(rig, 1, OPERATOR));
    assert_string_equal(mark_expired(rig, 1), "not_active");
    assert_err(complete(rig, &claim, NULL), FF_E_EXECUTION_NOT_ACTIVE);
    assert_err(complete(rig, &other, NULL), FF_E_LEASE_REVOKED);
}

/* ---- reclaim by grant ---- */

static struct ff_issue_reclaim_grant_result
reclaim_grant(struct ff_rig *rig, uint8_t number, const char *capabilities_json)
{
    const struct ff_issue_reclaim_grant_args args = {
        .execution_id = ff_rig_id(number),
        .lane_id = ff_cstr(""),
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-2"),
        .worker_capabilities = ff_rig_any(rig, capabilities_json),
        .grant_ttl_ms = 5000,
    };
    struct ff_issue_reclaim_grant_result result;

    assert_ok(ff_rig_issue_reclaim_grant(rig, &args, &result));
    return result;
}

static struct ff_reclaim_execution_result
reclaim(struct ff_rig *rig, uint8_t number, const char *worker_id, int max)
{
    struct ff_reclaim_execution_args args = {
        .execution_id = ff_rig_id(number),
        .worker_id = ff_cstr(worker_id),
        .worker_instance_id = ff_cstr("w-2"),
        .lane_id = ff_cstr(""),
        .lease_id = FF_SOME(ff_opt_uuid, ((struct ff_uuid){ .b = { 1 } })),
        .attempt_id = FF_SOME(ff_opt_uuid, ((struct ff_uuid){ .b = { 2 } })),
        .lease_ttl_ms = TTL_MS,
        .attempt_policy_json = ff_cstr(""),
        .current_attempt_index = FF_SOME(ff_opt_u32, 999),
    };
    struct ff_reclaim_execution_result result;

    if (max >= 0) {
        args.max_reclaim_count = FF_SOME(ff_opt_u32, (uint32_t) max);
    }
    assert_ok(ff_rig_reclaim_execution(rig, &args, &result));
    return result;
}

static void
test_reclaim(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(1);
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_issue_reclaim_grant_result grant_result;
    struct ff_reclaim_execution_result result;
    struct ff_attempt_view attempt;

    assert_string_equal(reclaim_grant(rig, 1, "[]").outcome, "not_reclaimable");
    rig->now_ms += TTL_MS;
    grant_result = reclaim_grant(rig, 1, "[]"); /* lapsed, not marked */
    assert_string_equal(grant_result.outcome, "granted");
    assert_int_equal(grant_result.expires_at_ms.v, rig->now_ms + 5000);
    assert_true(ff_str_is(grant_result.lane_id, "L"));
    result = reclaim(rig, 1, "w", -1);
    assert_string_equal(result.outcome, "claimed");
    assert_true(ff_str_is(result.handle->kind, "reclaimed"));
    assert_int_equal(result.attempt_index.v, 1);
    assert_int_equal(result.lease_epoch.v, 2);
    assert_int_equal(result.lease_id.v.b[0], 1);
    assert_int_equal(result.attempt_id.v.b[0], 2);
    assert_field(rig, 1, "lease_reclaim_count", "1");
    attempt = describe_attempt(rig, 1, 0);
    assert_int_equal(attempt.attempt_lifecycle, FF_LIFE_INTERRUPTED_RECLAIMED);
    assert_true(ff_str_is(attempt.failure_reason, "lease_expired"));
    attempt = describe_attempt(rig, 1, 1);
    assert_int_equal(attempt.attempt_type, FF_TYPE_RECLAIM);
    assert_true(ff_str_is(attempt.reclaim_reason, "lease_expired"));
    assert_int_equal(attempt.previous_attempt_index.v, 0);
    assert_err(complete(rig, &claim, NULL), FF_E_STALE_LEASE);
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_LEASE_HISTORY, "reclaimed", &id), 1);
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_LEASE_HISTORY, "acquired", &id), 1);
    result = reclaim(rig, 1, "w", -1); /* its own lease id again */
    assert_string_equal(result.outcome, "claimed");
    assert_field(rig, 1, "lease_reclaim_count", "1");
}

static void
lapse(struct ff_rig *rig, uint8_t number)
{
    rig->now_ms += TTL_MS;
    assert_string_equal(mark_expired(rig, number), "marked_expired");
}

static void
assert_refused(struct ff_reclaim_execution_result result, const char *outcome, const char *detail)
{
    assert_string_equal(result.outcome, outcome);
    if (detail != NULL) {
        assert_true(ff_str_is(result.detail, detail));
    }
}

static void
test_reclaim_grants(void **state)
{
    struct ff_rig *rig = *state;

    create_and_claim(rig, 1);
    lapse(rig, 1);
    assert_refused(reclaim(rig, 1, "w", -1), "grant_not_found", "missing");
    reclaim_grant(rig, 1, "[]");
    assert_refused(reclaim(rig, 1, "x", -1), "grant_not_found", "worker_mismatch");
    rig->now_ms += 5000;
    assert_refused(reclaim(rig, 1, "w", -1), "grant_not_found", "expired");
    reclaim_grant(rig, 1, "[]");
    assert_ok(cancel_as(rig, 1, OPERATOR));
    assert_refused(reclaim(rig, 1, "w", -1), "not_reclaimable", NULL);
    assert_field(rig, 1, "public_state", "cancelled");
    create_and_claim(rig, 2);
    lapse(rig, 2);
    reclaim_grant(rig, 2, "[]");
    assert_refused(reclaim(rig, 2, "x", -1), "grant_not_found", "worker_mismatch");
    assert_string_equal(reclaim(rig, 2, "w", -1).outcome, "claimed");
    assert_field(rig, 2, "current_attempt_index", "1");
}

static void
test_reclaim_needs_capabilities(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_args args = claim_args(rig, "[\"gpu\"]");
    struct ff_claim_result claim;
    struct ff_issue_reclaim_grant_result result;

    create_requiring(rig, 1, 0, "[\"gpu\"]");
    assert_ok(ff_rig_claim(rig, &args, &claim));
    lapse(rig, 1);
    result = reclaim_grant(rig, 1, "[\"cpu\"]");
    assert_string_equal(result.outcome, "not_reclaimable");
    assert_true(ff_str_is(result.detail, "capability_mismatch: gpu"));
    assert_field(rig, 1, "last_capability_mismatch_at", "1030000");
    assert_claims_nothing(rig); /* stepped over, not blocked */
    assert_field(rig, 1, "lifecycle_phase", "active");
    assert_string_equal(reclaim_grant(rig, 1, "[\"gpu\"]").outcome, "granted");
}

/* ---- the cap ---- */

static void
test_cap_of_the_policy(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(1);
    struct ff_reclaim_execution_result result;

    create_with(rig, 1, "{\"max_reclaim_count\":2}");
    claim_this(rig, 1);
    for (int i = 0; i < 2; i++) {
        lapse(rig, 1);
        reclaim_grant(rig, 1, "[]");
        assert_string_equal(reclaim(rig, 1, "w", 50).outcome, "claimed");
    }
    lapse(rig, 1);
    {
        struct ff_issue_reclaim_grant_result refused = reclaim_grant(rig, 1, "[]");

        assert_string_equal(refused.outcome, "reclaim_cap_exceeded");
        assert_int_equal(refused.reclaim_count.v, 2);
        assert_int_equal(refused.max_reclaim_count.v, 2);
    }
    assert_string_equal(vector(rig, 1),
                        "terminal unowned not_applicable none failed attempt_terminal failed");
    assert_field(rig, 1, "failure_reason", "max_reclaims_exceeded");
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_COMPLETION, "failed", &id), 1);
    assert_int_equal(describe_attempt(rig, 1, 2).attempt_lifecycle, FF_LIFE_INTERRUPTED_RECLAIMED);
    result = reclaim(rig, 1, "w", 50);
    assert_string_equal(result.outcome, "not_reclaimable");
}

static void
test_cap_of_the_call(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_reclaim_execution_result result;

    create_and_claim(rig, 1);
    for (int i = 0; i < 4; i++) {
        lapse(rig, 1);
        reclaim_grant(rig, 1, "[]");
        assert_string_equal(reclaim(rig, 1, "w", 4).outcome, "claimed");
    }
    lapse(rig, 1);
    reclaim_grant(rig, 1, "[]");
    result = reclaim(rig, 1, "w", 4);
    assert_string_equal(result.outcome, "reclaim_cap_exceeded");
    assert_int_equal(result.reclaim_count.v, 4);
    assert_int_equal(result.max_reclaim_count.v, 4);
    assert_field(rig, 1, "public_state", "failed");
}

static void
test_cap_of_the_call_not_reached(void **state)
{
    struct ff_rig *rig = *state;

    create_and_claim(rig, 1);
    for (int i = 0; i < 3; i++) {
        lapse(rig, 1);
        reclaim_grant(rig, 1, "[]");
        assert_string_equal(reclaim(rig, 1, "w", 50).outcome, "claimed");
    }
    lapse(rig, 1);
    reclaim_grant(rig, 1, "[]");
    assert_string_equal(reclaim(rig, 1, "w", 4).outcome, "claimed"); /* count 3, argument 4 */
}

static void
test_default_cap(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);

    for (int i = 0; i < FF_RECLAIM_COUNT_DEFAULT; i++) {
        rig->now_ms += TTL_MS;
        claim = claim_this(rig, 1);
    }
    assert_int_equal(claim.lease_epoch.v, 1001);
    assert_field(rig, 1, "lease_reclaim_count", "1000");
    rig->now_ms += TTL_MS;
    assert_claims_nothing(rig);
    assert_field(rig, 1, "failure_reason", "max_reclaims_exceeded");
}

static void
test_cap_after_a_failure(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;
    struct ff_fail_result failed;

    create_with(rig, 1,
                "{\"max_reclaim_count\":0,\"retry_policy\":"
                "{\"backoff\":{\"type\":\"fixed\",\"delay_ms\":0}}}");
    claim = claim_this(rig, 1);
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, "net", &failed));
    assert_string_equal(promote(rig, 1), "promoted");
    claim_this(rig, 1);
    lapse(rig, 1);
    assert_claims_nothing(rig);
    assert_field(rig, 1, "failure_reason", "max_reclaims_exceeded");
    assert_field(rig, 1, "failure_category", ""); /* not that of the failure before */
}

static const char *
enforce(struct ff_rig *rig, uint8_t number)
{
    const struct ff_enforce_reclaim_cap_args args = { .execution_id = ff_rig_id(number) };
    struct ff_enforce_reclaim_cap_result result;

    assert_ok(ff_rig_enforce_reclaim_cap(rig, &args, &result));
    return result.outcome;
}

static void
test_enforced_cap(void **state)
{
    struct ff_rig *rig = *state;

    create_with(rig, 1, "{\"max_reclaim_count\":0}");
    claim_this(rig, 1);
    assert_string_equal(enforce(rig, 1), "not_reclaimable");
    assert_string_equal(enforce(rig, 9), "not_found");
    lapse(rig, 1);
    assert_string_equal(enforce(rig, 1), "reclaim_cap_exceeded");
    assert_field(rig, 1, "public_state", "failed");
    create_with(rig, 2, "{\"max_reclaim_count\":1}");
    claim_this(rig, 2);
    lapse(rig, 2);
    assert_string_equal(enforce(rig, 2), "within_cap");
}

static void
test_claim_ends_what_is_capped(void **state)
{
    struct ff_rig *rig = *state;

    create_with(rig, 1, "{\"max_reclaim_count\":0}");
    claim_this(rig, 1);
    rig->now_ms += TTL_MS;
    create(rig, 2);
    claim_this(rig, 2);
    assert_field(rig, 1, "failure_reason", "max_reclaims_exceeded");
}

static void
test_parked_claim_ends_what_is_capped(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_args args = claim_args(rig, "[]");
    struct ff_waiting *waiting = NULL;
    struct ff_claim_result claim = { 0 };

    create_with(rig, 1, "{\"max_reclaim_count\":0}");
    claim_this(rig, 1);
    rig->now_ms += TTL_MS;
    args.block_ms = 5000;
    waiting = ff_rig_start(rig, FF_OP_claim, &args);
    assert_false(ff_rig_is_done(waiting));
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_COMPLETION).n, 1); /* in the store already */
    rig->now_ms += 5000;
    ff_rig_pump(rig);
    assert_ok(ff_rig_finish(rig, waiting, &claim));
    assert_string_equal(claim.outcome, "none");
}

/* ---- revocation ---- */

static struct ff_revoke_lease_result
revoke(struct ff_rig *rig, uint8_t number, const char *lease_id, const char *instance)
{
    const struct ff_revoke_lease_args args = { .execution_id = ff_rig_id(number),
                                               .expected_lease_id = ff_cstr(lease_id),
                                               .worker_instance_id = ff_cstr(instance),
                                               .reason = ff_cstr("maintenance") };
    struct ff_revoke_lease_result result;

    assert_ok(ff_rig_revoke_lease(rig, &args, &result));
    return result;
}

static void
test_revoke(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_revoke_lease_result result;
    struct ff_renew_result renewed;
    struct ff_event event;

    result = revoke(rig, 1, "00000000-0000-4000-8000-0000000000aa", "");
    assert_string_equal(result.outcome, "already_satisfied");
    assert_string_equal(result.reason, "lease_id_mismatch");
    assert_string_equal(revoke(rig, 1, "", "w-9").reason, "different_worker_instance_id");
    assert_ok(renew(rig, &claim, &renewed));
    result = revoke(rig, 1, "", "w-1");
    assert_string_equal(result.outcome, "revoked");
    assert_int_equal(result.lease_epoch.v, 1);
    assert_true(ff_uuid_eq(result.lease_id.v, claim.lease_id.v));
    assert_string_equal(vector(rig, 1), "active lease_revoked not_applicable waiting_for_worker "
                                        "none attempt_interrupted active");
    assert_null(describe(rig, 1).current_lease);
    event = ff_rig_last_event(rig, FF_FAMILY_LEASE_HISTORY);
    assert_true(ff_str_is(event.revoked_by, "operator"));
    assert_true(ff_str_is(event.reason, "maintenance"));
    assert_err(renew(rig, &claim, &renewed), FF_E_LEASE_REVOKED);
    assert_string_equal(revoke(rig, 1, "", "").reason, "already_revoked");
    create(rig, 2);
    assert_string_equal(revoke(rig, 2, "", "").reason, "no_active_lease");
    reclaim_grant(rig, 1, "[]");
    assert_int_equal(reclaim(rig, 1, "w", -1).lease_epoch.v, 2);
    assert_true(ff_str_is(describe_attempt(rig, 1, 1).reclaim_reason, "lease_revoked"));
}

/* ---- automatic reclaim ---- */

static void
test_automatic_reclaim(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_args args = claim_args(rig, "[]");
    struct ff_claim_result claim;

    create_and_claim(rig, 1);
    rig->now_ms += TTL_MS;
    args.include_reclaimable = false;
    assert_ok(ff_rig_claim(rig, &args, &claim));
    assert_string_equal(claim.outcome, "none");
    create(rig, 2); /* younger, of equal priority */
    claim = claim_this(rig, 1);
    assert_true(ff_str_is(claim.handle->kind, "reclaimed"));
    assert_int_equal(claim.attempt_type.v, FF_TYPE_RECLAIM);
    claim_this(rig, 2);
    assert_claims_nothing(rig);
}

static void
test_parked_claim_gets_lost_work(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_args args = claim_args(rig, "[]");
    struct ff_waiting *waiting = NULL;
    struct ff_claim_result claim = { 0 };

    create_and_claim(rig, 1);
    rig->now_ms += TTL_MS - 1000;
    args.block_ms = 5000;
    waiting = ff_rig_start(rig, FF_OP_claim, &args);
    assert_false(ff_rig_is_done(waiting));
    assert_int_equal(ff_engine_wait_ms(rig->engine), 1000);
    rig->now_ms += 1000;
    ff_rig_pump(rig);
    assert_ok(ff_rig_finish(rig, waiting, &claim));
    assert_string_equal(claim.outcome, "claimed");
    assert_true(ff_str_is(claim.handle->kind, "reclaimed"));
}

static void
test_lost_worker(void **state)
{
    struct ff_rig *rig = *state;
    const struct ff_expire_worker_leases_args args = { .worker_instance_id = ff_cstr("w-1"),
                                                       .reason = ff_cstr("worker_lost") };
    struct ff_expire_worker_leases_result result;
    struct ff_event event;

    create_and_claim(rig, 1);
    create_and_claim(rig, 2);
    assert_ok(ff_rig_expire_worker_leases(rig, &args, &result));
    assert_int_equal(result.expired, 2);
    event = ff_rig_last_event(rig, FF_FAMILY_LEASE_HISTORY);
    assert_true(ff_str_is(event.event, "expired"));
    assert_true(ff_str_is(event.reason, "worker_lost"));
    assert_field(rig, 1, "lease_expires_at", "1000000");
    assert_ok(ff_rig_expire_worker_leases(rig, &args, &result));
    assert_int_equal(result.expired, 0);
    claim_this(rig, 1);
    claim_this(rig, 2);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG_TEST("02 ex 34 mark a lease", test_mark),
        RIG_TEST("02 ex 35 reclaim", test_reclaim),
        RIG_TEST("02 ex 36 reclaim grants", test_reclaim_grants),
        RIG_TEST("reclaim needs capabilities", test_reclaim_needs_capabilities),
        RIG_TEST("02 ex 37 the policy's cap", test_cap_of_the_policy),
        RIG_TEST("02 ex 37 the call's cap", test_cap_of_the_call),
        RIG_TEST("02 ex 37 the call's cap not reached", test_cap_of_the_call_not_reached),
        RIG_TEST("02 ex 37 the default cap", test_default_cap),
        RIG_TEST("a cap reached after a failure", test_cap_after_a_failure),
        RIG_TEST("02 ex 39a an enforced cap", test_enforced_cap),
        RIG_TEST("a claim ends what has reached its cap", test_claim_ends_what_is_capped),
        RIG_TEST("a parked claim ends what has reached its cap",
                 test_parked_claim_ends_what_is_capped),
        RIG_TEST("02 ex 38, 01 ex 19 revoke", test_revoke),
        RIG_TEST("02 ex 39 lost work is claimed again, in its place", test_automatic_reclaim),
        RIG_TEST("02 ex 39 a parked claim gets lost work", test_parked_claim_gets_lost_work),
        RIG_TEST("02 ex 39 a lost worker", test_lost_worker),
    };

    return ff_rig_main("loss", NULL, 0, tests, FF_COUNT(tests));
}
