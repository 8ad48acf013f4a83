#include "core/codec_int.h"

#include "core/id.h"

/* ---- reading ---- */

static inline uint64_t
big_endian(const uint8_t *p, uint32_t bytes)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < bytes; i++) {
        value = value << 8 | p[i];
    }
    return value;
}

static inline void
set_int(msgpack_object *out, int64_t value)
{
    out->type = value < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER : MSGPACK_OBJECT_POSITIVE_INTEGER;
    out->via.i64 = value;
}

/* A text, or the head of a list or map: what it announces must fit into the rest. */
static inline const char *
sized(struct ff_rd *rd, msgpack_object_type type, uint64_t n, msgpack_object *out)
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

/* 0xc0 to 0xdf: bytes of payload or of length behind the head. */
static const uint8_t head_bytes[32] = {
    [0x04] = 1, [0x05] = 2, [0x06] = 4,             /* bin */
    [0x0a] = 4, [0x0b] = 8,                         /* float */
    [0x0c] = 1, [0x0d] = 2, [0x0e] = 4, [0x0f] = 8, /* unsigned */
    [0x10] = 1, [0x11] = 2, [0x12] = 4, [0x13] = 8, /* signed */
    [0x19] = 1, [0x1a] = 2, [0x1b] = 4,             /* str */
    [0x1c] = 2, [0x1d] = 4, [0x1e] = 2, [0x1f] = 4, /* array, map */
};

static void
set_float(msgpack_object *out, uint8_t head, uint64_t bits)
{
    float narrow = 0;
    uint32_t bits32 = (uint32_t) bits;

    if (head == 0xca) {
        memcpy(&narrow, &bits32, sizeof(narrow));
        out->type = MSGPACK_OBJECT_FLOAT32;
        out->via.f64 = narrow;
    } else {
        out->type = MSGPACK_OBJECT_FLOAT64;
        memcpy(&out->via.f64, &bits, sizeof(bits));
    }
}

static const char *
next_long(struct ff_rd *rd, uint8_t head, msgpack_object *out)
{
    uint32_t bytes = head_bytes[head & 0x1f];
    uint64_t bits = 0;

    if ((uint64_t) (rd->end - rd->p) < bytes) {
        return "truncated";
    }
    bits = big_endian(rd->p, bytes);
    rd->p += bytes;
    switch (head) {
    case 0xc0:
        out->type = MSGPACK_OBJECT_NIL;
        return NULL;
    case 0xc1:
        return "invalid_byte";
    case 0xc2:
    case 0xc3:
        out->type = MSGPACK_OBJECT_BOOLEAN;
        out->via.boolean = head == 0xc3;
        return NULL;
    case 0xc4 ... 0xc6:
        return sized(rd, MSGPACK_OBJECT_BIN, bits, out);
    case 0xca:
    case 0xcb:
        set_float(out, head, bits);
        return NULL;
    case 0xcc ... 0xcf:
        out->type = MSGPACK_OBJECT_POSITIVE_INTEGER;
        out->via.u64 = bits;
        return NULL;
    case 0xd0 ... 0xd3: /* shifted up and down again: the sign of a narrow one */
        set_int(out, (int64_t) (bits << (64 - 8 * bytes)) >> (64 - 8 * bytes));
        return NULL;
    case 0xd9 ... 0xdb:
        return sized(rd, MSGPACK_OBJECT_STR, bits, out);
    case 0xdc:
    case 0xdd:
        return sized(rd, MSGPACK_OBJECT_ARRAY, bits, out);
    case 0xde:
    case 0xdf:
        return sized(rd, MSGPACK_OBJECT_MAP, bits, out);
    default:
        return "ext_type";
    }
}

const char *
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
        return sized(rd, MSGPACK_OBJECT_MAP, head & 0x0f, out);
    }
    if (head < 0xa0) {
        return sized(rd, MSGPACK_OBJECT_ARRAY, head & 0x0f, out);
    }
    if (head < 0xc0) {
        return sized(rd, MSGPACK_OBJECT_STR, head & 0x1f, out);
    }
    if (head >= 0xe0) {
        set_int(out, (int8_t) head);
        return NULL;
    }
    return next_long(rd, head, out);
}

/* Elements behind the head of a list or map. */
static inline uint64_t
children(const msgpack_object *head)
{
    if (head->type == MSGPACK_OBJECT_ARRAY) {
        return head->via.array.size;
    }
    return head->type == MSGPACK_OBJECT_MAP ? 2 * (uint64_t) head->via.map.size : 0;
}

bool
ff_rd_skip(struct ff_rd *rd)
{
    msgpack_object token;

    for (uint64_t left = 1; left > 0; left--) {
        if (ff_rd_next(rd, &token) != NULL) {
            return false;
        }
        left += children(&token);
    }
    return true;
}

/* ---- parsing ---- */

/* Counts the values of a message, if it is one. */
static const char *
check(struct ff_rd rd, uint32_t *values_out)
{
    uint64_t left[FF_MSGPACK_DEPTH_MAX]; /* elements to come, outermost first */
    uint32_t depth = 0;
    uint32_t values = 0;

    do {
        msgpack_object token;
        const char *reason = ff_rd_next(&rd, &token);

        if (reason != NULL) {
            return reason;
        }
        if (++values > FF_MSGPACK_VALUES_MAX) {
            return "too_many_values";
        }
        if (token.type == MSGPACK_OBJECT_STR &&
            !ff_utf8_ok(ff_str(token.via.str.ptr, token.via.str.size))) {
            return "invalid_utf8";
        }
        if (token.type == MSGPACK_OBJECT_ARRAY || token.type == MSGPACK_OBJECT_MAP) {
            if (depth == FF_MSGPACK_DEPTH_MAX) {
                return "too_deep";
            }
            left[depth++] = children(&token) + 1; /* itself, taken off below */
        }
        while (depth > 0 && --left[depth - 1] == 0) {
            depth--;
        }
    } while (depth > 0);
    *values_out = values;
    return rd.p == rd.end ? NULL : "trailing_bytes";
}

/* Builds the tree of a checked message in `pool`, which has room for exactly its values: each list
 * and map takes the next stretch, a pair of a map being two values. */
static void
build(struct ff_rd rd, msgpack_object *pool)
{
    struct {
        msgpack_object *at;
        uint64_t left;
    } open[FF_MSGPACK_DEPTH_MAX + 1];
    uint32_t depth = 1;
    msgpack_object *room = pool + 1;

    open[0].at = pool;
    open[0].left = 1;
    while (depth > 0) {
        msgpack_object *at = NULL;
        uint64_t n = 0;

        if (open[depth - 1].left == 0) {
            depth--;
            continue;
        }
        open[depth - 1].left--;
        at = open[depth - 1].at++;
        FF_ASSERT(ff_rd_next(&rd, at) == NULL);
        n = children(at);
        if (n > 0) {
            if (at->type == MSGPACK_OBJECT_ARRAY) {
                at->via.array.ptr = room;
            } else {
                at->via.map.ptr = (msgpack_object_kv *) room;
            }
            open[depth].at = room;
            open[depth++].left = n;
            room += n;
        }
    }
}

_Static_assert(sizeof(msgpack_object_kv) == 2 * sizeof(msgpack_object), "a pair is two values");

ff_err
ff_msgpack_parse(struct ff_str bytes, msgpack_zone *zone, msgpack_object *out,
                 struct ff_fault *fault)
{
    struct ff_rd rd = { (const uint8_t *) bytes.p, (const uint8_t *) bytes.p + bytes.n };
    uint32_t values = 0;
    const char *reason = check(rd, &values);
    msgpack_object *pool = NULL;

    if (reason != NULL) {
        return ff_fail(fault, FF_E_MALFORMED_FRAME, ff_d_text("reason", reason));
    }
    pool = msgpack_zone_malloc(zone, values * sizeof(*pool));
    FF_ASSERT(pool != NULL);
    build(rd, pool);
    *out = pool[0];
    return FF_E_OK;
}

/* ---- packing ---- */

void
ff_packer_init(struct ff_packer *packer)
{
    msgpack_sbuffer_init(&packer->buf);
    msgpack_packer_init(&packer->pk, &packer->buf, msgpack_sbuffer_write);
}

void
ff_packer_done(struct ff_packer *packer)
{
    msgpack_sbuffer_destroy(&packer->buf);
    msgpack_sbuffer_init(&packer->buf);
}

void
ff_pack_str(msgpack_packer *pk, struct ff_str text)
{
    FF_ASSERT(msgpack_pack_str_with_body(pk, text.p, text.n) == 0);
}

void
ff_pack_cstr(msgpack_packer *pk, const char *text)
{
    ff_pack_str(pk, ff_cstr(text));
}

void
ff_pack_bytes(msgpack_packer *pk, struct ff_str bytes)
{
    FF_ASSERT(msgpack_pack_bin_with_body(pk, bytes.p, bytes.n) == 0);
}
