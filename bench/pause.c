/* pause: how long the broker keeps others waiting while it works on a flow of 10 000 members, or
 * takes away an execution of many records (issue 6: no operation longer than 50 ms).
 *
 * A second client pings without end. Beside the time that a ping takes stands the processor time
 * that the broker's loop has used meanwhile: on a machine that is shared it says more.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "core/id.h"

#define MEMBERS 10000
#define FRAMES 20000
#define DESCRIBED 5 /* times, of which the longest is told */
#define LANE "pause"

enum shape {
    CHAIN,
    FAN_OUT,
    FAN_IN,
    ANY_OF,
    SHAPES
}; /* the last: a fan-in, of which one suffices */
static const char *const shape_names[SHAPES] = { "chain", "fan_out", "fan_in", "any_of" };

/* ---- the one that is kept waiting ---- */

struct prober {
    struct ff_client *client;
    pid_t pid; /* of the broker, whose loop is its main thread */
    pthread_t thread;
    atomic_bool over;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    uint64_t pings;          /* answered */
    double wall_us, busy_us; /* longest since the last look */
};

static double
busy_us(pid_t pid)
{
    char path[64];
    unsigned long long ns = 0;
    FILE *file = NULL;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int) pid, (int) pid);
    file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%llu", &ns) != 1) {
        ff_bench_die("cannot read %s", path);
    }
    fclose(file);
    return (double) ns / 1e3;
}

static void *
probe(void *ctx)
{
    struct prober *prober = ctx;

    while (!atomic_load(&prober->over)) {
        const struct ff_ping_args args = { 0 };
        struct ff_ping_result result = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };
        double busy = busy_us(prober->pid), wall = ff_bench_now_us();

        ff_bench_must(ff_client_ping(prober->client, &args, &result, &answer), &answer, "ping");
        wall = ff_bench_now_us() - wall;
        busy = busy_us(prober->pid) - busy;
        pthread_mutex_lock(&prober->mutex);
        prober->wall_us = wall > prober->wall_us ? wall : prober->wall_us;
        prober->busy_us = busy > prober->busy_us ? busy : prober->busy_us;
        prober->pings++;
        pthread_cond_signal(&prober->cond);
        pthread_mutex_unlock(&prober->mutex);
    }
    return NULL;
}

struct bench {
    const struct ff_bench_options *options;
    struct ff_bench_daemon daemon;
    struct ff_client *client, *admin; /* the latter may call what scanners call */
    struct prober prober;
    char partition[16];  /* of the flow */
    struct ff_eid waits; /* its last member, which in a fan-in waits for all others */
};

static void
begin(struct bench *bench)
{
    pthread_mutex_lock(&bench->prober.mutex);
    bench->prober.wall_us = bench->prober.busy_us = 0;
    pthread_mutex_unlock(&bench->prober.mutex);
}

/* Reports the longest pause since begin. What has been waited for may be answered before the ping
 * that has waited for it, too: that one counts. */
static void
end(struct bench *bench, const char *shape, const char *what)
{
    uint64_t pings = 0;
    char name[64];

    pthread_mutex_lock(&bench->prober.mutex);
    pings = bench->prober.pings;
    while (bench->prober.pings == pings) {
        pthread_cond_wait(&bench->prober.cond, &bench->prober.mutex);
    }
    snprintf(name, sizeof(name), "%s_%s", shape, what);
    ff_bench_report_figure(bench->options, "pause", name, bench->prober.busy_us / 1e3, "ms busy");
    snprintf(name, sizeof(name), "%s_%s_wall", shape, what);
    ff_bench_report_figure(bench->options, "pause", name, bench->prober.wall_us / 1e3, "ms");
    pthread_mutex_unlock(&bench->prober.mutex);
}

/* Reports it, and how long the call took that began then. */
static void
took(struct bench *bench, enum shape shape, const char *what, double begin_us)
{
    double took_us = ff_bench_now_us() - begin_us;
    char name[64];

    end(bench, shape_names[shape], what);
    snprintf(name, sizeof(name), "%s_%s_took", shape_names[shape], what);
    ff_bench_report_figure(bench->options, "pause", name, took_us / 1e3, "ms");
}

static void
start(struct bench *bench)
{
    char operator_address[320];

    ff_bench_daemon_start(&bench->daemon, bench->options);
    snprintf(operator_address, sizeof(operator_address), "ipc://%s/run/operator.sock",
             bench->daemon.dir);
    bench->client = ff_bench_client(bench->daemon.address, 0);
    bench->admin = ff_bench_client(operator_address, 0);
    bench->prober.client = ff_bench_client(bench->daemon.address, 0);
    bench->prober.pid = bench->daemon.pid;
    FF_ASSERT(pthread_mutex_init(&bench->prober.mutex, NULL) == 0);
    FF_ASSERT(pthread_cond_init(&bench->prober.cond, NULL) == 0);
    FF_ASSERT(pthread_create(&bench->prober.thread, NULL, probe, &bench->prober) == 0);
}

static void
stop(struct bench *bench)
{
    atomic_store(&bench->prober.over, true);
    pthread_join(bench->prober.thread, NULL);
    ff_client_close(bench->prober.client);
    ff_client_close(bench->admin);
    ff_client_close(bench->client);
    ff_bench_daemon_stop(&bench->daemon);
}

/* ---- flows ---- */

static const char any_of[] = "\x82\xa4kind\xa6"
                             "any_of\xacon_satisfied\xb0"
                             "cancel_remaining";

static struct ff_eid
member_of(const struct ff_tags *members, struct ff_str key)
{
    struct ff_fault fault = { 0 };
    struct ff_eid id = { 0 };

    for (uint32_t i = 0; i < members->n; i++) {
        if (ff_str_eq(members->v[i].key, key)) {
            FF_ASSERT(ff_eid_parse(members->v[i].value, "members", &id, &fault) == FF_E_OK);
        }
    }
    return id;
}

static void
submit(struct bench *bench, enum shape shape, const struct ff_uuid *flow_id)
{
    struct ff_submit_member *members = calloc(MEMBERS, sizeof(*members));
    struct ff_submit_edge *edges = calloc(MEMBERS - 1, sizeof(*edges));
    struct ff_submit_group group = { .policy = ff_str(any_of, sizeof(any_of) - 1) };
    char(*keys)[12] = calloc(MEMBERS, sizeof(*keys));
    const struct ff_submit_flow_args args = {
        .flow = { .flow_id = *flow_id,
                  .flow_kind = ff_cstr("bench"),
                  .namespace = ff_cstr("bench") },
        .members = { .v = members, .n = MEMBERS },
        .edges = { .v = edges, .n = MEMBERS - 1 },
        .groups = { .v = &group, .n = shape == ANY_OF },
    };
    const struct ff_partition_for_args of = { .flow_id = FF_SOME(ff_opt_uuid, *flow_id) };
    struct ff_partition_for_result partition = { 0 };
    struct ff_submit_flow_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) second = { 0 };
    double begin_us = 0;

    FF_ASSERT(members != NULL && edges != NULL && keys != NULL);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        snprintf(keys[i], sizeof(keys[i]), "m%u", (unsigned) i);
        members[i] = (struct ff_submit_member){ .key = ff_cstr(keys[i]),
                                                .lane_id = ff_cstr(LANE),
                                                .execution_kind = ff_cstr("bench"),
                                                .creator_identity = ff_cstr("") };
    }
    for (uint32_t i = 0; i < MEMBERS - 1; i++) {
        uint32_t from = shape == FAN_OUT ? 0 : i, to = shape >= FAN_IN ? MEMBERS - 1 : i + 1;

        edges[i] = (struct ff_submit_edge){ .from = ff_cstr(keys[from]),
                                            .to = ff_cstr(keys[to]),
                                            .dependency_kind = ff_cstr("success_only") };
    }
    group.member = ff_cstr(keys[MEMBERS - 1]);
    begin(bench);
    begin_us = ff_bench_now_us();
    ff_bench_must(ff_client_submit_flow(bench->client, &args, &result, &answer), &answer,
                  "submit_flow");
    took(bench, shape, "submit", begin_us);
    bench->waits = member_of(&result.members, group.member);
    ff_bench_must(ff_client_partition_for(bench->client, &of, &partition, &second), &second,
                  "partition_for");
    snprintf(bench->partition, sizeof(bench->partition), "%.*s", (int) partition.partition_key.n,
             partition.partition_key.p);
    free(members);
    free(edges);
    free(keys);
}

static void
take(struct bench *bench, const char *lane, struct ff_claim_result *claim, struct ff_answer *answer)
{
    const struct ff_claim_args args = { .lane_id = ff_cstr(lane),
                                        .worker_capabilities = ff_str("\x90", 1),
                                        .worker_id = ff_cstr("bench"),
                                        .worker_instance_id = ff_cstr("bench-1"),
                                        .lease_ttl_ms = 60000,
                                        .block_ms = 1000 };

    ff_bench_must(ff_client_claim(bench->client, &args, claim, answer), answer, "claim");
    FF_ASSERT(claim->handle != NULL);
}

static void
finish(struct bench *bench, const struct ff_claim_result *claim)
{
    const struct ff_complete_args done = { .handle = *claim->handle };
    struct ff_complete_result completed = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    ff_bench_must(ff_client_complete(bench->client, &done, &completed, &answer), &answer,
                  "complete");
}

/* The first member fails or succeeds: what follows goes through the whole flow. */
static void
end_first(struct bench *bench, bool success)
{
    struct ff_claim_result claim = { 0 };
    struct ff_fail_result failed = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) second = { 0 };

    take(bench, LANE, &claim, &answer);
    if (success) {
        finish(bench, &claim);
    } else {
        const struct ff_fail_args broken = { .handle = *claim.handle,
                                             .reason = { .message = ff_cstr("broken") },
                                             .classification = FF_FAILURE_PERMANENT };

        ff_bench_must(ff_client_fail(bench->client, &broken, &failed, &second), &second, "fail");
    }
}

static struct ff_flow_summary
project(struct bench *bench, const struct ff_uuid *flow_id)
{
    const struct ff_project_flow_summary_args args = { .flow_id = *flow_id };
    const struct ff_describe_flow_args flow = { .flow_id = *flow_id };
    struct ff_project_flow_summary_result projected = { 0 };
    struct ff_describe_flow_result described = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) second = { 0 };

    ff_bench_must(ff_client_project_flow_summary(bench->admin, &args, &projected, &answer), &answer,
                  "project_flow_summary");
    ff_bench_must(ff_client_describe_flow(bench->client, &flow, &described, &second), &second,
                  "describe_flow");
    return *described.flow->summary;
}

static void
await(struct bench *bench, const struct ff_uuid *flow_id, uint32_t n,
      uint32_t (*of)(const struct ff_flow_summary *summary))
{
    const struct timespec a_little = { .tv_nsec = 200000000 };
    struct ff_flow_summary summary = project(bench, flow_id);

    while (of(&summary) < n) {
        nanosleep(&a_little, NULL);
        summary = project(bench, flow_id);
    }
}

static uint32_t
waiting(const struct ff_flow_summary *summary)
{
    return summary->members_waiting;
}

static uint32_t
sibling_cancelled(const struct ff_flow_summary *summary)
{
    return summary->members_sibling_cancelled;
}

static uint32_t
skipped(const struct ff_flow_summary *summary)
{
    return summary->members_skipped;
}

/* All of it in one answer. */
static void
describe(struct bench *bench, enum shape shape, const struct ff_uuid *flow_id)
{
    const struct ff_describe_flow_args args = { .flow_id = *flow_id };

    begin(bench);
    for (int i = 0; i < DESCRIBED; i++) {
        struct ff_describe_flow_result described = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };

        ff_bench_must(ff_client_describe_flow(bench->client, &args, &described, &answer), &answer,
                      "describe_flow");
    }
    end(bench, shape_names[shape], "describe");
}

static void
cancel(struct bench *bench, enum shape shape, const struct ff_uuid *flow_id)
{
    struct ff_flow_wait wait = { .kind = FF_FLOW_WAIT_NONE };
    struct ff_cancel_flow_args args = { .flow_id = *flow_id,
                                        .policy = ff_cstr("cancel_all"),
                                        .wait = &wait,
                                        .reason = ff_cstr("enough") };
    struct ff_cancel_flow_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) second = { 0 };

    begin(bench);
    ff_bench_must(ff_client_cancel_flow(bench->client, &args, &result, &answer), &answer,
                  "cancel_flow");
    end(bench, shape_names[shape], "cancel");
    wait.kind = FF_FLOW_WAIT_INDEFINITE;
    ff_bench_must(ff_client_cancel_flow(bench->client, &args, &result, &second), &second,
                  "cancel_flow");
    end(bench, shape_names[shape], "cancelled");
}

/* The edges of the member that waits for all others are impossible, every one of them. */
static bool
is_lost(struct bench *bench, const struct ff_uuid *flow_id)
{
    const struct ff_describe_flow_args args = { .flow_id = *flow_id };
    struct ff_describe_flow_result described = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    ff_bench_must(ff_client_describe_flow(bench->client, &args, &described, &answer), &answer,
                  "describe_flow");
    FF_ASSERT(described.flow->edge_groups.n == 1);
    return described.flow->edge_groups.v[0].failed_count == MEMBERS - 1;
}

static void
replay(struct bench *bench, enum shape shape, const struct ff_uuid *flow_id)
{
    const struct timespec a_little = { .tv_nsec = 200000000 };
    const struct ff_replay_execution_args args = { .execution_id = bench->waits };
    const struct ff_cancel_execution_args enough = { .execution_id = bench->waits,
                                                     .reason = ff_cstr("enough"),
                                                     .source = ff_cstr("operator_override") };
    struct ff_replay_execution_result replayed = { 0 };
    struct ff_cancel_execution_result cancelled = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) second = { 0 };
    double begin_us = 0;

    while (!is_lost(bench, flow_id)) {
        nanosleep(&a_little, NULL);
    }
    begin(bench);
    begin_us = ff_bench_now_us();
    ff_bench_must(ff_client_replay_execution(bench->client, &args, &replayed, &answer), &answer,
                  "replay_execution");
    took(bench, shape, "replay", begin_us);
    FF_ASSERT(replayed.public_state == FF_PUBLIC_WAITING_CHILDREN);
    ff_bench_must(ff_client_cancel_execution(bench->client, &enough, &cancelled, &second), &second,
                  "cancel_execution"); /* so that it can be purged */
}

static uint32_t
purge(struct bench *bench)
{
    const struct ff_trim_retention_args args = { .partition = ff_cstr(bench->partition),
                                                 .lane_id = ff_cstr(""),
                                                 .batch_size = 1000 };
    struct ff_trim_retention_result result = { 0 };
    uint32_t n = 0;

    do {
        FF_SCOPED(ff_answer) answer = { 0 };

        ff_bench_must(ff_client_trim_retention(bench->admin, &args, &result, &answer), &answer,
                      "trim_retention");
        n += result.purged;
    } while (result.purged == args.batch_size);
    return n;
}

static void
trim(struct bench *bench, enum shape shape)
{
    const struct ff_trim_flows_args args = { .partition = ff_cstr(bench->partition),
                                             .batch_size = 20 };
    struct ff_trim_flows_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    begin(bench);
    if (purge(bench) < MEMBERS - 1) {
        ff_bench_die("pause: not all members were purged");
    }
    end(bench, shape_names[shape], "purge");
    begin(bench);
    ff_bench_must(ff_client_trim_flows(bench->admin, &args, &result, &answer), &answer,
                  "trim_flows");
    FF_ASSERT(result.purged == 1);
    end(bench, shape_names[shape], "delete");
}

/* ---- an execution of many records ---- */

static void
on_appended(void *ctx, struct ff_answer *answer)
{
    (void) ctx;
    ff_bench_must(answer->fault.code, answer, "append_frame");
    ff_answer_done(answer);
}

static void
append(struct bench *bench, const struct ff_handle *handle)
{
    const struct ff_ping_args ping = { 0 };
    struct ff_ping_result pong = { 0 };

    for (uint32_t i = 0; i < FRAMES; i++) {
        const struct ff_append_frame_args args = {
            .handle = *handle,
            .frame = { .bytes = ff_cstr("a line"), .kind = ff_cstr("stdout") },
        };

        ff_client_append_frame_async(bench->client, &args, on_appended, NULL);
        if (i % 500 == 499) { /* a client has so many calls under way at the most */
            FF_SCOPED(ff_answer) answer = { 0 };

            ff_bench_must(ff_client_ping(bench->client, &ping, &pong, &answer), &answer, "ping");
        }
    }
}

/* One execution with many frames is taken away. */
static void
purge_large(struct bench *bench)
{
    const struct ff_create_execution_args made = { .execution_id = ff_bench_eid(),
                                                   .namespace = ff_cstr("bench"),
                                                   .lane_id = ff_cstr("frames"),
                                                   .execution_kind = ff_cstr("bench"),
                                                   .creator_identity = ff_cstr("") };
    struct ff_create_execution_result created = { 0 };
    struct ff_claim_result claim = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_answer) claimed = { 0 };

    ff_bench_must(ff_client_create_execution(bench->client, &made, &created, &answer), &answer,
                  "create");
    take(bench, "frames", &claim, &claimed);
    append(bench, claim.handle);
    finish(bench, &claim);
    snprintf(bench->partition, sizeof(bench->partition), "{fp:%u}",
             (unsigned) made.execution_id.partition);
    begin(bench);
    FF_ASSERT(purge(bench) == 1);
    end(bench, "frames", "purge");
}

static void
measure(const struct ff_bench_options *options, enum shape shape)
{
    struct bench bench = { .options = options };
    struct ff_uuid flow_id = ff_bench_eid().uuid;

    start(&bench);
    begin(&bench);
    end(&bench, shape_names[shape], "idle");
    submit(&bench, shape, &flow_id);
    describe(&bench, shape, &flow_id);
    begin(&bench);
    if (shape == CHAIN) {
        end_first(&bench, false);
        await(&bench, &flow_id, MEMBERS - 1, skipped);
    } else if (shape == FAN_OUT) {
        end_first(&bench, true);
        await(&bench, &flow_id, MEMBERS - 1, waiting);
    } else if (shape == FAN_IN) {
        end_first(&bench, false);
        await(&bench, &flow_id, 1, skipped);
    } else if (shape == ANY_OF) {
        end_first(&bench, true);
        describe(&bench, shape, &flow_id);
        await(&bench, &flow_id, MEMBERS - 2, sibling_cancelled);
    }
    end(&bench, shape_names[shape], "cascade");
    cancel(&bench, shape, &flow_id);
    if (shape == FAN_IN) {
        replay(&bench, FAN_IN, &flow_id);
    }
    trim(&bench, shape);
    if (shape == FAN_OUT) {
        purge_large(&bench);
    }
    stop(&bench);
}

int
ff_bench_pause(const struct ff_bench_options *options)
{
    bool any = false;

    for (int shape = CHAIN; shape < SHAPES; shape++) {
        if (options->only == NULL || strcmp(options->only, shape_names[shape]) == 0) {
            measure(options, (enum shape) shape);
            any = true;
        }
    }
    if (!any) {
        ff_bench_die("pause has no shape %s", options->only);
    }
    return 0;
}
