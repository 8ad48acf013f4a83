/* Fencing, renewal, progress: examples 22 to 25 of 02; 51, 52, 53 of 01. */

#include "tests/engine/life.h"

static ff_err
renew_fenced(struct ff_rig *rig, const struct ff_fence *fence, uint32_t attempt_index,
             uint64_t ttl_ms, struct ff_renew_lease_result *result)
{
    struct ff_fence copy =
        fence == NULL ? (struct ff_fence){ .lease_id = { .is = false } } : *fence;
    const struct ff_renew_lease_args args = {
        .execution_id = ff_rig_id(1),
        .attempt_index = attempt_index,
        .fence = fence == NULL ? NULL : &copy,
        .lease_ttl_ms = ttl_ms,
        .lease_history_grace_ms = 60000,
    };

    return ff_rig_renew_lease(rig, &args, result);
}

static void
test_renew(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(1);
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_fence fence = fence_of(&claim);
    struct ff_renew_result renewed;
    struct ff_renew_lease_result leased;

    rig->now_ms += 10000;
    assert_ok(renew(rig, &claim, &renewed));
    assert_int_equal(renewed.lease_expires_at, rig->now_ms + TTL_MS);
    assert_int_equal(renewed.lease_epoch, 1);
    assert_field(rig, 1, "lease_renewal_deadline", "1030000");
    assert_field(rig, 1, "lease_last_renewed_at", "1010000");
    assert_ok(renew_fenced(rig, &fence, 0, 5000, &leased));
    assert_int_equal(leased.lease_expires_at, rig->now_ms + 5000);
    assert_string_equal(leased.outcome, "renewed");
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_LEASE_HISTORY, "renewed", &id), 2);
    assert_err(renew_fenced(rig, &fence, 0, 0, &leased), FF_E_INVALID_INPUT);
}

/* ---- fences that do not fit ---- */

enum spoil { WHOLE, NO_FENCE, NO_ATTEMPT, BAD_LEASE, BAD_EPOCH, BAD_ATTEMPT, BAD_INDEX };

static const struct fence_row {
    const char *name;
    enum spoil spoil;
    ff_err want;
} fence_rows[] = {
    { "02 ex 22 whole fence", WHOLE, FF_E_OK },
    { "02 ex 22, 01 ex 52 renew without fence", NO_FENCE, FF_E_FENCE_REQUIRED },
    { "02 ex 22 fence without attempt id", NO_ATTEMPT, FF_E_PARTIAL_FENCE_TRIPLE },
    { "02 ex 22 wrong lease id", BAD_LEASE, FF_E_STALE_LEASE },
    { "02 ex 22 wrong epoch", BAD_EPOCH, FF_E_STALE_LEASE },
    { "02 ex 22 wrong attempt id", BAD_ATTEMPT, FF_E_STALE_LEASE },
    { "02 ex 22 wrong attempt index", BAD_INDEX, FF_E_STALE_LEASE },
};

static void
test_fence_row(void **state)
{
    const struct fence_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_fence fence = fence_of(&claim);
    struct ff_renew_lease_result result;

    fence.attempt_id.is = row->spoil != NO_ATTEMPT;
    fence.lease_id.v.b[0] ^= row->spoil == BAD_LEASE;
    fence.lease_epoch.v += row->spoil == BAD_EPOCH;
    fence.attempt_id.v.b[0] ^= row->spoil == BAD_ATTEMPT;
    assert_err(renew_fenced(rig, row->spoil == NO_FENCE ? NULL : &fence, row->spoil == BAD_INDEX,
                            TTL_MS, &result),
               row->want);
    ff_rig_free(rig);
}

/* ---- the end of a lease ---- */

static void
test_lapse_is_recorded_once(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_eid id = ff_rig_id(1);
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_renew_result renewed;
    struct ff_event event;

    rig->now_ms += TTL_MS;
    assert_err(renew(rig, &claim, &renewed), FF_E_LEASE_EXPIRED);
    assert_string_equal(vector(rig, 1),
                        "active lease_expired_reclaimable not_applicable waiting_for_worker none "
                        "attempt_interrupted active");
    assert_field(rig, 1, "lease_expired_at", "1030000");
    assert_null(describe(rig, 1).current_lease);
    assert_int_equal(describe_attempt(rig, 1, 0).attempt_lifecycle, FF_LIFE_STARTED);
    event = ff_rig_last_event(rig, FF_FAMILY_LEASE_HISTORY);
    assert_true(ff_str_is(event.event, "expired"));
    assert_true(ff_str_is(event.reason, "lease_ttl"));
    assert_true(ff_str_is(event.worker_instance_id, "w-1"));
    assert_err(complete(rig, &claim, NULL), FF_E_LEASE_EXPIRED);
    assert_int_equal(ff_rig_count(rig, FF_FAMILY_LEASE_HISTORY, "expired", &id), 1);
}

static void
test_progress_records_no_lapse(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    const struct ff_progress_args args = { .handle = *claim.handle,
                                           .percent = FF_SOME(ff_opt_u32, 1) };
    struct ff_progress_result result;

    rig->now_ms += TTL_MS;
    assert_err(ff_rig_progress(rig, &args, &result), FF_E_LEASE_EXPIRED);
    assert_field(rig, 1, "ownership_state", "leased");
    assert_int_equal(ff_rig_events(rig, FF_FAMILY_LEASE_HISTORY).n, 1);
}

static ff_err
progress(struct ff_rig *rig, const struct ff_claim_result *claim, int percent, const char *message)
{
    struct ff_progress_args args = { .handle = *claim->handle, .message = ff_cstr(message) };
    struct ff_progress_result result;

    if (percent >= 0) {
        args.percent = FF_SOME(ff_opt_u32, (uint32_t) percent);
    }
    return ff_rig_progress(rig, &args, &result);
}

static void
test_progress(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);

    rig->now_ms += 1;
    assert_ok(progress(rig, &claim, 40, "a"));
    assert_ok(progress(rig, &claim, -1, "b"));
    assert_field(rig, 1, "progress_pct", "40");
    assert_field(rig, 1, "progress_message", "b");
    assert_ok(progress(rig, &claim, 50, NULL));
    assert_field(rig, 1, "progress_pct", "50");
    assert_field(rig, 1, "progress_message", "b");
    rig->now_ms += 1;
    assert_ok(progress(rig, &claim, -1, NULL));
    assert_field(rig, 1, "progress_updated_at", "1000001");
    assert_field(rig, 1, "last_mutation_at", "1000001");
    assert_field(rig, 1, "lease_expires_at", "1030000");
    assert_err(progress(rig, &claim, 101, NULL), FF_E_INVALID_INPUT);
    assert_ok(complete(rig, &claim, NULL));
    assert_err(progress(rig, &claim, 60, NULL), FF_E_EXECUTION_NOT_ACTIVE);
}

/* ---- without a fence ---- */

static ff_err
complete_by(struct ff_rig *rig, const char *source, const struct ff_fence *fence)
{
    struct ff_fence copy =
        fence == NULL ? (struct ff_fence){ .lease_id = { .is = false } } : *fence;
    const struct ff_complete_execution_args args = {
        .execution_id = ff_rig_id(1),
        .fence = fence == NULL ? NULL : &copy,
        .source = ff_cstr(source),
    };
    struct ff_complete_execution_result result;
    ff_err err = ff_rig_complete_execution(rig, &args, &result);

    if (err == FF_E_OK) {
        assert_int_equal(result.public_state, FF_PUBLIC_COMPLETED);
    }
    return err;
}

static void
test_override(void **state)
{
    struct ff_rig *rig = *state;

    create_and_claim(rig, 1);
    assert_err(complete_by(rig, "lease_holder", NULL), FF_E_FENCE_REQUIRED);
    assert_ok(complete_by(rig, OPERATOR, NULL));
    assert_field(rig, 1, "public_state", "completed");
    assert_err(complete_by(rig, OPERATOR, NULL), FF_E_EXECUTION_NOT_ACTIVE);
}

static void
test_override_of_a_lapsed_lease(void **state)
{
    struct ff_rig *rig = *state;

    create_and_claim(rig, 1);
    rig->now_ms += TTL_MS;
    assert_err(complete_by(rig, OPERATOR, NULL), FF_E_LEASE_EXPIRED);
}

static void
test_fence_in_part(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_str json = ff_arena_printf(
        &rig->arena,
        "{\"execution_id\":\"{fp:6}:00000000-0000-4000-8000-000000000001\",\"fence\":"
        "{\"lease_id\":\"%s\",\"lease_epoch\":\"\",\"attempt_id\":\"\"}}",
        "00000000-0000-4000-8000-000000000009");
    struct ff_fence empty = { .lease_id = { .is = false } };

    assert_err(ff_rig_call_json(rig, FF_OP_complete_execution, json.p, NULL),
               FF_E_PARTIAL_FENCE_TRIPLE);
    assert_detail(rig, "missing", "[\"lease_epoch\",\"attempt_id\"]");
    assert_err(complete_by(rig, "lease_holder", &empty), FF_E_FENCE_REQUIRED);
    empty = fence_of(&claim);
    assert_ok(complete_by(rig, "lease_holder", &empty));
}

/* ---- handles ---- */

static void
test_late_and_superseded(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1), next;

    rig->now_ms += TTL_MS - 1;
    create(rig, 2);
    rig->now_ms += 1;
    assert_err(complete(rig, &claim, NULL), FF_E_LEASE_EXPIRED);
    assert_field(rig, 1, "ownership_state", "lease_expired_reclaimable");
    next = claim_next(rig);
    assert_true(ff_str_is(next.handle->kind, "reclaimed"));
    assert_err(complete(rig, &claim, NULL), FF_E_STALE_LEASE);
    rig->now_ms += TTL_MS; /* the successor's lease has lapsed too */
    assert_err(complete(rig, &claim, NULL), FF_E_LEASE_EXPIRED);
}

static void
test_in_time(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);

    rig->now_ms += TTL_MS - 1;
    assert_ok(complete(rig, &claim, NULL));
}

static void
test_twice(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);
    struct ff_fail_result failed;

    assert_ok(complete(rig, &claim, NULL));
    assert_ok(complete(rig, &claim, NULL));
    assert_err(fail_as(rig, &claim, FF_FAILURE_TRANSIENT, NULL, &failed),
               FF_E_EXECUTION_NOT_ACTIVE);
    assert_detail(rig, "terminal_outcome", "success");
    assert_detail(rig, "lease_epoch", "1");
    assert_detail(rig, "lifecycle_phase", "terminal");
    assert_int_equal(strlen(ff_rig_detail(rig, "attempt_id")), 36);
}

static void
test_foreign_handle(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_result claim = create_and_claim(rig, 1);

    claim.handle->backend = ff_cstr("elsewhere");
    claim.handle->opaque = ff_cstr("unreadable");
    assert_err(complete(rig, &claim, NULL), FF_E_HANDLE_FROM_OTHER_BACKEND);
    assert_detail(rig, "where", "handle");
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(fence_rows, test_fence_row) };
    static const struct CMUnitTest tests[] = {
        RIG_TEST("02 ex 22 renew", test_renew),
        RIG_TEST("02 ex 23 a lapse is recorded once", test_lapse_is_recorded_once),
        RIG_TEST("02 ex 23 progress records no lapse", test_progress_records_no_lapse),
        RIG_TEST("02 ex 24 progress", test_progress),
        RIG_TEST("02 ex 25, 01 ex 52 override", test_override),
        RIG_TEST("02 ex 25 override of a lapsed lease", test_override_of_a_lapsed_lease),
        RIG_TEST("01 ex 52 a fence in part", test_fence_in_part),
        RIG_TEST("01 ex 51 late, and superseded", test_late_and_superseded),
        RIG_TEST("01 ex 51 in time", test_in_time),
        RIG_TEST("01 ex 53 complete twice, then fail", test_twice),
        RIG_TEST("01 ex 50 a handle of another backend", test_foreign_handle),
    };

    return ff_rig_main("lease", tables, FF_COUNT(tables), tests, FF_COUNT(tests));
}
