/* The oldest events of the feeds, for those that take them away. */
#include <stdlib.h>

#include "core/engine/engine_int.h"

void
ff_feed_load(struct ff_engine *engine, const struct ff_want *want)
{
    struct feed_head *feed = &engine->feeds[want->family];

    free(feed->v);
    *feed = (struct feed_head){ .valid = true, .limit = want->limit };
    feed->v = calloc(want->n + 1u, sizeof(*feed->v));
    FF_ASSERT(feed->v != NULL);
    for (; feed->n < want->n; feed->n++) {
        struct ff_event event = { 0 };
        struct ff_fault fault = { 0 };

        if (ff_row_decode(FF_R_EVENT, want->bodies[feed->n], &engine->load_arena, &event, &fault) !=
            FF_E_OK) {
            event.at = INT64_MIN; /* what nobody can read goes first */
        }
        feed->v[feed->n] = (struct ff_old_event){ want->seqs[feed->n], event.at };
    }
}

void
ff_feed_unwant(struct ff_engine *engine, const struct ff_want *want)
{
    engine->feeds[want->family].wanted = false;
}

void
ff_feeds_stale(struct ff_engine *engine)
{
    for (int i = 0; i < FF_FAMILIES; i++) {
        struct feed_head *feed = &engine->feeds[i];

        if (!feed->wanted) {
            free(feed->v);
            *feed = (struct feed_head){ 0 };
        }
    }
}

/* What batches that are not in the store yet take away. */
static uint64_t
trimmed_to(const struct ff_engine *engine, enum ff_event_family family)
{
    uint64_t open = engine->open->trims[family];
    uint64_t sealed = engine->sealed == NULL ? 0 : engine->sealed->trims[family];

    return open > sealed ? open : sealed;
}

ff_err
ff_txn_old_events(struct ff_txn *txn, enum ff_event_family family, uint32_t limit,
                  struct ff_old_events *out)
{
    struct ff_engine *engine = txn->engine;
    struct feed_head *feed = &engine->feeds[family];
    uint64_t gone = trimmed_to(engine, family);

    if (!feed->valid || (feed->limit <= limit && feed->n == feed->limit)) {
        FF_TRY(ff_want_feed(engine, family, limit + 1, &txn->fault));
    }
    out->v = FF_ARENA_NEW(txn->arena, struct ff_old_event, limit + 1u);
    out->n = 0;
    for (uint32_t i = 0; i + 1 < feed->n && out->n < limit; i++) {
        if (feed->v[i].seq > gone) {
            out->v[out->n++] = feed->v[i];
        }
    }
    return FF_E_OK;
}

void
ff_txn_trim_events(struct ff_txn *txn, enum ff_event_family family, uint64_t up_to_seq)
{
    txn->engine->trims[family] = up_to_seq;
    txn->engine->trimming = true;
}

void
ff_feeds_settle(struct ff_engine *engine, bool done)
{
    for (int i = 0; engine->trimming && i < FF_FAMILIES; i++) {
        if (done && engine->trims[i] > engine->open->trims[i]) {
            engine->open->trims[i] = engine->trims[i];
            engine->open->kept = true;
        }
        engine->trims[i] = 0;
    }
    engine->trimming = false;
}
