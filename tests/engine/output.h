/* output.h: appending to streams and reading them, in short. The examples of 06 §3 have E/0 claimed
 * at 10 000 with a lease until 40 000.
 */
#ifndef FF_TESTS_ENGINE_OUTPUT_H
#define FF_TESTS_ENGINE_OUTPUT_H

#include <stdio.h>

#include "tests/engine/life.h"

#define OUTPUT_START_MS 10000
/* For %.*s. */
#define TEXT(s) (int) (s).n, (s).n == 0 ? "" : (s).p

/* Execution 1 as in the examples. */
static inline struct ff_claim_result
output_begin(struct ff_rig *rig)
{
    rig->now_ms = OUTPUT_START_MS;
    return create_and_claim(rig, 1);
}

static inline struct ff_new_frame
frame_of(const char *payload)
{
    return (struct ff_new_frame){ .bytes = ff_cstr(payload),
                                  .kind = ff_cstr("event"),
                                  .frame_type = ff_cstr("") };
}

static inline struct ff_frame_mode
mode_of(const char *mode)
{
    return (struct ff_frame_mode){
        .mode = ff_cstr(mode), .maxlen_floor = 64, .maxlen_ceiling = 16384, .ema_alpha = 0.2
    };
}

static inline struct ff_frame_mode
live_mode(uint32_t ttl_ms)
{
    struct ff_frame_mode mode = mode_of("best_effort_live");

    mode.ttl_ms = FF_SOME(ff_opt_u32, ttl_ms);
    return mode;
}

static inline ff_err
append(struct ff_rig *rig, const struct ff_claim_result *claim, const struct ff_new_frame *frame,
       struct ff_append_frame_result *result)
{
    const struct ff_append_frame_args args = { .handle = *claim->handle, .frame = *frame };

    return ff_rig_append_frame(rig, &args, result);
}

static inline ff_err
append_mode(struct ff_rig *rig, const struct ff_claim_result *claim, const char *payload,
            struct ff_frame_mode mode, struct ff_append_frame_result *result)
{
    struct ff_new_frame frame = frame_of(payload);

    frame.mode = &mode;
    return append(rig, claim, &frame, result);
}

/* A durable frame; its id. */
static inline const char *
append_text(struct ff_rig *rig, const struct ff_claim_result *claim, const char *payload)
{
    struct ff_new_frame frame = frame_of(payload);
    struct ff_append_frame_result result;

    assert_ok(append(rig, claim, &frame, &result));
    return ff_arena_printf(&rig->arena, "%.*s", TEXT(result.frame_id)).p;
}

static inline struct ff_read_stream_args
read_args(uint8_t number, uint32_t attempt_index)
{
    return (struct ff_read_stream_args){ .execution_id = ff_rig_id(number),
                                         .attempt_index = attempt_index,
                                         .from = ff_cstr("start"),
                                         .to = ff_cstr("end"),
                                         .limit = 10000 };
}

static inline struct ff_read_stream_result
read_all(struct ff_rig *rig, uint8_t number, uint32_t attempt_index)
{
    const struct ff_read_stream_args args = read_args(number, attempt_index);
    struct ff_read_stream_result result;

    assert_ok(ff_rig_read_stream(rig, &args, &result));
    return result;
}

/* A field of a frame; "" where it has none. */
static inline const char *
field(struct ff_rig *rig, const struct ff_stream_frame *frame, const char *key)
{
    for (uint32_t i = 0; i < frame->fields.n; i++) {
        if (ff_str_is(frame->fields.v[i].key, key)) {
            return ff_arena_printf(&rig->arena, "%.*s", TEXT(frame->fields.v[i].value)).p;
        }
    }
    return "";
}

/* The ids, or the values of a field, in one text. */
static inline const char *
list(struct ff_rig *rig, struct ff_stream_frame_list frames, const char *key)
{
    struct ff_str text = ff_cstr("");

    for (uint32_t i = 0; i < frames.n; i++) {
        const char *value = key == NULL
                                ? ff_arena_printf(&rig->arena, "%.*s", TEXT(frames.v[i].id)).p
                                : field(rig, &frames.v[i], key);

        text = ff_arena_printf(&rig->arena, "%s%s%s", text.p, i == 0 ? "" : " ", value);
    }
    return text.p;
}
#define assert_ids(rig, result, want) assert_string_equal(list((rig), (result).frames, NULL), want)

/* What read_stream says of the close: "open", or the reason and the instant. */
static inline const char *
close_of(struct ff_rig *rig, uint8_t number, uint32_t attempt_index)
{
    struct ff_read_stream_result result = read_all(rig, number, attempt_index);

    if (!result.closed_at.is) {
        assert_null(result.closed_reason.p);
        return "open";
    }
    return ff_arena_printf(&rig->arena, "%.*s %lld", TEXT(result.closed_reason),
                           (long long) result.closed_at.v)
        .p;
}

static inline struct ff_tail_stream_args
tail_args(uint8_t number, const char *after, uint64_t block_ms)
{
    return (struct ff_tail_stream_args){ .execution_id = ff_rig_id(number),
                                         .after = ff_cstr(after),
                                         .block_ms = block_ms,
                                         .limit = 100 };
}

#endif
