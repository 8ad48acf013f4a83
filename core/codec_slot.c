#include "core/codec_int.h"

const uint64_t ff_empty_room[2] = { 0 };

const struct ff_int_range ff_int_ranges[] = {
    [FF_TYPE_U8] = { 0, UINT8_MAX },          [FF_TYPE_U16] = { 0, UINT16_MAX },
    [FF_TYPE_U32] = { 0, UINT32_MAX },        [FF_TYPE_POS_U32] = { 1, UINT32_MAX },
    [FF_TYPE_U64] = { 0, UINT64_MAX },        [FF_TYPE_POS_U64] = { 1, UINT64_MAX },
    [FF_TYPE_DUR_MS] = { 0, FF_DUR_MS_MAX },  [FF_TYPE_POS_MS] = { 1, FF_DUR_MS_MAX },
    [FF_TYPE_I32] = { INT32_MIN, INT32_MAX }, [FF_TYPE_I64] = { INT64_MIN, INT64_MAX },
    [FF_TYPE_MS] = { INT64_MIN, INT64_MAX },
};

_Static_assert(sizeof(enum ff_lifecycle_phase) == sizeof(uint32_t), "enums are read as u32");

uint64_t
ff_slot_int(const struct ff_field *field, const void *p)
{
    bool opt = (field->flags & FF_FIELD_OPT) != 0;

    switch ((enum ff_type) field->type) {
    case FF_TYPE_BOOL:
        return *(const bool *) p;
    case FF_TYPE_U8:
        return opt ? *(const uint32_t *) p : *(const uint8_t *) p;
    case FF_TYPE_U16:
        return opt ? *(const uint32_t *) p : *(const uint16_t *) p;
    case FF_TYPE_U32:
    case FF_TYPE_POS_U32:
    case FF_TYPE_ENUM:
        return *(const uint32_t *) p;
    case FF_TYPE_I32:
        return (uint64_t) (int64_t) * (const int32_t *) p;
    default:
        return *(const uint64_t *) p;
    }
}

void
ff_slot_put_int(const struct ff_field *field, void *p, uint64_t bits)
{
    bool opt = (field->flags & FF_FIELD_OPT) != 0;

    switch ((enum ff_type) field->type) {
    case FF_TYPE_BOOL:
        *(bool *) p = bits != 0;
        break;
    case FF_TYPE_U8:
        if (!opt) {
            *(uint8_t *) p = (uint8_t) bits;
            return;
        }
        *(uint32_t *) p = (uint32_t) bits;
        break;
    case FF_TYPE_U16:
        if (!opt) {
            *(uint16_t *) p = (uint16_t) bits;
            return;
        }
        *(uint32_t *) p = (uint32_t) bits;
        break;
    case FF_TYPE_U32:
    case FF_TYPE_POS_U32:
    case FF_TYPE_ENUM:
    case FF_TYPE_I32:
        *(uint32_t *) p = (uint32_t) bits;
        break;
    default:
        *(uint64_t *) p = bits;
        break;
    }
    ff_slot_set(field, p);
}

/* ---- what is stored ---- */

static bool
is_zero(const uint8_t *p, size_t n)
{
    static const uint8_t zeros[sizeof(struct ff_eid)] = { 0 };

    return memcmp(p, zeros, n) == 0;
}

bool
ff_slot_stored_slow(const struct ff_field *field, const uint8_t *in)
{
    const struct ff_desc *desc = field->sub;
    const uint8_t *p = in + field->offset;

    if (field->probe_n != 0) {
        return !is_zero(in + field->probe_at, field->probe_n);
    }
    if (field->type == FF_TYPE_UUID) {
        return !is_zero(p, sizeof(struct ff_uuid));
    }
    if (field->type == FF_TYPE_EID) {
        return !is_zero(p, sizeof(struct ff_eid));
    }
    for (uint32_t i = 0; i < desc->n; i++) {
        if (ff_slot_stored(&desc->fields[i], p, desc->size)) {
            return true;
        }
    }
    return false;
}

/* ---- members by value (codec.h) ---- */

bool
ff_field_stored(const struct ff_desc *desc, const struct ff_field *field, const void *record)
{
    return ff_slot_stored(field, record, desc->size);
}

bool
ff_field_alike(const struct ff_desc *desc, const struct ff_field *field, const void *a,
               const void *b)
{
    const void *in_a = (const uint8_t *) a + field->offset;
    const void *in_b = (const uint8_t *) b + field->offset;
    bool there = ff_slot_stored(field, a, desc->size);

    /* What is not stored has no value worth comparing: an absent one may have left anything. */
    if (!there || !ff_slot_stored(field, b, desc->size)) {
        return !there && !ff_slot_stored(field, b, desc->size);
    }
    if (field->type <= FF_TYPE_ANY) {
        return ff_str_eq(*(const struct ff_str *) in_a, *(const struct ff_str *) in_b);
    }
    switch ((enum ff_type) field->type) {
    case FF_TYPE_UUID:
        return ff_uuid_eq(*(const struct ff_uuid *) in_a, *(const struct ff_uuid *) in_b);
    case FF_TYPE_EID:
        return ff_eid_eq(*(const struct ff_eid *) in_a, *(const struct ff_eid *) in_b);
    case FF_TYPE_F64:
        return memcmp(in_a, in_b, sizeof(double)) == 0;
    default: /* words are results only; lists and shapes would have to be looked through */
        return field->type < FF_TYPE_STRS && field->type != FF_TYPE_WORD &&
               ff_slot_int(field, in_a) == ff_slot_int(field, in_b);
    }
}

uint64_t
ff_field_int(const struct ff_field *field, const void *record)
{
    return ff_slot_int(field, (const uint8_t *) record + field->offset);
}

void
ff_field_put_int(const struct ff_field *field, void *record, uint64_t bits)
{
    ff_slot_put_int(field, (uint8_t *) record + field->offset, bits);
}

void
ff_field_mark(const struct ff_field *field, void *record)
{
    ff_slot_set(field, (uint8_t *) record + field->offset);
}
