/* shared_test.c: two brokers on one server, killed at random instants, and a server that is
 * restarted under load: what was acknowledged holds, and no lease is handed out twice. On
 * PostgreSQL and on Valkey.
 *
 * FF_ROUNDS: how many times a broker is killed; FF_SEED: of the instants.
 */
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "tests/process/calls.h"
#include "tests/process/crew.h"
#include "tests/process/daemon.h"
#include "tests/rig/pg_server.h"
#include "tests/rig/server.h"

/* Calls begun or answered between two kills. */
#define STEPS_MAX 600
#define WAKES 30
/* Far more than a wake-up takes, and less than the second after which a broker looks by itself. */
#define WAKE_MEDIAN_MAX_MS 500

/* ---- servers ---- */

struct server {
    bool (*there)(void);
    void (*fresh)(char url[FF_PG_URL_MAX]); /* a store without a record in it */
    void (*stop)(bool kill);
    void (*start)(void);
};

static const struct server postgres = { ff_pg_there, ff_pg_fresh, ff_pg_stop, ff_pg_start };

/* Nothing acknowledged may be lost, so it syncs before it answers. */
static const char *const durable[] = { "--appendonly", "yes", "--appendfsync", "always", NULL };
static struct ff_test_server redis;

static bool
redis_there(void)
{
    return true; /* the package list has it */
}

static void
redis_end(void)
{
    ff_test_server_stop(&redis);
}

static void
redis_fresh(char url[FF_PG_URL_MAX])
{
    static unsigned stores;

    if (redis.dir[0] == '\0') {
        ff_test_server_start(&redis, durable);
        atexit(redis_end);
    }
    snprintf(url, FF_PG_URL_MAX, "valkey://%s?prefix=t%u", redis.socket, ++stores);
}

static void
redis_stop(bool kill)
{
    ff_test_server_kill(&redis, kill ? SIGKILL : SIGTERM);
}

static void
redis_start(void)
{
    ff_test_server_restart(&redis);
}

static const struct server valkey = { redis_there, redis_fresh, redis_stop, redis_start };

/* ---- two brokers ---- */

struct pair {
    const struct server *server;
    struct ff_daemon brokers[2];
    char lines[FF_PG_URL_MAX + 32];
};

/* *state: which server. */
static int
open_pair(void **state)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    char url[FF_PG_URL_MAX];

    assert_non_null(pair);
    pair->server = *state;
    if (!pair->server->there()) {
        free(pair);
        *state = NULL;
        skip();
    }
    pair->server->fresh(url);
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
        pair->server->stop(i % 2 == 0);
        pair->server->start();
    }
    ff_crew_await(&crew, STEPS_MAX / 2);
    ff_crew_stop(&crew);
    check(&crew, &pair->brokers[0]);
    ff_crew_done(&crew);
    ff_daemon_stop(&pair->brokers[0]);
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
    struct pair *pair = *state;
    struct ff_eid there, refused = ff_test_eid();
    struct ff_client *client = NULL;
    struct ff_answer answer = { 0 }, later = { 0 };

    ff_daemon_start(&pair->brokers[0], pair->lines);
    client = ff_test_client(pair->brokers[0].worker, NULL);
    there = ff_test_create(client);
    ff_test_server_say(&redis, "CONFIG", "SET", "maxmemory", "1mb", NULL);
    assert_int_equal(create(client, refused, &answer), FF_E_TRANSPORT);
    assert_true(answer.fault.retryable);
    assert_non_null(strstr(answer.fault.message, "the server is full"));
    assert_string_equal(ff_test_state(client, there), "waiting");
    assert_string_equal(ff_test_state(client, refused), "");
    ff_test_server_say(&redis, "CONFIG", "SET", "maxmemory", "0", NULL);
    assert_int_equal(create(client, refused, &later), FF_E_OK);
    assert_string_equal(ff_test_state(client, refused), "waiting");
    ff_answer_done(&answer);
    ff_answer_done(&later);
    ff_client_close(client);
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

#define ON(server_, name_, test_)                                                                  \
    {                                                                                              \
        .name = (name_), .test_func = (test_), .setup_func = open_pair,                            \
        .teardown_func = close_pair, .initial_state = (void *) (uintptr_t) & (server_)             \
    }

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        ON(postgres, "PostgreSQL: two brokers are killed at random",
           test_two_brokers_killed_at_random),
        ON(postgres, "PostgreSQL: a server is restarted under load",
           test_a_server_restarted_under_load),
        ON(postgres, "PostgreSQL: work of one broker wakes a worker of the other",
           test_work_of_one_broker_wakes_a_worker_of_the_other),
        ON(valkey, "Valkey: two brokers are killed at random", test_two_brokers_killed_at_random),
        ON(valkey, "Valkey: a server is restarted under load", test_a_server_restarted_under_load),
        ON(valkey, "Valkey: a full server refuses, and is read",
           test_a_full_valkey_refuses_and_is_read),
        ON(valkey, "Valkey: work of one broker wakes a worker of the other",
           test_work_of_one_broker_wakes_a_worker_of_the_other),
    };

    return ff_run_rows("shared", NULL, 0, tests, sizeof(tests) / sizeof(tests[0]));
}
