/* stream.h: the output streams of attempts (06 §1): what appending, reading and trimming share.
 *
 * A stream's record holds its counters; its frames stand in index `frames`, a scope for each mode.
 * Best-effort frames that are to be gone are first made invisible (gone_ms, gone_seq, expires_at)
 * and removed a few at a time: by later appends, and by trim_expired (index `stream_due`).
 */
#ifndef FF_CORE_ENGINE_STREAM_H
#define FF_CORE_ENGINE_STREAM_H

#include "core/engine/txn.h"
#include "core/records_stream.h"

#define FF_FRAME_MODES (FF_FRAME_BEST_EFFORT + 1)

FF_MUST_USE static inline ff_err
ff_stream_find(struct ff_txn *txn, const struct ff_eid *id, uint32_t attempt_index,
               struct ff_stream *out, bool *found)
{
    struct ff_key key = ff_key_attempt(id, attempt_index);

    return ff_txn_find(txn, FF_R_STREAM, &key, out, found);
}

/* Its best-effort frames are past their time (06 §1.2.3). */
static inline bool
ff_stream_has_expired(const struct ff_stream *stream, int64_t now_ms)
{
    return stream->expires_at.is && now_ms >= stream->expires_at.v;
}
/* Makes them gone for good, if so. */
void ff_stream_expire(struct ff_stream *stream, int64_t now_ms);
/* Removes up to `most` frames that are gone; says in *removed how many. The caller saves the
 * stream. */
FF_MUST_USE ff_err ff_stream_sweep(struct ff_txn *txn, struct ff_stream *stream, uint64_t most,
                                   uint64_t *removed);
/* The same by its key, for trim_expired: what has expired goes, and the stream is saved. */
FF_MUST_USE ff_err ff_stream_tend(struct ff_txn *txn, const struct ff_key *key, uint64_t most,
                                  uint64_t *removed);
/* sweep_at as its frames are now. It may stay early: the sweep then sets it anew. */
void ff_stream_plan_sweep(struct ff_stream *stream, int64_t now_ms);

/* Wakes those that wait for the stream; durable: those that do not look at best-effort frames,
 * too. */
void ff_stream_wake(struct ff_txn *txn, const struct ff_eid *id, uint32_t attempt_index,
                    bool durable);

#endif
