/* suspend.c: a worker suspends, a signal comes, and a parked worker has the execution again (design
 * §6). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "workers/suspend.h"

#define BLOCK_MS 30000

/* What the claiming thread hands over. */
struct round {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    struct ff_client *client; /* of claims */
    bool claimed, stopping;
    double claimed_us;
    struct ff_answer answer; /* the handle lives in it */
    struct ff_handle handle;
    struct ff_eid id;
};

static bool
is_stopping(struct round *round)
{
    bool stopping = false;

    pthread_mutex_lock(&round->mutex);
    stopping = round->stopping;
    pthread_mutex_unlock(&round->mutex);
    return stopping;
}

static void *
claim_again_and_again(void *arg)
{
    struct round *round = arg;
    const struct ff_claim_args args = { .lane_id = ff_cstr("default"),
                                        .worker_id = ff_cstr("bench"),
                                        .worker_instance_id = ff_cstr("bench-1"),
                                        .lease_ttl_ms = 60000,
                                        .block_ms = BLOCK_MS,
                                        .include_reclaimable = true };

    while (!is_stopping(round)) {
        struct ff_claim_result result = { 0 };
        struct ff_answer answer = { 0 };
        ff_err err = ff_client_claim(round->client, &args, &result, &answer);
        double now_us = ff_bench_now_us();

        if (err != FF_E_OK || strcmp(result.outcome, "claimed") != 0) {
            ff_answer_done(&answer); /* nothing came, or it is over */
            continue;
        }
        pthread_mutex_lock(&round->mutex);
        round->answer = answer;
        round->handle = *result.handle;
        round->id = result.execution_id.v;
        round->claimed_us = now_us;
        round->claimed = true;
        pthread_cond_signal(&round->cond);
        pthread_mutex_unlock(&round->mutex);
    }
    return NULL;
}

static double
await_claim(struct round *round)
{
    double at_us = 0;

    pthread_mutex_lock(&round->mutex);
    while (!round->claimed) {
        pthread_cond_wait(&round->cond, &round->mutex);
    }
    round->claimed = false;
    at_us = round->claimed_us;
    pthread_mutex_unlock(&round->mutex);
    return at_us;
}

static void
create(struct ff_client *client, const char *payload, uint32_t bytes)
{
    const struct ff_create_execution_args args = {
        .execution_id = ff_bench_eid(),
        .namespace = ff_cstr("bench"),
        .lane_id = ff_cstr("default"),
        .execution_kind = ff_cstr("bench"),
        .input_payload = ff_str(payload, bytes),
        .creator_identity = ff_cstr(""),
    };
    struct ff_create_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    ff_bench_must(ff_client_create_execution(client, &args, &result, &answer), &answer,
                  "create_execution");
}

/* One round; the execution is held before and after it. Durations: from the suspending, and from
 * the signal, until it is claimed again. */
static void
go_round(struct round *round, struct ff_client *client, double *whole_us, double *wake_us)
{
    static const struct ff_awaited go = { "go", "go" };
    static const struct ff_awaiting awaiting = { .v = &go, .n = 1 };
    const struct ff_suspending with = { .handle = round->handle, .reason = FF_SUSPEND_SIGNAL };
    struct ff_suspend_result suspended = { 0 };
    struct ff_deliver_signal_result delivered = { 0 };
    struct ff_answer held = round->answer;
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) of_signal = { 0 };
    struct ff_deliver_signal_args signal = { .execution_id = round->id,
                                             .signal_name = ff_cstr("go"),
                                             .signal_category = ff_cstr(""),
                                             .source_type = ff_cstr("user"),
                                             .source_identity = ff_cstr("bench"),
                                             .payload_encoding = ff_cstr("json"),
                                             .max_signals_per_execution = { .is = true } };
    double begun_us = ff_bench_now_us(), sent_us = 0, claimed_us = 0;

    ff_bench_must(ff_suspend_on(client, &with, &awaiting, &suspended, &answer), &answer, "suspend");
    signal.waitpoint_id = suspended.details.waitpoint_id;
    signal.waitpoint_token = suspended.details.waitpoint_token;
    sent_us = ff_bench_now_us();
    ff_bench_must(ff_client_deliver_signal(client, &signal, &delivered, &of_signal), &of_signal,
                  "deliver_signal");
    claimed_us = await_claim(round);
    ff_answer_done(&held);
    *whole_us = claimed_us - begun_us;
    *wake_us = claimed_us - sent_us;
}

static void
measure(const struct ff_bench_options *options, struct round *round, struct ff_client *client)
{
    struct ff_bench_samples whole = { 0 }, wake = { 0 };
    double whole_us = 0, wake_us = 0, begun_us = 0, until_us = 0;

    await_claim(round);
    for (int i = 0; i < 100; i++) {
        go_round(round, client, &whole_us, &wake_us);
    }
    begun_us = ff_bench_now_us();
    until_us = begun_us + options->seconds * 1e6;
    while (ff_bench_now_us() < until_us) {
        go_round(round, client, &whole_us, &wake_us);
        ff_bench_samples_add(&whole, whole_us);
        ff_bench_samples_add(&wake, wake_us);
    }
    begun_us = (ff_bench_now_us() - begun_us) / 1e6;
    ff_bench_report(options, "suspend", "suspend_to_claimed", &whole, begun_us);
    ff_bench_report(options, "suspend", "signal_to_claimed", &wake, begun_us);
    ff_bench_samples_done(&whole);
    ff_bench_samples_done(&wake);
}

int
ff_bench_suspend(const struct ff_bench_options *options)
{
    struct round round = { .mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
    char *payload = calloc(1, options->payload + 1);
    struct ff_bench_daemon daemon = { 0 };
    struct ff_client *client = NULL;
    pthread_t thread;

    FF_ASSERT(payload != NULL);
    ff_bench_daemon_start(&daemon, options);
    client = ff_bench_client(daemon.address, 0);
    round.client = ff_bench_client(daemon.address, 0);
    if (pthread_create(&thread, NULL, claim_again_and_again, &round) != 0) {
        ff_bench_die("no thread to be had");
    }
    create(client, payload, options->payload);
    measure(options, &round, client);
    pthread_mutex_lock(&round.mutex);
    round.stopping = true;
    pthread_mutex_unlock(&round.mutex);
    ff_client_close(round.client); /* ends its claim */
    pthread_join(thread, NULL);
    ff_answer_done(&round.answer);
    ff_client_close(client);
    ff_bench_daemon_stop(&daemon);
    free(payload);
    return 0;
}
