#include "backends/broker/broker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "backends/broker/hello.h"
#include "backends/broker/secret.h"
#include "core/clock.h"

/* How often waiting calls are judged again on a store that others write too: what nobody has told
 * is found then (spec/records.md §5). */
#define LOOK_AGAIN_S 1.0
/* That the store fails is said at most so often. */
#define TROUBLE_PAUSE_S 10.0
/* Clocks may be so far apart before it is said. */
#define SKEW_MS 1000
/* How often an ending broker looks whether its last replies have left. */
#define LEAVING_S 0.005

struct ff_broker {
    struct ff_broker_options options;
    struct ev_loop *loop;
    struct ff_store *store;
    struct ff_engine *engine;
    struct ff_server *server;
    struct ff_greeting greeting;
    struct ev_async store_wake; /* perhaps from the store's own thread */
    struct ev_io store_ready;   /* of a store that talks over sockets */
    struct ev_timer look_again; /* where others write the store too */
    struct ev_timer engine_due; /* a parked call's time is over */
    struct ev_prepare settle;   /* before each sleep of the loop */
    struct ev_timer grace;      /* of the ordered end */
    struct ff_idle idle;
    struct ev_timer leaving; /* while it ends: looks whether the last replies have left */
    bool stopping;
    bool troubled; /* by its store; it has been said, at */
    ev_tstamp troubled_at;
};

static void
say(const struct ff_broker *broker, enum ff_log_level level, const char *event,
    struct ff_str detail)
{
    broker->options.log(broker->options.log_ctx, level, event, detail);
}

/* ---- the engine on the loop ---- */

/* Once when it begins, and once when it is over; a disk that is full for large commits only would
 * fill the log. */
static void
say_trouble(struct ff_broker *broker)
{
    struct ff_engine_stats stats;
    bool troubled = false;

    ff_engine_stats(broker->engine, &stats);
    troubled = stats.loads_fail || stats.commits_fail;
    if (troubled && !broker->troubled &&
        ev_now(broker->loop) - broker->troubled_at >= TROUBLE_PAUSE_S) {
        broker->troubled = true;
        broker->troubled_at = ev_now(broker->loop);
        say(broker, FF_LEVEL_ERROR, "store_fails", ff_cstr(stats.store_says));
    } else if (!troubled && broker->troubled) {
        broker->troubled = false;
        say(broker, FF_LEVEL_INFO, "store_is_well", ff_cstr("what it refused may be asked again"));
    }
}

static void
run(struct ff_broker *broker)
{
    int64_t wait_ms = 0;

    ff_engine_run(broker->engine);
    say_trouble(broker);
    wait_ms = ff_engine_wait_ms(broker->engine);
    ev_timer_stop(broker->loop, &broker->engine_due);
    if (wait_ms >= 0) {
        ev_timer_set(&broker->engine_due, (double) wait_ms / 1000.0, 0.0);
        ev_timer_start(broker->loop, &broker->engine_due);
    }
}

static void
take_from_store(struct ff_broker *broker)
{
    ff_store_poll(broker->store, false);
    run(broker);
}

static void
on_store_wake(struct ev_loop *loop, struct ev_async *watcher, int events)
{
    (void) loop;
    (void) events;
    take_from_store(watcher->data);
}

static void
on_store_ready(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    (void) loop;
    (void) events;
    take_from_store(watcher->data);
}

static void
on_news(void *ctx, const struct ff_news *news)
{
    struct ff_broker *broker = ctx;

    if (broker->engine == NULL) {
        return;
    }
    if (news == NULL) {
        ff_engine_forget(broker->engine);
    }
    ff_engine_told(broker->engine, news);
}

static void
on_look_again(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    struct ff_broker *broker = watcher->data;

    (void) loop;
    (void) events;
    ff_engine_told(broker->engine, NULL);
    run(broker);
}

static void
watch_store(struct ff_broker *broker)
{
    int fd = ff_store_fd(broker->store);

    if (fd >= 0) {
        ev_io_set(&broker->store_ready, fd, EV_READ);
        ev_io_start(broker->loop, &broker->store_ready);
    }
}

static void
on_engine_due(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    (void) loop;
    (void) events;
    run(watcher->data);
}

static void
on_settle(struct ev_loop *loop, struct ev_prepare *watcher, int events)
{
    struct ff_broker *broker = watcher->data;

    (void) events;
    ff_idle_look(&broker->idle);
    if (broker->stopping && !ff_engine_busy(broker->engine) && ff_server_idle(broker->server)) {
        ev_break(loop, EVBREAK_ALL);
    }
}

static void
wake_loop(void *ctx)
{
    struct ff_broker *broker = ctx;

    ev_async_send(broker->loop, &broker->store_wake);
}

void
ff_broker_await_idle(struct ff_broker *broker, uint64_t grace_ms,
                     void (*done)(void *ctx, const struct ff_running *running), void *ctx)
{
    ff_idle_await(&broker->idle, grace_ms, done, ctx);
}

/* ---- what the server asks for ---- */

static void
on_submit(void *ctx, struct ff_frame *frame)
{
    ff_engine_submit(((struct ff_broker *) ctx)->engine, frame);
}

static void
on_cancel(void *ctx, struct ff_frame *frame)
{
    ff_engine_cancel(((struct ff_broker *) ctx)->engine, frame);
}

static void
on_flush(void *ctx)
{
    run(ctx);
}

static enum ff_host_answer
on_host_call(void *ctx, struct ff_channel *channel, struct ff_call *call, struct ff_arena *arena)
{
    struct ff_broker *broker = ctx;

    (void) channel;
    if (call->op != FF_OP_hello) {
        return FF_HOST_UNKNOWN;
    }
    call->reply = ff_hello(&broker->greeting, ff_engine_facts(broker->engine),
                           ff_engine_clock_ms(broker->engine),
                           ff_server_limits(broker->server, arena), arena);
    return FF_HOST_ANSWERED;
}

/* ---- calls of the broker's own ---- */

static void
own_done(struct ff_frame *frame)
{
    for (uint32_t i = 0; i < frame->n; i++) {
        if (frame->calls[i].fault.code != FF_E_OK) {
            say(frame->ctx, FF_LEVEL_WARN, "own_call_failed",
                ff_cstr(ff_error_info(frame->calls[i].fault.code)->code));
        }
    }
    ff_arena_done(&frame->arena);
    free(frame);
}

/* A frame of one call that nobody waits for: it frees itself. */
static struct ff_frame *
own_frame(struct ff_broker *broker, enum ff_op op)
{
    struct ff_frame *frame = calloc(1, sizeof(*frame));

    FF_ASSERT(frame != NULL);
    frame->calls = FF_ARENA_NEW(&frame->arena, struct ff_call, 1);
    frame->calls[0].op = op;
    frame->calls[0].args = ff_arena_zalloc(&frame->arena, ff_ops[op].args->size);
    frame->n = 1;
    frame->done = own_done;
    frame->ctx = broker;
    return frame;
}

static void
expire_leases(struct ff_broker *broker, struct ff_str worker_instance_id)
{
    struct ff_frame *frame = own_frame(broker, FF_OP_expire_worker_leases);
    struct ff_expire_worker_leases_args *args =
        (struct ff_expire_worker_leases_args *) frame->calls[0].args;

    args->worker_instance_id = ff_arena_copy(&frame->arena, worker_instance_id);
    args->reason = ff_cstr("worker_lost");
    ff_engine_submit(broker->engine, frame);
}

void
ff_broker_worker_gone(struct ff_broker *broker, struct ff_str worker_instance_id)
{
    say(broker, FF_LEVEL_INFO, "worker_lost", worker_instance_id);
    expire_leases(broker, worker_instance_id);
    run(broker);
}

static void
mark_dead(struct ff_broker *broker, struct ff_str worker_instance_id, struct ff_str namespace)
{
    struct ff_frame *frame = own_frame(broker, FF_OP_mark_worker_dead);
    struct ff_mark_worker_dead_args *args =
        (struct ff_mark_worker_dead_args *) frame->calls[0].args;

    args->worker_instance_id = ff_arena_copy(&frame->arena, worker_instance_id);
    args->namespace = ff_arena_copy(&frame->arena, namespace);
    args->reason = ff_cstr("worker_lost");
    ff_engine_submit(broker->engine, frame);
}

/* Its leases are free at once; the registry needs its namespace, too (00 §5). */
static void
on_worker_lost(void *ctx, struct ff_str worker_instance_id, struct ff_str namespace)
{
    struct ff_broker *broker = ctx;

    say(broker, FF_LEVEL_INFO, "worker_lost", worker_instance_id);
    expire_leases(broker, worker_instance_id);
    if (namespace.n > 0) {
        mark_dead(broker, worker_instance_id, namespace);
    }
    run(broker);
}

static const struct ff_server_ops server_ops = {
    .submit = on_submit,
    .cancel = on_cancel,
    .flush = on_flush,
    .host_call = on_host_call,
    .worker_lost = on_worker_lost,
};

/* ---- opening ---- */

static void
watch(struct ff_broker *broker)
{
    ev_async_init(&broker->store_wake, on_store_wake);
    ev_init(&broker->store_ready, on_store_ready);
    broker->store_ready.data = broker;
    ev_timer_init(&broker->engine_due, on_engine_due, 0.0, 0.0);
    ev_timer_init(&broker->look_again, on_look_again, LOOK_AGAIN_S, LOOK_AGAIN_S);
    broker->look_again.data = broker;
    ev_prepare_init(&broker->settle, on_settle);
    ev_init(&broker->grace, NULL);
    ff_idle_init(&broker->idle, broker->loop);
    ev_init(&broker->leaving, NULL);
    broker->store_wake.data = broker->engine_due.data = broker->settle.data = broker;
    ev_async_start(broker->loop, &broker->store_wake);
    ev_prepare_start(broker->loop, &broker->settle);
}

/* ---- the clock ---- */

/* Of the store's server, where there is one: brokers on several machines agree on it (01 §10.5). */
static int64_t
wall_ms(void *ctx)
{
    const struct ff_store *store = ((struct ff_broker *) ctx)->store;
    int64_t by_server_ms = store->ops->clock_ms == NULL ? 0 : store->ops->clock_ms(store);

    return by_server_ms > 0 ? by_server_ms : ff_wall_ms();
}

static void
say_skew(const struct ff_broker *broker)
{
    const struct ff_store *store = broker->store;
    int64_t by_server_ms = store->ops->clock_ms == NULL ? 0 : store->ops->clock_ms(store);
    int64_t skew_ms = by_server_ms - ff_wall_ms();
    char text[160];
    int n = 0;

    if (by_server_ms > 0 && (skew_ms > SKEW_MS || skew_ms < -SKEW_MS)) {
        n = snprintf(text, sizeof(text),
                     "the store's clock is %" PRIi64 " ms %s that of this machine, and counts: set"
                     " the machines' clocks",
                     skew_ms < 0 ? -skew_ms : skew_ms, skew_ms < 0 ? "behind" : "ahead of");
        say(broker, FF_LEVEL_WARN, "clock_skew", ff_str(text, (size_t) n));
    }
}

/* Boot step 6 (08 §4): done before anybody can ask. */
static void
register_lanes(struct ff_broker *broker)
{
    ff_engine_submit(broker->engine, own_frame(broker, FF_OP_prepare));
    ff_engine_run(broker->engine);
    while (ff_engine_busy(broker->engine)) {
        ff_store_poll(broker->store, true);
        ff_engine_run(broker->engine);
    }
}

static ff_err
open_engine(struct ff_broker *broker, struct ff_fault *fault)
{
    const struct ff_broker_options *options = &broker->options;
    struct ff_store_host host = { .wake = wake_loop, .news = on_news, .ctx = broker };
    struct ff_engine_config config;
    const char *promise = NULL;
    bool applied = false;

    FF_TRY(ff_store_open(options->store_url, &host, &broker->store, fault));
    watch_store(broker);
    ff_engine_config_init(&config);
    config.counts = options->counts;
    config.test_mode = options->test_mode;
    config.frame_bytes_max = options->frame_bytes_max;
    config.parked_max = options->parked_max;
    config.stream_ops_max = options->stream_ops_max;
    config.lanes = options->lanes;
    config.retention_ms = options->retention_ms;
    config.flow_retention_ms = options->flow_retention_ms;
    config.event_retention_ms = options->event_retention_ms;
    FF_TRY(broker->store->ops->prepare(broker->store, &config.counts, &applied, fault));
    say(broker, FF_LEVEL_INFO, "store_ready", ff_cstr(applied ? "set up" : "as it was left"));
    promise = ff_store_promise(broker->store);
    say(broker, strstr(promise, FF_PROMISE_ALL) == NULL ? FF_LEVEL_WARN : FF_LEVEL_INFO,
        "store_promises", ff_cstr(promise));
    say_skew(broker);
    config.wall_ms = wall_ms;
    config.clock_ctx = broker;
    broker->engine = ff_engine_new(&config, broker->store);
    FF_TRY(ff_broker_install_secret(options, broker->store, broker->engine, fault));
    register_lanes(broker);
    if (!broker->store->ops->exclusive) {
        ev_timer_start(broker->loop, &broker->look_again);
    }
    if (!options->test_mode) { /* there nothing is done unasked (08 §3) */
        ff_engine_consume(broker->engine);
    }
    return FF_E_OK;
}

static ff_err
open_server(struct ff_broker *broker, struct ff_fault *fault)
{
    const struct ff_broker_options *options = &broker->options;
    struct ff_server_options server;
    struct ff_listen workers = { "worker", options->worker_path, FF_CLASS_OF_WORKER, 0660 };
    struct ff_listen operators = { "operator", options->operator_path, FF_CLASS_OF_SCANNER, 0600 };

    ff_server_options_init(&server, &server_ops, broker);
    server.frame_bytes_max = options->frame_bytes_max;
    server.frames_max = options->frames_per_channel;
    server.channels_max = options->channels_max;
    server.parked_max = options->parked_max;
    server.disconnect_grace_ms = options->disconnect_grace_ms;
    broker->server = ff_server_new(broker->loop, &server);
    FF_TRY(ff_server_listen(broker->server, &workers, fault));
    return ff_server_listen(broker->server, &operators, fault);
}

ff_err
ff_broker_open(struct ev_loop *loop, const struct ff_broker_options *options,
               struct ff_broker **broker_out, struct ff_fault *fault)
{
    struct ff_broker *broker = calloc(1, sizeof(*broker));
    ff_err err = FF_E_OK;

    FF_ASSERT(broker != NULL);
    broker->options = *options;
    broker->loop = loop;
    ff_greeting_init(&broker->greeting);
    watch(broker);
    err = open_engine(broker, fault);
    if (err == FF_E_OK) {
        err = open_server(broker, fault);
    }
    if (err != FF_E_OK) {
        ff_broker_close(broker);
        return err;
    }
    broker->idle.store = broker->store;
    broker->idle.engine = broker->engine;
    broker->idle.server = broker->server;
    *broker_out = broker;
    return FF_E_OK;
}

/* ---- the end ---- */

void
ff_broker_stop_claims(struct ff_broker *broker)
{
    ff_engine_stop_claims(broker->engine);
    run(broker);
}

static void
on_grace_over(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    (void) watcher;
    (void) events;
    ev_break(loop, EVBREAK_ALL);
}

/* nng does not tell when a reply has left: waking the loop makes on_settle look again. */
static void
on_leaving(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    (void) loop;
    (void) watcher;
    (void) events;
}

void
ff_broker_stop(struct ff_broker *broker, uint64_t grace_ms)
{
    if (broker->stopping) {
        return;
    }
    broker->stopping = true;
    ff_server_stop(broker->server);
    ff_engine_stop_waits(broker->engine);
    run(broker);
    ev_timer_init(&broker->grace, on_grace_over, (double) grace_ms / 1000.0, 0.0);
    ev_timer_start(broker->loop, &broker->grace);
    ev_timer_init(&broker->leaving, on_leaving, LEAVING_S, LEAVING_S);
    ev_timer_start(broker->loop, &broker->leaving);
}

void
ff_broker_close(struct ff_broker *broker)
{
    if (broker == NULL) {
        return;
    }
    ff_idle_stop(&broker->idle);
    ff_engine_free(broker->engine);
    ev_io_stop(broker->loop, &broker->store_ready); /* before its descriptor is closed */
    ff_store_close(broker->store);
    if (broker->options.store_closed != NULL) {
        broker->options.store_closed();
    }
    if (broker->server != NULL) {
        ff_server_free(broker->server);
    }
    ev_async_stop(broker->loop, &broker->store_wake);
    ev_timer_stop(broker->loop, &broker->engine_due);
    ev_timer_stop(broker->loop, &broker->look_again);
    ev_prepare_stop(broker->loop, &broker->settle);
    ev_timer_stop(broker->loop, &broker->grace);
    ff_idle_done(&broker->idle);
    ev_timer_stop(broker->loop, &broker->leaving);
    free(broker);
}
