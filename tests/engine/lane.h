/* lane.h: short forms for what concerns a lane: its state, its order, grants. See life.h. */
#ifndef FF_TESTS_ENGINE_LANE_H
#define FF_TESTS_ENGINE_LANE_H

#include "tests/engine/life.h"

static inline void
create_of(struct ff_rig *rig, uint8_t number, int32_t priority, int64_t at_ms)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result result;

    rig->now_ms = at_ms;
    args.priority = FF_SOME(ff_opt_i32, priority);
    assert_ok(ff_rig_create_execution(rig, &args, &result));
}

static inline void
create_requiring(struct ff_rig *rig, uint8_t number, int32_t priority, const char *tokens_json)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result result;

    args.priority = FF_SOME(ff_opt_i32, priority);
    args.policy =
        ff_rig_any(rig, ff_arena_printf(&rig->arena,
                                        "{\"routing_requirements\":{\"required_capabilities\":%s}}",
                                        tokens_json)
                            .p);
    assert_ok(ff_rig_create_execution(rig, &args, &result));
}

static inline void
set_lane(struct ff_rig *rig, enum ff_lane_state state)
{
    const struct ff_set_lane_state_args args = { .lane_id = ff_cstr("L"), .state = state };
    struct ff_set_lane_state_result result;

    assert_ok(ff_rig_set_lane_state(rig, &args, &result));
}

static inline struct ff_strs
scan(struct ff_rig *rig, uint32_t limit)
{
    const struct ff_scan_eligible_executions_args args = { .lane_id = ff_cstr("L"),
                                                           .limit = limit };
    struct ff_scan_eligible_executions_result result;

    assert_ok(ff_rig_scan_eligible_executions(rig, &args, &result));
    return result.execution_ids;
}

/* The ids of a list by their last two digits: "03 01". */
static inline const char *
numbers(struct ff_rig *rig, struct ff_strs ids)
{
    struct ff_str text = ff_cstr("");

    for (uint32_t i = 0; i < ids.n; i++) {
        text = ff_arena_printf(&rig->arena, "%s%s%.2s", text.p, i == 0 ? "" : " ",
                               ids.v[i].p + ids.v[i].n - 2);
    }
    return text.p;
}

static inline ff_err
grant(struct ff_rig *rig, uint8_t number, const char *capabilities_json,
      struct ff_issue_claim_grant_result *result)
{
    const struct ff_issue_claim_grant_args args = {
        .execution_id = ff_rig_id(number),
        .lane_id = ff_cstr("L"),
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-1"),
        .worker_capabilities = ff_rig_any(rig, capabilities_json),
        .grant_ttl_ms = 5000,
    };

    return ff_rig_issue_claim_grant(rig, &args, result);
}

static inline void
granted(struct ff_rig *rig, uint8_t number)
{
    struct ff_issue_claim_grant_result result;

    assert_ok(grant(rig, number, "[]", &result));
    assert_string_equal(result.outcome, "granted");
}

static inline ff_err
claim_granted_as(struct ff_rig *rig, uint8_t number, const char *worker_id,
                 struct ff_claim_execution_result *result)
{
    const struct ff_claim_execution_args args = {
        .execution_id = ff_rig_id(number),
        .worker_id = ff_cstr(worker_id),
        .worker_instance_id = ff_cstr("w-1"),
        .lane_id = ff_cstr(""),
        .lease_ttl_ms = TTL_MS,
        .attempt_policy_json = ff_cstr(""),
    };

    return ff_rig_claim_execution(rig, &args, result);
}

static inline ff_err
claim_resumed_granted(struct ff_rig *rig, uint8_t number,
                      struct ff_claim_resumed_execution_result *result)
{
    const struct ff_claim_resumed_execution_args args = {
        .execution_id = ff_rig_id(number),
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-1"),
        .lane_id = ff_cstr(""),
        .lease_ttl_ms = TTL_MS,
    };

    return ff_rig_claim_resumed_execution(rig, &args, result);
}

#endif
