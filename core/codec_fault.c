#include "core/codec_decode_int.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- faults ---- */

/* Enough for every path of ours; a longer one, with a name that a peer made up, is cut. */
#define PATH_BYTES_MAX 512

struct path {
    char b[PATH_BYTES_MAX];
    uint32_t n;
};

static void
path_add(struct path *path, struct ff_str text)
{
    uint32_t n = text.n < PATH_BYTES_MAX - path->n ? text.n : PATH_BYTES_MAX - path->n;

    while (n < text.n && n > 0 && ((uint8_t) text.p[n] & 0xc0) == 0x80) {
        n--; /* not inside a character */
    }
    if (n > 0) {
        memcpy(path->b + path->n, text.p, n);
        path->n += n;
    }
}

static void
path_of(struct path *path, const struct ff_dec_at *at)
{
    char index[16];

    if (at->up != NULL) {
        path_of(path, at->up);
    }
    if (at->key.p == NULL && at->field->name[0] == '\0') {
        path_add(path, ff_str(index, (size_t) snprintf(index, sizeof(index), "[%u]", at->index)));
        return;
    }
    if (path->n > 0) {
        path_add(path, ff_cstr("."));
    }
    path_add(path, at->key.p != NULL ? at->key : ff_cstr(at->field->name));
}

static struct ff_str
place(struct ff_dec *dec, const struct ff_dec_at *at)
{
    struct path path = { .n = 0 };

    if (at != NULL) {
        path_of(&path, at);
    }
    return ff_arena_copy(dec->arena, ff_str(path.b, path.n));
}

/* The reasons that a policy knows (01 §5.1). */
static const char *
policy_reason(const struct ff_dec_at *at, const char *reason)
{
    enum ff_type type = at == NULL || at->field == NULL ? FF_TYPE_OBJ : at->field->type;
    msgpack_object map = { .type = MSGPACK_OBJECT_MAP };
    msgpack_object list = { .type = MSGPACK_OBJECT_ARRAY };

    if (strcmp(reason, "wrong_type") == 0 && type != FF_TYPE_ANY) {
        return ff_dec_takes(type, &map)    ? "not_object"
               : ff_dec_takes(type, &list) ? "not_array"
                                           : reason;
    }
    if (strcmp(reason, "too_long") == 0 || strcmp(reason, "too_many") == 0) {
        return "out_of_range";
    }
    if (strcmp(reason, "unknown_value") == 0 || strcmp(reason, "not_finite") == 0 ||
        strcmp(reason, "out_of_range") == 0) {
        return reason;
    }
    return strcmp(reason, "duplicate_key") == 0 ? "malformed" : "wrong_type";
}

static ff_err
fail(struct ff_dec *dec, const struct ff_dec_at *at, const char *reason)
{
    bool policy = dec->code == FF_E_INVALID_POLICY_JSON;

    return ff_fail(dec->fault, dec->code, ff_d_str(policy ? "path" : "field", place(dec, at)),
                   ff_d_text("reason", policy ? policy_reason(at, reason) : reason));
}

ff_err
ff_dec_fail(struct ff_dec *dec, const struct ff_dec_at *at, const char *reason,
            struct ff_datum more, struct ff_datum yet_more)
{
    ff_err err = fail(dec, at, reason);

    dec->format = true;
    ff_fault_add(dec->fault, more);
    ff_fault_add(dec->fault, yet_more);
    return err;
}

ff_err
ff_dec_fail_type(struct ff_dec *dec, const struct ff_dec_at *at, const char *reason)
{
    dec->format = false;
    return fail(dec, at, reason);
}

ff_err
ff_dec_wrong_type(struct ff_dec *dec, const struct ff_dec_at *at)
{
    return ff_dec_fail_type(dec, at, "wrong_type");
}

ff_err
ff_dec_place(struct ff_dec *dec, const struct ff_dec_at *at)
{
    struct ff_fault *fault = dec->fault;

    FF_ASSERT(fault->n >= 2 && strcmp(fault->detail[0].key, "field") == 0);
    if (dec->code != FF_E_INVALID_INPUT) {
        return ff_dec_fail(dec, at, fault->detail[1].v.str.p, FF_D_NONE, FF_D_NONE);
    }
    dec->format = true;
    fault->detail[0].v.str = place(dec, at);
    return fault->code;
}

/* ---- keys ---- */

static int
by_bytes(const void *a, const void *b)
{
    return ff_str_cmp(*(const struct ff_str *) a, *(const struct ff_str *) b);
}

/* So few are compared each with each; more are sorted. */
#define FEW_KEYS 8

static const struct ff_str *
twice(struct ff_str *keys, uint32_t n)
{
    if (n > FEW_KEYS) {
        qsort(keys, n, sizeof(*keys), by_bytes);
    }
    for (uint32_t i = 1; i < n; i++) {
        for (uint32_t k = n > FEW_KEYS ? i - 1 : 0; k < i; k++) {
            if (ff_str_eq(keys[i], keys[k])) {
                return &keys[i];
            }
        }
    }
    return NULL;
}

ff_err
ff_dec_keys(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *map)
{
    struct ff_str few[FEW_KEYS];
    uint32_t n = map->via.map.size;
    struct ff_str *keys = n <= FEW_KEYS ? few : ff_arena_alloc(dec->arena, n * sizeof(*keys));
    const struct ff_str *again = NULL;

    for (uint32_t i = 0; i < n; i++) {
        const msgpack_object *key = &map->via.map.ptr[i].key;

        if (key->type != MSGPACK_OBJECT_STR) {
            return ff_dec_wrong_type(dec, at);
        }
        keys[i] = ff_str(key->via.str.ptr, key->via.str.size);
    }
    again = twice(keys, n);
    if (again != NULL) {
        struct ff_dec_at here = { .up = at, .field = at->field, .key = *again };

        return ff_dec_fail_type(dec, &here, "duplicate_key");
    }
    return FF_E_OK;
}

ff_err
ff_dec_form(struct ff_dec *dec, const struct ff_dec_at *at, const msgpack_object *value)
{
    static const struct ff_field element = { .name = "", .type = FF_TYPE_ANY };
    struct ff_dec_at here = { .up = at, .field = &element };

    if (value->type == MSGPACK_OBJECT_EXT) {
        return ff_dec_wrong_type(dec, at);
    }
    if (value->type == MSGPACK_OBJECT_ARRAY) {
        for (; here.index < value->via.array.size; here.index++) {
            FF_TRY(ff_dec_form(dec, &here, &value->via.array.ptr[here.index]));
        }
    } else if (value->type == MSGPACK_OBJECT_MAP) {
        FF_TRY(ff_dec_keys(dec, at, value));
        for (uint32_t i = 0; i < value->via.map.size; i++) {
            const msgpack_object_kv *pair = &value->via.map.ptr[i];

            here.key = ff_str(pair->key.via.str.ptr, pair->key.via.str.size);
            FF_TRY(ff_dec_form(dec, &here, &pair->val));
        }
    }
    return FF_E_OK;
}
