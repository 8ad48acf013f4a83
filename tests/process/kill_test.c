/* kill_test.c: kill -9 of the broker under load, at random instants: what it has acknowledged
 * holds.
 *
 * FF_ROUNDS: how many times it is killed; FF_SEED: of the instants. Clients live on throughout.
 */
#include <signal.h>
#include <stdio.h>

#include "tests/process/calls.h"
#include "tests/process/crew.h"
#include "tests/process/daemon.h"

/* Calls begun or answered between two kills. */
#define STEPS_MAX 3000

static void
kill_often(struct ff_crew *crew, struct ff_daemon *daemon, uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds && !ff_crew_is_stopping(crew); i++) {
        ff_crew_await(crew, 1 + (uint64_t) rand_r(&crew->seed) % STEPS_MAX);
        ff_daemon_kill(daemon);
        if (rand_r(&crew->seed) % 4 == 0) { /* and once more while it recovers */
            ff_daemon_spawn(daemon, NULL);
            ff_daemon_kill(daemon);
        }
        ff_daemon_start(daemon, NULL);
    }
    ff_crew_await(crew, STEPS_MAX); /* all of them are back at work */
}

static void
test_what_was_acknowledged_survives_every_kill(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_crew crew;
    uint32_t rounds = ff_test_number("FF_ROUNDS", 12), seed = ff_test_number("FF_SEED", 1);
    struct ff_client *client = NULL;

    print_message("seed %u, %u kills\n", seed, rounds);
    ff_daemon_start(daemon, NULL);
    ff_crew_start(&crew, daemon->worker, seed);
    kill_often(&crew, daemon, rounds);
    ff_crew_stop(&crew);
    assert_true(crew.n_created > rounds && crew.n_completed > rounds);
    ff_daemon_kill(daemon);
    ff_daemon_start(daemon, NULL);
    client = ff_test_client(daemon->worker, NULL);
    ff_crew_check(&crew, client);
    ff_client_close(client);
    ff_crew_done(&crew);
    ff_daemon_stop(daemon);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_acknowledged_survives_every_kill,
                                        ff_daemon_setup, ff_daemon_teardown),
    };

    return ff_run_rows("kill", NULL, 0, tests, sizeof(tests) / sizeof(tests[0]));
}
