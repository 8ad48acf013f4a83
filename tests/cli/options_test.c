#include "cli/cli.h"

#include "tests/rows.h"

/* ---- durations ---- */
static const struct duration_row {
    const char *name;
    const char *text;
    bool want;
    uint64_t want_ms;
} durations[] = {
    { "a bare number is seconds", "5", true, 5000 },
    { "milliseconds", "250ms", true, 250 },
    { "seconds", "10s", true, 10000 },
    { "minutes", "3m", true, 180000 },
    { "hours", "2h", true, 7200000 },
    { "days", "1d", true, 86400000 },
    { "none at all", "0", true, 0 },
    { "the longest", "9007199254740991ms", true, 9007199254740991u },
    { "one too long", "9007199254740992ms", false, 0 },
    { "one that overflows in milliseconds", "9007199254741s", false, 0 },
    { "one that overflows the parser", "99999999999999999999", false, 0 },
    { "nothing", "", false, 0 },
    { "a sign", "-1s", false, 0 },
    { "a plus", "+1s", false, 0 },
    { "a blank in front", " 1s", false, 0 },
    { "a blank behind", "1s ", false, 0 },
    { "an unknown unit", "1w", false, 0 },
    { "a fraction", "1.5s", false, 0 },
};

static void
test_duration(void **state)
{
    const struct duration_row *row = *state;
    uint64_t ms = 77;

    assert_int_equal(ff_cli_parse_duration(row->text, &ms), row->want);
    assert_int_equal(ms, row->want ? row->want_ms : 77);
}

/* ---- numbers ---- */
static const struct number_row {
    const char *name;
    const char *text;
    bool want;
    int64_t want_value;
} numbers[] = {
    { "a number", "12", true, 12 },
    { "a negative one", "-3", true, -3 },
    { "the highest", "20", true, 20 },
    { "one above", "21", false, 0 },
    { "the lowest", "-5", true, -5 },
    { "one below", "-6", false, 0 },
    { "no digits", "-", false, 0 },
    { "empty", "", false, 0 },
    { "digits and more", "1x", false, 0 },
    { "a blank in front of it", " 1", false, 0 },
    { "beyond 64 bits", "99999999999999999999", false, 0 },
};

static void
test_number(void **state)
{
    const struct number_row *row = *state;
    int64_t value = 77;

    assert_int_equal(ff_cli_parse_number(row->text, -5, 20, &value), row->want);
    assert_int_equal(value, row->want ? row->want_value : 77);
}

/* ---- which socket ---- */

/* 00 §6, in full. */
static const char *const control_ops[] = {
    "tree",       "status",   "restart_child", "stop_child",  "start_child",
    "scale_host", "drain",    "pause_lane",    "resume_lane", "drain_lane",
    "reload",     "shutdown", "set_log_level", "run_scanner", "scanner_stats",
};

static void
test_only_the_supervisors_operations_go_to_the_control_socket(void **state)
{
    uint32_t n = 0;

    (void) state;
    for (int op = 0; op < FF_OP_N; op++) {
        n += ff_cli_where_of(&ff_ops[op]) == FF_CLI_CONTROL;
    }
    assert_int_equal(n, FF_COUNT(control_ops));
    for (size_t i = 0; i < FF_COUNT(control_ops); i++) {
        const struct ff_op_info *info = ff_op_find(ff_cstr(control_ops[i]));

        assert_non_null(info);
        assert_int_equal(ff_cli_where_of(info), FF_CLI_CONTROL);
    }
    assert_int_equal(ff_cli_where_of(NULL), FF_CLI_BROKER); /* it says that it does not know it */
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(durations, test_duration),
                                             FF_ROWS(numbers, test_number) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_only_the_supervisors_operations_go_to_the_control_socket),
    };

    return ff_run_rows("cli options", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
