/* fleet.h: up to three brokers, or whole daemons, on one server of the test's own, PostgreSQL or
 * Valkey; each may reach it through a relay that cuts it off.
 */
#ifndef FF_TESTS_PROCESS_FLEET_H
#define FF_TESTS_PROCESS_FLEET_H

#include "tests/process/crew.h"
#include "tests/process/daemon.h"
#include "tests/rig/pg_server.h"
#include "tests/rig/relay.h"
#include "tests/rig/server.h"

#define FF_FLEET_MAX 3

/* A server whose replies are durable. */
struct ff_fleet_server {
    bool (*there)(void);
    void (*fresh)(char url[FF_PG_URL_MAX]); /* a store without a record in it */
    /* Where it listens, and the URL of the same store at another socket, which is to be `path`. */
    void (*through)(const char *url, const char *dir, char socket[FF_PG_URL_MAX],
                    char path[FF_PG_URL_MAX], char relayed_url[FF_PG_URL_MAX]);
    void (*stop)(bool kill);
    void (*start)(void);
};

extern const struct ff_fleet_server ff_fleet_postgres, ff_fleet_valkey;
/* What ff_fleet_valkey stands for, once one is open. */
extern struct ff_test_server ff_fleet_redis;

struct ff_fleet {
    const struct ff_fleet_server *server;
    char url[FF_PG_URL_MAX];
    struct ff_daemon daemons[FF_FLEET_MAX];
    struct ff_relay *relays[FF_FLEET_MAX]; /* NULL: none */
    char lines[FF_FLEET_MAX][1024];
};

/* Of cmocka: *state is the server at first, and then a fleet, of which nothing is started; skips
 * where there is no such server. */
int ff_fleet_setup(void **state);
int ff_fleet_teardown(void **state);
/* The same for tests with states of their own. False: there is no such server. */
bool ff_fleet_open(struct ff_fleet *fleet, const struct ff_fleet_server *server);
void ff_fleet_close(struct ff_fleet *fleet);

/* From its next start on it reaches the server through a relay. */
void ff_fleet_relay(struct ff_fleet *fleet, uint32_t i);
/* What it has in its file beside the store; NULL: nothing more. */
void ff_fleet_start(struct ff_fleet *fleet, uint32_t i, const char *lines);
/* After kill -9: with what it had. */
void ff_fleet_start_again(struct ff_fleet *fleet, uint32_t i);
/* The first n as whole daemons. */
void ff_fleet_start_whole(struct ff_fleet *fleet, uint32_t n, const char *lines);
/* Daemon i has what was acknowledged to the crew. */
void ff_fleet_check(struct ff_fleet *fleet, uint32_t i, struct ff_crew *crew);
/* Nobody runs on it any more: what is left must be what daemons may leave. */
void ff_fleet_expect_sound(const struct ff_fleet *fleet);

#define FF_FLEET_TEST(server_, name_, test_)                                                       \
    {                                                                                              \
        .name = (name_), .test_func = (test_), .setup_func = ff_fleet_setup,                       \
        .teardown_func = ff_fleet_teardown, .initial_state = (void *) (uintptr_t) & (server_)      \
    }

#endif
