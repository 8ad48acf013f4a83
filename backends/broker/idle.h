/* idle.h: waits until no worker of this broker holds a lease: what a drain waits for (00 §6).
 *
 * On a store that brokers share these are the workers whose leases are from this broker
 * (core/engine/lessees.h), and those that are connected to it: leases of other brokers' workers go
 * on when this one ends. On any other store all workers are.
 */
#ifndef FF_BACKENDS_BROKER_IDLE_H
#define FF_BACKENDS_BROKER_IDLE_H

#include <ev.h>

#include "core/engine/engine.h"
#include "ipc/server.h"

struct ff_running {
    bool idle;
    /* What is running: as far as 64 workers, and 1 000 executions of each. 0 and not idle: it is
     * not known. */
    uint32_t executions, workers;
};

struct ff_idle {
    struct ev_loop *loop;
    struct ff_store *store;
    struct ff_engine *engine;
    struct ff_server *server;
    void (*done)(void *ctx, const struct ff_running *running); /* NULL: nobody waits */
    void *ctx;
    struct ev_timer over, again;
    bool looking;     /* loads are under way */
    bool late;        /* its time is over; it is told with what that load brings */
    uint64_t commits; /* that had been made when it last looked */
    bool stale;       /* it is to look whatever these are */
    struct ff_running running;
    struct ff_arena arena;    /* of the loads */
    struct ff_load who, many; /* whose leases there are, and how many; one after the other */
};

void ff_idle_init(struct ff_idle *idle, struct ev_loop *loop);
/* Tells, once: at once when nothing is running, or what is, when grace_ms are over or another asks,
 * or ff_idle_stop is called. The other members of the struct are set by then. */
void ff_idle_await(struct ff_idle *idle, uint64_t grace_ms,
                   void (*done)(void *ctx, const struct ff_running *running), void *ctx);
/* The loop has done something. */
void ff_idle_look(struct ff_idle *idle);
void ff_idle_stop(struct ff_idle *idle);
/* After the store is closed, which answers a load that is under way. */
void ff_idle_done(struct ff_idle *idle);

#endif
