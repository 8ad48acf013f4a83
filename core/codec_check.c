#include "core/codec_decode_int.h"

#include <stdlib.h>

#include "core/partition.h"

/* ---- what every operation takes (01 §1.1) ---- */

enum { COMMON_NOW, COMMON_NOW_MS, COMMON_LANE_ID, COMMON_PARTITION, COMMON_N };

struct ff_dec_common {
    const msgpack_object *vals[COMMON_N];
};

#define COMMON(name_, token, member_)                                                              \
    {                                                                                              \
        .name = #name_, .name_n = sizeof(#name_) - 1,                                              \
        FF_SLOT(struct ff_common_args, member_, token, FF_FIELD_OPT)                               \
    }

static const struct ff_field common_fields[COMMON_N] = {
    [COMMON_NOW] = COMMON(now, ms, now_ms),
    [COMMON_NOW_MS] = COMMON(now_ms, ms, now_ms),
    [COMMON_LANE_ID] = COMMON(lane_id, lane_hint, lane_id),
    [COMMON_PARTITION] = COMMON(partition, u16, partition),
};
static const struct ff_field partition_text = COMMON(partition, str, partition);
static const struct ff_desc common_desc = { "common", common_fields, COMMON_N,
                                            sizeof(struct ff_common_args), false };

static bool
names_execution(const struct ff_desc *desc)
{
    for (uint32_t i = 0; i < desc->n; i++) {
        const struct ff_field *field = &desc->fields[i];

        if (field->type == FF_TYPE_EID || strstr(field->name, "execution_id") != NULL ||
            strstr(field->name, "flow_id") != NULL || field->sub == &ff_desc_handle ||
            (field->type == FF_TYPE_OBJ && names_execution(field->sub))) {
            return true;
        }
    }
    return false;
}

/* ---- maps ---- */

/* Of n bytes each: names of up to 16 bytes, and most are, without a call. */
static inline bool
same_bytes(const char *a, const char *b, uint32_t n)
{
    uint64_t words[4] = { 0 };

    if (n < 8 || n > 16) {
        return memcmp(a, b, n) == 0;
    }
    memcpy(&words[0], a, 8);
    memcpy(&words[1], b, 8);
    memcpy(&words[2], a + n - 8, 8);
    memcpy(&words[3], b + n - 8, 8);
    return words[0] == words[1] && words[2] == words[3];
}

/* The field of this name, looked for from `from` on and then from the start: clients mostly send
 * their arguments in table order. desc->n: none. */
static inline uint32_t
find(const struct ff_desc *desc, const msgpack_object *key, uint32_t from)
{
    uint32_t n = key->via.str.size;
    uint32_t i = from;

    for (uint32_t tried = 0; tried < desc->n; tried++, i++) {
        const struct ff_field *field = NULL;

        i = i < desc->n ? i : 0;
        field = &desc->fields[i];
        if (field->name_n == n && same_bytes(field->name, key->via.str.ptr, n)) {
            return i;
        }
    }
    return desc->n;
}

/* Takes a pair that the operation does not declare. */
static ff_err
take_other(struct ff_dec *dec, const struct ff_dec_at *up, const struct ff_desc *desc,
           const msgpack_object_kv *pair)
{
    struct ff_dec_at here = { .up = up,
                              .field = common_fields,
                              .key = ff_str(pair->key.via.str.ptr, pair->key.via.str.size) };
    uint32_t i = desc == dec->top ? find(&common_desc, &pair->key, 0) : COMMON_N;

    if (i == COMMON_N || (i >= COMMON_LANE_ID && !names_execution(desc))) {
        return dec->lenient ? FF_E_OK : ff_dec_fail_type(dec, &here, "unknown_field");
    }
    if (dec->common->vals[i] != NULL) {
        return ff_dec_fail_type(dec, &here, "duplicate_key");
    }
    dec->common->vals[i] = &pair->val;
    return FF_E_OK;
}

static ff_err
match(struct ff_dec *dec, const struct ff_dec_at *up, const struct ff_desc *desc,
      const msgpack_object *map, const msgpack_object **vals)
{
    uint32_t next = 0;

    FF_ASSERT(desc->n <= FF_FIELDS_MAX);
    memset(vals, 0, desc->n * sizeof(*vals));
    for (uint32_t k = 0; k < map->via.map.size; k++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[k];
        uint32_t i = 0;

        if (pair->key.type != MSGPACK_OBJECT_STR) {
            return ff_dec_wrong_type(dec, up);
        }
        i = find(desc, &pair->key, next);
        if (i == desc->n) {
            FF_TRY(take_other(dec, up, desc, pair));
            continue;
        }
        if (vals[i] != NULL) {
            struct ff_dec_at here = { .up = up, .field = &desc->fields[i] };

            return ff_dec_fail_type(dec, &here, "duplicate_key");
        }
        vals[i] = &pair->val;
        next = i + 1;
    }
    return FF_E_OK;
}

/* NULL where an optional member counts as absent. */
static inline const msgpack_object *
given(const struct ff_field *field, const msgpack_object *value)
{
    if (value == NULL || (field->flags & (FF_FIELD_OPT | FF_FIELD_DEF)) == 0) {
        return value;
    }
    if (value->type == MSGPACK_OBJECT_NIL ||
        ((field->flags & FF_FIELD_PART) != 0 && value->type == MSGPACK_OBJECT_STR &&
         value->via.str.size == 0)) {
        return NULL;
    }
    return value;
}

/* The JSON text of a default: a scalar, or an empty list or map. */
static msgpack_object
default_of(const struct ff_field *field)
{
    const char *def = field->def;
    msgpack_object value = { .type = MSGPACK_OBJECT_NIL };

    if (def[0] == '"') {
        value.type = MSGPACK_OBJECT_STR;
        value.via.str.ptr = def + 1;
        value.via.str.size = (uint32_t) strlen(def) - 2;
    } else if (def[0] == '[' || def[0] == '{') {
        FF_ASSERT(strlen(def) == 2);
        value.type = def[0] == '[' ? MSGPACK_OBJECT_ARRAY : MSGPACK_OBJECT_MAP;
    } else if (def[0] == 't' || def[0] == 'f') {
        value.type = MSGPACK_OBJECT_BOOLEAN;
        value.via.boolean = def[0] == 't';
    } else if (strpbrk(def, ".eE") != NULL) {
        value.type = MSGPACK_OBJECT_FLOAT64;
        value.via.f64 = strtod(def, NULL);
    } else if (def[0] == '-') {
        value.type = MSGPACK_OBJECT_NEGATIVE_INTEGER;
        value.via.i64 = strtoll(def, NULL, 10);
    } else {
        value.type = MSGPACK_OBJECT_POSITIVE_INTEGER;
        value.via.u64 = strtoull(def, NULL, 10);
    }
    return value;
}

static inline ff_err
member(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value, uint8_t *out)
{
    const struct ff_field *field = at->field;
    msgpack_object def;

    value = given(field, value);
    if (value == NULL) {
        if ((field->flags & FF_FIELD_OPT) != 0) {
            return FF_E_OK;
        }
        if ((field->flags & FF_FIELD_DEF) == 0) {
            return ff_dec_fail_type(dec, at, "missing");
        }
        def = default_of(field);
        value = &def;
    }
    return ff_dec_value(dec, at, value, out + field->offset);
}

ff_err
ff_dec_members(struct ff_dec *dec, const struct ff_dec_at *up, const struct ff_desc *desc,
               const msgpack_object *map, void *out)
{
    const msgpack_object *vals[FF_FIELDS_MAX];
    struct ff_dec_at here = { .up = up };
    bool lenient = dec->lenient;

    memset(out, 0, desc->size);
    dec->lenient = lenient || desc->lenient; /* for what lies inside as well */
    FF_TRY(match(dec, up, desc, map, vals));
    for (uint32_t i = 0; i < desc->n; i++) {
        here.field = &desc->fields[i];
        FF_TRY(member(dec, &here, vals[i], out));
    }
    dec->lenient = lenient;
    return FF_E_OK;
}

/* ---- presence and types alone ---- */

static ff_err types(struct ff_dec *dec, const struct ff_dec_at *up, const struct ff_desc *desc,
                    const msgpack_object *map);

static ff_err
types_in_list(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *list,
              enum ff_type element_type)
{
    const struct ff_field element = { .name = "", .type = element_type, .sub = at->field->sub };
    struct ff_dec_at here = { .up = at, .field = &element };

    for (; here.index < list->via.array.size; here.index++) {
        const msgpack_object *value = &list->via.array.ptr[here.index];

        if (!ff_dec_takes(element_type, value)) {
            return ff_dec_wrong_type(dec, &here);
        }
        if (element_type == FF_TYPE_OBJ) {
            FF_TRY(types(dec, &here, element.sub, value));
        }
    }
    return FF_E_OK;
}

static ff_err
types_in_map(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *map,
             enum ff_type element_type)
{
    const struct ff_field element = { .name = "", .type = element_type };
    struct ff_dec_at here = { .up = at, .field = &element };

    FF_TRY(ff_dec_keys(dec, at, map));
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];

        here.key = ff_str(pair->key.via.str.ptr, pair->key.via.str.size);
        if (!ff_dec_takes(element_type, &pair->val)) {
            return ff_dec_wrong_type(dec, &here);
        }
    }
    return FF_E_OK;
}

static ff_err
types_of(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value)
{
    if (!ff_dec_takes(at->field->type, value)) {
        return ff_dec_wrong_type(dec, at);
    }
    switch ((enum ff_type) at->field->type) {
    case FF_TYPE_ANY:
        return ff_dec_form(dec, at, value);
    case FF_TYPE_STRS:
    case FF_TYPE_UUIDS:
        return types_in_list(dec, at, value, FF_TYPE_STR);
    case FF_TYPE_U64S:
        return types_in_list(dec, at, value, FF_TYPE_U64);
    case FF_TYPE_OBJS:
        return types_in_list(dec, at, value, FF_TYPE_OBJ);
    case FF_TYPE_TAGS:
        return types_in_map(dec, at, value, FF_TYPE_STR);
    case FF_TYPE_COUNTS:
        return types_in_map(dec, at, value, FF_TYPE_U64);
    case FF_TYPE_OBJ:
        return types(dec, at, at->field->sub, value);
    default:
        return FF_E_OK;
    }
}

/* The first fault of type in a map, in the order of ff_dec_members. */
static ff_err
types(struct ff_dec *dec, const struct ff_dec_at *up, const struct ff_desc *desc,
      const msgpack_object *map)
{
    const msgpack_object *vals[FF_FIELDS_MAX];
    struct ff_dec_at here = { .up = up };
    bool lenient = dec->lenient;

    dec->lenient = lenient || desc->lenient;
    FF_TRY(match(dec, up, desc, map, vals));
    for (uint32_t i = 0; i < desc->n; i++) {
        const msgpack_object *value = given(&desc->fields[i], vals[i]);

        here.field = &desc->fields[i];
        if (value != NULL) {
            FF_TRY(types_of(dec, &here, value));
        } else if ((here.field->flags & (FF_FIELD_OPT | FF_FIELD_DEF)) == 0) {
            return ff_dec_fail_type(dec, &here, "missing");
        }
    }
    dec->lenient = lenient;
    return FF_E_OK;
}

/* ---- what every operation takes ---- */

/* A partition comes as its number or as its key. */
static const struct ff_field *
common_field(uint32_t i, const msgpack_object *value)
{
    bool text = i == COMMON_PARTITION && value->type == MSGPACK_OBJECT_STR;

    return text ? &partition_text : &common_fields[i];
}

static ff_err
partition_by_key(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value,
                 struct ff_common_args *out)
{
    struct ff_str key = ff_str(value->via.str.ptr, value->via.str.size);
    struct ff_partition partition;

    if (key.n == 0) { /* as if it were not there (02 §1.5) */
        return FF_E_OK;
    }
    if (ff_partition_key_parse(key, at->field->name, &partition, dec->fault) != FF_E_OK) {
        return ff_dec_place(dec, at);
    }
    if (partition.family != FF_PARTITION_FLOW) {
        return ff_dec_fail(dec, at, "unknown_family_prefix",
                           ff_d_str("value", ff_arena_copy(dec->arena, key)), FF_D_NONE);
    }
    out->partition = FF_SOME(ff_opt_u32, partition.index);
    return FF_E_OK;
}

static ff_err
common_values(struct ff_dec *dec, struct ff_common_args *out)
{
    for (uint32_t i = 0; i < COMMON_N; i++) {
        const msgpack_object *value = dec->common->vals[i];
        struct ff_dec_at here = { .up = NULL };

        if (value == NULL || value->type == MSGPACK_OBJECT_NIL) {
            continue;
        }
        here.field = common_field(i, value);
        if (here.field == &partition_text) {
            FF_TRY(partition_by_key(dec, &here, value, out));
        } else {
            FF_TRY(ff_dec_value(dec, &here, value, (uint8_t *) out + here.field->offset));
        }
    }
    return FF_E_OK;
}

static ff_err
common_types(struct ff_dec *dec)
{
    for (uint32_t i = 0; i < COMMON_N; i++) {
        const msgpack_object *value = dec->common->vals[i];
        struct ff_dec_at here = { .up = NULL };

        if (value == NULL || value->type == MSGPACK_OBJECT_NIL) {
            continue;
        }
        here.field = common_field(i, value);
        if (!ff_dec_takes(here.field->type, value)) {
            return ff_dec_wrong_type(dec, &here);
        }
    }
    return FF_E_OK;
}

/* ---- entry points ---- */

/* After a fault of format: one of type anywhere goes before it (01 §1.2). */
static ff_err
first_fault(struct ff_dec *dec, const struct ff_dec_at *up, const struct ff_desc *desc,
            const msgpack_object *map)
{
    struct ff_fault format = *dec->fault;
    struct ff_dec_common again = { .vals = { NULL } };
    ff_err err = format.code;

    if (!dec->format) {
        return err;
    }
    dec->common = &again;
    dec->lenient = dec->code == FF_E_INVALID_POLICY_JSON;
    err = types(dec, up, desc, map);
    if (err == FF_E_OK) {
        err = common_types(dec);
    }
    if (err == FF_E_OK) {
        *dec->fault = format;
        err = format.code;
    }
    return err;
}

/* Where a graph is wrong is told as `path`, too (04 §2.9). */
static ff_err
name_path(const struct ff_op_info *op, struct ff_fault *fault)
{
    if (op == &ff_ops[FF_OP_submit_flow] && fault->n > 0 && fault->detail[0].type == FF_D_STR) {
        ff_fault_add(fault, ff_d_str("path", fault->detail[0].v.str));
    }
    return fault->code;
}

ff_err
ff_decode_args(const struct ff_op_info *op, const msgpack_object *map, struct ff_arena *arena,
               void *args_out, struct ff_common_args *common_out, struct ff_fault *fault)
{
    struct ff_dec_common common = { .vals = { NULL } };
    struct ff_dec dec = { .arena = arena,
                          .fault = fault,
                          .code = FF_E_INVALID_INPUT,
                          .limits = true,
                          .top = op->args,
                          .common = &common };

    *common_out = (struct ff_common_args){ .now_ms = FF_NONE(ff_opt_i64) };
    if (map->type != MSGPACK_OBJECT_MAP) {
        return ff_dec_wrong_type(&dec, NULL);
    }
    if (ff_dec_members(&dec, NULL, op->args, map, args_out) != FF_E_OK ||
        common_values(&dec, common_out) != FF_E_OK) {
        first_fault(&dec, NULL, op->args, map);
        return name_path(op, fault);
    }
    return FF_E_OK;
}

ff_err
ff_decode(const struct ff_desc *desc, const msgpack_object *map, struct ff_arena *arena,
          const char *path, ff_err code, void *out, struct ff_fault *fault)
{
    const struct ff_field prefix = { .name = path, .type = FF_TYPE_OBJ };
    const struct ff_dec_at at = { .field = &prefix };
    const struct ff_dec_at *up = path == NULL ? NULL : &at;
    struct ff_dec dec = { .arena = arena,
                          .fault = fault,
                          .code = code,
                          .lenient = code == FF_E_INVALID_POLICY_JSON,
                          .limits = true };

    if (map->type != MSGPACK_OBJECT_MAP) {
        return ff_dec_wrong_type(&dec, up);
    }
    if (ff_dec_members(&dec, up, desc, map, out) != FF_E_OK) {
        return first_fault(&dec, up, desc, map);
    }
    return FF_E_OK;
}

ff_err
ff_decode_result(const struct ff_desc *desc, const msgpack_object *map, struct ff_arena *arena,
                 void *out, struct ff_fault *fault)
{
    struct ff_dec dec = {
        .arena = arena, .fault = fault, .code = FF_E_INVALID_INPUT, .lenient = true
    };

    if (map->type != MSGPACK_OBJECT_MAP) {
        return ff_dec_wrong_type(&dec, NULL);
    }
    return ff_dec_members(&dec, NULL, desc, map, out);
}

ff_err
ff_decode_member(const struct ff_field *field, const msgpack_object *value, struct ff_arena *arena,
                 void *record, struct ff_fault *fault)
{
    struct ff_dec_at at = { .field = field };
    struct ff_dec dec = {
        .arena = arena, .fault = fault, .code = FF_E_INVALID_INPUT, .lenient = true
    };

    return ff_dec_value(&dec, &at, value, (uint8_t *) record + field->offset);
}
