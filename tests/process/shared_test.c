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
#include "tests/process/daemon.h"
#include "tests/rig/pg_server.h"
#include "tests/rig/server.h"

/* Calls begun or answered between two kills. */
#define STEPS_MAX 600

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

/* ---- several brokers ---- */

#define BROKERS_MAX 3

struct team {
    const struct server *server;
    struct ff_daemon brokers[BROKERS_MAX];
    char lines[FF_PG_URL_MAX + 32];
};

/* *state: which server. */
static int
open_team(void **state)
{
    struct team *team = calloc(1, sizeof(*team));
    char url[FF_PG_URL_MAX];

    assert_non_null(team);
    team->server = *state;
    if (!team->server->there()) {
        free(team);
        *state = NULL;
        skip();
    }
    team->server->fresh(url);
    snprintf(team->lines, sizeof(team->lines), "store = \"%s\"", url);
    for (int i = 0; i < BROKERS_MAX; i++) {
        ff_daemon_init(&team->brokers[i]);
    }
    *state = team;
    return 0;
}

static int
close_team(void **state)
{
    struct team *team = *state;

    for (int i = 0; team != NULL && i < BROKERS_MAX; i++) {
        ff_daemon_done(&team->brokers[i]);
    }
    free(team);
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
kill_at_random(struct team *team, uint32_t n)
{
    uint32_t rounds = number_from("FF_ROUNDS", 4), seed = number_from("FF_SEED", 1);
    const char *addresses[BROKERS_MAX];
    struct ff_crew crew;

    for (uint32_t i = 0; i < n; i++) {
        ff_daemon_start(&team->brokers[i], team->lines);
        addresses[i] = team->brokers[i].worker;
    }
    ff_crew_start_on(&crew, addresses, n, seed);
    for (uint32_t i = 0; i < rounds && !ff_crew_is_stopping(&crew); i++) {
        struct ff_daemon *broker = &team->brokers[(uint32_t) rand_r(&crew.seed) % n];

        ff_crew_await(&crew, 1 + (uint64_t) rand_r(&crew.seed) % STEPS_MAX);
        ff_daemon_kill(broker);
        ff_daemon_start(broker, team->lines);
    }
    ff_crew_await(&crew, STEPS_MAX);
    ff_crew_stop(&crew);
    assert_true(crew.n_created > rounds && crew.n_completed > rounds);
    for (uint32_t i = 0; i < n; i++) {
        check(&crew, &team->brokers[i]);
    }
    ff_crew_done(&crew);
    for (uint32_t i = 0; i < n; i++) {
        ff_daemon_stop(&team->brokers[i]);
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
    struct team *team = *state;
    struct ff_crew crew;

    ff_daemon_start(&team->brokers[0], team->lines);
    ff_crew_start(&crew, team->brokers[0].worker, 1);
    for (int i = 0; i < 4 && !ff_crew_is_stopping(&crew); i++) {
        ff_crew_await(&crew, STEPS_MAX / 2);
        team->server->stop(i % 2 == 0);
        team->server->start();
    }
    ff_crew_await(&crew, STEPS_MAX / 2);
    ff_crew_stop(&crew);
    check(&crew, &team->brokers[0]);
    ff_crew_done(&crew);
    ff_daemon_stop(&team->brokers[0]);
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
    struct team *team = *state;
    struct ff_eid there, refused = ff_test_eid();
    struct ff_client *client = NULL;
    struct ff_answer answer = { 0 }, later = { 0 };

    ff_daemon_start(&team->brokers[0], team->lines);
    client = ff_test_client(team->brokers[0].worker, NULL);
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
    ff_daemon_stop(&team->brokers[0]);
}

#define ON(server_, name_, test_)                                                                  \
    {                                                                                              \
        .name = (name_), .test_func = (test_), .setup_func = open_team,                            \
        .teardown_func = close_team, .initial_state = (void *) (uintptr_t) & (server_)             \
    }

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        ON(postgres, "PostgreSQL: two brokers are killed at random",
           test_two_brokers_killed_at_random),
        ON(postgres, "PostgreSQL: a server is restarted under load",
           test_a_server_restarted_under_load),
        ON(postgres, "PostgreSQL: three brokers are killed at random",
           test_three_brokers_killed_at_random),
        ON(valkey, "Valkey: two brokers are killed at random", test_two_brokers_killed_at_random),
        ON(valkey, "Valkey: a server is restarted under load", test_a_server_restarted_under_load),
        ON(valkey, "Valkey: a full server refuses, and is read",
           test_a_full_valkey_refuses_and_is_read),
        ON(valkey, "Valkey: three brokers are killed at random",
           test_three_brokers_killed_at_random),
    };

    return ff_run_rows("shared", NULL, 0, tests, sizeof(tests) / sizeof(tests[0]));
}
