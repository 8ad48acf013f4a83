/* Quota policies: examples 25 to 35 of 05. */

#include "tests/engine/quota.h"

#define T FF_RIG_START_MS

static void
test_define(void **state)
{
    struct ff_rig *rig = *state;

    assert_string_equal(policy(rig, 1, 60, 100, 10), "created");
    assert_string_equal(policy(rig, 1, 1, 1, 1), "already_satisfied");
    assert_answer(ask(rig, FF_OP_read_quota_policy_limits, "{'quota_policy_id':'" POLICY_ID "01'}"),
                  "{'limits':{'max_requests_per_window':100,'window_seconds':60,"
                  "'max_concurrent':10,'jitter_ms':0}}");
    assert_answer(ask(rig, FF_OP_read_quota_policy_limits, "{'quota_policy_id':'" POLICY_ID "02'}"),
                  "{}");
}

static void
test_rate(void **state)
{
    struct ff_rig *rig = *state;

    policy(rig, 1, 1, 2, 0);
    assert_string_equal(check(rig, 1, 1), "admitted");
    assert_string_equal(check(rig, 1, 2), "admitted");
    rig->now_ms = T + 400;
    assert_string_equal(check(rig, 1, 3), "rate_exceeded{600}");
    assert_string_equal(check(rig, 1, 1), "already_admitted");
    rig->now_ms = T + 999;
    assert_string_equal(check(rig, 1, 3), "rate_exceeded{1}");
    rig->now_ms = T + 1000;
    assert_string_equal(check(rig, 1, 3), "admitted");
}

static void
test_cap(void **state)
{
    struct ff_rig *rig = *state;

    policy(rig, 1, 60, 0, 2);
    assert_string_equal(check(rig, 1, 1), "admitted");
    assert_string_equal(check(rig, 1, 2), "admitted");
    assert_string_equal(check(rig, 1, 3), "concurrency_exceeded");
    release_admission(rig, 1, 1);
    assert_string_equal(check(rig, 1, 3), "admitted");
    release_admission(rig, 1, 1); /* its slot is not another's */
    assert_string_equal(check(rig, 1, 4), "concurrency_exceeded");
}

static void
test_refusals_use_no_room(void **state)
{
    struct ff_rig *rig = *state;

    policy(rig, 1, 60, 2, 1);
    assert_string_equal(check(rig, 1, 1), "admitted");
    for (int i = 0; i < 10; i++) {
        assert_string_equal(check(rig, 1, 2), "concurrency_exceeded");
    }
    release_admission(rig, 1, 1);
    assert_string_equal(check(rig, 1, 2), "admitted");
    release_admission(rig, 1, 2);
    assert_string_equal(check(rig, 1, 3), "admitted");
}

static void
test_what_has_run_counts(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;

    policy(rig, 1, 60, 2, 1);
    for (uint8_t n = 1; n <= 2; n++) {
        create_under(rig, n, 1, "");
        claim = claim_this(rig, n);
        assert_ok(complete(rig, &claim, ""));
    }
    assert_string_equal(check(rig, 1, 3), "rate_exceeded{60000}");
    release_admission(rig, 1, 1);
    assert_string_equal(check(rig, 1, 3), "rate_exceeded{60000}");
}

/* Released after its run and asked for again in the same instant: the window has one entry, and
 * counts one. */
static void
test_twice_in_an_instant(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;

    policy(rig, 1, 1, 2, 0);
    create_under(rig, 1, 1, "");
    claim = claim_this(rig, 1);
    assert_ok(complete(rig, &claim, ""));
    release_admission(rig, 1, 1);
    assert_string_equal(check(rig, 1, 1), "admitted");
    assert_string_equal(check(rig, 1, 2), "admitted");
    assert_string_equal(check(rig, 1, 3), "rate_exceeded{1000}");
    rig->now_ms = T + 1000;
    assert_string_equal(check(rig, 1, 3), "admitted");
    assert_string_equal(check(rig, 1, 4), "admitted");
}

/* The same of one that was checked by its caller, and then granted. */
static void
test_checked_and_then_run(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_execution_result claim;

    policy(rig, 1, 60, 1, 1);
    create_under(rig, 1, 1, "");
    assert_string_equal(check(rig, 1, 1), "admitted");
    granted(rig, 1);
    assert_ok(claim_granted_as(rig, 1, "w", &claim));
    release_admission(rig, 1, 1); /* it runs: the slot stays, the window has counted it */
    assert_string_equal(check_with(rig, 1, 2, ",'rate_limit':0"), "concurrency_exceeded");
    assert_ok(cancel_as(rig, 1, OPERATOR));
    assert_string_equal(check_with(rig, 1, 2, ",'rate_limit':0"), "admitted");
    assert_string_equal(check(rig, 1, 3), "rate_exceeded{60000}");
}

static void
test_rate_comes_first(void **state)
{
    struct ff_rig *rig = *state;

    policy(rig, 1, 60, 1, 1);
    assert_string_equal(check(rig, 1, 1), "admitted");
    assert_string_equal(check(rig, 1, 2), "rate_exceeded{60000}");
}

static void
test_jitter(void **state)
{
    struct ff_rig *rig = *state;
    int low = 2000, high = 0;

    assert_string_equal(check_with(rig, 1, 1, ",'rate_limit':1,'window_seconds':1"), "admitted");
    rig->now_ms = T + 100;
    for (int i = 0; i < 100; i++) {
        const char *answer =
            check_with(rig, 1, 2, ",'rate_limit':1,'window_seconds':1,'jitter_ms':50");
        int wait_ms = 0;

        assert_int_equal(sscanf(answer, "rate_exceeded{%d}", &wait_ms), 1);
        low = wait_ms < low ? wait_ms : low;
        high = wait_ms > high ? wait_ms : high;
    }
    assert_in_range(low, 900, 950);
    assert_in_range(high, low + 1, 950);
}

static void
test_no_window_is_a_minute(void **state)
{
    struct ff_rig *rig = *state;

    policy(rig, 1, 0, 1, 0);
    assert_string_equal(check(rig, 1, 1), "admitted");
    rig->now_ms = T + 59999;
    assert_string_equal(check(rig, 1, 2), "rate_exceeded{1}");
    rig->now_ms = T + 60000;
    assert_string_equal(check(rig, 1, 2), "admitted");
}

static void
test_an_undefined_policy(void **state)
{
    struct ff_rig *rig = *state;

    assert_string_equal(check_with(rig, 1, 1, ",'rate_limit':1"), "admitted");
    assert_string_equal(check_with(rig, 1, 2, ",'rate_limit':1"), "rate_exceeded{60000}");
    assert_string_equal(check(rig, 1, 3), "admitted"); /* no limit at all */
    assert_answer(ask(rig, FF_OP_read_quota_policy_limits, "{'quota_policy_id':'" POLICY_ID "01'}"),
                  "{}");
    assert_string_equal(policy(rig, 1, 5, 7, 0), "created");
}

/* Dimensions have windows and guards of their own; slots are the policy's. */
static void
test_dimensions(void **state)
{
    struct ff_rig *rig = *state;

    policy(rig, 1, 60, 1, 3);
    assert_string_equal(check(rig, 1, 1), "admitted");
    assert_string_equal(check_with(rig, 1, 1, ",'dimension':''"), "already_admitted");
    assert_string_equal(check_with(rig, 1, 1, ",'dimension':'default'"), "already_admitted");
    assert_string_equal(check_with(rig, 1, 2, ",'dimension':'a'"), "admitted");
    assert_string_equal(check_with(rig, 1, 3, ",'dimension':'a'"), "rate_exceeded{60000}");
    assert_string_equal(check_with(rig, 1, 3, ",'dimension':'b'"), "admitted");
    assert_string_equal(check_with(rig, 1, 4, ",'dimension':'c'"), "concurrency_exceeded");
    assert_string_equal(check_with(rig, 1, 1, ",'dimension':'c'"), "admitted");
}

/* A window that checks of different lengths look at. */
static void
test_windows_of_several_lengths(void **state)
{
    struct ff_rig *rig = *state;

    for (int n = 1; n <= 4; n++) {
        rig->now_ms = T + n * 1000;
        assert_string_equal(check_with(rig, 1, n, ",'rate_limit':9,'window_seconds':10"),
                            "admitted");
    }
    rig->now_ms = T + 4500; /* 03 and 04 are within 2 s */
    assert_string_equal(check_with(rig, 1, 9, ",'rate_limit':2,'window_seconds':2"),
                        "rate_exceeded{500}");
    assert_string_equal(check_with(rig, 1, 9, ",'rate_limit':1,'window_seconds':2"),
                        "rate_exceeded{1500}");
    assert_string_equal(check_with(rig, 1, 9, ",'rate_limit':4,'window_seconds':10"),
                        "rate_exceeded{6500}");
    assert_string_equal(check_with(rig, 1, 5, ",'rate_limit':3,'window_seconds':2"), "admitted");
    assert_string_equal(check_with(rig, 1, 9, ",'rate_limit':5,'window_seconds':10"),
                        "rate_exceeded{6500}");
    release_admission(rig, 1, 1);
    assert_string_equal(check_with(rig, 1, 9, ",'rate_limit':5,'window_seconds':10"), "admitted");
}

/* ---- slots ---- */

static void
test_a_slot_lasts_as_long_as_it_runs(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;
    struct ff_renew_result renewed;

    policy(rig, 1, 1, 0, 1);
    create_under(rig, 1, 1, "");
    create_under(rig, 2, 1, "");
    claim = claim_this(rig, 1);
    for (int i = 0; i < 5; i++) {
        rig->now_ms += 1000;
        assert_ok(renew(rig, &claim, &renewed));
        assert_string_equal(offer(rig, "[]", 1000), "no_work");
        assert_field(rig, 2, "eligibility_state", "blocked_by_quota");
        assert_answer(reconcile_quotas(rig),
                      i == 0 ? "{'processed':1,'errors':0}" : "{'processed':0,'errors':0}");
    }
    assert_ok(complete(rig, &claim, ""));
    assert_string_equal(offer(rig, "[]", 1000), "02");
}

static void
test_a_resumed_one_is_not_counted_again(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result one, two;

    policy(rig, 1, 60, 2, 1);
    create_under(rig, 1, 1, "");
    create_under(rig, 2, 1, "");
    one = claim_this(rig, 1);
    assert_ok(delay(rig, &one, rig->now_ms + 10)); /* it leaves `active` */
    two = claim_this(rig, 2);
    rig->now_ms += 10;
    assert_string_equal(promote(rig, 1), "promoted");
    assert_claims_nothing(rig);
    assert_field(rig, 1, "eligibility_state", "blocked_by_quota");
    assert_field(rig, 1, "public_state", "rate_limited");
    assert_ok(complete(rig, &two, ""));
    claim_this(rig, 1);
    assert_string_equal(check_with(rig, 1, 3, ",'concurrency_cap':0"), "rate_exceeded{59990}");
}

/* Those that the window has counted already pass others of their class that it has not (C-4). */
static void
test_a_retry_passes_a_full_window(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;
    struct ff_fail_result failed;

    policy(rig, 1, 60, 1, 0);
    create_under(rig, 2, 1, ",\"retry_policy\":{\"backoff\":{\"type\":\"fixed\",\"delay_ms\":10}}");
    claim = claim_this(rig, 2);
    create_under(rig, 1, 1,
                 ",\"priority\":9,"
                 "\"retry_policy\":{\"backoff\":{\"type\":\"fixed\",\"delay_ms\":10}}");
    assert_ok(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed));
    rig->now_ms += 10;
    assert_string_equal(promote(rig, 2), "promoted");
    claim = claim_this(rig, 2);
    assert_field(rig, 1, "eligibility_state", "blocked_by_quota");
    assert_int_equal(claim.attempt_type.v, FF_TYPE_RETRY);
}

static const struct leaving_row {
    const char *name;
    const char *how;
} leaving_rows[] = {
    { "05 S-2 complete", "complete" },     { "05 S-2 terminal fail", "fail" },
    { "05 S-2 retry scheduled", "retry" }, { "05 S-2 cancel", "cancel" },
    { "05 S-2 delay", "delay" },           { "05 S-2 wait_children", "wait_children" },
    { "05 S-2 expire", "expire" },         { "05 S-1 lapsed lease", "lapse" },
    { "05 S-1 revoked lease", "revoke" },
};

static void
leave(struct ff_rig *rig, const struct ff_claim_result *claim, const char *how)
{
    struct ff_fail_result failed;

    if (strcmp(how, "complete") == 0) {
        assert_ok(complete(rig, claim, ""));
    } else if (strcmp(how, "fail") == 0 || strcmp(how, "retry") == 0) {
        assert_ok(fail_as(rig, claim, how[0] == 'f' ? FF_FAILURE_PERMANENT : FF_FAILURE_TRANSIENT,
                          NULL, &failed));
    } else if (strcmp(how, "cancel") == 0) {
        assert_ok(cancel_as(rig, 1, OPERATOR));
    } else if (strcmp(how, "delay") == 0) {
        assert_ok(delay(rig, claim, rig->now_ms + 1000000));
    } else if (strcmp(how, "wait_children") == 0) {
        const struct ff_wait_children_args args = { .handle = *claim->handle };
        struct ff_wait_children_result result;

        assert_ok(ff_rig_wait_children(rig, &args, &result));
    } else if (strcmp(how, "expire") == 0) {
        rig->now_ms += 1000;
        assert_answer(member(rig,
                             ask(rig, FF_OP_expire_execution,
                                 "{'execution_id':'{fp:6}:00000000-0000-4000-8000-000000000001',"
                                 "'phase':'execution_deadline'}"),
                             "outcome"),
                      "expired");
    } else if (strcmp(how, "lapse") == 0) {
        rig->now_ms += TTL_MS;
        assert_string_equal(mark_expired(rig, 1), "marked_expired");
    } else {
        assert_answer(member(rig,
                             ask(rig, FF_OP_revoke_lease,
                                 "{'execution_id':'{fp:6}:00000000-0000-4000-8000-000000000001'}"),
                             "outcome"),
                      "revoked");
    }
}

/* Leaving `active` frees the slot in the same step; losing the lease does not. */
static void
test_leaving_row(void **state)
{
    const struct leaving_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    bool stays = strstr(row->name, "S-1") != NULL;
    struct ff_claim_result claim;

    policy(rig, 1, 600, 0, 1);
    create_under(rig, 1, 1,
                 ",\"retry_policy\":{},\"timeout_policy\":{\"execution_deadline_ms\":1000}");
    claim = claim_this(rig, 1);
    assert_string_equal(check(rig, 1, 2), "concurrency_exceeded");
    leave(rig, &claim, row->how);
    assert_string_equal(check(rig, 1, 2), stays ? "concurrency_exceeded" : "admitted");
    assert_answer(reconcile_quotas(rig), "{'processed':0,'errors':0}");
    ff_rig_free(rig);
}

/* A slot given by a check alone lasts until its guard lapses, or the execution ends (S-3). */
static void
test_a_slot_of_a_check(void **state)
{
    struct ff_rig *rig = *state;

    policy(rig, 1, 60, 0, 1);
    assert_string_equal(check(rig, 1, 1), "admitted");
    rig->now_ms = T + 59999;
    assert_string_equal(check(rig, 1, 2), "concurrency_exceeded");
    rig->now_ms = T + 60000;
    assert_string_equal(check(rig, 1, 2), "admitted");
    create(rig, 3);
    policy(rig, 2, 60, 0, 1);
    assert_string_equal(check(rig, 2, 3), "admitted");
    assert_string_equal(check(rig, 2, 4), "concurrency_exceeded");
    assert_ok(cancel_as(rig, 3, OPERATOR));
    assert_string_equal(check(rig, 2, 4), "admitted");
}

/* Of another policy than its own; it is held while the execution runs, whatever the window. */
static void
test_a_slot_of_another_policy(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim;

    create(rig, 1);
    policy(rig, 2, 1, 0, 1);
    assert_string_equal(check(rig, 2, 1), "admitted");
    claim = claim_this(rig, 1);
    rig->now_ms += 5000;
    assert_string_equal(check(rig, 2, 2), "concurrency_exceeded");
    assert_ok(complete(rig, &claim, ""));
    assert_string_equal(check(rig, 2, 2), "admitted");
}

static void
test_operator_and_reclaim_go_beyond_the_cap(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result one;
    const struct ff_issue_grant_and_claim_args args = { .execution_id = ff_rig_id(2),
                                                        .lane_id = ff_cstr(""),
                                                        .lease_ttl_ms = TTL_MS };
    struct ff_issue_grant_and_claim_result two;

    policy(rig, 1, 60, 1, 1);
    create_under(rig, 1, 1, "");
    create_under(rig, 2, 1, "");
    one = claim_this(rig, 1);
    assert_ok(ff_rig_issue_grant_and_claim(rig, &args, &two));
    assert_ok(complete(rig, &one, ""));
    assert_string_equal(check_with(rig, 1, 3, ",'rate_limit':0"), "concurrency_exceeded");
    rig->now_ms += TTL_MS;
    assert_string_equal(claim_this(rig, 2).outcome, "claimed"); /* as a reclaim */
    assert_field(rig, 2, "lease_reclaim_count", "1");
    assert_string_equal(check_with(rig, 1, 3, ",'rate_limit':0"), "concurrency_exceeded");
}

static void
test_drift_is_repaired(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_quota quota = {
        .created_at = FF_SOME(ff_opt_i64, T), .window_seconds = 60, .max_concurrent = 2, .slots = 5
    };
    struct ff_packer packer;
    struct ff_key key;

    policy(rig, 1, 60, 0, 2);
    assert_string_equal(check(rig, 1, 1), "admitted");
    assert_string_equal(check(rig, 1, 2), "admitted");
    quota.quota_policy_id =
        (struct ff_uuid){ .b = { 0xc0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1 } };
    key = ff_key_uuid(&quota.quota_policy_id);
    ff_packer_init(&packer);
    ff_row_encode(FF_R_QUOTA, &quota, &packer.pk);
    ff_rig_spoil(rig, FF_R_QUOTA, &key, ff_packer_str(&packer));
    ff_packer_done(&packer);
    assert_answer(reconcile_quotas(rig), "{'processed':1,'errors':0}");
    assert_answer(reconcile_quotas(rig), "{'processed':0,'errors':0}");
    assert_string_equal(check(rig, 1, 3), "concurrency_exceeded");
    release_admission(rig, 1, 1);
    assert_string_equal(check(rig, 1, 3), "admitted");
}

/* What no longer counts goes, and no answer changes by it. */
static void
test_reconcile_drops_what_has_lapsed(void **state)
{
    struct ff_rig *rig = *state;

    policy(rig, 1, 10, 3, 2);
    assert_string_equal(check(rig, 1, 1), "admitted");
    rig->now_ms = T + 5000;
    assert_string_equal(check(rig, 1, 2), "admitted");
    assert_answer(reconcile_quotas(rig), "{'processed':0,'errors':0}");
    rig->now_ms = T + 10000;
    assert_answer(reconcile_quotas(rig), "{'processed':1,'errors':0}");
    assert_answer(reconcile_quotas(rig), "{'processed':0,'errors':0}");
    assert_string_equal(check(rig, 1, 2), "already_admitted");
    assert_string_equal(check(rig, 1, 3), "admitted");
    assert_string_equal(check(rig, 1, 4), "concurrency_exceeded");
    rig->now_ms = T + 20000;
    assert_answer(reconcile_quotas(rig), "{'processed':1,'errors':0}");
    assert_answer(ask(rig, FF_OP_reconcile_quota_counters, "{'partition':'{b:1}'}"),
                  "!invalid_input unknown_family_prefix");
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(leaving_rows, test_leaving_row) };
    static const struct CMUnitTest tests[] = {
        RIG_TEST("05 ex 25 define", test_define),
        RIG_TEST("05 ex 26 rate", test_rate),
        RIG_TEST("05 ex 27 cap", test_cap),
        RIG_TEST("05 ex 28 refusals use no room", test_refusals_use_no_room),
        RIG_TEST("05 ex 28 what has run counts", test_what_has_run_counts),
        RIG_TEST("05 Q-2 twice in an instant", test_twice_in_an_instant),
        RIG_TEST("05 §2.4 checked, and then run", test_checked_and_then_run),
        RIG_TEST("05 ex 29 rate comes first", test_rate_comes_first),
        RIG_TEST("05 ex 30 jitter", test_jitter),
        RIG_TEST("05 ex 31 no window is a minute", test_no_window_is_a_minute),
        RIG_TEST("05 ex 32 an undefined policy", test_an_undefined_policy),
        RIG_TEST("05 §2.2 dimensions", test_dimensions),
        RIG_TEST("05 Q-2 windows of several lengths", test_windows_of_several_lengths),
        RIG_TEST("05 ex 33 a slot lasts as long as it runs", test_a_slot_lasts_as_long_as_it_runs),
        RIG_TEST("05 ex 34 a resumed one is not counted again",
                 test_a_resumed_one_is_not_counted_again),
        RIG_TEST("05 C-4 a retry passes a full window", test_a_retry_passes_a_full_window),
        RIG_TEST("05 S-3 a slot of a check", test_a_slot_of_a_check),
        RIG_TEST("05 S-1 a slot of another policy", test_a_slot_of_another_policy),
        RIG_TEST("05 C-11 operator and reclaim go beyond the cap",
                 test_operator_and_reclaim_go_beyond_the_cap),
        RIG_TEST("05 ex 35 drift is repaired", test_drift_is_repaired),
        RIG_TEST("05 §2.5 reconcile drops what has lapsed", test_reconcile_drops_what_has_lapsed),
    };

    return ff_rig_main("quota", tables, FF_COUNT(tables), tests, FF_COUNT(tests));
}
