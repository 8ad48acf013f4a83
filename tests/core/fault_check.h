/* fault_check.h: what a test says about a fault. */
#ifndef FF_TESTS_CORE_FAULT_CHECK_H
#define FF_TESTS_CORE_FAULT_CHECK_H

#include <string.h>

#include "core/fault.h"
#include "tests/rows.h"

/* The detail of this key; fails the test where there is none. */
static inline const struct ff_datum *
fault_detail(const struct ff_fault *fault, const char *key)
{
    for (uint32_t i = 0; i < fault->n; i++) {
        if (strcmp(fault->detail[i].key, key) == 0) {
            return &fault->detail[i];
        }
    }
    fail_msg("no detail %s", key);
    return NULL;
}

static inline void
assert_detail_str(const struct ff_fault *fault, const char *key, const char *want)
{
    const struct ff_datum *datum = fault_detail(fault, key);

    assert_int_equal(datum->type, FF_D_STR);
    assert_int_equal(datum->v.str.n, strlen(want));
    assert_memory_equal(datum->v.str.p, want, datum->v.str.n);
}

static inline void
assert_detail_u64(const struct ff_fault *fault, const char *key, uint64_t want)
{
    const struct ff_datum *datum = fault_detail(fault, key);

    assert_int_equal(datum->type, FF_D_U64);
    assert_int_equal(datum->v.u64, want);
}

/* want NULL: the call must have succeeded; else invalid_input with this reason, for field "f". */
static inline void
assert_input_reason(ff_err err, const struct ff_fault *fault, const char *want)
{
    if (want == NULL) {
        assert_int_equal(err, FF_E_OK);
        return;
    }
    assert_int_equal(err, FF_E_INVALID_INPUT);
    assert_int_equal(fault->code, FF_E_INVALID_INPUT);
    assert_detail_str(fault, "field", "f");
    assert_detail_str(fault, "reason", want);
}

#endif
