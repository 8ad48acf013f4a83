/* timers.c: how late a delay ends: from its instant to a parked worker that has the execution
 * (design §6). The whole daemon runs: broker, scanners and all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench.h"

/* Delays begin so long after their creation, so that they are all there when the first one ends. */
#define LEAD_MS 2000
/* Spread delays, so many a second; and how many end at one instant, how often a second. */
#define SPREAD_PER_S 100
#define BURST 50
#define BURSTS_PER_S 2

static int64_t
wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Its input is the instant itself. */
static void
create_due(struct ff_client *client, int64_t due_ms)
{
    char payload[32];
    int n = snprintf(payload, sizeof(payload), "%lld", (long long) due_ms);
    struct ff_create_execution_args create = {
        .execution_id = ff_bench_eid(),
        .namespace = ff_cstr("bench"),
        .lane_id = ff_cstr("default"),
        .execution_kind = ff_cstr("bench"),
        .input_payload = ff_str(payload, (size_t) n),
        .creator_identity = ff_cstr(""),
        .delay_until = FF_SOME(ff_opt_i64, due_ms),
    };
    struct ff_create_execution_result created = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    ff_bench_must(ff_client_create_execution(client, &create, &created, &answer), &answer,
                  "create_execution");
}

static void
complete(struct ff_client *client, const struct ff_claim *claim)
{
    const struct ff_complete_args args = { .handle = claim->handle };
    struct ff_complete_result completed = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    ff_bench_must(ff_client_complete(client, &args, &completed, &answer), &answer, "complete");
}

/* Takes what there is, waiting for it; how many it was. */
static uint32_t
take(struct ff_client *client, struct ff_bench_samples *samples)
{
    struct ff_claim_many_args args = { .lane_id = ff_cstr("default"),
                                       .worker_id = ff_cstr("bench"),
                                       .worker_instance_id = ff_cstr("taker"),
                                       .lease_ttl_ms = 60000,
                                       .block_ms = 30000,
                                       .max = 64,
                                       .include_context = true,
                                       .include_reclaimable = true };
    struct ff_claim_many_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    int64_t now_us = 0;

    ff_bench_must(ff_client_claim_many(client, &args, &result, &answer), &answer, "claim_many");
    now_us = wall_us();
    for (uint32_t i = 0; i < result.claims.n; i++) {
        const struct ff_claim *claim = &result.claims.v[i];
        char text[32] = { 0 };

        memcpy(text, claim->input_payload.p,
               claim->input_payload.n < sizeof(text) ? claim->input_payload.n : 0);
        ff_bench_samples_add(samples, (double) (now_us - strtoll(text, NULL, 10) * 1000));
    }
    for (uint32_t i = 0; i < result.claims.n; i++) {
        complete(client, &result.claims.v[i]);
    }
    return result.claims.n;
}

static void
run(const struct ff_bench_options *options, const char *variant, uint32_t at_once, uint32_t per_s)
{
    uint32_t n = (uint32_t) (options->seconds * per_s), taken = 0;
    struct ff_bench_daemon daemon = { .tree = true };
    struct ff_bench_samples samples = { 0 };
    struct ff_client *client = NULL;
    int64_t first_ms = 0;
    double begun_us = 0;

    n = n == 0 ? 1 : n;
    ff_bench_daemon_start(&daemon, options);
    client = ff_bench_client(daemon.address, 0);
    begun_us = ff_bench_now_us();
    first_ms = wall_us() / 1000 + LEAD_MS;
    for (uint32_t i = 0; i < n * at_once; i++) {
        create_due(client, first_ms + (int64_t) (i / at_once) * 1000 / per_s);
    }
    while (taken < n * at_once) {
        taken += take(client, &samples);
    }
    ff_bench_report(options, "timers", variant, &samples, (ff_bench_now_us() - begun_us) / 1e6);
    ff_client_close(client);
    ff_bench_samples_done(&samples);
    ff_bench_daemon_stop(&daemon);
}

int
ff_bench_timers(const struct ff_bench_options *options)
{
    run(options, "spread", 1, SPREAD_PER_S);
    run(options, "50_at_once", BURST, BURSTS_PER_S);
    return 0;
}
