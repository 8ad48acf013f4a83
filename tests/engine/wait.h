/* wait.h: short forms for suspensions: conditions as JSON text, suspend, deliver. See life.h.
 *
 * As in the examples of 03: current key k1, reason waiting_for_approval, sources of type user.
 */
#ifndef FF_TESTS_ENGINE_WAIT_H
#define FF_TESTS_ENGINE_WAIT_H

#include <stdio.h>

#include "core/id.h"
#include "tests/engine/lane.h"

#define T 1000000
#define SECRET_1 "0101010101010101010101010101010101010101010101010101010101010101"
#define SECRET_2 "0202020202020202020202020202020202020202020202020202020202020202"
#define SECRET_3 "0303030303030303030303030303030303030303030303030303030303030303"

#define BY_NAME(name) "{\"kind\":\"by_name\",\"name\":\"" name "\"}"
#define WILDCARD "{\"kind\":\"wildcard\"}"
#define SINGLE_OF(key, matcher)                                                                    \
    "{\"kind\":\"single\",\"waitpoint_key\":\"" key "\",\"matcher\":" matcher "}"
#define SINGLE(key, name) SINGLE_OF(key, BY_NAME(name))
#define ALL(members) "{\"kind\":\"all_of\",\"members\":[" members "]}"
#define COUNT(n, of, keys)                                                                         \
    "{\"kind\":\"count\",\"n\":" #n ",\"count_kind\":\"distinct_" of "\",\"waitpoints\":[" keys "]}"
#define COUNT_OF(n, of, matcher, keys)                                                             \
    "{\"kind\":\"count\",\"n\":" #n ",\"count_kind\":\"distinct_" of "\",\"matcher\":" matcher     \
    ",\"waitpoints\":[" keys "]}"
#define OPERATOR_ONLY "{\"kind\":\"operator_only\"}"
#define TIMEOUT_ONLY "{\"kind\":\"timeout_only\"}"
#define FRESH(key) "{\"kind\":\"fresh\",\"waitpoint_key\":\"" key "\"}"

/* Where a signal goes, and what it shows there. */
struct target {
    uint8_t number; /* of the execution */
    struct ff_uuid waitpoint_id;
    struct ff_str token;
};

static inline ff_err
seed(struct ff_rig *rig, const char *kid, const char *secret,
     struct ff_seed_waitpoint_hmac_secret_result *result)
{
    const struct ff_seed_waitpoint_hmac_secret_args args = { .kid = ff_cstr(kid),
                                                             .secret_hex = ff_cstr(secret) };

    return ff_rig_seed_waitpoint_hmac_secret(rig, &args, result);
}

static inline ff_err
rotate(struct ff_rig *rig, const char *kid, const char *secret, const char *grace_ms,
       struct ff_hmac_rotation *out)
{
    const struct ff_rotate_waitpoint_hmac_secret_all_args args = {
        .new_kid = ff_cstr(kid),
        .new_secret_hex = ff_cstr(secret),
        .grace_ms = ff_rig_any(rig, grace_ms),
    };
    struct ff_rotate_waitpoint_hmac_secret_all_result result;
    ff_err err = ff_rig_rotate_waitpoint_hmac_secret_all(rig, &args, &result);

    if (err == FF_E_OK) {
        assert_int_equal(result.entries.n, 1);
        assert_int_equal(result.entries.v[0].partition, 0);
        *out = result.entries.v[0].result;
    }
    return err;
}

static inline void
rotated(struct ff_rig *rig, const char *kid, const char *secret, const char *grace_ms)
{
    struct ff_hmac_rotation rotation;

    assert_ok(rotate(rig, kid, secret, grace_ms, &rotation));
    assert_string_equal(rotation.outcome, "rotated");
}

/* Fixture: a rig with key k1. */
static inline int
wait_setup(void **state)
{
    struct ff_seed_waitpoint_hmac_secret_result result;

    *state = ff_rig_new();
    assert_ok(seed(*state, "k1", SECRET_1, &result));
    return 0;
}

#define WAIT_TEST(name_, test_)                                                                    \
    {                                                                                              \
        .name = (name_), .test_func = (test_), .setup_func = wait_setup,                           \
        .teardown_func = ff_rig_teardown                                                           \
    }

/* ---- suspending ---- */

/* bindings_json: a list, or NULL for none. */
static inline struct ff_suspend_args
suspend_args(struct ff_rig *rig, const struct ff_claim_result *claim, const char *bindings_json,
             const char *condition_json)
{
    return (struct ff_suspend_args){
        .handle = *claim->handle,
        .waitpoints = bindings_json == NULL ? ff_str(NULL, 0) : ff_rig_any(rig, bindings_json),
        .resume_condition = ff_rig_any(rig, condition_json),
        .reason_code = FF_SUSPEND_APPROVAL,
        .timeout_behavior = ff_cstr("fail"),
    };
}

static inline ff_err
try_suspend(struct ff_rig *rig, const struct ff_claim_result *claim, const char *bindings_json,
            const char *condition_json)
{
    const struct ff_suspend_args args = suspend_args(rig, claim, bindings_json, condition_json);
    struct ff_suspend_result result;

    return ff_rig_suspend(rig, &args, &result);
}

static inline struct ff_suspend_result
suspended_by(struct ff_rig *rig, const struct ff_suspend_args *args)
{
    struct ff_suspend_result result;

    assert_ok(ff_rig_suspend(rig, args, &result));
    assert_string_equal(result.outcome, "suspended");
    assert_non_null(result.handle);
    return result;
}

static inline struct ff_suspend_result
suspended(struct ff_rig *rig, const struct ff_claim_result *claim, const char *bindings_json,
          const char *condition_json)
{
    const struct ff_suspend_args args = suspend_args(rig, claim, bindings_json, condition_json);

    return suspended_by(rig, &args);
}

/* Execution `number`, claimed and suspended. */
static inline struct ff_suspend_result
create_suspended(struct ff_rig *rig, uint8_t number, const char *bindings_json,
                 const char *condition_json)
{
    const struct ff_claim_result claim = create_and_claim(rig, number);

    return suspended(rig, &claim, bindings_json, condition_json);
}

/* The waitpoint at a place in binding order. */
static inline struct target
target_of(uint8_t number, const struct ff_suspend_details *details, uint32_t at)
{
    struct target target = { .number = number,
                             .waitpoint_id = details->waitpoint_id,
                             .token = details->waitpoint_token };

    if (at > 0) {
        assert_true(at <= details->additional_waitpoints.n);
        target.waitpoint_id = details->additional_waitpoints.v[at - 1].waitpoint_id;
        target.token = details->additional_waitpoints.v[at - 1].waitpoint_token;
    }
    return target;
}

static inline ff_err
create_pending(struct ff_rig *rig, const struct ff_claim_result *claim, const char *key,
               uint64_t expires_in, struct target *out)
{
    const struct ff_create_waitpoint_args args = { .handle = *claim->handle,
                                                   .waitpoint_key = ff_cstr(key),
                                                   .expires_in = expires_in };
    struct ff_create_waitpoint_result result;
    ff_err err = ff_rig_create_waitpoint(rig, &args, &result);

    *out = (struct target){ .number = claim->execution_id.v.uuid.b[15],
                            .waitpoint_id = result.waitpoint_id,
                            .token = result.hmac_token };
    return err;
}

static inline struct target
pending(struct ff_rig *rig, const struct ff_claim_result *claim, const char *key)
{
    struct target target;

    assert_ok(create_pending(rig, claim, key, 60000, &target));
    return target;
}

/* [{use_pending}] as JSON. */
static inline const char *
use_pending(struct ff_rig *rig, const struct target *target)
{
    char id[FF_UUID_TEXT_MAX];

    ff_uuid_text(&target->waitpoint_id, id);
    return ff_arena_printf(&rig->arena, "[{\"kind\":\"use_pending\",\"waitpoint_id\":\"%s\"}]", id)
        .p;
}

#define assert_str(str, want)                                                                      \
    do {                                                                                           \
        struct ff_str str_ = (str);                                                                \
        assert_int_equal(str_.n, strlen(want));                                                    \
        assert_memory_equal(str_.p == NULL ? "" : str_.p, (want), str_.n);                         \
    } while (0)

#endif
