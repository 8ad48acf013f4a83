#include "core/codec_wr.h"

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

void
ff_wr_big(struct ff_wr *wr, const void *p, uint32_t n)
{
    ff_wr_flush(wr);
    if (n > sizeof(wr->b)) {
        FF_ASSERT(wr->pk->callback(wr->pk->data, p, n) == 0);
    } else {
        memcpy(wr->b, p, n);
        wr->n = n;
    }
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
