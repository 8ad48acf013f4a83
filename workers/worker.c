#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/caps.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/id.h"
#include "workers/worker_int.h"

/* ---- time, log ---- */

void
ff_runtime_timer(struct ff_runtime *worker, struct ev_timer *timer, uint64_t ms)
{
    ev_timer_stop(worker->loop, timer);
    ev_now_update(worker->loop); /* what ran before may have taken long */
    ev_timer_set(timer, (double) ms / 1000, 0);
    ev_timer_start(worker->loop, timer);
}

void
ff_runtime_log(const struct ff_runtime *worker, enum ff_log_level level, const char *event,
               const char *fmt, ...)
{
    char detail[1024];
    va_list ap;

    if (worker->options.log != NULL) {
        va_start(ap, fmt);
        vsnprintf(detail, sizeof(detail), fmt, ap);
        va_end(ap);
        worker->options.log(worker->options.ctx, level, event, detail);
    }
}

/* ---- letters ---- */

struct ff_letter *
ff_letter_new(struct ff_runtime *worker, void (*take)(struct ff_letter *))
{
    struct ff_letter *letter = calloc(1, sizeof(*letter));

    FF_ASSERT(letter != NULL);
    letter->worker = worker;
    letter->take = take;
    letter->asked_mono_ms = ff_mono_ms();
    return letter;
}

void
ff_letter_free(struct ff_letter *letter)
{
    ff_answer_done(&letter->answer);
    free(letter);
}

/* The wake is sent under the lock: whoever has drained the letters may free the worker at once. */
void
ff_letter_post(struct ff_letter *letter)
{
    struct ff_runtime *worker = letter->worker;

    pthread_mutex_lock(&worker->mutex);
    TAILQ_INSERT_TAIL(&worker->letters, letter, next);
    ev_async_send(worker->loop, &worker->wake);
    pthread_mutex_unlock(&worker->mutex);
}

void
ff_letter_answered(void *ctx, struct ff_answer *answer)
{
    struct ff_letter *letter = ctx;

    letter->answer = *answer;
    ff_letter_post(letter);
}

static void
take_letters(struct ff_runtime *worker)
{
    struct ff_letters letters = TAILQ_HEAD_INITIALIZER(letters);
    struct ff_letter *letter = NULL;

    pthread_mutex_lock(&worker->mutex);
    TAILQ_CONCAT(&letters, &worker->letters, next);
    pthread_mutex_unlock(&worker->mutex);
    while ((letter = TAILQ_FIRST(&letters)) != NULL) {
        TAILQ_REMOVE(&letters, letter, next);
        letter->take(letter);
    }
}

static void
on_wake(struct ev_loop *loop, struct ev_async *watcher, int events)
{
    struct ff_runtime *worker = watcher->data;
    uint64_t grace_ms = 0;
    bool stop = false;

    (void) loop;
    (void) events;
    pthread_mutex_lock(&worker->mutex);
    stop = worker->stop_asked;
    grace_ms = worker->grace_ms;
    pthread_mutex_unlock(&worker->mutex);
    take_letters(worker);
    if (stop) {
        ff_runtime_drain(worker, grace_ms);
    }
    ff_runtime_check_end(worker);
}

/* ---- options ---- */

static ff_err
refuse(struct ff_fault *fault, const char *field, const char *reason)
{
    return ff_fail(fault, FF_E_INVALID_CONFIG, ff_d_text("context", "worker"),
                   ff_d_text("field", field), ff_d_text("reason", reason));
}

static ff_err
check_ids(const struct ff_runtime_options *options, struct ff_fault *fault)
{
    struct ff_fault ignored = { 0 };

    if (options->worker_id == NULL ||
        ff_wid_check(ff_cstr(options->worker_id), "", &ignored) != FF_E_OK) {
        return refuse(fault, "worker_id", "must be a word of 1 to 256 bytes");
    }
    if (options->worker_instance_id != NULL &&
        ff_wid_check(ff_cstr(options->worker_instance_id), "", &ignored) != FF_E_OK) {
        return refuse(fault, "worker_instance_id", "must be a word of 1 to 256 bytes");
    }
    if (options->namespace != NULL &&
        ff_wid_check(ff_cstr(options->namespace), "", &ignored) != FF_E_OK) {
        return refuse(fault, "namespace", "must be a word of 1 to 256 bytes");
    }
    return FF_E_OK;
}

static ff_err
check_options(const struct ff_runtime_options *options, struct ff_fault *fault)
{
    struct ff_fault ignored = { 0 };

    FF_TRY(check_ids(options, fault));
    if (options->lanes.n > FF_RUNTIME_LANES_MAX) {
        return refuse(fault, "lanes", "must be at most 32");
    }
    for (uint32_t i = 0; i < options->lanes.n; i++) {
        if (ff_lane_check(options->lanes.v[i], "", &ignored) != FF_E_OK) {
            return refuse(fault, "lanes", "must be of 1 to 64 printable ASCII characters");
        }
    }
    if (options->slots > FF_RUNTIME_SLOTS_MAX) {
        return refuse(fault, "slots", "must be at most 1024");
    }
    if (options->lease_ttl_ms != 0 && options->lease_ttl_ms < 1000) {
        return refuse(fault, "lease_ttl_ms", "must be at least 1000");
    }
    return FF_E_OK;
}

/* Packed as claims carry them, and judged as the daemon will judge them. */
static ff_err
pack_capabilities(struct ff_runtime *worker, struct ff_strs list, struct ff_fault *fault)
{
    const struct ff_caps_from from = { FF_SIDE_WORKER, "capabilities" };
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_strs set = { 0 };

    ff_packer_init(&packer);
    msgpack_pack_array(&packer.pk, list.n);
    for (uint32_t i = 0; i < list.n; i++) {
        ff_pack_str(&packer.pk, list.v[i]);
    }
    worker->capabilities = ff_arena_copy(&worker->arena, ff_packer_str(&packer));
    if (ff_caps_parse(worker->capabilities, from, &worker->arena, &set, fault) != FF_E_OK) {
        return refuse(fault, "capabilities", "must be words, at most 256, 4096 bytes in all");
    }
    return FF_E_OK;
}

static const char *
copy(struct ff_runtime *worker, const char *text, const char *otherwise)
{
    return ff_arena_printf(&worker->arena, "%s", text == NULL ? otherwise : text).p;
}

static void
copy_options(struct ff_runtime *worker, const struct ff_runtime_options *given)
{
    struct ff_runtime_options *options = &worker->options;
    char text[FF_UUID_TEXT_MAX];
    struct ff_uuid random;

    *options = *given;
    randombytes_buf(random.b, sizeof(random.b));
    random = ff_uuid_v4(random.b);
    ff_uuid_text(&random, text);
    options->address = given->address == NULL ? NULL : copy(worker, given->address, "");
    options->worker_id = copy(worker, given->worker_id, "");
    options->worker_instance_id =
        given->worker_instance_id != NULL
            ? copy(worker, given->worker_instance_id, "")
            : ff_arena_printf(&worker->arena, "%.200s-%s", given->worker_id, text).p;
    worker->own_instance = given->worker_instance_id == NULL;
    options->namespace = copy(worker, given->namespace, "default");
    options->slots = given->slots == 0 ? 1 : given->slots;
    options->lease_ttl_ms = given->lease_ttl_ms == 0 ? 30000 : given->lease_ttl_ms;
    options->drain_grace_ms = given->drain_grace_ms == 0 ? 10000 : given->drain_grace_ms;
    worker->n_lanes = given->lanes.n == 0 ? 1 : given->lanes.n;
    for (uint32_t i = 0; i < worker->n_lanes; i++) {
        struct ff_str name = given->lanes.n == 0 ? ff_cstr("default") : given->lanes.v[i];

        worker->lanes[i].name = ff_arena_printf(&worker->arena, "%.*s", (int) name.n, name.p);
    }
}

/* ---- opening and closing ---- */

static ff_err
open_clients(struct ff_runtime *worker, struct ff_fault *fault)
{
    const struct ff_client_options options = {
        .address = worker->options.address,
        .name = worker->options.worker_id,
        .worker_instance_id = worker->options.worker_instance_id,
        .namespace = worker->options.namespace,
    };

    FF_TRY(ff_client_open(&options, &worker->client, fault));
    return ff_client_open(&options, &worker->claims, fault);
}

static void on_drained(struct ev_loop *loop, struct ev_timer *watcher, int events);

static void
init_stopped(struct ff_runtime *worker)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->stopped, &attr);
    pthread_condattr_destroy(&attr);
}

static struct ff_runtime *
worker_new(const struct ff_runtime_options *options)
{
    struct ff_runtime *worker = calloc(1, sizeof(*worker));

    FF_ASSERT(worker != NULL && sodium_init() >= 0);
    pthread_mutex_init(&worker->mutex, NULL);
    init_stopped(worker);
    TAILQ_INIT(&worker->letters);
    TAILQ_INIT(&worker->jobs);
    ff_pool_init(&worker->pool);
    copy_options(worker, options);
    worker->own_loop = options->loop == NULL;
    worker->loop = worker->own_loop ? ev_loop_new(EVFLAG_AUTO) : options->loop;
    FF_ASSERT(worker->loop != NULL);
    ev_async_init(&worker->wake, on_wake);
    ev_init(&worker->drain, on_drained);
    worker->wake.data = worker->drain.data = worker;
    ff_claim_init(worker);
    ff_registry_init(worker);
    return worker;
}

ff_err
ff_runtime_open(const struct ff_runtime_options *options, struct ff_runtime **worker_out,
                struct ff_fault *fault)
{
    struct ff_runtime *worker = NULL;
    ff_err err = check_options(options, fault);

    if (err != FF_E_OK) {
        return err;
    }
    worker = worker_new(options);
    err = pack_capabilities(worker, options->capabilities, fault);
    if (err == FF_E_OK) {
        err = open_clients(worker, fault);
    }
    if (err != FF_E_OK) {
        ff_runtime_close(worker);
        return err;
    }
    ev_async_start(worker->loop, &worker->wake);
    *worker_out = worker;
    return FF_E_OK;
}

void
ff_runtime_handle(struct ff_runtime *worker, const struct ff_handler *handler)
{
    FF_ASSERT(!worker->started && worker->n_handlers < FF_RUNTIME_HANDLERS_MAX);
    FF_ASSERT((handler->work == NULL) == (handler->start != NULL && handler->stop != NULL));
    for (uint32_t i = 0; i < worker->n_handlers; i++) {
        FF_ASSERT(strcmp(worker->handlers[i].kind, handler->kind) != 0);
    }
    worker->handlers[worker->n_handlers] = *handler;
    if (handler->output_bytes_max == 0 || handler->output_bytes_max > FF_RESULT_BYTES_MAX) {
        worker->handlers[worker->n_handlers].output_bytes_max = FF_RESULT_BYTES_MAX;
    }
    if (handler->stop_grace_ms == 0) {
        worker->handlers[worker->n_handlers].stop_grace_ms = 3000;
    }
    worker->n_handlers++;
}

static void
stop_watchers(struct ff_runtime *worker)
{
    ev_async_stop(worker->loop, &worker->wake);
    ev_timer_stop(worker->loop, &worker->pause);
    ev_timer_stop(worker->loop, &worker->drain);
    ff_registry_done(worker);
    if (ev_is_active(&worker->term)) {
        ev_signal_stop(worker->loop, &worker->term);
        ev_signal_stop(worker->loop, &worker->interrupt);
    }
}

void
ff_runtime_close(struct ff_runtime *worker)
{
    FF_ASSERT(!worker->started || worker->ended);
    if (worker->client != NULL) {
        ff_client_close(worker->client);
    }
    if (worker->claims != NULL) {
        ff_client_close(worker->claims);
    }
    stop_watchers(worker);
    if (!ff_pool_close(&worker->pool, worker->stuck)) {
        return; /* their threads may still look at it */
    }
    take_letters(worker); /* answers to renewals that no longer matter */
    if (worker->own_loop) {
        ev_loop_destroy(worker->loop);
    }
    pthread_cond_destroy(&worker->stopped);
    pthread_mutex_destroy(&worker->mutex);
    ff_arena_done(&worker->arena);
    free(worker);
}

/* ---- running ---- */

void
ff_runtime_start(struct ff_runtime *worker)
{
    FF_ASSERT(!worker->started);
    worker->started = true;
    ff_runtime_log(worker, FF_LEVEL_INFO, "worker_started",
                   "worker_id=%s worker_instance_id=%s slots=%u", worker->options.worker_id,
                   worker->options.worker_instance_id, worker->options.slots);
    ff_registry_join(worker);
}

ff_err
ff_runtime_run(struct ff_runtime *worker, struct ff_fault *fault)
{
    FF_ASSERT(worker->own_loop);
    ff_runtime_start(worker);
    while (!worker->ended) {
        ev_run(worker->loop, EVRUN_ONCE);
    }
    *fault = worker->fault;
    return fault->code;
}

void
ff_runtime_check_end(struct ff_runtime *worker)
{
    const struct ff_job *job = NULL;
    bool settled = true;

    TAILQ_FOREACH(job, &worker->jobs, next)
    {
        settled = settled && job->settled;
    }
    if (worker->draining && !worker->leaving && worker->asking == 0 && settled) {
        ev_timer_stop(worker->loop, &worker->drain);
        ff_registry_leave(worker);
    }
}

void
ff_runtime_ended(struct ff_runtime *worker)
{
    worker->ended = true;
    ff_runtime_log(worker, FF_LEVEL_INFO, "worker_stopped", "%s",
                   worker->options.worker_instance_id);
    if (worker->options.ended != NULL) {
        worker->options.ended(worker->options.ctx, &worker->fault);
    }
}

/* ---- stopping ---- */

void
ff_runtime_fail(struct ff_runtime *worker, const struct ff_fault *fault, const char *text)
{
    ff_runtime_log(worker, FF_LEVEL_ERROR, "worker_failed", "error=\"%s\"", text);
    worker->fault = (struct ff_fault){
        .code = fault->code,
        .message = ff_arena_printf(&worker->arena, "%s", text).p,
    };
    ff_runtime_drain(worker, UINT64_MAX);
}

void
ff_runtime_drain(struct ff_runtime *worker, uint64_t grace_ms)
{
    uint64_t max_ms = worker->options.drain_grace_ms;

    if (worker->draining) {
        return;
    }
    worker->draining = true;
    ff_claim_stop(worker);
    ff_runtime_log(worker, FF_LEVEL_INFO, "worker_draining", "running=%u", worker->running);
    ff_runtime_timer(worker, &worker->drain, grace_ms < max_ms ? grace_ms : max_ms);
}

static void
on_drained(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    struct ff_runtime *worker = watcher->data;
    struct ff_job *job = NULL, *next = NULL;

    (void) loop;
    (void) events;
    TAILQ_FOREACH_SAFE(job, &worker->jobs, next, next)
    {
        ff_job_stop_for(job, FF_STOP_DRAIN);
    }
}

void
ff_runtime_stop(struct ff_runtime *worker, uint64_t grace_ms)
{
    pthread_mutex_lock(&worker->mutex);
    worker->grace_ms = worker->stop_asked ? worker->grace_ms : grace_ms;
    worker->stop_asked = true;
    ev_async_send(worker->loop, &worker->wake);
    pthread_mutex_unlock(&worker->mutex);
}

static void
on_signal(struct ev_loop *loop, struct ev_signal *watcher, int events)
{
    struct ff_runtime *worker = watcher->data;

    (void) loop;
    (void) events;
    if (worker->draining) {
        _exit(130);
    }
    ff_runtime_drain(worker, UINT64_MAX);
    ff_runtime_check_end(worker);
}

void
ff_runtime_stop_on_signals(struct ff_runtime *worker)
{
    FF_ASSERT(worker->own_loop);
    ev_signal_init(&worker->term, on_signal, SIGTERM);
    ev_signal_init(&worker->interrupt, on_signal, SIGINT);
    worker->term.data = worker->interrupt.data = worker;
    ev_signal_start(worker->loop, &worker->term);
    ev_signal_start(worker->loop, &worker->interrupt);
}
