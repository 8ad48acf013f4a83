#include "core/codec_int.h"

const uint64_t ff_empty_room[2] = { 0 };

#define IS_AT(opt) offsetof(struct opt, is)

const uint8_t ff_slot_is_at[] = {
    [FF_TYPE_BOOL] = IS_AT(ff_opt_bool),
    [FF_TYPE_U8] = IS_AT(ff_opt_u32),
    [FF_TYPE_U16] = IS_AT(ff_opt_u32),
    [FF_TYPE_U32] = IS_AT(ff_opt_u32),
    [FF_TYPE_POS_U32] = IS_AT(ff_opt_u32),
    [FF_TYPE_U64] = IS_AT(ff_opt_u64),
    [FF_TYPE_POS_U64] = IS_AT(ff_opt_u64),
    [FF_TYPE_DUR_MS] = IS_AT(ff_opt_u64),
    [FF_TYPE_POS_MS] = IS_AT(ff_opt_u64),
    [FF_TYPE_I32] = IS_AT(ff_opt_i32),
    [FF_TYPE_I64] = IS_AT(ff_opt_i64),
    [FF_TYPE_MS] = IS_AT(ff_opt_i64),
    [FF_TYPE_F64] = IS_AT(ff_opt_f64),
    [FF_TYPE_UUID] = IS_AT(ff_opt_uuid),
    [FF_TYPE_EID] = IS_AT(ff_opt_eid),
    [FF_TYPE_ENUM] = IS_AT(ff_opt_u32),
    [FF_TYPE_U64S] = 0, /* the last type: the table covers all */
};

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

static bool
obj_is_zero(const struct ff_desc *desc, const void *p)
{
    for (uint32_t i = 0; i < desc->n; i++) {
        const struct ff_field *field = &desc->fields[i];
        const void *slot = (const uint8_t *) p + field->offset;

        if ((field->flags & FF_FIELD_OPT) != 0 ? ff_slot_present(field, slot)
                                               : !ff_slot_is_zero(field, slot)) {
            return false;
        }
    }
    return true;
}

bool
ff_slot_is_zero(const struct ff_field *field, const void *p)
{
    static const uint8_t zeros[sizeof(struct ff_eid)] = { 0 };

    switch ((enum ff_type) field->type) {
    case FF_TYPE_STR:
    case FF_TYPE_BYTES:
    case FF_TYPE_LANE:
    case FF_TYPE_LANE_HINT:
    case FF_TYPE_WID:
    case FF_TYPE_ANY:
        return ((const struct ff_str *) p)->n == 0;
    case FF_TYPE_STRS:
    case FF_TYPE_UUIDS:
    case FF_TYPE_U64S:
    case FF_TYPE_TAGS:
    case FF_TYPE_COUNTS:
    case FF_TYPE_OBJS:
        return ((const struct ff_objs *) p)->n == 0;
    case FF_TYPE_UUID:
        return memcmp(p, zeros, sizeof(struct ff_uuid)) == 0;
    case FF_TYPE_EID:
        return memcmp(p, zeros, sizeof(struct ff_eid)) == 0;
    case FF_TYPE_WORD:
        return *(const char *const *) p == NULL;
    case FF_TYPE_OBJ:
        return obj_is_zero(field->sub, p);
    default:
        return ff_slot_int(field, p) == 0;
    }
}
