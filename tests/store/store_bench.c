/* store_bench: what a store alone can do, without engine and wire.
 *
 *   store_bench lifecycle URL [SECONDS]     create, claim, complete in batches of 1 to 1000 calls
 *   store_bench backlog URL N               the same beside N waiting executions; memory, start-up
 *   store_bench retained URL N              the same beside N ended ones
 *
 * The next batch is made up while one is committed, as the engine does; `writer us` is the
 * processor time of the store's own threads for one lifecycle, commit times are those the owner
 * sees.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "backends/store.h"
#include "core/codec.h"

#define LANES 4
#define CALLS_MAX 1000
#define WRITES_PER_CALL 4
#define COMMITS_MAX 2000000

struct batch {
    struct ff_commit commit;
    struct ff_write writes[CALLS_MAX * WRITES_PER_CALL];
    struct ff_index_change changes[CALLS_MAX * 6];
    struct ff_event_write events[CALLS_MAX * 2];
    struct ff_arena arena;
    bool finished;
};

struct bench {
    struct ff_store *store;
    struct batch *batches; /* two: one is made while the other is committed */
    uint64_t next_id;
    int64_t now_ms;
    struct ff_exec *waiting, *active; /* rings of executions on their way */
    uint32_t n_waiting, n_active;
    double *commit_us;
    uint32_t n_commits;
};

static char payload[300];

static double
seconds(clockid_t clock)
{
    struct timespec at;

    clock_gettime(clock, &at);
    return (double) at.tv_sec + (double) at.tv_nsec / 1e9;
}

static void
must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "store_bench: %s\n", what);
        exit(1);
    }
}

/* ---- what is written ---- */

static struct ff_str
encode(struct batch *batch, enum ff_record kind, const void *record)
{
    static struct ff_packer packer;
    static bool ready;

    if (!ready) {
        ff_packer_init(&packer);
        ready = true;
    }
    packer.buf.size = 0;
    ff_row_encode(kind, record, &packer.pk);
    return ff_arena_copy(&batch->arena, ff_packer_str(&packer));
}

static void
put(struct batch *batch, enum ff_record kind, const void *record, uint64_t from)
{
    batch->commit.writes[batch->commit.n_writes++] =
        (struct ff_write){ .kind = kind,
                           .key = ff_record_key(kind, record),
                           .body = encode(batch, kind, record),
                           .live = ff_record_live(kind, record),
                           .version_from = from,
                           .version = from + 1 };
}

static void
stand(struct batch *batch, const struct ff_exec *exec, bool add)
{
    struct ff_index_key keys[FF_INDEX_KEYS_MAX];
    uint32_t n = ff_index_keys(FF_R_EXEC, exec, keys);

    for (uint32_t i = 0; i < n; i++) {
        batch->commit.changes[batch->commit.n_changes++] =
            (struct ff_index_change){ .add = add, .key = keys[i] };
    }
}

static void
event(struct batch *batch, enum ff_event_family family, const struct ff_exec *exec)
{
    struct ff_event record = { .family = family,
                               .event = ff_cstr("acquired"),
                               .execution_id = FF_SOME(ff_opt_eid, exec->execution_id),
                               .namespace = exec->namespace,
                               .at = exec->last_mutation_at,
                               .worker_instance_id = exec->current_worker_instance_id };

    batch->commit.events[batch->commit.n_events++] =
        (struct ff_event_write){ .family = family, .body = encode(batch, FF_R_EVENT, &record) };
}

static struct ff_uuid
mint(struct bench *bench)
{
    struct ff_uuid id;
    uint64_t n = bench->next_id++ * UINT64_C(0x9e3779b97f4a7c15);

    for (int i = 0; i < 6; i++) {
        id.b[i] = (uint8_t) (bench->now_ms >> (40 - 8 * i));
    }
    memcpy(id.b + 6, &n, 8);
    memcpy(id.b + 14, &n, 2);
    id.b[6] = (uint8_t) (0x70 | (id.b[6] & 0x0f));
    return id;
}

static struct ff_exec
create(struct bench *bench, struct batch *batch)
{
    static const char *const lanes[LANES] = { "mail", "render", "import", "report" };
    static const uint16_t partitions[LANES] = { 11, 97, 130, 201 };
    unsigned lane = (unsigned) (bench->next_id % LANES);
    struct ff_exec exec = { 0 };
    struct ff_exec_input input = { .payload = ff_str(payload, sizeof(payload)) };

    exec.execution_id = (struct ff_eid){ .partition = partitions[lane], .uuid = mint(bench) };
    exec.namespace = ff_cstr("default");
    exec.lane_id = ff_cstr(lanes[lane]);
    exec.execution_kind = ff_cstr("send_message");
    exec.creator_identity = ff_cstr("bench");
    exec.lifecycle_phase = FF_PHASE_RUNNABLE;
    exec.blocking_reason = FF_BLOCK_WAITING_FOR_WORKER;
    exec.attempt_state = FF_ATTEMPT_PENDING_FIRST;
    exec.class_digest = ff_cstr("0123456789abcdef");
    exec.created_at = exec.last_mutation_at = exec.last_transition_at = bench->now_ms;
    exec.max_replay_count = 10;
    input.execution_id = exec.execution_id;
    put(batch, FF_R_EXEC, &exec, 0);
    put(batch, FF_R_EXEC_INPUT, &input, 0);
    stand(batch, &exec, true);
    return exec;
}

static void
claim(struct bench *bench, struct batch *batch, struct ff_exec *exec)
{
    struct ff_attempt attempt = { .execution_id = exec->execution_id,
                                  .attempt_lifecycle = FF_LIFE_STARTED,
                                  .created_at = bench->now_ms,
                                  .started_at = FF_SOME(ff_opt_i64, bench->now_ms),
                                  .attempt_id = exec->execution_id.uuid,
                                  .lease_id = FF_SOME(ff_opt_uuid, exec->execution_id.uuid),
                                  .worker_id = ff_cstr("worker-3"),
                                  .worker_instance_id = ff_cstr("worker-3-f81a9c") };

    stand(batch, exec, false);
    exec->lifecycle_phase = FF_PHASE_ACTIVE;
    exec->ownership_state = FF_OWNER_LEASED;
    exec->eligibility_state = FF_ELIGIBLE_NA;
    exec->attempt_state = FF_ATTEMPT_RUNNING;
    exec->public_state = FF_PUBLIC_ACTIVE;
    exec->current_worker_id = attempt.worker_id;
    exec->current_worker_instance_id = attempt.worker_instance_id;
    exec->current_lease_id = exec->current_attempt_id = attempt.lease_id;
    exec->current_lease_epoch = 1;
    exec->started_at = exec->lease_acquired_at = FF_SOME(ff_opt_i64, bench->now_ms);
    exec->lease_expires_at = FF_SOME(ff_opt_i64, bench->now_ms + 30000);
    exec->lease_renewal_deadline = FF_SOME(ff_opt_i64, bench->now_ms + 20000);
    put(batch, FF_R_EXEC, exec, 1);
    put(batch, FF_R_ATTEMPT, &attempt, 0);
    stand(batch, exec, true);
    event(batch, FF_FAMILY_LEASE_HISTORY, exec);
}

static void
complete(struct bench *bench, struct batch *batch, struct ff_exec *exec)
{
    struct ff_attempt attempt = { .execution_id = exec->execution_id,
                                  .attempt_lifecycle = FF_LIFE_ENDED_SUCCESS,
                                  .created_at = bench->now_ms,
                                  .started_at = FF_SOME(ff_opt_i64, bench->now_ms),
                                  .ended_at = FF_SOME(ff_opt_i64, bench->now_ms),
                                  .attempt_id = exec->execution_id.uuid,
                                  .lease_id = FF_SOME(ff_opt_uuid, exec->execution_id.uuid),
                                  .worker_id = ff_cstr("worker-3"),
                                  .worker_instance_id = ff_cstr("worker-3-f81a9c") };
    struct ff_exec_result result = { .execution_id = exec->execution_id,
                                     .result = ff_str(payload, 40) };

    stand(batch, exec, false);
    exec->lifecycle_phase = FF_PHASE_TERMINAL;
    exec->ownership_state = FF_OWNER_UNOWNED;
    exec->terminal_outcome = FF_OUTCOME_SUCCESS;
    exec->attempt_state = FF_ATTEMPT_TERMINAL;
    exec->public_state = FF_PUBLIC_COMPLETED;
    exec->completed_at = FF_SOME(ff_opt_i64, bench->now_ms);
    put(batch, FF_R_EXEC, exec, 2);
    put(batch, FF_R_ATTEMPT, &attempt, 1);
    put(batch, FF_R_EXEC_RESULT, &result, 0);
    stand(batch, exec, true);
    event(batch, FF_FAMILY_LEASE_HISTORY, exec);
    event(batch, FF_FAMILY_COMPLETION, exec);
}

/* ---- commits ---- */

static void
finished(struct ff_commit *commit)
{
    ((struct batch *) commit->ctx)->finished = true;
    must(commit->outcome == FF_COMMIT_OK, commit->fault.message);
}

static void
empty(struct batch *batch)
{
    batch->commit = (struct ff_commit){ .writes = batch->writes,
                                        .changes = batch->changes,
                                        .events = batch->events,
                                        .done = finished,
                                        .ctx = batch };
    batch->finished = false;
    ff_arena_reset(&batch->arena);
}

/* Takes the first n off a ring's `count`. */
static void
drop(struct ff_exec *ring, uint32_t *count, uint32_t n)
{
    *count -= n;
    memmove(ring, ring + n, *count * sizeof(*ring));
}

static uint32_t
least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Completions of what was claimed one batch ago, claims of what was made one batch ago, creations;
 * a third each where there is room for all. Returns the completions in it. */
static uint32_t
make(struct bench *bench, struct batch *batch, uint32_t calls)
{
    uint32_t completes = least(calls, bench->n_active);
    uint32_t claims = least(calls - completes, bench->n_waiting);
    uint32_t creates = least(calls - completes - claims, (calls + 2) / 3);

    empty(batch);
    bench->now_ms++;
    for (uint32_t i = 0; i < completes; i++) {
        complete(bench, batch, &bench->active[i]);
    }
    drop(bench->active, &bench->n_active, completes);
    for (uint32_t i = 0; i < claims; i++) {
        claim(bench, batch, &bench->waiting[i]);
        bench->active[bench->n_active++] = bench->waiting[i];
    }
    drop(bench->waiting, &bench->n_waiting, claims);
    for (uint32_t i = 0; i < creates; i++) {
        bench->waiting[bench->n_waiting++] = create(bench, batch);
    }
    return completes;
}

static void
await(struct bench *bench, struct batch *batch, double since)
{
    while (!batch->finished) {
        ff_store_poll(bench->store, true);
    }
    if (bench->n_commits < COMMITS_MAX) {
        bench->commit_us[bench->n_commits++] = (seconds(CLOCK_MONOTONIC) - since) * 1e6;
    }
}

static int
by_size(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}

static void
report(struct bench *bench, uint32_t calls, uint64_t lifecycles, const double took[2])
{
    uint32_t n = bench->n_commits;

    qsort(bench->commit_us, n, sizeof(double), by_size);
    printf("batch %4u  %7.0f lifecycles/s  writer %5.1f us  commit us p50 %6.0f p99 %6.0f "
           "max %7.0f  (%u)\n",
           calls, (double) lifecycles / took[0], took[1] / (double) lifecycles * 1e6,
           bench->commit_us[n / 2], bench->commit_us[n - 1 - n / 100], bench->commit_us[n - 1], n);
    fflush(stdout);
}

static void
run(struct bench *bench, uint32_t calls, double for_s)
{
    double from = seconds(CLOCK_MONOTONIC);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - seconds(CLOCK_THREAD_CPUTIME_ID);
    uint64_t lifecycles = 0;
    double took[2];
    int at = 0;

    bench->n_commits = 0;
    lifecycles += make(bench, &bench->batches[0], calls);
    while (seconds(CLOCK_MONOTONIC) < from + for_s) {
        struct batch *batch = &bench->batches[at];
        double since = seconds(CLOCK_MONOTONIC);

        ff_store_commit(bench->store, &batch->commit);
        at = !at;
        lifecycles += make(bench, &bench->batches[at], calls);
        await(bench, batch, since);
    }
    took[0] = seconds(CLOCK_MONOTONIC) - from;
    took[1] = seconds(CLOCK_PROCESS_CPUTIME_ID) - seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
    report(bench, calls, lifecycles, took);
    ff_store_commit(bench->store, &bench->batches[at].commit);
    await(bench, &bench->batches[at], 0);
    bench->n_waiting = bench->n_active = 0; /* what is left stays as it is */
}

/* ---- scenarios ---- */

static void
no_wake(void *ctx)
{
    (void) ctx; /* the loop here waits in ff_store_poll */
}

static void
open_store(struct bench *bench, const char *url)
{
    static const struct ff_store_host host = { .wake = no_wake };
    struct ff_partition_counts counts = { 0 };
    struct ff_fault fault = { 0 };
    bool applied = false;

    must(ff_store_open(ff_cstr(url), &host, &bench->store, &fault) == FF_E_OK, fault.message);
    must(bench->store->ops->prepare(bench->store, &counts, &applied, &fault) == FF_E_OK,
         fault.message);
}

static double
resident_mib(void)
{
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    must(file != NULL && fscanf(file, "%lu %lu", &total, &resident) == 2, "/proc/self/statm");
    fclose(file);
    return (double) resident * (double) sysconf(_SC_PAGESIZE) / 1048576;
}

static void
lifecycle(struct bench *bench, double for_s)
{
    static const uint32_t sizes[] = { 1, 64, 256, 1000 };

    for (size_t i = 0; i < FF_COUNT(sizes); i++) {
        run(bench, sizes[i], for_s);
    }
}

/* Creates n executions, and ends them too where `ended`. */
static void
fill(struct bench *bench, uint64_t n, bool ended)
{
    double from = seconds(CLOCK_MONOTONIC);

    for (uint64_t done = 0; done < n; done += CALLS_MAX) {
        struct batch *batch = &bench->batches[0];

        empty(batch);
        bench->now_ms++;
        for (uint32_t i = 0; i < CALLS_MAX; i++) {
            struct ff_exec exec = create(bench, batch);

            if (ended) { /* as if it had been made earlier: ended by its first write */
                batch->commit.n_writes -= 2;
                batch->commit.n_changes -= 2;
                exec.lifecycle_phase = FF_PHASE_TERMINAL;
                exec.eligibility_state = FF_ELIGIBLE_NA;
                put(batch, FF_R_EXEC, &exec, 0);
                batch->commit.n_writes++; /* its input */
                stand(batch, &exec, true);
            }
        }
        ff_store_commit(bench->store, &batch->commit);
        await(bench, batch, 0);
    }
    printf("filled with %llu in %.1f s\n", (unsigned long long) n, seconds(CLOCK_MONOTONIC) - from);
}

static void
beside(struct bench *bench, const char *url, uint64_t n, bool ended)
{
    double memory = resident_mib(), from = 0;

    fill(bench, n, ended);
    printf("memory for each: %.0f bytes\n", (resident_mib() - memory) * 1048576 / (double) n);
    lifecycle(bench, 5);
    from = seconds(CLOCK_MONOTONIC);
    ff_store_close(bench->store);
    printf("closed in %.2f s\n", seconds(CLOCK_MONOTONIC) - from);
    from = seconds(CLOCK_MONOTONIC);
    open_store(bench, url);
    printf("opened in %.2f s\n", seconds(CLOCK_MONOTONIC) - from);
}

int
main(int argc, char **argv)
{
    struct bench bench = { .now_ms = 1800000000000, .next_id = 1 };

    must(argc >= 3, "store_bench lifecycle URL [SECONDS] | backlog URL N | retained URL N");
    bench.now_ms = (int64_t) (seconds(CLOCK_REALTIME) * 1000);
    bench.batches = calloc(2, sizeof(*bench.batches));
    bench.waiting = calloc(CALLS_MAX, sizeof(*bench.waiting));
    bench.active = calloc(CALLS_MAX, sizeof(*bench.active));
    bench.commit_us = calloc(COMMITS_MAX, sizeof(*bench.commit_us));
    must(bench.batches != NULL && bench.waiting != NULL && bench.active != NULL &&
             bench.commit_us != NULL,
         "memory");
    must(getrandom(payload, sizeof(payload), 0) == sizeof(payload), "getrandom");
    open_store(&bench, argv[2]);
    if (strcmp(argv[1], "lifecycle") == 0) {
        lifecycle(&bench, argc > 3 ? atof(argv[3]) : 5);
    } else {
        must(argc > 3, "how many?");
        beside(&bench, argv[2], strtoull(argv[3], NULL, 10), strcmp(argv[1], "retained") == 0);
    }
    ff_store_close(bench.store);
    for (int i = 0; i < 2; i++) {
        ff_arena_done(&bench.batches[i].arena);
    }
    free(bench.batches);
    free(bench.waiting);
    free(bench.active);
    free(bench.commit_us);
    return 0;
}
