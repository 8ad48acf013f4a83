#include "core/engine/stream.h"

#include "core/engine/topics.h"
#include "core/engine/walk.h"

void
ff_stream_expire(struct ff_stream *stream, int64_t now_ms)
{
    if (ff_stream_has_expired(stream, now_ms)) {
        stream->gone_ms = stream->last_ms;
        stream->gone_seq = stream->last_seq;
        stream->live_kept = 0;
        stream->expires_at = FF_NONE(ff_opt_i64);
    }
}

ff_err
ff_stream_sweep(struct ff_txn *txn, struct ff_stream *stream, uint64_t most, uint64_t *removed)
{
    struct ff_scope scope =
        ff_scope_frames(&stream->execution_id, stream->attempt_index, FF_FRAME_BEST_EFFORT);
    uint64_t gone = stream->live_stored - stream->live_kept;
    struct ff_entry at = { .sort = INT64_MIN };
    bool found = false, pending = false;

    gone = gone < most ? gone : most;
    *removed = 0;
    for (; *removed < gone; (*removed)++) { /* what is not resident is asked for together */
        FF_TRY(
            ff_txn_next(txn, FF_IX_FRAMES, &scope, &at, (uint32_t) (gone - *removed), &at, &found));
        if (!found) {
            return ff_fail(&txn->fault, FF_E_CORRUPTION, ff_d_text("reason", "missing_record"),
                           ff_d_text("context", "frame"));
        }
        FF_TRY(ff_gather(ff_txn_remove(txn, FF_R_OUT_FRAME, &at.id), &pending));
    }
    stream->live_stored -= *removed;
    return pending ? FF_E_PENDING : FF_E_OK;
}

void
ff_stream_plan_sweep(struct ff_stream *stream, int64_t now_ms)
{
    bool gone = stream->live_stored > stream->live_kept;
    int64_t at_ms = gone ? now_ms : stream->expires_at.v;

    if (!gone && !stream->expires_at.is) {
        stream->sweep_at = FF_NONE(ff_opt_i64);
    } else if (!stream->sweep_at.is) {
        stream->sweep_at = FF_SOME(ff_opt_i64, at_ms);
    }
}

ff_err
ff_stream_tend(struct ff_txn *txn, const struct ff_key *key, uint64_t most, uint64_t *removed)
{
    struct ff_stream stream = { 0 };
    bool found = false;

    *removed = 0;
    FF_TRY(ff_txn_find(txn, FF_R_STREAM, key, &stream, &found));
    if (!found) {
        return FF_E_OK;
    }
    ff_stream_expire(&stream, txn->now_ms);
    FF_TRY(ff_stream_sweep(txn, &stream, most, removed));
    stream.sweep_at = FF_NONE(ff_opt_i64);
    ff_stream_plan_sweep(&stream, txn->now_ms);
    return ff_txn_put_stream(txn, &stream);
}

void
ff_stream_wake(struct ff_txn *txn, const struct ff_eid *id, uint32_t attempt_index, bool durable)
{
    struct ff_scope topic = ff_topic_stream(id, attempt_index, false);

    ff_txn_wake_parked(txn, &topic);
    if (durable) {
        topic = ff_topic_stream(id, attempt_index, true);
        ff_txn_wake_parked(txn, &topic);
    }
}
