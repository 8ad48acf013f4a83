/* load.c: what is asked of the daemon: executions, flows, cancels, signals, tails, budgets. */
#include <stdio.h>
#include <string.h>

#include "core/codec.h"
#include "core/id.h"
#include "core/partition.h"
#include "tests/soak/soak.h"

#define PARTITIONS 256
#define TAILS_MAX 24
#define BUDGET_MS 3000
#define MIDDLE 3 /* members between the first and the last one of a flow */

static const char *const kinds[SOAK_KINDS] = { "plain", "stream", "flaky", "slow", "wait",
                                               "drop",  "quota",  "fail",  "cat" };

enum { CREATOR, CREATOR_2, SIGNALER, BUDGETS, THREADS };

struct loader {
    pthread_t thread;
    struct soak *soak;
    struct ff_client *client;
    unsigned seed;
};

static struct loader loaders[THREADS];
static struct ff_client *tails;
static atomic_uint tails_n;

static void
count(struct soak *soak, uint64_t *what)
{
    pthread_mutex_lock(&soak->mutex);
    (*what)++;
    pthread_mutex_unlock(&soak->mutex);
}

static uint32_t
pick(struct loader *loader, uint32_t n)
{
    return (uint32_t) rand_r(&loader->seed) % n;
}

/* ---- tails ---- */

struct tail {
    struct soak *soak;
    struct ff_eid id;
    char after[64];
    uint64_t next; /* the frame that comes next */
};

static void on_tail(void *ctx, struct ff_answer *answer);

static void
tail_on(struct tail *tail)
{
    const struct ff_tail_stream_args args = {
        .execution_id = tail->id, .after = ff_cstr(tail->after), .block_ms = 5000, .limit = 100
    };

    ff_client_tail_stream_async(tails, &args, on_tail, tail);
}

static void
take_frame(struct tail *tail, const struct ff_stream_frame *frame)
{
    for (uint32_t i = 0; i < frame->fields.n; i++) {
        const struct ff_tag *field = &frame->fields.v[i];

        if (ff_str_is(field->key, "payload") &&
            strtoull(field->value.p, NULL, 10) != tail->next++) {
            ff_soak_wrong(tail->soak, "a tail has a hole before frame %.*s", (int) frame->id.n,
                          frame->id.p);
        }
    }
    snprintf(tail->after, sizeof(tail->after), "%.*s", (int) frame->id.n, frame->id.p);
}

static void
on_tail(void *ctx, struct ff_answer *answer)
{
    struct tail *tail = ctx;
    struct ff_tail_stream_result result = { 0 };
    bool over = answer->fault.code != FF_E_OK || atomic_load(&tail->soak->over);

    if (!over && ff_answer_result(answer, FF_OP_tail_stream, &result) == FF_E_OK) {
        for (uint32_t i = 0; i < result.frames.n; i++) {
            take_frame(tail, &result.frames.v[i]);
        }
        over = result.closed_at.is && result.frames.n == 0;
    } else if (!over || (answer->fault.code != FF_E_TRANSPORT && answer->fault.code != FF_E_OK)) {
        ff_soak_wrong(tail->soak, "tail_stream: %s", ff_answer_text(answer));
        over = true;
    }
    ff_answer_done(answer);
    if (!over) {
        tail_on(tail);
    } else {
        count(tail->soak, &tail->soak->count.tails);
        atomic_fetch_sub(&tails_n, 1);
        free(tail);
    }
}

void
ff_soak_tail(struct soak *soak, struct ff_eid id)
{
    struct tail *tail = NULL;

    if (atomic_fetch_add(&tails_n, 1) >= TAILS_MAX) {
        atomic_fetch_sub(&tails_n, 1);
        return;
    }
    tail = calloc(1, sizeof(*tail));
    FF_ASSERT(tail != NULL);
    *tail = (struct tail){ .soak = soak, .id = id, .after = "0-0" };
    tail_on(tail);
}

/* ---- single executions ---- */

static struct ff_str
policy_of(struct soak *soak, enum soak_kind kind, struct ff_packer *room)
{
    char text[256] = "", id[FF_UUID_TEXT_MAX];
    struct ff_fault fault = { 0 };

    if (kind == SOAK_QUOTA) {
        ff_uuid_text(&soak->quota, id);
        snprintf(text, sizeof(text), "{\"quota_policy_id\":\"%s\"}", id);
    } else if (kind == SOAK_FLAKY) {
        snprintf(text, sizeof(text),
                 "{\"retry_policy\":{\"max_retries\":3,\"backoff\":{\"type\":\"fixed\","
                 "\"delay_ms\":200}}}");
    } else {
        return ff_cstr(NULL);
    }
    FF_ASSERT(ff_json_to_msgpack(NULL, ff_cstr(text), &room->pk, &fault) == FF_E_OK);
    return ff_packer_str(room);
}

static struct ff_eid
new_id(const char *lane)
{
    struct ff_eid id = ff_test_eid();

    id.partition = ff_partition_of_lane(ff_cstr(lane), PARTITIONS);
    return id;
}

static void
cancel(struct loader *loader, struct ff_eid id)
{
    const struct ff_cancel_execution_args args = { .execution_id = id,
                                                   .reason = ff_cstr("soak"),
                                                   .source = ff_cstr("operator_override") };
    struct ff_cancel_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    ff_soak_book_any_end(loader->soak, id);
    if (ff_client_cancel_execution(loader->client, &args, &result, &answer) == FF_E_OK) {
        count(loader->soak, &loader->soak->count.cancels);
    }
}

static void
create_one(struct loader *loader)
{
    static const enum ff_terminal_outcome good = FF_OUTCOME_SUCCESS, bad = FF_OUTCOME_FAILED;
    enum soak_kind kind =
        pick(loader, 4) == 0 ? SOAK_PLAIN : (enum soak_kind) pick(loader, SOAK_KINDS);
    const char *lane = kind == SOAK_CAT ? SOAK_HOST_LANE : SOAK_LANE;
    struct ff_create_execution_args args = {
        .execution_id = new_id(lane),
        .namespace = ff_cstr(kind == SOAK_CAT ? "default" : SOAK_NAMESPACE),
        .lane_id = ff_cstr(lane),
        .execution_kind = ff_cstr(kinds[kind]),
        .input_payload = ff_cstr("input"),
        .creator_identity = ff_cstr("soak"),
    };
    struct ff_create_execution_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    FF_SCOPED(ff_packer) room;
    bool well = false;

    ff_packer_init(&room);
    if (kind == SOAK_DROP && pick(loader, 4) != 0) {
        return; /* each holds its place for a whole lease */
    }
    args.policy = policy_of(loader->soak, kind, &room);
    if (pick(loader, 8) == 0) {
        args.delay_until = FF_SOME(ff_opt_i64, ff_soak_now_ms() + pick(loader, 1000));
    }
    ff_soak_book_add(loader->soak, args.execution_id, kind, kind == SOAK_FAIL ? &bad : &good);
    well = ff_client_create_execution(loader->client, &args, &result, &answer) == FF_E_OK;
    if (!well) {
        ff_soak_wrong(loader->soak, "create_execution: %s", ff_answer_text(&answer));
    }
    if (well && kind == SOAK_STREAM) {
        ff_soak_tail(loader->soak, args.execution_id);
    }
    if (well && kind == SOAK_PLAIN && pick(loader, 20) == 0) {
        cancel(loader, args.execution_id);
    }
    ff_soak_book_created(loader->soak, args.execution_id, well);
}

/* ---- flows: one, then MIDDLE beside each other, then one that waits for so many of them ---- */

struct plan {
    struct ff_submit_member members[MIDDLE + 2];
    struct ff_submit_edge edges[2 * MIDDLE];
    enum soak_kind kinds[MIDDLE + 2];
    uint32_t needed; /* of the middle; MIDDLE: all */
    bool let_run, cancelled;
};

static const char *const keys[MIDDLE + 2] = { "first", "m0", "m1", "m2", "last" };

static void
plan_members(struct loader *loader, struct plan *plan, const struct ff_uuid *flow_id)
{
    for (uint32_t i = 0; i < MIDDLE + 2; i++) {
        struct ff_eid id = ff_test_eid();

        id.partition = ff_partition_of_flow(flow_id, PARTITIONS);
        plan->kinds[i] = i > 0 && i <= MIDDLE && pick(loader, 4) == 0 ? SOAK_FAIL : SOAK_PLAIN;
        plan->members[i] = (struct ff_submit_member){
            .key = ff_cstr(keys[i]),
            .execution_id = FF_SOME(ff_opt_eid, id),
            .lane_id = ff_cstr(SOAK_LANE),
            .execution_kind = ff_cstr(kinds[plan->kinds[i]]),
            .creator_identity = ff_cstr("soak"),
        };
    }
    for (uint32_t i = 0; i < MIDDLE; i++) {
        plan->edges[2 * i] = (struct ff_submit_edge){ .from = ff_cstr("first"),
                                                      .to = ff_cstr(keys[1 + i]),
                                                      .dependency_kind = ff_cstr("success_only") };
        plan->edges[2 * i + 1] =
            (struct ff_submit_edge){ .from = ff_cstr(keys[1 + i]),
                                     .to = ff_cstr("last"),
                                     .dependency_kind = ff_cstr("success_only") };
    }
}

/* What must become of each member is known beforehand, but for siblings that may be cancelled. */
static void
plan_ends(struct soak *soak, const struct plan *plan)
{
    static const enum ff_terminal_outcome good = FF_OUTCOME_SUCCESS, bad = FF_OUTCOME_FAILED,
                                          skipped = FF_OUTCOME_SKIPPED;
    uint32_t successes = 0;

    for (uint32_t i = 0; i < MIDDLE + 2; i++) {
        bool middle = i > 0 && i <= MIDDLE;
        const enum ff_terminal_outcome *end = plan->kinds[i] == SOAK_FAIL ? &bad : &good;

        successes += middle && plan->kinds[i] == SOAK_PLAIN;
        if (i == MIDDLE + 1 && successes < plan->needed) {
            end = &skipped;
        }
        if (plan->cancelled || (middle && !plan->let_run && plan->needed < MIDDLE)) {
            end = NULL;
        }
        ff_soak_book_add(soak, plan->members[i].execution_id.v, plan->kinds[i], end);
    }
}

static struct ff_str
group_policy(const struct plan *plan, struct ff_packer *room)
{
    const char *then = plan->let_run ? "let_run" : "cancel_remaining";
    struct ff_fault fault = { 0 };
    char text[128];

    if (plan->needed == MIDDLE) {
        snprintf(text, sizeof(text), "{\"kind\":\"all_of\"}");
    } else if (plan->needed == 1) {
        snprintf(text, sizeof(text), "{\"kind\":\"any_of\",\"on_satisfied\":\"%s\"}", then);
    } else {
        snprintf(text, sizeof(text), "{\"kind\":\"quorum\",\"k\":%u,\"on_satisfied\":\"%s\"}",
                 plan->needed, then);
    }
    FF_ASSERT(ff_json_to_msgpack(NULL, ff_cstr(text), &room->pk, &fault) == FF_E_OK);
    return ff_packer_str(room);
}

static void
cancel_flow(struct loader *loader, const struct ff_uuid *flow_id)
{
    const struct ff_cancel_flow_args args = { .flow_id = *flow_id,
                                              .policy = ff_cstr("cancel_all"),
                                              .reason = ff_cstr("soak") };
    struct ff_cancel_flow_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (ff_client_cancel_flow(loader->client, &args, &result, &answer) == FF_E_OK) {
        count(loader->soak, &loader->soak->count.cancels);
    } else if (answer.fault.code != FF_E_FLOW_NOT_FOUND) {
        ff_soak_wrong(loader->soak, "cancel_flow: %s", ff_answer_text(&answer));
    }
}

static void
submit_flow(struct loader *loader)
{
    struct plan plan = { .needed = 1 + pick(loader, MIDDLE),
                         .let_run = pick(loader, 2) == 0,
                         .cancelled = pick(loader, 6) == 0 };
    FF_SCOPED(ff_packer) room;
    struct ff_submit_group group = { .member = ff_cstr("last") };
    const struct ff_uuid flow_id = ff_test_eid().uuid;
    const struct ff_submit_flow_args args = {
        .flow = { flow_id, ff_cstr("soak"), ff_cstr(SOAK_NAMESPACE) },
        .members = { plan.members, MIDDLE + 2 },
        .edges = { plan.edges, 2 * MIDDLE },
        .groups = { &group, 1 },
    };
    struct ff_submit_flow_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    bool well = false;

    ff_packer_init(&room);
    group.policy = group_policy(&plan, &room);
    plan_members(loader, &plan, &flow_id);
    plan_ends(loader->soak, &plan);
    well = ff_client_submit_flow(loader->client, &args, &result, &answer) == FF_E_OK;
    if (!well) {
        ff_soak_wrong(loader->soak, "submit_flow: %s", ff_answer_text(&answer));
    }
    count(loader->soak, &loader->soak->count.flows);
    if (plan.cancelled && well) {
        ff_soak_pause_ms(pick(loader, 50));
        cancel_flow(loader, &flow_id);
    }
    for (uint32_t i = 0; i < MIDDLE + 2; i++) {
        ff_soak_book_created(loader->soak, plan.members[i].execution_id.v, well);
    }
}

static void *
create(void *arg)
{
    struct loader *loader = arg;

    while (!atomic_load(&loader->soak->stopping)) {
        if (ff_soak_book_open(loader->soak) >= SOAK_OPEN_MAX) {
            ff_soak_pause_ms(20);
        } else if (pick(loader, 6) == 0) {
            submit_flow(loader);
        } else {
            create_one(loader);
        }
    }
    return NULL;
}

/* ---- signals ---- */

static ff_err
deliver(struct loader *loader, const struct soak_signal *signal, const char *token)
{
    const struct ff_deliver_signal_args args = {
        .execution_id = signal->id,
        .waitpoint_id = signal->waitpoint_id,
        .signal_name = ff_cstr("go"),
        .signal_category = ff_cstr(""),
        .source_type = ff_cstr("soak"),
        .source_identity = ff_cstr("signaler"),
        .payload_encoding = ff_cstr("json"),
        .idempotency_key = ff_cstr("once"),
        .dedup_ttl_ms = 60000,
        .waitpoint_token = ff_cstr(token),
    };
    struct ff_deliver_signal_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    ff_err err = ff_client_deliver_signal(loader->client, &args, &result, &answer);

    if (err == FF_E_TRANSPORT) {
        ff_soak_wrong(loader->soak, "deliver_signal: %s", ff_answer_text(&answer));
    }
    return err;
}

/* One with a digit of the token changed is refused, the right one is not. */
static void
send_signal(struct loader *loader, struct soak_signal *signal)
{
    char forged[sizeof(signal->token)];
    size_t last = strlen(signal->token) - 1;

    memcpy(forged, signal->token, sizeof(forged));
    forged[last] = forged[last] == '0' ? '1' : '0';
    if (pick(loader, 4) == 0) {
        if (deliver(loader, signal, forged) == FF_E_OK) {
            ff_soak_wrong(loader->soak, "a signal with a forged token was accepted");
        }
        count(loader->soak, &loader->soak->count.forged);
    }
    if (deliver(loader, signal, signal->token) == FF_E_OK) {
        count(loader->soak, &loader->soak->count.signals);
    }
}

static void *
send_signals(void *arg)
{
    struct loader *loader = arg;
    struct soak *soak = loader->soak;

    while (!atomic_load(&soak->over)) {
        struct soak_signal *signal = NULL;

        pthread_mutex_lock(&soak->mutex);
        signal = TAILQ_FIRST(&soak->signals);
        if (signal != NULL) {
            TAILQ_REMOVE(&soak->signals, signal, next);
        }
        pthread_mutex_unlock(&soak->mutex);
        if (signal != NULL) {
            send_signal(loader, signal);
            free(signal);
        }
        ff_soak_pause_ms(signal == NULL ? 20 : pick(loader, 10));
    }
    return NULL;
}

/* ---- budgets, quota ---- */

static void
check_budget(struct loader *loader)
{
    struct soak *soak = loader->soak;
    struct ff_get_budget_status_args args = { 0 };
    struct ff_get_budget_status_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    uint64_t spent = 0, used = 0;

    pthread_mutex_lock(&soak->mutex);
    args.budget_id = soak->budget;
    spent = soak->spent;
    pthread_mutex_unlock(&soak->mutex);
    if (ff_client_get_budget_status(loader->client, &args, &result, &answer) != FF_E_OK) {
        ff_soak_wrong(soak, "get_budget_status: %s", ff_answer_text(&answer));
        return;
    }
    used = result.usage.n == 0 ? 0 : result.usage.v[0].value;
    if (used > SOAK_BUDGET_LIMIT || used < spent) {
        ff_soak_wrong(soak, "a budget of %u has usage %llu, %llu acknowledged", SOAK_BUDGET_LIMIT,
                      (unsigned long long) used, (unsigned long long) spent);
    }
}

static void
new_budget(struct loader *loader)
{
    static struct ff_str jobs = { "jobs", 4 };
    static uint64_t limit = SOAK_BUDGET_LIMIT, none;
    const struct ff_create_budget_args args = {
        .budget_id = ff_test_eid().uuid,
        .scope_type = ff_cstr("soak"),
        .scope_id = ff_cstr("soak"),
        .enforcement_mode = ff_cstr("strict"),
        .on_hard_limit = ff_cstr("fail"),
        .on_soft_limit = ff_cstr("warn"),
        .dimensions = { .v = &jobs, .n = 1 },
        .hard_limits = { .v = &limit, .n = 1 },
        .soft_limits = { .v = &none, .n = 1 },
    };
    struct ff_create_budget_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (ff_client_create_budget(loader->client, &args, &result, &answer) != FF_E_OK) {
        ff_soak_wrong(loader->soak, "create_budget: %s", ff_answer_text(&answer));
        return;
    }
    pthread_mutex_lock(&loader->soak->mutex);
    loader->soak->budget = args.budget_id;
    loader->soak->spent = 0;
    pthread_mutex_unlock(&loader->soak->mutex);
}

static void *
keep_budgets(void *arg)
{
    struct loader *loader = arg;
    int64_t next_ms = 0;

    while (!atomic_load(&loader->soak->over)) {
        check_budget(loader);
        if (ff_soak_now_ms() >= next_ms) {
            new_budget(loader);
            next_ms = ff_soak_now_ms() + BUDGET_MS;
        }
        ff_soak_pause_ms(200);
    }
    return NULL;
}

static void
create_quota(struct soak *soak, struct ff_client *client)
{
    const struct ff_create_quota_policy_args args = { .quota_policy_id = ff_test_eid().uuid,
                                                      .window_seconds = 60,
                                                      .max_concurrent = SOAK_QUOTA_CAP };
    struct ff_create_quota_policy_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    assert_int_equal(ff_client_create_quota_policy(client, &args, &result, &answer), FF_E_OK);
    soak->quota = args.quota_policy_id;
}

/* Every slot is free again: so many are admitted, and no more. */
void
ff_soak_load_check(struct soak *soak, struct ff_client *client)
{
    for (uint32_t i = 0; i <= SOAK_QUOTA_CAP; i++) {
        const struct ff_check_admission_args args = { .quota_policy_id = soak->quota,
                                                      .dimension = ff_cstr("default"),
                                                      .execution_id = ff_test_eid() };
        const char *want = i < SOAK_QUOTA_CAP ? "admitted" : "concurrency_exceeded";
        struct ff_check_admission_result result = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };

        if (ff_client_check_admission(client, &args, &result, &answer) != FF_E_OK) {
            ff_soak_wrong(soak, "check_admission: %s", ff_answer_text(&answer));
        } else if (strcmp(result.outcome, want) != 0) {
            ff_soak_wrong(soak, "slot %u of %u is %s at the end", i, SOAK_QUOTA_CAP,
                          result.outcome);
        }
    }
}

/* ---- start and end ---- */

void
ff_soak_load_start(struct soak *soak)
{
    static void *(*const bodies[THREADS])(void *) = { create, create, send_signals, keep_budgets };

    tails = ff_test_client(soak->worker, NULL);
    create_quota(soak, tails);
    for (uint32_t i = 0; i < THREADS; i++) {
        loaders[i] = (struct loader){ .soak = soak, .seed = soak->seed * 31 + i };
        loaders[i].client = ff_test_client(soak->worker, NULL);
    }
    new_budget(&loaders[BUDGETS]);
    for (uint32_t i = 0; i < THREADS; i++) {
        FF_ASSERT(pthread_create(&loaders[i].thread, NULL, bodies[i], &loaders[i]) == 0);
    }
}

void
ff_soak_load_join(struct soak *soak)
{
    (void) soak;
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(loaders[i].thread, NULL);
        ff_client_close(loaders[i].client);
    }
    ff_client_close(tails);
}
