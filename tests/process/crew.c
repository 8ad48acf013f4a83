#include "tests/process/crew.h"

#include <stdio.h>
#include <uthash.h>

#include "core/clock.h"
#include "core/id.h"
#include "tests/process/calls.h"

#define BATCH_MAX 16
/* A second lease so soon after the first cannot be right: no two brokers' clocks are that far apart
 * (TTL_MS less that). */
#define LEASE_MIN_MS 150
/* Short, so that what was claimed by a call whose answer was lost comes back during the test. */
#define TTL_MS 500

struct done {
    UT_hash_handle hh;
    struct ff_eid id;
    bool created;      /* acknowledged */
    bool completed;    /* acknowledged */
    uint64_t epoch;    /* under which it was completed */
    int64_t leased_ms; /* monotonic: its newest lease is no older; 0: it had none */
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

/* ---- what is known ---- */

static void
say_wrong(struct ff_crew *crew, const char *what, const char *detail)
{
    if (crew->wrong[0] == '\0') {
        snprintf(crew->wrong, sizeof(crew->wrong), "%s: %s", what, detail);
    }
    crew->stopping = true;
    pthread_cond_broadcast(&crew->cond);
}

static void
step(struct ff_crew *crew)
{
    crew->steps++;
    pthread_cond_broadcast(&crew->cond);
}

static struct done *
find(struct ff_crew *crew, struct ff_eid id)
{
    struct done *done = NULL;

    HASH_FIND(hh, crew->executions, &id.uuid, sizeof(id.uuid), done);
    return done;
}

static struct done *
add(struct ff_crew *crew, struct ff_eid id)
{
    struct done *done = calloc(1, sizeof(*done));

    assert_non_null(done);
    done->id = id;
    HASH_ADD(hh, crew->executions, id.uuid, sizeof(done->id.uuid), done);
    return done;
}

/* Nobody else may hold this execution under this epoch, ever. */
static void
add_lease(struct ff_crew *crew, const struct ff_crew_worker *worker, const struct ff_claim *claim,
          int64_t asked_ms)
{
    struct done *execution = find(crew, claim->execution_id);
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
    if (execution == NULL) {
        return;
    }
    if (execution->leased_ms > 0 && ff_mono_ms() < execution->leased_ms + LEASE_MIN_MS) {
        say_wrong(crew, "a second lease while the first was alive", worker->name);
    }
    execution->leased_ms = asked_ms;
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
    struct ff_crew_worker *worker;
    struct done *execution;
    uint64_t epoch;
};

static struct call *
call_new(struct ff_crew_worker *worker, struct done *execution, uint64_t epoch)
{
    struct call *call = calloc(1, sizeof(*call));

    assert_non_null(call);
    *call = (struct call){ worker, execution, epoch };
    return call;
}

static void
call_end(struct call *call, struct ff_answer *answer)
{
    struct ff_crew *crew = call->worker->crew;

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
    struct ff_crew *crew = call->worker->crew;

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
    struct ff_crew *crew = call->worker->crew;
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
expect(struct ff_crew_worker *worker, uint32_t n)
{
    pthread_mutex_lock(&worker->crew->mutex);
    worker->missing = n;
    step(worker->crew);
    pthread_mutex_unlock(&worker->crew->mutex);
}

static void
await(struct ff_crew_worker *worker)
{
    pthread_mutex_lock(&worker->crew->mutex);
    while (worker->missing > 0) {
        pthread_cond_wait(&worker->crew->cond, &worker->crew->mutex);
    }
    pthread_mutex_unlock(&worker->crew->mutex);
}

static void
create_some(struct ff_crew_worker *worker)
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
complete_one(struct ff_crew_worker *worker, const struct ff_claim *claim, int64_t asked_ms)
{
    struct ff_complete_args args = { .handle = claim->handle };
    struct done *execution = NULL;
    char text[128];

    pthread_mutex_lock(&worker->crew->mutex);
    add_lease(worker->crew, worker, claim, asked_ms);
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
claim_and_complete(struct ff_crew_worker *worker)
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
    int64_t asked_ms = ff_mono_ms();

    if (ff_client_claim_many(worker->client, &args, &claimed, &answer) != FF_E_OK) {
        pthread_mutex_lock(&worker->crew->mutex);
        say_wrong(worker->crew, "claim_many", ff_answer_text(&answer));
        pthread_mutex_unlock(&worker->crew->mutex);
        return;
    }
    expect(worker, claimed.claims.n);
    for (uint32_t i = 0; i < claimed.claims.n; i++) {
        complete_one(worker, &claimed.claims.v[i], asked_ms);
    }
    await(worker);
}

bool
ff_crew_is_stopping(struct ff_crew *crew)
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
    struct ff_crew_worker *worker = arg;

    while (!ff_crew_is_stopping(worker->crew)) {
        create_some(worker);
        claim_and_complete(worker);
    }
    return NULL;
}

void
ff_crew_await(struct ff_crew *crew, uint64_t n)
{
    uint64_t until = 0;

    pthread_mutex_lock(&crew->mutex);
    until = crew->steps + n;
    while (crew->steps < until && !crew->stopping) {
        pthread_cond_wait(&crew->cond, &crew->mutex);
    }
    pthread_mutex_unlock(&crew->mutex);
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

void
ff_crew_check(struct ff_crew *crew, struct ff_client *client)
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

void
ff_crew_done(struct ff_crew *crew)
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

/* ---- start and end ---- */

void
ff_crew_start(struct ff_crew *crew, const char *address, unsigned seed)
{
    ff_crew_start_on(crew, &address, 1, seed);
}

void
ff_crew_start_on(struct ff_crew *crew, const char *const *addresses, uint32_t n, unsigned seed)
{
    *crew = (struct ff_crew){ .seed = seed };
    pthread_mutex_init(&crew->mutex, NULL);
    pthread_cond_init(&crew->cond, NULL);
    for (uint32_t i = 0; i < FF_CREW_WORKERS; i++) {
        struct ff_crew_worker *worker = &crew->workers[i];

        *worker = (struct ff_crew_worker){ .crew = crew, .number = i, .seed = seed + i };
        snprintf(worker->name, sizeof(worker->name), "worker-%u", i);
        worker->client = ff_test_client(addresses[i % n], NULL);
        assert_int_equal(pthread_create(&worker->thread, NULL, work, worker), 0);
    }
}

void
ff_crew_stop(struct ff_crew *crew)
{
    pthread_mutex_lock(&crew->mutex);
    crew->stopping = true;
    pthread_mutex_unlock(&crew->mutex);
    for (uint32_t i = 0; i < FF_CREW_WORKERS; i++) {
        pthread_join(crew->workers[i].thread, NULL);
        ff_client_close(crew->workers[i].client);
    }
    print_message("%u created, %u completed, %u too late\n", crew->n_created, crew->n_completed,
                  crew->n_refused);
    assert_string_equal(crew->wrong, "");
}
