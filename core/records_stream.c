#include "core/records_stream.h"

#include "core/records_int.h"

/* ---- keys: execution, attempt, mode, ms, seq ---- */

#define FRAME_KEY_BYTES 39
#define FRAME_ID_AT 23

int
ff_frame_id_cmp(const struct ff_frame_id *a, const struct ff_frame_id *b)
{
    if (a->ms != b->ms) {
        return a->ms < b->ms ? -1 : 1;
    }
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static void
put_u64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t) (value >> (56 - 8 * i));
    }
}

static uint64_t
get_u64(const uint8_t *in)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++) {
        value = value << 8 | in[i];
    }
    return value;
}

struct ff_key
ff_key_frame(const struct ff_eid *id, uint32_t attempt_index, enum ff_frame_keep mode,
             const struct ff_frame_id *frame_id)
{
    struct ff_key key = ff_key_attempt(id, attempt_index);

    key.b[key.n] = (uint8_t) mode;
    put_u64(key.b + FRAME_ID_AT, frame_id->ms);
    put_u64(key.b + FRAME_ID_AT + 8, frame_id->seq);
    key.n = FRAME_KEY_BYTES;
    return key;
}

struct ff_frame_id
ff_key_to_frame_id(const struct ff_key *key)
{
    FF_ASSERT(key->n == FRAME_KEY_BYTES);
    return (struct ff_frame_id){ .ms = get_u64(key->b + FRAME_ID_AT),
                                 .seq = get_u64(key->b + FRAME_ID_AT + 8) };
}

bool
ff_is_stream_record(enum ff_record kind)
{
    return kind == FF_R_STREAM || kind == FF_R_OUT_FRAME || kind == FF_R_SUMMARY_DOC;
}

static struct ff_key
key_of_frame(const struct ff_out_frame *frame)
{
    const struct ff_frame_id id = { .ms = (uint64_t) frame->id_ms, .seq = frame->id_seq };

    return ff_key_frame(&frame->execution_id, frame->attempt_index, frame->mode, &id);
}

struct ff_key
ff_stream_record_key(enum ff_record kind, const void *record)
{
    const struct ff_stream *stream = record;
    const struct ff_summary_doc *doc = record;

    if (kind == FF_R_OUT_FRAME) {
        return key_of_frame(record);
    }
    if (kind == FF_R_STREAM) {
        return ff_key_attempt(&stream->execution_id, stream->attempt_index);
    }
    return ff_key_attempt(&doc->execution_id, doc->attempt_index);
}

/* ---- where they stand ---- */

struct ff_scope
ff_scope_frames(const struct ff_eid *id, uint32_t attempt_index, enum ff_frame_keep mode)
{
    struct ff_key key = ff_key_attempt(id, attempt_index);
    struct ff_scope scope = ff_scope_none();
    uint8_t last = (uint8_t) mode;

    ff_scope_add(&scope, key.b, key.n);
    ff_scope_add(&scope, &last, 1);
    return scope;
}

void
ff_stand_stream_record(struct ff_standing *keys, enum ff_record kind, const void *record)
{
    const struct ff_out_frame *frame = record;
    const struct ff_stream *stream = record;

    if (kind == FF_R_OUT_FRAME) {
        ff_stand(keys, FF_IX_FRAMES,
                 ff_scope_frames(&frame->execution_id, frame->attempt_index, frame->mode),
                 frame->id_ms);
    } else if (kind == FF_R_STREAM && stream->sweep_at.is) {
        ff_stand(keys, FF_IX_STREAM_DUE, ff_scope_none(), stream->sweep_at.v);
    }
}
