/* failover_test.c: two whole daemons under load, and a server that is killed and replaced by the
 * one that has followed it: they go on by themselves, and what was acknowledged holds.
 *
 * FF_SEED: of the load.
 */
#include <stdio.h>

#include "core/clock.h"
#include "tests/process/calls.h"
#include "tests/process/fleet.h"

/* Calls begun or answered before a server is killed, and after it. */
#define STEPS 1500

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

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        FF_FLEET_TEST(ff_fleet_postgres, "PostgreSQL: a standby takes over",
                      test_a_standby_takes_over),
    };

    return ff_run_rows("failover", NULL, 0, tests, FF_COUNT(tests));
}
