/* shared_test.c: two and three brokers on one server, killed at random instants, and a server that
 * is restarted under load: what was acknowledged holds, and no lease is handed out twice. On
 * PostgreSQL and on Valkey.
 *
 * FF_ROUNDS: how many times a broker is killed; FF_SEED: of the instants.
 */
#include <signal.h>
#include <stdio.h>

#include "tests/process/calls.h"
#include "tests/process/crew.h"
#include "tests/process/fleet.h"

/* Calls begun or answered between two kills. */
#define STEPS_MAX 600

static void
kill_at_random(struct ff_fleet *fleet, uint32_t n)
{
    uint32_t rounds = ff_test_number("FF_ROUNDS", 4), seed = ff_test_number("FF_SEED", 1);
    const char *addresses[FF_FLEET_MAX];
    struct ff_crew crew;

    for (uint32_t i = 0; i < n; i++) {
        ff_fleet_start(fleet, i, NULL);
        addresses[i] = fleet->daemons[i].worker;
    }
    ff_crew_start_on(&crew, addresses, n, seed);
    for (uint32_t i = 0; i < rounds && !ff_crew_is_stopping(&crew); i++) {
        uint32_t victim = (uint32_t) rand_r(&crew.seed) % n;

        ff_crew_await(&crew, 1 + (uint64_t) rand_r(&crew.seed) % STEPS_MAX);
        ff_daemon_kill(&fleet->daemons[victim]);
        ff_fleet_start_again(fleet, victim);
    }
    ff_crew_await(&crew, STEPS_MAX);
    ff_crew_stop(&crew);
    assert_true(crew.n_created > rounds && crew.n_completed > rounds);
    for (uint32_t i = 0; i < n; i++) {
        ff_fleet_check(fleet, i, &crew);
    }
    ff_crew_done(&crew);
    for (uint32_t i = 0; i < n; i++) {
        ff_daemon_stop(&fleet->daemons[i]);
    }
}

static void
test_two_brokers_killed_at_random(void **state)
{
    kill_at_random(*state, 2);
}

static void
test_three_brokers_killed_at_random(void **state)
{
    kill_at_random(*state, 3);
}

static void
test_a_server_restarted_under_load(void **state)
{
    struct ff_fleet *fleet = *state;
    struct ff_crew crew;

    ff_fleet_start(fleet, 0, NULL);
    ff_crew_start(&crew, fleet->daemons[0].worker, 1);
    for (int i = 0; i < 4 && !ff_crew_is_stopping(&crew); i++) {
        ff_crew_await(&crew, STEPS_MAX / 2);
        fleet->server->stop(i % 2 == 0);
        fleet->server->start();
    }
    ff_crew_await(&crew, STEPS_MAX / 2);
    ff_crew_stop(&crew);
    ff_fleet_check(fleet, 0, &crew);
    ff_crew_done(&crew);
    ff_daemon_stop(&fleet->daemons[0]);
}

/* ---- a full server ---- */

static ff_err
create(struct ff_client *client, struct ff_eid id, struct ff_answer *answer)
{
    struct ff_create_execution_args args = ff_test_create_args(id, ff_cstr("p"));
    struct ff_create_execution_result result = { 0 };

    return ff_client_create_execution(client, &args, &result, answer);
}

static void
test_a_full_valkey_refuses_and_is_read(void **state)
{
    struct ff_fleet *fleet = *state;
    struct ff_eid there, refused = ff_test_eid();
    struct ff_client *client = NULL;
    struct ff_answer answer = { 0 }, later = { 0 };

    ff_fleet_start(fleet, 0, NULL);
    client = ff_test_client(fleet->daemons[0].worker, NULL);
    there = ff_test_create(client);
    ff_test_server_say(&ff_fleet_redis, "CONFIG", "SET", "maxmemory", "1mb", NULL);
    assert_int_equal(create(client, refused, &answer), FF_E_TRANSPORT);
    assert_true(answer.fault.retryable);
    assert_non_null(strstr(answer.fault.message, "the server is full"));
    assert_string_equal(ff_test_state(client, there), "waiting");
    assert_string_equal(ff_test_state(client, refused), "");
    ff_test_server_say(&ff_fleet_redis, "CONFIG", "SET", "maxmemory", "0", NULL);
    assert_int_equal(create(client, refused, &later), FF_E_OK);
    assert_string_equal(ff_test_state(client, refused), "waiting");
    ff_answer_done(&answer);
    ff_answer_done(&later);
    ff_client_close(client);
    ff_daemon_stop(&fleet->daemons[0]);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        FF_FLEET_TEST(ff_fleet_postgres, "PostgreSQL: two brokers are killed at random",
                      test_two_brokers_killed_at_random),
        FF_FLEET_TEST(ff_fleet_postgres, "PostgreSQL: a server is restarted under load",
                      test_a_server_restarted_under_load),
        FF_FLEET_TEST(ff_fleet_postgres, "PostgreSQL: three brokers are killed at random",
                      test_three_brokers_killed_at_random),
        FF_FLEET_TEST(ff_fleet_valkey, "Valkey: two brokers are killed at random",
                      test_two_brokers_killed_at_random),
        FF_FLEET_TEST(ff_fleet_valkey, "Valkey: a server is restarted under load",
                      test_a_server_restarted_under_load),
        FF_FLEET_TEST(ff_fleet_valkey, "Valkey: a full server refuses, and is read",
                      test_a_full_valkey_refuses_and_is_read),
        FF_FLEET_TEST(ff_fleet_valkey, "Valkey: three brokers are killed at random",
                      test_three_brokers_killed_at_random),
    };

    return ff_run_rows("shared", NULL, 0, tests, sizeof(tests) / sizeof(tests[0]));
}
