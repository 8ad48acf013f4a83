/* pair.h: two engines on one store, as two brokers have it. What the one commits is news for the
 * other when the test says so.
 */
#ifndef FF_TESTS_ENGINE_PAIR_H
#define FF_TESTS_ENGINE_PAIR_H

#include "backends/memory/memory.h"
#include "backends/news.h"
#include "core/store.h"
#include "tests/engine/life.h"

struct pair;

/* What one engine sees of the store. */
struct port {
    struct ff_store store; /* first */
    struct ff_store *real;
    struct ff_news_list news;             /* not passed on yet */
    uint32_t loaded[FF_R_N];              /* records asked for */
    void (*meanwhile)(struct pair *pair); /* once, before the next commit reaches the store */
    struct pair *pair;
};

struct pair {
    struct ff_store *store;
    struct port ports[2];
    struct ff_rig *rigs[2];
};

static inline struct port *
port_of(struct ff_store *store)
{
    return (struct port *) (void *) store;
}

static inline void
port_load(struct ff_store *store, struct ff_load *load)
{
    struct port *port = port_of(store);

    for (uint32_t i = 0; i < load->n; i++) {
        port->loaded[load->wants[i].kind] += load->wants[i].what == FF_WANT_RECORD;
    }
    ff_store_load(port->real, load);
}

static inline void
port_commit(struct ff_store *store, struct ff_commit *commit)
{
    struct port *port = port_of(store);

    void (*meanwhile)(struct pair * pair) = port->meanwhile;

    ff_news_add(&port->news, commit);
    port->meanwhile = NULL;
    if (meanwhile != NULL) {
        meanwhile(port->pair);
    }
    ff_store_commit(port->real, commit);
}

static inline void
port_poll(struct ff_store *store, bool wait)
{
    ff_store_poll(port_of(store)->real, wait);
}

static inline void
port_close(struct ff_store *store)
{
    (void) store; /* the pair's own is closed last */
}

static inline void
pair_wake(void *ctx)
{
    (void) ctx;
}

static inline int
pair_setup(void **state)
{
    static const struct ff_store_ops ops = {
        .label = "memory",
        .handle_tag = 0x10,
        .load = port_load,
        .commit = port_commit,
        .poll = port_poll,
        .close = port_close,
    };
    static const struct ff_memory_options options = { .contrary = true, .seed = 1 };
    static const struct ff_store_host host = { .wake = pair_wake };
    struct pair *pair = calloc(1, sizeof(*pair));
    struct ff_engine_config config;

    assert_non_null(pair);
    pair->store = ff_memory_open(&options, &host);
    for (int i = 0; i < 2; i++) {
        struct ff_rig *rig = pair->rigs[i] = ff_rig_new();

        pair->ports[i] =
            (struct port){ .store = { .ops = &ops }, .real = pair->store, .pair = pair };
        ff_store_close(rig->store);
        rig->store = &pair->ports[i].store;
        ff_rig_engine_config(rig, &config);
        memset(config.seed, 1 + i, sizeof(config.seed));
        ff_rig_restart(rig, &config);
    }
    *state = pair;
    return 0;
}

static inline int
pair_teardown(void **state)
{
    struct pair *pair = *state;

    ff_rig_free(pair->rigs[0]);
    ff_rig_free(pair->rigs[1]);
    ff_store_close(pair->store);
    free(pair);
    return 0;
}

static inline void
pair_hear(void *ctx, const struct ff_news *news)
{
    ff_engine_told(((struct ff_rig *) ctx)->engine, news);
}

/* What this one has made is told to the other, which does what it can. */
static inline void
pair_tell(struct pair *pair, int from)
{
    const struct ff_store_host host = { .news = pair_hear, .ctx = pair->rigs[1 - from] };
    struct ff_news_list news = pair->ports[from].news;

    pair->ports[from].news = (struct ff_news_list){ .n = 0 };
    ff_news_tell(&news, &host);
    ff_rig_pump(pair->rigs[1 - from]);
}

static inline uint64_t
pair_conflicts(const struct pair *pair)
{
    struct ff_engine_stats stats[2];

    ff_engine_stats(pair->rigs[0]->engine, &stats[0]);
    ff_engine_stats(pair->rigs[1]->engine, &stats[1]);
    return stats[0].conflicts + stats[1].conflicts;
}

#define PAIR_TEST(name, test)                                                                      \
    {                                                                                              \
        name, test, pair_setup, pair_teardown, NULL                                                \
    }

#endif
