/* news_test.c: what one of two brokers on a store commits wakes calls that wait with the other; and
 * both go by one clock. */
#include <stdio.h>

#include "core/clock.h"
#include "tests/process/calls.h"
#include "tests/process/fleet.h"

#define WAKES 15
/* Far more than a wake-up takes, and less than the half second that it would take on average until
 * a broker looks by itself; and on a machine that is busy with other things so many times as long
 * as the call took that woke it. */
#define WAKE_MEDIAN_MAX_MS 250
#define WAKE_CALLS_MAX 4
/* A measurement errs by half of its round trip, on a busy machine. */
#define CLOCKS_APART_MAX_MS 2000

/* Skips the test where there is no such server. */
static void
start_fleet(struct ff_fleet *fleet, bool postgres)
{
    if (!ff_fleet_open(fleet, postgres ? &ff_fleet_postgres : &ff_fleet_valkey)) {
        skip();
    }
    ff_fleet_start(fleet, 0, NULL);
    ff_fleet_start(fleet, 1, NULL);
}

static void
stop_fleet(struct ff_fleet *fleet)
{
    ff_daemon_stop(&fleet->daemons[0]);
    ff_daemon_stop(&fleet->daemons[1]);
    ff_fleet_close(fleet);
}

/* One broker where things happen, and one with which a call waits for them. */
struct scene {
    struct ff_client *here, *admin, *there;
    struct ff_claim_args claim;
    struct ff_claim_result held; /* of an execution that runs */
    struct ff_answer kept;       /* of that claim */
    struct ff_pending waiting;
};

static void
must(ff_err err, struct ff_answer *answer)
{
    if (err != FF_E_OK) {
        fail_msg("%s", ff_answer_text(answer));
    }
}

static void
complete_held(struct scene *scene)
{
    const struct ff_complete_args args = { .handle = *scene->held.handle };
    struct ff_complete_result result;
    FF_SCOPED(ff_answer) answer = { 0 };

    must(ff_client_complete(scene->here, &args, &result, &answer), &answer);
    ff_answer_done(&scene->kept);
}

static void
hold_one(struct scene *scene)
{
    ff_test_create(scene->here);
    scene->held = ff_test_claim(scene->here, &scene->claim, &scene->kept);
}

static void
set_lane(struct scene *scene, enum ff_lane_state state)
{
    const struct ff_set_lane_state_args args = { .lane_id = ff_cstr(FF_TEST_LANE), .state = state };
    struct ff_set_lane_state_result result;
    FF_SCOPED(ff_answer) answer = { 0 };

    must(ff_client_set_lane_state(scene->admin, &args, &result, &answer), &answer);
}

static void
wait_for_work(struct scene *scene)
{
    ff_pending_start(&scene->waiting, scene->there, FF_OP_claim, &scene->claim);
}

static void
make_work(struct scene *scene)
{
    ff_test_create(scene->here);
}

static void
wait_for_lane(struct scene *scene)
{
    set_lane(scene, FF_LANE_PAUSED);
    make_work(scene);
    wait_for_work(scene);
}

static void
open_lane(struct scene *scene)
{
    set_lane(scene, FF_LANE_ACTIVE);
}

static void
wait_for_frame(struct scene *scene)
{
    struct ff_tail_stream_args args = { .after = ff_cstr("0-0"), .block_ms = 30000, .limit = 10 };

    hold_one(scene);
    args.execution_id = scene->held.execution_id.v;
    args.attempt_index = scene->held.attempt_index.v;
    ff_pending_start(&scene->waiting, scene->there, FF_OP_tail_stream, &args);
}

static void
append_frame(struct scene *scene)
{
    const struct ff_append_frame_args args = {
        .handle = *scene->held.handle,
        .frame = { .bytes = ff_cstr("hello"), .kind = ff_cstr("event"), .frame_type = ff_cstr("") }
    };
    struct ff_append_frame_result result;
    FF_SCOPED(ff_answer) answer = { 0 };

    must(ff_client_append_frame(scene->here, &args, &result, &answer), &answer);
}

static void
wait_for_event(struct scene *scene)
{
    struct ff_read_events_args args = { .family = FF_FAMILY_COMPLETION, .limit = 100 };
    struct ff_read_events_result now = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    hold_one(scene);
    must(ff_client_read_events(scene->there, &args, &now, &answer), &answer);
    args.cursor = now.cursor;
    args.block_ms = 30000;
    ff_pending_start(&scene->waiting, scene->there, FF_OP_read_events, &args);
}

static const struct waking {
    const char *name;
    bool postgres;
    void (*wait)(struct scene *scene);
    void (*act)(struct scene *scene);
    bool claims; /* the waiting call gets an execution */
    bool holds;  /* the execution that runs is completed at last */
} wakings[] = {
    { "PostgreSQL: work wakes a worker of the other broker", true, wait_for_work, make_work, true,
      false },
    { "PostgreSQL: a lane that is opened wakes", true, wait_for_lane, open_lane, true, false },
    { "PostgreSQL: a frame wakes", true, wait_for_frame, append_frame, false, true },
    { "PostgreSQL: an event wakes", true, wait_for_event, complete_held, false, false },
    { "Valkey: work wakes a worker of the other broker", false, wait_for_work, make_work, true,
      false },
    { "Valkey: a lane that is opened wakes", false, wait_for_lane, open_lane, true, false },
    { "Valkey: a frame wakes", false, wait_for_frame, append_frame, false, true },
    { "Valkey: an event wakes", false, wait_for_event, complete_held, false, false },
};

static int
by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

struct took {
    int64_t call_ms, wake_ms;
};

static struct took
wake_once(struct scene *scene, const struct waking *waking)
{
    struct took took = { 0 };
    int64_t from = 0;

    waking->wait(scene);
    ff_test_ping(scene->there); /* answered behind it: it waits by now, or is about to */
    from = ff_mono_ms();
    waking->act(scene);
    took.call_ms = ff_mono_ms() - from;
    assert_int_equal(ff_pending_await(&scene->waiting), FF_E_OK);
    took.wake_ms = ff_mono_ms() - from;
    assert_true(took.wake_ms < 10000); /* or else only its time was over */
    if (waking->claims) {
        struct ff_claim_result claimed = { 0 };

        must(ff_answer_result(&scene->waiting.answer, FF_OP_claim, &claimed),
             &scene->waiting.answer);
        assert_string_equal(claimed.outcome, "claimed");
    }
    ff_pending_done(&scene->waiting);
    if (waking->holds) {
        complete_held(scene);
    }
    return took;
}

static void
test_waking(void **state)
{
    const struct waking *waking = *state;
    struct scene scene = { .claim = ff_test_claim_args("w", 600000, 30000) };
    struct ff_fleet fleet;
    int64_t calls[WAKES], wakes[WAKES], max_ms = WAKE_MEDIAN_MAX_MS;

    start_fleet(&fleet, waking->postgres);
    scene.here = ff_test_client(fleet.daemons[0].worker, NULL);
    scene.admin = ff_test_client(fleet.daemons[0].operator, NULL);
    scene.there = ff_test_client(fleet.daemons[1].worker, NULL);
    for (int i = 0; i < 3; i++) { /* they know of each other after their first second */
        (void) wake_once(&scene, waking);
    }
    for (int i = 0; i < WAKES; i++) {
        struct took took = wake_once(&scene, waking);

        calls[i] = took.call_ms;
        wakes[i] = took.wake_ms;
    }
    qsort(calls, WAKES, sizeof(calls[0]), by_value);
    qsort(wakes, WAKES, sizeof(wakes[0]), by_value);
    max_ms =
        calls[WAKES / 2] * WAKE_CALLS_MAX > max_ms ? calls[WAKES / 2] * WAKE_CALLS_MAX : max_ms;
    print_message("woken after %lld ms (median), %lld ms (longest), by calls of %lld ms\n",
                  (long long) wakes[WAKES / 2], (long long) wakes[WAKES - 1],
                  (long long) calls[WAKES / 2]);
    assert_in_range(wakes[WAKES / 2], 0, max_ms);
    ff_client_close(scene.here);
    ff_client_close(scene.admin);
    ff_client_close(scene.there);
    stop_fleet(&fleet);
}

/* ---- the clock ---- */

static int64_t
server_time_ms(struct ff_client *client)
{
    const struct ff_server_time_ms_args args = { 0 };
    struct ff_server_time_ms_result now = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    must(ff_client_server_time_ms(client, &args, &now, &answer), &answer);
    return (int64_t) now.now_ms;
}

static const struct clock_row {
    const char *name;
    bool postgres;
} clock_rows[] = {
    { "PostgreSQL: a machine an hour ahead goes by the server's clock", true },
    { "Valkey: a machine an hour ahead goes by the server's clock", false },
};

static void
test_clock(void **state)
{
    const struct clock_row *row = *state;
    struct ff_client *here = NULL, *there = NULL;
    struct ff_fleet fleet;
    int64_t before = 0, at = 0;

    start_fleet(&fleet, row->postgres);
    ff_daemon_stop(&fleet.daemons[1]);
    setenv("LD_PRELOAD", FF_TEST_SKEW, 1);
    setenv("TEST_SKEW_MS", "3600000", 1);
    ff_fleet_start_again(&fleet, 1);
    unsetenv("LD_PRELOAD");
    unsetenv("TEST_SKEW_MS");
    here = ff_test_client(fleet.daemons[0].worker, NULL);
    there = ff_test_client(fleet.daemons[1].worker, NULL);
    before = server_time_ms(here);
    at = server_time_ms(there);
    assert_in_range(at, before - CLOCKS_APART_MAX_MS, server_time_ms(here) + CLOCKS_APART_MAX_MS);
    assert_non_null(strstr(ff_daemon_log(&fleet.daemons[1]), "clock_skew"));
    ff_client_close(here);
    ff_client_close(there);
    stop_fleet(&fleet);
}

int
main(void)
{
    const struct ff_rows tables[] = {
        FF_ROWS(wakings, test_waking),
        FF_ROWS(clock_rows, test_clock),
    };
    return ff_run_rows("news", tables, FF_COUNT(tables), NULL, 0);
}
