#include "core/codec_int.h"

/* The stored form: a map from field number to value. Ids are bins of their bytes, enums numbers,
 * lists of uuids one bin, msgpack values bins; shapes are maps by position, from 1 on. What is
 * zero, empty or absent is left out, so that a new field costs older rows nothing. */

/* Entries of one stored list: far above every bound of 01 §1.8, so only a damaged row has more. */
#define ROW_LIST_MAX 65536

#define UUID_BYTES 16
#define EID_BYTES 18

static inline uint32_t
number_of(const struct ff_field *field, uint32_t i)
{
    return field->tag != 0 ? field->tag : i + 1;
}

/* ---- writing ---- */

static void row_members(struct ff_wr *wr, const struct ff_desc *desc, const uint8_t *in);

static inline void
put_uuid(struct ff_wr *wr, const struct ff_uuid *uuid)
{
    uint8_t *p = ff_wr_room(wr, UUID_BYTES + 2);

    p[0] = 0xc4;
    p[1] = UUID_BYTES;
    memcpy(p + 2, uuid->b, UUID_BYTES);
    wr->n += UUID_BYTES + 2;
}

static inline void
put_eid(struct ff_wr *wr, const struct ff_eid *eid)
{
    uint8_t *p = ff_wr_room(wr, EID_BYTES + 2);

    p[0] = 0xc4;
    p[1] = EID_BYTES;
    p[2] = (uint8_t) (eid->partition >> 8);
    p[3] = (uint8_t) eid->partition;
    memcpy(p + 4, eid->uuid.b, UUID_BYTES);
    wr->n += EID_BYTES + 2;
}

static void
put_uuids(struct ff_wr *wr, const struct ff_uuids *uuids)
{
    ff_wr_bin_head(wr, uuids->n * (uint32_t) sizeof(struct ff_uuid));
    ff_wr_raw(wr, uuids->v, uuids->n * (uint32_t) sizeof(struct ff_uuid));
}

static void
put_objects(struct ff_wr *wr, const struct ff_desc *desc, const struct ff_objs *objs)
{
    ff_wr_list_head(wr, objs->n);
    for (uint32_t i = 0; i < objs->n; i++) {
        row_members(wr, desc, (const uint8_t *) objs->v + (size_t) desc->size * i);
    }
}

static void
put_list(struct ff_wr *wr, const struct ff_field *field, const void *p)
{
    FF_ASSERT(((const struct ff_objs *) p)->n <= ROW_LIST_MAX);
    if (field->type == FF_TYPE_UUIDS) {
        put_uuids(wr, p);
    } else if (field->type == FF_TYPE_OBJS) {
        put_objects(wr, field->sub, p);
    } else {
        ff_wr_member(wr, field, p);
    }
}

static void
put_composite(struct ff_wr *wr, const struct ff_field *field, const void *p)
{
    switch ((enum ff_type) field->type) {
    case FF_TYPE_STRS:
    case FF_TYPE_UUIDS:
    case FF_TYPE_U64S:
    case FF_TYPE_TAGS:
    case FF_TYPE_COUNTS:
    case FF_TYPE_OBJS:
        put_list(wr, field, p);
        break;
    case FF_TYPE_OBJ:
        row_members(wr, field->sub,
                    (field->flags & FF_FIELD_OPT) != 0 ? *(const void *const *) p : p);
        break;
    default:
        ff_wr_member(wr, field, p);
        break;
    }
}

static inline void
put(struct ff_wr *wr, const struct ff_field *field, const void *p)
{
    switch ((enum ff_type) field->type) {
    case FF_TYPE_STR:
    case FF_TYPE_LANE:
    case FF_TYPE_LANE_HINT:
    case FF_TYPE_WID:
        ff_wr_str(wr, *(const struct ff_str *) p);
        break;
    case FF_TYPE_BYTES:
    case FF_TYPE_ANY:
        ff_wr_bin(wr, *(const struct ff_str *) p);
        break;
    case FF_TYPE_U32:
    case FF_TYPE_POS_U32:
    case FF_TYPE_ENUM:
        ff_wr_uint(wr, *(const uint32_t *) p);
        break;
    case FF_TYPE_U64:
    case FF_TYPE_POS_U64:
    case FF_TYPE_DUR_MS:
    case FF_TYPE_POS_MS:
        ff_wr_uint(wr, *(const uint64_t *) p);
        break;
    case FF_TYPE_I64:
    case FF_TYPE_MS:
        ff_wr_int(wr, *(const int64_t *) p);
        break;
    case FF_TYPE_UUID:
        put_uuid(wr, p);
        break;
    case FF_TYPE_EID:
        put_eid(wr, p);
        break;
    default:
        put_composite(wr, field, p);
        break;
    }
}

static void
row_members(struct ff_wr *wr, const struct ff_desc *desc, const uint8_t *in)
{
    const struct ff_field *fields = desc->fields;
    uint32_t n_fields = desc->n;
    uint32_t size = desc->size;
    uint8_t stored[FF_FIELDS_MAX];
    uint32_t n = 0;

    FF_ASSERT(n_fields <= FF_FIELDS_MAX);
    for (uint32_t i = 0; i < n_fields; i++) {
        stored[n] = (uint8_t) i;
        n += ff_slot_stored(&fields[i], in, size);
    }
    ff_wr_map_head(wr, n);
    for (uint32_t k = 0; k < n; k++) {
        const struct ff_field *field = &fields[stored[k]];

        ff_wr_uint(wr, number_of(field, stored[k]));
        put(wr, field, in + field->offset);
    }
}

void
ff_row_encode_as(const struct ff_desc *desc, const void *in, msgpack_packer *pk)
{
    struct ff_wr wr;

    ff_wr_init(&wr, pk);
    row_members(&wr, desc, in);
    ff_wr_flush(&wr);
}

void
ff_row_encode(enum ff_record kind, const void *record, msgpack_packer *pk)
{
    ff_row_encode_as(ff_records[kind], record, pk);
}

/* ---- reading: false means that the row is damaged ---- */

struct row {
    struct ff_rd rd;
    struct ff_arena *arena;
    const char *field; /* read last, for the fault */
};

static bool get_members(struct row *row, const struct ff_desc *desc, uint8_t *out);

static inline bool
next(struct row *row, msgpack_object_type type, msgpack_object *out)
{
    return ff_rd_next(&row->rd, out) == NULL && out->type == type;
}

static inline bool
get_text(struct row *row, msgpack_object_type type, struct ff_str *out)
{
    msgpack_object token;

    if (!next(row, type, &token)) {
        return false;
    }
    *out = ff_str(token.via.str.ptr, token.via.str.size);
    return true;
}

static inline bool
get_u64(struct row *row, uint64_t *out)
{
    msgpack_object token;

    if (!next(row, MSGPACK_OBJECT_POSITIVE_INTEGER, &token)) {
        return false;
    }
    *out = token.via.u64;
    return true;
}

/* The commonest integers; the others go by their range. */
static inline bool
get_u32_slot(struct row *row, const struct ff_field *field, struct ff_opt_u32 *out)
{
    uint64_t value = 0;

    if (!get_u64(row, &value) || value > UINT32_MAX) {
        return false;
    }
    out->v = (uint32_t) value;
    if ((field->flags & FF_FIELD_OPT) != 0) {
        out->is = true;
    }
    return true;
}

static inline bool
get_i64_slot(struct row *row, const struct ff_field *field, struct ff_opt_i64 *out)
{
    msgpack_object token;

    if (ff_rd_next(&row->rd, &token) != NULL ||
        (token.type != MSGPACK_OBJECT_NEGATIVE_INTEGER &&
         (token.type != MSGPACK_OBJECT_POSITIVE_INTEGER || token.via.u64 > INT64_MAX))) {
        return false;
    }
    out->v = token.via.i64;
    if ((field->flags & FF_FIELD_OPT) != 0) {
        out->is = true;
    }
    return true;
}

static bool
get_integer(struct row *row, const struct ff_field *field, void *p)
{
    const struct ff_int_range *range = &ff_int_ranges[field->type];
    msgpack_object token;
    bool ok = false;

    if (ff_rd_next(&row->rd, &token) != NULL) {
        return false;
    }
    if (token.type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        ok = token.via.u64 <= range->max;
    } else if (token.type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        ok = token.via.i64 >= range->min;
    }
    if (ok) {
        ff_slot_put_int(field, p, token.via.u64);
    }
    return ok;
}

static bool
get_enum(struct row *row, const struct ff_field *field, void *p)
{
    const struct ff_vocab *vocab = field->sub;
    uint64_t value = 0;

    if (!get_u64(row, &value) || value >= vocab->n) {
        return false;
    }
    ff_slot_put_int(field, p, value);
    return true;
}

static bool
get_bool(struct row *row, const struct ff_field *field, void *p)
{
    msgpack_object token;

    if (!next(row, MSGPACK_OBJECT_BOOLEAN, &token)) {
        return false;
    }
    ff_slot_put_int(field, p, token.via.boolean);
    return true;
}

static bool
get_f64(struct row *row, const struct ff_field *field, void *p)
{
    msgpack_object token;

    if (!next(row, MSGPACK_OBJECT_FLOAT64, &token)) {
        return false;
    }
    *(double *) p = token.via.f64;
    ff_slot_set(field, p);
    return true;
}

static bool
get_id(struct row *row, const struct ff_field *field, void *p)
{
    struct ff_str bytes;
    struct ff_eid *eid = p;

    if (!get_text(row, MSGPACK_OBJECT_BIN, &bytes) ||
        bytes.n != (field->type == FF_TYPE_EID ? EID_BYTES : UUID_BYTES)) {
        return false;
    }
    if (field->type == FF_TYPE_EID) {
        eid->partition = (uint16_t) ((uint8_t) bytes.p[0] << 8 | (uint8_t) bytes.p[1]);
        memcpy(eid->uuid.b, bytes.p + 2, UUID_BYTES);
    } else {
        memcpy(p, bytes.p, UUID_BYTES);
    }
    ff_slot_set(field, p);
    return true;
}

/* The head of a list or map, and room for its elements. */
static bool
get_room(struct row *row, msgpack_object_type type, size_t size, struct ff_objs *out)
{
    msgpack_object token;

    if (!next(row, type, &token) || token.via.array.size > ROW_LIST_MAX) {
        return false;
    }
    out->n = token.via.array.size;
    out->v = out->n == 0 ? FF_EMPTY : ff_arena_zalloc(row->arena, size * out->n);
    return true;
}

static bool
get_uuids(struct row *row, struct ff_objs *out)
{
    struct ff_str bytes;

    if (!get_text(row, MSGPACK_OBJECT_BIN, &bytes) || bytes.n % sizeof(struct ff_uuid) != 0) {
        return false;
    }
    out->n = bytes.n / (uint32_t) sizeof(struct ff_uuid);
    out->v = FF_EMPTY;
    if (out->n > 0) {
        out->v = memcpy(ff_arena_alloc(row->arena, bytes.n), bytes.p, bytes.n);
    }
    return true;
}

static bool
get_strs(struct row *row, struct ff_strs *out)
{
    bool ok = get_room(row, MSGPACK_OBJECT_ARRAY, sizeof(*out->v), (struct ff_objs *) out);

    for (uint32_t i = 0; ok && i < out->n; i++) {
        ok = get_text(row, MSGPACK_OBJECT_STR, &out->v[i]);
    }
    return ok;
}

static bool
get_u64s(struct row *row, struct ff_u64s *out)
{
    bool ok = get_room(row, MSGPACK_OBJECT_ARRAY, sizeof(*out->v), (struct ff_objs *) out);

    for (uint32_t i = 0; ok && i < out->n; i++) {
        ok = get_u64(row, &out->v[i]);
    }
    return ok;
}

static bool
get_tags(struct row *row, struct ff_tags *out)
{
    bool ok = get_room(row, MSGPACK_OBJECT_MAP, sizeof(*out->v), (struct ff_objs *) out);
    msgpack_object token;

    for (uint32_t i = 0; ok && i < out->n; i++) {
        ok = get_text(row, MSGPACK_OBJECT_STR, &out->v[i].key) &&
             ff_rd_next(&row->rd, &token) == NULL &&
             (token.type == MSGPACK_OBJECT_STR || token.type == MSGPACK_OBJECT_NIL);
        if (ok && token.type == MSGPACK_OBJECT_STR) {
            out->v[i].value = ff_str(token.via.str.ptr, token.via.str.size);
        }
    }
    return ok;
}

static bool
get_counts(struct row *row, struct ff_counts *out)
{
    bool ok = get_room(row, MSGPACK_OBJECT_MAP, sizeof(*out->v), (struct ff_objs *) out);

    for (uint32_t i = 0; ok && i < out->n; i++) {
        ok = get_text(row, MSGPACK_OBJECT_STR, &out->v[i].key) && get_u64(row, &out->v[i].value);
    }
    return ok;
}

static bool
get_object(struct row *row, const struct ff_field *field, void *p)
{
    const struct ff_desc *desc = field->sub;

    if ((field->flags & FF_FIELD_OPT) == 0) {
        return get_members(row, desc, p);
    }
    *(void **) p = ff_arena_zalloc(row->arena, desc->size);
    return get_members(row, desc, *(void **) p);
}

static bool
get_objects(struct row *row, const struct ff_desc *desc, struct ff_objs *out)
{
    bool ok = get_room(row, MSGPACK_OBJECT_ARRAY, desc->size, out);

    for (uint32_t i = 0; ok && i < out->n; i++) {
        ok = get_members(row, desc, (uint8_t *) out->v + (size_t) desc->size * i);
    }
    return ok;
}

static inline bool
get(struct row *row, const struct ff_field *field, void *p)
{
    switch ((enum ff_type) field->type) {
    case FF_TYPE_STR:
    case FF_TYPE_LANE:
    case FF_TYPE_LANE_HINT:
    case FF_TYPE_WID:
        return get_text(row, MSGPACK_OBJECT_STR, p);
    case FF_TYPE_BYTES:
    case FF_TYPE_ANY:
        return get_text(row, MSGPACK_OBJECT_BIN, p);
    case FF_TYPE_U32:
        return get_u32_slot(row, field, p);
    case FF_TYPE_MS:
        return get_i64_slot(row, field, p);
    case FF_TYPE_BOOL:
        return get_bool(row, field, p);
    case FF_TYPE_F64:
        return get_f64(row, field, p);
    case FF_TYPE_UUID:
    case FF_TYPE_EID:
        return get_id(row, field, p);
    case FF_TYPE_WORD: /* of results only */
        return false;
    case FF_TYPE_ENUM:
        return get_enum(row, field, p);
    case FF_TYPE_STRS:
        return get_strs(row, p);
    case FF_TYPE_UUIDS:
        return get_uuids(row, p);
    case FF_TYPE_U64S:
        return get_u64s(row, p);
    case FF_TYPE_TAGS:
        return get_tags(row, p);
    case FF_TYPE_COUNTS:
        return get_counts(row, p);
    case FF_TYPE_OBJ:
        return get_object(row, field, p);
    case FF_TYPE_OBJS:
        return get_objects(row, field->sub, p);
    default:
        return get_integer(row, field, p);
    }
}

static void leave_all_out(const struct ff_desc *desc, uint8_t *out);

/* A required text that was left out is empty, not absent. */
static inline void
leave_out(const struct ff_field *field, uint8_t *out)
{
    if ((field->flags & FF_FIELD_OPT) != 0) {
        return;
    }
    if (field->type <= FF_TYPE_ANY) {
        ((struct ff_str *) (out + field->offset))->p = FF_EMPTY;
    } else if (field->type == FF_TYPE_OBJ) {
        leave_all_out(field->sub, out + field->offset);
    }
}

_Static_assert(FF_TYPE_STR == 0 && FF_TYPE_ANY == 5, "texts are the first types");

static void
leave_all_out(const struct ff_desc *desc, uint8_t *out)
{
    for (uint32_t i = 0; i < desc->n; i++) {
        leave_out(&desc->fields[i], out);
    }
}

/* Reads into a zeroed struct. */
static bool
get_members(struct row *row, const struct ff_desc *desc, uint8_t *out)
{
    msgpack_object token;
    uint32_t at = 0; /* numbers ascend, in the table as in the row */

    if (!next(row, MSGPACK_OBJECT_MAP, &token)) {
        return false;
    }
    for (uint32_t left = token.via.map.size; left > 0; left--) {
        uint64_t number = 0;

        if (!get_u64(row, &number)) {
            return false;
        }
        for (; at < desc->n && number_of(&desc->fields[at], at) < number; at++) {
            leave_out(&desc->fields[at], out);
        }
        if (at == desc->n || number_of(&desc->fields[at], at) != number) {
            if (!ff_rd_skip(&row->rd)) {
                return false;
            }
            continue;
        }
        row->field = desc->fields[at].name;
        if (!get(row, &desc->fields[at], out + desc->fields[at].offset)) {
            return false;
        }
        at++;
    }
    for (; at < desc->n; at++) {
        leave_out(&desc->fields[at], out);
    }
    return true;
}

ff_err
ff_row_decode_as(const struct ff_desc *desc, struct ff_str body, struct ff_arena *arena, void *out,
                 struct ff_fault *fault)
{
    struct row row = { .rd = { (const uint8_t *) body.p, (const uint8_t *) body.p + body.n },
                       .arena = arena,
                       .field = "" };

    memset(out, 0, desc->size);
    if (get_members(&row, desc, out) && row.rd.p == row.rd.end) {
        return FF_E_OK;
    }
    return ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", "unreadable_record"),
                   ff_d_text("context", desc->name), ff_d_text("field", row.field));
}

ff_err
ff_row_decode(enum ff_record kind, struct ff_str body, struct ff_arena *arena, void *record_out,
              struct ff_fault *fault)
{
    return ff_row_decode_as(ff_records[kind], body, arena, record_out, fault);
}
