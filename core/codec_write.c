#include "core/codec_int.h"

#include "core/id.h"

/* As long as the longest text of an id, with its head. */
#define ID_ROOM (FF_EID_TEXT_MAX + 2)

void
ff_wr_flush(struct ff_wr *wr)
{
    if (wr->n > 0) {
        FF_ASSERT(wr->pk->callback(wr->pk->data, (const char *) wr->b, wr->n) == 0);
        wr->n = 0;
    }
}

/* A head byte and a big-endian number of 1, 2, 4 or 8 bytes. */
static inline void
head(struct ff_wr *wr, uint8_t byte, uint32_t bytes, uint64_t value)
{
    uint8_t *p = ff_wr_room(wr, 9);

    value = htobe64(value << (64 - 8 * bytes));
    p[0] = byte;
    memcpy(p + 1, &value, sizeof(value));
    wr->n += 1 + bytes;
}

/* n with the head of its width: first, first + 1, first + 2 for 8, 16, 32 bits. */
static inline void
sized_head(struct ff_wr *wr, uint8_t first, uint32_t n)
{
    if (n <= UINT8_MAX) {
        head(wr, first, 1, n);
    } else if (n <= UINT16_MAX) {
        head(wr, first + 1, 2, n);
    } else {
        head(wr, first + 2, 4, n);
    }
}

void
ff_wr_str_head(struct ff_wr *wr, uint32_t n)
{
    if (n < 32) {
        ff_wr_byte(wr, (uint8_t) (0xa0 | n));
    } else {
        sized_head(wr, 0xd9, n);
    }
}

void
ff_wr_bin_head(struct ff_wr *wr, uint32_t n)
{
    sized_head(wr, 0xc4, n);
}

void
ff_wr_list_head(struct ff_wr *wr, uint32_t n)
{
    if (n < 16) {
        ff_wr_byte(wr, (uint8_t) (0x90 | n));
    } else if (n <= UINT16_MAX) {
        head(wr, 0xdc, 2, n);
    } else {
        head(wr, 0xdd, 4, n);
    }
}

void
ff_wr_map_head(struct ff_wr *wr, uint32_t n)
{
    if (n < 16) {
        ff_wr_byte(wr, (uint8_t) (0x80 | n));
    } else if (n <= UINT16_MAX) {
        head(wr, 0xde, 2, n);
    } else {
        head(wr, 0xdf, 4, n);
    }
}

void
ff_wr_raw(struct ff_wr *wr, const void *p, uint32_t n)
{
    if (sizeof(wr->b) - wr->n < n) {
        ff_wr_flush(wr);
        if (n > sizeof(wr->b)) {
            FF_ASSERT(wr->pk->callback(wr->pk->data, p, n) == 0);
            return;
        }
    }
    if (n > 0) {
        memcpy(wr->b + wr->n, p, n);
        wr->n += n;
    }
}

void
ff_wr_uint(struct ff_wr *wr, uint64_t value)
{
    if (value < 128) {
        ff_wr_byte(wr, (uint8_t) value);
    } else if (value <= UINT8_MAX) {
        head(wr, 0xcc, 1, value);
    } else if (value <= UINT16_MAX) {
        head(wr, 0xcd, 2, value);
    } else if (value <= UINT32_MAX) {
        head(wr, 0xce, 4, value);
    } else {
        head(wr, 0xcf, 8, value);
    }
}

void
ff_wr_int(struct ff_wr *wr, int64_t value)
{
    if (value >= 0) {
        ff_wr_uint(wr, (uint64_t) value);
    } else if (value >= -32) {
        ff_wr_byte(wr, (uint8_t) value);
    } else if (value >= INT8_MIN) {
        head(wr, 0xd0, 1, (uint64_t) value);
    } else if (value >= INT16_MIN) {
        head(wr, 0xd1, 2, (uint64_t) value);
    } else if (value >= INT32_MIN) {
        head(wr, 0xd2, 4, (uint64_t) value);
    } else {
        head(wr, 0xd3, 8, (uint64_t) value);
    }
}

void
ff_wr_f64(struct ff_wr *wr, double value)
{
    uint64_t bits = 0;

    memcpy(&bits, &value, sizeof(bits));
    head(wr, 0xcb, 8, bits);
}

void
ff_wr_uuid(struct ff_wr *wr, const struct ff_uuid *uuid)
{
    uint8_t *p = ff_wr_room(wr, ID_ROOM);

    p[0] = 0xd9;
    p[1] = FF_UUID_TEXT_MAX - 1;
    ff_uuid_text(uuid, (char *) p + 2);
    wr->n += 2 + FF_UUID_TEXT_MAX - 1;
}

/* The shortest execution id, {fp:0}: and a uuid, has 43 bytes: never a short head. */
void
ff_wr_eid(struct ff_wr *wr, const struct ff_eid *eid)
{
    uint8_t *p = ff_wr_room(wr, ID_ROOM);
    size_t n = ff_eid_text(eid, (char *) p + 2);

    p[0] = 0xd9;
    p[1] = (uint8_t) n;
    wr->n += 2 + (uint32_t) n;
}

static void
map_tree(struct ff_wr *wr, const msgpack_object *value)
{
    ff_wr_map_head(wr, value->via.map.size);
    for (uint32_t i = 0; i < value->via.map.size; i++) {
        ff_wr_tree(wr, &value->via.map.ptr[i].key);
        ff_wr_tree(wr, &value->via.map.ptr[i].val);
    }
}

void
ff_wr_tree(struct ff_wr *wr, const msgpack_object *value)
{
    switch (value->type) {
    case MSGPACK_OBJECT_NIL:
        ff_wr_nil(wr);
        break;
    case MSGPACK_OBJECT_BOOLEAN:
        ff_wr_bool(wr, value->via.boolean);
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        ff_wr_uint(wr, value->via.u64);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        ff_wr_int(wr, value->via.i64);
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        ff_wr_f64(wr, value->via.f64);
        break;
    case MSGPACK_OBJECT_STR:
        ff_wr_str(wr, ff_str(value->via.str.ptr, value->via.str.size));
        break;
    case MSGPACK_OBJECT_BIN:
        ff_wr_bin(wr, ff_str(value->via.bin.ptr, value->via.bin.size));
        break;
    case MSGPACK_OBJECT_ARRAY:
        ff_wr_list_head(wr, value->via.array.size);
        for (uint32_t i = 0; i < value->via.array.size; i++) {
            ff_wr_tree(wr, &value->via.array.ptr[i]);
        }
        break;
    case MSGPACK_OBJECT_MAP:
        map_tree(wr, value);
        break;
    case MSGPACK_OBJECT_EXT: /* refused by ff_msgpack_parse */
        FF_ASSERT(value->type != MSGPACK_OBJECT_EXT);
    }
}
