#include "core/codec_int.h"

#include <errno.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>

#include "core/id.h"

const struct ff_field *
ff_field_find(const struct ff_desc *desc, struct ff_str name)
{
    for (uint32_t i = 0; i < desc->n; i++) {
        if (ff_str_eq(name, ff_str(desc->fields[i].name, desc->fields[i].name_n))) {
            return &desc->fields[i];
        }
    }
    return NULL;
}

/* ---- printing ---- */

static struct ff_str
base64(struct ff_str bytes, struct ff_arena *arena)
{
    size_t size = sodium_base64_ENCODED_LEN(bytes.n, sodium_base64_VARIANT_ORIGINAL);
    char *text = ff_arena_alloc(arena, size);

    sodium_bin2base64(text, size, (const uint8_t *) bytes.p, bytes.n,
                      sodium_base64_VARIANT_ORIGINAL);
    return ff_str(text, size - 1);
}

/* Through the wire form: slow, and for what is rarely looked at. null for a damaged value. */
static struct ff_str
json(const struct ff_field *field, const void *p, struct ff_arena *arena)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_fault fault = { 0 };
    struct ff_str text = ff_cstr("null");
    msgpack_object tree;
    msgpack_zone zone;
    struct ff_wr wr;

    ff_packer_init(&packer);
    ff_wr_init(&wr, &packer.pk);
    ff_wr_member(&wr, field, p);
    ff_wr_flush(&wr);
    FF_ASSERT(msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE));
    if (ff_msgpack_parse(ff_packer_str(&packer), &zone, &tree, &fault) == FF_E_OK) {
        text = ff_msgpack_to_json(&tree, 0, arena);
    }
    msgpack_zone_destroy(&zone);
    return text;
}

static struct ff_str
id_text(const struct ff_field *field, const void *p, struct ff_arena *arena)
{
    char *text = ff_arena_alloc(arena, FF_EID_TEXT_MAX);

    if (field->type == FF_TYPE_EID) {
        return ff_str(text, ff_eid_text(p, text));
    }
    ff_uuid_text(p, text);
    return ff_str(text, FF_UUID_TEXT_MAX - 1);
}

static struct ff_str
text_of(const struct ff_str *text)
{
    return text->p == NULL ? ff_str(FF_EMPTY, 0) : *text;
}

struct ff_str
ff_field_text(const struct ff_field *field, const void *record, struct ff_arena *arena)
{
    const void *p = (const uint8_t *) record + field->offset;

    if ((field->flags & FF_FIELD_OPT) != 0 && !ff_slot_present(field, p)) {
        return ff_str(NULL, 0);
    }
    switch ((enum ff_type) field->type) {
    case FF_TYPE_STR:
    case FF_TYPE_LANE:
    case FF_TYPE_LANE_HINT:
    case FF_TYPE_WID:
        return text_of(p);
    case FF_TYPE_BYTES:
        return base64(text_of(p), arena);
    case FF_TYPE_BOOL:
        return ff_cstr(*(const bool *) p ? "true" : "false");
    case FF_TYPE_ENUM:
        return ff_cstr(ff_word(field->sub, (uint32_t) ff_slot_int(field, p)));
    case FF_TYPE_WORD:
        return ff_cstr(*(const char *const *) p);
    case FF_TYPE_F64: /* 17 digits bring the same number back */
        return ff_arena_printf(arena, "%.17g", *(const double *) p);
    case FF_TYPE_UUID:
    case FF_TYPE_EID:
        return id_text(field, p, arena);
    case FF_TYPE_I32:
    case FF_TYPE_I64:
    case FF_TYPE_MS:
        return ff_arena_printf(arena, "%lld", (long long) ff_slot_int(field, p));
    case FF_TYPE_ANY:
    case FF_TYPE_STRS:
    case FF_TYPE_UUIDS:
    case FF_TYPE_U64S:
    case FF_TYPE_TAGS:
    case FF_TYPE_COUNTS:
    case FF_TYPE_OBJ:
    case FF_TYPE_OBJS:
        return json(field, p, arena);
    default:
        return ff_arena_printf(arena, "%llu", (unsigned long long) ff_slot_int(field, p));
    }
}

/* ---- parsing: what a cell says, as the msgpack value that the wire would carry ---- */

static bool
number(struct ff_str text, bool is_signed, msgpack_object *out)
{
    char digits[24];
    char *end = NULL;

    if (text.n == 0 || text.n >= sizeof(digits) ||
        (text.p[0] != '-' && (text.p[0] < '0' || text.p[0] > '9')) ||
        (text.p[0] == '-' && !is_signed)) {
        return false;
    }
    memcpy(digits, text.p, text.n);
    digits[text.n] = '\0';
    errno = 0;
    if (digits[0] == '-') {
        out->type = MSGPACK_OBJECT_NEGATIVE_INTEGER;
        out->via.i64 = strtoll(digits, &end, 10);
    } else {
        out->type = MSGPACK_OBJECT_POSITIVE_INTEGER;
        out->via.u64 = strtoull(digits, &end, 10);
    }
    return errno == 0 && end == digits + text.n && end > digits + (digits[0] == '-');
}

static bool
real(struct ff_str text, msgpack_object *out)
{
    char digits[40];
    char *end = NULL;

    if (text.n == 0 || text.n >= sizeof(digits)) {
        return false;
    }
    memcpy(digits, text.p, text.n);
    digits[text.n] = '\0';
    out->type = MSGPACK_OBJECT_FLOAT64;
    out->via.f64 = strtod(digits, &end);
    return end == digits + text.n;
}

static bool
boolean(struct ff_str text, msgpack_object *out)
{
    out->type = MSGPACK_OBJECT_BOOLEAN;
    out->via.boolean = ff_str_is(text, "true");
    return out->via.boolean || ff_str_is(text, "false");
}

static bool
bytes(struct ff_str text, struct ff_arena *arena, msgpack_object *out)
{
    uint8_t *room = ff_arena_alloc(arena, (size_t) text.n + 1);
    size_t n = 0;

    if (sodium_base642bin(room, (size_t) text.n + 1, text.p, text.n, NULL, &n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0) {
        return false;
    }
    out->type = MSGPACK_OBJECT_BIN;
    out->via.bin.ptr = (const char *) room;
    out->via.bin.size = (uint32_t) n;
    return true;
}

static bool
scalar(const struct ff_field *field, struct ff_str text, struct ff_arena *arena,
       msgpack_object *out)
{
    switch ((enum ff_type) field->type) {
    case FF_TYPE_BYTES:
        return bytes(text, arena, out);
    case FF_TYPE_BOOL:
        return boolean(text, out);
    case FF_TYPE_F64:
        return real(text, out);
    case FF_TYPE_I32:
    case FF_TYPE_I64:
    case FF_TYPE_MS:
        return number(text, true, out);
    case FF_TYPE_U8:
    case FF_TYPE_U16:
    case FF_TYPE_U32:
    case FF_TYPE_POS_U32:
    case FF_TYPE_U64:
    case FF_TYPE_POS_U64:
    case FF_TYPE_DUR_MS:
    case FF_TYPE_POS_MS:
        return number(text, false, out);
    default: /* texts, ids and words */
        out->type = MSGPACK_OBJECT_STR;
        out->via.str.ptr = text.p;
        out->via.str.size = text.n;
        return true;
    }
}

/* A list or shape: its JSON becomes a message in the arena, which the member's texts point into. */
static ff_err
composite(const struct ff_field *field, struct ff_str text, struct ff_arena *arena, void *record,
          struct ff_fault *fault)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_str message;
    msgpack_object tree;
    msgpack_zone zone;
    ff_err err = FF_E_OK;

    ff_packer_init(&packer);
    FF_TRY(ff_json_to_member(field, text, &packer.pk, fault));
    message = ff_arena_copy(arena, ff_packer_str(&packer));
    FF_ASSERT(msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE));
    err = ff_msgpack_parse(message, &zone, &tree, fault);
    if (err == FF_E_OK) {
        err = ff_decode_member(field, &tree, arena, record, fault);
    }
    msgpack_zone_destroy(&zone);
    return err;
}

ff_err
ff_field_parse(const struct ff_field *field, struct ff_str text, struct ff_arena *arena,
               void *record, struct ff_fault *fault)
{
    msgpack_object value;
    ff_err err = FF_E_OK;

    if (field->type == FF_TYPE_ANY || field->type >= FF_TYPE_STRS) {
        err = composite(field, text, arena, record, fault);
    } else if (!scalar(field, text, arena, &value)) {
        err = FF_E_CORRUPTION;
    } else {
        err = ff_decode_member(field, &value, arena, record, fault);
    }
    if (err == FF_E_OK) {
        return FF_E_OK;
    }
    return ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", "unreadable_cell"),
                   ff_d_text("context", field->name));
}

_Static_assert(FF_TYPE_STRS == FF_TYPE_ENUM + 1, "lists and shapes are the last types");
