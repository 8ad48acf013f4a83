/* The workers of examples/: in C, as a plugin, and in Python without any library. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/process/hosts.h"

static const char sections[] =
    "worker \"shouters\" { handler \"shout\" { plugin = '" FF_TEST_EXAMPLE_PLUGIN "' } }\n";

/* argv[0]: the program. */
static pid_t
start(const struct ff_hosts *hosts, char *const argv[])
{
    char dir[96];
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        snprintf(dir, sizeof(dir), "%s/run", hosts->broker.dir);
        setenv("FF_RUNTIME_DIR", dir, 1);
        execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}

static int
stop(pid_t pid)
{
    int status = 0;

    assert_int_equal(kill(pid, SIGTERM), 0);
    while (waitpid(pid, &status, 0) < 0) {
        assert_int_equal(errno, EINTR);
    }
    return status;
}

static void
expect_shouting(struct ff_hosts *hosts)
{
    struct ff_eid ids[20];
    char text[32];

    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof(text), "hello, world %d", i);
        ids[i] = ff_hosts_submit(hosts, "shout", text, NULL);
    }
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof(text), "HELLO, WORLD %d", i);
        ff_hosts_await(hosts, ids[i], "completed");
        ff_hosts_expect_result(hosts, ids[i], text);
    }
}

static void
test_worker_in_c(void **state)
{
    struct ff_hosts *hosts = *state;
    char program[] = FF_TEST_EXAMPLE_WORKER;
    char *argv[] = { program, NULL };
    pid_t pid = 0;

    ff_hosts_start(hosts, "");
    pid = start(hosts, argv);
    expect_shouting(hosts);
    assert_int_equal(stop(pid), 0);
}

static void
test_worker_in_python(void **state)
{
    struct ff_hosts *hosts = *state;
    char python[] = "/usr/bin/python3", script[] = FF_TEST_EXAMPLES "/worker.py", socket[96];
    char *argv[] = { python, script, socket, NULL };
    struct ff_eid id = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    pid_t pid = 0;

    if (access(python, X_OK) != 0) {
        print_message("skipped: there is no %s\n", python);
        skip();
    }
    ff_hosts_start(hosts, "");
    snprintf(socket, sizeof(socket), "%s/run/worker.sock", hosts->broker.dir);
    pid = start(hosts, argv);
    expect_shouting(hosts);
    id = ff_hosts_submit(hosts, "whisper", NULL, NULL);
    ff_hosts_await(hosts, id, "failed");
    assert_true(
        ff_str_is(ff_hosts_attempt(hosts, id, 0, &answer)->failure_category, "runtime_no_handler"));
    assert_true(WIFSIGNALED(stop(pid))); /* it has nothing to put in order */
}

static void
test_plugin(void **state)
{
    struct ff_hosts *hosts = *state;

    ff_hosts_start(hosts, sections);
    ff_hosts_start_one(hosts, 0, "shouters");
    expect_shouting(hosts);
    ff_daemon_stop(&hosts->host[0]);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, ff_hosts_setup, ff_hosts_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_worker_in_c),
        TEST(test_worker_in_python),
        TEST(test_plugin),
    };

    return ff_run_rows("examples", NULL, 0, tests, FF_COUNT(tests));
}
