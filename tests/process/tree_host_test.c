/* tree_host_test.c: worker hosts in the tree: how many there are, and what becomes of their work
 * when their processes end. Leases are long here: what is taken over is so because the supervisor
 * told the broker.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/id.h"
#include "tests/process/calls.h"
#include "tests/process/tree.h"

/* A minute: longer than any test. */
#define CAT                                                                                        \
    "restart_max = 100\n"                                                                          \
    "worker \"cats\" {\n  count = %u\n  lease_ttl_ms = 60000\n"                                    \
    "  handler \"test\" { exec = {\"/bin/cat\"} }\n}\n"

static const char *
cats(unsigned n)
{
    static char text[256];

    snprintf(text, sizeof(text), CAT, n);
    return text;
}

static ff_err
scale(struct ff_client *control, const char *name, uint32_t count)
{
    const struct ff_scale_host_args args = { .name = ff_cstr(name), .count = count };
    struct ff_scale_host_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    return ff_client_scale_host(control, &args, &result, &answer);
}

static uint32_t
processes(struct ff_client *control)
{
    struct ff_tree_view view;
    uint32_t n = 0;

    ff_tree_look(control, &view);
    for (uint32_t i = 0; i < view.n; i++) {
        n += strncmp(view.v[i].name, "cats.", 5) == 0;
    }
    return n;
}

static void
await_processes(struct ff_client *control, uint32_t n)
{
    while (processes(control) != n) {
    }
    if (n > 0) {
        ff_tree_await(control, "cats", FF_CHILD_READY, -1);
    }
}

static struct ff_eid
submit(struct ff_client *client, const char *payload)
{
    struct ff_create_execution_args args = ff_test_create_args(ff_test_eid(), ff_cstr(payload));
    struct ff_create_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_create_execution(client, &args, &result, &answer), FF_E_OK);
    return args.execution_id;
}

static void
await_completed(struct ff_client *client, struct ff_eid id)
{
    while (strcmp(ff_test_state(client, id), "completed") != 0) {
        assert_string_not_equal(ff_test_state(client, id), "failed");
    }
}

static void
check_result(struct ff_client *client, struct ff_eid id, const char *want)
{
    const struct ff_get_execution_result_args args = { .execution_id = id };
    struct ff_get_execution_result_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_get_execution_result(client, &args, &result, &answer), FF_E_OK);
    assert_true(ff_str_is(result.result, want));
}

/* ---- how many ---- */

static void
test_hosts_are_scaled(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *control = NULL, *client = NULL;

    ff_daemon_start(daemon, cats(2));
    control = ff_test_control(daemon);
    client = ff_test_client(daemon->worker, NULL);
    assert_int_equal(processes(control), 2);
    assert_int_equal(scale(control, "cats", 4), FF_E_OK);
    await_processes(control, 4);
    assert_int_equal(scale(control, "cats", 1), FF_E_OK);
    await_processes(control, 1);
    await_completed(client, submit(client, "a"));
    assert_int_equal(scale(control, "cats", 0), FF_E_OK);
    await_processes(control, 0);
    assert_int_equal(ff_tree_entry(control, "cats").state, FF_CHILD_STOPPED);
    assert_int_equal(scale(control, "cats", 2), FF_E_OK);
    await_processes(control, 2);
    assert_int_equal(scale(control, "dogs", 1), FF_E_CHILD_NOT_FOUND);
    assert_int_equal(scale(control, "cats", 65), FF_E_INVALID_INPUT);
    ff_client_close(client);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

static void
reload(struct ff_client *control, const char *changed)
{
    const struct ff_reload_args none = { 0 };
    struct ff_reload_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_reload(control, &none, &result, &answer), FF_E_OK);
    assert_int_equal(result.changed.n, 1);
    assert_true(ff_str_is(result.changed.v[0], changed));
    assert_int_equal(result.pending.n, 0);
}

static void
test_a_reload_changes_hosts(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *control = NULL, *client = NULL;
    struct ff_eid id;
    pid_t pid = 0;

    ff_daemon_start(daemon, cats(1));
    control = ff_test_control(daemon);
    client = ff_test_client(daemon->worker, NULL);
    pid = ff_tree_entry(control, "cats.1").pid;
    ff_daemon_configure(daemon, cats(2));
    reload(control, "worker cats");
    await_processes(control, 2);
    assert_int_equal(ff_tree_entry(control, "cats.1").pid, pid); /* it may go on */
    ff_daemon_configure(daemon,
                        "restart_max = 100\nworker \"cats\" {\n  count = 2\n"
                        "  handler \"test\" { exec = {\"/bin/echo\", \"-n\", \"meow\"} }\n}\n");
    reload(control, "worker cats");
    ff_tree_await(control, "cats.1", FF_CHILD_READY, pid);
    await_processes(control, 2);
    id = submit(client, "a");
    await_completed(client, id);
    check_result(client, id, "meow");
    ff_daemon_configure(daemon, "restart_max = 100");
    reload(control, "worker cats");
    await_processes(control, 0);
    ff_client_close(client);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

/* ---- what becomes of their work ---- */

/* The first run says that it runs, and stays; any other copies its input. */
static const char *
once(const struct ff_daemon *daemon)
{
    static char text[512];

    snprintf(text, sizeof(text),
             "worker \"cats\" {\n  count = 1\n  lease_ttl_ms = 60000\n"
             "  handler \"test\" { exec = {\"/bin/sh\", \"-c\", "
             "\"if mkdir %s/first; then exec sleep 1000; fi; exec cat\"} }\n}\n",
             daemon->dir);
    return text;
}

static void
await_first(const struct ff_daemon *daemon)
{
    struct stat st;
    char path[128];

    snprintf(path, sizeof(path), "%s/first", daemon->dir);
    while (stat(path, &st) != 0) {
    }
}

static void
test_the_work_of_a_killed_host_is_taken_over_at_once(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *control = NULL, *client = NULL;
    struct ff_eid id;

    ff_daemon_start(daemon, once(daemon));
    control = ff_test_control(daemon);
    client = ff_test_client(daemon->worker, NULL);
    id = submit(client, "taken over");
    await_first(daemon);
    ff_tree_kill(control, "cats.1");
    await_completed(client, id);
    check_result(client, id, "taken over");
    ff_client_close(client);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

/* Then the broker hears of the worker's end only once it is back. */
static void
test_the_same_while_the_broker_is_away(void **state)
{
    struct ff_daemon *daemon = *state;
    const struct ff_stop_child_args stop = { .name = ff_cstr("broker") };
    const struct ff_start_child_args start = { .name = ff_cstr("broker") };
    struct ff_stop_child_result stopped = { 0 };
    struct ff_start_child_result started = { 0 };
    struct ff_client *control = NULL, *client = NULL;
    FF_SCOPED(ff_answer) first = { 0 };
    FF_SCOPED(ff_answer) second = { 0 };
    struct ff_eid id;

    ff_daemon_start(daemon, once(daemon));
    control = ff_test_control(daemon);
    client = ff_test_client(daemon->worker, NULL);
    id = submit(client, "taken over");
    await_first(daemon);
    assert_int_equal(ff_client_stop_child(control, &stop, &stopped, &first), FF_E_OK);
    ff_tree_await(control, "broker", FF_CHILD_STOPPED, -1);
    ff_tree_kill(control, "cats.1");
    ff_tree_await(control, "cats.1", FF_CHILD_STARTING, -1);
    assert_int_equal(ff_client_start_child(control, &start, &started, &second), FF_E_OK);
    await_completed(client, id);
    check_result(client, id, "taken over");
    ff_client_close(client);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

/* It was told, and ends before it has done anything about it. */
static void
test_the_same_when_the_broker_ends_with_it(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *control = NULL, *client = NULL;
    struct ff_eid id;

    ff_daemon_start(daemon, once(daemon));
    control = ff_test_control(daemon);
    client = ff_test_client(daemon->worker, NULL);
    id = submit(client, "taken over");
    await_first(daemon);
    assert_int_equal(kill(ff_tree_entry(control, "broker").pid, SIGSTOP), 0);
    ff_tree_await(control, "cats.1", FF_CHILD_STARTING, ff_tree_kill(control, "cats.1"));
    ff_tree_kill(control, "broker");
    await_completed(client, id);
    check_result(client, id, "taken over");
    ff_client_close(client);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

#define MANY 200

/* Each of them runs until it has completed, whoever is killed meanwhile. */
static void
test_hosts_killed_again_and_again(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *control = NULL, *client = NULL;
    static struct ff_eid ids[MANY];
    char payload[32], victim[16];
    uint32_t kills = 0;

    ff_daemon_start(daemon, cats(2));
    control = ff_test_control(daemon);
    client = ff_test_client(daemon->worker, NULL);
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(payload, sizeof(payload), "number %u", i);
        ids[i] = submit(client, payload);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        if (i % 40 == 20) { /* while the rest is still to be done */
            snprintf(victim, sizeof(victim), "cats.%u", 1 + kills++ % 2);
            ff_tree_await(control, victim, FF_CHILD_READY, -1);
            ff_tree_kill(control, victim);
        }
        await_completed(client, ids[i]);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(payload, sizeof(payload), "number %u", i);
        check_result(client, ids[i], payload);
    }
    ff_client_close(client);
    ff_client_close(control);
    ff_daemon_stop(daemon);
}

static void
test_shutdown_lets_handlers_finish(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *client = NULL;
    struct ff_eid id;
    char lines[512], path[128];
    int fd = -1;

    snprintf(path, sizeof(path), "%s/go", daemon->dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(lines, sizeof(lines),
             "worker \"cats\" {\n  handler \"test\" { exec = {\"/bin/sh\", \"-c\", "
             "\"mkdir %s/first; exec cat %s\"} }\n}\n",
             daemon->dir, path);
    ff_daemon_start(daemon, lines);
    client = ff_test_client(daemon->worker, NULL);
    id = submit(client, "");
    await_first(daemon);
    ff_daemon_signal(daemon, SIGTERM);
    while (strstr(ff_daemon_log(daemon), "event=claims_stopped") == NULL) {
    }
    fd = open(path, O_WRONLY | O_CLOEXEC); /* when its reader is there */
    assert_int_equal(write(fd, "finished", 8), 8);
    close(fd);
    assert_int_equal(ff_daemon_wait(daemon), 0);
    ff_daemon_start(daemon, NULL);
    assert_string_equal(ff_test_state(client, id), "completed");
    check_result(client, id, "finished");
    ff_client_close(client);
    ff_daemon_stop(daemon);
}

int
main(void)
{
#define FF_HOST_TEST(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, ff_daemon_setup_tree, ff_daemon_teardown)
    const struct CMUnitTest tests[] = {
        FF_HOST_TEST(test_hosts_are_scaled),
        FF_HOST_TEST(test_a_reload_changes_hosts),
        FF_HOST_TEST(test_the_work_of_a_killed_host_is_taken_over_at_once),
        FF_HOST_TEST(test_the_same_while_the_broker_is_away),
        FF_HOST_TEST(test_the_same_when_the_broker_ends_with_it),
        FF_HOST_TEST(test_hosts_killed_again_and_again),
        FF_HOST_TEST(test_shutdown_lets_handlers_finish),
    };

    return ff_run_rows("tree_host", NULL, 0, tests, sizeof(tests) / sizeof(tests[0]));
}
