/* wait_signal.h: short forms for signals and for what is seen of a wait. See wait.h. */
#ifndef FF_TESTS_ENGINE_WAIT_SIGNAL_H
#define FF_TESTS_ENGINE_WAIT_SIGNAL_H

#include "tests/engine/wait.h"

/* ---- signals ---- */

static inline struct ff_deliver_signal_args
signal_args(const struct target *target, const char *name, const char *source)
{
    return (struct ff_deliver_signal_args){
        .execution_id = ff_rig_id(target->number),
        .waitpoint_id = target->waitpoint_id,
        .signal_name = ff_cstr(name),
        .signal_category = ff_cstr(""),
        .source_type = ff_cstr("user"),
        .source_identity = ff_cstr(source),
        .payload_encoding = ff_cstr("json"),
        .dedup_ttl_ms = 86400000,
        .signal_maxlen = 1000,
        .waitpoint_token = target->token,
    };
}

static inline ff_err
try_deliver(struct ff_rig *rig, const struct target *target, const char *name)
{
    const struct ff_deliver_signal_args args = signal_args(target, name, "alice");
    struct ff_deliver_signal_result result;

    return ff_rig_deliver_signal(rig, &args, &result);
}

/* What it did: the effect's name, or "duplicate". */
static inline const char *
delivered_by(struct ff_rig *rig, const struct ff_deliver_signal_args *args)
{
    struct ff_deliver_signal_result result;

    assert_ok(ff_rig_deliver_signal(rig, args, &result));
    if (strcmp(result.outcome, "duplicate") == 0) {
        assert_true(result.existing_signal_id.is);
        return "duplicate";
    }
    assert_string_equal(result.outcome, "accepted");
    assert_true(result.signal_id.is && result.effect.is);
    return ff_word(&ff_vocab_signal_effect, result.effect.v);
}

static inline const char *
deliver_from(struct ff_rig *rig, const struct target *target, const char *name, const char *source)
{
    const struct ff_deliver_signal_args args = signal_args(target, name, source);

    return delivered_by(rig, &args);
}

static inline const char *
deliver(struct ff_rig *rig, const struct target *target, const char *name)
{
    return deliver_from(rig, target, name, "alice");
}

#define SATISFIED "resume_condition_satisfied"
#define APPENDED "appended_to_waitpoint"
#define REPEATED "appended_to_waitpoint_duplicate"
#define BUFFERED "buffered_for_pending_waitpoint"

static inline ff_err
resume(struct ff_rig *rig, uint8_t number, uint64_t delay_ms)
{
    const struct ff_resume_execution_args args = { .execution_id = ff_rig_id(number),
                                                   .trigger_type = FF_TRIGGER_OPERATOR,
                                                   .resume_delay_ms = delay_ms };
    struct ff_resume_execution_result result;

    return ff_rig_resume_execution(rig, &args, &result);
}

static inline struct ff_expire_suspension_result
time_out(struct ff_rig *rig, uint8_t number)
{
    const struct ff_expire_suspension_args args = { .execution_id = ff_rig_id(number) };
    struct ff_expire_suspension_result result;

    assert_ok(ff_rig_expire_suspension(rig, &args, &result));
    return result;
}

/* ---- looking ---- */

static inline struct ff_observe_signals_result
observe(struct ff_rig *rig, const struct ff_handle *handle)
{
    const struct ff_observe_signals_args args = { .handle = *handle, .limit = 1000 };
    struct ff_observe_signals_result result;

    assert_ok(ff_rig_observe_signals(rig, &args, &result));
    return result;
}

/* Their names, in order: "approved timeout". */
static inline const char *
observed(struct ff_rig *rig, const struct ff_handle *handle)
{
    const struct ff_observe_signals_result result = observe(rig, handle);
    struct ff_str text = ff_cstr("");

    for (uint32_t i = 0; i < result.signals.n; i++) {
        const struct ff_str name = result.signals.v[i].signal_name;

        text = ff_arena_printf(&rig->arena, "%s%s%.*s", text.p, i == 0 ? "" : " ", (int) name.n,
                               name.p);
    }
    return text.p;
}

static inline struct ff_list_pending_waitpoints_result
open_of(struct ff_rig *rig, uint8_t number, uint32_t limit)
{
    const struct ff_list_pending_waitpoints_args args = { .execution_id = ff_rig_id(number),
                                                          .limit = limit };
    struct ff_list_pending_waitpoints_result result;

    assert_ok(ff_rig_list_pending_waitpoints(rig, &args, &result));
    return result;
}

/* Closed, as far as anybody can see. */
static inline void
assert_closed(struct ff_rig *rig, const struct target *target)
{
    const struct ff_list_pending_waitpoints_result open = open_of(rig, target->number, 1000);

    for (uint32_t i = 0; i < open.entries.n; i++) {
        assert_false(ff_uuid_eq(open.entries.v[i].waitpoint_id, target->waitpoint_id));
    }
}

/* An operator's token of the waitpoint; p == NULL: none. */
static inline struct ff_str
token_of(struct ff_rig *rig, const struct target *target)
{
    const struct ff_read_waitpoint_token_args args = { .partition = ff_cstr("{fp:6}"),
                                                       .waitpoint_id = target->waitpoint_id };
    struct ff_read_waitpoint_token_result result;

    assert_ok(ff_rig_read_waitpoint_token(rig, &args, &result));
    return result.token;
}

#endif
