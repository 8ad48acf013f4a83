/* life.h: short forms of what most tests of the life of an execution do first.
 *
 * As in the examples of 02: lane L, namespace N, worker w / w-1, lease ttl 30 000, the clock starts
 * at 1 000 000.
 */
#ifndef FF_TESTS_ENGINE_LIFE_H
#define FF_TESTS_ENGINE_LIFE_H

#include "tests/rig/rig.h"

#define TTL_MS 30000
#define OPERATOR "operator_override"

#define assert_err(call, err) assert_int_equal((call), (err))
#define assert_ok(call) assert_int_equal((call), FF_E_OK)
/* A core field of execution `number`. */
#define assert_field(rig, number, field, want)                                                     \
    do {                                                                                           \
        struct ff_eid field_id_ = ff_rig_id(number);                                               \
        assert_string_equal(ff_rig_field((rig), &field_id_, (field)), (want));                     \
    } while (0)
#define assert_detail(rig, key, want) assert_string_equal(ff_rig_detail((rig), (key)), (want))

static inline void
create_with(struct ff_rig *rig, uint8_t number, const char *policy_json)
{
    struct ff_create_execution_args args = ff_rig_new_exec(number);
    struct ff_create_execution_result result;

    if (policy_json != NULL) {
        args.policy = ff_rig_any(rig, policy_json);
    }
    assert_ok(ff_rig_create_execution(rig, &args, &result));
    assert_string_equal(result.outcome, "created");
}

static inline void
create(struct ff_rig *rig, uint8_t number)
{
    create_with(rig, number, NULL);
}

static inline struct ff_claim_args
claim_args(struct ff_rig *rig, const char *capabilities_json)
{
    return (struct ff_claim_args){
        .lane_id = ff_cstr("L"),
        .worker_capabilities = ff_rig_any(rig, capabilities_json),
        .worker_id = ff_cstr("w"),
        .worker_instance_id = ff_cstr("w-1"),
        .lease_ttl_ms = TTL_MS,
        .include_reclaimable = true,
    };
}

/* What a worker without capabilities gets next; outcome `none` when there is nothing. */
static inline struct ff_claim_result
claim_next(struct ff_rig *rig)
{
    struct ff_claim_args args = claim_args(rig, "[]");
    struct ff_claim_result result;

    assert_ok(ff_rig_claim(rig, &args, &result));
    return result;
}

/* Claims exactly this one. */
static inline struct ff_claim_result
claim_this(struct ff_rig *rig, uint8_t number)
{
    struct ff_claim_result claim = claim_next(rig);

    assert_string_equal(claim.outcome, "claimed");
    assert_true(ff_eid_eq(claim.execution_id.v, ff_rig_id(number)));
    return claim;
}

static inline void
assert_claims_nothing(struct ff_rig *rig)
{
    assert_string_equal(claim_next(rig).outcome, "none");
}

static inline struct ff_claim_result
create_and_claim(struct ff_rig *rig, uint8_t number)
{
    create(rig, number);
    return claim_this(rig, number);
}

static inline struct ff_fence
fence_of(const struct ff_claim_result *claim)
{
    return (struct ff_fence){ .lease_id = claim->lease_id,
                              .lease_epoch = claim->lease_epoch,
                              .attempt_id = claim->attempt_id };
}

/* Text arguments of the operations that act on a handle. */
static inline ff_err
complete(struct ff_rig *rig, const struct ff_claim_result *claim, const char *payload)
{
    const struct ff_complete_args args = { .handle = *claim->handle, .payload = ff_cstr(payload) };
    struct ff_complete_result result;

    return ff_rig_complete(rig, &args, &result);
}

static inline ff_err
fail_as(struct ff_rig *rig, const struct ff_claim_result *claim, enum ff_failure_class class,
        const char *category, struct ff_fail_result *result)
{
    const struct ff_fail_args args = {
        .handle = *claim->handle,
        .reason = { .message = ff_cstr("it broke") },
        .classification = class,
        .failure_category = ff_cstr(category),
    };

    return ff_rig_fail(rig, &args, result);
}

static inline ff_err
renew(struct ff_rig *rig, const struct ff_claim_result *claim, struct ff_renew_result *result)
{
    const struct ff_renew_args args = { .handle = *claim->handle };

    return ff_rig_renew(rig, &args, result);
}

static inline ff_err
delay(struct ff_rig *rig, const struct ff_claim_result *claim, int64_t until_ms)
{
    const struct ff_delay_args args = { .handle = *claim->handle, .delay_until = until_ms };
    struct ff_delay_result result;
    ff_err err = ff_rig_delay(rig, &args, &result);

    if (err == FF_E_OK) {
        assert_int_equal(result.delay_until, until_ms);
    }
    return err;
}

static inline const char *
promote(struct ff_rig *rig, uint8_t number)
{
    const struct ff_promote_delayed_args args = { .execution_id = ff_rig_id(number),
                                                  .lane_id = ff_cstr("") };
    struct ff_promote_delayed_result result;

    assert_ok(ff_rig_promote_delayed(rig, &args, &result));
    return result.outcome;
}

static inline const char *
mark_expired(struct ff_rig *rig, uint8_t number)
{
    const struct ff_mark_lease_expired_if_due_args args = { .execution_id = ff_rig_id(number) };
    struct ff_mark_lease_expired_if_due_result result;

    assert_ok(ff_rig_mark_lease_expired_if_due(rig, &args, &result));
    return result.outcome;
}

static inline ff_err
cancel_as(struct ff_rig *rig, uint8_t number, const char *source)
{
    const struct ff_cancel_execution_args args = { .execution_id = ff_rig_id(number),
                                                   .reason = ff_cstr("why not"),
                                                   .source = ff_cstr(source) };
    struct ff_cancel_execution_result result;

    return ff_rig_cancel_execution(rig, &args, &result);
}

static inline struct ff_execution_view
describe(struct ff_rig *rig, uint8_t number)
{
    const struct ff_describe_execution_args args = { .execution_id = ff_rig_id(number) };
    struct ff_describe_execution_result result;

    assert_ok(ff_rig_describe_execution(rig, &args, &result));
    assert_non_null(result.execution);
    return *result.execution;
}

static inline struct ff_attempt_view
describe_attempt(struct ff_rig *rig, uint8_t number, uint32_t index)
{
    const struct ff_describe_attempt_args args = { .execution_id = ff_rig_id(number),
                                                   .attempt_index = index };
    struct ff_describe_attempt_result result;

    assert_ok(ff_rig_describe_attempt(rig, &args, &result));
    assert_non_null(result.attempt);
    return *result.attempt;
}

/* The seven dimensions as one text, as the rows of 02 §2 have them. */
static inline const char *
vector(struct ff_rig *rig, uint8_t number)
{
    struct ff_eid id = ff_rig_id(number);
    static const char *const dimensions[] = { "lifecycle_phase",   "ownership_state",
                                              "eligibility_state", "blocking_reason",
                                              "terminal_outcome",  "attempt_state",
                                              "public_state" };
    struct ff_str text = ff_cstr("");

    for (size_t i = 0; i < FF_COUNT(dimensions); i++) {
        text = ff_arena_printf(&rig->arena, "%s%s%s", text.p, i == 0 ? "" : " ",
                               ff_rig_field(rig, &id, dimensions[i]));
    }
    return text.p;
}

/* A test under its own name with a fresh rig. */
#define RIG_TEST(name_, test_)                                                                     \
    {                                                                                              \
        .name = (name_), .test_func = (test_), .setup_func = ff_rig_setup,                         \
        .teardown_func = ff_rig_teardown                                                           \
    }

#endif
