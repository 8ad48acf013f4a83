#include "tests/core/codec_fill.h"

#include <stdio.h>

static uint64_t
fill_next(struct ff_fill *fill) /* splitmix64 */
{
    uint64_t z = fill->seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t
fill_below(struct ff_fill *fill, uint64_t n)
{
    return n == 0 ? 0 : fill_next(fill) % n;
}

/* Integers of every width, the bounds among them. */
static uint64_t
fill_uint(struct ff_fill *fill, uint64_t min, uint64_t max)
{
    uint64_t value = fill_next(fill) >> fill_below(fill, 64);

    if (fill_below(fill, 8) == 0) {
        return fill_below(fill, 2) == 0 ? min : max;
    }
    return value < min ? min : value > max ? max : value;
}

static struct ff_str
fill_text(struct ff_fill *fill, uint32_t min, uint32_t max, bool plain)
{
    static const char *const pieces[] = { "a", "Zz", "0", "-_", "x", " ", "é", "\"\\", "東", "😀" };
    char *text = ff_arena_alloc(fill->arena, (size_t) max + 8);
    uint32_t want = min + (uint32_t) fill_below(fill, max - min + 1);
    uint32_t n = 0;

    while (n < want) {
        const char *piece = pieces[fill_below(fill, plain ? 5 : FF_COUNT(pieces))];
        uint32_t bytes = (uint32_t) strlen(piece);

        piece = n + bytes > want ? "q" : piece;
        bytes = (uint32_t) strlen(piece);
        memcpy(text + n, piece, bytes);
        n += bytes;
    }
    return ff_str(text, n);
}

static struct ff_str
fill_bytes(struct ff_fill *fill, uint32_t max)
{
    uint32_t n = (uint32_t) fill_below(fill, max + 1);
    char *bytes = ff_arena_alloc(fill->arena, max + 1);

    for (uint32_t i = 0; i < n; i++) {
        bytes[i] = (char) fill_next(fill);
    }
    return ff_str(bytes, n);
}

static struct ff_uuid
fill_uuid(struct ff_fill *fill)
{
    struct ff_uuid uuid;

    for (size_t i = 0; i < sizeof(uuid.b); i++) {
        uuid.b[i] = (uint8_t) fill_next(fill);
    }
    return uuid;
}

static void
fill_any(struct ff_fill *fill, struct ff_packer *packer, uint32_t depth)
{
    uint32_t n = (uint32_t) fill_below(fill, 4);
    char key[16];

    switch (fill_below(fill, depth == 0 ? 5 : 7)) {
    case 0:
        msgpack_pack_uint64(&packer->pk, fill_uint(fill, 0, UINT64_C(1) << 53)); /* as in JSON */
        break;
    case 1:
        msgpack_pack_true(&packer->pk);
        break;
    case 2:
        ff_pack_str(&packer->pk, fill_text(fill, 0, 40, false));
        break;
    case 3:
        msgpack_pack_nil(&packer->pk);
        break;
    case 4:
        msgpack_pack_int64(&packer->pk, -(int64_t) fill_uint(fill, 1, INT64_MAX));
        break;
    case 5:
        msgpack_pack_array(&packer->pk, n);
        for (uint32_t i = 0; i < n; i++) {
            fill_any(fill, packer, depth - 1);
        }
        break;
    default:
        msgpack_pack_map(&packer->pk, n);
        for (uint32_t i = 0; i < n; i++) {
            snprintf(key, sizeof(key), "k%u", i);
            ff_pack_cstr(&packer->pk, key);
            fill_any(fill, packer, depth - 1);
        }
    }
}

static struct ff_str
fill_any_text(struct ff_fill *fill)
{
    FF_SCOPED(ff_packer) packer = { 0 };

    ff_packer_init(&packer);
    do { /* nil would be an absent one */
        msgpack_sbuffer_clear(&packer.buf);
        fill_any(fill, &packer, 3);
    } while (packer.buf.data[0] == (char) 0xc0);
    return ff_arena_copy(fill->arena, ff_packer_str(&packer));
}

/* Bounds of an integer field. */
static void
fill_range(const struct ff_field *field, int64_t *min, uint64_t *max)
{
    static const struct {
        int64_t min;
        uint64_t max;
    } ranges[] = {
        [FF_TYPE_U8] = { 0, UINT8_MAX },          [FF_TYPE_U16] = { 0, UINT16_MAX },
        [FF_TYPE_U32] = { 0, UINT32_MAX },        [FF_TYPE_POS_U32] = { 1, UINT32_MAX },
        [FF_TYPE_U64] = { 0, UINT64_MAX },        [FF_TYPE_POS_U64] = { 1, UINT64_MAX },
        [FF_TYPE_DUR_MS] = { 0, FF_DUR_MS_MAX },  [FF_TYPE_POS_MS] = { 1, FF_DUR_MS_MAX },
        [FF_TYPE_I32] = { INT32_MIN, INT32_MAX }, [FF_TYPE_I64] = { INT64_MIN, INT64_MAX },
        [FF_TYPE_MS] = { INT64_MIN, INT64_MAX },
    };

    *min = ranges[field->type].min;
    *max = field->max != 0 ? field->max : ranges[field->type].max;
}

static void
fill_int(struct ff_fill *fill, const struct ff_field *field, void *p)
{
    bool opt = (field->flags & FF_FIELD_OPT) != 0;
    int64_t min = 0;
    uint64_t max = 0;
    uint64_t value = 0;

    fill_range(field, &min, &max);
    value = fill_uint(fill, min > 0 ? (uint64_t) min : 0, max);
    if (min < 0 && fill_below(fill, 2) == 0) {
        value = (uint64_t) - (int64_t) fill_uint(fill, 1, max);
    }
    switch ((enum ff_type) field->type) {
    case FF_TYPE_U8:
    case FF_TYPE_U16:
    case FF_TYPE_U32:
    case FF_TYPE_POS_U32:
    case FF_TYPE_I32:
        if (opt) {
            *(struct ff_opt_u32 *) p = FF_SOME(ff_opt_u32, (uint32_t) value);
        } else if (field->type == FF_TYPE_U8) {
            *(uint8_t *) p = (uint8_t) value;
        } else if (field->type == FF_TYPE_U16) {
            *(uint16_t *) p = (uint16_t) value;
        } else {
            *(uint32_t *) p = (uint32_t) value;
        }
        break;
    default:
        if (opt) {
            *(struct ff_opt_u64 *) p = FF_SOME(ff_opt_u64, value);
        } else {
            *(uint64_t *) p = value;
        }
    }
}

static void
fill_list(struct ff_fill *fill, const struct ff_field *field, void *p)
{
    const struct ff_desc *desc = field->sub;
    uint32_t n = (uint32_t) fill_below(fill, 4);
    struct ff_objs *out = p;

    out->v = ff_arena_zalloc(fill->arena, field->type == FF_TYPE_OBJS ? (size_t) n * desc->size
                                                                      : n * sizeof(struct ff_tag));
    out->n = n;
    for (uint32_t i = 0; i < n; i++) {
        struct ff_str key = ff_arena_printf(fill->arena, "k.%u", i);

        switch ((enum ff_type) field->type) {
        case FF_TYPE_STRS:
            ((struct ff_str *) out->v)[i] = fill_text(fill, 0, 12, false);
            break;
        case FF_TYPE_UUIDS:
            ((struct ff_uuid *) out->v)[i] = fill_uuid(fill);
            break;
        case FF_TYPE_U64S:
            ((uint64_t *) out->v)[i] = fill_uint(fill, 0, UINT64_MAX);
            break;
        case FF_TYPE_TAGS:
            ((struct ff_tag *) out->v)[i] = (struct ff_tag){ key, fill_text(fill, 0, 9, false) };
            break;
        case FF_TYPE_COUNTS:
            ((struct ff_tally *) out->v)[i] =
                (struct ff_tally){ key, fill_uint(fill, 0, UINT64_MAX) };
            break;
        default:
            ff_fill_struct(fill, desc, (uint8_t *) out->v + (size_t) desc->size * i);
        }
    }
}

static void
fill_shape(struct ff_fill *fill, const struct ff_field *field, void *p)
{
    const struct ff_desc *desc = field->sub;

    if ((field->flags & FF_FIELD_OPT) != 0) {
        *(void **) p = ff_arena_zalloc(fill->arena, desc->size);
        p = *(void **) p;
    }
    ff_fill_struct(fill, desc, p);
}

static void
fill_id(struct ff_fill *fill, const struct ff_field *field, void *p)
{
    struct ff_eid eid = { .partition = (uint16_t) fill_next(fill), .uuid = fill_uuid(fill) };

    if (field->type == FF_TYPE_UUID) {
        *(struct ff_uuid *) p = eid.uuid;
        if ((field->flags & FF_FIELD_OPT) != 0) {
            ((struct ff_opt_uuid *) p)->is = true;
        }
    } else {
        *(struct ff_eid *) p = eid;
        if ((field->flags & FF_FIELD_OPT) != 0) {
            ((struct ff_opt_eid *) p)->is = true;
        }
    }
}

static void
fill_scalar(struct ff_fill *fill, const struct ff_field *field, void *p)
{
    bool opt = (field->flags & FF_FIELD_OPT) != 0;
    uint32_t word = 0;

    if (field->type == FF_TYPE_BOOL) {
        *(bool *) p = fill_below(fill, 2) != 0;
        if (opt) {
            ((struct ff_opt_bool *) p)->is = true;
        }
    } else if (field->type == FF_TYPE_F64) {
        *(double *) p = (double) (int64_t) fill_next(fill) / 1000.0;
        if (opt) {
            ((struct ff_opt_f64 *) p)->is = true;
        }
    } else if (field->type == FF_TYPE_ENUM) {
        word = (uint32_t) fill_below(fill, ((const struct ff_vocab *) field->sub)->n);
        *(uint32_t *) p = word;
        if (opt) {
            ((struct ff_opt_u32 *) p)->is = true;
        }
    } else {
        fill_int(fill, field, p);
    }
}

static uint32_t
fill_text_max(const struct ff_field *field)
{
    return field->max != 0 && field->max < 300 ? (uint32_t) field->max : 300;
}

static void
fill_member(struct ff_fill *fill, const struct ff_field *field, void *p)
{
    switch ((enum ff_type) field->type) {
    case FF_TYPE_STR:
        *(struct ff_str *) p = fill_text(fill, 0, fill_text_max(field), false);
        break;
    case FF_TYPE_BYTES:
        *(struct ff_str *) p = fill_bytes(fill, fill_text_max(field));
        break;
    case FF_TYPE_LANE:
    case FF_TYPE_LANE_HINT:
        *(struct ff_str *) p = fill_text(fill, 1, 64, true);
        break;
    case FF_TYPE_WID:
        *(struct ff_str *) p = fill_text(fill, 1, 40, true);
        break;
    case FF_TYPE_ANY:
        *(struct ff_str *) p = fill_any_text(fill);
        break;
    case FF_TYPE_UUID:
    case FF_TYPE_EID:
        fill_id(fill, field, p);
        break;
    case FF_TYPE_WORD:
        *(const char **) p = fill_below(fill, 2) == 0 ? "granted" : "no_work";
        break;
    case FF_TYPE_STRS:
    case FF_TYPE_UUIDS:
    case FF_TYPE_U64S:
    case FF_TYPE_TAGS:
    case FF_TYPE_COUNTS:
    case FF_TYPE_OBJS:
        fill_list(fill, field, p);
        break;
    case FF_TYPE_OBJ:
        fill_shape(fill, field, p);
        break;
    default:
        fill_scalar(fill, field, p);
    }
}

void
ff_fill_struct(struct ff_fill *fill, const struct ff_desc *desc, void *out)
{
    memset(out, 0, desc->size);
    for (uint32_t i = 0; i < desc->n; i++) {
        const struct ff_field *field = &desc->fields[i];

        if ((field->flags & FF_FIELD_OPT) == 0 || fill_below(fill, 100) >= fill->absent_percent) {
            fill_member(fill, field, (uint8_t *) out + field->offset);
        }
    }
}
