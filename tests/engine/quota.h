/* quota.h: short forms for quota policies, in the notation of the examples of 05. */
#ifndef FF_TESTS_ENGINE_QUOTA_H
#define FF_TESTS_ENGINE_QUOTA_H

#include "tests/engine/ask.h"
#include "tests/engine/lane.h"

#define POLICY_ID "c0000000-0000-4000-8000-0000000000"

static inline const char *
policy(struct ff_rig *rig, int n, int window_s, int rate, int cap)
{
    return member(rig,
                  ask(rig, FF_OP_create_quota_policy,
                      "{'quota_policy_id':'" POLICY_ID "%02d','window_seconds':%d,"
                      "'max_requests_per_window':%d,'max_concurrent':%d}",
                      n, window_s, rate, cap),
                  "outcome");
}

/* admitted, already_admitted, rate_exceeded{600}, concurrency_exceeded. more: JSON behind a comma.
 */
static inline const char *
check_with(struct ff_rig *rig, int n, int execution, const char *more)
{
    const char *answer = ask(rig, FF_OP_check_admission,
                             "{'quota_policy_id':'" POLICY_ID "%02d','execution_id':"
                             "'{fp:6}:00000000-0000-4000-8000-0000000000%02x'%s}",
                             n, execution, more);
    const char *wait_ms = member(rig, answer, "retry_after_ms");

    if (answer[0] == '!') {
        return answer;
    }
    return ff_arena_printf(&rig->arena, wait_ms[0] == '\0' ? "%s%s" : "%s{%s}",
                           member(rig, answer, "outcome"), wait_ms)
        .p;
}

static inline const char *
check(struct ff_rig *rig, int n, int execution)
{
    return check_with(rig, n, execution, "");
}

static inline void
release_admission(struct ff_rig *rig, int n, int execution)
{
    assert_answer(ask(rig, FF_OP_release_admission,
                      "{'quota_policy_id':'" POLICY_ID "%02d','execution_id':"
                      "'{fp:6}:00000000-0000-4000-8000-0000000000%02x'}",
                      n, execution),
                  "{'outcome':'released'}");
}

static inline const char *
reconcile_quotas(struct ff_rig *rig)
{
    return ask(rig, FF_OP_reconcile_quota_counters, "{}");
}

/* An execution attached to policy n. */
static inline void
create_under(struct ff_rig *rig, uint8_t number, int n, const char *more)
{
    create_with(
        rig, number,
        ff_arena_printf(&rig->arena, "{\"quota_policy_id\":\"" POLICY_ID "%02d\"%s}", n, more).p);
}

/* claim_for_worker by w-1 with these capabilities: the last two digits of what is granted, or
 * no_work; "!code" for an error. */
static inline const char *
offer(struct ff_rig *rig, const char *capabilities_json, uint64_t ttl_ms)
{
    const struct ff_claim_for_worker_args args = {
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-1"),
        .lane_id = ff_cstr("L"),
        .grant_ttl_ms = ttl_ms,
        .worker_capabilities = ff_rig_any(rig, capabilities_json),
        .include_reclaimable = true,
    };
    struct ff_claim_for_worker_result result;
    ff_err err = ff_rig_claim_for_worker(rig, &args, &result);

    if (err != FF_E_OK) {
        return ff_arena_printf(&rig->arena, "!%s", ff_error_info(err)->code).p;
    }
    if (!result.execution_id.is) {
        return result.outcome;
    }
    return ff_arena_printf(&rig->arena, "%02x", result.execution_id.v.uuid.b[15]).p;
}

#endif
