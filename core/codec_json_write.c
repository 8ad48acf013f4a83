/* msgpack to JSON: text straight from the message; through a tree of jansson's what is to be
 * indented, and what a text of its own does not do for: long maps, keys that are no texts,
 * fractions. */
#include "core/codec_int.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/id.h"

/* Above it a JSON number is no longer exact everywhere, so it travels as text (00 §4). */
#define JSON_EXACT_MAX (UINT64_C(1) << 53)
/* Keys that come twice are looked for one by one: of two the last counts. */
#define DIRECT_MAP_MAX 16

/* ---- a tree ---- */

static json_t *to_json(const msgpack_object *value);

static json_t *
to_base64(struct ff_str bytes)
{
    size_t size = sodium_base64_ENCODED_LEN(bytes.n, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(size);
    json_t *json = NULL;

    FF_ASSERT(text != NULL);
    sodium_bin2base64(text, size, (const uint8_t *) bytes.p, bytes.n,
                      sodium_base64_VARIANT_ORIGINAL);
    json = json_stringn_nocheck(text, size - 1);
    free(text);
    return json;
}

static json_t *
to_number(uint64_t value)
{
    char digits[24];

    if (value <= JSON_EXACT_MAX) {
        return json_integer((json_int_t) value);
    }
    snprintf(digits, sizeof(digits), "%llu", (unsigned long long) value);
    return json_string(digits);
}

static json_t *
to_array(const msgpack_object *value)
{
    json_t *json = json_array();

    for (uint32_t i = 0; i < value->via.array.size; i++) {
        FF_ASSERT(json_array_append_new(json, to_json(&value->via.array.ptr[i])) == 0);
    }
    return json;
}

/* A key that is no text, which nothing of ours has, shows as its JSON. */
static json_t *
to_object(const msgpack_object *value)
{
    json_t *json = json_object();

    for (uint32_t i = 0; i < value->via.map.size; i++) {
        const msgpack_object_kv *pair = &value->via.map.ptr[i];
        json_t *key = to_json(&pair->key);
        char *text = json_is_string(key) ? NULL : json_dumps(key, JSON_ENCODE_ANY | JSON_COMPACT);
        const char *name = text != NULL ? text : json_string_value(key);
        size_t bytes = text != NULL ? strlen(text) : json_string_length(key);

        FF_ASSERT(name != NULL &&
                  json_object_setn_new_nocheck(json, name, bytes, to_json(&pair->val)) == 0);
        free(text);
        json_decref(key);
    }
    return json;
}

static json_t *
to_json(const msgpack_object *value)
{
    json_t *json = NULL;

    switch (value->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        json = json_boolean(value->via.boolean);
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        json = to_number(value->via.u64);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        json = json_integer(value->via.i64);
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        json = json_real(value->via.f64); /* none for NaN and the infinities */
        break;
    case MSGPACK_OBJECT_STR:
        json = json_stringn(value->via.str.ptr, value->via.str.size); /* none if not UTF-8 */
        break;
    case MSGPACK_OBJECT_BIN:
        json = to_base64(ff_str(value->via.bin.ptr, value->via.bin.size));
        break;
    case MSGPACK_OBJECT_ARRAY:
        json = to_array(value);
        break;
    case MSGPACK_OBJECT_MAP:
        json = to_object(value);
        break;
    default:
        break;
    }
    return json != NULL ? json : json_null();
}

static struct ff_str
indented(const msgpack_object *value, int indent, struct ff_arena *arena)
{
    json_t *json = to_json(value);
    char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_INDENT((size_t) indent));
    struct ff_str out;

    FF_ASSERT(text != NULL);
    out = ff_arena_copy(arena, ff_cstr(text));
    free(text);
    json_decref(json);
    return out;
}

/* ---- straight ---- */

struct out {
    char *p;
    size_t n, room;
    struct ff_arena *arena;
};

static char *
room_for(struct out *out, size_t n)
{
    if (out->room - out->n < n) {
        char *p = NULL;

        out->room = (out->n + n) * 2;
        p = ff_arena_alloc(out->arena, out->room);
        if (out->n > 0) {
            memcpy(p, out->p, out->n);
        }
        out->p = p;
    }
    return out->p + out->n;
}

static void
put(struct out *out, const char *text, size_t n)
{
    memcpy(room_for(out, n), text, n);
    out->n += n;
}

static void
put_through_tree(struct out *out, const msgpack_object *value)
{
    json_t *json = to_json(value);
    char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);

    FF_ASSERT(text != NULL);
    put(out, text, strlen(text));
    free(text);
    json_decref(json);
}

static void
put_escaped(struct out *out, unsigned char c)
{
    static const char names[] = "\"\\\b\f\n\r\t", shown[] = "\"\\bfnrt";
    const char *name = c == 0 ? NULL : strchr(names, c);
    char text[8] = { '\\', name == NULL ? 'u' : shown[name - names] };

    if (name == NULL) {
        snprintf(text + 2, sizeof(text) - 2, "%04X", c);
    }
    put(out, text, name == NULL ? 6 : 2);
}

static void
put_text(struct out *out, struct ff_str text)
{
    uint32_t from = 0;

    put(out, "\"", 1);
    for (uint32_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char) text.p[i];

        if (c < 0x20 || c == '"' || c == '\\') {
            put(out, text.p + from, i - from);
            put_escaped(out, c);
            from = i + 1;
        }
    }
    put(out, text.p + from, text.n - from);
    put(out, "\"", 1);
}

static void
put_bytes(struct out *out, struct ff_str bytes)
{
    size_t size = sodium_base64_ENCODED_LEN(bytes.n, sodium_base64_VARIANT_ORIGINAL);
    char *at = room_for(out, size + 1);

    at[0] = '"';
    sodium_bin2base64(at + 1, size, (const uint8_t *) bytes.p, bytes.n,
                      sodium_base64_VARIANT_ORIGINAL);
    at[size] = '"'; /* where its zero was */
    out->n += size + 1;
}

static void
put_number(struct out *out, const msgpack_object *value)
{
    bool as_text =
        value->type == MSGPACK_OBJECT_POSITIVE_INTEGER && value->via.u64 > JSON_EXACT_MAX;
    const char *quote = as_text ? "\"" : "";
    char digits[32];
    int n = value->type == MSGPACK_OBJECT_POSITIVE_INTEGER
                ? snprintf(digits, sizeof(digits), "%s%llu%s", quote,
                           (unsigned long long) value->via.u64, quote)
                : snprintf(digits, sizeof(digits), "%lld", (long long) value->via.i64);

    put(out, digits, (size_t) n);
}

static struct ff_str
str_of(const msgpack_object *value)
{
    return ff_str(value->via.str.ptr, value->via.str.size);
}

static bool
is_direct(const msgpack_object_map *map)
{
    for (uint32_t i = 0; i < map->size; i++) {
        if (map->ptr[i].key.type != MSGPACK_OBJECT_STR || !ff_utf8_ok(str_of(&map->ptr[i].key))) {
            return false;
        }
    }
    return map->size <= DIRECT_MAP_MAX;
}

/* Another pair with the key of pair i: the first before it, else the last behind it, else i. */
static uint32_t
namesake(const msgpack_object_map *map, uint32_t i)
{
    uint32_t same = i;

    for (uint32_t j = 0; j < map->size; j++) {
        if (j != i && ff_str_eq(str_of(&map->ptr[i].key), str_of(&map->ptr[j].key))) {
            if (j < i) {
                return j;
            }
            same = j;
        }
    }
    return same;
}

static void put_value(struct out *out, const msgpack_object *value);

static void
put_map(struct out *out, const msgpack_object *value)
{
    const msgpack_object_map *map = &value->via.map;
    const char *before = "{";

    if (!is_direct(map)) {
        put_through_tree(out, value);
        return;
    }
    for (uint32_t i = 0; i < map->size; i++) {
        uint32_t same = namesake(map, i);

        if (same >= i) {
            put(out, before, 1);
            put_text(out, str_of(&map->ptr[i].key));
            put(out, ":", 1);
            put_value(out, &map->ptr[same].val);
            before = ",";
        }
    }
    put(out, "{}", map->size == 0 ? 2 : 0);
    put(out, "}", map->size == 0 ? 0 : 1);
}

static void
put_array(struct out *out, const msgpack_object *value)
{
    put(out, "[", 1);
    for (uint32_t i = 0; i < value->via.array.size; i++) {
        put(out, ",", i == 0 ? 0 : 1);
        put_value(out, &value->via.array.ptr[i]);
    }
    put(out, "]", 1);
}

static void
put_value(struct out *out, const msgpack_object *value)
{
    switch (value->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        put(out, value->via.boolean ? "true" : "false", value->via.boolean ? 4 : 5);
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        put_number(out, value);
        break;
    case MSGPACK_OBJECT_STR:
        if (ff_utf8_ok(str_of(value))) {
            put_text(out, str_of(value));
        } else {
            put(out, "null", 4);
        }
        break;
    case MSGPACK_OBJECT_BIN:
        put_bytes(out, ff_str(value->via.bin.ptr, value->via.bin.size));
        break;
    case MSGPACK_OBJECT_ARRAY:
        put_array(out, value);
        break;
    case MSGPACK_OBJECT_MAP:
        put_map(out, value);
        break;
    default: /* fractions, and what JSON has not */
        put_through_tree(out, value);
        break;
    }
}

/* ---- both ---- */

struct ff_str
ff_msgpack_to_json(const msgpack_object *value, int indent, struct ff_arena *arena)
{
    struct out out = { .arena = arena };

    if (indent == 0) {
        put_value(&out, value);
        *room_for(&out, 1) = '\0';
        return ff_str(out.p, out.n);
    }
    return indented(value, indent, arena);
}
