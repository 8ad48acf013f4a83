/* parked_test.c: a claim that waits gets its work when there is some, not when its time is over.
 *
 * A ping after the claim, on the same channel, is answered when the claim has been read: from then
 * on it is parked. Each ends long before BLOCK_MS, or the test fails by what it answers: "none".
 */
#include <signal.h>

#include "tests/process/calls.h"
#include "tests/process/daemon.h"

#define BLOCK_MS 30000

static void
park(struct ff_pending *pending, struct ff_client *client)
{
    const struct ff_claim_args args = ff_test_claim_args("w2", 60000, BLOCK_MS);

    ff_pending_start(pending, client, FF_OP_claim, &args);
    ff_test_ping(client);
}

static void
expect_claimed(struct ff_pending *pending, struct ff_eid id, uint64_t epoch)
{
    struct ff_claim_result result = { 0 };

    assert_int_equal(ff_pending_await(pending), FF_E_OK);
    assert_int_equal(ff_answer_result(&pending->answer, FF_OP_claim, &result), FF_E_OK);
    assert_string_equal(result.outcome, "claimed");
    assert_true(ff_eid_eq(result.execution_id.v, id));
    assert_int_equal(result.lease_epoch.v, epoch);
    ff_pending_done(pending);
}

static void
test_a_create_of_another_client_wakes_it(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *client = NULL, *other = NULL;
    struct ff_pending pending;

    ff_daemon_start(daemon, NULL);
    client = ff_test_client(daemon->worker, NULL);
    other = ff_test_client(daemon->worker, NULL);
    park(&pending, client);
    expect_claimed(&pending, ff_test_create(other), 1);
    ff_client_close(client);
    ff_client_close(other);
    ff_daemon_stop(daemon);
}

static void
test_a_lease_that_lapses_wakes_it(void **state)
{
    struct ff_daemon *daemon = *state;
    const struct ff_claim_args held = ff_test_claim_args("w1", 100, 0);
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_client *client = NULL;
    struct ff_pending pending;
    struct ff_eid id;

    ff_daemon_start(daemon, NULL);
    client = ff_test_client(daemon->worker, NULL);
    id = ff_test_create(client);
    ff_test_claim(client, &held, &answer);
    park(&pending, client);
    expect_claimed(&pending, id, 2);
    ff_client_close(client);
    ff_daemon_stop(daemon);
}

/* Its lease would last for ten minutes. */
static void
test_a_worker_that_hangs_up_loses_its_leases(void **state)
{
    struct ff_daemon *daemon = *state;
    const struct ff_claim_args held = ff_test_claim_args("w1", 600000, 0);
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_client *client = NULL, *worker = NULL;
    struct ff_pending pending;
    struct ff_eid id;

    ff_daemon_start(daemon, "disconnect_grace_ms = 50");
    client = ff_test_client(daemon->worker, NULL);
    worker = ff_test_client(daemon->worker, "w1");
    id = ff_test_create(client);
    ff_test_claim(worker, &held, &answer);
    park(&pending, client);
    ff_client_close(worker);
    expect_claimed(&pending, id, 2);
    ff_client_close(client);
    ff_daemon_stop(daemon);
}

static void
test_it_is_parked_again_when_the_broker_was_killed(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_client *client = NULL, *other = NULL;
    struct ff_pending pending;

    ff_daemon_start(daemon, NULL);
    client = ff_test_client(daemon->worker, NULL);
    park(&pending, client);
    ff_daemon_kill(daemon);
    ff_daemon_start(daemon, NULL);
    other = ff_test_client(daemon->worker, NULL);
    expect_claimed(&pending, ff_test_create(other), 1);
    ff_client_close(client);
    ff_client_close(other);
    ff_daemon_stop(daemon);
}

#define PARKED_TEST(test) cmocka_unit_test_setup_teardown(test, ff_daemon_setup, ff_daemon_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PARKED_TEST(test_a_create_of_another_client_wakes_it),
        PARKED_TEST(test_a_lease_that_lapses_wakes_it),
        PARKED_TEST(test_a_worker_that_hangs_up_loses_its_leases),
        PARKED_TEST(test_it_is_parked_again_when_the_broker_was_killed),
    };

    return ff_run_rows("parked", NULL, 0, tests, sizeof(tests) / sizeof(tests[0]));
}
