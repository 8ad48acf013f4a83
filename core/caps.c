#include "core/caps.h"

#include <stdio.h>

#include "core/codec.h"
#include "core/id.h"
#include "core/partition.h"

/* Faults of a list, in the order in which they are looked for (01 §6.3). */
#define REASONS(reason)                                                                            \
    {                                                                                              \
        "required:" reason, "worker:" reason                                                       \
    }

enum fault_kind { NOT_ARRAY, NON_STRING, EMPTY, COMMA, CONTROL, TOO_MANY, TOO_LONG, SOUND };

static const char *const reasons[][2] = {
    [NOT_ARRAY] = REASONS("not_array"),
    [NON_STRING] = REASONS("non_string_token"),
    [EMPTY] = REASONS("empty_token"),
    [COMMA] = REASONS("comma_in_token"),
    [CONTROL] = REASONS("control_or_whitespace"),
    [TOO_MANY] = REASONS("too_many_tokens"),
    [TOO_LONG] = REASONS("too_many_bytes"),
};

static enum fault_kind
judge_token(const msgpack_object *value)
{
    struct ff_str token = { 0 };

    if (value->type != MSGPACK_OBJECT_STR) {
        return NON_STRING;
    }
    token = ff_str(value->via.str.ptr, value->via.str.size);
    if (token.n == 0) {
        return EMPTY;
    }
    if (memchr(token.p, ',', token.n) != NULL) {
        return COMMA;
    }
    return ff_is_clean_word(token) ? SOUND : CONTROL;
}

static int
by_bytes(const void *a, const void *b)
{
    return ff_str_cmp(*(const struct ff_str *) a, *(const struct ff_str *) b);
}

/* Sorts, drops duplicates, and only then counts: what comes twice is not twice as much. */
static enum fault_kind
judge_set(struct ff_strs *set)
{
    uint64_t bytes = 0;

    set->n = ff_sort_once(set->v, set->n, sizeof(*set->v), by_bytes);
    for (uint32_t i = 0; i < set->n; i++) {
        bytes += set->v[i].n + (i > 0 ? 1u : 0u);
    }
    if (set->n > FF_CAPS_TOKENS_MAX) {
        return TOO_MANY;
    }
    return bytes > FF_CAPS_BYTES_MAX ? TOO_LONG : SOUND;
}

static enum fault_kind
judge(const msgpack_object *list, struct ff_arena *arena, struct ff_strs *out)
{
    if (list->type != MSGPACK_OBJECT_ARRAY) {
        return NOT_ARRAY;
    }
    *out = (struct ff_strs){ .v = FF_ARENA_NEW(arena, struct ff_str, list->via.array.size) };
    for (uint32_t i = 0; i < list->via.array.size; i++) {
        const msgpack_object *value = &list->via.array.ptr[i];
        enum fault_kind kind = judge_token(value);

        if (kind != SOUND) {
            return kind;
        }
        out->v[out->n++] = ff_str(value->via.str.ptr, value->via.str.size);
    }
    return judge_set(out);
}

ff_err
ff_caps_of_object(const msgpack_object *list, struct ff_caps_from from, struct ff_arena *arena,
                  struct ff_strs *out, struct ff_fault *fault)
{
    struct ff_strs set = { 0 };
    enum fault_kind kind = judge(list, arena, &set);

    if (kind == SOUND) {
        *out = set;
        return FF_E_OK;
    }
    return ff_fail(fault, FF_E_INVALID_CAPABILITIES, ff_d_text("field", from.field),
                   ff_d_text("reason", reasons[kind][from.side == FF_SIDE_WORKER]));
}

ff_err
ff_caps_parse(struct ff_str packed, struct ff_caps_from from, struct ff_arena *arena,
              struct ff_strs *out, struct ff_fault *fault)
{
    msgpack_zone zone;
    msgpack_object list;
    ff_err err = FF_E_OK;

    if (packed.n == 0 || ff_str_is(packed, "\x90")) { /* most claims: no tree for an empty list */
        *out = (struct ff_strs){ 0 };
        return FF_E_OK;
    }
    FF_ASSERT(msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE));
    err = ff_msgpack_parse(packed, &zone, &list, fault);
    if (err == FF_E_OK) {
        err = ff_caps_of_object(&list, from, arena, out, fault);
    }
    msgpack_zone_destroy(&zone);
    return err;
}

/* Walks both sets side by side; writes what is missing to `out`, if it is not NULL, and stops at
 * the first otherwise. Returns how many were found missing. */
static uint32_t
walk_missing(struct ff_strs required, struct ff_strs offered, struct ff_str *out)
{
    uint32_t n = 0;
    uint32_t o = 0;

    for (uint32_t r = 0; r < required.n; r++) {
        while (o < offered.n && ff_str_cmp(offered.v[o], required.v[r]) < 0) {
            o++;
        }
        if (o < offered.n && ff_str_eq(offered.v[o], required.v[r])) {
            continue;
        }
        if (out == NULL) {
            return 1;
        }
        out[n++] = required.v[r];
    }
    return n;
}

bool
ff_caps_match(struct ff_strs required, struct ff_strs offered)
{
    return walk_missing(required, offered, NULL) == 0;
}

struct ff_strs
ff_caps_missing(struct ff_strs required, struct ff_strs offered, struct ff_arena *arena)
{
    struct ff_strs missing = { .v = FF_ARENA_NEW(arena, struct ff_str, required.n) };

    missing.n = walk_missing(required, offered, missing.v);
    return missing;
}

struct ff_str
ff_caps_csv(struct ff_strs set, struct ff_arena *arena)
{
    size_t bytes = set.n > 0 ? set.n - 1 : 0;
    char *room = NULL;
    char *p = NULL;

    for (uint32_t i = 0; i < set.n; i++) {
        bytes += set.v[i].n;
    }
    room = ff_arena_alloc(arena, bytes + 1);
    p = room;
    for (uint32_t i = 0; i < set.n; i++) {
        if (i > 0) {
            *p++ = ',';
        }
        memcpy(p, set.v[i].p, set.v[i].n);
        p += set.v[i].n;
    }
    return ff_str(room, bytes);
}

void
ff_caps_digest(struct ff_str csv, char out[FF_CAPS_DIGEST_MAX])
{
    uint64_t hash = ff_fnv1a64(csv.p, csv.n);

    snprintf(out, FF_CAPS_DIGEST_MAX, "%08x", (uint32_t) (hash >> 32) ^ (uint32_t) hash);
}

ff_err
ff_fail_caps(struct ff_fault *fault, struct ff_strs missing, struct ff_arena *arena)
{
    return ff_fail(fault, FF_E_CAPABILITY_MISMATCH, ff_d_strs("missing", missing),
                   ff_d_str("missing_csv", ff_caps_csv(missing, arena)));
}
