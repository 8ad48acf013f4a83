/* base.h: the small types and macros that every module uses.
 *
 * Plain values, no ownership: a struct ff_str points at memory that somebody else keeps alive (an
 * arena, a frame, a record row), and the header of the function that hands it out says how long.
 */
#ifndef FF_CORE_BASE_H
#define FF_CORE_BASE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FF_MUST_USE __attribute__((warn_unused_result))
#define FF_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define FF_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Largest dur_ms: 2^53-1, so that a duration survives JSON (01 §1.5). */
#define FF_DUR_MS_MAX UINT64_C(9007199254740991)

/* Programmer errors only; stays on in release builds. */
#define FF_ASSERT(expr) ((expr) ? (void) 0 : ff_assert_failed(#expr, __FILE__, __LINE__))
void ff_assert_failed(const char *expr, const char *file, int line) __attribute__((noreturn));

/* Returns early with the error of `call`; FF_E_OK is 0. */
#define FF_TRY(call)                                                                               \
    do {                                                                                           \
        ff_err ff_try_err_ = (call);                                                               \
        if (ff_try_err_ != 0) {                                                                    \
            return ff_try_err_;                                                                    \
        }                                                                                          \
    } while (0)

/* Declares a struct whose destructor type##_done runs at the end of the scope; it must accept a
 * zeroed object. Usage: FF_SCOPED(ff_arena) arena = { 0 }; */
#define FF_SCOPED(type) __attribute__((cleanup(type##_done))) struct type

/* Text or bytes. p == NULL means absent; an empty present value has p != NULL and n == 0. */
struct ff_str {
    const char *p;
    uint32_t n;
};

struct ff_uuid {
    uint8_t b[16]; /* in reading order */
};

/* Execution id (01 §2.2): {fp:N}:U. The partition is part of the identity. */
struct ff_eid {
    uint16_t partition;
    struct ff_uuid uuid;
};

struct ff_opt_bool {
    bool v, is;
};
struct ff_opt_u32 {
    uint32_t v;
    bool is;
};
struct ff_opt_u64 {
    uint64_t v;
    bool is;
};
struct ff_opt_i32 {
    int32_t v;
    bool is;
};
struct ff_opt_i64 {
    int64_t v;
    bool is;
};
struct ff_opt_f64 {
    double v;
    bool is;
};
struct ff_opt_uuid {
    struct ff_uuid v;
    bool is;
};
struct ff_opt_eid {
    struct ff_eid v;
    bool is;
};

/* A present optional, and an absent one: exec.delay_until = FF_SOME(ff_opt_i64, t); */
#define FF_SOME(type, value) ((struct type){ .v = (value), .is = true })
#define FF_NONE(type) ((struct type){ 0 })

struct ff_strs {
    struct ff_str *v;
    uint32_t n;
};
struct ff_uuids {
    struct ff_uuid *v;
    uint32_t n;
};
struct ff_u64s {
    uint64_t *v;
    uint32_t n;
};
struct ff_tag {
    struct ff_str key;
    struct ff_str value; /* value.p == NULL: none (only where a page says so) */
};
struct ff_tags {
    struct ff_tag *v;
    uint32_t n;
};
struct ff_tally {
    struct ff_str key;
    uint64_t value;
};
struct ff_counts {
    struct ff_tally *v;
    uint32_t n;
};

static inline struct ff_str
ff_str(const void *p, size_t n)
{
    return (struct ff_str){ .p = p, .n = (uint32_t) n };
}

/* Of a C string; NULL gives an absent one. */
static inline struct ff_str
ff_cstr(const char *s)
{
    return (struct ff_str){ .p = s, .n = s == NULL ? 0 : (uint32_t) strlen(s) };
}

static inline bool
ff_str_eq(struct ff_str a, struct ff_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
ff_str_is(struct ff_str a, const char *b)
{
    return ff_str_eq(a, ff_cstr(b));
}

/* By bytes, the shorter first where one begins the other: <0, 0, >0. Trees of ids ask all the time:
 * most differ within the first eight bytes, which are one comparison. */
static inline int
ff_str_cmp(struct ff_str a, struct ff_str b)
{
    uint32_t n = a.n < b.n ? a.n : b.n;
    uint64_t first[2] = { 0, 0 };
    int order = 0;

    if (n >= sizeof(first[0])) {
        memcpy(&first[0], a.p, sizeof(first[0]));
        memcpy(&first[1], b.p, sizeof(first[1]));
    }
    if (first[0] != first[1]) {
        return be64toh(first[0]) < be64toh(first[1]) ? -1 : 1;
    }
    order = n == 0 ? 0 : memcmp(a.p, b.p, n);
    if (order != 0) {
        return order;
    }
    return a.n < b.n ? -1 : a.n > b.n;
}

static inline bool
ff_uuid_eq(struct ff_uuid a, struct ff_uuid b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

static inline bool
ff_eid_eq(struct ff_eid a, struct ff_eid b)
{
    return a.partition == b.partition && ff_uuid_eq(a.uuid, b.uuid);
}

/* time + duration, saturating at the largest i64 (01 §1.5). */
static inline int64_t
ff_time_add(int64_t time_ms, uint64_t dur_ms)
{
    int64_t sum_ms = 0;

    if (dur_ms > INT64_MAX || __builtin_add_overflow(time_ms, (int64_t) dur_ms, &sum_ms)) {
        return INT64_MAX;
    }
    return sum_ms;
}

/* Sorts as qsort does, and keeps of what compares equal the first; how many are left. v may be NULL
 * where n is 0. */
uint32_t ff_sort_once(void *v, uint32_t n, size_t size, int (*cmp)(const void *, const void *));

#endif
