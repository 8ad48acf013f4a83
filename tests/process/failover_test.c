/* failover_test.c: two whole daemons under load, and a server that is killed and replaced by the
 * one that has followed it: they go on by themselves, and what was acknowledged holds.
 *
 * FF_SEED: of the load.
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/process/calls.h"
#include "tests/process/fleet.h"

/* Calls begun or answered before a server is killed, and after it. */
#define STEPS 800

static void
start_crew(struct ff_crew *crew, const struct ff_fleet *fleet)
{
    const char *addresses[] = { fleet->daemons[0].worker, fleet->daemons[1].worker };

    ff_crew_start_on(crew, addresses, 2, ff_test_number("FF_SEED", 1));
    ff_crew_await(crew, STEPS);
}

/* Told only: how long it takes depends on the machine. */
static void
say_back(struct ff_crew *crew, int64_t killed_ms)
{
    ff_crew_await(crew, 100);
    print_message("at work again after %lld ms\n", (long long) (ff_mono_ms() - killed_ms));
}

/* Work has gone on; nothing acknowledged is missing, for either of them. */
static void
end_crew(struct ff_crew *crew, struct ff_fleet *fleet)
{
    ff_crew_await(crew, STEPS);
    ff_crew_stop(crew);
    for (uint32_t i = 0; i < 2; i++) {
        ff_fleet_check(fleet, i, crew);
    }
    ff_crew_done(crew);
    for (uint32_t i = 0; i < 2; i++) {
        ff_daemon_stop(&fleet->daemons[i]);
    }
    ff_fleet_expect_sound(fleet);
}

/* ---- PostgreSQL ---- */

static const char completed_once[] =
    "SELECT count(*) > 0 AND count(*) = count(DISTINCT execution_id) FROM flowfabric_read.event"
    " WHERE family = 'completion'";

static void
test_a_standby_takes_over(void **state)
{
    struct ff_fleet *fleet = *state;
    struct ff_crew crew;
    int64_t killed_ms = 0;

    ff_pg_standby_start(fleet->url);
    ff_fleet_start_whole(fleet, 2, NULL);
    start_crew(&crew, fleet);
    killed_ms = ff_mono_ms();
    ff_pg_fail_over();
    say_back(&crew, killed_ms);
    end_crew(&crew, fleet);
    assert_string_equal(ff_pg_standby_text(completed_once), "t");
    ff_pg_standby_stop();
}

/* ---- Valkey ---- */

#define SETTINGS_MAX 16

/* Two servers that take turns, and the socket that is whichever one is to be used. */
struct pair {
    struct ff_test_server servers[2];
    const char *settings[2][SETTINGS_MAX];
    char ports[2][8];
    char current[160];
};

static void
pick_port(char port[8])
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *) &at, sizeof(at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &at, &size), 0);
    snprintf(port, 8, "%u", (unsigned) ntohs(at.sin_port));
    close(fd);
}

/* follows: it is a replica of the other one. */
static void
set_role(struct pair *pair, int i, bool follows)
{
    const char *const settings[SETTINGS_MAX] = {
        "--port",
        pair->ports[i],
        "--appendonly",
        "yes",
        "--repl-diskless-sync-delay",
        "0",
        follows ? "--replicaof" : NULL,
        "127.0.0.1",
        pair->ports[1 - i],
    };

    memcpy(pair->settings[i], settings, sizeof(settings));
}

/* What a virtual address or a proxy does where servers are on hosts of their own. */
static void
point_to(struct pair *pair, int i)
{
    char fresh[sizeof(pair->current) + 8];

    snprintf(fresh, sizeof(fresh), "%s.new", pair->current);
    assert_int_equal(symlink(pair->servers[i].socket, fresh), 0);
    assert_int_equal(rename(fresh, pair->current), 0);
}

static void
start_pair(struct pair *pair, struct ff_fleet *fleet)
{
    snprintf(pair->current, sizeof(pair->current), "%s/current", fleet->daemons[0].dir);
    for (int i = 0; i < 2; i++) {
        pick_port(pair->ports[i]);
    }
    for (int i = 0; i < 2; i++) {
        set_role(pair, i, i == 1);
        ff_test_server_start(&pair->servers[i], pair->settings[i]);
    }
    point_to(pair, 0);
    snprintf(fleet->url, sizeof(fleet->url), "valkey://%s?replicas=1&patience_ms=30000",
             pair->current);
}

static void
fail_over(struct pair *pair, int from)
{
    const struct ff_test_server *next = &pair->servers[1 - from];

    ff_test_server_kill(&pair->servers[from], SIGKILL);
    assert_string_equal(ff_test_server_say(next, "REPLICAOF", "NO", "ONE", NULL), "OK");
    assert_string_equal(ff_test_server_say(next, "FUNCTION", "FLUSH", NULL), "OK");
    point_to(pair, 1 - from);
    set_role(pair, from, true);
    ff_test_server_restart(&pair->servers[from]); /* commits wait for it */
}

/* There and back again. */
static void
test_a_replica_takes_over(void **state)
{
    struct ff_fleet *fleet = *state;
    struct pair pair;
    struct ff_crew crew;

    start_pair(&pair, fleet);
    ff_fleet_start_whole(fleet, 2, NULL);
    start_crew(&crew, fleet);
    for (int i = 0; i < 2; i++) {
        int64_t killed_ms = ff_mono_ms();

        fail_over(&pair, i);
        say_back(&crew, killed_ms);
    }
    end_crew(&crew, fleet);
    for (int i = 0; i < 2; i++) {
        ff_test_server_stop(&pair.servers[i]);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        FF_FLEET_TEST(ff_fleet_postgres, "PostgreSQL: a standby takes over",
                      test_a_standby_takes_over),
        FF_FLEET_TEST(ff_fleet_valkey, "Valkey: a replica takes over", test_a_replica_takes_over),
    };

    return ff_run_rows("failover", NULL, 0, tests, FF_COUNT(tests));
}
