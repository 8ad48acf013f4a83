#include "backends/broker/idle.h"

#include <stdlib.h>

/* Leases that end elsewhere, by time or by an operator, are found out so often. */
#define LOOK_AGAIN_S 1.0
/* What is counted for people. */
#define WORKERS_MAX 64
#define EXECUTIONS_MAX 1000

static void
tell(struct ff_idle *idle)
{
    void (*done)(void *ctx, const struct ff_running *running) = idle->done;
    struct ff_running running = idle->running;

    ev_timer_stop(idle->loop, &idle->over);
    ev_timer_stop(idle->loop, &idle->again);
    idle->done = NULL;
    idle->late = false;
    if (done != NULL) {
        done(idle->ctx, &running);
    }
}

static void
looked(struct ff_idle *idle)
{
    idle->looking = false;
    ff_arena_reset(&idle->arena);
    if (idle->late) {
        tell(idle);
    }
}

/* ---- whose leases count ---- */

struct workers {
    struct ff_arena *arena;
    struct ff_scope *v;
    uint32_t n, room;
};

static void
add_worker(void *ctx, struct ff_str worker_instance_id)
{
    struct workers *workers = ctx;

    if (workers->n == workers->room) {
        struct ff_scope *more =
            FF_ARENA_NEW(workers->arena, struct ff_scope, 2 * workers->room + 64);

        if (workers->n > 0) {
            memcpy(more, workers->v, workers->n * sizeof(*more));
        }
        workers->v = more;
        workers->room = 2 * workers->room + 64;
    }
    workers->v[workers->n++] = ff_scope_worker(worker_instance_id);
}

static int
by_scope(const void *a, const void *b)
{
    return ff_scope_cmp(a, b);
}

/* Leaves of the workers with leases those of this broker. */
static void
keep_own(struct ff_idle *idle, struct ff_scope_list *held)
{
    struct workers own = { .arena = &idle->arena };
    uint32_t n = 0;

    if (idle->store->ops->exclusive || held->n == 0) {
        return;
    }
    ff_engine_lessees(idle->engine, add_worker, &own);
    ff_server_instances(idle->server, add_worker, &own);
    if (own.n > 0) {
        qsort(own.v, own.n, sizeof(*own.v), by_scope);
    }
    for (uint32_t i = 0; i < held->n; i++) {
        if (own.n > 0 && bsearch(&held->v[i], own.v, own.n, sizeof(*own.v), by_scope) != NULL) {
            held->v[n++] = held->v[i];
        }
    }
    held->n = n;
}

/* ---- looking ---- */

static void
on_counted(struct ff_load *load)
{
    struct ff_idle *idle = load->ctx;

    if (load->fault.code == FF_E_OK) {
        idle->running = (struct ff_running){ .workers = load->n }; /* both from one look */
        for (uint32_t i = 0; i < load->n; i++) {
            idle->running.executions += load->wants[i].n;
        }
    }
    looked(idle);
}

static void
count(struct ff_idle *idle, const struct ff_scope_list *workers)
{
    uint32_t n = workers->n < WORKERS_MAX ? workers->n : WORKERS_MAX;
    struct ff_want *wants = FF_ARENA_NEW(&idle->arena, struct ff_want, n);

    for (uint32_t i = 0; i < n; i++) {
        wants[i] = (struct ff_want){ .what = FF_WANT_PAGE,
                                     .index = FF_IX_BY_WORKER,
                                     .scope = workers->v[i],
                                     .limit = EXECUTIONS_MAX };
    }
    idle->many = (struct ff_load){
        .wants = wants, .n = n, .arena = &idle->arena, .done = on_counted, .ctx = idle
    };
    ff_store_load(idle->store, &idle->many);
}

/* Each lease stands under its worker. */
static void
on_workers(struct ff_load *load)
{
    struct ff_idle *idle = load->ctx;
    struct ff_scope_list workers = load->wants[0].scopes;

    if (load->fault.code != FF_E_OK) {
        looked(idle);
        return;
    }
    keep_own(idle, &workers);
    if (workers.n > 0) {
        count(idle, &workers);
        return;
    }
    idle->running = (struct ff_running){ .idle = true };
    idle->late = true; /* it is told at once */
    looked(idle);
}

static void
look(struct ff_idle *idle)
{
    struct ff_want *want = FF_ARENA_NEW(&idle->arena, struct ff_want, 1);
    struct ff_engine_stats stats;

    ff_engine_stats(idle->engine, &stats);
    idle->commits = stats.commits;
    idle->stale = false;
    idle->looking = true;
    *want = (struct ff_want){ .what = FF_WANT_SCOPES, .index = FF_IX_BY_WORKER };
    idle->who = (struct ff_load){
        .wants = want, .n = 1, .arena = &idle->arena, .done = on_workers, .ctx = idle
    };
    ff_store_load(idle->store, &idle->who);
}

void
ff_idle_look(struct ff_idle *idle)
{
    struct ff_engine_stats stats;

    if (idle->done == NULL || idle->looking || ff_engine_busy(idle->engine)) {
        return; /* what is under way may be a claim */
    }
    ff_engine_stats(idle->engine, &stats);
    if (idle->stale || stats.commits != idle->commits) {
        look(idle);
    }
}

static void
on_again(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    (void) loop;
    (void) events;
    ((struct ff_idle *) watcher->data)->stale = true; /* the loop looks before it sleeps */
}

static void
on_over(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    struct ff_idle *idle = watcher->data;

    (void) loop;
    (void) events;
    if (idle->running.workers > 0) {
        tell(idle);
        return;
    }
    idle->late = true; /* nothing is known yet */
    if (!idle->looking) {
        look(idle);
    }
}

void
ff_idle_init(struct ff_idle *idle, struct ev_loop *loop)
{
    idle->loop = loop;
    ev_timer_init(&idle->over, on_over, 0.0, 0.0);
    ev_timer_init(&idle->again, on_again, LOOK_AGAIN_S, LOOK_AGAIN_S);
    idle->over.data = idle->again.data = idle;
}

void
ff_idle_await(struct ff_idle *idle, uint64_t grace_ms,
              void (*done)(void *ctx, const struct ff_running *running), void *ctx)
{
    tell(idle);
    idle->running = (struct ff_running){ 0 };
    idle->done = done;
    idle->ctx = ctx;
    idle->late = false;
    idle->stale = true;
    ev_timer_set(&idle->over, (double) grace_ms / 1000.0, 0.0);
    ev_timer_start(idle->loop, &idle->over);
    ev_timer_set(&idle->again, LOOK_AGAIN_S, LOOK_AGAIN_S);
    ev_timer_start(idle->loop, &idle->again);
    ff_idle_look(idle);
}

void
ff_idle_stop(struct ff_idle *idle)
{
    tell(idle);
}

void
ff_idle_done(struct ff_idle *idle)
{
    ff_arena_done(&idle->arena);
}
