#include "core/codec_int.h"

#include "core/id.h"

/* ---- reading ---- */

/* The big-endian number of 0, 1, 2, 4 or 8 bytes at the front. */
static inline uint64_t
big_endian(const struct ff_rd *rd, uint32_t bytes)
{
    uint64_t value = 0;

    if (bytes > 0 && rd->end - rd->p >= (ptrdiff_t) sizeof(value)) {
        memcpy(&value, rd->p, sizeof(value));
        return be64toh(value) >> (64 - 8 * bytes);
    }
    for (uint32_t i = 0; i < bytes; i++) {
        value = value << 8 | rd->p[i];
    }
    return value;
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

const char *
ff_rd_long(struct ff_rd *rd, uint8_t head, msgpack_object *out)
{
    uint32_t bytes = head_bytes[head & 0x1f];
    uint64_t bits = 0;

    if ((uint64_t) (rd->end - rd->p) < bytes) {
        return "truncated";
    }
    bits = big_endian(rd, bytes);
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
        return ff_rd_sized(rd, MSGPACK_OBJECT_BIN, bits, out);
    case 0xca:
    case 0xcb:
        set_float(out, head, bits);
        return NULL;
    case 0xcc ... 0xcf:
        out->type = MSGPACK_OBJECT_POSITIVE_INTEGER;
        out->via.u64 = bits;
        return NULL;
    case 0xd0 ... 0xd3: /* shifted up and down again: the sign of a narrow one */
        ff_rd_set_int(out, (int64_t) (bits << (64 - 8 * bytes)) >> (64 - 8 * bytes));
        return NULL;
    case 0xd9 ... 0xdb:
        return ff_rd_sized(rd, MSGPACK_OBJECT_STR, bits, out);
    case 0xdc:
    case 0xdd:
        return ff_rd_sized(rd, MSGPACK_OBJECT_ARRAY, bits, out);
    case 0xde:
    case 0xdf:
        return ff_rd_sized(rd, MSGPACK_OBJECT_MAP, bits, out);
    default:
        return "ext_type";
    }
}

bool
ff_rd_skip(struct ff_rd *rd)
{
    msgpack_object token;

    for (uint64_t left = 1; left > 0; left--) {
        if (ff_rd_next(rd, &token) != NULL) {
            return false;
        }
        left += ff_rd_children(&token);
    }
    return true;
}

struct ff_str
ff_msgpack_take(struct ff_str *rest)
{
    const uint8_t *start = (const uint8_t *) rest->p;
    struct ff_rd rd = { start, start + rest->n };
    struct ff_str value = { 0 };

    if (ff_rd_skip(&rd)) {
        value = ff_str(start, (size_t) (rd.p - start));
        *rest = ff_str(rd.p, (size_t) (rd.end - rd.p));
    }
    return value;
}

/* ---- parsing ---- */

static inline bool
has_high_bit(const char *p, uint32_t bytes)
{
    uint64_t word = 0;

    memcpy(&word, p, bytes);
    return (word & UINT64_C(0x8080808080808080)) != 0;
}

/* Most texts are short and ASCII; a text of 8 bytes or more is looked at in words, the last of
 * which may lie over the one before. */
static inline bool
utf8_ok(const char *p, uint32_t n)
{
    bool ascii = true;
    uint32_t at = 0;

    if (n >= 8) {
        for (; at + 8 < n && ascii; at += 8) {
            ascii = !has_high_bit(p + at, 8);
        }
        ascii = ascii && !has_high_bit(p + n - 8, 8);
    } else if (n >= 4) {
        ascii = !has_high_bit(p, 4) && !has_high_bit(p + n - 4, 4);
    } else {
        for (; at < n && ascii; at++) {
            ascii = (p[at] & 0x80) == 0;
        }
    }
    return ascii || ff_utf8_ok(ff_str(p, n));
}

/* A list or map whose elements are being read. */
struct open {
    msgpack_object *next;
    uint64_t left;
};

struct parse {
    struct ff_rd rd;
    msgpack_zone *zone;
    uint64_t values;     /* announced so far */
    uint64_t values_max; /* each takes a byte at least */
    struct open open[FF_MSGPACK_DEPTH_MAX];
    uint32_t depth;
};

_Static_assert(sizeof(msgpack_object_kv) == 2 * sizeof(msgpack_object), "a pair is two values");

/* Room for the elements of a list or map; a pair of a map is two of them. What all heads together
 * announce has to fit into the message, else heads inside heads could ask for far more room. */
static const char *
enter(struct parse *parse, msgpack_object *head)
{
    uint64_t n = ff_rd_children(head);
    msgpack_object *room = NULL;

    if (parse->depth == FF_MSGPACK_DEPTH_MAX) {
        return "too_deep";
    }
    if (n == 0) {
        return NULL;
    }
    parse->values += n;
    if (parse->values > parse->values_max) {
        return "truncated";
    }
    if (parse->values > FF_MSGPACK_VALUES_MAX) {
        return "too_many_values";
    }
    room = msgpack_zone_malloc(parse->zone, n * sizeof(*room));
    FF_ASSERT(room != NULL);
    if (head->type == MSGPACK_OBJECT_ARRAY) {
        head->via.array.ptr = room;
    } else {
        head->via.map.ptr = (msgpack_object_kv *) room;
    }
    parse->open[parse->depth].next = room;
    parse->open[parse->depth++].left = n;
    return NULL;
}

static const char *
read_tree(struct parse *parse, msgpack_object *at)
{
    for (;;) {
        const char *reason = ff_rd_next(&parse->rd, at);

        if (reason == NULL && at->type == MSGPACK_OBJECT_STR &&
            !utf8_ok(at->via.str.ptr, at->via.str.size)) {
            reason = "invalid_utf8";
        }
        if (reason == NULL &&
            (at->type == MSGPACK_OBJECT_ARRAY || at->type == MSGPACK_OBJECT_MAP)) {
            reason = enter(parse, at);
        }
        if (reason != NULL) {
            return reason;
        }
        while (parse->depth > 0 && parse->open[parse->depth - 1].left == 0) {
            parse->depth--;
        }
        if (parse->depth == 0) {
            return parse->rd.p == parse->rd.end ? NULL : "trailing_bytes";
        }
        at = parse->open[parse->depth - 1].next++;
        parse->open[parse->depth - 1].left--;
    }
}

ff_err
ff_msgpack_parse(struct ff_str bytes, msgpack_zone *zone, msgpack_object *out,
                 struct ff_fault *fault)
{
    struct parse parse;
    const char *reason = NULL;

    parse.rd.p = (const uint8_t *) bytes.p;
    parse.rd.end = parse.rd.p + bytes.n;
    parse.zone = zone;
    parse.values = 1;
    parse.values_max = bytes.n;
    parse.depth = 0;
    reason = read_tree(&parse, out);
    if (reason != NULL) {
        return ff_fail(fault, FF_E_MALFORMED_FRAME, ff_d_text("reason", reason));
    }
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
