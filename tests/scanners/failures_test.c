#include "tests/rows.h"

#include "scanners/failures.h"

static struct ff_digest
item_of(uint32_t n)
{
    struct ff_digest digest = { { 0 } };

    memcpy(digest.b, &n, sizeof(n));
    return digest;
}

/* What happens in each cycle from the first on: f fails, o succeeds, s must be skipped, - not seen.
 */
static const struct row {
    const char *name;
    const char *cycles;
} rows[] = {
    { "07 ex 10 three failures, ten cycles of back-off, then a try", "fffssssssssssf" },
    { "07 ex 10 two failures, a success, two failures: never skipped", "ffoffo" },
    { "three new tries after a back-off", "fffssssssssssfffssssssssssf" },
    { "a success after the back-off clears it", "fffssssssssssoffo" },
    { "cycles in which it is not seen do not count as failures", "f-f-o-ff-o" },
    { "the third failure need not follow in the next cycle", "f-f--fssssssssssf" },
};

static void
test_row(void **state)
{
    const struct row *row = *state;
    struct ff_digest item = item_of(7);
    struct ff_failures failures;
    uint32_t in_a_row = 0;

    ff_failures_init(&failures);
    for (const char *at = row->cycles; *at != '\0'; at++) {
        if (*at != '-') {
            assert_int_equal(ff_failures_skips(&failures, &item), *at == 's');
        }
        if (*at == 'f') {
            in_a_row++;
            assert_int_equal(ff_failures_failed(&failures, &item), in_a_row % 3 == 0);
        }
        if (*at == 'o') {
            in_a_row = 0;
            ff_failures_succeeded(&failures, &item);
        }
        ff_failures_next_cycle(&failures);
    }
    ff_failures_done(&failures);
}

static void
fail_times(struct ff_failures *failures, uint32_t first, uint32_t n, int times)
{
    for (uint32_t i = first; i < first + n; i++) {
        struct ff_digest item = item_of(i);

        for (int t = 0; t < times; t++) {
            ff_failures_failed(failures, &item);
        }
    }
}

static void
test_pruning(void **state)
{
    struct ff_failures failures;

    (void) state;
    ff_failures_init(&failures);
    while (failures.cycle < 48) {
        ff_failures_next_cycle(&failures);
    }
    fail_times(&failures, 0, 10, 3); /* in back-off */
    fail_times(&failures, 10, 490, 1);
    ff_failures_next_cycle(&failures);
    ff_failures_next_cycle(&failures); /* the 50th, with 500 */
    assert_int_equal(ff_failures_count(&failures), 500);
    while (failures.cycle < 98) {
        ff_failures_next_cycle(&failures);
    }
    fail_times(&failures, 0, 10, 3);
    fail_times(&failures, 500, 1, 1);
    ff_failures_next_cycle(&failures);
    ff_failures_next_cycle(&failures); /* the 100th, with 501 */
    assert_int_equal(ff_failures_count(&failures), 10);
    ff_failures_done(&failures);
}

static void
test_bound(void **state)
{
    struct ff_failures failures;
    struct ff_digest one = item_of(0), beyond = item_of(FF_FAILURES_MAX + 1);

    (void) state;
    ff_failures_init(&failures);
    fail_times(&failures, 0, FF_FAILURES_MAX + 100, 1);
    assert_int_equal(ff_failures_count(&failures), FF_FAILURES_MAX);
    fail_times(&failures, FF_FAILURES_MAX + 1, 1, 3);
    fail_times(&failures, 0, 1, 2);
    ff_failures_next_cycle(&failures);
    assert_true(ff_failures_skips(&failures, &one));
    assert_false(ff_failures_skips(&failures, &beyond));
    ff_failures_done(&failures);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_pruning),
        cmocka_unit_test(test_bound),
    };

    return ff_run_rows("failures", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
