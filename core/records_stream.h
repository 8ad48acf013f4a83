/* records_stream.h: keys and scopes of the records of 06 §1: streams, frames, summaries. */
#ifndef FF_CORE_RECORDS_STREAM_H
#define FF_CORE_RECORDS_STREAM_H

#include "core/records.h"

/* Streams and summaries have the key of their attempt (ff_key_attempt). */

struct ff_frame_id {
    uint64_t ms, seq;
};
int ff_frame_id_cmp(const struct ff_frame_id *a, const struct ff_frame_id *b);

struct ff_key ff_key_frame(const struct ff_eid *id, uint32_t attempt_index, enum ff_frame_keep mode,
                           const struct ff_frame_id *frame_id);
struct ff_frame_id ff_key_to_frame_id(const struct ff_key *key);

/* The frames of one mode. */
struct ff_scope ff_scope_frames(const struct ff_eid *id, uint32_t attempt_index,
                                enum ff_frame_keep mode);

#endif
