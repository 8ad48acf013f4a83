/* kill_test.c: kill -9 of the broker under load, at random instants: what it has acknowledged
 * holds.
 *
 * FF_ROUNDS: how many times it is killed; FF_SEED: of the instants. Clients live on throughout.
 */
#include <signal.h>
#include <stdio.h>
#include <uthash.h>

#include "core/id.h"
#include "tests/process/calls.h"
#include "tests/process/daemon.h"

#define WORKERS 4
#define BATCH_MAX 16
/* Calls begun or answered between two kills. */
#define STEPS_MAX 3000
/* Short, so that what was claimed by a call whose answer was lost comes back during the test. */
#define TTL_MS 500

struct done {
    UT_hash_handle hh;
    struct ff_eid id;
    bool created;   /* acknowledged */
    bool completed; /* acknowledged */
    uint64_t epoch; /* under which it was completed */
};

/* A lease that was handed out. */
struct held {
    UT_hash_handle hh;
    struct {
        struct ff_uuid id;
        uint64_t epoch;
    } key;
    uint32_t worker;
};

struct crew {
    struct ff_daemon *daemon;
    unsigned seed;
    pthread_mutex_t mutex; /* guards all that follows */
    pthread_cond_t cond;
    uint64_t steps;
    bool stopping;
    char wrong[256]; /* the first thing that went wrong */
    struct done *executions;
    struct held *leases;
    uint32_t n_created, n_completed, n_refused;
};

struct worker {
    pthread_t thread;
    struct crew *crew;
    struct ff_client *client;
    char name[16];
    uint32_t number;
    unsigned seed;
    uint32_t missing; /* answers of a batch; guarded by the crew's mutex */
};

/* ---- what is known ---- */

static void
say_wrong(struct crew *crew, const char *what, const char *detail)
{
    if (crew->wrong[0] == '\0') {
        snprintf(crew->wrong, sizeof(crew->wrong), "%s: %s", what, detail);
    }
    crew->stopping = true;
    pthread_cond_broadcast(&crew->cond);
}

static void
step(struct crew *crew)
{
    crew->steps++;
    pthread_cond_broadcast(&crew->cond);
}

static struct done *
find(struct crew *crew, struct ff_eid id)
{
    struct done *done = NULL;

    HASH_FIND(hh, crew->executions, &id.uuid, sizeof(id.uuid), done);
    return done;
}

static struct done *
add(struct crew *crew, struct ff_eid id)
{
    struct done *done = calloc(1, sizeof(*done));

    assert_non_null(done);
    done->id = id;
    HASH_ADD(hh, crew->executions, id.uuid, sizeof(done->id.uuid), done);
    return done;
}

/* Nobody else may hold this execution under this epoch, ever. */
static void
add_lease(struct crew *crew, const struct worker *worker, const struct ff_claim *claim)
{
    struct held *held = calloc(1, sizeof(*held)), *other = NULL;

    assert_non_null(held);
    held->key.id = claim->execution_id.uuid;
    held->key.epoch = claim->lease_epoch;
    held->worker = worker->number;
    HASH_FIND(hh, crew->leases, &held->key, sizeof(held->key), other);
    if (other != NULL) {
        say_wrong(crew, "one lease was handed out twice", worker->name);
        free(held);
        return;
    }
    HASH_ADD(hh, crew->leases, key, sizeof(held->key), held);
}

/* The result of an execution tells which lease completed it. */
static struct ff_str
result_text(struct ff_eid id, uint64_t epoch, char *room, size_t size)
{
    char text[FF_UUID_TEXT_MAX];

    ff_uuid_text(&id.uuid, text);
    snprintf(room, size, "result of %s under %llu", text, (unsigned long long) epoch);
    return ff_cstr(room);
}

/* ---- the load ---- */

struct call {
    struct worker *worker;
    struct done *execution;
    uint64_t epoch;
};

static struct call *
call_new(struct worker *worker, struct done *execution, uint64_t epoch)
{
    struct call *call = calloc(1, sizeof(*call));

    assert_non_null(call);
    *call = (struct call){ worker, execution, epoch };
    return call;
}

static void
call_end(struct call *call, struct ff_answer *answer)
{
    struct crew *crew = call->worker->crew;

    step(crew);
    call->worker->missing--;
    pthread_cond_broadcast(&crew->cond);
    ff_answer_done(answer);
    free(call);
}

/* The broker's end is no error for its clients: they send again. */
static void
on_created(void *ctx, struct ff_answer *answer)
{
    struct call *call = ctx;
    struct crew *crew = call->worker->crew;

    pthread_mutex_lock(&crew->mutex);
    if (answer->fault.code == FF_E_OK) {
        call->execution->created = true;
        crew->n_created++;
    } else {
        say_wrong(crew, "create_execution", ff_answer_text(answer));
    }
    call_end(call, answer);
    pthread_mutex_unlock(&crew->mutex);
}

static void
on_completed(void *ctx, struct ff_answer *answer)
{
    struct call *call = ctx;
    struct crew *crew = call->worker->crew;
    struct done *execution = call->execution;
    ff_err err = answer->fault.code;

    pthread_mutex_lock(&crew->mutex);
    if (err == FF_E_OK && execution->completed) {
        say_wrong(crew, "completed twice", call->worker->name);
    } else if (err == FF_E_OK) {
        execution->completed = true;
        execution->epoch = call->epoch;
        crew->n_completed++;
    } else if (err == FF_E_LEASE_EXPIRED || err == FF_E_STALE_LEASE ||
               err == FF_E_EXECUTION_NOT_ACTIVE) {
        crew->n_refused++; /* the broker was away for longer than the lease */
    } else {
        say_wrong(crew, "complete", ff_answer_text(answer));
    }
    call_end(call, answer);
    pthread_mutex_unlock(&crew->mutex);
}

/* Begins n calls: from here on their answers are missing. */
static void
expect(struct worker *worker, uint32_t n)
{
    pthread_mutex_lock(&worker->crew->mutex);
    worker->missing = n;
    step(worker->crew);
    pthread_mutex_unlock(&worker->crew->mutex);
}

static void
await(struct worker *worker)
{
    pthread_mutex_lock(&worker->crew->mutex);
    while (worker->missing > 0) {
        pthread_cond_wait(&worker->crew->cond, &worker->crew->mutex);
    }
    pthread_mutex_unlock(&worker->crew->mutex);
}

static void
create_some(struct worker *worker)
{
    uint32_t n = 1 + (uint32_t) rand_r(&worker->seed) % BATCH_MAX;

    expect(worker, n);
    for (uint32_t i = 0; i < n; i++) {
        struct ff_create_execution_args args =
            ff_test_create_args(ff_test_eid(), ff_cstr("payload"));
        struct done *execution = NULL;

        pthread_mutex_lock(&worker->crew->mutex);
        execution = add(worker->crew, args.execution_id);
        pthread_mutex_unlock(&worker->crew->mutex);
        ff_client_create_execution_async(worker->client, &args, on_created,
                                         call_new(worker, execution, 0));
    }
    await(worker);
}

static void
complete_one(struct worker *worker, const struct ff_claim *claim)
{
    struct ff_complete_args args = { .handle = claim->handle };
    struct done *execution = NULL;
    char text[128];

    pthread_mutex_lock(&worker->crew->mutex);
    add_lease(worker->crew, worker, claim);
    execution = find(worker->crew, claim->execution_id);
    if (execution == NULL) {
        say_wrong(worker->crew, "claimed what nobody created", worker->name);
    }
    worker->missing -= execution == NULL;
    pthread_mutex_unlock(&worker->crew->mutex);
    if (execution == NULL) {
        return;
    }
    args.payload = result_text(claim->execution_id, claim->lease_epoch, text, sizeof(text));
    ff_client_complete_async(worker->client, &args, on_completed,
                             call_new(worker, execution, claim->lease_epoch));
}

static void
claim_and_complete(struct worker *worker)
{
    struct ff_claim_many_args args = {
        .lane_id = ff_cstr(FF_TEST_LANE),
        .worker_id = ff_cstr("test"),
        .worker_instance_id = ff_cstr(worker->name),
        .lease_ttl_ms = TTL_MS,
        .include_reclaimable = true,
        .max = BATCH_MAX,
    };
    struct ff_claim_many_result claimed = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (ff_client_claim_many(worker->client, &args, &claimed, &answer) != FF_E_OK) {
        pthread_mutex_lock(&worker->crew->mutex);
        say_wrong(worker->crew, "claim_many", ff_answer_text(&answer));
        pthread_mutex_unlock(&worker->crew->mutex);
        return;
    }
    expect(worker, claimed.claims.n);
    for (uint32_t i = 0; i < claimed.claims.n; i++) {
        complete_one(worker, &claimed.claims.v[i]);
    }
    await(worker);
}

static bool
is_stopping(struct crew *crew)
{
    bool stopping = false;

    pthread_mutex_lock(&crew->mutex);
    stopping = crew->stopping;
    pthread_mutex_unlock(&crew->mutex);
    return stopping;
}

static void *
work(void *arg)
{
    struct worker *worker = arg;

    while (!is_stopping(worker->crew)) {
        create_some(worker);
        claim_and_complete(worker);
    }
    return NULL;
}

/* ---- the killing ---- */

static void
await_steps(struct crew *crew, uint64_t n)
{
    uint64_t until = 0;

    pthread_mutex_lock(&crew->mutex);
    until = crew->steps + n;
    while (crew->steps < until && !crew->stopping) {
        pthread_cond_wait(&crew->cond, &crew->mutex);
    }
    pthread_mutex_unlock(&crew->mutex);
}

static void
kill_often(struct crew *crew, uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds && !is_stopping(crew); i++) {
        await_steps(crew, 1 + (uint64_t) rand_r(&crew->seed) % STEPS_MAX);
        ff_daemon_kill(crew->daemon);
        if (rand_r(&crew->seed) % 4 == 0) { /* and once more while it recovers */
            ff_daemon_spawn(crew->daemon, NULL);
            ff_daemon_kill(crew->daemon);
        }
        ff_daemon_start(crew->daemon, NULL);
    }
    await_steps(crew, STEPS_MAX); /* all of them are back at work */
}

/* ---- what must hold ---- */

/* Read together: one at a time would take longer than the test itself. */
struct reading {
    const struct done *execution;
    struct ff_pending state, result;
};

static void
read_one(struct reading *reading, struct ff_client *client, const struct done *execution)
{
    struct ff_read_execution_state_args state = { .execution_id = execution->id };
    struct ff_get_execution_result_args result = { .execution_id = execution->id };

    reading->execution = execution;
    ff_pending_start(&reading->state, client, FF_OP_read_execution_state, &state);
    ff_pending_start(&reading->result, client, FF_OP_get_execution_result, &result);
}

static void
check_completed(struct reading *reading, enum ff_public_state state)
{
    const struct done *execution = reading->execution;
    struct ff_get_execution_result_result result = { 0 };
    char text[128];
    struct ff_str want = result_text(execution->id, execution->epoch, text, sizeof(text));

    assert_int_equal(state, FF_PUBLIC_COMPLETED);
    assert_int_equal(ff_answer_result(&reading->result.answer, FF_OP_get_execution_result, &result),
                     FF_E_OK);
    assert_int_equal(result.result.n, want.n);
    assert_memory_equal(result.result.p, want.p, want.n);
}

static void
check_one(struct reading *reading)
{
    struct ff_read_execution_state_result state = { 0 };
    bool completed = reading->execution->completed;

    assert_int_equal(ff_pending_await(&reading->state), FF_E_OK);
    ff_pending_await(&reading->result); /* execution_not_found of what was not acknowledged */
    assert_int_equal(ff_answer_result(&reading->state.answer, FF_OP_read_execution_state, &state),
                     FF_E_OK);
    if (reading->execution->created || completed) {
        assert_true(state.public_state.is);
    }
    if (completed) {
        check_completed(reading, state.public_state.v);
    }
    ff_pending_done(&reading->state);
    ff_pending_done(&reading->result);
}

static void
check_all(struct crew *crew, struct ff_client *client)
{
    static struct reading readings[256];
    uint32_t n = 0;
    struct done *execution = NULL, *next = NULL;

    HASH_ITER(hh, crew->executions, execution, next)
    {
        read_one(&readings[n++], client, execution);
        if (n == 256 || next == NULL) {
            for (uint32_t i = 0; i < n; i++) {
                check_one(&readings[i]);
            }
            n = 0;
        }
    }
}

static void
forget_all(struct crew *crew)
{
    struct done *execution = NULL, *next = NULL;
    struct held *held = NULL, *after = NULL;

    HASH_ITER(hh, crew->executions, execution, next)
    {
        HASH_DELETE(hh, crew->executions, execution);
        free(execution);
    }
    HASH_ITER(hh, crew->leases, held, after)
    {
        HASH_DELETE(hh, crew->leases, held);
        free(held);
    }
}

static uint32_t
number_from(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : (uint32_t) strtoul(text, NULL, 10);
}

static void
run_crew(struct crew *crew, uint32_t rounds)
{
    struct worker workers[WORKERS] = { 0 };

    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){ .crew = crew, .number = i, .seed = crew->seed + i };
        snprintf(workers[i].name, sizeof(workers[i].name), "worker-%u", i);
        workers[i].client = ff_test_client(crew->daemon->worker, NULL);
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    kill_often(crew, rounds);
    pthread_mutex_lock(&crew->mutex);
    crew->stopping = true;
    pthread_mutex_unlock(&crew->mutex);
    for (uint32_t i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        ff_client_close(workers[i].client);
    }
}

static void
test_what_was_acknowledged_survives_every_kill(void **state)
{
    struct crew crew = { .daemon = *state, .seed = number_from("FF_SEED", 1) };
    uint32_t rounds = number_from("FF_ROUNDS", 12);
    struct ff_client *client = NULL;

    print_message("seed %u, %u kills\n", crew.seed, rounds);
    pthread_mutex_init(&crew.mutex, NULL);
    pthread_cond_init(&crew.cond, NULL);
    ff_daemon_start(crew.daemon, NULL);
    run_crew(&crew, rounds);
    print_message("%u created, %u completed, %u too late\n", crew.n_created, crew.n_completed,
                  crew.n_refused);
    assert_string_equal(crew.wrong, "");
    assert_true(crew.n_created > rounds && crew.n_completed > rounds);
    ff_daemon_kill(crew.daemon);
    ff_daemon_start(crew.daemon, NULL);
    client = ff_test_client(crew.daemon->worker, NULL);
    check_all(&crew, client);
    ff_client_close(client);
    forget_all(&crew);
    ff_daemon_stop(crew.daemon);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_acknowledged_survives_every_kill,
                                        ff_daemon_setup, ff_daemon_teardown),
    };

    return ff_run_rows("kill", NULL, 0, tests, sizeof(tests) / sizeof(tests[0]));
}
