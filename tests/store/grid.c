#include "tests/store/grid.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/rig/pg_server.h"
#include "tests/store/bed.h"

static int
open_bed(void **state)
{
    const struct ff_bed_kind *kind = *state;
    struct ff_bed *bed = calloc(1, sizeof(*bed));
    struct ff_fault fault = { 0 };

    assert_non_null(bed);
    if (strcmp(kind->kind, "postgres") == 0 && !ff_pg_there()) {
        free(bed);
        *state = NULL;
        skip();
    }
    ff_bed_init(bed, kind->kind, kind->options);
    *state = bed;
    return ff_bed_open(bed, &fault) == FF_E_OK ? 0 : -1;
}

static int
close_bed(void **state)
{
    ff_bed_done(*state);
    free(*state);
    return 0;
}

void
ff_bed_grid(const struct ff_bed_kind *kinds, size_t n_kinds, const struct ff_bed_test *tests,
            size_t n_tests, struct CMUnitTest *out)
{
    for (size_t i = 0; i < n_kinds * n_tests; i++) {
        const struct ff_bed_kind *kind = &kinds[i / n_tests];
        const struct ff_bed_test *test = &tests[i % n_tests];
        char *name = NULL; /* kept: the runner reads it to the end */

        assert_true(asprintf(&name, "%s: %s", kind->name, test->name) > 0);
        out[i] = (struct CMUnitTest){ .name = name,
                                      .test_func = test->run,
                                      .setup_func = open_bed,
                                      .teardown_func = close_bed,
                                      .initial_state = (void *) (uintptr_t) kind };
    }
}
