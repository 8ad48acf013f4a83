/* fanout_test.c: budgets and the registry on a whole daemon: the example of examples/fanout_main.c,
 * ffctl, and a registered worker that is killed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/process/calls.h"
#include "tests/process/daemon.h"

/* Runs a program to its end; its output, and its status in *status. */
static const char *
run(const char *line, int *status)
{
    static char output[8192];
    FILE *pipe = popen(line, "r");
    size_t n = 0;

    assert_non_null(pipe);
    n = fread(output, 1, sizeof(output) - 1, pipe);
    output[n] = '\0';
    *status = pclose(pipe);
    assert_true(WIFEXITED(*status));
    *status = WEXITSTATUS(*status);
    return output;
}

static void
test_a_fanout_stops_at_its_budget_and_goes_on(void **state)
{
    struct ff_daemon *daemon = *state;
    char line[512];
    const char *output = NULL;
    int status = 0;

    ff_daemon_start(daemon, NULL);
    snprintf(line, sizeof(line), FF_TEST_FANOUT " %s 2>&1", daemon->operator);
    output = run(line, &status);
    if (status != 0) {
        fail_msg("%s", output);
    }
    assert_non_null(strstr(output, "stopped at 1000/1000 tokens: 4 of 12 answered"));
    assert_non_null(strstr(output, "stopped at 1000/1000 tokens: 8 of 12 answered"));
    assert_non_null(strstr(output, "12 of 12 answered after 2 resets"));
    ff_daemon_stop(daemon);
}

/* ---- ffctl ---- */

static const char *
ffctl(const struct ff_daemon *daemon, const char *args, int want)
{
    char line[512];
    const char *output = NULL;
    int status = 0;

    snprintf(line, sizeof(line), FF_TEST_FFCTL " --socket %s/run %s 2>&1", daemon->dir, args);
    output = run(line, &status);
    if (status != want) {
        fail_msg("ffctl %s: status %d, %s", args, status, output);
    }
    return output;
}

#define BUDGET "b0000000-0000-4000-8000-000000000001"
#define QUOTA "c0000000-0000-4000-8000-000000000001"
#define EXECUTION "'{fp:1}:00000000-0000-4000-8000-00000000000%d'"

static void
test_ffctl_budget(void **state)
{
    struct ff_daemon *daemon = *state;

    ff_daemon_start(daemon, NULL);
    assert_string_equal(
        ffctl(daemon,
              "budget create " BUDGET " --hard tokens=100 --soft tokens=50 --scope tenant:a", 0),
        BUDGET "\n");
    assert_non_null(strstr(ffctl(daemon, "budget create " BUDGET, 0), "stays as it is"));
    assert_string_equal(ffctl(daemon, "budget spend " BUDGET " tokens=60 --key k", 0),
                        "soft_breach: tokens 60/50\n");
    assert_string_equal(ffctl(daemon, "budget spend " BUDGET " tokens=60 --key k", 0),
                        "already_applied\n");
    assert_string_equal(ffctl(daemon, "budget spend " BUDGET " tokens=41", 1),
                        "hard_breach: tokens 60/100; nothing was applied\n");
    assert_string_equal(ffctl(daemon, "budget usage " BUDGET, 0),
                        "DIMENSION  USED  SOFT  HARD\ntokens     60    50    100\n");
    assert_non_null(strstr(ffctl(daemon, "budget show " BUDGET, 0), "tenant:a"));
    assert_non_null(
        strstr(ffctl(daemon, "--json budget show " BUDGET, 0), "\"usage\":{\"tokens\":60}"));
    assert_string_equal(ffctl(daemon, "budget reset " BUDGET, 0), "reset\n");
    assert_non_null(strstr(ffctl(daemon, "budget usage " BUDGET, 0), "tokens     0 "));
    ffctl(daemon, "budget show " QUOTA, 1);
    ffctl(daemon, "budget show", 2);
    ffctl(daemon, "budget", 2);
    ffctl(daemon, "budget spend " BUDGET " tokens", 2);
    ffctl(daemon, "budget show nonsense", 2);
    ffctl(daemon, "budget eat " BUDGET, 2);
    ff_daemon_stop(daemon);
}

static void
test_ffctl_quota_and_lane(void **state)
{
    struct ff_daemon *daemon = *state;
    char check[128];

    ff_daemon_start(daemon, NULL);
    assert_string_equal(
        ffctl(daemon, "quota create " QUOTA " --rate 1 --window 1h --concurrent 5", 0), QUOTA "\n");
    assert_non_null(strstr(ffctl(daemon, "quota show " QUOTA, 0), "3600 s"));
    snprintf(check, sizeof(check), "quota check " QUOTA " " EXECUTION, 1);
    assert_string_equal(ffctl(daemon, check, 0), "admitted\n");
    assert_string_equal(ffctl(daemon, check, 0), "already_admitted\n");
    snprintf(check, sizeof(check), "quota check " QUOTA " " EXECUTION, 2);
    assert_non_null(strstr(ffctl(daemon, check, 1), "rate_exceeded: again in "));
    snprintf(check, sizeof(check), "quota release " QUOTA " " EXECUTION, 1);
    assert_string_equal(ffctl(daemon, check, 0), "released\n");
    snprintf(check, sizeof(check), "quota check " QUOTA " " EXECUTION, 2);
    assert_string_equal(ffctl(daemon, check, 0), "admitted\n");
    ffctl(daemon, "quota show " BUDGET, 1);
    ffctl(daemon, "quota create --window 1500ms", 2);

    assert_string_equal(ffctl(daemon, "lane pause default", 0),
                        "default is paused; it was active\n");
    assert_string_equal(ffctl(daemon, "lane ls", 0), "LANE     STATE\ndefault  paused\n");
    assert_string_equal(ffctl(daemon, "lane resume default", 0),
                        "default is active; it was paused\n");
    assert_string_equal(ffctl(daemon, "lane drain new", 0), "new is draining; it was active\n");
    assert_string_equal(ffctl(daemon, "lane disable new", 0), "new is disabled; it was draining\n");
    ffctl(daemon, "lane pause", 2);
    ff_daemon_stop(daemon);
}

/* ---- a worker that goes ---- */

static void
enlist(struct ff_client *client, const char *instance)
{
    struct ff_str lane = ff_cstr(FF_TEST_LANE);
    const struct ff_register_worker_args args = {
        .worker_id = ff_cstr("test"),
        .worker_instance_id = ff_cstr(instance),
        .lanes = { .v = &lane, .n = 1 },
        .liveness_ttl_ms = 600000,
        .namespace = ff_cstr("test"),
    };
    struct ff_register_worker_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_register_worker(client, &args, &result, &answer), FF_E_OK);
}

/* Its channel closes; a claim that waits for its work is answered once its grace is over, and from
 * then on it is in no list. */
static void
test_a_lost_worker_leaves_the_registry(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client_options options = { .address = daemon->worker,
                                         .worker_instance_id = "w-lost",
                                         .namespace = "test" };
    struct ff_claim_args claim = ff_test_claim_args("w-lost", 600000, 0);
    struct ff_claim_args other = ff_test_claim_args("w-next", 600000, 30000);
    struct ff_client *lost = NULL, *client = NULL;
    struct ff_fault fault = { 0 };
    struct ff_pending pending;
    FF_SCOPED(ff_answer) answer = { 0 };

    ff_daemon_start(daemon, "disconnect_grace_ms = 50");
    assert_int_equal(ff_client_open(&options, &lost, &fault), FF_E_OK);
    client = ff_test_client(daemon->worker, NULL);
    enlist(lost, "w-lost");
    assert_non_null(strstr(ffctl(daemon, "workers", 0), "w-lost"));
    ff_test_create(client);
    (void) ff_test_claim(lost, &claim, &answer);
    ff_pending_start(&pending, client, FF_OP_claim, &other);
    ff_client_close(lost);
    assert_int_equal(ff_pending_await(&pending), FF_E_OK); /* its lease was handed on */
    ff_pending_done(&pending);
    assert_null(strstr(ffctl(daemon, "workers", 0), "w-lost"));
    ff_client_close(client);
    ff_daemon_stop(daemon);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_fanout_stops_at_its_budget_and_goes_on,
                                        ff_daemon_setup_tree, ff_daemon_teardown),
        cmocka_unit_test_setup_teardown(test_ffctl_budget, ff_daemon_setup, ff_daemon_teardown),
        cmocka_unit_test_setup_teardown(test_ffctl_quota_and_lane, ff_daemon_setup,
                                        ff_daemon_teardown),
        cmocka_unit_test_setup_teardown(test_a_lost_worker_leaves_the_registry, ff_daemon_setup,
                                        ff_daemon_teardown),
    };

    return ff_run_rows("budget", NULL, 0, tests, FF_COUNT(tests));
}
