#include "backends/clock.h"

#include "core/base.h"
#include "tests/rows.h"

#define S INT64_C(1000000)
#define DAY_MS INT64_C(1700000000000)

static void
test_server_time_goes_on_with_the_monotonic_clock(void **state)
{
    struct ff_server_clock clock = { .known = false };

    (void) state;
    ff_server_clock_measured(&clock, 100 * S, 100 * S, DAY_MS);
    assert_true(clock.known);
    assert_int_equal(ff_server_clock_ms(&clock, 100 * S), DAY_MS);
    assert_int_equal(ff_server_clock_ms(&clock, 160 * S), DAY_MS + 60000);
}

static void
test_a_slow_answer_says_less_than_a_fast_one(void **state)
{
    struct ff_server_clock clock = { .known = false };

    (void) state;
    ff_server_clock_measured(&clock, 100 * S, 100 * S + 1000, DAY_MS);
    ff_server_clock_measured(&clock, 101 * S, 101 * S + 400000, DAY_MS + 1010);
    assert_in_range(ff_server_clock_ms(&clock, 102 * S), DAY_MS + 1998, DAY_MS + 2001);
}

static void
test_a_fast_answer_after_a_slow_one_counts(void **state)
{
    struct ff_server_clock clock = { .known = false };

    (void) state;
    ff_server_clock_measured(&clock, 100 * S, 100 * S + 400000, DAY_MS + 10);
    ff_server_clock_measured(&clock, 101 * S, 101 * S + 1000, DAY_MS + 1000);
    assert_in_range(ff_server_clock_ms(&clock, 102 * S), DAY_MS + 1998, DAY_MS + 2001);
}

static void
test_a_server_whose_clock_is_set_is_followed(void **state)
{
    struct ff_server_clock clock = { .known = false };

    (void) state;
    ff_server_clock_measured(&clock, 100 * S, 100 * S + 1000, DAY_MS);
    ff_server_clock_measured(&clock, 101 * S, 101 * S + 400000, DAY_MS + 3600000);
    assert_in_range(ff_server_clock_ms(&clock, 101 * S + 400000), DAY_MS + 3600000,
                    DAY_MS + 3600401);
}

static void
test_what_is_known_grows_old(void **state)
{
    struct ff_server_clock clock = { .known = false };

    (void) state;
    ff_server_clock_measured(&clock, 100 * S, 100 * S, DAY_MS);
    ff_server_clock_measured(&clock, 1100 * S, 1100 * S + 100000, DAY_MS + 1000070);
    assert_int_equal(clock.at_us, 1100 * S + 100000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server_time_goes_on_with_the_monotonic_clock),
        cmocka_unit_test(test_a_slow_answer_says_less_than_a_fast_one),
        cmocka_unit_test(test_a_fast_answer_after_a_slow_one_counts),
        cmocka_unit_test(test_a_server_whose_clock_is_set_is_followed),
        cmocka_unit_test(test_what_is_known_grows_old),
    };

    return ff_run_rows("clock", NULL, 0, tests, FF_COUNT(tests));
}
