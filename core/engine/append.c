/* append_frame (06 §1.2). */
#include <math.h>

#include "core/engine/lease.h"
#include "core/engine/stream.h"
#include "core/engine/topics.h"
#include "core/json_merge.h"

#define PAYLOAD_BYTES_MAX 65536
#define FRAME_TYPE_BYTES_MAX 128
#define CORRELATION_BYTES_MAX 256
#define DOCUMENT_BYTES_MAX 1048576
#define SUMMARY_FRAMES_MAX 64
#define DURABLE_FRAMES_DEFAULT 10000
/* Best-effort knobs that are not given (06 §1.2.3). */
#define FLOOR_DEFAULT 64
#define CEILING_DEFAULT 16384
#define ALPHA_DEFAULT 0.2
/* Frames that are gone and that one append removes. */
#define SWEEP_FRAMES 64
/* Entries of an index page that a full stream reads its head from. */
#define HEAD_ENTRIES 16

struct append {
    struct ff_txn *txn;
    const struct ff_new_frame *frame;
    enum ff_frame_keep mode;
    struct ff_exec exec;
    struct ff_stream stream; /* after the append */
    bool has_stream;         /* it is stored already */
    struct ff_frame_id id;
    struct ff_opt_u64 version; /* of the summary after it */
};

/* ---- checks of the frame alone ---- */

static ff_err
refuse_value(struct ff_txn *txn, const char *field, struct ff_str value)
{
    return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", field),
                   ff_d_text("reason", "unknown_value"), ff_d_str("value", value));
}

static ff_err
check_texts(struct ff_txn *txn, const struct ff_new_frame *frame)
{
    bool control = false;

    for (uint32_t i = 0; i < frame->frame_type.n; i++) {
        control =
            control || (uint8_t) frame->frame_type.p[i] < 0x20 || frame->frame_type.p[i] == 0x7f;
    }
    if (control || frame->frame_type.n > FRAME_TYPE_BYTES_MAX) {
        return ff_fail(&txn->fault, FF_E_INVALID_FRAME_TYPE, ff_d_text("field", "frame.frame_type"),
                       ff_d_text("reason", control ? "control_character" : "too_long"),
                       ff_d_u64("len", frame->frame_type.n), ff_d_u64("max", FRAME_TYPE_BYTES_MAX));
    }
    if (frame->correlation_id.n > CORRELATION_BYTES_MAX) {
        return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "frame.correlation_id"),
                       ff_d_text("reason", "too_long"), ff_d_u64("len", frame->correlation_id.n),
                       ff_d_u64("max", CORRELATION_BYTES_MAX));
    }
    if (!ff_str_is(frame->kind, "stdout") && !ff_str_is(frame->kind, "stderr") &&
        !ff_str_is(frame->kind, "event") && !ff_str_is(frame->kind, "blob")) {
        return refuse_value(txn, "frame.kind", frame->kind);
    }
    return FF_E_OK;
}

static ff_err
check_mode(struct append *append)
{
    const struct ff_frame_mode *mode = append->frame->mode;
    struct ff_txn *txn = append->txn;

    append->mode = FF_FRAME_DURABLE;
    if (mode == NULL || ff_str_is(mode->mode, "durable")) {
        return FF_E_OK;
    }
    if (ff_str_is(mode->mode, "durable_summary")) {
        append->mode = FF_FRAME_SUMMARY;
        return mode->patch_kind.p == NULL || ff_str_is(mode->patch_kind, "json_merge_patch")
                   ? FF_E_OK
                   : refuse_value(txn, "frame.mode.patch_kind", mode->patch_kind);
    }
    if (!ff_str_is(mode->mode, "best_effort_live")) {
        return refuse_value(txn, "frame.mode.mode", mode->mode);
    }
    append->mode = FF_FRAME_BEST_EFFORT;
    return mode->ttl_ms.is ? FF_E_OK : ff_fail_input(&txn->fault, "frame.mode.ttl_ms", "missing");
}

static ff_err
check_frame(struct append *append)
{
    uint32_t bytes = append->frame->bytes.n;

    if (bytes > PAYLOAD_BYTES_MAX) {
        return ff_fail(&append->txn->fault, FF_E_RETENTION_LIMIT_EXCEEDED,
                       ff_d_text("field", "frame.bytes"), ff_d_text("reason", "too_long"),
                       ff_d_u64("len", bytes), ff_d_u64("max", PAYLOAD_BYTES_MAX));
    }
    FF_TRY(check_texts(append->txn, append->frame));
    return check_mode(append);
}

/* ---- checks of the owner ---- */

static ff_err
check_owner(struct ff_txn *txn, const struct ff_held *held, const struct ff_exec *exec)
{
    struct ff_attempt attempt = { 0 };

    if (exec->lifecycle_phase != FF_PHASE_ACTIVE) {
        return ff_fail(&txn->fault, FF_E_STREAM_CLOSED);
    }
    if (exec->ownership_state == FF_OWNER_EXPIRED || exec->ownership_state == FF_OWNER_REVOKED ||
        exec->lease_expires_at.v <= txn->now_ms ||
        exec->current_attempt_index.v != held->attempt_index ||
        !ff_uuid_eq(exec->current_lease_id.v, held->fence.lease_id.v) ||
        exec->current_lease_epoch != held->fence.lease_epoch.v) {
        return ff_fail(&txn->fault, FF_E_STALE_OWNER_CANNOT_APPEND);
    }
    FF_TRY(ff_attempt_get(txn, exec, held->attempt_index, &attempt));
    if (attempt.stream_closed_at.is) {
        return ff_fail(&txn->fault, FF_E_STREAM_CLOSED);
    }
    return FF_E_OK;
}

/* ---- the summary ---- */

static ff_err
apply_patch(struct append *append)
{
    struct ff_txn *txn = append->txn;
    const struct ff_stream *stream = &append->stream;
    struct ff_key key = ff_key_attempt(&stream->execution_id, stream->attempt_index);
    struct ff_summary_doc doc = { 0 };
    bool found = false;

    FF_TRY(ff_txn_find(txn, FF_R_SUMMARY_DOC, &key, &doc, &found));
    FF_TRY(ff_json_merge_patch(doc.document, append->frame->bytes, txn->arena, &doc.document,
                               &txn->fault));
    if (doc.document.n > DOCUMENT_BYTES_MAX) {
        return ff_fail(&txn->fault, FF_E_RETENTION_LIMIT_EXCEEDED,
                       ff_d_text("field", "frame.bytes"), ff_d_text("reason", "document_too_long"),
                       ff_d_u64("len", doc.document.n), ff_d_u64("max", DOCUMENT_BYTES_MAX));
    }
    doc.execution_id = stream->execution_id;
    doc.attempt_index = stream->attempt_index;
    doc.version++;
    doc.last_updated_at = txn->now_ms;
    doc.first_applied_at = found ? doc.first_applied_at : txn->now_ms;
    append->version = FF_SOME(ff_opt_u64, doc.version);
    return ff_txn_put_summary_doc(txn, &doc);
}

/* ---- what is kept ---- */

static ff_err
drop_oldest(struct append *append, uint64_t *kept, uint64_t most)
{
    struct ff_txn *txn = append->txn;
    const struct ff_stream *stream = &append->stream;
    struct ff_scope scope =
        ff_scope_frames(&stream->execution_id, stream->attempt_index, append->mode);

    for (; *kept > most; (*kept)--) {
        struct ff_entry oldest = { 0 };
        bool found = false;

        FF_TRY(ff_txn_next(txn, FF_IX_FRAMES, &scope, NULL, HEAD_ENTRIES, &oldest, &found));
        if (!found) {
            return ff_fail(&txn->fault, FF_E_CORRUPTION, ff_d_text("reason", "missing_record"),
                           ff_d_text("context", "frame"));
        }
        FF_TRY(ff_txn_remove(txn, FF_R_OUT_FRAME, &oldest.id));
    }
    return FF_E_OK;
}

/* Frames that a best-effort stream keeps, from the rate at which they come. */
static uint32_t
live_maxlen(struct append *append)
{
    const struct ff_frame_mode *mode = append->frame->mode;
    struct ff_stream *stream = &append->stream;
    uint32_t floor = mode->maxlen_floor == 0 ? FLOOR_DEFAULT : mode->maxlen_floor;
    uint32_t ceiling = mode->maxlen_ceiling == 0 ? CEILING_DEFAULT : mode->maxlen_ceiling;
    double alpha = mode->ema_alpha > 0 && mode->ema_alpha <= 1 ? mode->ema_alpha : ALPHA_DEFAULT;
    double ttl_s = (mode->ttl_ms.v == 0 ? 1 : mode->ttl_ms.v) / 1000.0, wanted = 0;

    ceiling = ceiling < floor ? floor : ceiling;
    if (!stream->last_append_ts_ms.is) {
        stream->ema_rate_hz = floor / (2 * ttl_s);
        return floor;
    }
    wanted = (double) (append->txn->now_ms - stream->last_append_ts_ms.v);
    stream->ema_rate_hz =
        alpha * (1000.0 / (wanted < 1 ? 1 : wanted)) + (1 - alpha) * stream->ema_rate_hz;
    wanted = ceil(stream->ema_rate_hz * ttl_s * 2);
    return wanted <= floor ? floor : wanted >= ceiling ? ceiling : (uint32_t) wanted;
}

/* The best-effort frames before the newest `most` are gone from here on. Walks from the head, past
 * those that are gone already, so that the sweep reads the same page. */
static ff_err
hide_oldest(struct append *append, uint64_t most)
{
    struct ff_stream *stream = &append->stream;
    struct ff_scope scope =
        ff_scope_frames(&stream->execution_id, stream->attempt_index, FF_FRAME_BEST_EFFORT);
    struct ff_frame_id gone = { .ms = (uint64_t) stream->gone_ms, .seq = stream->gone_seq };
    struct ff_entry at = { .sort = INT64_MIN };
    uint64_t walk = stream->live_stored - most;

    while (stream->live_kept > most) {
        struct ff_frame_id id;
        bool found = false;

        FF_TRY(ff_txn_next(append->txn, FF_IX_FRAMES, &scope, &at,
                           walk < HEAD_ENTRIES ? HEAD_ENTRIES : (uint32_t) walk, &at, &found));
        if (!found) {
            return ff_fail(&append->txn->fault, FF_E_CORRUPTION,
                           ff_d_text("reason", "missing_record"), ff_d_text("context", "frame"));
        }
        id = ff_key_to_frame_id(&at.id);
        if (ff_frame_id_cmp(&id, &gone) > 0) {
            stream->gone_ms = (int64_t) id.ms;
            stream->gone_seq = id.seq;
            stream->live_kept--;
        }
    }
    return FF_E_OK;
}

static ff_err
keep_live(struct append *append)
{
    struct ff_txn *txn = append->txn;
    struct ff_stream *stream = &append->stream;
    uint32_t ttl_ms = append->frame->mode->ttl_ms.v, maxlen = live_maxlen(append);
    uint64_t removed = 0;

    stream->live_kept++;
    stream->live_stored++;
    stream->maxlen_applied_last = FF_SOME(ff_opt_u32, maxlen);
    stream->last_append_ts_ms = FF_SOME(ff_opt_i64, txn->now_ms);
    if (!stream->has_durable_frame && ttl_ms > 0) {
        stream->expires_at = FF_SOME(ff_opt_i64, ff_time_add(txn->now_ms, 2 * (uint64_t) ttl_ms));
    }
    FF_TRY(hide_oldest(append, maxlen));
    return ff_stream_sweep(txn, stream, SWEEP_FRAMES, &removed);
}

/* Each mode trims only its own frames. */
static ff_err
keep_some(struct append *append)
{
    struct ff_stream *stream = &append->stream;

    if (append->mode == FF_FRAME_BEST_EFFORT) {
        return keep_live(append);
    }
    stream->has_durable_frame = true;
    stream->expires_at = FF_NONE(ff_opt_i64);
    if (append->mode == FF_FRAME_SUMMARY) {
        stream->summary_kept++;
        return drop_oldest(append, &stream->summary_kept, SUMMARY_FRAMES_MAX);
    }
    stream->durable_kept++;
    return stream->durable_maxlen == 0
               ? FF_E_OK
               : drop_oldest(append, &stream->durable_kept, stream->durable_maxlen);
}

/* ---- the stream ---- */

static ff_err
open_stream(struct append *append, uint32_t attempt_index)
{
    const struct ff_exec *exec = &append->exec;
    struct ff_txn *txn = append->txn;
    struct ff_stream *stream = &append->stream;
    struct ff_key key = ff_key_eid(&exec->execution_id);
    struct ff_exec_input input = { 0 };
    bool found = false;

    FF_TRY(ff_stream_find(txn, &exec->execution_id, attempt_index, stream, &append->has_stream));
    if (append->has_stream) {
        return FF_E_OK;
    }
    FF_TRY(ff_txn_find(txn, FF_R_EXEC_INPUT, &key, &input, &found));
    *stream = (struct ff_stream){
        .execution_id = exec->execution_id,
        .attempt_index = attempt_index,
        .attempt_id = exec->current_attempt_id.v,
        .created_at = txn->now_ms,
        .durable_maxlen = input.policy != NULL && input.policy->stream_policy != NULL
                              ? input.policy->stream_policy->retention_maxlen
                              : DURABLE_FRAMES_DEFAULT,
    };
    return FF_E_OK;
}

static ff_err
put_frame(struct append *append)
{
    const struct ff_new_frame *frame = append->frame;
    const struct ff_stream *stream = &append->stream;
    struct ff_out_frame row = {
        .execution_id = stream->execution_id,
        .attempt_index = stream->attempt_index,
        .mode = append->mode,
        .id_ms = (int64_t) append->id.ms,
        .id_seq = append->id.seq,
        .ts = append->txn->now_ms,
        .frame_type = frame->frame_type.n > 0 ? frame->frame_type : frame->kind,
        .payload = frame->bytes,
        .correlation_id = frame->correlation_id.n > 0 ? frame->correlation_id : FF_NONE(ff_str),
        .summary_version = append->version,
        .seq = frame->seq,
    };

    if (append->mode == FF_FRAME_BEST_EFFORT && frame->mode->ttl_ms.v > 0) {
        row.ttl_ms = frame->mode->ttl_ms;
    }
    return ff_txn_put_new(append->txn, FF_R_OUT_FRAME, &row);
}

static ff_err
append_now(struct append *append)
{
    struct ff_txn *txn = append->txn;
    struct ff_stream *stream = &append->stream;
    bool first = stream->frame_count == 0;

    ff_stream_expire(stream, txn->now_ms);
    append->id.ms =
        (uint64_t) (first || txn->now_ms > stream->last_ms ? txn->now_ms : stream->last_ms);
    append->id.seq =
        !first && append->id.ms == (uint64_t) stream->last_ms ? stream->last_seq + 1 : 0;
    FF_TRY(put_frame(append));
    stream->frame_count++;
    stream->total_bytes += append->frame->bytes.n;
    stream->last_ms = (int64_t) append->id.ms;
    stream->last_seq = append->id.seq;
    stream->last_frame_at = txn->now_ms;
    FF_TRY(keep_some(append));
    ff_stream_plan_sweep(stream, txn->now_ms);
    if (append->frame->seq.is) {
        stream->given_seq = append->frame->seq;
        stream->given_ms = stream->last_ms;
        stream->given_id_seq = stream->last_seq;
        stream->given_count = stream->frame_count;
        stream->given_version = append->version;
    }
    ff_stream_wake(txn, &stream->execution_id, stream->attempt_index,
                   append->mode != FF_FRAME_BEST_EFFORT);
    if (!append->exec.has_output) { /* no other part of it changes, nor its times */
        append->exec.has_output = true;
        FF_TRY(ff_txn_put_exec(txn, &append->exec));
    }
    return append->has_stream ? ff_txn_put_stream(txn, stream)
                              : ff_txn_put_new(txn, FF_R_STREAM, stream);
}

static struct ff_str
id_text(struct ff_txn *txn, int64_t ms, uint64_t seq)
{
    return ff_arena_printf(txn->arena, "%llu-%llu", (unsigned long long) ms,
                           (unsigned long long) seq);
}

/* ---- the operation ---- */

/* *again: this very append has been made, and answered so. */
static ff_err
check_seq(struct append *append, struct ff_append_frame_result *result, bool *again)
{
    const struct ff_stream *stream = &append->stream;
    struct ff_opt_u64 given = append->frame->seq;

    *again = given.is && stream->given_seq.is && given.v == stream->given_seq.v;
    if (given.is && stream->given_seq.is && given.v < stream->given_seq.v) {
        return ff_fail(&append->txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "frame.seq"),
                       ff_d_text("reason", "not_ascending"), ff_d_u64("last", stream->given_seq.v));
    }
    if (*again) {
        result->frame_id = id_text(append->txn, stream->given_ms, stream->given_id_seq);
        result->frame_count = stream->given_count;
        result->summary_version = stream->given_version;
        result->duplicate = true;
    }
    return FF_E_OK;
}

/* A bad patch is refused before seq is looked at. */
static ff_err
judge_patch(struct append *append)
{
    struct ff_txn *txn = append->txn;
    struct ff_str scratch = { 0 };

    return append->frame->seq.is && append->mode == FF_FRAME_SUMMARY
               ? ff_json_merge_patch(ff_str("", 0), append->frame->bytes, txn->arena, &scratch,
                                     &txn->fault)
               : FF_E_OK;
}

ff_err
ff_op_append_frame(struct ff_txn *txn, const struct ff_append_frame_args *args,
                   struct ff_append_frame_result *result)
{
    struct append append = { .txn = txn, .frame = &args->frame };
    struct ff_held held = { 0 };
    bool again = false;

    FF_TRY(check_frame(&append));
    FF_TRY(ff_held_read(txn, &args->handle, &held));
    FF_TRY(ff_txn_get_exec(txn, &held.execution_id, &append.exec));
    FF_TRY(check_owner(txn, &held, &append.exec));
    FF_TRY(open_stream(&append, held.attempt_index));
    FF_TRY(judge_patch(&append));
    FF_TRY(check_seq(&append, result, &again));
    if (again) {
        return FF_E_OK;
    }
    if (append.mode == FF_FRAME_SUMMARY) {
        FF_TRY(apply_patch(&append));
    }
    FF_TRY(append_now(&append));
    result->frame_id = id_text(txn, append.stream.last_ms, append.stream.last_seq);
    result->frame_count = append.stream.frame_count;
    result->summary_version = append.version;
    return FF_E_OK;
}
