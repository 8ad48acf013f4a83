/* News: what brokers on one store tell each other, so that calls that wait with one of them learn
 * what another has made (spec/records.md §5).
 *
 * A batch gathers the topics that it is news of, the store passes them on with the commit. What is
 * heard counts for calls that wait already, and for those that are about to: their pages may be
 * from before.
 */
#include "core/engine/engine_int.h"
#include "core/engine/topics.h"

/* ---- what is told ---- */

/* More topics of one batch than that are told as "everything". */
#define TOLD_MAX 64
/* More of one kind are told as all of that kind: each execution that ends closes a stream. */
#define TOLD_OF_KIND_MAX 16

static bool
same_kind(const struct ff_scope *a, const struct ff_scope *b)
{
    return a->n > 2 && a->b[0] == 1 && b->n > 2 && b->b[0] == 1 && a->b[1] == b->b[1];
}

static void
note_all_of_kind(struct batch *open, const struct ff_scope *topic)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < open->n_news; i++) {
        if (!same_kind(&open->news[i].topic, topic)) {
            open->news[kept++] = open->news[i];
        }
    }
    open->n_news = kept; /* there is room: some have gone */
    open->news[open->n_news++] =
        (struct ff_news){ .topic = ff_topic_all_of(topic->b[1]), .n = UINT32_MAX };
}

void
ff_news_note(struct ff_engine *engine, const struct ff_scope *topic, uint32_t n)
{
    struct batch *open = engine->open;
    uint32_t n_alike = 0;

    if (engine->store->ops->exclusive || topic->b[0] == 0) {
        return; /* each broker has scanners of its own */
    }
    for (uint32_t i = 0; i < open->n_news; i++) {
        struct ff_news *news = &open->news[i];

        if (ff_topic_covers(&news->topic, topic)) {
            news->n += n < UINT32_MAX - news->n ? n : UINT32_MAX - news->n;
            return;
        }
        n_alike += same_kind(&news->topic, topic);
    }
    if (n_alike == TOLD_OF_KIND_MAX) {
        note_all_of_kind(open, topic);
        return;
    }
    if (open->n_news == TOLD_MAX) {
        open->much_news = true;
        return;
    }
    open->news = ff_grow(open->news, &open->news_room, open->n_news, sizeof(*open->news));
    open->news[open->n_news++] = (struct ff_news){ .topic = *topic, .n = n };
}

void
ff_news_of_mark(struct ff_engine *engine, const struct mark *mark)
{
    const struct ff_index_key key = { .index = mark->span->index, .scope = mark->span->scope };
    struct ff_scope lane;

    if (mark->open > 0 && ff_parking_lane_of(&key, &lane)) {
        ff_news_note(engine, &lane, 1);
    }
}

/* ---- what is heard ---- */

static void
remember(struct ff_engine *engine, const struct ff_news *news, uint64_t at)
{
    struct hearing *hearing = &engine->hearing;
    struct heard *heard = &hearing->v[hearing->next++ % FF_COUNT(hearing->v)];

    if (news == NULL) {
        hearing->all_at = at;
        return;
    }
    if (heard->at > hearing->all_at) {
        hearing->all_at = heard->at; /* forgotten: it may have been anything */
    }
    *heard = (struct heard){ .topic = news->topic, .at = at };
}

void
ff_engine_told(struct ff_engine *engine, const struct ff_news *news)
{
    uint64_t at = engine->stats.loads + 1; /* the first load that is sure to show it */

    if (news != NULL && news->topic.n == 0) {
        news = NULL; /* more topics than are told apart */
    }
    if (news != NULL && ff_shares_hear(engine, &news->topic)) {
        return;
    }
    remember(engine, news, at);
    if (engine->n_parked == 0) {
        return;
    }
    ff_feeds_stale(engine);
    ff_marks_release(engine, &engine->lingering, engine->loading ? engine->load_epoch : UINT64_MAX);
    engine->telling = at;
    if (news == NULL) {
        ff_parking_wake(engine, NULL);
    } else {
        ff_parking_tell(engine, &news->topic, news->n);
    }
    engine->telling = 0;
}

uint64_t
ff_news_heard(const struct ff_engine *engine, const struct ff_scope *topic)
{
    const struct hearing *hearing = &engine->hearing;
    uint64_t at = hearing->all_at;

    for (uint32_t i = 0; i < FF_COUNT(hearing->v); i++) {
        const struct heard *heard = &hearing->v[i];

        if (heard->at > at && (ff_topic_covers(&heard->topic, topic) ||
                               ff_watches_has(&engine->watching, &heard->topic))) {
            at = heard->at;
        }
    }
    return at;
}

/* ---- how old what a call reads may be ---- */

bool
ff_news_fresh(struct ff_txn *txn, uint64_t loaded_in)
{
    struct ff_engine *engine = txn->engine;

    if (engine->store->ops->exclusive) {
        return true;
    }
    if (loaded_in < txn->task->fresh_from) {
        return false;
    }
    engine->oldest_read = loaded_in < engine->oldest_read ? loaded_in : engine->oldest_read;
    return true;
}

ff_err
ff_txn_refresh(struct ff_txn *txn, uint64_t from)
{
    if (txn->engine->store->ops->exclusive || txn->engine->oldest_read >= from) {
        return FF_E_OK;
    }
    txn->task->fresh_from = from;
    return FF_E_PENDING;
}

ff_err
ff_txn_up_to_date(struct ff_txn *txn)
{
    return ff_txn_refresh(txn, txn->task->due_from);
}
