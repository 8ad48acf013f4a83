/* shared_test.c: two brokers on one database, killed at random instants, and a database server that
 * is restarted under load: what was acknowledged holds, and no lease is handed out twice.
 *
 * FF_ROUNDS: how many times a broker is killed; FF_SEED: of the instants.
 */
#include <stdio.h>
#include <time.h>

#include "tests/process/calls.h"
#include "tests/process/crew.h"
#include "tests/process/daemon.h"
#include "tests/rig/pg_server.h"

/* Calls begun or answered between two kills. */
#define STEPS_MAX 600
#define WAKES 30
/* Far more than a wake-up takes, and less than the second after which a broker looks by itself. */
#define WAKE_MEDIAN_MAX_MS 500

struct pair {
    struct ff_daemon brokers[2];
    char lines[FF_PG_URL_MAX + 32];
};

static int
open_pair(void **state)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    char url[FF_PG_URL_MAX];

    assert_non_null(pair);
    if (!ff_pg_there()) {
        free(pair);
        *state = NULL;
        skip();
    }
    ff_pg_fresh(url);
    snprintf(pair->lines, sizeof(pair->lines), "store = \"%s\"", url);
    for (int i = 0; i < 2; i++) {
        ff_daemon_init(&pair->brokers[i]);
    }
    *state = pair;
    return 0;
}

static int
close_pair(void **state)
{
    struct pair *pair = *state;

    for (int i = 0; pair != NULL && i < 2; i++) {
        ff_daemon_done(&pair->brokers[i]);
    }
    free(pair);
    return 0;
}

static uint32_t
number_from(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : (uint32_t) strtoul(text, NULL, 10);
}

static void
check(struct ff_crew *crew, const struct ff_daemon *broker)
{
    struct ff_client *client = ff_test_client(broker->worker, NULL);

    ff_crew_check(crew, client);
    ff_client_close(client);
}

static void
test_two_brokers_killed_at_random(void **state)
{
    struct pair *pair = *state;
    const char *const addresses[] = { pair->brokers[0].worker, pair->brokers[1].worker };
    uint32_t rounds = number_from("FF_ROUNDS", 8), seed = number_from("FF_SEED", 1);
    struct ff_crew crew;

    ff_daemon_start(&pair->brokers[0], pair->lines);
    ff_daemon_start(&pair->brokers[1], pair->lines);
    ff_crew_start_on(&crew, addresses, seed);
    for (uint32_t i = 0; i < rounds && !ff_crew_is_stopping(&crew); i++) {
        struct ff_daemon *broker = &pair->brokers[rand_r(&crew.seed) % 2];

        ff_crew_await(&crew, 1 + (uint64_t) rand_r(&crew.seed) % STEPS_MAX);
        ff_daemon_kill(broker);
        ff_daemon_start(broker, pair->lines);
    }
    ff_crew_await(&crew, STEPS_MAX);
    ff_crew_stop(&crew);
    assert_true(crew.n_created > rounds && crew.n_completed > rounds);
    check(&crew, &pair->brokers[0]);
    check(&crew, &pair->brokers[1]);
    ff_crew_done(&crew);
    ff_daemon_stop(&pair->brokers[0]);
    ff_daemon_stop(&pair->brokers[1]);
}

static void
test_a_server_restarted_under_load(void **state)
{
    struct pair *pair = *state;
    struct ff_crew crew;

    ff_daemon_start(&pair->brokers[0], pair->lines);
    ff_crew_start(&crew, pair->brokers[0].worker, 1);
    for (int i = 0; i < 4 && !ff_crew_is_stopping(&crew); i++) {
        ff_crew_await(&crew, STEPS_MAX / 2);
        ff_pg_stop(i % 2 == 0);
        ff_pg_start();
    }
    ff_crew_await(&crew, STEPS_MAX / 2);
    ff_crew_stop(&crew);
    check(&crew, &pair->brokers[0]);
    ff_crew_done(&crew);
    ff_daemon_stop(&pair->brokers[0]);
}

/* ---- wake-ups ---- */

static int
by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int64_t
mono_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Created with one broker, claimed by a worker that waits with the other. */
static int64_t
wake_once(struct ff_client *creator, struct ff_client *worker)
{
    struct ff_claim_args args = ff_test_claim_args("w", 30000, 30000);
    struct ff_pending waiting;
    struct ff_eid id;
    int64_t from = 0;

    ff_pending_start(&waiting, worker, FF_OP_claim, &args);
    ff_test_ping(worker); /* answered behind it: the claim is parked by now */
    from = mono_ms();
    id = ff_test_create(creator);
    assert_int_equal(ff_pending_await(&waiting), FF_E_OK);
    from = mono_ms() - from;
    ff_pending_done(&waiting);
    assert_string_equal(ff_test_state(creator, id), "active");
    return from;
}

static void
test_work_of_one_broker_wakes_a_worker_of_the_other(void **state)
{
    struct pair *pair = *state;
    struct ff_client *creator = NULL, *worker = NULL;
    int64_t took[WAKES];

    ff_daemon_start(&pair->brokers[0], pair->lines);
    ff_daemon_start(&pair->brokers[1], pair->lines);
    creator = ff_test_client(pair->brokers[0].worker, NULL);
    worker = ff_test_client(pair->brokers[1].worker, NULL);
    (void) wake_once(creator, worker); /* they know of each other after their first second */
    (void) wake_once(creator, worker);
    (void) wake_once(creator, worker);
    for (int i = 0; i < WAKES; i++) {
        took[i] = wake_once(creator, worker);
    }
    qsort(took, WAKES, sizeof(took[0]), by_value);
    print_message("woken after %lld ms (median), %lld ms (longest)\n", (long long) took[WAKES / 2],
                  (long long) took[WAKES - 1]);
    assert_true(took[WAKES / 2] < WAKE_MEDIAN_MAX_MS);
    ff_client_close(creator);
    ff_client_close(worker);
    ff_daemon_stop(&pair->brokers[0]);
    ff_daemon_stop(&pair->brokers[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two_brokers_killed_at_random, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_a_server_restarted_under_load, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_work_of_one_broker_wakes_a_worker_of_the_other,
                                        open_pair, close_pair),
    };

    return ff_run_rows("shared", NULL, 0, tests, sizeof(tests) / sizeof(tests[0]));
}
