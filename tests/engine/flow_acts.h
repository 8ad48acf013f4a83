/* flow_acts.h: short forms for what happens in a flow that is built; see flow.h. */
#ifndef FF_TESTS_ENGINE_FLOW_ACTS_H
#define FF_TESTS_ENGINE_FLOW_ACTS_H

#include "tests/engine/flow.h"

#include "core/id.h"

static inline ff_err
set_policy(struct ff_rig *rig, uint8_t number, const char *policy_json,
           struct ff_set_edge_group_policy_result *result)
{
    const struct ff_set_edge_group_policy_args args = {
        .flow_id = F,
        .downstream_execution_id = ff_rig_id(number),
        .policy = ff_rig_any(rig, policy_json),
    };

    return ff_rig_set_edge_group_policy(rig, &args, result);
}

static inline void
policy(struct ff_rig *rig, uint8_t number, const char *policy_json)
{
    struct ff_set_edge_group_policy_result result;

    assert_ok(set_policy(rig, number, policy_json, &result));
    assert_string_equal(result.outcome, "set");
}

static inline ff_err
resolve_ends(struct ff_rig *rig, const uint8_t edge[3], const char *outcome,
             struct ff_resolve_dependency_result *result)
{
    struct ff_uuid flow_id = F, edge_id = edge_id_of(edge[0]);
    struct ff_eid upstream = ff_rig_id(edge[1]), downstream = ff_rig_id(edge[2]);
    char flow[FF_UUID_TEXT_MAX], id[FF_UUID_TEXT_MAX], up[FF_EID_TEXT_MAX], down[FF_EID_TEXT_MAX];

    ff_uuid_text(&flow_id, flow);
    ff_uuid_text(&edge_id, id);
    ff_eid_text(&upstream, up);
    ff_eid_text(&downstream, down);
    memset(result, 0, sizeof(*result));
    return ff_rig_call_json(
        rig, FF_OP_resolve_dependency,
        ff_arena_printf(&rig->arena,
                        "{\"flow_id\":\"%s\",\"edge_id\":\"%s\",\"upstream_execution_id\":\"%s\","
                        "\"downstream_execution_id\":\"%s\",\"upstream_outcome\":\"%s\"}",
                        flow, id, up, down, outcome)
            .p,
        result);
}

static inline struct ff_cascade_completion_result
cascade(struct ff_rig *rig, uint8_t number)
{
    const struct ff_cascade_completion_args args = { .execution_id = ff_rig_id(number),
                                                     .outcome = ff_cstr("whatever") };
    struct ff_cascade_completion_result result;

    assert_ok(ff_rig_cascade_completion(rig, &args, &result));
    assert_true(result.synchronous);
    return result;
}

static inline const char *
evaluate(struct ff_rig *rig, uint8_t number)
{
    const struct ff_evaluate_flow_eligibility_args args = { .execution_id = ff_rig_id(number) };
    struct ff_evaluate_flow_eligibility_result result;

    assert_ok(ff_rig_evaluate_flow_eligibility(rig, &args, &result));
    assert_string_equal(result.outcome, "status");
    return result.status;
}

/* Lets a worker have exactly this one, whatever else waits before it. */

static inline struct ff_issue_grant_and_claim_result
take(struct ff_rig *rig, uint8_t number)
{
    const struct ff_issue_grant_and_claim_args args = {
        .execution_id = ff_rig_id(number),
        .lane_id = ff_cstr("L"),
        .lease_ttl_ms = TTL_MS,
    };
    struct ff_issue_grant_and_claim_result result;

    assert_ok(ff_rig_issue_grant_and_claim(rig, &args, &result));
    return result;
}

static inline void
activate(struct ff_rig *rig, uint8_t number)
{
    take(rig, number);
}

static inline void
complete_one(struct ff_rig *rig, uint8_t number, const char *payload)
{
    struct ff_complete_execution_args args = { .execution_id = ff_rig_id(number),
                                               .source = ff_cstr(OPERATOR),
                                               .result_payload = ff_cstr(payload) };
    struct ff_complete_execution_result result;

    if (describe(rig, number).public_state != FF_PUBLIC_ACTIVE) {
        take(rig, number);
    }
    assert_ok(ff_rig_complete_execution(rig, &args, &result));
}

/* What has become of it; it runs. */
static inline const char *
fail_with(struct ff_rig *rig, uint8_t number, const char *retry_policy)
{
    const struct ff_fail_execution_args args = { .execution_id = ff_rig_id(number),
                                                 .source = ff_cstr(OPERATOR),
                                                 .failure_reason = ff_cstr("it broke"),
                                                 .failure_category = ff_cstr(""),
                                                 .retry_policy_json = ff_cstr(retry_policy),
                                                 .next_attempt_policy_json = ff_cstr("") };
    struct ff_fail_execution_result result;

    assert_ok(ff_rig_fail_execution(rig, &args, &result));
    return result.outcome;
}

static inline const char *
break_for_a_second(struct ff_rig *rig, uint8_t number)
{
    return fail_with(rig, number,
                     "{\"max_retries\":3,\"backoff\":{\"type\":\"fixed\",\"delay_ms\":1000}}");
}

static inline void
fail_one(struct ff_rig *rig, uint8_t number)
{
    if (describe(rig, number).public_state != FF_PUBLIC_ACTIVE) {
        take(rig, number);
    }
    assert_string_equal(fail_with(rig, number, ""), "terminal_failed");
}

static inline void
succeed(struct ff_rig *rig, uint8_t number)
{
    complete_one(rig, number, NULL);
    cascade(rig, number);
}

static inline void
break_down(struct ff_rig *rig, uint8_t number)
{
    fail_one(rig, number);
    cascade(rig, number);
}

static inline const char *
replay(struct ff_rig *rig, uint8_t number)
{
    const struct ff_replay_execution_args args = { .execution_id = ff_rig_id(number),
                                                   .reason = ff_cstr(""),
                                                   .requested_by = ff_cstr("") };
    struct ff_replay_execution_result result;

    assert_ok(ff_rig_replay_execution(rig, &args, &result));
    return ff_word(&ff_vocab_public_state, result.public_state);
}

static inline const char *
payload_of(struct ff_rig *rig, uint8_t number)
{
    const struct ff_read_execution_context_args args = { .execution_id = ff_rig_id(number) };
    struct ff_read_execution_context_result result;

    assert_ok(ff_rig_read_execution_context(rig, &args, &result));
    return ff_arena_printf(&rig->arena, "%.*s", (int) result.input_payload.n,
                           result.input_payload.n == 0 ? "" : result.input_payload.p)
        .p;
}

/* Of the edge between two members. */
#define resolve(rig, edge, from, to, outcome, result)                                              \
    resolve_ends((rig), (const uint8_t[]){ (edge), (from), (to) }, (outcome), (result))

/* Background work from here on. */
static inline void
consume(struct ff_rig *rig)
{
    ff_engine_consume(rig->engine);
}

#endif
