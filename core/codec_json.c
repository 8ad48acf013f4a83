#include "core/codec_int.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

/* Above it a JSON number is no longer exact everywhere, so it travels as text (00 §4). */
#define JSON_EXACT_MAX (UINT64_C(1) << 53)

/* ---- JSON to msgpack ---- */

static void from_json(struct ff_wr *wr, const struct ff_field *field, const json_t *json);

static struct ff_str
text_of(const json_t *json)
{
    return ff_str(json_string_value(json), json_string_length(json));
}

/* The members of a shape are guided by it; those of COUNTS are numbers. */
static const struct ff_field *
member_field(const struct ff_field *field, struct ff_str key)
{
    static const struct ff_field number = { .name = "", .type = FF_TYPE_U64 };

    if (field == NULL) {
        return NULL;
    }
    if (field->type == FF_TYPE_COUNTS) {
        return &number;
    }
    return field->type == FF_TYPE_OBJ ? ff_field_find(field->sub, key) : NULL;
}

static void
from_object(struct ff_wr *wr, const struct ff_field *field, const json_t *json)
{
    json_t *object = (json_t *) (uintptr_t) json; /* iterating leaves it as it is */
    const char *key = NULL;
    size_t key_bytes = 0;
    json_t *value = NULL;

    ff_wr_map_head(wr, (uint32_t) json_object_size(json));
    json_object_keylen_foreach(object, key, key_bytes, value)
    {
        struct ff_str name = ff_str(key, key_bytes);

        ff_wr_str(wr, name);
        from_json(wr, member_field(field, name), value);
    }
}

static void
from_array(struct ff_wr *wr, const struct ff_field *field, const json_t *json)
{
    struct ff_field element = { .name = "" };
    const struct ff_field *guide = NULL;
    size_t n = json_array_size(json);

    if (field != NULL && (field->type == FF_TYPE_OBJS || field->type == FF_TYPE_U64S)) {
        element.type = field->type == FF_TYPE_OBJS ? FF_TYPE_OBJ : FF_TYPE_U64;
        element.sub = field->sub;
        guide = &element;
    }
    ff_wr_list_head(wr, (uint32_t) n);
    for (size_t i = 0; i < n; i++) {
        from_json(wr, guide, json_array_get(json, i));
    }
}

/* false: not base64 as we write it, so it goes on as the text that it is. */
static bool
from_base64(struct ff_wr *wr, struct ff_str text)
{
    size_t n = 0;
    char *bytes = malloc((size_t) text.n + 1);
    bool ok = false;

    FF_ASSERT(bytes != NULL);
    ok = sodium_base642bin((uint8_t *) bytes, (size_t) text.n + 1, text.p, text.n, NULL, &n, NULL,
                           sodium_base64_VARIANT_ORIGINAL) == 0;
    if (ok) {
        ff_wr_bin(wr, ff_str(bytes, n));
    }
    free(bytes);
    return ok;
}

static bool
from_decimal(struct ff_wr *wr, struct ff_str text)
{
    bool minus = text.n > 0 && text.p[0] == '-';
    uint64_t value = 0;

    if (text.n == (minus ? 1 : 0)) {
        return false;
    }
    for (uint32_t i = minus ? 1 : 0; i < text.n; i++) {
        uint32_t digit = (uint32_t) (uint8_t) text.p[i] - '0';

        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    if (!minus) {
        ff_wr_uint(wr, value);
        return true;
    }
    if (value > (uint64_t) INT64_MAX + 1) {
        return false;
    }
    ff_wr_int(wr, (int64_t) -value);
    return true;
}

static void
from_string(struct ff_wr *wr, const struct ff_field *field, struct ff_str text)
{
    if (field != NULL && field->type == FF_TYPE_BYTES && from_base64(wr, text)) {
        return;
    }
    if (field != NULL && field->type >= FF_TYPE_U8 && field->type <= FF_TYPE_MS &&
        from_decimal(wr, text)) {
        return;
    }
    ff_wr_str(wr, text);
}

_Static_assert(FF_TYPE_U8 < FF_TYPE_I32 && FF_TYPE_MS - FF_TYPE_U8 == 10, "integers are in a row");

static void
from_json(struct ff_wr *wr, const struct ff_field *field, const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        from_object(wr, field, json);
        break;
    case JSON_ARRAY:
        from_array(wr, field, json);
        break;
    case JSON_STRING:
        from_string(wr, field, text_of(json));
        break;
    case JSON_INTEGER:
        ff_wr_int(wr, json_integer_value(json));
        break;
    case JSON_REAL:
        ff_wr_f64(wr, json_real_value(json));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        ff_wr_bool(wr, json_is_true(json));
        break;
    case JSON_NULL:
        ff_wr_nil(wr);
        break;
    }
}

ff_err
ff_json_to_member(const struct ff_field *field, struct ff_str json, msgpack_packer *pk,
                  struct ff_fault *fault)
{
    json_error_t error;
    json_t *value = json_loadb(json.p, json.n,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    struct ff_wr wr;

    if (value == NULL) {
        return ff_fail(fault, FF_E_INVALID_INPUT, ff_d_text("reason", "malformed"),
                       ff_d_i64("line", error.line), ff_d_i64("column", error.column));
    }
    ff_wr_init(&wr, pk);
    from_json(&wr, field, value);
    ff_wr_flush(&wr);
    json_decref(value);
    return FF_E_OK;
}

ff_err
ff_json_to_msgpack(const struct ff_desc *desc, struct ff_str json, msgpack_packer *pk,
                   struct ff_fault *fault)
{
    const struct ff_field top = { .name = "", .type = FF_TYPE_OBJ, .sub = desc };

    return ff_json_to_member(desc == NULL ? NULL : &top, json, pk, fault);
}
