/* demo_test.c: `make demo` as people start it: in a pipe, on a terminal, wrongly, interrupted. */
#include <errno.h>
#include <ftw.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base.h"
#include "tests/rows.h"

struct demo {
    char dir[32]; /* its TMPDIR */
    char out[1 << 20];
    size_t n;
    int fd; /* its output */
    pid_t pid;
};

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void) st;
    (void) flag;
    (void) ftw;
    return remove(path);
}

static int
setup(void **state)
{
    struct demo *demo = calloc(1, sizeof(*demo));

    assert_non_null(demo);
    strcpy(demo->dir, "/tmp/ff-demo-test.XXXXXX");
    assert_non_null(mkdtemp(demo->dir));
    *state = demo;
    return 0;
}

static int
teardown(void **state)
{
    struct demo *demo = *state;

    if (demo->pid > 0) {
        kill(demo->pid, SIGKILL);
        waitpid(demo->pid, NULL, 0);
    }
    nftw(demo->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(demo);
    return 0;
}

static void
run(const struct demo *demo, const char *pattern)
{
    setenv("TMPDIR", demo->dir, 1);
    setenv("TERM", "xterm", 1);
    unsetenv("CI");
    execl(FF_TEST_DEMO, "ff-demo", pattern, (char *) NULL);
    _exit(127);
}

static void
start(struct demo *demo, const char *pattern)
{
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    demo->pid = fork();
    assert_true(demo->pid >= 0);
    if (demo->pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        run(demo, pattern);
    }
    close(fds[1]);
    demo->fd = fds[0];
}

static void
start_on_terminal(struct demo *demo)
{
    const struct winsize size = { .ws_row = 40, .ws_col = 60 };

    demo->pid = forkpty(&demo->fd, NULL, NULL, &size);
    assert_true(demo->pid >= 0);
    if (demo->pid == 0) {
        run(demo, NULL);
    }
}

/* Reads until this text, or with NULL until the end; fails the test where it does not come. */
static void
read_until(struct demo *demo, const char *text)
{
    while (text == NULL || strstr(demo->out, text) == NULL) {
        ssize_t n = read(demo->fd, demo->out + demo->n, sizeof(demo->out) - 1 - demo->n);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) { /* of a terminal whose other side is gone: EIO */
            if (text != NULL) {
                fail_msg("'%s' is not in: %s", text, demo->out);
            }
            return;
        }
        demo->n += (size_t) n;
        assert_true(demo->n < sizeof(demo->out) - 1);
    }
}

static int
end(struct demo *demo)
{
    int status = 0;

    read_until(demo, NULL);
    close(demo->fd);
    assert_int_equal(waitpid(demo->pid, &status, 0), demo->pid);
    demo->pid = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(rmdir(demo->dir), 0); /* nothing lies about */
    return WEXITSTATUS(status);
}

/* cmocka would cut it. */
static void
complain(const struct demo *demo, const char *what)
{
    fprintf(stderr, "%s\n", demo->out);
    fail_msg("%s", what);
}

static void
expect(const struct demo *demo, const char *text)
{
    if (strstr(demo->out, text) == NULL) {
        fprintf(stderr, "'%s' is not there\n", text);
        complain(demo, "something is not told");
    }
}

/* ---- whole ---- */

static const char *const always[] = {
    "kill -9 of ",
    "a worker host",
    "the broker",
    "a signal under a forged token is refused: invalid_token",
    "a signed signal",
    "attempts that succeeded",
    "Every member finished exactly once, with the right result.",
};

static void
test_in_a_pipe(void **state)
{
    struct demo *demo = *state;

    start(demo, NULL);
    if (end(demo) != 0) {
        complain(demo, "it failed");
    }
    for (size_t i = 0; i < FF_COUNT(always); i++) {
        expect(demo, always[i]);
    }
    expect(demo, "approval  suspended");
    expect(demo, "report    completed");
    assert_null(strchr(demo->out, '\033'));
}

static void
test_on_a_terminal(void **state)
{
    struct demo *demo = *state;
    const char *at = NULL;

    start_on_terminal(demo);
    if (end(demo) != 0) {
        complain(demo, "it failed");
    }
    for (size_t i = 0; i < FF_COUNT(always); i++) {
        expect(demo, always[i]);
    }
    expect(demo, "\033[5A\r  digest"); /* drawn again in its place */
    at = strstr(demo->out, "words      [");
    assert_non_null(at);
    while (*at != '\033' && *at != '\n') {
        at--; /* the line begins behind either */
    }
    assert_true(strcspn(at + 1, "\033") < 60); /* a longer one would wrap */
}

/* ---- the end ---- */

static void
test_interrupt(void **state)
{
    struct demo *demo = *state;
    const char *at = NULL;
    pid_t daemon = 0;

    start(demo, NULL);
    read_until(demo, "digest    [");
    at = strstr(demo->out, "flowfabricd               process ");
    assert_non_null(at);
    daemon = (pid_t) strtol(strstr(at, "process ") + strlen("process "), NULL, 10);
    assert_true(daemon > 1 && kill(daemon, 0) == 0);
    assert_int_equal(kill(demo->pid, SIGINT), 0);
    assert_int_equal(end(demo), 130);
    assert_true(kill(daemon, 0) != 0 && errno == ESRCH);
}

static void
test_reader_goes_away(void **state)
{
    struct demo *demo = *state;
    int status = 0;

    start(demo, NULL);
    read_until(demo, "digest    [");
    close(demo->fd);
    assert_int_equal(waitpid(demo->pid, &status, 0), demo->pid);
    demo->pid = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_int_equal(rmdir(demo->dir), 0);
}

/* ---- wrong ---- */

static const struct row {
    const char *name, *argument, *says;
} rows[] = {
    { "a pattern that finds nothing", "/nowhere/*", "'/nowhere/*' finds no file" },
    { "a folder is no file", "/usr", "no file to work on" },
    { "an option that there is not", "--nonsense", "unrecognized option" },
};

static void
test_row(void **state)
{
    const struct row *row = *state;
    struct demo *demo = NULL;
    void *own = NULL;

    setup(&own);
    demo = own;
    start(demo, row->argument);
    assert_int_equal(end(demo), 2);
    expect(demo, row->says);
    teardown(&own);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
    const struct ff_rows tables[] = { FF_ROWS(rows, test_row) };
    const struct CMUnitTest singles[] = { TEST(test_in_a_pipe), TEST(test_on_a_terminal),
                                          TEST(test_interrupt), TEST(test_reader_goes_away) };

    return ff_run_rows("demo", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
