/* codec_wr.h: a writer of msgpack that calls its packer once a block. Inline, because every value
 * of every message and record goes through it.
 */
#ifndef FF_CORE_CODEC_WR_H
#define FF_CORE_CODEC_WR_H

#include <endian.h>
#include <msgpack.h>

#include "core/base.h"

struct ff_wr {
    msgpack_packer *pk;
    uint32_t n;
    uint8_t b[1024];
};

void ff_wr_flush(struct ff_wr *wr);
/* Bytes that do not fit into what is left of the block. */
void ff_wr_big(struct ff_wr *wr, const void *p, uint32_t n);
/* The text of an id, with its head. */
void ff_wr_uuid(struct ff_wr *wr, const struct ff_uuid *uuid);
void ff_wr_eid(struct ff_wr *wr, const struct ff_eid *eid);
/* A tree. */
void ff_wr_tree(struct ff_wr *wr, const msgpack_object *value);

static inline void
ff_wr_init(struct ff_wr *wr, msgpack_packer *pk)
{
    wr->pk = pk;
    wr->n = 0;
}

/* Room for n ≤ 64 bytes; the caller adds what it used to wr->n. */
static inline uint8_t *
ff_wr_room(struct ff_wr *wr, uint32_t n)
{
    if (sizeof(wr->b) - wr->n < n) {
        ff_wr_flush(wr);
    }
    return wr->b + wr->n;
}

static inline void
ff_wr_byte(struct ff_wr *wr, uint8_t byte)
{
    *ff_wr_room(wr, 1) = byte;
    wr->n++;
}

/* A head byte and a big-endian number of 1, 2, 4 or 8 bytes. */
static inline void
ff_wr_head(struct ff_wr *wr, uint32_t byte, uint32_t bytes, uint64_t value)
{
    uint8_t *p = ff_wr_room(wr, 9);

    value = htobe64(value << (64 - 8 * bytes));
    p[0] = (uint8_t) byte;
    memcpy(p + 1, &value, sizeof(value));
    wr->n += 1 + bytes;
}

/* The head that goes with n: first, first + 1, first + 2 for 8, 16, 32 bits. */
static inline void
ff_wr_sized(struct ff_wr *wr, uint32_t first, uint32_t n)
{
    uint32_t wide = (n > UINT8_MAX) + (n > UINT16_MAX);

    ff_wr_head(wr, first + wide, 1u << wide, n);
}

static inline void
ff_wr_str_head(struct ff_wr *wr, uint32_t n)
{
    if (n < 32) {
        ff_wr_byte(wr, (uint8_t) (0xa0 | n));
    } else {
        ff_wr_sized(wr, 0xd9, n);
    }
}

static inline void
ff_wr_bin_head(struct ff_wr *wr, uint32_t n)
{
    ff_wr_sized(wr, 0xc4, n);
}

/* first: 0x90 and 0xdc for lists, 0x80 and 0xde for maps. */
static inline void
ff_wr_many_head(struct ff_wr *wr, uint32_t few, uint32_t many, uint32_t n)
{
    if (n < 16) {
        ff_wr_byte(wr, (uint8_t) (few | n));
    } else {
        ff_wr_head(wr, many + (n > UINT16_MAX), n > UINT16_MAX ? 4 : 2, n);
    }
}

static inline void
ff_wr_list_head(struct ff_wr *wr, uint32_t n)
{
    ff_wr_many_head(wr, 0x90, 0xdc, n);
}

static inline void
ff_wr_map_head(struct ff_wr *wr, uint32_t n)
{
    ff_wr_many_head(wr, 0x80, 0xde, n);
}

static inline void
ff_wr_raw(struct ff_wr *wr, const void *p, uint32_t n)
{
    if (sizeof(wr->b) - wr->n < n) {
        ff_wr_big(wr, p, n);
    } else if (n > 0) {
        memcpy(wr->b + wr->n, p, n);
        wr->n += n;
    }
}

static inline void
ff_wr_uint(struct ff_wr *wr, uint64_t value)
{
    uint32_t wide = (value > UINT8_MAX) + (value > UINT16_MAX) + (value > UINT32_MAX);

    if (value < 128) {
        ff_wr_byte(wr, (uint8_t) value);
    } else {
        ff_wr_head(wr, 0xcc + wide, 1u << wide, value);
    }
}

static inline void
ff_wr_int(struct ff_wr *wr, int64_t value)
{
    uint32_t wide = (value < INT8_MIN) + (value < INT16_MIN) + (value < INT32_MIN);

    if (value >= 0) {
        ff_wr_uint(wr, (uint64_t) value);
    } else if (value >= -32) {
        ff_wr_byte(wr, (uint8_t) value);
    } else {
        ff_wr_head(wr, 0xd0 + wide, 1u << wide, (uint64_t) value);
    }
}

static inline void
ff_wr_f64(struct ff_wr *wr, double value)
{
    uint64_t bits = 0;

    memcpy(&bits, &value, sizeof(bits));
    ff_wr_head(wr, 0xcb, 8, bits);
}

static inline void
ff_wr_nil(struct ff_wr *wr)
{
    ff_wr_byte(wr, 0xc0);
}

static inline void
ff_wr_bool(struct ff_wr *wr, bool value)
{
    ff_wr_byte(wr, value ? 0xc3 : 0xc2);
}

static inline void
ff_wr_str(struct ff_wr *wr, struct ff_str text)
{
    ff_wr_str_head(wr, text.n);
    ff_wr_raw(wr, text.p, text.n);
}

static inline void
ff_wr_bin(struct ff_wr *wr, struct ff_str bytes)
{
    ff_wr_bin_head(wr, bytes.n);
    ff_wr_raw(wr, bytes.p, bytes.n);
}

#endif
