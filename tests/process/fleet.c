#include "tests/process/fleet.h"

#include <signal.h>
#include <stdio.h>

#include "tests/process/calls.h"
#include "tests/process/ffctl.h"

/* ---- servers ---- */

/* libpq knows a server by the directory of its socket. */
static void
pg_through(const char *url, const char *dir, char socket[FF_PG_URL_MAX], char path[FF_PG_URL_MAX],
           char relayed_url[FF_PG_URL_MAX])
{
    const char *host = strstr(url, "host=") + strlen("host=");

    snprintf(socket, FF_PG_URL_MAX, "%s/.s.PGSQL.5432", host);
    snprintf(path, FF_PG_URL_MAX, "%s/.s.PGSQL.5432", dir);
    snprintf(relayed_url, FF_PG_URL_MAX, "%.*s%s", (int) (host - url), url, dir);
}

const struct ff_fleet_server ff_fleet_postgres = { ff_pg_there, ff_pg_fresh, pg_through, ff_pg_stop,
                                                   ff_pg_start };

/* Nothing acknowledged may be lost, so it syncs before it answers. */
static const char *const durable[] = { "--appendonly", "yes", "--appendfsync", "always", NULL };
struct ff_test_server ff_fleet_redis;

static bool
redis_there(void)
{
    return true; /* the package list has it */
}

static void
redis_end(void)
{
    ff_test_server_stop(&ff_fleet_redis);
}

static void
redis_fresh(char url[FF_PG_URL_MAX])
{
    static unsigned stores;

    if (ff_fleet_redis.dir[0] == '\0') {
        ff_test_server_start(&ff_fleet_redis, durable);
        atexit(redis_end);
    }
    snprintf(url, FF_PG_URL_MAX, "valkey://%s?prefix=t%u", ff_fleet_redis.socket, ++stores);
}

static void
redis_through(const char *url, const char *dir, char socket[FF_PG_URL_MAX],
              char path[FF_PG_URL_MAX], char relayed_url[FF_PG_URL_MAX])
{
    snprintf(socket, FF_PG_URL_MAX, "%s", ff_fleet_redis.socket);
    snprintf(path, FF_PG_URL_MAX, "%s/server.sock", dir);
    snprintf(relayed_url, FF_PG_URL_MAX, "valkey://%s%s", path, strchr(url, '?'));
}

static void
redis_stop(bool kill)
{
    ff_test_server_kill(&ff_fleet_redis, kill ? SIGKILL : SIGTERM);
}

static void
redis_start(void)
{
    ff_test_server_restart(&ff_fleet_redis);
}

const struct ff_fleet_server ff_fleet_valkey = { redis_there, redis_fresh, redis_through,
                                                 redis_stop, redis_start };

/* ---- fleets ---- */

bool
ff_fleet_open(struct ff_fleet *fleet, const struct ff_fleet_server *server)
{
    *fleet = (struct ff_fleet){ .server = server };
    if (!server->there()) {
        return false;
    }
    server->fresh(fleet->url);
    for (int i = 0; i < FF_FLEET_MAX; i++) {
        ff_daemon_init(&fleet->daemons[i]);
    }
    return true;
}

void
ff_fleet_close(struct ff_fleet *fleet)
{
    for (int i = 0; i < FF_FLEET_MAX; i++) {
        ff_daemon_done(&fleet->daemons[i]);
        ff_relay_stop(fleet->relays[i]);
    }
}

int
ff_fleet_setup(void **state)
{
    struct ff_fleet *fleet = calloc(1, sizeof(*fleet));

    assert_non_null(fleet);
    if (!ff_fleet_open(fleet, *state)) {
        free(fleet);
        *state = NULL;
        skip();
    }
    *state = fleet;
    return 0;
}

int
ff_fleet_teardown(void **state)
{
    if (*state != NULL) {
        ff_fleet_close(*state);
        free(*state);
    }
    return 0;
}

void
ff_fleet_relay(struct ff_fleet *fleet, uint32_t i)
{
    char socket[FF_PG_URL_MAX], path[FF_PG_URL_MAX], url[FF_PG_URL_MAX];

    fleet->server->through(fleet->url, fleet->daemons[i].dir, socket, path, url);
    fleet->relays[i] = ff_relay_start_at(socket, path);
}

void
ff_fleet_start(struct ff_fleet *fleet, uint32_t i, const char *lines)
{
    char socket[FF_PG_URL_MAX], path[FF_PG_URL_MAX], url[FF_PG_URL_MAX];

    fleet->server->through(fleet->url, fleet->daemons[i].dir, socket, path, url);
    snprintf(fleet->lines[i], sizeof(fleet->lines[i]), "store = \"%s\"\n%s",
             fleet->relays[i] == NULL ? fleet->url : url, lines == NULL ? "" : lines);
    ff_daemon_start(&fleet->daemons[i], fleet->lines[i]);
}

void
ff_fleet_start_again(struct ff_fleet *fleet, uint32_t i)
{
    ff_daemon_start(&fleet->daemons[i], fleet->lines[i]);
}

void
ff_fleet_start_whole(struct ff_fleet *fleet, uint32_t n, const char *lines)
{
    for (uint32_t i = 0; i < n; i++) {
        fleet->daemons[i].tree = true;
        ff_fleet_start(fleet, i, lines);
    }
}

void
ff_fleet_check(struct ff_fleet *fleet, uint32_t i, struct ff_crew *crew)
{
    struct ff_client *client = ff_test_client(fleet->daemons[i].worker, NULL);

    ff_crew_check(crew, client);
    ff_client_close(client);
}

void
ff_fleet_expect_sound(const struct ff_fleet *fleet)
{
    char line[FF_PG_URL_MAX + 32];

    snprintf(line, sizeof(line), "store check '%s'", fleet->url);
    assert_says(ffctl(&fleet->daemons[0], line), "sound\n[0]");
}
