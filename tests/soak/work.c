/* work.c: the workers of the soak. They outlive the daemon, so none of their leases may be taken.
 */
#include <stdio.h>
#include <string.h>

#include "tests/soak/soak.h"
#include "workers/suspend.h"

#define TTL_MS 5000
#define BATCH_MAX 8
#define FRAMES 5

struct worker {
    pthread_t thread;
    struct soak *soak;
    struct ff_client *client;
    unsigned seed;
    char name[24];
};

static struct worker workers[SOAK_WORKERS];

/* What a worker that is too late hears; the next one does it again. */
static bool
is_late(ff_err err)
{
    return err == FF_E_LEASE_EXPIRED || err == FF_E_STALE_LEASE || err == FF_E_STREAM_CLOSED ||
           err == FF_E_EXECUTION_NOT_ACTIVE || err == FF_E_STALE_OWNER_CANNOT_APPEND ||
           err == FF_E_EXECUTION_NOT_FOUND || err == FF_E_LEASE_REVOKED;
}

static void
count(struct worker *worker, uint64_t *what, uint64_t n)
{
    pthread_mutex_lock(&worker->soak->mutex);
    *what += n;
    pthread_mutex_unlock(&worker->soak->mutex);
}

/* True: well. What is neither well nor late is a violation. */
static bool
judge(struct worker *worker, ff_err err, struct ff_answer *answer, const char *what)
{
    if (err == FF_E_OK) {
        return true;
    }
    if (!is_late(err)) {
        ff_soak_wrong(worker->soak, "%s: %s", what, ff_answer_text(answer));
    }
    count(worker, &worker->soak->count.refused, 1);
    return false;
}

static bool
complete(struct worker *worker, const struct ff_claim *claim)
{
    char text[160];
    const struct ff_complete_args args = {
        .handle = claim->handle,
        .payload = ff_soak_result_text(claim->execution_id, claim->lease_epoch, text, sizeof(text)),
    };
    struct ff_complete_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    return judge(worker, ff_client_complete(worker->client, &args, &result, &answer), &answer,
                 "complete");
}

static void
give_up(struct worker *worker, const struct ff_claim *claim, enum ff_failure_class class)
{
    const struct ff_fail_args args = { .handle = claim->handle,
                                       .reason = { .message = ff_cstr("as it was told") },
                                       .classification = class };
    struct ff_fail_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (judge(worker, ff_client_fail(worker->client, &args, &result, &answer), &answer, "fail")) {
        count(worker, &worker->soak->count.retried, class == FF_FAILURE_TRANSIENT);
    }
}

static void
delay(struct worker *worker, const struct ff_claim *claim)
{
    const struct ff_delay_args args = { .handle = claim->handle,
                                        .delay_until = ff_soak_now_ms() + 300 };
    struct ff_delay_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (judge(worker, ff_client_delay(worker->client, &args, &result, &answer), &answer, "delay")) {
        count(worker, &worker->soak->count.delayed, 1);
    }
}

/* Frames 0, 1, 2, …: whoever follows them must see no hole. */
static bool
put_out(struct worker *worker, const struct ff_claim *claim)
{
    for (uint64_t i = 0; i < FRAMES; i++) {
        char text[16];
        struct ff_append_frame_args args = { .handle = claim->handle };
        struct ff_append_frame_result result = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };

        snprintf(text, sizeof(text), "%llu", (unsigned long long) i);
        args.frame.bytes = ff_cstr(text);
        args.frame.kind = ff_cstr("event");
        args.frame.seq = FF_SOME(ff_opt_u64, i + 1);
        if (!judge(worker, ff_client_append_frame(worker->client, &args, &result, &answer), &answer,
                   "append_frame")) {
            return false;
        }
        count(worker, &worker->soak->count.frames, 1);
    }
    return true;
}

/* Usage of the present budget, once for each lease. */
static void
spend(struct worker *worker, const struct ff_claim *claim)
{
    struct soak *soak = worker->soak;
    char key[160];
    struct ff_tally one = { ff_cstr("jobs"), 1 };
    struct ff_report_usage_args args = { .handle = claim->handle };
    struct ff_report_usage_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    args.dimensions.custom = (struct ff_counts){ &one, 1 };
    args.dimensions.dedup_key =
        ff_soak_result_text(claim->execution_id, claim->lease_epoch, key, sizeof(key));
    pthread_mutex_lock(&soak->mutex);
    args.budget_id = soak->budget;
    pthread_mutex_unlock(&soak->mutex);
    if (!judge(worker, ff_client_report_usage(worker->client, &args, &result, &answer), &answer,
               "report_usage")) {
        return;
    }
    pthread_mutex_lock(&soak->mutex);
    if (strcmp(result.outcome, "hard_breach") == 0) {
        soak->count.breaches++;
    } else {
        soak->count.usage++;
        soak->spent += memcmp(&soak->budget, &args.budget_id, sizeof(soak->budget)) == 0;
    }
    pthread_mutex_unlock(&soak->mutex);
}

static void
keep_waitpoint(struct worker *worker, const struct ff_claim *claim,
               const struct ff_suspend_details *details)
{
    struct soak_signal *signal = calloc(1, sizeof(*signal));

    FF_ASSERT(signal != NULL && details->waitpoint_token.n < sizeof(signal->token));
    signal->id = claim->execution_id;
    signal->waitpoint_id = details->waitpoint_id;
    memcpy(signal->token, details->waitpoint_token.p, details->waitpoint_token.n);
    pthread_mutex_lock(&worker->soak->mutex);
    TAILQ_INSERT_TAIL(&worker->soak->signals, signal, next);
    worker->soak->count.suspended++;
    pthread_mutex_unlock(&worker->soak->mutex);
}

/* The key is the lease's: under one key for all, whoever takes over from a worker that was lost
 * after the resumption would be told of the old suspension again, and suspend nothing. */
static void
suspend(struct worker *worker, const struct ff_claim *claim)
{
    static const struct ff_awaited go = { "go", "go" };
    static const struct ff_awaiting awaiting = { .v = &go, .n = 1 };
    char key[160];
    const struct ff_suspending with = { .handle = claim->handle,
                                        .reason = FF_SUSPEND_SIGNAL,
                                        .timeout_ms = 600000,
                                        .on_timeout = FF_ONTIME_FAIL,
                                        .idempotency_key = key };
    struct ff_suspend_result result = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    ff_soak_result_text(claim->execution_id, claim->lease_epoch, key, sizeof(key));
    if (judge(worker, ff_suspend_on(worker->client, &with, &awaiting, &result, &answer), &answer,
              "suspend")) {
        keep_waitpoint(worker, claim, &result.details);
    }
}

/* Whether it was completed. */
static bool
do_one(struct worker *worker, const struct ff_claim *claim, enum soak_kind kind)
{
    bool first = claim->attempt_index == 0;
    bool resumed = ff_str_is(claim->handle.kind, "resumed");

    if (kind == SOAK_FAIL) {
        give_up(worker, claim, FF_FAILURE_PERMANENT);
        return false;
    }
    if (kind == SOAK_FLAKY && first) {
        give_up(worker, claim, FF_FAILURE_TRANSIENT);
        return false;
    }
    if (kind == SOAK_SLOW && !resumed) {
        delay(worker, claim);
        return false;
    }
    if (kind == SOAK_WAIT && !resumed) {
        suspend(worker, claim);
        return false;
    }
    if (kind == SOAK_DROP && first) {
        count(worker, &worker->soak->count.dropped, 1);
        return false;
    }
    if (kind == SOAK_STREAM && !put_out(worker, claim)) {
        return false;
    }
    if (kind == SOAK_PLAIN) {
        spend(worker, claim);
    }
    return complete(worker, claim);
}

static void
claim_some(struct worker *worker)
{
    const struct ff_claim_many_args args = { .lane_id = ff_cstr(SOAK_LANE),
                                             .worker_id = ff_cstr("soak"),
                                             .worker_instance_id = ff_cstr(worker->name),
                                             .lease_ttl_ms = TTL_MS,
                                             .block_ms = 300,
                                             .request_id = FF_SOME(ff_opt_uuid, ff_test_eid().uuid),
                                             .max =
                                                 1 + (uint32_t) rand_r(&worker->seed) % BATCH_MAX,
                                             .include_reclaimable = true };
    struct ff_claim_many_result claimed = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };

    if (ff_client_claim_many(worker->client, &args, &claimed, &answer) != FF_E_OK) {
        ff_soak_wrong(worker->soak, "claim_many: %s", ff_answer_text(&answer));
        ff_soak_pause_ms(100);
        return;
    }
    for (uint32_t i = 0; i < claimed.claims.n; i++) {
        const struct ff_claim *claim = &claimed.claims.v[i];
        enum soak_kind kind = SOAK_PLAIN;

        if (ff_soak_book_claimed(worker->soak, claim, &kind)) {
            ff_soak_book_left(worker->soak, claim, do_one(worker, claim, kind));
        }
    }
}

static void *
work(void *arg)
{
    struct worker *worker = arg;

    while (!atomic_load(&worker->soak->over)) {
        claim_some(worker);
    }
    return NULL;
}

void
ff_soak_work_start(struct soak *soak)
{
    for (uint32_t i = 0; i < SOAK_WORKERS; i++) {
        struct worker *worker = &workers[i];

        *worker = (struct worker){ .soak = soak, .seed = soak->seed + i };
        snprintf(worker->name, sizeof(worker->name), "soak-%u", i);
        worker->client = ff_test_client(soak->worker, NULL);
        FF_ASSERT(pthread_create(&worker->thread, NULL, work, worker) == 0);
    }
}

void
ff_soak_work_join(struct soak *soak)
{
    (void) soak;
    for (uint32_t i = 0; i < SOAK_WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        ff_client_close(workers[i].client);
    }
}
