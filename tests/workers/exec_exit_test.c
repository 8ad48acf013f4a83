#include "workers/exec_exit.h"

#include <signal.h>

#include "tests/rows.h"

static const struct row {
    const char *name;
    struct ff_exec_end end;
    const char *last_line;
    bool ok;
    enum ff_failure_class class;
    const char *category, *message;
} rows[] = {
    { "0 is success", { false, 0 }, "", true, 0, NULL, "" },
    { "0 is success, whatever it said", { false, 0 }, "a warning", true, 0, NULL, "" },
    { "1", { false, 1 }, "", false, FF_FAILURE_TRANSIENT, "handler_error", "exit status 1" },
    { "2 with a word",
      { false, 2 },
      "no such file",
      false,
      FF_FAILURE_TRANSIENT,
      "handler_error",
      "exit status 2: no such file" },
    { "64 EX_USAGE", { false, 64 }, "", false, FF_FAILURE_PERMANENT, "handler_error", NULL },
    { "65 EX_DATAERR", { false, 65 }, "", false, FF_FAILURE_PERMANENT, "handler_error", NULL },
    { "66 EX_NOINPUT", { false, 66 }, "", false, FF_FAILURE_PERMANENT, "handler_error", NULL },
    { "67 EX_NOUSER", { false, 67 }, "", false, FF_FAILURE_PERMANENT, "handler_error", NULL },
    { "68 EX_NOHOST", { false, 68 }, "", false, FF_FAILURE_PERMANENT, "handler_error", NULL },
    { "69 EX_UNAVAILABLE", { false, 69 }, "", false, FF_FAILURE_TRANSIENT, "handler_error", NULL },
    { "70 EX_SOFTWARE", { false, 70 }, "", false, FF_FAILURE_PERMANENT, "handler_error", NULL },
    { "71 EX_OSERR", { false, 71 }, "", false, FF_FAILURE_TRANSIENT, "handler_error", NULL },
    { "72 EX_OSFILE", { false, 72 }, "", false, FF_FAILURE_PERMANENT, "handler_error", NULL },
    { "73 EX_CANTCREAT", { false, 73 }, "", false, FF_FAILURE_PERMANENT, "handler_error", NULL },
    { "74 EX_IOERR", { false, 74 }, "", false, FF_FAILURE_TRANSIENT, "handler_error", NULL },
    { "75 EX_TEMPFAIL", { false, 75 }, "", false, FF_FAILURE_TRANSIENT, "handler_error", NULL },
    { "76 EX_PROTOCOL", { false, 76 }, "", false, FF_FAILURE_PERMANENT, "handler_error", NULL },
    { "77 EX_NOPERM", { false, 77 }, "", false, FF_FAILURE_PERMANENT, "handler_error", NULL },
    { "78 EX_CONFIG", { false, 78 }, "", false, FF_FAILURE_PERMANENT, "handler_error", NULL },
    { "79 is nobody's", { false, 79 }, "", false, FF_FAILURE_TRANSIENT, "handler_error", NULL },
    { "100", { false, 100 }, "", false, FF_FAILURE_PERMANENT, "handler_error", NULL },
    { "111", { false, 111 }, "", false, FF_FAILURE_TRANSIENT, "handler_error", NULL },
    { "127 of a shell", { false, 127 }, "", false, FF_FAILURE_TRANSIENT, "handler_error", NULL },
    { "255", { false, 255 }, "", false, FF_FAILURE_TRANSIENT, "handler_error", "exit status 255" },
    { "SIGKILL",
      { true, SIGKILL },
      "",
      false,
      FF_FAILURE_INFRA_CRASH,
      "handler_panic",
      "handler panicked: killed by signal 9 (SIGKILL)" },
    { "a signal without name, with a word",
      { true, 64 },
      "oh",
      false,
      FF_FAILURE_INFRA_CRASH,
      "handler_panic",
      "handler panicked: killed by signal 64 (SIG?): oh" },
};

static void
test_row(void **state)
{
    const struct row *row = *state;
    struct ff_exec_verdict verdict;

    ff_exec_judge(row->end, row->last_line, &verdict);
    assert_int_equal(verdict.ok, row->ok);
    if (!row->ok) {
        assert_int_equal(verdict.class, row->class);
        assert_string_equal(verdict.category, row->category);
    }
    if (row->message != NULL) {
        assert_string_equal(verdict.message, row->message);
    }
}

static void
test_a_long_word_is_cut(void **state)
{
    static char line[4096];
    struct ff_exec_verdict verdict;

    (void) state;
    memset(line, 'x', sizeof(line) - 1);
    ff_exec_judge((struct ff_exec_end){ false, 1 }, line, &verdict);
    assert_int_equal(strlen(verdict.message), sizeof(verdict.message) - 1);
}

int
main(void)
{
    const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };
    const struct CMUnitTest singles[] = { cmocka_unit_test(test_a_long_word_is_cut) };

    return ff_run_rows("exec_exit", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
