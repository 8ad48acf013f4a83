#include "core/engine/counts.h"

#include <stdlib.h>

#include "core/id.h"

/* ---- taking them in ---- */

static bool
has_control(struct ff_str name)
{
    uint32_t code = 0;

    while (name.n > 0 && ff_utf8_next(&name, &code)) {
        if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) {
            return true;
        }
    }
    return name.n > 0; /* not UTF-8 */
}

static ff_err
check_name(struct ff_str name, const char *field, struct ff_fault *fault)
{
    if (name.n == 0) {
        return ff_fail_input(fault, field, "empty");
    }
    if (name.n > FF_DIMENSION_BYTES_MAX) {
        return ff_fail(fault, FF_E_INVALID_INPUT, ff_d_text("field", field),
                       ff_d_text("reason", "too_long"), ff_d_u64("len", name.n),
                       ff_d_u64("max", FF_DIMENSION_BYTES_MAX));
    }
    return has_control(name) ? ff_fail_input(fault, field, "control_character") : FF_E_OK;
}

static int
tally_cmp(const void *a, const void *b)
{
    return ff_str_cmp(((const struct ff_tally *) a)->key, ((const struct ff_tally *) b)->key);
}

static ff_err
too_many(const char *field, uint32_t n, struct ff_fault *fault)
{
    return ff_fail(fault, FF_E_INVALID_INPUT, ff_d_text("field", field),
                   ff_d_text("reason", "too_many"), ff_d_u64("count", n),
                   ff_d_u64("max", FF_DIMENSIONS_PER_CALL_MAX));
}

ff_err
ff_counts_take(struct ff_counts given, const char *field, struct ff_arena *arena,
               struct ff_counts *out, struct ff_fault *fault)
{
    struct ff_tally *v = FF_ARENA_NEW(arena, struct ff_tally, given.n);

    if (given.n > FF_DIMENSIONS_PER_CALL_MAX) {
        return too_many(field, given.n, fault);
    }
    for (uint32_t i = 0; i < given.n; i++) {
        v[i] = given.v[i];
        FF_TRY(check_name(v[i].key, field, fault));
        if (v[i].value > FF_COUNT_MAX) {
            return ff_fail_input(fault, field, "out_of_range");
        }
    }
    if (given.n > 1) {
        qsort(v, given.n, sizeof(*v), tally_cmp);
    }
    for (uint32_t i = 1; i < given.n; i++) {
        if (ff_str_eq(v[i - 1].key, v[i].key)) {
            return ff_fail_input(fault, field, "duplicate");
        }
    }
    *out = (struct ff_counts){ .v = v, .n = given.n };
    return FF_E_OK;
}

ff_err
ff_counts_zip(const struct ff_two_lists *lists, struct ff_arena *arena, struct ff_counts *out,
              struct ff_fault *fault)
{
    struct ff_counts pairs = { .v = FF_ARENA_NEW(arena, struct ff_tally, lists->names.n) };

    if (lists->names.n != lists->numbers.n) {
        return ff_fail_input(fault, lists->numbers_field, "length_mismatch");
    }
    for (; pairs.n < lists->names.n; pairs.n++) {
        pairs.v[pairs.n].key = lists->names.v[pairs.n];
        pairs.v[pairs.n].value = lists->numbers.v[pairs.n];
        if (pairs.v[pairs.n].value > FF_COUNT_MAX) {
            return ff_fail_input(fault, lists->numbers_field, "out_of_range");
        }
    }
    return ff_counts_take(pairs, lists->names_field, arena, out, fault);
}

/* ---- reckoning ---- */

static const struct ff_tally *
find(struct ff_counts counts, struct ff_str name)
{
    const struct ff_tally probe = { .key = name };

    return counts.n == 0 ? NULL : bsearch(&probe, counts.v, counts.n, sizeof(*counts.v), tally_cmp);
}

uint64_t
ff_counts_get(struct ff_counts counts, struct ff_str name)
{
    const struct ff_tally *tally = find(counts, name);

    return tally == NULL ? 0 : tally->value;
}

bool
ff_counts_has(struct ff_counts counts, struct ff_str name)
{
    return find(counts, name) != NULL;
}

struct ff_counts
ff_counts_sum(struct ff_counts a, struct ff_counts b, struct ff_arena *arena)
{
    struct ff_counts sum = { .v = FF_ARENA_NEW(arena, struct ff_tally, a.n + b.n) };
    uint32_t i = 0, j = 0;

    while (i < a.n || j < b.n) {
        int order = i == a.n ? 1 : j == b.n ? -1 : ff_str_cmp(a.v[i].key, b.v[j].key);
        struct ff_tally *tally = &sum.v[sum.n++];

        *tally = order <= 0 ? a.v[i] : b.v[j];
        if (order == 0) {
            tally->value = ff_count_add(a.v[i].value, b.v[j].value);
        }
        i += order <= 0;
        j += order >= 0;
    }
    return sum;
}

struct ff_counts
ff_counts_less(struct ff_counts a, struct ff_counts b, struct ff_arena *arena)
{
    struct ff_counts rest = { .v = FF_ARENA_NEW(arena, struct ff_tally, a.n), .n = a.n };

    for (uint32_t i = 0; i < a.n; i++) {
        uint64_t less = ff_counts_get(b, a.v[i].key);

        rest.v[i].key = a.v[i].key;
        rest.v[i].value = a.v[i].value > less ? a.v[i].value - less : 0;
    }
    return rest;
}

struct ff_counts
ff_counts_zero(struct ff_counts a, struct ff_arena *arena)
{
    struct ff_counts zero = { .v = FF_ARENA_NEW(arena, struct ff_tally, a.n), .n = a.n };

    for (uint32_t i = 0; i < a.n; i++) {
        zero.v[i].key = a.v[i].key;
    }
    return zero;
}
