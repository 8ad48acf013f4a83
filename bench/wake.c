/* wake.c: from the enqueueing of an execution to a parked worker that has it (design §6). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"

#define WORKERS_MAX 256
/* What a worker gets to park again before the next execution comes. */
#define SETTLE_US 2000
#define BLOCK_MS 30000

struct wake {
    const struct ff_bench_options *options;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    double taken_us; /* when a worker had the execution; 0: not yet */
    bool finished;   /* it is complete, and its worker waits for the next */
    bool stopping;
};

struct sleeper {
    pthread_t thread;
    struct wake *wake;
    struct ff_client *client;
    char name[32];
};

/* Parks, takes one, completes it; false: it is over. */
static bool
take_one(struct sleeper *sleeper)
{
    struct wake *wake = sleeper->wake;
    struct ff_claim_args claim = { .lane_id = ff_cstr("default"),
                                   .worker_id = ff_cstr("bench"),
                                   .worker_instance_id = ff_cstr(sleeper->name),
                                   .lease_ttl_ms = 60000,
                                   .block_ms = BLOCK_MS,
                                   .include_reclaimable = true };
    struct ff_claim_result claimed = { 0 };
    struct ff_complete_args complete = { 0 };
    struct ff_complete_result completed = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) ended = { 0 };
    ff_err err = ff_client_claim(sleeper->client, &claim, &claimed, &answer);
    double now_us = ff_bench_now_us();

    if (wake->stopping) {
        return false;
    }
    ff_bench_must(err, &answer, "claim");
    if (strcmp(claimed.outcome, "claimed") != 0) {
        return true; /* nothing came in 30 s */
    }
    pthread_mutex_lock(&wake->mutex);
    wake->taken_us = now_us;
    pthread_mutex_unlock(&wake->mutex);
    complete.handle = *claimed.handle;
    ff_bench_must(ff_client_complete(sleeper->client, &complete, &completed, &ended), &ended,
                  "complete");
    pthread_mutex_lock(&wake->mutex);
    wake->finished = true;
    pthread_cond_signal(&wake->cond);
    pthread_mutex_unlock(&wake->mutex);
    return true;
}

static void *
sleep_and_take(void *arg)
{
    while (take_one(arg)) {
    }
    return NULL;
}

/* Enqueues one; returns how long it took until a worker had it. */
static double
enqueue(struct wake *wake, struct ff_client *client, const char *payload)
{
    struct ff_create_execution_args create = {
        .execution_id = ff_bench_eid(),
        .namespace = ff_cstr("bench"),
        .lane_id = ff_cstr("default"),
        .execution_kind = ff_cstr("bench"),
        .input_payload = ff_str(payload, wake->options->payload),
        .creator_identity = ff_cstr(""),
    };
    struct ff_create_execution_result created = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    double begun_us = 0;

    wake->taken_us = 0;
    wake->finished = false;
    usleep(SETTLE_US);
    begun_us = ff_bench_now_us();
    ff_bench_must(ff_client_create_execution(client, &create, &created, &answer), &answer,
                  "create_execution");
    pthread_mutex_lock(&wake->mutex);
    while (!wake->finished) {
        pthread_cond_wait(&wake->cond, &wake->mutex);
    }
    pthread_mutex_unlock(&wake->mutex);
    return wake->taken_us - begun_us;
}

void
ff_bench_wake_once(const struct ff_bench_options *options, const char *variant, uint32_t n_workers)
{
    struct wake wake = { .options = options,
                         .mutex = PTHREAD_MUTEX_INITIALIZER,
                         .cond = PTHREAD_COND_INITIALIZER };
    struct sleeper *sleepers = calloc(n_workers, sizeof(*sleepers));
    char *payload = calloc(1, options->payload + 1);
    struct ff_bench_samples samples = { 0 };
    struct ff_bench_daemon daemons[FF_BENCH_DAEMONS_MAX];
    uint32_t n_daemons = 0;
    struct ff_client *client = NULL;
    double until_us = 0, begun_us = 0;

    FF_ASSERT(sleepers != NULL && payload != NULL && n_workers <= WORKERS_MAX);
    n_daemons = ff_bench_daemons_start(daemons, options);
    client = ff_bench_client(daemons[0].address, 0);
    for (uint32_t i = 0; i < n_workers; i++) {
        sleepers[i].wake = &wake;
        sleepers[i].client = ff_bench_client(daemons[n_daemons - 1].address, 0);
        snprintf(sleepers[i].name, sizeof(sleepers[i].name), "sleeper-%u", i);
        pthread_create(&sleepers[i].thread, NULL, sleep_and_take, &sleepers[i]);
    }
    for (uint32_t i = 0; i <= 2 * (n_daemons - 1); i++) {
        enqueue(&wake, client, payload); /* all are connected then, and brokers know each other */
    }
    begun_us = ff_bench_now_us();
    until_us = begun_us + options->seconds * 1e6;
    while (ff_bench_now_us() < until_us) {
        ff_bench_samples_add(&samples, enqueue(&wake, client, payload));
    }
    ff_bench_report(options, n_daemons > 1 ? "shared" : "wake", variant, &samples,
                    (ff_bench_now_us() - begun_us) / 1e6);
    wake.stopping = true;
    for (uint32_t i = 0; i < n_workers; i++) {
        ff_client_close(sleepers[i].client); /* ends its claim */
        pthread_join(sleepers[i].thread, NULL);
    }
    ff_client_close(client);
    ff_bench_samples_done(&samples);
    for (uint32_t i = 0; i < n_daemons; i++) {
        ff_bench_daemon_stop(&daemons[i]);
    }
    free(payload);
    free(sleepers);
}

int
ff_bench_wake(const struct ff_bench_options *options)
{
    ff_bench_wake_once(options, "one_parked", 1);
    ff_bench_wake_once(options, "all_parked", options->workers);
    return 0;
}
