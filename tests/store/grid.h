/* grid.h: each test of a suite once for each kind of store. */
#ifndef FF_TESTS_STORE_GRID_H
#define FF_TESTS_STORE_GRID_H

#include "tests/rows.h"

struct ff_bed_kind {
    const char *name, *kind, *options; /* kind, options: as of ff_bed_init */
};

struct ff_bed_test {
    const char *name;
    CMUnitTestFunction run; /* its state is an open struct ff_bed */
};

/* Fills n_kinds * n_tests places, each named after its kind and test. */
void ff_bed_grid(const struct ff_bed_kind *kinds, size_t n_kinds, const struct ff_bed_test *tests,
                 size_t n_tests, struct CMUnitTest *out);

#endif
