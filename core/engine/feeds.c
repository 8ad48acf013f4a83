/* Pages of the event feeds, as the store has them: for those that read, and those that trim. */
#include <stdlib.h>

#include "core/engine/engine_int.h"
#include "core/engine/topics.h"

static struct feed_page *
page_find(struct ff_engine *engine, enum ff_event_family family, uint64_t after, uint32_t limit)
{
    struct feed_page *page = NULL;

    LIST_FOREACH(page, &engine->feed_pages, link)
    {
        if (page->family == family && page->after == after && page->limit >= limit) {
            return page;
        }
    }
    return NULL;
}

static void
page_free(struct feed_page *page)
{
    LIST_REMOVE(page, link);
    free(page->v);
    free(page);
}

/* The one that this want is for. */
static struct feed_page *
page_of(struct ff_engine *engine, const struct ff_want *want)
{
    struct feed_page *page = NULL;

    LIST_FOREACH(page, &engine->feed_pages, link)
    {
        if (page->wanted && page->family == want->family && page->after == want->after_seq &&
            page->limit == want->limit) {
            break;
        }
    }
    FF_ASSERT(page != NULL);
    return page;
}

/* What it has shows, or it shows that there was nothing after the last commit with such events. */
static bool
page_holds(struct ff_txn *txn, const struct feed_page *page)
{
    return page->valid && ff_news_fresh(txn, page->loaded_in) &&
           (page->n > 0 || page->epoch >= txn->engine->feed_committed[page->family]);
}

void
ff_feed_load(struct ff_engine *engine, const struct ff_want *want)
{
    struct feed_page *page = page_of(engine, want);
    size_t bytes = want->n * sizeof(*page->v);
    char *text = NULL;

    for (uint32_t i = 0; i < want->n; i++) {
        bytes += want->bodies[i].n;
    }
    free(page->v);
    page->v = malloc(bytes + 1);
    FF_ASSERT(page->v != NULL);
    text = (char *) (page->v + want->n);
    for (uint32_t i = 0; i < want->n; i++) {
        memcpy(text, want->bodies[i].p, want->bodies[i].n);
        page->v[i] = (struct ff_stored_event){ .seq = want->seqs[i],
                                               .body = ff_str(text, want->bodies[i].n) };
        text += want->bodies[i].n;
    }
    page->n = want->n;
    page->newest = want->newest;
    page->oldest = want->oldest;
    page->epoch = engine->store->ops->immediate ? engine->committed : engine->load_epoch;
    page->loaded_in = engine->stats.loads;
    page->valid = true;
    page->wanted = false;
}

void
ff_feed_unwant(struct ff_engine *engine, const struct ff_want *want)
{
    page_of(engine, want)->wanted = false;
}

void
ff_feeds_stale(struct ff_engine *engine)
{
    struct feed_page *page = NULL, *next = NULL;

    LIST_FOREACH_SAFE(page, &engine->feed_pages, link, next)
    {
        if (!page->wanted) {
            page_free(page);
        }
    }
}

void
ff_feeds_committed(struct ff_engine *engine, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->n_events; i++) {
        enum ff_event_family family = batch->events[i].family;

        if (engine->feed_committed[family] != batch->number) {
            struct ff_scope topic = ff_topic_feed(family);

            engine->feed_committed[family] = batch->number;
            ff_parking_wake(engine, &topic);
        }
    }
}

ff_err
ff_txn_feed(struct ff_txn *txn, enum ff_event_family family, uint64_t after_seq, uint32_t limit,
            struct ff_feed_page *out)
{
    struct ff_engine *engine = txn->engine;
    struct feed_page *page = page_find(engine, family, after_seq, limit);

    if (page == NULL) {
        page = calloc(1, sizeof(*page));
        FF_ASSERT(page != NULL);
        page->family = family;
        page->after = after_seq;
        page->limit = limit;
        LIST_INSERT_HEAD(&engine->feed_pages, page, link);
    }
    if (!page_holds(txn, page)) {
        FF_TRY(ff_want_feed(engine, page, &txn->fault));
    }
    *out = (struct ff_feed_page){ .v = page->v,
                                  .n = page->n < limit ? page->n : limit,
                                  .newest = page->newest,
                                  .oldest = page->oldest };
    return FF_E_OK;
}

/* ---- trimming ---- */

/* What batches that are not in the store yet take away. */
static uint64_t
trimmed_to(const struct ff_engine *engine, enum ff_event_family family)
{
    uint64_t up_to = engine->open->trims[family];

    for (uint32_t i = 0; i < engine->n_sealed; i++) {
        uint64_t sealed = engine->sealed[i]->trims[family];

        up_to = sealed > up_to ? sealed : up_to;
    }
    return up_to;
}

/* What nobody can read goes first. */
static int64_t
at_of(struct ff_txn *txn, struct ff_str body)
{
    struct ff_event event = { 0 };
    struct ff_fault fault = { 0 };

    return ff_row_decode(FF_R_EVENT, body, txn->arena, &event, &fault) == FF_E_OK ? event.at
                                                                                  : INT64_MIN;
}

ff_err
ff_txn_old_events(struct ff_txn *txn, enum ff_event_family family, uint32_t limit,
                  struct ff_old_events *out)
{
    uint64_t gone = trimmed_to(txn->engine, family);
    struct ff_feed_page page;

    FF_TRY(ff_txn_feed(txn, family, 0, limit + 1, &page));
    out->v = FF_ARENA_NEW(txn->arena, struct ff_old_event, limit + 1u);
    out->n = 0;
    for (uint32_t i = 0; i + 1 < page.n && out->n < limit; i++) {
        if (page.v[i].seq > gone) {
            out->v[out->n++] = (struct ff_old_event){ page.v[i].seq, at_of(txn, page.v[i].body) };
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
