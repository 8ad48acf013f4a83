/* blocked.c: what a claim costs where many executions that may not run stand before the one that
 * may (issue 7, design §6). */
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

#define CROWD 100000
#define ROUNDS 2000
#define LANE "blocked"

static struct ff_create_execution_args
create_args(const char *policy, size_t policy_n)
{
    return (struct ff_create_execution_args){
        .execution_id = ff_bench_eid(),
        .namespace = ff_cstr("bench"),
        .lane_id = ff_cstr(LANE),
        .execution_kind = ff_cstr("bench"),
        .creator_identity = ff_cstr(""),
        .policy = policy == NULL ? ff_str(NULL, 0) : ff_str(policy, policy_n),
    };
}

/* A crowd of one class, all of it blocked for want of a capable worker. */
static void
fill(struct ff_client *client)
{
    static const char policy[] =
        "\x81\xb4routing_requirements\x81\xb5required_capabilities\x91\xa6nobody";
    struct ff_bench_calls calls = FF_BENCH_CALLS_INIT;
    struct ff_eid *ids = calloc(CROWD, sizeof(*ids));

    FF_ASSERT(ids != NULL);
    for (uint32_t i = 0; i < CROWD; i++) {
        struct ff_create_execution_args args = create_args(policy, sizeof(policy) - 1);

        ids[i] = args.execution_id;
        ff_bench_calls_begin(&calls, FF_BENCH_CALLS_MAX);
        ff_client_create_execution_async(client, &args, ff_bench_calls_answered, &calls);
    }
    ff_bench_calls_await(&calls);
    for (uint32_t i = 0; i < CROWD; i++) {
        const struct ff_block_route_args args = {
            .execution_id = ids[i],
            .lane_id = ff_cstr(LANE),
            .reason_code = ff_cstr("waiting_for_capable_worker"),
            .reason_detail = ff_cstr("nobody"),
        };

        ff_bench_calls_begin(&calls, FF_BENCH_CALLS_MAX);
        ff_client_block_route_async(client, &args, ff_bench_calls_answered, &calls);
    }
    ff_bench_calls_await(&calls);
    free(ids);
}

/* One that may run, claimed and ended; the sample is the claim alone. */
static void
one_round(struct ff_client *client, struct ff_bench_samples *samples)
{
    struct ff_create_execution_args create = create_args(NULL, 0);
    struct ff_create_execution_result created = { 0 };
    struct ff_claim_args claim = {
        .lane_id = ff_cstr(LANE),
        .worker_id = ff_cstr("bench"),
        .worker_instance_id = ff_cstr("bench-1"),
        .lease_ttl_ms = 60000,
        .include_reclaimable = true,
    };
    struct ff_claim_result claimed = { 0 };
    struct ff_complete_result completed = { 0 };
    struct ff_complete_args complete = { .payload = ff_cstr("") };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) ended = { 0 };
    double begun_us = 0;

    ff_bench_must(ff_client_create_execution(client, &create, &created, &answer), &answer,
                  "create_execution");
    begun_us = ff_bench_now_us();
    ff_bench_must(ff_client_claim(client, &claim, &claimed, &answer), &answer, "claim");
    ff_bench_samples_add(samples, ff_bench_now_us() - begun_us);
    if (strcmp(claimed.outcome, "claimed") != 0) {
        ff_bench_die("claim: %s", claimed.outcome);
    }
    complete.handle = *claimed.handle;
    ff_bench_must(ff_client_complete(client, &complete, &completed, &ended), &ended, "complete");
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}

static double
median(const struct ff_bench_samples *samples)
{
    double *v = malloc(samples->n * sizeof(*v)), middle = 0;

    FF_ASSERT(v != NULL && samples->n > 0);
    memcpy(v, samples->v, samples->n * sizeof(*v));
    qsort(v, samples->n, sizeof(*v), compare);
    middle = v[samples->n / 2];
    free(v);
    return middle;
}

/* Returns the median of a claim. */
static double
measure(const struct ff_bench_options *options, struct ff_client *client, const char *variant)
{
    struct ff_bench_samples samples = { 0 }, warm = { 0 };
    double begun_us = 0, middle = 0;

    for (int i = 0; i < ROUNDS / 10; i++) {
        one_round(client, &warm);
    }
    begun_us = ff_bench_now_us();
    for (int i = 0; i < ROUNDS; i++) {
        one_round(client, &samples);
    }
    middle = median(&samples);
    ff_bench_report(options, "blocked", variant, &samples, (ff_bench_now_us() - begun_us) / 1e6);
    ff_bench_samples_done(&samples);
    ff_bench_samples_done(&warm);
    return middle;
}

int
ff_bench_blocked(const struct ff_bench_options *options)
{
    struct ff_bench_daemon daemon = { 0 };
    struct ff_client *client = NULL;
    double empty_us = 0, crowded_us = 0;

    ff_bench_daemon_start(&daemon, options);
    client = ff_bench_client(daemon.address, options->window);
    empty_us = measure(options, client, "empty_lane");
    fill(client);
    crowded_us = measure(options, client, "crowded_lane");
    ff_bench_report_figure(options, "blocked", "crowded_to_empty", crowded_us / empty_us, "times");
    ff_client_close(client);
    ff_bench_daemon_stop(&daemon);
    return 0;
}
