/* refuse_test.c: what a broker refuses to start on, without harm to what is there; how it stops;
 * who may reach its sockets. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/process/calls.h"
#include "tests/process/daemon.h"

static void
test_a_second_broker_on_the_store_is_refused(void **state)
{
    struct ff_daemon *first = *state;
    struct ff_daemon second;
    struct ff_client *client = NULL;
    struct ff_eid id;
    char lines[128];

    ff_daemon_start(first, NULL);
    client = ff_test_client(first->worker, NULL);
    id = ff_test_create(client);
    ff_daemon_init(&second);
    snprintf(lines, sizeof(lines), "store = \"sqlite:%s/state/flowfabric.db\"", first->dir);
    ff_daemon_expect_refusal(&second, lines, "in use by another broker");
    ff_daemon_done(&second);
    assert_string_equal(ff_test_state(client, id), "waiting");
    ff_test_create(client);
    ff_client_close(client);
    ff_daemon_stop(first);
}

static void
test_a_second_broker_on_the_sockets_is_refused(void **state)
{
    struct ff_daemon *first = *state;
    struct ff_daemon second;
    struct ff_client *client = NULL;
    char lines[128];

    ff_daemon_start(first, NULL);
    ff_daemon_init(&second);
    snprintf(lines, sizeof(lines), "store = \"sqlite:%s/other.db\"", second.dir);
    strcpy(second.run_dir, first->run_dir);
    ff_daemon_expect_refusal(&second, lines, "another process listens");
    ff_daemon_done(&second);
    client = ff_test_client(first->worker, NULL); /* a new connection, after the other's attempt */
    ff_test_create(client);
    ff_client_close(client);
    ff_daemon_stop(first);
}

static void
overwrite(const struct ff_daemon *daemon, off_t from)
{
    char path[128];
    char garbage[4096];
    int fd = -1;
    off_t size = 0;

    memset(garbage, 0x5a, sizeof(garbage));
    snprintf(path, sizeof(path), "%s/state/flowfabric.db", daemon->dir);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    size = lseek(fd, 0, SEEK_END);
    for (off_t at = from; at < size; at += (off_t) sizeof(garbage)) {
        assert_true(pwrite(fd, garbage, sizeof(garbage), at) == (ssize_t) sizeof(garbage));
    }
    close(fd);
}

static const struct corrupt_row {
    const char *name;
    off_t from;
    const char *message;
} corrupt_rows[] = {
    { "a file that is no database is refused", 0, "code=corruption" },
    { "a file whose tables are damaged is refused", 4096, "code=corruption" },
};

static void
test_corrupt(void **state)
{
    const struct corrupt_row *row = *state;
    struct ff_daemon daemon;
    struct ff_client *client = NULL;

    ff_daemon_init(&daemon);
    ff_daemon_start(&daemon, NULL);
    client = ff_test_client(daemon.worker, NULL);
    for (int i = 0; i < 100; i++) {
        ff_test_create(client);
    }
    ff_client_close(client);
    ff_daemon_stop(&daemon);
    overwrite(&daemon, row->from);
    ff_daemon_expect_refusal(&daemon, NULL, row->message);
    ff_daemon_done(&daemon);
}

/* 01 ex 15 */
static void
test_other_partition_counts_are_refused(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *client = NULL;
    struct ff_eid id;

    ff_daemon_start(daemon, NULL);
    client = ff_test_client(daemon->worker, NULL);
    id = ff_test_create(client);
    ff_daemon_stop(daemon);
    ff_daemon_expect_refusal(daemon, "flow_partitions = 128", "partition_mismatch");
    ff_daemon_start(daemon, NULL);
    assert_string_equal(ff_test_state(client, id), "waiting");
    ff_client_close(client);
    ff_daemon_stop(daemon);
}

/* ---- the end ---- */

/* On one channel the ping's answer comes after the claim has been read: it is parked. */
static void
park(struct ff_pending *pending, struct ff_client *client)
{
    const struct ff_claim_args args = ff_test_claim_args("w1", 60000, 30000);

    ff_pending_start(pending, client, FF_OP_claim, &args);
    ff_test_ping(client);
}

static void
test_sigterm_answers_who_waits_and_exits_with_0(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *client = NULL;
    struct ff_claim_result result = { 0 };
    struct ff_pending pending;
    ff_err err = FF_E_OK;

    ff_daemon_start(daemon, NULL);
    client = ff_test_client(daemon->worker, NULL);
    park(&pending, client);
    ff_daemon_signal(daemon, SIGTERM);
    err = ff_pending_await(&pending);
    if (err == FF_E_OK) {
        assert_int_equal(ff_answer_result(&pending.answer, FF_OP_claim, &result), FF_E_OK);
        assert_string_equal(result.outcome, "none");
    } else {
        assert_int_equal(err, FF_E_UNAVAILABLE);
    }
    assert_int_equal(ff_daemon_wait(daemon), 0);
    ff_pending_done(&pending);
    ff_client_close(client);
}

/* ---- the sockets ---- */

static void
expect_mode(const struct ff_daemon *daemon, const char *name, mode_t mode)
{
    char path[160];
    struct stat st;

    snprintf(path, sizeof(path), "%s/%s", daemon->dir, name);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static void
test_modes_of_files(void **state)
{
    struct ff_daemon *daemon = *state;

    ff_daemon_start(daemon, NULL);
    expect_mode(daemon, "run", 0750);
    expect_mode(daemon, "run/worker.sock", 0660);
    expect_mode(daemon, "run/operator.sock", 0600);
    expect_mode(daemon, "state", 0700);
    ff_daemon_stop(daemon);
}

static void
test_operator_ops_need_the_operators_socket(void **state)
{
    struct ff_daemon *daemon = *state;
    const struct ff_expire_worker_leases_args args = { .worker_instance_id = ff_cstr("w1"),
                                                       .reason = ff_cstr("test") };
    struct ff_expire_worker_leases_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_client *workers = NULL, *operators = NULL;

    ff_daemon_start(daemon, NULL);
    workers = ff_test_client(daemon->worker, NULL);
    operators = ff_test_client(daemon->operator, NULL);
    assert_int_equal(ff_client_expire_worker_leases(workers, &args, &result, &answer),
                     FF_E_PERMISSION_DENIED);
    assert_int_equal(ff_client_expire_worker_leases(operators, &args, &result, &answer), FF_E_OK);
    ff_client_close(workers);
    ff_client_close(operators);
    ff_daemon_stop(daemon);
}

#define REFUSE_TEST(test) cmocka_unit_test_setup_teardown(test, ff_daemon_setup, ff_daemon_teardown)

int
main(void)
{
    static const struct ff_rows tables[] = { FF_ROWS(corrupt_rows, test_corrupt) };
    const struct CMUnitTest tests[] = {
        REFUSE_TEST(test_a_second_broker_on_the_store_is_refused),
        REFUSE_TEST(test_a_second_broker_on_the_sockets_is_refused),
        REFUSE_TEST(test_other_partition_counts_are_refused),
        REFUSE_TEST(test_sigterm_answers_who_waits_and_exits_with_0),
        REFUSE_TEST(test_modes_of_files),
        REFUSE_TEST(test_operator_ops_need_the_operators_socket),
    };

    return ff_run_rows("refuse", tables, 1, tests, sizeof(tests) / sizeof(tests[0]));
}
