/* Shares: brokers that take from the same scope at the same time would take the same executions,
 * and all but one would conflict. Each says now and then what it takes from (news.c), and takes its
 * own share first: what falls to it by the hash of its id. */
#include "core/engine/shares.h"
#include "core/engine/engine_int.h"

/* Said again that often while it goes on, and believed so long. */
#define SAY_EVERY_MS 300
#define BELIEVED_MS 1000

/* The topic of a taking: who, what. */
#define TAKING_TOPIC 't'

static uint64_t
hash(const void *p, size_t n)
{
    const uint8_t *bytes = p;
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (size_t i = 0; i < n; i++) {
        h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return h ^ h >> 32;
}

static uint64_t
own_id(const struct ff_engine *engine)
{
    return hash(engine->config.seed, sizeof(engine->config.seed));
}

static int64_t
mono_ms(const struct ff_engine *engine)
{
    return engine->config.mono_ms(engine->config.clock_ctx);
}

/* Of this scope; what another one has left there is forgotten. */
static struct taking *
taking_of(struct ff_engine *engine, uint64_t what)
{
    struct taking *taking = &engine->takings[what % FF_COUNT(engine->takings)];

    if (taking->what != what) {
        *taking = (struct taking){ .what = what, .said_ms = INT64_MIN / 2 };
    }
    return taking;
}

void
ff_txn_taken(struct ff_txn *txn, const struct ff_scope *scope)
{
    struct ff_engine *engine = txn->engine;
    uint64_t what = hash(scope->b, scope->n), who = own_id(engine);
    struct ff_scope topic = { .n = 18, .b = { 1, TAKING_TOPIC } };
    struct taking *taking = NULL;

    if (engine->store->ops->exclusive) {
        return;
    }
    taking = taking_of(engine, what);
    if (mono_ms(engine) - taking->said_ms >= SAY_EVERY_MS) {
        taking->said_ms = mono_ms(engine);
        memcpy(topic.b + 2, &who, sizeof(who));
        memcpy(topic.b + 10, &what, sizeof(what));
        ff_news_note(engine, &topic, 1);
    }
}

bool
ff_shares_hear(struct ff_engine *engine, const struct ff_scope *topic)
{
    uint64_t who = 0, what = 0;
    struct taking *taking = NULL;
    struct taker *place = NULL;

    if (topic->n != 18 || topic->b[0] != 1 || topic->b[1] != TAKING_TOPIC) {
        return false;
    }
    memcpy(&who, topic->b + 2, sizeof(who));
    memcpy(&what, topic->b + 10, sizeof(what));
    taking = taking_of(engine, what);
    for (size_t i = 0; i < FF_COUNT(taking->others); i++) {
        struct taker *other = &taking->others[i];

        if (other->who == who || place == NULL ||
            (place->who != who && other->until_ms < place->until_ms)) {
            place = other;
        }
    }
    if (who != own_id(engine)) {
        *place = (struct taker){ .who = who, .until_ms = mono_ms(engine) + BELIEVED_MS };
    }
    return true;
}

struct ff_share
ff_txn_share(struct ff_txn *txn, const struct ff_scope *scope)
{
    struct ff_engine *engine = txn->engine;
    struct ff_share share = { .of = 1 };
    const struct taking *taking = NULL;

    if (engine->store->ops->exclusive) {
        return share;
    }
    taking = taking_of(engine, hash(scope->b, scope->n));
    for (size_t i = 0; i < FF_COUNT(taking->others); i++) {
        const struct taker *other = &taking->others[i];

        if (other->until_ms > mono_ms(engine)) {
            share.of++;
            share.nth += other->who < own_id(engine);
        }
    }
    return share;
}

bool
ff_share_has(const struct ff_share *share, const struct ff_key *id)
{
    return share->of < 2 || hash(id->b, id->n) % share->of == share->nth;
}
