/* spy.h: the store between the simulated brokers and a real one.
 *
 * It decides when a load or a commit is answered, refuses some, loses the answers of others, and
 * tells the checker of every commit that the real store has made. All from its seed: the same calls
 * in the same order give the same run, on every store.
 */
#ifndef FF_TESTS_SIM_SPY_H
#define FF_TESTS_SIM_SPY_H

#include "core/store.h"

#define FF_SPY_PORTS 3

struct spy_options {
    bool shared;       /* the engine must not trust what it has read before */
    bool late;         /* loads are answered at a later poll */
    uint32_t conflict; /* percent of commits that are answered as conflicts */
    uint32_t fail;     /* percent of commits that fail; of loads a quarter of it */
    uint32_t lost;     /* percent of commits that are made, but answered as failed */
    uint32_t delay;    /* polls until an answer, at most */
};

struct spy;
/* committed: called for every commit that the real store has made, before anybody is answered. */
struct spy_listener {
    void (*committed)(void *ctx, const struct ff_commit *commit);
    void *ctx;
};
struct spy *ff_spy_new(struct ff_store *inner, const struct spy_options *options, uint64_t seed,
                       struct spy_listener listener);
/* The real store is closed too. */
void ff_spy_free(struct spy *spy);

/* What a broker takes for its store; its close does nothing. */
struct ff_store *ff_spy_port(struct spy *spy, uint32_t port);
/* The real store, to be read as it is: what it is asked is answered inside ff_store_load. */
struct ff_store *ff_spy_inner(struct spy *spy);
/* After the real one was closed and opened again. */
void ff_spy_set_inner(struct spy *spy, struct ff_store *inner);
void ff_spy_set_options(struct spy *spy, const struct spy_options *options);
/* True: the broker of this port is being killed, and half of what it has under way never arrives.
 */
void ff_spy_set_dying(struct spy *spy, uint32_t port, bool dying);

#endif
