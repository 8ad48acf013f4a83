/* counts.h: numbers by dimension name, in the order of names (05 §0). Pure; lists in an arena. */
#ifndef FF_CORE_ENGINE_COUNTS_H
#define FF_CORE_ENGINE_COUNTS_H

#include "core/arena.h"
#include "core/fault.h"

#define FF_COUNT_MAX ((uint64_t) INT64_MAX) /* limits, deltas, usage; sums stay at it (05 §0.2) */
#define FF_DIMENSION_BYTES_MAX 128
#define FF_DIMENSIONS_PER_CALL_MAX 256
#define FF_DIMENSIONS_MAX 1024 /* of a budget's usage, of a ledger (01 §1.8) */

/* What a caller names: `field` has names and numbers of 05 §0.2 and §0.3, each name once. *out: in
 * order. FF_E_INVALID_INPUT {field, reason}: too_many, empty, too_long, control_character,
 * duplicate, out_of_range. */
FF_MUST_USE ff_err ff_counts_take(struct ff_counts given, const char *field, struct ff_arena *arena,
                                  struct ff_counts *out, struct ff_fault *fault);
/* The same from two lists. Also length_mismatch, of the numbers' field. */
struct ff_two_lists {
    struct ff_strs names;
    struct ff_u64s numbers;
    const char *names_field, *numbers_field;
};
FF_MUST_USE ff_err ff_counts_zip(const struct ff_two_lists *lists, struct ff_arena *arena,
                                 struct ff_counts *out, struct ff_fault *fault);

/* The number, or 0. */
uint64_t ff_counts_get(struct ff_counts counts, struct ff_str name);
bool ff_counts_has(struct ff_counts counts, struct ff_str name);
/* All names of both; sums saturate. */
struct ff_counts ff_counts_sum(struct ff_counts a, struct ff_counts b, struct ff_arena *arena);
/* The names of `a`, each less what `b` has, never below 0. */
struct ff_counts ff_counts_less(struct ff_counts a, struct ff_counts b, struct ff_arena *arena);
/* The same names, all 0. */
struct ff_counts ff_counts_zero(struct ff_counts a, struct ff_arena *arena);

static inline uint64_t
ff_count_add(uint64_t a, uint64_t b)
{
    return a + b > FF_COUNT_MAX ? FF_COUNT_MAX : a + b; /* both are at most it: no overflow */
}

#endif
