/* codec_rd.h: a bounded reader of msgpack, token by token. Inline, because every value of every
 * message and record goes through it.
 */
#ifndef FF_CORE_CODEC_RD_H
#define FF_CORE_CODEC_RD_H

#include <msgpack.h>

#include "core/base.h"

struct ff_rd {
    const uint8_t *p;
    const uint8_t *end;
};

/* The rest of ff_rd_next: tokens with a head from 0xc0 to 0xdf. */
const char *ff_rd_long(struct ff_rd *rd, uint8_t head, msgpack_object *out);
/* Passes over one value of any depth. */
bool ff_rd_skip(struct ff_rd *rd);

static inline void
ff_rd_set_int(msgpack_object *out, int64_t value)
{
    out->type = value < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER : MSGPACK_OBJECT_POSITIVE_INTEGER;
    out->via.i64 = value;
}

/* A text, or the head of a list or map: what it announces must fit into the rest. */
static inline const char *
ff_rd_sized(struct ff_rd *rd, msgpack_object_type type, uint64_t n, msgpack_object *out)
{
    uint64_t bytes = type == MSGPACK_OBJECT_MAP ? 2 * n : n; /* an element takes a byte at least */

    if (bytes > (uint64_t) (rd->end - rd->p)) {
        return "truncated";
    }
    out->type = type;
    if (type == MSGPACK_OBJECT_STR || type == MSGPACK_OBJECT_BIN) {
        out->via.str.size = (uint32_t) n;
        out->via.str.ptr = (const char *) rd->p;
        rd->p += n;
    } else {
        out->via.array.size = (uint32_t) n;
        out->via.array.ptr = NULL;
    }
    return NULL;
}

/* The next token: a scalar, a text that points into the input, or the head of a map or array with
 * its size and ptr NULL. NULL, or the reason why there is none (ff_msgpack_parse). */
static inline const char *
ff_rd_next(struct ff_rd *rd, msgpack_object *out)
{
    uint8_t head = 0;

    if (rd->p == rd->end) {
        return "truncated";
    }
    head = *rd->p++;
    if (head < 0x80) {
        out->type = MSGPACK_OBJECT_POSITIVE_INTEGER;
        out->via.u64 = head;
        return NULL;
    }
    if (head < 0x90) {
        return ff_rd_sized(rd, MSGPACK_OBJECT_MAP, head & 0x0f, out);
    }
    if (head < 0xa0) {
        return ff_rd_sized(rd, MSGPACK_OBJECT_ARRAY, head & 0x0f, out);
    }
    if (head < 0xc0) {
        return ff_rd_sized(rd, MSGPACK_OBJECT_STR, head & 0x1f, out);
    }
    if (head >= 0xe0) {
        ff_rd_set_int(out, (int8_t) head);
        return NULL;
    }
    return ff_rd_long(rd, head, out);
}

/* Elements behind the head of a list or map; a pair of a map is two. */
static inline uint64_t
ff_rd_children(const msgpack_object *head)
{
    if (head->type == MSGPACK_OBJECT_ARRAY) {
        return head->via.array.size;
    }
    return head->type == MSGPACK_OBJECT_MAP ? 2 * (uint64_t) head->via.map.size : 0;
}

#endif
