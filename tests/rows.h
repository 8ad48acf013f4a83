/* rows.h: tables of rows as cmocka tests, each row under its own name.
 *
 * A row is any struct whose first member is `const char *name`; its test gets it as *state.
 */
#ifndef FF_TESTS_ROWS_H
#define FF_TESTS_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct ff_rows {
    const void *rows;
    size_t n;
    size_t size; /* of one row */
    CMUnitTestFunction test;
};

/* FF_ROWS(rows, test_row) for a static array of rows. */
#define FF_ROWS(rows_, test_)                                                                      \
    {                                                                                              \
        .rows = (rows_), .n = sizeof(rows_) / sizeof((rows_)[0]), .size = sizeof((rows_)[0]),      \
        .test = (test_)                                                                            \
    }

/* Runs every row of every table, and then the single tests; what main returns. FF_TEST='01 ex*' in
 * the environment picks by name. */
static inline int
ff_run_rows(const char *group, const struct ff_rows *tables, size_t n_tables,
            const struct CMUnitTest *singles, size_t n_singles)
{
    size_t n = n_singles;
    size_t at = 0;
    struct CMUnitTest *tests = NULL;
    int failed = 0;

    for (size_t t = 0; t < n_tables; t++) {
        n += tables[t].n;
    }
    tests = calloc(n, sizeof(*tests));
    if (tests == NULL) {
        return 1;
    }
    for (size_t t = 0; t < n_tables; t++) {
        for (size_t i = 0; i < tables[t].n; i++) {
            const char *row = (const char *) tables[t].rows + i * tables[t].size;

            memcpy(&tests[at].name, row, sizeof(tests[at].name));
            tests[at].test_func = tables[t].test;
            tests[at++].initial_state = (void *) (uintptr_t) row;
        }
    }
    for (size_t i = 0; i < n_singles; i++) {
        tests[at++] = singles[i];
    }
    cmocka_set_test_filter(getenv("FF_TEST"));
    failed = _cmocka_run_group_tests(group, tests, n, NULL, NULL);
    free(tests);
    return failed;
}

#endif
