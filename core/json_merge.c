/* jansson holds numbers as machine numbers. So that they keep their text, every string of a text
 * gets a letter in front of it before jansson reads it, and every number becomes a string with
 * another; both are taken off again when the result is written. */
#include "core/json_merge.h"

#include <jansson.h>
#include <stdlib.h>

#define MARK_STRING 's'
#define MARK_NUMBER 'n'

struct text {
    char *p;
    size_t n;
};

static void
text_add(struct text *text, const char *bytes, size_t n)
{
    memcpy(text->p + text->n, bytes, n);
    text->n += n;
}

static void
text_add_char(struct text *text, char c)
{
    text->p[text->n++] = c;
}

/* Bytes of a string token that begins at `at`, its quotes too; to the end if it does not close. */
static size_t
string_bytes(struct ff_str json, size_t at)
{
    size_t end = at + 1;

    while (end < json.n && json.p[end] != '"') {
        end += json.p[end] == '\\' ? 2 : 1;
    }
    return (end < json.n ? end + 1 : json.n) - at;
}

/* ---- numbers ---- */

static const char *
digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }
    return p;
}

/* RFC 8259: -? (0 | 1-9 digits) (. digits)? (e +-? digits)? */
static bool
is_number(const char *p, size_t n)
{
    const char *end = p + n, *start = NULL;

    p += n > 0 && *p == '-';
    start = p;
    p = digits(p, end);
    if (p == start || (*start == '0' && p > start + 1)) {
        return false;
    }
    if (p < end && *p == '.') {
        start = ++p;
        p = digits(p, end);
        if (p == start) {
            return false;
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        start = p;
        p = digits(p, end);
        if (p == start) {
            return false;
        }
    }
    return p == end;
}

static size_t
number_bytes(struct ff_str json, size_t at)
{
    size_t end = at;

    while (end < json.n && json.p[end] != '\0' && strchr("0123456789+-.eE", json.p[end]) != NULL) {
        end++;
    }
    return end - at;
}

/* ---- in and out ---- */

/* False: a number is malformed. What else is wrong jansson finds. */
static bool
mark(struct ff_str json, struct text *out)
{
    for (size_t i = 0; i < json.n;) {
        char c = json.p[i];
        size_t n = 1;

        if (c == '"') {
            n = string_bytes(json, i);
            text_add_char(out, c);
            text_add_char(out, MARK_STRING);
            text_add(out, json.p + i + 1, n - 1);
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            n = number_bytes(json, i);
            if (!is_number(json.p + i, n)) {
                return false;
            }
            text_add(out, "\"n", 2);
            text_add(out, json.p + i, n);
            text_add_char(out, '"');
        } else {
            text_add_char(out, c);
        }
        i += n;
    }
    return true;
}

static void
unmark(struct ff_str json, struct text *out)
{
    for (size_t i = 0; i < json.n;) {
        size_t n = json.p[i] == '"' ? string_bytes(json, i) : 1;

        if (n == 1) {
            text_add_char(out, json.p[i]);
        } else if (json.p[i + 1] == MARK_NUMBER) {
            text_add(out, json.p + i + 2, n - 3);
        } else {
            text_add_char(out, '"');
            text_add(out, json.p + i + 2, n - 2);
        }
        i += n;
    }
}

/* NULL: it is not JSON. The caller's to release. */
static json_t *
read_marked(struct ff_str json)
{
    struct text marked = { .p = malloc((size_t) json.n * 4 + 1) };
    json_error_t error;
    json_t *value = NULL;

    FF_ASSERT(marked.p != NULL);
    if (mark(json, &marked)) {
        value = json_loadb(marked.p, marked.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    }
    free(marked.p);
    return value;
}

static struct ff_str
write_unmarked(const json_t *json, struct ff_arena *arena)
{
    char *marked = json_dumps(json, JSON_COMPACT);
    struct text out = { 0 };
    struct ff_str text;

    FF_ASSERT(marked != NULL);
    text = ff_cstr(marked);
    out.p = ff_arena_alloc(arena, (size_t) text.n + 1);
    unmark(text, &out);
    free(marked);
    return ff_str(out.p, out.n);
}

/* ---- merging ---- */

static bool
too_deep(json_t *object, int level)
{
    const char *key = NULL;
    json_t *value = NULL;

    if (level > FF_PATCH_DEPTH_MAX) {
        return true;
    }
    json_object_foreach(object, key, value)
    {
        if (json_is_object(value) && too_deep(value, level + 1)) {
            return true;
        }
    }
    return false;
}

static void
merge(json_t *target, json_t *patch)
{
    const char *key = NULL;
    size_t n = 0;
    json_t *value = NULL;

    json_object_keylen_foreach(patch, key, n, value)
    {
        json_t *member = json_object_getn(target, key, n);

        if (json_is_null(value)) {
            json_object_deln(target, key, n);
        } else if (!json_is_object(value)) {
            FF_ASSERT(json_object_setn(target, key, n, value) == 0);
        } else {
            if (!json_is_object(member)) {
                member = json_object();
                FF_ASSERT(json_object_setn_new(target, key, n, member) == 0);
            }
            merge(member, value);
        }
    }
}

static bool
is_sentinel(const json_t *value)
{
    static const char marked[] = { MARK_STRING, '\0' };

    return json_is_string(value) &&
           json_string_length(value) == strlen(marked) + strlen(FF_PATCH_NULL) &&
           memcmp(json_string_value(value), marked, 1) == 0 &&
           strcmp(json_string_value(value) + 1, FF_PATCH_NULL) == 0;
}

static void
put_nulls(json_t *value)
{
    const char *key = NULL;
    json_t *inner = NULL;
    size_t n = 0;

    json_object_keylen_foreach(value, key, n, inner)
    {
        if (is_sentinel(inner)) {
            json_object_setn_new(value, key, n, json_null());
        } else {
            put_nulls(inner);
        }
    }
    json_array_foreach(value, n, inner)
    {
        if (is_sentinel(inner)) {
            json_array_set_new(value, n, json_null());
        } else {
            put_nulls(inner);
        }
    }
}

static ff_err
refuse(struct ff_fault *fault, const char *reason, const char *message)
{
    ff_fail_input(fault, "frame.bytes", reason);
    fault->message = message;
    return fault->code;
}

static ff_err
check_patch(json_t *patch, struct ff_fault *fault)
{
    if (patch == NULL) {
        return refuse(fault, "not_json", "a summary patch must be JSON: not valid JSON");
    }
    if (!json_is_object(patch)) {
        return refuse(fault, "not_an_object", "the root of a summary patch must be an object");
    }
    if (too_deep(patch, 0)) {
        return refuse(fault, "patch_depth_exceeded",
                      "patch_depth_exceeded: objects of a summary patch nest at most 16 deep");
    }
    return FF_E_OK;
}

ff_err
ff_json_merge_patch(struct ff_str document, struct ff_str patch, struct ff_arena *arena,
                    struct ff_str *out, struct ff_fault *fault)
{
    json_t *target = document.n == 0 ? json_object() : read_marked(document);
    json_t *change = read_marked(patch);
    ff_err err = check_patch(change, fault);

    if (err == FF_E_OK && !json_is_object(target)) {
        err = ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", "summary"));
    }
    if (err == FF_E_OK) {
        merge(target, change);
        put_nulls(target);
        *out = write_unmarked(target, arena);
    }
    json_decref(change);
    json_decref(target);
    return err;
}
