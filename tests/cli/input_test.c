#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/rows.h"

/* ---- lines through a pipe, which never holds more than a part of a long one ---- */
static const struct line_row {
    const char *name;
    const char *text;
    const char *want[4]; /* NULL: the end */
} line_rows[] = {
    { "two lines", "a\nbc\n", { "a", "bc" } },
    { "the last without a newline", "a\nb", { "a", "b" } },
    { "empty lines are lines", "\n\nx\n", { "", "", "x" } },
    { "nothing", "", { NULL } },
};

static int
pipe_of(const char *text, size_t n)
{
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], text, n), n);
    close(fds[1]);
    return fds[0];
}

static void
test_lines(void **state)
{
    const struct line_row *row = *state;
    struct ff_cli_lines lines = { .fd = pipe_of(row->text, strlen(row->text)) };
    int fd = lines.fd;
    struct ff_str line;
    size_t i = 0;

    for (; row->want[i] != NULL; i++) {
        assert_int_equal(ff_cli_next_line(&lines, &line), FF_CLI_LINE);
        assert_true(ff_str_is(line, row->want[i]));
    }
    assert_int_equal(ff_cli_next_line(&lines, &line), FF_CLI_LINE_END);
    assert_int_equal(ff_cli_next_line(&lines, &line), FF_CLI_LINE_END);
    ff_cli_lines_done(&lines);
    close(fd);
}

/* A file of one line of n bytes and a short one. */
static int
file_with_line(size_t n)
{
    char name[] = "/tmp/ff_input_test_XXXXXX";
    int fd = mkstemp(name);

    assert_true(fd >= 0);
    unlink(name);
    assert_int_equal(ftruncate(fd, (off_t) n), 0); /* zero bytes are bytes like others */
    assert_int_equal(pwrite(fd, "\nnext\n", 6, (off_t) n), 6);
    return fd;
}

static void
test_the_longest_line_is_given_whole(void **state)
{
    struct ff_cli_lines lines = { .fd = file_with_line(FF_CLI_LINE_BYTES_MAX) };
    int fd = lines.fd;
    struct ff_str line;

    (void) state;
    assert_int_equal(ff_cli_next_line(&lines, &line), FF_CLI_LINE);
    assert_int_equal(line.n, FF_CLI_LINE_BYTES_MAX);
    assert_int_equal(ff_cli_next_line(&lines, &line), FF_CLI_LINE);
    assert_true(ff_str_is(line, "next"));
    ff_cli_lines_done(&lines);
    close(fd);
}

static void
test_a_longer_line_is_skipped_as_a_whole(void **state)
{
    struct ff_cli_lines lines = { .fd = file_with_line((size_t) FF_CLI_LINE_BYTES_MAX * 3 + 7) };
    int fd = lines.fd;
    struct ff_str line;

    (void) state;
    assert_int_equal(ff_cli_next_line(&lines, &line), FF_CLI_LINE_TOO_LONG);
    assert_true(lines.room <= 4 * (size_t) FF_CLI_LINE_BYTES_MAX); /* not as much as came */
    assert_int_equal(ff_cli_next_line(&lines, &line), FF_CLI_LINE);
    assert_true(ff_str_is(line, "next"));
    assert_int_equal(ff_cli_next_line(&lines, &line), FF_CLI_LINE_END);
    ff_cli_lines_done(&lines);
    close(fd);
}

static void
test_a_line_is_given_before_the_next_one_comes(void **state)
{
    int fds[2];
    struct ff_cli_lines lines = { 0 };
    struct ff_str line;

    (void) state;
    assert_int_equal(pipe(fds), 0);
    lines.fd = fds[0];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(write(fds[1], "x\n", 2), 2);
        assert_int_equal(ff_cli_next_line(&lines, &line), FF_CLI_LINE); /* else it waits for ever */
        assert_true(ff_str_is(line, "x"));
    }
    ff_cli_lines_done(&lines);
    close(fds[0]);
    close(fds[1]);
}

static void
test_a_descriptor_that_cannot_be_read_is_told(void **state)
{
    struct ff_cli_lines lines = { .fd = open("/", O_RDONLY | O_DIRECTORY) };
    int fd = lines.fd;
    struct ff_str line;

    (void) state;
    assert_int_equal(ff_cli_next_line(&lines, &line), FF_CLI_LINE_FAILED);
    assert_int_equal(errno, EISDIR);
    ff_cli_lines_done(&lines);
    close(fd);
}

/* ---- files ---- */

static void
test_a_file_is_read_up_to_its_limit(void **state)
{
    char name[] = "/tmp/ff_input_test_XXXXXX";
    int fd = mkstemp(name);
    struct ff_str text = { 0 };

    (void) state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a\0b", 3), 3);
    assert_true(ff_cli_read_file(name, 3, &text));
    assert_int_equal(text.n, 3);
    assert_memory_equal(text.p, "a\0b", 3);
    free((char *) (uintptr_t) text.p);
    assert_false(ff_cli_read_file(name, 2, &text));
    assert_int_equal(errno, EFBIG);
    unlink(name);
    close(fd);
    assert_false(ff_cli_read_file(name, 3, &text));
    assert_int_equal(errno, ENOENT);
}

static void
test_an_empty_file_is_empty_not_absent(void **state)
{
    struct ff_str text = { 0 };

    (void) state;
    assert_true(ff_cli_read_file("/dev/null", 3, &text));
    assert_non_null(text.p);
    assert_int_equal(text.n, 0);
    free((char *) (uintptr_t) text.p);
}

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(line_rows, test_lines) };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_the_longest_line_is_given_whole),
        cmocka_unit_test(test_a_longer_line_is_skipped_as_a_whole),
        cmocka_unit_test(test_a_line_is_given_before_the_next_one_comes),
        cmocka_unit_test(test_a_descriptor_that_cannot_be_read_is_told),
        cmocka_unit_test(test_a_file_is_read_up_to_its_limit),
        cmocka_unit_test(test_an_empty_file_is_empty_not_absent),
    };

    return ff_run_rows("cli input", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
