/* fanout_main.c: many prompts under one token budget. Work stops at the hard limit by itself, and
 * goes on after a reset.
 *
 *   ff-fanout ipc:///run/flowfabric/operator.sock
 *
 * Every prompt is an execution that names the budget in its policy: while the budget is used up,
 * the daemon hands none of them out. A worker pays before it asks the model. Two that pay for the
 * last tokens at the same moment cannot both have them: the one that is refused gives its prompt
 * back for a while. So the limit is never passed, however many workers there are.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/id.h"
#include "core/partition.h"
#include "workers/flowfabric.h"

#define LANE "fanout"
#define PROMPTS 12
#define TOKENS_EACH 250
#define TOKENS_MAX 1000
#define WORKERS 3
/* A prompt that could not be paid for rests so long. */
#define REST_MS 50

struct fanout {
    const char *address;
    struct ff_client *client;
    struct ff_uuid budget_id;
    struct ff_eid prompts[PROMPTS];
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t changed;
    uint32_t answered, refused;
    bool idle[WORKERS]; /* it has found nothing since the last answer or reset */
    bool over;
};

struct worker {
    pthread_t thread;
    struct fanout *all;
    struct ff_client *client;
    uint32_t number;
    char name[16];
};

static void
must(ff_err err, struct ff_answer *answer, const char *what)
{
    if (err != FF_E_OK) {
        fprintf(stderr, "%s: %s\n", what, ff_answer_text(answer));
        exit(1);
    }
}

static int64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct ff_client *
connect_as(const struct fanout *all, const char *worker)
{
    const struct ff_client_options options = { .address = all->address,
                                               .worker_instance_id = worker };
    struct ff_client *client = NULL;
    struct ff_fault fault = { 0 };

    if (ff_client_open(&options, &client, &fault) != FF_E_OK) {
        fprintf(stderr, "%s: not an address\n", all->address);
        exit(1);
    }
    return client;
}

/* ---- workers ---- */

/* Says what a worker has found; whether there is more to do. */
static bool
note(struct worker *worker, bool answered, bool refused, bool idle)
{
    struct fanout *all = worker->all;
    bool go_on = false;

    pthread_mutex_lock(&all->mutex);
    all->answered += answered;
    all->refused += refused;
    all->idle[worker->number] = idle;
    if (answered) {
        memset(all->idle, 0, sizeof(all->idle));
    }
    go_on = !all->over;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->mutex);
    return go_on;
}

/* The execution's id makes it the same payment, however often it is tried. */
static bool
pay(struct worker *worker, const struct ff_claim *claim)
{
    struct ff_tally tokens = { .key = ff_cstr("tokens"), .value = TOKENS_EACH };
    char key[FF_EID_TEXT_MAX];
    struct ff_record_spend_args args = {
        .budget_id = worker->all->budget_id,
        .execution_id = claim->execution_id,
        .deltas = { .v = &tokens, .n = 1 },
    };
    struct ff_record_spend_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    args.idempotency_key = ff_str(key, ff_eid_text(&claim->execution_id, key));
    must(ff_client_record_spend(worker->client, &args, &result, &answer), &answer, "record_spend");
    return strcmp(result.outcome, "hard_breach") != 0;
}

static void
answer_prompt(struct worker *worker, const struct ff_claim *claim)
{
    char text[128];
    struct ff_complete_args args = { .handle = claim->handle };
    struct ff_complete_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    snprintf(text, sizeof(text), "an answer to \"%.*s\"", (int) claim->input_payload.n,
             claim->input_payload.p);
    args.payload = ff_cstr(text);
    must(ff_client_complete(worker->client, &args, &result, &answer), &answer, "complete");
}

static void
give_back(struct worker *worker, const struct ff_claim *claim)
{
    const struct ff_delay_args args = { .handle = claim->handle,
                                        .delay_until = now_ms() + REST_MS };
    struct ff_delay_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    must(ff_client_delay(worker->client, &args, &result, &answer), &answer, "delay");
}

static bool
one_turn(struct worker *worker)
{
    const struct ff_claim_many_args args = {
        .lane_id = ff_cstr(LANE),
        .worker_id = ff_cstr("fanout"),
        .worker_instance_id = ff_cstr(worker->name),
        .lease_ttl_ms = 30000,
        .block_ms = 100,
        .include_reclaimable = true,
        .include_context = true,
        .max = 1,
    };
    struct ff_claim_many_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    must(ff_client_claim_many(worker->client, &args, &result, &answer), &answer, "claim_many");
    if (result.claims.n == 0) {
        return note(worker, false, false, true);
    }
    if (!pay(worker, &result.claims.v[0])) {
        give_back(worker, &result.claims.v[0]);
        return note(worker, false, true, false);
    }
    answer_prompt(worker, &result.claims.v[0]);
    return note(worker, true, false, false);
}

static void *
run_worker(void *arg)
{
    struct worker *worker = arg;

    worker->client = connect_as(worker->all, worker->name);
    while (one_turn(worker)) {
    }
    ff_client_close(worker->client);
    return NULL;
}

/* ---- the budget and the prompts ---- */

static void
create_budget(struct fanout *all)
{
    struct ff_str name = ff_cstr("tokens");
    uint64_t hard = TOKENS_MAX, soft = TOKENS_MAX / 2;
    uint8_t random[16];
    struct ff_create_budget_args args = {
        .scope_type = ff_cstr("flow"),
        .scope_id = ff_cstr("fanout"),
        .enforcement_mode = ff_cstr("strict"),
        .on_hard_limit = ff_cstr("fail"),
        .on_soft_limit = ff_cstr("warn"),
        .dimensions = { .v = &name, .n = 1 },
        .hard_limits = { .v = &hard, .n = 1 },
        .soft_limits = { .v = &soft, .n = 1 },
    };
    struct ff_create_budget_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    randombytes_buf(random, sizeof(random));
    all->budget_id = args.budget_id = ff_uuid_v4(random);
    must(ff_client_create_budget(all->client, &args, &result, &answer), &answer, "create_budget");
}

/* {"budget_ids": [ID]} in msgpack. */
static struct ff_str
policy(const struct fanout *all, char room[64])
{
    char id[FF_UUID_TEXT_MAX];

    ff_uuid_text(&all->budget_id, id);
    return ff_str(room, (size_t) snprintf(room, 64,
                                          "\x81\xaa"
                                          "budget_ids"
                                          "\x91\xd9%c%s",
                                          36, id));
}

static void
submit(struct fanout *all)
{
    char policy_room[64];

    for (int i = 0; i < PROMPTS; i++) {
        char prompt[64];
        uint8_t random[10];
        struct ff_create_execution_args args = {
            .namespace = ff_cstr("examples"),
            .lane_id = ff_cstr(LANE),
            .execution_kind = ff_cstr("prompt"),
            .creator_identity = ff_cstr("ff-fanout"),
            .policy = policy(all, policy_room),
        };
        struct ff_create_execution_result result = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };

        randombytes_buf(random, sizeof(random));
        args.execution_id.uuid = ff_uuid_v7(now_ms(), random);
        args.execution_id.partition = (uint16_t) (i % 16);
        snprintf(prompt, sizeof(prompt), "question %d", i + 1);
        args.input_payload = ff_cstr(prompt);
        must(ff_client_create_execution(all->client, &args, &result, &answer), &answer,
             "create_execution");
        all->prompts[i] = args.execution_id;
    }
}

static uint64_t
tokens_used(struct fanout *all)
{
    const struct ff_get_budget_status_args args = { .budget_id = all->budget_id };
    struct ff_get_budget_status_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    must(ff_client_get_budget_status(all->client, &args, &result, &answer), &answer,
         "get_budget_status");
    return result.usage.n == 0 ? 0 : result.usage.v[0].value;
}

/* How many prompts are in this state. */
static uint32_t
in_state(struct fanout *all, enum ff_public_state state)
{
    uint32_t n = 0;

    for (int i = 0; i < PROMPTS; i++) {
        const struct ff_read_execution_state_args args = { .execution_id = all->prompts[i] };
        struct ff_read_execution_state_result result = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };

        must(ff_client_read_execution_state(all->client, &args, &result, &answer), &answer,
             "read_execution_state");
        n += result.public_state.is && result.public_state.v == (uint32_t) state;
    }
    return n;
}

static void
reset(struct fanout *all)
{
    const struct ff_reset_budget_args args = { .budget_id = all->budget_id };
    struct ff_reset_budget_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    pthread_mutex_lock(&all->mutex);
    memset(all->idle, 0, sizeof(all->idle));
    pthread_mutex_unlock(&all->mutex);
    must(ff_client_reset_budget(all->client, &args, &result, &answer), &answer, "reset_budget");
}

/* Waits until all is answered, or nobody finds anything to do. */
static uint32_t
await_standstill(struct fanout *all)
{
    uint32_t answered = 0;
    bool still = false;

    pthread_mutex_lock(&all->mutex);
    while (!still && all->answered < PROMPTS) {
        pthread_cond_wait(&all->changed, &all->mutex);
        still = true;
        for (int i = 0; i < WORKERS; i++) {
            still = still && all->idle[i];
        }
    }
    answered = all->answered;
    all->over = answered == PROMPTS;
    pthread_mutex_unlock(&all->mutex);
    return answered;
}

/* A prompt that was given back may rest while all workers are idle: then there are tokens left. */
static bool
run_rounds(struct fanout *all)
{
    uint32_t resets = 0, answered = 0;

    while ((answered = await_standstill(all)) < PROMPTS) {
        uint64_t used = tokens_used(all);

        if (used > TOKENS_MAX) {
            printf("%" PRIu64 " tokens used: the limit was passed\n", used);
            return false;
        }
        if (used < TOKENS_MAX) {
            continue;
        }
        printf("stopped at %" PRIu64 "/%d tokens: %" PRIu32 " of %d answered, %" PRIu32
               " held back by the budget\n",
               used, TOKENS_MAX, answered, PROMPTS, in_state(all, FF_PUBLIC_RATE_LIMITED));
        resets++;
        reset(all);
    }
    printf("%" PRIu32 " of %d answered after %" PRIu32 " resets; payments refused: %" PRIu32 "\n",
           answered, PROMPTS, resets, all->refused);
    return resets == PROMPTS * TOKENS_EACH / TOKENS_MAX - 1 && tokens_used(all) == TOKENS_MAX;
}

int
main(int argc, char **argv)
{
    struct fanout all = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
    struct worker workers[WORKERS];
    bool well = false;

    if (argc != 2 || sodium_init() < 0) {
        fprintf(stderr, "usage: ff-fanout ipc:///…/operator.sock\n");
        return 2;
    }
    setlinebuf(stdout);
    all.address = argv[1];
    all.client = connect_as(&all, NULL);
    create_budget(&all);
    submit(&all);
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){ .all = &all, .number = i };
        snprintf(workers[i].name, sizeof(workers[i].name), "fanout-%u", i);
        pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]);
    }
    well = run_rounds(&all);
    if (!well) {
        exit(1); /* the workers go with the process */
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    ff_client_close(all.client);
    return 0;
}
