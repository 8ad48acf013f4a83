#include "core/codec_decode_int.h"

#include <math.h>

#include "core/id.h"

/* ---- which msgpack types a member takes ---- */

#define TAKES(type) (1u << MSGPACK_OBJECT_##type)
#define TAKES_INT (TAKES(POSITIVE_INTEGER) | TAKES(NEGATIVE_INTEGER))

static const uint16_t takes[] = {
    [FF_TYPE_STR] = TAKES(STR),
    [FF_TYPE_BYTES] = TAKES(BIN),
    [FF_TYPE_LANE] = TAKES(STR),
    [FF_TYPE_LANE_HINT] = TAKES(STR),
    [FF_TYPE_WID] = TAKES(STR),
    [FF_TYPE_ANY] = UINT16_MAX,
    [FF_TYPE_BOOL] = TAKES(BOOLEAN),
    [FF_TYPE_U8] = TAKES_INT,
    [FF_TYPE_U16] = TAKES_INT,
    [FF_TYPE_U32] = TAKES_INT,
    [FF_TYPE_POS_U32] = TAKES_INT,
    [FF_TYPE_U64] = TAKES_INT,
    [FF_TYPE_POS_U64] = TAKES_INT,
    [FF_TYPE_DUR_MS] = TAKES_INT,
    [FF_TYPE_POS_MS] = TAKES_INT,
    [FF_TYPE_I32] = TAKES_INT,
    [FF_TYPE_I64] = TAKES_INT,
    [FF_TYPE_MS] = TAKES_INT,
    [FF_TYPE_F64] = TAKES_INT | TAKES(FLOAT32) | TAKES(FLOAT64),
    [FF_TYPE_UUID] = TAKES(STR),
    [FF_TYPE_EID] = TAKES(STR),
    [FF_TYPE_WORD] = TAKES(STR),
    [FF_TYPE_ENUM] = TAKES(STR),
    [FF_TYPE_STRS] = TAKES(ARRAY),
    [FF_TYPE_UUIDS] = TAKES(ARRAY),
    [FF_TYPE_TAGS] = TAKES(MAP),
    [FF_TYPE_COUNTS] = TAKES(MAP),
    [FF_TYPE_OBJ] = TAKES(MAP),
    [FF_TYPE_OBJS] = TAKES(ARRAY),
    [FF_TYPE_U64S] = TAKES(ARRAY),
};

bool
ff_dec_takes(enum ff_type type, const msgpack_object *value)
{
    return (takes[type] >> value->type & 1) != 0;
}

static inline struct ff_str
text_of(const msgpack_object *value)
{
    return ff_str(value->via.str.size == 0 ? FF_EMPTY : value->via.str.ptr, value->via.str.size);
}

/* ---- texts ---- */

/* What a text or a list may hold where its row says nothing (01 §1.8). */
#define STR_BYTES_MAX 4096
#define BYTES_MAX 8388608
#define ANY_BYTES_MAX 65536
#define LIST_MAX 1000
#define TAGS_MAX 64
#define TAGS_BYTES_MAX 131072
#define TAG_VALUE_BYTES_MAX 65536

static ff_err
bounded(struct ff_dec *dec, const struct ff_dec_at *at, uint64_t n, uint64_t max)
{
    if (!dec->limits || n <= max) {
        return FF_E_OK;
    }
    return ff_dec_fail(dec, at, "too_long", ff_d_u64("len", n), ff_d_u64("max", max));
}

static uint64_t
max_of(const struct ff_field *field, uint64_t otherwise)
{
    return field->max != 0 ? field->max : otherwise;
}

static ff_err
text(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value, void *p)
{
    struct ff_str *out = p;
    ff_err err = FF_E_OK;

    *out = text_of(value);
    if (!dec->limits) {
        return FF_E_OK;
    }
    switch ((enum ff_type) at->field->type) {
    case FF_TYPE_BYTES:
        return bounded(dec, at, out->n, max_of(at->field, BYTES_MAX));
    case FF_TYPE_LANE_HINT:
        err = out->n == 0 ? FF_E_OK : ff_lane_check(*out, at->field->name, dec->fault);
        break;
    case FF_TYPE_LANE:
        err = ff_lane_check(*out, at->field->name, dec->fault);
        break;
    case FF_TYPE_WID:
        err = ff_wid_check(*out, at->field->name, dec->fault);
        break;
    default:
        return bounded(dec, at, out->n, max_of(at->field, STR_BYTES_MAX));
    }
    return err == FF_E_OK ? err : ff_dec_place(dec, at);
}

/* Anything goes into a text of its own, so that it outlives the tree. */
static ff_err
any(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value, void *p)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_wr wr;

    FF_TRY(ff_dec_form(dec, at, value));
    ff_packer_init(&packer);
    ff_wr_init(&wr, &packer.pk);
    ff_wr_tree(&wr, value);
    if (packer.buf.size == 0) { /* all of it still stands in the writer */
        *(struct ff_str *) p = ff_arena_copy(dec->arena, ff_str(wr.b, wr.n));
    } else {
        ff_wr_flush(&wr);
        *(struct ff_str *) p = ff_arena_copy(dec->arena, ff_packer_str(&packer));
    }
    return bounded(dec, at, ((struct ff_str *) p)->n, max_of(at->field, ANY_BYTES_MAX));
}

/* ---- scalars ---- */

static ff_err
integer(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value, void *p)
{
    const struct ff_int_range *range = &ff_int_ranges[at->field->type];
    uint64_t max = range->max;
    bool ok = false;

    if (dec->limits && at->field->max != 0 && at->field->max < max) {
        max = at->field->max;
    }
    if (value->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        ok = value->via.u64 <= max && (range->min != 1 || value->via.u64 != 0);
    } else {
        ok = value->via.i64 >= range->min;
    }
    if (!ok) {
        return ff_dec_fail(dec, at, "out_of_range", FF_D_NONE, FF_D_NONE);
    }
    ff_slot_put_int(at->field, p, value->via.u64);
    return FF_E_OK;
}

static ff_err
real(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value, void *p)
{
    double number = value->via.f64;

    if (value->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        number = (double) value->via.u64;
    } else if (value->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        number = (double) value->via.i64;
    }
    if (!isfinite(number)) {
        return ff_dec_fail(dec, at, "not_finite", FF_D_NONE, FF_D_NONE);
    }
    *(double *) p = number;
    return FF_E_OK;
}

static ff_err
word_of_vocab(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value, void *p)
{
    const struct ff_vocab *vocab = at->field->sub;
    struct ff_str word = text_of(value);

    for (uint32_t i = 0; i < vocab->n; i++) {
        if (word.n > 0 && vocab->words[i][0] == word.p[0] && ff_str_is(word, vocab->words[i])) {
            ff_slot_put_int(at->field, p, i);
            return FF_E_OK;
        }
    }
    return ff_dec_fail(dec, at, "unknown_value", ff_d_str("value", ff_arena_copy(dec->arena, word)),
                       FF_D_NONE);
}

static ff_err
id(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value, void *p)
{
    struct ff_str word = text_of(value);
    ff_err err = at->field->type == FF_TYPE_EID
                     ? ff_eid_parse(word, at->field->name, p, dec->fault)
                     : ff_uuid_parse(word, at->field->name, p, dec->fault);

    return err == FF_E_OK ? err : ff_dec_place(dec, at);
}

/* ---- lists ---- */

/* Room for n elements, counted against the limit first. */
static ff_err
room_for(struct ff_dec *dec, const struct ff_dec_at *at, uint32_t n, size_t size, void *list)
{
    uint64_t max = max_of(at->field, at->field->type == FF_TYPE_TAGS ? TAGS_MAX : LIST_MAX);
    struct ff_objs *out = list;

    if (dec->limits && n > max) {
        return ff_dec_fail(dec, at, "too_many", ff_d_u64("count", n), ff_d_u64("max", max));
    }
    out->v = n == 0 ? FF_EMPTY : ff_arena_zalloc(dec->arena, size * n);
    out->n = n;
    return FF_E_OK;
}

/* The element a list is made of, as a field of its own. */
static const struct ff_field *
element_of(enum ff_type type)
{
    static const struct ff_field str = { .name = "", .type = FF_TYPE_STR };
    static const struct ff_field uuid = { .name = "", .type = FF_TYPE_UUID };
    static const struct ff_field number = { .name = "", .type = FF_TYPE_U64 };

    switch (type) {
    case FF_TYPE_UUIDS:
        return &uuid;
    case FF_TYPE_U64S:
    case FF_TYPE_COUNTS:
        return &number;
    default:
        return &str;
    }
}

static ff_err
list(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value, size_t size,
     void *p)
{
    const struct ff_field *element = element_of(at->field->type);
    const struct ff_objs *out = p;

    FF_TRY(room_for(dec, at, value->via.array.size, size, p));
    for (uint32_t i = 0; i < out->n; i++) {
        struct ff_dec_at here = { .up = at, .field = element, .index = i };

        FF_TRY(ff_dec_value(dec, &here, &value->via.array.ptr[i], (uint8_t *) out->v + size * i));
    }
    return FF_E_OK;
}

static ff_err
objects(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value, void *p)
{
    const struct ff_desc *desc = at->field->sub;
    const struct ff_field element = { .name = "", .type = FF_TYPE_OBJ, .sub = desc };
    const struct ff_objs *out = p;

    FF_TRY(room_for(dec, at, value->via.array.size, desc->size, p));
    for (uint32_t i = 0; i < out->n; i++) {
        struct ff_dec_at here = { .up = at, .field = &element, .index = i };

        FF_TRY(ff_dec_value(dec, &here, &value->via.array.ptr[i],
                            (uint8_t *) out->v + (size_t) desc->size * i));
    }
    return FF_E_OK;
}

static ff_err
tags(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value, void *p)
{
    static const struct ff_field element = { .name = "",
                                             .type = FF_TYPE_STR,
                                             .max = TAG_VALUE_BYTES_MAX };
    const struct ff_tags *out = p;
    uint64_t bytes = 0;

    FF_TRY(room_for(dec, at, value->via.map.size, sizeof(*out->v), p));
    FF_TRY(ff_dec_keys(dec, at, value));
    for (uint32_t i = 0; i < out->n; i++) {
        const msgpack_object_kv *pair = &value->via.map.ptr[i];
        struct ff_dec_at here = { .up = at, .field = &element, .key = text_of(&pair->key) };

        out->v[i].key = here.key;
        if (pair->val.type != MSGPACK_OBJECT_NIL || dec->limits) {
            FF_TRY(ff_dec_value(dec, &here, &pair->val, &out->v[i].value));
        }
        bytes += (uint64_t) out->v[i].key.n + out->v[i].value.n;
    }
    return bounded(dec, at, bytes, TAGS_BYTES_MAX);
}

static ff_err
counts(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value, void *p)
{
    const struct ff_counts *out = p;

    FF_TRY(room_for(dec, at, value->via.map.size, sizeof(*out->v), p));
    FF_TRY(ff_dec_keys(dec, at, value));
    for (uint32_t i = 0; i < out->n; i++) {
        const msgpack_object_kv *pair = &value->via.map.ptr[i];
        struct ff_dec_at here = { .up = at,
                                  .field = element_of(FF_TYPE_COUNTS),
                                  .key = text_of(&pair->key) };

        out->v[i].key = here.key;
        FF_TRY(ff_dec_value(dec, &here, &pair->val, &out->v[i].value));
    }
    return FF_E_OK;
}

/* ---- any member ---- */

static ff_err
object(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value, void *p)
{
    const struct ff_desc *desc = at->field->sub;

    if ((at->field->flags & FF_FIELD_OPT) != 0) {
        *(void **) p = ff_arena_alloc(dec->arena, desc->size);
        p = *(void **) p;
    }
    return ff_dec_members(dec, at, desc, value, p);
}

ff_err
ff_dec_value(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value, void *p)
{
    if (!ff_dec_takes(at->field->type, value)) {
        return ff_dec_wrong_type(dec, at);
    }
    switch ((enum ff_type) at->field->type) {
    case FF_TYPE_STR:
    case FF_TYPE_BYTES:
    case FF_TYPE_LANE:
    case FF_TYPE_LANE_HINT:
    case FF_TYPE_WID:
        return text(dec, at, value, p);
    case FF_TYPE_ANY:
        return any(dec, at, value, p);
    case FF_TYPE_BOOL:
        ff_slot_put_int(at->field, p, value->via.boolean);
        return FF_E_OK;
    case FF_TYPE_F64:
        FF_TRY(real(dec, at, value, p));
        break;
    case FF_TYPE_UUID:
    case FF_TYPE_EID:
        FF_TRY(id(dec, at, value, p));
        break;
    case FF_TYPE_ENUM:
        return word_of_vocab(dec, at, value, p);
    case FF_TYPE_WORD:
        *(const char **) p = ff_arena_copy(dec->arena, text_of(value)).p;
        return FF_E_OK;
    case FF_TYPE_STRS:
        return list(dec, at, value, sizeof(struct ff_str), p);
    case FF_TYPE_UUIDS:
        return list(dec, at, value, sizeof(struct ff_uuid), p);
    case FF_TYPE_U64S:
        return list(dec, at, value, sizeof(uint64_t), p);
    case FF_TYPE_TAGS:
        return tags(dec, at, value, p);
    case FF_TYPE_COUNTS:
        return counts(dec, at, value, p);
    case FF_TYPE_OBJ:
        return object(dec, at, value, p);
    case FF_TYPE_OBJS:
        return objects(dec, at, value, p);
    default:
        return integer(dec, at, value, p);
    }
    ff_slot_set(at->field, p);
    return FF_E_OK;
}
