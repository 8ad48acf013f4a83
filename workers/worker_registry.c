#include "workers/worker_int.h"

/* The worker in the daemon's registry (05 §7, 08 §6.1): it registers, says that it lives, and
 * leaves. Executions that nobody can run for want of a capability are released by that. */

#define LIVENESS_MS_MAX 86400000
/* Pause before another try to register, and what leaving may take. */
#define AGAIN_MS 500
#define LEAVE_MS_MAX 1000

static uint64_t
liveness_ms(const struct ff_runtime *worker)
{
    uint64_t ms = 2 * worker->options.lease_ttl_ms;

    return ms > LIVENESS_MS_MAX ? LIVENESS_MS_MAX : ms;
}

/* ---- joining ---- */

static void
fail_taken(struct ff_runtime *worker, struct ff_fault *fault)
{
    ff_fail(fault, FF_E_INVALID_CONFIG, ff_d_text("context", "worker"),
            ff_d_text("field", "worker_instance_id"));
    ff_runtime_fail(worker, fault, "worker_instance_id: another process is registered under it");
}

static void
take_registration(struct ff_runtime *worker, struct ff_answer *answer)
{
    struct ff_register_worker_result result = { 0 };
    ff_err err = answer->fault.code;

    if (err == FF_E_OK) {
        err = ff_answer_result(answer, FF_OP_register_worker, &result);
    }
    if (err == FF_E_OK && !worker->registered && !worker->own_instance &&
        strcmp(result.outcome, "refreshed") == 0) {
        fail_taken(worker, &answer->fault);
    } else if (err == FF_E_OK) {
        worker->registered = true;
        ff_runtime_timer(worker, &worker->heartbeat, liveness_ms(worker) / 3);
        ff_claim_more(worker);
    } else if (answer->fault.retryable || err == FF_E_TRANSPORT || err == FF_E_UNAVAILABLE) {
        ff_runtime_timer(worker, &worker->heartbeat, AGAIN_MS);
    } else if (!worker->draining) {
        ff_runtime_fail(worker, &answer->fault, ff_answer_text(answer));
    }
}

/* One that comes while it leaves: the daemon takes it out when its connection is gone. */
static void
on_registered(struct ff_letter *letter)
{
    if (!letter->worker->leaving) {
        take_registration(letter->worker, &letter->answer);
    }
    ff_letter_free(letter);
}

void
ff_registry_join(struct ff_runtime *worker)
{
    const struct ff_runtime_options *options = &worker->options;
    struct ff_str lanes[FF_RUNTIME_LANES_MAX];
    struct ff_register_worker_args args = {
        .worker_id = ff_cstr(options->worker_id),
        .worker_instance_id = ff_cstr(options->worker_instance_id),
        .lanes = { .v = lanes, .n = worker->n_lanes },
        .capabilities = worker->capabilities,
        .liveness_ttl_ms = liveness_ms(worker),
        .namespace = ff_cstr(options->namespace),
    };

    for (uint32_t i = 0; i < worker->n_lanes; i++) {
        lanes[i] = worker->lanes[i].name;
    }
    ff_client_register_worker_async(worker->client, &args, ff_letter_answered,
                                    ff_letter_new(worker, on_registered));
}

/* ---- living ---- */

static void
on_beaten(struct ff_letter *letter)
{
    struct ff_runtime *worker = letter->worker;
    struct ff_heartbeat_worker_result result = { 0 };

    if (letter->answer.fault.code == FF_E_OK &&
        ff_answer_result(&letter->answer, FF_OP_heartbeat_worker, &result) == FF_E_OK &&
        strcmp(result.outcome, "not_registered") == 0 && !worker->leaving) {
        ff_registry_join(worker);
    }
    ff_letter_free(letter);
}

static void
on_heartbeat(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    struct ff_runtime *worker = watcher->data;
    const struct ff_heartbeat_worker_args args = {
        .worker_instance_id = ff_cstr(worker->options.worker_instance_id),
        .namespace = ff_cstr(worker->options.namespace),
    };

    (void) loop;
    (void) events;
    if (!worker->registered) {
        ff_registry_join(worker);
        return;
    }
    ff_runtime_timer(worker, &worker->heartbeat, liveness_ms(worker) / 3);
    ff_client_heartbeat_worker_async(worker->client, &args, ff_letter_answered,
                                     ff_letter_new(worker, on_beaten));
}

/* ---- leaving ---- */

static void
on_left(struct ff_letter *letter)
{
    struct ff_runtime *worker = letter->worker;

    ff_letter_free(letter);
    if (!worker->ended) { /* else it took too long */
        ev_timer_stop(worker->loop, &worker->leave);
        ff_runtime_ended(worker);
    }
}

static void
on_leave(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    (void) loop;
    (void) events;
    ff_runtime_ended(watcher->data);
}

void
ff_registry_leave(struct ff_runtime *worker)
{
    const struct ff_mark_worker_dead_args args = {
        .worker_instance_id = ff_cstr(worker->options.worker_instance_id),
        .namespace = ff_cstr(worker->options.namespace),
        .reason = ff_cstr("stopped"),
    };

    worker->leaving = true;
    ev_timer_stop(worker->loop, &worker->heartbeat);
    if (!worker->registered) {
        ff_runtime_ended(worker);
        return;
    }
    ff_runtime_timer(worker, &worker->leave, LEAVE_MS_MAX);
    ff_client_mark_worker_dead_async(worker->client, &args, ff_letter_answered,
                                     ff_letter_new(worker, on_left));
}

/* ---- watchers ---- */

void
ff_registry_init(struct ff_runtime *worker)
{
    ev_init(&worker->heartbeat, on_heartbeat);
    ev_init(&worker->leave, on_leave);
    worker->heartbeat.data = worker->leave.data = worker;
}

void
ff_registry_done(struct ff_runtime *worker)
{
    ev_timer_stop(worker->loop, &worker->heartbeat);
    ev_timer_stop(worker->loop, &worker->leave);
}
