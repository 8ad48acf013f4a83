/* fleet_test.c: two and three whole daemons on one server: what one leaves behind the others do, in
 * time, one of them can be drained by itself, and whatever happens to them or to their server,
 * what was acknowledged holds. On PostgreSQL and on Valkey.
 *
 * FF_ROUNDS: how often they are struck; FF_SEED: of instants and victims.
 */
#include <stdio.h>

#include "core/clock.h"
#include "core/partition.h"
#include "tests/process/calls.h"
#include "tests/process/crew.h"
#include "tests/process/fleet.h"
#include "tests/process/tree.h"

#define TTL_MS 60000

static void
must(ff_err err, struct ff_answer *answer)
{
    if (err != FF_E_OK) {
        fail_msg("%s", ff_answer_text(answer));
    }
}

/* ---- a drain ---- */

/* It ends with what is still running, as the daemon says it. */
static void
expect_running(struct ff_client *control, const char *what)
{
    const struct ff_drain_args args = { .grace_ms = 1 };
    struct ff_drain_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_drain(control, &args, &result, &answer), FF_E_TIMEOUT);
    assert_string_equal(answer.fault.message, what);
}

static void
complete(struct ff_client *client, const struct ff_claim_result *claimed)
{
    const struct ff_complete_args args = { .handle = *claimed->handle };
    struct ff_complete_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    must(ff_client_complete(client, &args, &result, &answer), &answer);
}

static void
test_a_drain_waits_for_the_daemons_own_workers(void **state)
{
    struct ff_fleet *fleet = *state;
    const struct ff_drain_args args = { .grace_ms = TTL_MS };
    struct ff_claim_args claim_here = ff_test_claim_args("here", TTL_MS, 30000);
    struct ff_claim_args claim_there = ff_test_claim_args("there", TTL_MS, 30000);
    struct ff_claim_result held_here = { 0 }, held_there = { 0 };
    struct ff_client *here = NULL, *there = NULL, *control = NULL;
    struct ff_pending draining;
    FF_SCOPED(ff_answer) of_here = { 0 };
    FF_SCOPED(ff_answer) of_there = { 0 };
    FF_SCOPED(ff_answer) of_more = { 0 };

    ff_fleet_start_whole(fleet, 2, NULL);
    here = ff_test_client(fleet->daemons[0].worker, NULL);
    there = ff_test_client(fleet->daemons[1].worker, NULL);
    control = ff_test_control(&fleet->daemons[0]);
    ff_test_create(here);
    held_here = ff_test_claim(here, &claim_here, &of_here);
    ff_test_create(here);
    held_there = ff_test_claim(there, &claim_there, &of_there);
    expect_running(control, "work is still running: executions 1, workers 1");
    ff_pending_start(&draining, control, FF_OP_drain, &args);
    complete(here, &held_here);
    assert_int_equal(ff_pending_await(&draining), FF_E_OK);
    ff_pending_done(&draining);
    ff_test_create(here); /* it takes work in, for the other one */
    (void) ff_test_claim(there, &claim_there, &of_more);
    complete(there, &held_there);
    ff_client_close(here);
    ff_client_close(there);
    ff_client_close(control);
}

/* A broker that was started again has not given the lease, but the worker is connected to it. */
static void
test_a_drain_knows_workers_from_before_a_restart(void **state)
{
    struct ff_fleet *fleet = *state;
    struct ff_claim_args claim = ff_test_claim_args("here", TTL_MS, 30000);
    struct ff_claim_result held = { 0 };
    struct ff_client *here = NULL, *control = NULL, *other = NULL;
    FF_SCOPED(ff_answer) answer = { 0 };

    ff_fleet_start_whole(fleet, 2, NULL);
    here = ff_test_client(fleet->daemons[0].worker, "here");
    control = ff_test_control(&fleet->daemons[0]);
    other = ff_test_control(&fleet->daemons[1]);
    ff_test_create(here);
    held = ff_test_claim(here, &claim, &answer);
    (void) ff_tree_await(control, "broker", FF_CHILD_READY, ff_tree_kill(control, "broker"));
    ff_test_ping(here); /* it has come back */
    expect_running(control, "work is still running: executions 1, workers 1");
    {
        const struct ff_drain_args args = { .grace_ms = TTL_MS };
        struct ff_drain_result result = { 0 };
        FF_SCOPED(ff_answer) drained = { 0 };

        must(ff_client_drain(other, &args, &result, &drained), &drained);
    }
    complete(here, &held);
    ff_client_close(here);
    ff_client_close(control);
    ff_client_close(other);
}

/* ---- what is left behind ---- */

/* A broker looks at what others have left to be done every second; the rest is a busy machine, on
 * which it is so many times as long as one call takes. */
#define LATE_MAX_MS 1750
#define LATE_CALLS_MAX 10
/* A measurement of the server's clock errs by half of its round trip, on a busy machine. */
#define EARLY_MAX_MS 500

static const struct row {
    const char *name;
    const struct ff_fleet_server *server;
    uint64_t delay_ms; /* until it is due */
    bool lease;        /* what falls due is a lease, not a delay */
} rows[] = {
    { "PostgreSQL: a short delay of a daemon that is gone", &ff_fleet_postgres, 100, false },
    { "PostgreSQL: a delay of a daemon that is gone", &ff_fleet_postgres, 2500, false },
    { "PostgreSQL: a lease of a daemon that is gone", &ff_fleet_postgres, 2500, true },
    { "Valkey: a short delay of a daemon that is gone", &ff_fleet_valkey, 100, false },
    { "Valkey: a delay of a daemon that is gone", &ff_fleet_valkey, 2500, false },
    { "Valkey: a lease of a daemon that is gone", &ff_fleet_valkey, 2500, true },
};

/* Leaves something that falls due; returns when. */
static int64_t
leave_behind(struct ff_client *client, const struct row *row)
{
    struct ff_create_execution_args args = ff_test_create_args(ff_test_eid(), ff_cstr(NULL));
    struct ff_create_execution_result result = { 0 };
    struct ff_claim_args claim = ff_test_claim_args("gone", row->delay_ms, 30000);
    FF_SCOPED(ff_answer) created = { 0 };
    FF_SCOPED(ff_answer) claimed = { 0 };
    int64_t due_ms = ff_wall_ms() + (int64_t) row->delay_ms;

    args.delay_until = FF_SOME(ff_opt_i64, row->lease ? 0 : due_ms);
    must(ff_client_create_execution(client, &args, &result, &created), &created);
    if (row->lease) {
        return ff_test_claim(client, &claim, &claimed).lease_expires_at.v;
    }
    return due_ms;
}

/* Nothing of the whole daemon is left when this returns. */
static void
kill_whole(struct ff_daemon *daemon)
{
    struct ff_client *control = ff_test_control(daemon);
    struct ff_tree_view view;

    ff_tree_look(control, &view);
    (void) ff_tree_kill(control, "broker");
    ff_daemon_kill(daemon);
    ff_tree_await_gone(&view);
    ff_client_close(control);
}

static void
test_what_falls_due(void **state)
{
    const struct row *row = *state;
    struct ff_claim_args claim = ff_test_claim_args("there", TTL_MS, 30000);
    struct ff_claim_result claimed = { 0 };
    struct ff_client *here = NULL, *there = NULL;
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_fleet fleet;
    int64_t call_ms = 0, due_ms = 0, late_ms = 0;

    if (!ff_fleet_open(&fleet, row->server)) {
        skip();
    }
    ff_fleet_start_whole(&fleet, 2, NULL);
    here = ff_test_client(fleet.daemons[0].worker, NULL);
    there = ff_test_client(fleet.daemons[1].worker, NULL);
    call_ms = ff_mono_ms();
    due_ms = leave_behind(here, row);
    call_ms = ff_mono_ms() - call_ms;
    kill_whole(&fleet.daemons[0]);
    due_ms = ff_wall_ms() > due_ms ? ff_wall_ms() : due_ms; /* that may have taken long */
    claimed = ff_test_claim(there, &claim, &answer);
    late_ms = ff_wall_ms() - due_ms;
    print_message("%lld ms late\n", (long long) late_ms);
    assert_true(late_ms >= -EARLY_MAX_MS);
    assert_true(late_ms <= LATE_MAX_MS + LATE_CALLS_MAX * call_ms);
    complete(there, &claimed);
    ff_client_close(here);
    ff_client_close(there);
    ff_fleet_close(&fleet);
}

/* ---- everything at once ---- */

/* Calls begun or answered between two blows. */
#define STEPS_MAX 600

/* One of the kinds of harm that come to a fleet; kinds take turns, victims are picked. */
static void
strike(struct ff_fleet *fleet, uint32_t round, uint32_t victim)
{
    struct ff_daemon *daemon = &fleet->daemons[victim];
    struct ff_client *control = NULL;

    switch (round % 5) {
    case 0:
        kill_whole(daemon);
        ff_fleet_start_again(fleet, victim);
        break;
    case 1:
        ff_relay_cut(fleet->relays[victim], FF_RELAY_CUT_REPLY); /* of a commit, most likely */
        break;
    case 2:
        fleet->server->stop(round % 2 == 0);
        fleet->server->start();
        break;
    case 3:
        ff_relay_cut(fleet->relays[victim], FF_RELAY_CUT_REQUEST);
        break;
    default:
        control = ff_test_control(daemon);
        (void) ff_tree_await(control, "broker", FF_CHILD_READY, ff_tree_kill(control, "broker"));
        ff_client_close(control);
    }
}

/* What one creates wakes the other; in a lane where nothing else is. */
static void
expect_wake_up(const struct ff_daemon *from, const struct ff_daemon *to)
{
    struct ff_create_execution_args args = ff_test_create_args(ff_test_eid(), ff_cstr(NULL));
    struct ff_claim_args claim = ff_test_claim_args("waker", TTL_MS, 30000);
    struct ff_create_execution_result result = { 0 };
    struct ff_claim_result claimed = { 0 };
    struct ff_client *here = ff_test_client(from->worker, NULL);
    struct ff_client *there = ff_test_client(to->worker, NULL);
    struct ff_pending waiting;
    FF_SCOPED(ff_answer) answer = { 0 };

    args.lane_id = claim.lane_id = ff_cstr("waking");
    args.execution_id.partition = ff_partition_of_lane(args.lane_id, 256);
    ff_pending_start(&waiting, there, FF_OP_claim, &claim);
    ff_test_ping(there); /* it waits by now */
    must(ff_client_create_execution(here, &args, &result, &answer), &answer);
    must(ff_pending_await(&waiting), &waiting.answer);
    must(ff_answer_result(&waiting.answer, FF_OP_claim, &claimed), &waiting.answer);
    assert_string_equal(claimed.outcome, "claimed");
    complete(there, &claimed);
    ff_pending_done(&waiting);
    ff_client_close(here);
    ff_client_close(there);
}

static void
strike_at_random(struct ff_fleet *fleet, uint32_t n)
{
    uint32_t rounds = ff_test_number("FF_ROUNDS", 5), seed = ff_test_number("FF_SEED", 1);
    const char *addresses[FF_FLEET_MAX];
    struct ff_crew crew;

    for (uint32_t i = 0; i < n; i++) {
        ff_fleet_relay(fleet, i);
        addresses[i] = fleet->daemons[i].worker;
    }
    ff_fleet_start_whole(fleet, n, "restart_max = 100\n");
    ff_crew_start_on(&crew, addresses, n, seed);
    for (uint32_t i = 0; i < rounds && !ff_crew_is_stopping(&crew); i++) {
        uint32_t victim = (uint32_t) rand_r(&crew.seed) % n;

        ff_crew_await(&crew, 1 + (uint64_t) rand_r(&crew.seed) % STEPS_MAX);
        strike(fleet, i, victim);
    }
    ff_crew_await(&crew, STEPS_MAX);
    ff_crew_stop(&crew);
    assert_true(crew.n_created > rounds && crew.n_completed > rounds);
    for (uint32_t i = 0; i < n; i++) {
        ff_fleet_check(fleet, i, &crew);
        expect_wake_up(&fleet->daemons[i], &fleet->daemons[(i + 1) % n]);
    }
    ff_crew_done(&crew);
    for (uint32_t i = 0; i < n; i++) {
        ff_daemon_stop(&fleet->daemons[i]);
    }
    ff_fleet_expect_sound(fleet);
}

static void
test_two_daemons_struck_at_random(void **state)
{
    strike_at_random(*state, 2);
}

static void
test_three_daemons_struck_at_random(void **state)
{
    strike_at_random(*state, 3);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        FF_FLEET_TEST(ff_fleet_postgres, "PostgreSQL: a drain waits for the daemon's own workers",
                      test_a_drain_waits_for_the_daemons_own_workers),
        FF_FLEET_TEST(ff_fleet_valkey, "Valkey: a drain waits for the daemon's own workers",
                      test_a_drain_waits_for_the_daemons_own_workers),
        FF_FLEET_TEST(ff_fleet_valkey, "Valkey: a drain knows workers from before a restart",
                      test_a_drain_knows_workers_from_before_a_restart),
        FF_FLEET_TEST(ff_fleet_postgres, "PostgreSQL: two daemons are struck at random",
                      test_two_daemons_struck_at_random),
        FF_FLEET_TEST(ff_fleet_valkey, "Valkey: two daemons are struck at random",
                      test_two_daemons_struck_at_random),
        FF_FLEET_TEST(ff_fleet_postgres, "PostgreSQL: three daemons are struck at random",
                      test_three_daemons_struck_at_random),
        FF_FLEET_TEST(ff_fleet_valkey, "Valkey: three daemons are struck at random",
                      test_three_daemons_struck_at_random),
    };
    const struct ff_rows tables[] = { FF_ROWS(rows, test_what_falls_due) };

    return ff_run_rows("fleet", tables, 1, tests, FF_COUNT(tests));
}
