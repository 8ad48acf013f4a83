/* lifecycle.c: create, claim, complete through IPC, in the two forms of design §6. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"

#define CONNECTIONS_MAX 16
#define BATCH_MAX 256

struct crew {
    const struct ff_bench_options *options;
    struct ff_client *clients[CONNECTIONS_MAX];
    const char *payload;
    double measure_from_us, until_us;
};

struct worker {
    pthread_t thread;
    const struct crew *crew;
    struct ff_client *client;
    char name[32];
    struct ff_bench_samples samples;
    struct ff_bench_calls calls; /* of a batch */
};

static struct ff_create_execution_args
create_args(const struct crew *crew)
{
    return (struct ff_create_execution_args){
        .execution_id = ff_bench_eid(),
        .namespace = ff_cstr("bench"),
        .lane_id = ff_cstr("default"),
        .execution_kind = ff_cstr("bench"),
        .input_payload = ff_str(crew->payload, crew->options->payload),
        .creator_identity = ff_cstr(""),
    };
}

static bool
measured(const struct crew *crew, double begun_us)
{
    return begun_us >= crew->measure_from_us;
}

/* ---- one call in flight each ---- */

static void
one_lifecycle(struct worker *worker)
{
    struct ff_create_execution_args create = create_args(worker->crew);
    struct ff_claim_args claim = { 0 };
    struct ff_complete_args complete = { 0 };
    struct ff_create_execution_result created = { 0 };
    struct ff_claim_result claimed = { 0 };
    struct ff_complete_result completed = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) ended = { 0 };

    ff_bench_must(ff_client_create_execution(worker->client, &create, &created, &answer), &answer,
                  "create_execution");
    claim.lane_id = ff_cstr("default");
    claim.worker_id = ff_cstr("bench");
    claim.worker_instance_id = ff_cstr(worker->name);
    claim.lease_ttl_ms = 60000;
    claim.include_reclaimable = true;
    /* There is one for everybody: each has made one. A call that would wait travels alone. */
    ff_bench_must(ff_client_claim(worker->client, &claim, &claimed, &answer), &answer, "claim");
    if (strcmp(claimed.outcome, "claimed") != 0) {
        ff_bench_die("claim: %s", claimed.outcome);
    }
    complete.handle = *claimed.handle;
    complete.payload = ff_cstr("done");
    ff_bench_must(ff_client_complete(worker->client, &complete, &completed, &ended), &ended,
                  "complete");
}

static void *
run_single(void *arg)
{
    struct worker *worker = arg;
    double begun = ff_bench_now_us();

    while (begun < worker->crew->until_us) {
        one_lifecycle(worker);
        if (measured(worker->crew, begun)) {
            ff_bench_samples_add(&worker->samples, ff_bench_now_us() - begun);
        }
        begun = ff_bench_now_us();
    }
    return NULL;
}

/* ---- claim_many and batched frames ---- */

static uint32_t
claim_and_complete(struct worker *worker, uint32_t n)
{
    struct ff_claim_many_args claim = { 0 };
    struct ff_claim_many_result claimed = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    claim.lane_id = ff_cstr("default");
    claim.worker_id = ff_cstr("bench");
    claim.worker_instance_id = ff_cstr(worker->name);
    claim.lease_ttl_ms = 60000;
    claim.include_reclaimable = true;
    claim.include_context = true;
    claim.max = n;
    ff_bench_must(ff_client_claim_many(worker->client, &claim, &claimed, &answer), &answer,
                  "claim_many");
    for (uint32_t i = 0; i < claimed.claims.n; i++) {
        struct ff_complete_args complete = { 0 };

        complete.handle = claimed.claims.v[i].handle;
        complete.payload = ff_cstr("done");
        ff_bench_calls_begin(&worker->calls, FF_BENCH_CALLS_MAX);
        ff_client_complete_async(worker->client, &complete, ff_bench_calls_answered,
                                 &worker->calls);
    }
    ff_bench_calls_await(&worker->calls);
    return claimed.claims.n;
}

/* A round: create a batch, and finish as many as were created, whoever's they are. */
static void *
run_batched(void *arg)
{
    struct worker *worker = arg;
    uint32_t batch = worker->crew->options->batch;
    double begun = ff_bench_now_us();

    while (begun < worker->crew->until_us) {
        for (uint32_t i = 0; i < batch; i++) {
            struct ff_create_execution_args create = create_args(worker->crew);

            ff_bench_calls_begin(&worker->calls, FF_BENCH_CALLS_MAX);
            ff_client_create_execution_async(worker->client, &create, ff_bench_calls_answered,
                                             &worker->calls);
        }
        ff_bench_calls_await(&worker->calls);
        for (uint32_t left = batch; left > 0;) {
            left -= claim_and_complete(worker, left);
        }
        for (uint32_t i = 0; measured(worker->crew, begun) && i < batch; i++) {
            ff_bench_samples_add(&worker->samples, ff_bench_now_us() - begun);
        }
        begun = ff_bench_now_us();
    }
    return NULL;
}

/* ---- the crew ---- */

static double
own_cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double) now.tv_sec * 1e6 + (double) now.tv_nsec / 1e3;
}

static void
await_time(double at_us)
{
    double left_us = at_us - ff_bench_now_us();

    if (left_us > 0) {
        usleep((useconds_t) left_us);
    }
}

static const char *
scenario_of(const struct ff_bench_options *options)
{
    return options->daemons > 0 ? "shared" : "lifecycle";
}

static void
report_cpu(const struct ff_bench_options *options, const char *variant, const char *who, double us,
           size_t n)
{
    char name[64];

    snprintf(name, sizeof(name), "%s_%s", variant, who);
    ff_bench_report_figure(options, scenario_of(options), name, n == 0 ? 0 : us / (double) n,
                           "cpu_us_each");
}

static double
daemons_cpu_us(const struct ff_bench_daemon *daemons, uint32_t n)
{
    double us = 0;

    for (uint32_t i = 0; i < n; i++) {
        us += ff_bench_daemon_cpu_us(&daemons[i]);
    }
    return us;
}

static void
connect_all(struct crew *crew, const struct ff_bench_daemon *daemons, uint32_t n_daemons)
{
    for (uint32_t i = 0; i < crew->options->connections; i++) {
        crew->clients[i] = ff_bench_client(daemons[i % n_daemons].address, crew->options->window);
    }
}

/* Returns how many a second. */
static double
run_crew(const struct ff_bench_options *options, const char *variant, void *(*run)(void *) )
{
    struct worker *workers = calloc(options->workers, sizeof(*workers));
    struct ff_bench_samples all = { 0 };
    struct ff_bench_daemon daemons[FF_BENCH_DAEMONS_MAX];
    struct crew crew = { .options = options };
    char *payload = malloc(options->payload + 1);
    double daemon_us = 0, own_us = 0, rate = 0;
    uint32_t n_daemons = 0;

    if (workers == NULL || payload == NULL) {
        ff_bench_die("out of memory");
    }
    FF_ASSERT(options->connections > 0);
    memset(payload, 'x', options->payload);
    crew.payload = payload;
    n_daemons = ff_bench_daemons_start(daemons, options);
    connect_all(&crew, daemons, n_daemons);
    crew.measure_from_us = ff_bench_now_us() + options->seconds * 0.2e6;
    crew.until_us = crew.measure_from_us + options->seconds * 1e6;
    for (uint32_t i = 0; i < options->workers; i++) {
        workers[i].crew = &crew;
        workers[i].client = crew.clients[i % options->connections];
        snprintf(workers[i].name, sizeof(workers[i].name), "bench-%u", i);
        workers[i].calls = (struct ff_bench_calls) FF_BENCH_CALLS_INIT;
        pthread_create(&workers[i].thread, NULL, run, &workers[i]);
    }
    await_time(crew.measure_from_us);
    daemon_us = daemons_cpu_us(daemons, n_daemons);
    own_us = own_cpu_us();
    for (uint32_t i = 0; i < options->workers; i++) {
        pthread_join(workers[i].thread, NULL);
        ff_bench_samples_merge(&all, &workers[i].samples);
        ff_bench_samples_done(&workers[i].samples);
    }
    for (uint32_t i = 0; i < options->connections; i++) {
        ff_client_close(crew.clients[i]);
    }
    ff_bench_report(options, scenario_of(options), variant, &all, options->seconds);
    report_cpu(options, variant, "broker", daemons_cpu_us(daemons, n_daemons) - daemon_us, all.n);
    report_cpu(options, variant, "client", own_cpu_us() - own_us, all.n);
    rate = (double) all.n / options->seconds;
    ff_bench_samples_done(&all);
    for (uint32_t i = 0; i < n_daemons; i++) {
        ff_bench_daemon_stop(&daemons[i]);
    }
    free(payload);
    free(workers);
    return rate;
}

double
ff_bench_lifecycle_batched(const struct ff_bench_options *options, const char *variant)
{
    return run_crew(options, variant, run_batched);
}

static bool
wanted(const struct ff_bench_options *options, const char *variant)
{
    return options->only == NULL || strcmp(options->only, variant) == 0;
}

int
ff_bench_lifecycle(const struct ff_bench_options *options)
{
    struct ff_bench_options one = *options;
    bool any = false;

    if (options->only == NULL) {
        ff_bench_raw(options); /* of the same minutes, as machines are noisy */
    }
    one.workers = one.connections = 1;
    if (wanted(options, "one_at_a_time")) {
        run_crew(&one, "one_at_a_time", run_single);
        any = true;
    }
    if (wanted(options, "single")) {
        run_crew(options, "single", run_single);
        any = true;
    }
    if (wanted(options, "batched")) {
        run_crew(options, "batched", run_batched);
        any = true;
    }
    if (!any) {
        ff_bench_die("lifecycle has no variant %s", options->only);
    }
    return 0;
}
