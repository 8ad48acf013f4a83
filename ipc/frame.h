/* frame.h: what travels in one message: a request with its calls, a reply with its results (00 §2).
 *
 * Pure: bytes in, structs out, and back. Used by servers and by the client half of libflowfabric.
 *
 *   request  [1, client, seq, [[op, args], …]]
 *   reply    [1, seq, [[0, result] or [1, error], …]]
 */
#ifndef FF_IPC_FRAME_H
#define FF_IPC_FRAME_H

#include "core/codec.h"
#include "core/engine/engine.h"

#define FF_WIRE_VERSION 1
#define FF_FRAME_CALLS_MAX 1024
#define FF_FRAME_BYTES_MAX (16u << 20) /* the default; configurable (00 §1) */

/* ---- requests ---- */

struct ff_request {
    struct ff_uuid client; /* random; meaningless unless has_client */
    bool has_client;
    bool mutates;  /* one of the calls may write */
    bool may_wait; /* its only call may wait */
    bool secret;   /* arguments of one of the calls are to be wiped */
    uint64_t seq;  /* as far as it could be read, else 0 */
    uint32_t n;
    struct ff_call *calls; /* op FF_OP_N for an unknown one; its fault is set then */
    struct ff_str *names;  /* of the operations, as they came; cut at FF_OP_NAME_BYTES_MAX */
    struct ff_fault fault; /* why the whole frame is refused */
};
/* Longest name that an error repeats. */
#define FF_OP_NAME_BYTES_MAX 128

/* Reads a request. The calls live in the arena; texts in their arguments point into `bytes`; the
 * zone is scratch, left empty. A call that cannot run has its fault set and does not make the frame
 * fail: unavailable {reason: unknown_operation}, invalid_input of its arguments, or {field: calls,
 * reason: blocking_call_not_alone}. out->seq is set in any case, as far as it can be read; on
 * failure out->fault too.
 *
 * FF_E_FRAME_TOO_LARGE {len, max}        nothing but seq was read
 * FF_E_UNSUPPORTED_PROTOCOL {supported}
 * FF_E_MALFORMED_FRAME {reason}          of ff_msgpack_parse, or version, client, seq, calls, call
 */
FF_MUST_USE ff_err ff_request_decode(struct ff_str bytes, uint32_t bytes_max, msgpack_zone *zone,
                                     struct ff_arena *arena, struct ff_request *out);

/* seq of a frame that is not read for want of room, 0 if it cannot be found. */
uint64_t ff_request_seq(struct ff_str bytes);

/* How long the operation may wait with these arguments: its block_ms, grace_ms or wait; 0 of one
 * that does not block; UINT64_MAX if it does not say. wait_timeout 0 is treated as not waiting. */
uint64_t ff_op_wait_ms(enum ff_op op, const void *args);

/* Writes [1, client, seq, and the head of the list of n calls; ff_request_call appends each. client
 * NULL: no duplicate suppression. args: one msgpack map. */
void ff_request_head(const struct ff_uuid *client, uint64_t seq, uint32_t n, msgpack_packer *pk);
void ff_request_call(struct ff_str op, struct ff_str args, msgpack_packer *pk);

/* ---- replies ---- */

struct ff_reply_entry {
    bool failed;
    struct ff_str map; /* msgpack: the result, or the error */
};

/* Bytes of a reply, and the reply itself, written into `room` of that size. */
size_t ff_reply_size(uint64_t seq, const struct ff_reply_entry *entries, uint32_t n);
void ff_reply_write(uint64_t seq, const struct ff_reply_entry *entries, uint32_t n, char *room);

/* The error map of a fault in the arena; op: "" where there is none. */
struct ff_str ff_error_map(const struct ff_fault *fault, struct ff_str op, struct ff_arena *arena);

struct ff_reply {
    uint64_t seq;
    uint32_t n;
    struct ff_reply_entry *entries; /* in the arena; the maps point into the message */
};

/* Reads a reply, as a client does. The maps are well-formed msgpack, their members are not looked
 * at. FF_E_MALFORMED_FRAME {reason}. */
FF_MUST_USE ff_err ff_reply_decode(struct ff_str bytes, struct ff_arena *arena,
                                   struct ff_reply *out, struct ff_fault *fault);

#endif
