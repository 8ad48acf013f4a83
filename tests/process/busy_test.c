/* busy_test.c: an operator restarts the broker again and again while 200 workers are busy: nothing
 * is lost, and no lease is taken from a worker that is alive.
 */
#include <stdio.h>

#include "core/codec.h"
#include "tests/process/calls.h"
#include "tests/process/tree.h"
#include "workers/feed.h"

#define WORKERS 200
/* That they share: nng 1.5 does not bear hundreds of connections in one process that all end at the
 * same time and come again (ipc/close.h). */
#define CONNECTIONS 4
#define ROUNDS 2
#define EXECUTIONS (WORKERS * ROUNDS)
/* Longer than the test: a lease that ends earlier was taken. */
#define TTL_MS 600000
/* What a worker under a lease does so often: a frame, a renewal. */
#define BEAT_NS 200000000
#define STACK_BYTES 262144

struct crowd;

struct worker {
    pthread_t thread;
    struct crowd *crowd;
    struct ff_client *client;
    char name[16];
};

struct crowd {
    struct worker workers[WORKERS];
    struct ff_client *clients[CONNECTIONS];
    pthread_mutex_t mutex;
    pthread_cond_t cond, over; /* a lease more; the round */
    uint32_t held;             /* leases of this round in hand */
    uint32_t round;            /* ends with a restart; a worker keeps its lease for so long */
    uint64_t beats;            /* under leases */
    char wrong[256];           /* the first thing that went wrong */
};

static void
say_wrong(struct worker *worker, const char *what, const char *detail)
{
    struct crowd *crowd = worker->crowd;

    pthread_mutex_lock(&crowd->mutex);
    if (crowd->wrong[0] == '\0') {
        snprintf(crowd->wrong, sizeof(crowd->wrong), "%s: %s: %s", worker->name, what, detail);
    }
    pthread_cond_broadcast(&crowd->cond);
    pthread_mutex_unlock(&crowd->mutex);
}

/* ---- a worker ---- */

static bool
append(struct worker *worker, const struct ff_handle *handle)
{
    const struct ff_append_frame_args args = {
        .handle = *handle,
        .frame = { .bytes = ff_cstr("at it"), .kind = ff_cstr("event") },
    };
    struct ff_append_frame_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (ff_client_append_frame(worker->client, &args, &result, &answer) == FF_E_OK) {
        return true;
    }
    say_wrong(worker, "append_frame", ff_answer_text(&answer));
    return false;
}

static bool
renew(struct worker *worker, const struct ff_handle *handle)
{
    const struct ff_renew_args args = { .handle = *handle };
    struct ff_renew_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (ff_client_renew(worker->client, &args, &result, &answer) == FF_E_OK) {
        return true;
    }
    say_wrong(worker, "renew", ff_answer_text(&answer));
    return false;
}

static void
complete(struct worker *worker, const struct ff_claim_result *claimed)
{
    const struct ff_complete_args args = { .handle = *claimed->handle,
                                           .payload = ff_cstr(worker->name) };
    struct ff_complete_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (ff_client_complete(worker->client, &args, &result, &answer) != FF_E_OK) {
        say_wrong(worker, "complete", ff_answer_text(&answer));
    }
}

static void
hold(struct crowd *crowd)
{
    pthread_mutex_lock(&crowd->mutex);
    crowd->held++;
    pthread_cond_broadcast(&crowd->cond);
    pthread_mutex_unlock(&crowd->mutex);
}

/* Waits for the next heartbeat; false: the round is over, or something went wrong. */
static bool
goes_on(struct crowd *crowd, uint32_t round)
{
    struct timespec until;
    bool on = false;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += BEAT_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&crowd->mutex);
    while (crowd->round == round && crowd->wrong[0] == '\0' &&
           pthread_cond_timedwait(&crowd->over, &crowd->mutex, &until) == 0) {
    }
    on = crowd->round == round && crowd->wrong[0] == '\0';
    crowd->beats++;
    pthread_mutex_unlock(&crowd->mutex);
    return on;
}

/* Claims one, and is at it until the broker is another one. */
static void
do_one(struct worker *worker, uint32_t round)
{
    struct ff_claim_args args = ff_test_claim_args(worker->name, TTL_MS, 30000);
    struct ff_claim_result claimed = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    args.request_id = FF_SOME(ff_opt_uuid, ff_test_eid().uuid);
    if (ff_client_claim(worker->client, &args, &claimed, &answer) != FF_E_OK) {
        say_wrong(worker, "claim", ff_answer_text(&answer));
    } else if (strcmp(claimed.outcome, "claimed") != 0) {
        say_wrong(worker, "claim", "there was nothing");
    } else if (claimed.attempt_index.v != 0) {
        say_wrong(worker, "claim", "it was somebody else's before");
    } else {
        hold(worker->crowd);
        while (append(worker, claimed.handle) && renew(worker, claimed.handle) &&
               goes_on(worker->crowd, round)) {
        }
        complete(worker, &claimed);
    }
}

static void *
work(void *arg)
{
    struct worker *worker = arg;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        do_one(worker, i);
    }
    return NULL;
}

/* ---- all of them ---- */

static void
crowd_start(struct crowd *crowd, const struct ff_daemon *daemon)
{
    pthread_attr_t attr;

    pthread_mutex_init(&crowd->mutex, NULL);
    pthread_cond_init(&crowd->cond, NULL);
    pthread_cond_init(&crowd->over, NULL);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    for (int i = 0; i < CONNECTIONS; i++) {
        crowd->clients[i] = ff_test_client(daemon->worker, NULL);
    }
    for (int i = 0; i < WORKERS; i++) {
        struct worker *worker = &crowd->workers[i];

        worker->crowd = crowd;
        snprintf(worker->name, sizeof(worker->name), "busy-%d", i);
        worker->client = crowd->clients[i % CONNECTIONS];
        assert_int_equal(pthread_create(&worker->thread, &attr, work, worker), 0);
    }
    pthread_attr_destroy(&attr);
}

/* Until every worker holds a lease. */
static void
crowd_await_busy(struct crowd *crowd)
{
    pthread_mutex_lock(&crowd->mutex);
    while (crowd->held < WORKERS && crowd->wrong[0] == '\0') {
        pthread_cond_wait(&crowd->cond, &crowd->mutex);
    }
    pthread_mutex_unlock(&crowd->mutex);
}

static void
crowd_end(struct crowd *crowd)
{
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(crowd->workers[i].thread, NULL);
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        ff_client_close(crowd->clients[i]);
    }
    assert_string_equal(crowd->wrong, "");
}

static void
begin_round(struct crowd *crowd)
{
    pthread_mutex_lock(&crowd->mutex);
    crowd->round++;
    crowd->held = 0;
    pthread_cond_broadcast(&crowd->over);
    pthread_mutex_unlock(&crowd->mutex);
}

static void
restart_broker(struct ff_client *control)
{
    const struct ff_restart_child_args args = { .name = ff_cstr("broker") };
    struct ff_restart_child_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    pid_t pid = ff_tree_entry(control, "broker").pid;

    assert_int_equal(ff_client_restart_child(control, &args, &result, &answer), FF_E_OK);
    ff_tree_await(control, "broker", FF_CHILD_READY, pid);
}

/* Every lease that was handed out ended with the completion of what it was for, and in no other
 * way: nobody had to take one over. */
static void
check_leases(struct ff_client *client)
{
    const struct ff_feed_options options = { .family = FF_FAMILY_LEASE_HISTORY,
                                             .from_start = true };
    const struct ff_feed_event *event = NULL;
    struct ff_feed *feed = NULL;
    FF_SCOPED(ff_answer) answer = { 0 };
    uint32_t acquired = 0, completed = 0;

    assert_int_equal(ff_feed_open(client, &options, &feed, &answer), FF_E_OK);
    while (completed < EXECUTIONS) {
        assert_int_equal(ff_feed_next(feed, 10000, &event, &answer), FF_E_OK);
        assert_non_null(event);
        assert_false(ff_str_is(event->event, "expired"));
        assert_false(ff_str_is(event->event, "reclaimed"));
        acquired += ff_str_is(event->event, "acquired");
        if (ff_str_is(event->event, "revoked")) {
            assert_true(ff_str_is(event->reason, "completed"));
            completed++;
        }
    }
    assert_int_equal(acquired, EXECUTIONS);
    ff_feed_close(feed);
}

static void
test_nothing_is_lost_nor_stolen(void **state)
{
    struct ff_daemon *daemon = *state;
    static struct ff_eid ids[EXECUTIONS];
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    struct ff_client *control = NULL, *client = NULL;

    assert_non_null(crowd);
    ff_daemon_start(daemon, "log_level = warn");
    control = ff_test_control(daemon);
    client = ff_test_client(daemon->worker, NULL);
    for (int i = 0; i < EXECUTIONS; i++) {
        ids[i] = ff_test_create(client);
    }
    crowd_start(crowd, daemon);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        crowd_await_busy(crowd);
        restart_broker(control);
        begin_round(crowd);
    }
    crowd_end(crowd);
    print_message("%llu heartbeats under leases\n", (unsigned long long) crowd->beats);
    for (int i = 0; i < EXECUTIONS; i++) {
        assert_string_equal(ff_test_state(client, ids[i]), "completed");
    }
    check_leases(client);
    ff_client_close(client);
    ff_client_close(control);
    ff_daemon_stop(daemon);
    free(crowd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_is_lost_nor_stolen, ff_daemon_setup_tree,
                                        ff_daemon_teardown),
    };

    return ff_run_rows("busy", NULL, 0, tests, FF_COUNT(tests));
}
