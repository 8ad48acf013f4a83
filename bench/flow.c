/* flow, quorum: graphs of executions under load (issue 6; goals in design §6).
 *
 * flow: linear flows of ten members; every worker claims in batches and completes at once, and a
 * new flow is submitted whenever one has ended. quorum: the time from a first success to the cancel
 * of the last sibling.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

#define LENGTH 10
#define IN_FLIGHT 512
#define LANE "flows"
#define QUORUM_LANE "quorum"
#define QUORUM_RUNS 60

struct flows {
    const struct ff_bench_options *options;
    struct ff_client *client;
    pthread_mutex_t mutex;
    uint64_t submitted, completed; /* flows; executions */
    bool over;
};

/* ---- linear flows ---- */

static bool
is_over(struct flows *flows)
{
    bool over = false;

    pthread_mutex_lock(&flows->mutex);
    over = flows->over;
    pthread_mutex_unlock(&flows->mutex);
    return over;
}

static void
on_submitted(void *ctx, struct ff_answer *answer)
{
    struct flows *flows = ctx;

    if (!is_over(flows)) { /* what is under way at the end is not answered any more */
        ff_bench_must(answer->fault.code, answer, "submit_flow");
    }
    ff_answer_done(answer);
}

static void
submit_linear(struct flows *flows)
{
    static const char *const keys[LENGTH] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" };
    struct ff_submit_member members[LENGTH];
    struct ff_submit_edge edges[LENGTH - 1];
    const struct ff_submit_flow_args args = {
        .flow = { .flow_id = ff_bench_eid().uuid,
                  .flow_kind = ff_cstr("bench"),
                  .namespace = ff_cstr("bench") },
        .members = { .v = members, .n = LENGTH },
        .edges = { .v = edges, .n = LENGTH - 1 },
    };

    for (int i = 0; i < LENGTH; i++) {
        members[i] = (struct ff_submit_member){ .key = ff_cstr(keys[i]),
                                                .lane_id = ff_cstr(LANE),
                                                .execution_kind = ff_cstr("bench"),
                                                .creator_identity = ff_cstr("") };
    }
    for (int i = 0; i < LENGTH - 1; i++) {
        edges[i] = (struct ff_submit_edge){ .from = ff_cstr(keys[i]),
                                            .to = ff_cstr(keys[i + 1]),
                                            .dependency_kind = ff_cstr("success_only") };
    }
    ff_client_submit_flow_async(flows->client, &args, on_submitted, flows);
}

/* How many more may be under way. */
static uint32_t
take_room(struct flows *flows)
{
    uint32_t room = 0;

    pthread_mutex_lock(&flows->mutex);
    while (!flows->over && flows->submitted - flows->completed / LENGTH < IN_FLIGHT && room < 64) {
        flows->submitted++;
        room++;
    }
    pthread_mutex_unlock(&flows->mutex);
    return room;
}

static void
on_completed(void *ctx, struct ff_answer *answer)
{
    struct flows *flows = ctx;

    if (!is_over(flows)) {
        ff_bench_must(answer->fault.code, answer, "complete");
    }
    ff_answer_done(answer);
    pthread_mutex_lock(&flows->mutex);
    flows->completed++;
    pthread_mutex_unlock(&flows->mutex);
}

static void *
work(void *ctx)
{
    struct flows *flows = ctx;
    char name[32];

    snprintf(name, sizeof(name), "w-%lx", (unsigned long) pthread_self());
    while (!is_over(flows)) {
        const struct ff_claim_many_args args = {
            .lane_id = ff_cstr(LANE),
            .worker_capabilities = ff_str("\x90", 1),
            .worker_id = ff_cstr("bench"),
            .worker_instance_id = ff_cstr(name),
            .lease_ttl_ms = 60000,
            .max = flows->options->batch,
            .block_ms = 100,
        };
        struct ff_claim_many_result result = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };

        for (uint32_t room = take_room(flows); room > 0; room--) {
            submit_linear(flows);
        }
        ff_bench_must(ff_client_claim_many(flows->client, &args, &result, &answer), &answer,
                      "claim_many");
        for (uint32_t i = 0; i < result.claims.n; i++) {
            const struct ff_complete_args done = { .handle = result.claims.v[i].handle,
                                                   .payload = ff_cstr("done") };

            ff_client_complete_async(flows->client, &done, on_completed, flows);
        }
    }
    return NULL;
}

static uint64_t
completed(struct flows *flows)
{
    uint64_t n = 0;

    pthread_mutex_lock(&flows->mutex);
    n = flows->completed;
    pthread_mutex_unlock(&flows->mutex);
    return n;
}

static void
pause_for(double seconds)
{
    const struct timespec time = { .tv_sec = (time_t) seconds,
                                   .tv_nsec =
                                       (long) ((seconds - (double) (time_t) seconds) * 1e9) };

    nanosleep(&time, NULL);
}

int
ff_bench_flow(const struct ff_bench_options *options)
{
    struct ff_bench_daemon daemon = { .pid = 0 };
    struct flows flows = { .options = options, .mutex = PTHREAD_MUTEX_INITIALIZER };
    pthread_t *threads = calloc(options->workers, sizeof(*threads));
    double begin_us = 0, cpu_us = 0;
    uint64_t before = 0, n = 0;

    FF_ASSERT(threads != NULL);
    ff_bench_daemon_start(&daemon, options);
    flows.client = ff_bench_client(daemon.address, options->window);
    for (uint32_t i = 0; i < options->workers; i++) {
        FF_ASSERT(pthread_create(&threads[i], NULL, work, &flows) == 0);
    }
    pause_for(options->seconds / 5);
    before = completed(&flows);
    cpu_us = ff_bench_daemon_cpu_us(&daemon);
    begin_us = ff_bench_now_us();
    pause_for(options->seconds);
    n = completed(&flows) - before;
    begin_us = ff_bench_now_us() - begin_us;
    cpu_us = ff_bench_daemon_cpu_us(&daemon) - cpu_us;
    pthread_mutex_lock(&flows.mutex);
    flows.over = true;
    pthread_mutex_unlock(&flows.mutex);
    for (uint32_t i = 0; i < options->workers; i++) {
        pthread_join(threads[i], NULL);
    }
    ff_bench_report_figure(options, "flow", "linear_10", (double) n / LENGTH / begin_us * 1e6,
                           "flows/s");
    ff_bench_report_figure(options, "flow", "broker", n == 0 ? 0 : cpu_us / ((double) n / LENGTH),
                           "us/flow");
    ff_client_close(flows.client);
    ff_bench_daemon_stop(&daemon);
    free(threads);
    return 0;
}

/* ---- quorum ---- */

static void
submit_quorum(struct ff_client *client, uint32_t n, const struct ff_uuid *flow_id)
{
    static const char policy[] = "\x82\xa4kind\xa6"
                                 "any_of\xacon_satisfied\xb0"
                                 "cancel_remaining";
    struct ff_submit_member *members = calloc(n + 1u, sizeof(*members));
    struct ff_submit_edge *edges = calloc(n, sizeof(*edges));
    char(*keys)[12] = calloc(n + 1u, sizeof(*keys));
    struct ff_submit_group group = { .member = ff_cstr("join"),
                                     .policy = ff_str(policy, sizeof(policy) - 1) };
    struct ff_submit_flow_args args = {
        .flow = { .flow_id = *flow_id,
                  .flow_kind = ff_cstr("bench"),
                  .namespace = ff_cstr("bench") },
        .members = { .v = members, .n = n + 1 },
        .edges = { .v = edges, .n = n },
        .groups = { .v = &group, .n = 1 },
    };
    struct ff_submit_flow_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    FF_ASSERT(members != NULL && edges != NULL && keys != NULL);
    for (uint32_t i = 0; i <= n; i++) {
        snprintf(keys[i], sizeof(keys[i]), i == n ? "join" : "s%u", (unsigned) i);
        members[i] = (struct ff_submit_member){ .key = ff_cstr(keys[i]),
                                                .lane_id = ff_cstr(i == n ? LANE : QUORUM_LANE),
                                                .execution_kind = ff_cstr("bench"),
                                                .creator_identity = ff_cstr("") };
        if (i < n) {
            edges[i] = (struct ff_submit_edge){ .from = ff_cstr(keys[i]),
                                                .to = ff_cstr("join"),
                                                .dependency_kind = ff_cstr("success_only") };
        }
    }
    ff_bench_must(ff_client_submit_flow(client, &args, &result, &answer), &answer, "submit_flow");
    free(members);
    free(edges);
    free(keys);
}

static void
succeed_once(struct ff_client *client)
{
    const struct ff_claim_args args = { .lane_id = ff_cstr(QUORUM_LANE),
                                        .worker_capabilities = ff_str("\x90", 1),
                                        .worker_id = ff_cstr("bench"),
                                        .worker_instance_id = ff_cstr("bench-1"),
                                        .lease_ttl_ms = 60000,
                                        .block_ms = 1000 };
    struct ff_claim_result claim = { 0 };
    struct ff_complete_result completed_result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) second = { 0 };
    struct ff_complete_args done = { .payload = ff_cstr("done") };

    ff_bench_must(ff_client_claim(client, &args, &claim, &answer), &answer, "claim");
    if (claim.handle == NULL) {
        ff_bench_die("quorum: nothing to claim");
    }
    done.handle = *claim.handle;
    ff_bench_must(ff_client_complete(client, &done, &completed_result, &second), &second,
                  "complete");
}

/* All siblings but the one that succeeded are cancelled, and have told so. */
static void
await_cancels(struct ff_client *client, const struct ff_uuid *flow_id, uint32_t n)
{
    const struct ff_describe_flow_args args = { .flow_id = *flow_id };
    bool over = false;

    while (!over) {
        struct ff_describe_flow_result result = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };

        ff_bench_must(ff_client_describe_flow(client, &args, &result, &answer), &answer,
                      "describe_flow");
        over =
            result.flow->edge_groups.n == 1 && result.flow->edge_groups.v[0].failed_count == n - 1;
    }
}

int
ff_bench_quorum(const struct ff_bench_options *options)
{
    static const uint32_t sizes[] = { 10, 100, 1000 };
    struct ff_bench_daemon daemon = { .pid = 0 };
    struct ff_client *client = NULL;

    ff_bench_daemon_start(&daemon, options);
    client = ff_bench_client(daemon.address, options->window);
    for (size_t i = 0; i < FF_COUNT(sizes); i++) {
        struct ff_bench_samples samples = { .v = NULL };
        char variant[32];
        double begin_us = ff_bench_now_us();

        for (int run = 0; run < QUORUM_RUNS; run++) {
            struct ff_uuid flow_id = ff_bench_eid().uuid;
            double start_us = 0;

            submit_quorum(client, sizes[i], &flow_id);
            start_us = ff_bench_now_us();
            succeed_once(client);
            await_cancels(client, &flow_id, sizes[i]);
            ff_bench_samples_add(&samples, ff_bench_now_us() - start_us);
        }
        snprintf(variant, sizeof(variant), "any_of_%u", (unsigned) sizes[i]);
        ff_bench_report(options, "quorum", variant, &samples, (ff_bench_now_us() - begin_us) / 1e6);
        ff_bench_samples_done(&samples);
    }
    ff_client_close(client);
    ff_bench_daemon_stop(&daemon);
    return 0;
}
