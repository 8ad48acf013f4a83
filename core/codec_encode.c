#include "core/codec_int.h"

/* The wire form: maps with the wire names, ids and enums as text (00 §3). Nothing is checked: what
 * is encoded here is ours. */

/* Lists without names inside. */
static void
list(struct ff_wr *wr, const struct ff_field *field, const void *p)
{
    const struct ff_objs *objs = p;

    ff_wr_list_head(wr, objs->n);
    for (uint32_t i = 0; i < objs->n; i++) {
        switch ((enum ff_type) field->type) {
        case FF_TYPE_STRS:
            ff_wr_str(wr, ((const struct ff_str *) objs->v)[i]);
            break;
        case FF_TYPE_UUIDS:
            ff_wr_uuid(wr, &((const struct ff_uuid *) objs->v)[i]);
            break;
        default:
            ff_wr_uint(wr, ((const uint64_t *) objs->v)[i]);
            break;
        }
    }
}

static void
tags(struct ff_wr *wr, const struct ff_tags *tags_in)
{
    ff_wr_map_head(wr, tags_in->n);
    for (uint32_t i = 0; i < tags_in->n; i++) {
        ff_wr_str(wr, tags_in->v[i].key);
        if (tags_in->v[i].value.p == NULL) {
            ff_wr_nil(wr);
        } else {
            ff_wr_str(wr, tags_in->v[i].value);
        }
    }
}

static void
counts(struct ff_wr *wr, const struct ff_counts *counts_in)
{
    ff_wr_map_head(wr, counts_in->n);
    for (uint32_t i = 0; i < counts_in->n; i++) {
        ff_wr_str(wr, counts_in->v[i].key);
        ff_wr_uint(wr, counts_in->v[i].value);
    }
}

static inline bool
is_there(const struct ff_field *field, const void *slot)
{
    return (field->flags & FF_FIELD_OPT) == 0 || ff_slot_present(field, slot);
}

/* Counted first: the head of a map says how many there are. */
static void
members(struct ff_wr *wr, const struct ff_desc *desc, const uint8_t *in)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < desc->n; i++) {
        n += is_there(&desc->fields[i], in + desc->fields[i].offset);
    }
    ff_wr_map_head(wr, n);
    for (uint32_t i = 0; i < desc->n; i++) {
        const struct ff_field *field = &desc->fields[i];

        if (is_there(field, in + field->offset)) {
            ff_wr_str(wr, ff_str(field->name, field->name_n));
            ff_wr_member(wr, field, in + field->offset);
        }
    }
}

static void
objects(struct ff_wr *wr, const struct ff_desc *desc, const struct ff_objs *objs)
{
    ff_wr_list_head(wr, objs->n);
    for (uint32_t i = 0; i < objs->n; i++) {
        members(wr, desc, (const uint8_t *) objs->v + (size_t) desc->size * i);
    }
}

static void
word(struct ff_wr *wr, const char *text)
{
    if (text == NULL) {
        ff_wr_nil(wr);
    } else {
        ff_wr_str(wr, ff_cstr(text));
    }
}

/* Values that take more than one call to write. */
static void
composite(struct ff_wr *wr, const struct ff_field *field, const void *p)
{
    switch ((enum ff_type) field->type) {
    case FF_TYPE_TAGS:
        tags(wr, p);
        break;
    case FF_TYPE_COUNTS:
        counts(wr, p);
        break;
    case FF_TYPE_OBJ:
        members(wr, field->sub, (field->flags & FF_FIELD_OPT) != 0 ? *(const void *const *) p : p);
        break;
    case FF_TYPE_OBJS:
        objects(wr, field->sub, p);
        break;
    default:
        list(wr, field, p);
        break;
    }
}

void
ff_wr_member(struct ff_wr *wr, const struct ff_field *field, const void *p)
{
    switch ((enum ff_type) field->type) {
    case FF_TYPE_STR:
    case FF_TYPE_LANE:
    case FF_TYPE_LANE_HINT:
    case FF_TYPE_WID:
        ff_wr_str(wr, *(const struct ff_str *) p);
        break;
    case FF_TYPE_BYTES:
        ff_wr_bin(wr, *(const struct ff_str *) p);
        break;
    case FF_TYPE_ANY: /* msgpack already; nothing at all is nil */
        if (((const struct ff_str *) p)->n == 0) {
            ff_wr_nil(wr);
        }
        ff_wr_raw(wr, ((const struct ff_str *) p)->p, ((const struct ff_str *) p)->n);
        break;
    case FF_TYPE_BOOL:
        ff_wr_bool(wr, *(const bool *) p);
        break;
    case FF_TYPE_I32:
    case FF_TYPE_I64:
    case FF_TYPE_MS:
        ff_wr_int(wr, (int64_t) ff_slot_int(field, p));
        break;
    case FF_TYPE_F64:
        ff_wr_f64(wr, *(const double *) p);
        break;
    case FF_TYPE_UUID:
        ff_wr_uuid(wr, p);
        break;
    case FF_TYPE_EID:
        ff_wr_eid(wr, p);
        break;
    case FF_TYPE_ENUM:
        ff_wr_str(wr, ff_cstr(ff_word(field->sub, (uint32_t) ff_slot_int(field, p))));
        break;
    case FF_TYPE_WORD:
        word(wr, *(const char *const *) p);
        break;
    case FF_TYPE_STRS:
    case FF_TYPE_UUIDS:
    case FF_TYPE_U64S:
    case FF_TYPE_TAGS:
    case FF_TYPE_COUNTS:
    case FF_TYPE_OBJ:
    case FF_TYPE_OBJS:
        composite(wr, field, p);
        break;
    default:
        ff_wr_uint(wr, ff_slot_int(field, p));
        break;
    }
}

void
ff_encode(const struct ff_desc *desc, const void *in, msgpack_packer *pk)
{
    struct ff_wr wr;

    ff_wr_init(&wr, pk);
    members(&wr, desc, in);
    ff_wr_flush(&wr);
}
