/* routed.c: workers of several kinds share a lane; each gets only what it can run (issue 7). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

#define SETS 10
#define WORKERS_A_SET 4
#define EXECUTIONS_A_WORKER 1000
#define WORKERS (SETS * WORKERS_A_SET)
#define LANE "routed"

struct routed {
    const struct ff_bench_options *options;
    struct ff_client *client;
    uint32_t done[SETS];
    uint32_t wrong; /* executions that came to a worker which cannot run them */
    pthread_mutex_t mutex;
};

struct routed_worker {
    pthread_t thread;
    struct routed *all;
    uint32_t set;
    char name[32];
    struct ff_bench_samples samples; /* from the creation to the claim */
    struct ff_bench_calls calls;
};

/* One value of capabilities, or of a policy, in msgpack. */
static struct ff_str
packed(char *room, const char *head, size_t head_n, uint32_t set)
{
    int n = snprintf(room + head_n + 1, 16, "set-%u", set);

    memcpy(room, head, head_n);
    room[head_n] = (char) (0xa0 | n);
    return ff_str(room, head_n + 1 + (size_t) n);
}

static struct ff_str
capabilities_of(char *room, uint32_t set)
{
    return packed(room, "\x91", 1, set);
}

/* {"routing_requirements": {"required_capabilities": ["set-N"]}} */
static struct ff_str
policy_of(char *room, uint32_t set)
{
    static const char head[] = "\x81\xb4routing_requirements\x81\xb5required_capabilities\x91";

    return packed(room, head, sizeof(head) - 1, set);
}

static void
enlist(struct routed_worker *worker)
{
    struct ff_str lane = ff_cstr(LANE);
    char capabilities[32];
    struct ff_register_worker_args args = {
        .worker_id = ff_cstr("bench"),
        .worker_instance_id = ff_cstr(worker->name),
        .lanes = { .v = &lane, .n = 1 },
        .capabilities = capabilities_of(capabilities, worker->set),
        .liveness_ttl_ms = 600000,
        .namespace = ff_cstr("bench"),
    };
    struct ff_register_worker_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    ff_bench_must(ff_client_register_worker(worker->all->client, &args, &result, &answer), &answer,
                  "register_worker");
}

/* For the next set's workers, so that nobody is served by itself. The input tells when and for
 * whom. */
static void
create_batch(struct routed_worker *worker, uint32_t n)
{
    uint32_t payload_n = worker->all->options->payload < 32 ? 32 : worker->all->options->payload;
    uint32_t set = (worker->set + 1) % SETS;
    char *payload = calloc(1, payload_n), policy[128];

    FF_ASSERT(payload != NULL);
    for (uint32_t i = 0; i < n; i++) {
        struct ff_create_execution_args args = {
            .execution_id = ff_bench_eid(),
            .namespace = ff_cstr("bench"),
            .lane_id = ff_cstr(LANE),
            .execution_kind = ff_cstr("bench"),
            .input_payload = ff_str(payload, payload_n),
            .creator_identity = ff_cstr(""),
            .policy = policy_of(policy, set),
        };
        double now_us = ff_bench_now_us();

        memcpy(payload, &now_us, sizeof(now_us));
        memcpy(payload + sizeof(now_us), &set, sizeof(set));
        ff_bench_calls_begin(&worker->calls, FF_BENCH_CALLS_MAX);
        ff_client_create_execution_async(worker->all->client, &args, ff_bench_calls_answered,
                                         &worker->calls);
    }
    ff_bench_calls_await(&worker->calls);
    free(payload);
}

static bool
look_at(struct routed_worker *worker, const struct ff_claim *claim)
{
    uint32_t set = 0;
    double created_us = 0;

    memcpy(&created_us, claim->input_payload.p, sizeof(created_us));
    memcpy(&set, claim->input_payload.p + sizeof(created_us), sizeof(set));
    ff_bench_samples_add(&worker->samples, ff_bench_now_us() - created_us);
    return set == worker->set;
}

static void
claim_and_complete(struct routed_worker *worker, uint32_t n)
{
    char capabilities[32];
    struct ff_claim_many_args claim = {
        .lane_id = ff_cstr(LANE),
        .worker_capabilities = capabilities_of(capabilities, worker->set),
        .worker_id = ff_cstr("bench"),
        .worker_instance_id = ff_cstr(worker->name),
        .lease_ttl_ms = 60000,
        .include_reclaimable = true,
        .include_context = true,
        .max = n,
        .block_ms = 100,
    };
    struct ff_claim_many_result claimed = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    uint32_t wrong = 0;

    ff_bench_must(ff_client_claim_many(worker->all->client, &claim, &claimed, &answer), &answer,
                  "claim_many");
    for (uint32_t i = 0; i < claimed.claims.n; i++) {
        struct ff_complete_args complete = { .handle = claimed.claims.v[i].handle };

        wrong += !look_at(worker, &claimed.claims.v[i]);
        complete.payload = ff_cstr("done");
        ff_bench_calls_begin(&worker->calls, FF_BENCH_CALLS_MAX);
        ff_client_complete_async(worker->all->client, &complete, ff_bench_calls_answered,
                                 &worker->calls);
    }
    ff_bench_calls_await(&worker->calls);
    pthread_mutex_lock(&worker->all->mutex);
    worker->all->done[worker->set] += claimed.claims.n;
    worker->all->wrong += wrong;
    pthread_mutex_unlock(&worker->all->mutex);
}

static uint32_t
left_of(struct routed_worker *worker)
{
    uint32_t done = 0;

    pthread_mutex_lock(&worker->all->mutex);
    done = worker->all->done[worker->set];
    pthread_mutex_unlock(&worker->all->mutex);
    return WORKERS_A_SET * EXECUTIONS_A_WORKER - done;
}

static void *
run(void *arg)
{
    struct routed_worker *worker = arg;
    uint32_t batch = worker->all->options->batch, left = 0;

    for (uint32_t made = 0; made < EXECUTIONS_A_WORKER;) {
        uint32_t n = EXECUTIONS_A_WORKER - made < batch ? EXECUTIONS_A_WORKER - made : batch;

        create_batch(worker, n);
        made += n;
        claim_and_complete(worker, batch);
    }
    while ((left = left_of(worker)) > 0) {
        claim_and_complete(worker, left < batch ? left : batch);
    }
    return NULL;
}

int
ff_bench_routed(const struct ff_bench_options *options)
{
    struct routed all = { .options = options, .mutex = PTHREAD_MUTEX_INITIALIZER };
    struct routed_worker *workers = calloc(WORKERS, sizeof(*workers));
    struct ff_bench_options plain = *options;
    struct ff_bench_daemon daemon = { 0 };
    struct ff_bench_samples samples = { 0 };
    double seconds = 0, plain_rate = 0, cpu_us = 0;

    FF_ASSERT(workers != NULL);
    plain.workers = WORKERS;
    plain_rate = ff_bench_lifecycle_batched(&plain, "batched");
    ff_bench_daemon_start(&daemon, options);
    all.client = ff_bench_client(daemon.address, options->window);
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i].all = &all;
        workers[i].set = i % SETS;
        snprintf(workers[i].name, sizeof(workers[i].name), "bench-%u", i);
        workers[i].calls = (struct ff_bench_calls) FF_BENCH_CALLS_INIT;
        enlist(&workers[i]);
    }
    cpu_us = ff_bench_daemon_cpu_us(&daemon);
    seconds = ff_bench_now_us() / 1e6;
    for (uint32_t i = 0; i < WORKERS; i++) {
        pthread_create(&workers[i].thread, NULL, run, &workers[i]);
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        ff_bench_samples_merge(&samples, &workers[i].samples);
        ff_bench_samples_done(&workers[i].samples);
    }
    seconds = ff_bench_now_us() / 1e6 - seconds;
    cpu_us = ff_bench_daemon_cpu_us(&daemon) - cpu_us;
    ff_client_close(all.client);
    ff_bench_report_figure(options, "routed", "broker", cpu_us / (double) samples.n, "cpu_us_each");
    ff_bench_report_figure(options, "routed", "wrong", all.wrong, "executions");
    ff_bench_report_figure(options, "routed", "of_lifecycle",
                           (double) samples.n / seconds / plain_rate * 100, "percent");
    ff_bench_report(options, "routed", "create_to_claim", &samples, seconds);
    ff_bench_samples_done(&samples);
    ff_bench_daemon_stop(&daemon);
    free(workers);
    return all.wrong == 0 ? 0 : 1;
}
