#include "supervisor/restart.h"

#include "supervisor/role.h"
#include "tests/rows.h"

static const struct row {
    const char *name;
    enum ff_restart_policy policy;
    struct ff_child_end end;
    enum ff_restart_what want;
    uint64_t min_ms, max_ms; /* of the wait */
} rows[] = {
    { "permanent: exit 0", FF_RESTART_PERMANENT, { 0, true, 0, true }, FF_RESTART_AGAIN, 0, 0 },
    { "permanent: a crash", FF_RESTART_PERMANENT, { 0, false, 11, true }, FF_RESTART_AGAIN, 0, 0 },
    { "permanent: exit 111 early",
      FF_RESTART_PERMANENT,
      { 0, true, FF_EXIT_RESTART, false },
      FF_RESTART_AGAIN,
      37,
      63 },
    { "permanent: exit 1 early",
      FF_RESTART_PERMANENT,
      { 0, true, FF_EXIT_BOOT, false },
      FF_RESTART_AGAIN,
      37,
      63 },
    { "permanent: exit 100",
      FF_RESTART_PERMANENT,
      { 0, true, FF_EXIT_CONFIG, true },
      FF_RESTART_FAILED,
      0,
      0 },
    { "transient: exit 0", FF_RESTART_TRANSIENT, { 0, true, 0, true }, FF_RESTART_REST, 0, 0 },
    { "transient: exit 111",
      FF_RESTART_TRANSIENT,
      { 0, true, FF_EXIT_RESTART, true },
      FF_RESTART_AGAIN,
      0,
      0 },
    { "transient: a crash", FF_RESTART_TRANSIENT, { 0, false, 9, true }, FF_RESTART_AGAIN, 0, 0 },
    { "transient: exit 100",
      FF_RESTART_TRANSIENT,
      { 0, true, FF_EXIT_CONFIG, true },
      FF_RESTART_FAILED,
      0,
      0 },
    { "temporary: exit 0", FF_RESTART_TEMPORARY, { 0, true, 0, true }, FF_RESTART_REST, 0, 0 },
    { "temporary: a crash", FF_RESTART_TEMPORARY, { 0, false, 9, true }, FF_RESTART_FAILED, 0, 0 },
    { "temporary: exit 1", FF_RESTART_TEMPORARY, { 0, true, 1, false }, FF_RESTART_FAILED, 0, 0 },
};

static const struct ff_restart_limits limits = { 20, 60000 };

static void
test_row(void **state)
{
    const struct row *row = *state;

    for (uint32_t dice = 0; dice < 1000; dice++) {
        struct ff_restarts restarts = { 0 };
        struct ff_restart_verdict verdict =
            ff_restart_judge(&restarts, row->policy, &limits, &row->end, dice * 7919);

        assert_int_equal(verdict.what, row->want);
        assert_in_range(verdict.delay_ms, row->min_ms, row->max_ms);
    }
}

static const struct ff_child_end early = { 0, true, FF_EXIT_RESTART, false };

static void
test_waits_double_up_to_a_limit(void **state)
{
    const struct ff_restart_limits many = { FF_RESTARTS_MAX, 1 };
    const uint64_t middle_ms[] = { 50, 100, 200, 400, 800, 1600, 2000, 2000 };
    struct ff_restarts restarts = { 0 };

    (void) state;
    for (size_t i = 0; i < FF_COUNT(middle_ms); i++) {
        struct ff_restart_verdict verdict =
            ff_restart_judge(&restarts, FF_RESTART_PERMANENT, &many, &early, UINT32_MAX);

        assert_in_range(verdict.delay_ms, middle_ms[i] * 3 / 4, middle_ms[i] * 5 / 4);
    }
}

static void
test_a_healthy_run_ends_the_waiting(void **state)
{
    const struct ff_child_end healthy = { 0, false, 9, true };
    struct ff_restarts restarts = { 0 };

    (void) state;
    for (int i = 0; i < 5; i++) {
        (void) ff_restart_judge(&restarts, FF_RESTART_PERMANENT, &limits, &early, 0);
    }
    assert_int_equal(
        ff_restart_judge(&restarts, FF_RESTART_PERMANENT, &limits, &healthy, 0).delay_ms, 0);
    assert_in_range(ff_restart_judge(&restarts, FF_RESTART_PERMANENT, &limits, &early, 0).delay_ms,
                    1, 63);
}

static enum ff_restart_what
end_at(struct ff_restarts *restarts, const struct ff_restart_limits *with, int64_t now_ms)
{
    const struct ff_child_end end = { now_ms, false, 9, true };

    return ff_restart_judge(restarts, FF_RESTART_PERMANENT, with, &end, 0).what;
}

static void
test_one_more_than_allowed_in_the_window_fails(void **state)
{
    const struct ff_restart_limits three = { 3, 1000 };
    struct ff_restarts restarts = { 0 };

    (void) state;
    assert_int_equal(end_at(&restarts, &three, 0), FF_RESTART_AGAIN);
    assert_int_equal(end_at(&restarts, &three, 10), FF_RESTART_AGAIN);
    assert_int_equal(end_at(&restarts, &three, 20), FF_RESTART_AGAIN);
    assert_int_equal(end_at(&restarts, &three, 999), FF_RESTART_FAILED);
}

static void
test_slower_than_the_window_goes_on_for_ever(void **state)
{
    const struct ff_restart_limits three = { 3, 1000 };
    struct ff_restarts restarts = { 0 };

    (void) state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(end_at(&restarts, &three, i * 334), FF_RESTART_AGAIN);
    }
}

static void
test_no_restart_allowed(void **state)
{
    const struct ff_restart_limits none = { 0, 1000 };
    struct ff_restarts restarts = { 0 };

    (void) state;
    assert_int_equal(end_at(&restarts, &none, 0), FF_RESTART_FAILED);
}

/* A child that can never start is given up within the default window, not tried for ever. */
static void
test_one_that_cannot_start_is_given_up_at_last(void **state)
{
    (void) state;
    for (uint32_t dice = 1; dice < 1000; dice++) {
        struct ff_restarts restarts = { 0 };
        struct ff_child_end end = early;
        uint32_t tries = 0;

        for (; tries < 1000; tries++) {
            struct ff_restart_verdict verdict = ff_restart_judge(&restarts, FF_RESTART_PERMANENT,
                                                                 &limits, &end, dice * 2654435761u);

            if (verdict.what == FF_RESTART_FAILED) {
                break;
            }
            end.now_ms += (int64_t) verdict.delay_ms;
        }
        assert_int_equal(tries, limits.max);
    }
}

int
main(void)
{
    const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_double_up_to_a_limit),
        cmocka_unit_test(test_a_healthy_run_ends_the_waiting),
        cmocka_unit_test(test_one_more_than_allowed_in_the_window_fails),
        cmocka_unit_test(test_slower_than_the_window_goes_on_for_ever),
        cmocka_unit_test(test_no_restart_allowed),
        cmocka_unit_test(test_one_that_cannot_start_is_given_up_at_last),
    };

    return ff_run_rows("restart", tables, 1, tests, sizeof(tests) / sizeof(tests[0]));
}
