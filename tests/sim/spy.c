#include "tests/sim/spy.h"

#include <stdlib.h>
#include <string.h>

#define LATER_MAX 8 /* a broker has one load and two commits under way */

/* What is to be answered at a later poll. */
struct later {
    struct ff_load *load;
    struct ff_commit *commit;
    uint64_t number; /* in order of arrival */
    uint32_t polls;  /* still to wait */
};

struct port {
    struct ff_store store; /* first */
    struct ff_store_ops ops;
    struct spy *spy;
    struct later later[LATER_MAX];
    uint32_t n_later;
    uint64_t next_number;
    bool unmade; /* the last commit was not answered as made */
    bool untold; /* but it was made: what follows it may be, too */
    bool dying;
};

struct spy {
    struct ff_store *inner;
    struct spy_options options;
    struct spy_listener listener;
    struct port ports[FF_SPY_PORTS];
    uint64_t random;
    uint32_t moved; /* the one write of a made-up conflict */
};

static struct port *
of(struct ff_store *store)
{
    return (struct port *) store;
}

static uint64_t
draw(struct spy *spy)
{
    uint64_t z = spy->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static bool
chance(struct spy *spy, uint32_t percent)
{
    return percent > 0 && draw(spy) % 100 < percent;
}

/* ---- commits ---- */

static void
inner_done(struct ff_commit *commit)
{
    *(bool *) commit->ctx = true;
}

/* The real store makes it, now. */
static void
forward(struct spy *spy, struct ff_commit *commit)
{
    struct ff_commit copy = *commit;
    bool done = false;

    copy.done = inner_done;
    copy.ctx = &done;
    copy.follows = false; /* it is the only one there */
    ff_store_commit(spy->inner, &copy);
    while (!done) {
        ff_store_poll(spy->inner, true);
    }
    commit->outcome = copy.outcome;
    commit->fault = copy.fault;
    commit->conflicts = copy.conflicts;
    commit->n_conflicts = copy.n_conflicts;
    if (copy.outcome == FF_COMMIT_OK) {
        spy->listener.committed(spy->listener.ctx, commit);
    }
}

static void
fail(struct ff_commit *commit, const char *why)
{
    commit->outcome = FF_COMMIT_FAILED;
    commit->n_conflicts = 0;
    commit->fault = (struct ff_fault){ 0 };
    ff_fail_transport(&commit->fault, "simulated", "transport", why);
}

/* It follows one that was not made, or may not have been. */
static void
answer_orphan(struct port *port, struct ff_commit *commit)
{
    struct spy *spy = port->spy;

    if (port->untold && chance(spy, 50)) {
        forward(spy, commit);
        port->untold = commit->outcome == FF_COMMIT_OK;
        fail(commit, "the spy has kept the answer of this one, too");
    } else if (port->untold || chance(spy, 10)) {
        port->untold = false;
        fail(commit, "the spy does not say what it knows of this commit");
    } else {
        commit->outcome = FF_COMMIT_ORPHANED;
    }
    commit->done(commit);
}

static void
answer_commit(struct port *port, struct ff_commit *commit)
{
    struct spy *spy = port->spy;
    const struct spy_options *options = &spy->options;

    commit->n_conflicts = 0;
    if (commit->follows && port->unmade) {
        answer_orphan(port, commit);
        return;
    }
    port->untold = false;
    if (options->shared && commit->n_writes > 0 && chance(spy, options->conflict)) {
        spy->moved = (uint32_t) (draw(spy) % commit->n_writes);
        commit->outcome = FF_COMMIT_CONFLICT;
        commit->conflicts = &spy->moved;
        commit->n_conflicts = 1;
    } else if (chance(spy, port->dying ? 50 : options->fail)) {
        fail(commit, "the spy has refused this commit");
    } else {
        forward(spy, commit);
        if (commit->outcome == FF_COMMIT_OK && chance(spy, options->lost)) {
            port->untold = true;
            fail(commit, "the spy has kept the answer of this commit");
        }
    }
    port->unmade = commit->outcome != FF_COMMIT_OK;
    commit->done(commit);
}

/* ---- loads ---- */

static void
answer_load(struct port *port, struct ff_load *load)
{
    struct spy *spy = port->spy;

    if (load->n > 0 && chance(spy, spy->options.fail / 4)) {
        load->fault = (struct ff_fault){ 0 };
        ff_fail_transport(&load->fault, "simulated", "transport", "the spy has refused this load");
        load->done(load);
        return;
    }
    ff_store_load(spy->inner, load);
}

/* ---- the port ---- */

static void
put_off(struct port *port, struct ff_load *load, struct ff_commit *commit)
{
    struct later *later = &port->later[port->n_later++];

    FF_ASSERT(port->n_later <= LATER_MAX);
    *later = (struct later){ .load = load, .commit = commit, .number = port->next_number++ };
    if (port->spy->options.delay > 0) {
        later->polls = (uint32_t) (draw(port->spy) % (port->spy->options.delay + 1u));
    }
}

static void
port_load(struct ff_store *store, struct ff_load *load)
{
    struct port *port = of(store);

    if (port->ops.immediate) {
        answer_load(port, load);
    } else {
        put_off(port, load, NULL);
    }
}

static void
port_commit(struct ff_store *store, struct ff_commit *commit)
{
    put_off(of(store), NULL, commit);
}

/* Commits are made in the order in which they came. */
static bool
is_early(const struct port *port, const struct later *later)
{
    for (uint32_t i = 0; later->commit != NULL && i < port->n_later; i++) {
        if (port->later[i].commit != NULL && port->later[i].number < later->number) {
            return true;
        }
    }
    return false;
}

static bool
poll_once(struct port *port)
{
    bool any = false;

    for (uint32_t i = port->n_later; i > 0; i--) { /* answers may put more off, behind these */
        struct later later;

        if (i > port->n_later) {
            continue;
        }
        later = port->later[i - 1];
        if (later.polls > 0) {
            port->later[i - 1].polls--;
            continue;
        }
        if (is_early(port, &later)) {
            continue;
        }
        port->later[i - 1] = port->later[--port->n_later];
        any = true;
        if (later.load != NULL) {
            answer_load(port, later.load);
        } else {
            answer_commit(port, later.commit);
        }
    }
    return any;
}

static void
port_poll(struct ff_store *store, bool wait)
{
    struct port *port = of(store);

    while (!poll_once(port) && wait && port->n_later > 0) {
    }
}

static ff_err
port_prepare(struct ff_store *store, struct ff_partition_counts *counts, bool *applied,
             struct ff_fault *fault)
{
    struct ff_store *inner = of(store)->spy->inner;

    return inner->ops->prepare(inner, counts, applied, fault);
}

static void
port_close(struct ff_store *store)
{
    (void) store;
}

/* ---- the spy ---- */

struct spy *
ff_spy_new(struct ff_store *inner, const struct spy_options *options, uint64_t seed,
           struct spy_listener listener)
{
    struct spy *spy = calloc(1, sizeof(*spy));

    FF_ASSERT(spy != NULL && inner->ops->immediate);
    spy->inner = inner;
    spy->options = *options;
    spy->listener = listener;
    spy->random = seed ^ UINT64_C(0x5deece66d);
    for (uint32_t i = 0; i < FF_SPY_PORTS; i++) {
        struct port *port = &spy->ports[i];

        port->spy = spy;
        port->store.ops = &port->ops;
        port->ops = (struct ff_store_ops){
            .label = inner->ops->label,
            .handle_tag = inner->ops->handle_tag,
            .exclusive = !options->shared,
            .immediate = !options->late,
            .commits_max = FF_COMMITS_MAX,
            .prepare = port_prepare,
            .load = port_load,
            .commit = port_commit,
            .poll = port_poll,
            .close = port_close,
        };
    }
    return spy;
}

void
ff_spy_free(struct spy *spy)
{
    ff_store_close(spy->inner);
    free(spy);
}

struct ff_store *
ff_spy_port(struct spy *spy, uint32_t port)
{
    return &spy->ports[port].store;
}

struct ff_store *
ff_spy_inner(struct spy *spy)
{
    return spy->inner;
}

void
ff_spy_set_inner(struct spy *spy, struct ff_store *inner)
{
    spy->inner = inner;
}

void
ff_spy_set_options(struct spy *spy, const struct spy_options *options)
{
    FF_ASSERT(options->shared == spy->options.shared && options->late == spy->options.late);
    spy->options = *options;
}

void
ff_spy_set_dying(struct spy *spy, uint32_t port, bool dying)
{
    spy->ports[port].dying = dying;
}
