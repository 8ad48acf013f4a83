/* claim_for_worker: those examples of 05 §8 that need neither budgets, quotas nor the registry. */

#include "tests/engine/lane.h"

static struct ff_claim_for_worker_args
schedule_args(struct ff_rig *rig, const char *capabilities_json)
{
    return (struct ff_claim_for_worker_args){
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-1"),
        .lane_id = ff_cstr("L"),
        .grant_ttl_ms = 1000,
        .worker_capabilities = ff_rig_any(rig, capabilities_json),
        .include_reclaimable = true,
    };
}

static struct ff_claim_for_worker_result
schedule(struct ff_rig *rig, const char *capabilities_json)
{
    struct ff_claim_for_worker_args args = schedule_args(rig, capabilities_json);
    struct ff_claim_for_worker_result result;

    assert_ok(ff_rig_claim_for_worker(rig, &args, &result));
    return result;
}

static void
test_schedule_order(void **state)
{
    struct ff_rig *rig = *state;

    create_of(rig, 1, 10, 1000000);
    create_of(rig, 2, 100, 1000001);
    create_of(rig, 3, 1000, 1000002);
    assert_int_equal(schedule(rig, "[]").execution_id.v.uuid.b[15], 3);
    assert_int_equal(schedule(rig, "[]").execution_id.v.uuid.b[15], 2);
    assert_int_equal(schedule(rig, "[]").execution_id.v.uuid.b[15], 1);
    assert_string_equal(schedule(rig, "[]").outcome, "no_work");
    rig->now_ms += 1000; /* the grants have lapsed */
    assert_int_equal(schedule(rig, "[]").execution_id.v.uuid.b[15], 3);
}

static void
test_schedule_over_fifty_heads(void **state)
{
    struct ff_rig *rig = *state;

    for (uint8_t i = 1; i <= 50; i++) {
        create_requiring(rig, i, 1, "[\"gpu\"]");
    }
    create(rig, 51);
    assert_int_equal(schedule(rig, "[]").execution_id.v.uuid.b[15], 51);
    assert_field(rig, 1, "eligibility_state", "blocked_by_route");
}

static void
test_schedule_then_consume(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_for_worker_result result;
    struct ff_claim_execution_result claim;

    create_requiring(rig, 1, 0, "[\"gpu\"]");
    assert_string_equal(schedule(rig, "[\"cpu\"]").outcome, "no_work");
    assert_field(rig, 1, "blocking_reason", "waiting_for_capable_worker");
    result = schedule(rig, "[\"gpu\"]");
    assert_string_equal(result.outcome, "granted");
    assert_int_equal(result.grant_kind.v, FF_GRANT_CLAIM);
    assert_true(ff_str_is(result.partition_key, "{fp:6}"));
    assert_int_equal(result.expires_at_ms.v, 1001000);
    assert_field(rig, 1, "eligibility_state", "eligible_now"); /* unblocked in the same step */
    assert_ok(claim_granted_as(rig, 1, "w", &claim));
}

static void
test_schedule_again(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_for_worker_args args = schedule_args(rig, "[]");
    struct ff_claim_for_worker_result first, again;
    struct ff_claim_execution_result claim;

    create(rig, 1);
    create(rig, 2);
    args.request_id = FF_SOME(ff_opt_uuid, ((struct ff_uuid){ .b = { 3 } }));
    assert_ok(ff_rig_claim_for_worker(rig, &args, &first));
    assert_ok(ff_rig_claim_for_worker(rig, &args, &again));
    assert_true(ff_str_eq(first.grant_key, again.grant_key));
    assert_ok(claim_granted_as(rig, 1, "w", &claim)); /* and while the lease lives */
    assert_ok(ff_rig_claim_for_worker(rig, &args, &again));
    assert_true(ff_str_eq(first.grant_key, again.grant_key));
    assert_int_equal(again.grant_kind.v, FF_GRANT_CLAIM);
    args.request_id.v.b[0] = 4;
    assert_ok(ff_rig_claim_for_worker(rig, &args, &again));
    assert_int_equal(again.execution_id.v.uuid.b[15], 2);
}

static void
test_schedule_lost_work(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_claim_for_worker_args args = schedule_args(rig, "[]");
    struct ff_claim_for_worker_result result;
    struct ff_reclaim_execution_args reclaim = {
        .execution_id = ff_rig_id(1),
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-1"),
        .lane_id = ff_cstr(""),
        .lease_ttl_ms = TTL_MS,
        .attempt_policy_json = ff_cstr(""),
    };
    struct ff_reclaim_execution_result reclaimed;

    create_of(rig, 1, 5, 1000000);
    claim_this(rig, 1);
    rig->now_ms += TTL_MS;
    create_of(rig, 2, 1, rig->now_ms);
    args.include_reclaimable = false;
    assert_ok(ff_rig_claim_for_worker(rig, &args, &result));
    assert_int_equal(result.execution_id.v.uuid.b[15], 2);
    args.include_reclaimable = true;
    assert_ok(ff_rig_claim_for_worker(rig, &args, &result));
    assert_int_equal(result.execution_id.v.uuid.b[15], 1);
    assert_int_equal(result.grant_kind.v, FF_GRANT_RECLAIM);
    assert_ok(ff_rig_reclaim_execution(rig, &reclaim, &reclaimed));
    assert_string_equal(reclaimed.outcome, "claimed");
    assert_int_equal(reclaimed.attempt_index.v, 1);
}

static const struct args_row {
    const char *name;
    const char *json;
    ff_err want;
} args_rows[] = {
    { "05 ex 45 grant ttl 0", "\"grant_ttl_ms\":0", FF_E_INVALID_INPUT },
    { "05 ex 45 grant ttl 60001", "\"grant_ttl_ms\":60001", FF_E_INVALID_INPUT },
    { "05 ex 45 lane empty", "\"grant_ttl_ms\":1,\"lane_id\":\"\"", FF_E_INVALID_INPUT },
    { "05 ex 45 worker with a space", "\"grant_ttl_ms\":1,\"worker_id\":\"a b\"",
      FF_E_INVALID_INPUT },
    { "05 ex 45 capability with a comma", "\"grant_ttl_ms\":1,\"worker_capabilities\":[\"a,b\"]",
      FF_E_INVALID_CAPABILITIES },
    { "block_ms beyond 30 s", "\"grant_ttl_ms\":1,\"block_ms\":30001", FF_E_INVALID_INPUT },
};

static void
test_args_row(void **state)
{
    const struct args_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_claim_for_worker_result result;
    const char *worker = strstr(row->json, "worker_id") == NULL ? "\"worker_id\":\"w\"," : "";
    const char *lane = strstr(row->json, "lane_id") == NULL ? "\"lane_id\":\"L\"," : "";
    struct ff_str json = ff_arena_printf(&rig->arena, "{%s\"worker_instance_id\":\"w-1\",%s%s}",
                                         worker, lane, row->json);

    assert_err(ff_rig_call_json(rig, FF_OP_claim_for_worker, json.p, &result), row->want);
    ff_rig_free(rig);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(args_rows, test_args_row) };
    static const struct CMUnitTest tests[] = {
        RIG_TEST("05 ex 46 scheduled in order", test_schedule_order),
        RIG_TEST("05 ex 52 scheduled over fifty heads", test_schedule_over_fifty_heads),
        RIG_TEST("05 ex 48, 49 blocked, then granted to a capable worker",
                 test_schedule_then_consume),
        RIG_TEST("05 ex 62b asked again with its request id", test_schedule_again),
        RIG_TEST("05 ex 62a lost work is scheduled", test_schedule_lost_work),
    };

    return ff_rig_main("schedule", tables, FF_COUNT(tables), tests, FF_COUNT(tests));
}
