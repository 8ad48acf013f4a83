#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "core/id.h"
#include "workers/worker_int.h"

/* One claimed execution: its handler, its lease, its outcome (08 §6.3–6.5). */

#define FAILED_RENEWALS_MAX 3
/* Further tries of a terminal call that got no answer, after 100, 200 and 400 ms. */
#define RETRIES_MAX 3
#define RETRY_MS 100

/* ---- beginning and forgetting ---- */

void
ff_job_batch_drop(struct ff_job_batch *batch)
{
    if (--batch->users == 0) {
        ff_answer_done(&batch->answer);
        free(batch);
    }
}

static void
stop_timers(struct ff_job *job)
{
    struct ev_loop *loop = job->worker->loop;

    ev_timer_stop(loop, &job->renew);
    ev_timer_stop(loop, &job->lapse);
    ev_timer_stop(loop, &job->limit);
    ev_timer_stop(loop, &job->grace);
    ev_timer_stop(loop, &job->again);
}

static void
free_if_over(struct ff_job *job)
{
    if (job->settled && !job->running && job->letters == 0) {
        ff_job_batch_drop(job->batch);
        ff_upstreams_free(job->upstreams);
        free(job->outcome.payload);
        free(job);
    }
}

/* Its end is known: once the handler is through, too, the slot is free. */
static void
leave(struct ff_job *job)
{
    struct ff_runtime *worker = job->worker;

    if (job->settled && !job->running) {
        stop_timers(job);
        TAILQ_REMOVE(&worker->jobs, job, next);
        worker->running--;
        free_if_over(job);
        ff_claim_more(worker);
        ff_runtime_check_end(worker);
    }
}

static void
settle(struct ff_job *job)
{
    stop_timers(job);
    job->settled = true;
    leave(job);
}

struct ff_letter *
ff_job_letter(struct ff_job *job, void (*take)(struct ff_letter *letter))
{
    struct ff_letter *letter = ff_letter_new(job->worker, take);

    letter->job = job;
    job->letters++;
    return letter;
}

/* ---- the outcome ---- */

static void
set_outcome(struct ff_job *job, const struct ff_job_outcome *outcome)
{
    pthread_mutex_lock(&job->worker->mutex);
    if (job->decided) { /* too late */
        free(outcome->payload);
    } else {
        free(job->outcome.payload);
        job->outcome = *outcome;
    }
    pthread_mutex_unlock(&job->worker->mutex);
}

/* A text that may be cut, or not be UTF-8 at all. */
static void
copy_text(char *out, size_t size, const char *text)
{
    struct ff_str rest = { 0 };
    size_t n = 0;

    snprintf(out, size, "%s", text);
    rest = ff_cstr(out);
    while (rest.n > 0) {
        const char *at = rest.p;
        uint32_t code = 0;

        if (!ff_utf8_next(&rest, &code)) {
            n = (size_t) (at - out);
            out[n] = '?';
            rest = ff_cstr(out + n + 1);
        }
    }
}

static struct ff_job_outcome
failure(enum ff_failure_class class, const char *category, const char *message)
{
    struct ff_job_outcome outcome = { .kind = FF_JOB_FAIL, .class = class };

    copy_text(outcome.category, sizeof(outcome.category), category == NULL ? "" : category);
    copy_text(outcome.message, sizeof(outcome.message), message);
    return outcome;
}

static struct ff_job_outcome
output_failure(uint32_t max)
{
    char text[96];

    snprintf(text, sizeof(text), "the result is larger than the %u bytes that it may have", max);
    return failure(FF_FAILURE_PERMANENT, "output_too_large", text);
}

void
ff_job_complete(struct ff_job *job, struct ff_str payload)
{
    struct ff_job_outcome outcome = { .kind = FF_JOB_COMPLETE };
    uint32_t max = ff_job_output_bytes_max(job);

    if (payload.n > max) {
        outcome = output_failure(max);
    } else if (payload.p != NULL) {
        outcome.payload = malloc(payload.n + 1u); /* empty is a result, too */
        FF_ASSERT(outcome.payload != NULL);
        memcpy(outcome.payload, payload.p, payload.n);
        outcome.payload_bytes = payload.n;
    }
    set_outcome(job, &outcome);
}

void
ff_job_fail(struct ff_job *job, enum ff_failure_class class, const char *category,
            const char *message)
{
    const struct ff_job_outcome outcome = failure(class, category, message);

    set_outcome(job, &outcome);
}

void
ff_job_released(struct ff_job *job)
{
    const struct ff_job_outcome outcome = { .kind = FF_JOB_RELEASED };

    set_outcome(job, &outcome);
}

bool
ff_job_has_outcome(const struct ff_job *job)
{
    enum ff_job_end kind = FF_JOB_NONE;

    pthread_mutex_lock(&job->worker->mutex);
    kind = job->outcome.kind;
    pthread_mutex_unlock(&job->worker->mutex);
    return kind != FF_JOB_NONE;
}

/* What the job ends with, whatever its handler says; kind NONE: that counts. */
static struct ff_job_outcome
overruling(const struct ff_job *job, enum ff_stop stop)
{
    struct ff_job_outcome outcome = { 0 };
    char text[96];

    if (stop == FF_STOP_OUTPUT) {
        outcome = output_failure(ff_job_output_bytes_max(job));
    } else if (stop == FF_STOP_TIMEOUT) {
        snprintf(text, sizeof(text), "the handler ran for longer than %llu ms",
                 (unsigned long long) job->handler->timeout_ms);
        outcome = failure(FF_FAILURE_TIMEOUT, NULL, text);
    }
    return outcome;
}

/* Fixes the outcome. What a handler says that was told to stop counts only if it is good; of one
 * that was to stop because the worker does, nothing is left, so that it is handed back. */
static void
decide(struct ff_job *job)
{
    enum ff_stop stop = ff_job_stop(job);
    struct ff_job_outcome other = overruling(job, stop);
    bool good = false;

    pthread_mutex_lock(&job->worker->mutex);
    good = job->outcome.kind == FF_JOB_COMPLETE || job->outcome.kind == FF_JOB_RELEASED;
    if (stop == FF_STOP_OUTPUT || (!good && (stop == FF_STOP_TIMEOUT || stop == FF_STOP_DRAIN))) {
        free(job->outcome.payload);
        job->outcome = other;
    }
    job->decided = true;
    pthread_mutex_unlock(&job->worker->mutex);
}

/* ---- telling it ---- */

static void on_told(struct ff_letter *letter);

/* Handed back: a delay that is over at once. The attempt goes on with whoever claims it, and
 * neither a retry nor a reclaim is counted. */
static void
hand_back(struct ff_job *job)
{
    struct ff_delay_args args = { .handle = job->claim->handle };

    args.delay_until = ff_wall_ms();
    ff_client_delay_async(job->worker->client, &args, ff_letter_answered,
                          ff_job_letter(job, on_told));
}

static void
tell_failure(struct ff_job *job)
{
    const struct ff_job_outcome *outcome = &job->outcome;
    struct ff_fail_args args = { .handle = job->claim->handle };

    args.reason.message = ff_cstr(outcome->message);
    args.classification = outcome->class;
    if (outcome->category[0] != '\0') {
        args.failure_category = ff_cstr(outcome->category);
    }
    ff_job_log(job, FF_LEVEL_INFO, "attempt_failed", outcome->message);
    ff_client_fail_async(job->worker->client, &args, ff_letter_answered,
                         ff_job_letter(job, on_told));
}

static void
tell(struct ff_job *job)
{
    const struct ff_job_outcome *outcome = &job->outcome; /* decided: nobody writes it */
    struct ff_complete_args args = { .handle = job->claim->handle };

    if (outcome->kind == FF_JOB_COMPLETE) {
        if (outcome->payload != NULL) {
            args.payload = ff_str(outcome->payload, outcome->payload_bytes);
        }
        ff_client_complete_async(job->worker->client, &args, ff_letter_answered,
                                 ff_job_letter(job, on_told));
    } else if (outcome->kind == FF_JOB_FAIL) {
        tell_failure(job);
    } else {
        hand_back(job);
    }
}

static void
on_again(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    struct ff_job *job = watcher->data;

    (void) loop;
    (void) events;
    if (job->lost) {
        settle(job);
    } else {
        tell(job);
    }
}

static void
on_told(struct ff_letter *letter)
{
    struct ff_job *job = letter->job;
    struct ff_fault *fault = &letter->answer.fault;

    job->letters--;
    if (fault->code != FF_E_OK && fault->retryable && !job->lost && job->tries < RETRIES_MAX) {
        ff_runtime_timer(job->worker, &job->again, (uint64_t) RETRY_MS << job->tries++);
    } else {
        if (fault->code != FF_E_OK) {
            ff_job_log(job, FF_LEVEL_WARN, "outcome_refused", ff_answer_text(&letter->answer));
        }
        settle(job);
    }
    ff_letter_free(letter);
}

/* ---- output ---- */

static void
on_output(struct ff_letter *letter)
{
    struct ff_job *job = letter->job;

    job->letters--;
    if (letter->answer.fault.code != FF_E_OK && !job->output_lost) {
        job->output_lost = true;
        ff_job_log(job, FF_LEVEL_WARN, "output_lost", ff_answer_text(&letter->answer));
    }
    free_if_over(job);
    ff_letter_free(letter);
}

void
ff_job_output(struct ff_job *job, const char *kind, struct ff_str bytes)
{
    const struct ff_append_frame_args args = {
        .handle = job->claim->handle,
        .frame = { .bytes = bytes, .kind = ff_cstr(kind), .frame_type = ff_cstr("") },
    };

    if (!job->lost) {
        ff_client_append_frame_async(job->worker->client, &args, ff_letter_answered,
                                     ff_job_letter(job, on_output));
    }
}

/* The handler is through with it, or nobody waits for that any more. */
static void
conclude(struct ff_job *job)
{
    ev_timer_stop(job->worker->loop, &job->limit);
    ev_timer_stop(job->worker->loop, &job->grace);
    decide(job);
    if (job->lost || job->outcome.kind == FF_JOB_RELEASED) {
        settle(job);
    } else {
        tell(job);
    }
}

void
ff_job_done(struct ff_job *job)
{
    job->running = false;
    if (!job->abandoned) {
        conclude(job);
        return;
    }
    job->worker->stuck--;
    ff_job_log(job, FF_LEVEL_INFO, "handler_came_back", "");
    leave(job);
}

/* ---- stopping a handler ---- */

static void
on_grace(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    struct ff_job *job = watcher->data;

    (void) loop;
    (void) events;
    ff_job_log(job, FF_LEVEL_WARN, "handler_stuck", "");
    job->abandoned = true;
    job->worker->stuck++;
    conclude(job);
    ff_runtime_check_end(job->worker);
}

void
ff_job_stop_for(struct ff_job *job, enum ff_stop why)
{
    struct ff_runtime *worker = job->worker;

    if (!job->running || job->abandoned || ff_job_stop(job) != FF_STOP_NONE) {
        return;
    }
    pthread_mutex_lock(&worker->mutex);
    job->stop = why;
    pthread_cond_broadcast(&worker->stopped);
    pthread_mutex_unlock(&worker->mutex);
    ev_timer_stop(worker->loop, &job->limit);
    if (job->handler->work != NULL) {
        ff_runtime_timer(worker, &job->grace, job->handler->stop_grace_ms);
    } else {
        job->handler->stop(job->handler->ctx, job, why);
    }
}

static void
on_limit(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    (void) loop;
    (void) events;
    ff_job_stop_for(watcher->data, FF_STOP_TIMEOUT);
}

/* ---- the lease ---- */

static void
lose(struct ff_job *job, enum ff_stop why)
{
    job->lost = true;
    ev_timer_stop(job->worker->loop, &job->renew);
    ev_timer_stop(job->worker->loop, &job->lapse);
    if (job->running && !job->abandoned) {
        ff_job_log(job, FF_LEVEL_WARN, why == FF_STOP_ENDED ? "execution_ended" : "lease_lost", "");
        ff_job_stop_for(job, why);
    }
}

static bool
is_loss(ff_err err)
{
    return err == FF_E_STALE_LEASE || err == FF_E_LEASE_EXPIRED || err == FF_E_LEASE_REVOKED ||
           err == FF_E_EXECUTION_NOT_FOUND;
}

static void
on_renewed(struct ff_letter *letter)
{
    struct ff_job *job = letter->job;
    ff_err err = letter->answer.fault.code;
    int64_t age_ms = ff_mono_ms() - letter->asked_mono_ms;
    int64_t left_ms = (int64_t) job->worker->options.lease_ttl_ms - age_ms;

    job->letters--;
    job->renewing = false;
    if (job->settled || job->lost) {
        free_if_over(job);
    } else if (err == FF_E_OK) {
        job->failed_renewals = 0;
        ff_runtime_timer(job->worker, &job->lapse, left_ms > 0 ? (uint64_t) left_ms : 0);
    } else if (err == FF_E_EXECUTION_NOT_ACTIVE) {
        lose(job, FF_STOP_ENDED);
    } else if (is_loss(err) || ++job->failed_renewals == FAILED_RENEWALS_MAX) {
        lose(job, FF_STOP_LEASE_LOST);
    }
    ff_letter_free(letter);
}

/* A tick that finds the last renewal unanswered is skipped. */
static void
on_renew(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    struct ff_job *job = watcher->data;
    struct ff_renew_args args = { .handle = job->claim->handle };

    (void) loop;
    (void) events;
    ff_runtime_timer(job->worker, &job->renew, job->worker->options.lease_ttl_ms / 3);
    if (!job->renewing) {
        job->renewing = true;
        ff_client_renew_async(job->worker->client, &args, ff_letter_answered,
                              ff_job_letter(job, on_renewed));
    }
}

static void
on_lapse(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    (void) loop;
    (void) events;
    lose(watcher->data, FF_STOP_LEASE_LOST);
}

/* ---- starting ---- */

static const struct ff_handler *
find_handler(const struct ff_runtime *worker, struct ff_str kind)
{
    for (uint32_t i = 0; i < worker->n_handlers; i++) {
        if (ff_str_is(kind, worker->handlers[i].kind)) {
            return &worker->handlers[i];
        }
    }
    return NULL;
}

static void
init_timer(struct ff_job *job, struct ev_timer *timer,
           void (*on)(struct ev_loop *, struct ev_timer *, int))
{
    ev_init(timer, on);
    timer->data = job;
}

static struct ff_job *
job_new(struct ff_runtime *worker, struct ff_job_batch *batch, const struct ff_claim *claim,
        struct ff_str lane)
{
    struct ff_job *job = calloc(1, sizeof(*job));

    FF_ASSERT(job != NULL);
    job->worker = worker;
    job->batch = batch;
    batch->users++;
    job->claim = claim;
    job->lane = lane;
    job->handler = find_handler(worker, claim->execution_kind);
    ff_eid_text(&claim->execution_id, job->id);
    init_timer(job, &job->renew, on_renew);
    init_timer(job, &job->lapse, on_lapse);
    init_timer(job, &job->limit, on_limit);
    init_timer(job, &job->grace, on_grace);
    init_timer(job, &job->again, on_again);
    TAILQ_INSERT_TAIL(&worker->jobs, job, next);
    worker->running++;
    return job;
}

static void
start(struct ff_job *job)
{
    const struct ff_handler *handler = job->handler;

    job->running = true;
    if (handler->timeout_ms > 0) {
        ff_runtime_timer(job->worker, &job->limit, handler->timeout_ms);
    }
    if (handler->work != NULL) {
        ff_pool_add(&job->worker->pool, job);
    } else {
        handler->start(handler->ctx, job);
    }
}

/* It came too late to be begun. */
static void
decline(struct ff_job *job)
{
    job->stop = FF_STOP_DRAIN;
    conclude(job);
}

void
ff_job_prepared(struct ff_job *job, const char *wrong)
{
    char text[512];

    if (job->lost) {
        conclude(job);
    } else if (job->worker->draining) {
        decline(job);
    } else if (wrong != NULL) {
        snprintf(text, sizeof(text), "cannot read the results of upstream executions: %s", wrong);
        ff_job_fail(job, FF_FAILURE_TRANSIENT, "upstream_unavailable", text);
        conclude(job);
    } else {
        start(job);
    }
}

void
ff_job_begin(struct ff_runtime *worker, struct ff_job_batch *batch, const struct ff_claim *claim,
             struct ff_str lane)
{
    struct ff_job *job = job_new(worker, batch, claim, lane);
    char text[320];

    ff_runtime_timer(worker, &job->renew, worker->options.lease_ttl_ms / 3);
    ff_runtime_timer(worker, &job->lapse, worker->options.lease_ttl_ms);
    ff_job_log(job, FF_LEVEL_DEBUG, "job_claimed", "");
    if (worker->draining) {
        decline(job);
    } else if (job->handler == NULL) {
        snprintf(text, sizeof(text), "this worker has no handler for kind %.*s",
                 (int) claim->execution_kind.n, claim->execution_kind.p);
        ff_job_fail(job, FF_FAILURE_TRANSIENT, "runtime_no_handler", text);
        conclude(job);
    } else if (claim->flow_id.is) {
        ff_upstreams_fetch(job);
    } else {
        start(job);
    }
}
