/* Shares: brokers that take from the same scope at the same time would take the same executions,
 * and all but one would conflict; and what another broker has written has to be read before it can
 * be taken. Each says now and then what it takes from (news.c), and takes its own share first: what
 * it has written itself, then what falls to it by the hash of its id. One that lives on what others
 * have written says that, too, and they leave it its lot of theirs.
 */
#include "core/engine/shares.h"
#include "core/engine/engine_int.h"

/* Said again that often while it goes on, and believed so long. */
#define SAY_EVERY_MS 300
#define BELIEVED_MS 1000

/* Entries of other brokers' shares that are stepped over in search of the next of the own one; in
 * search of what this broker has written itself, fewer, and none that are so much older: who has
 * written them may be gone, or slow. */
#define REACH 1024
#define REACH_OWN 256
#define OLDER_MS 1000

/* The topic of a taking: who, what. Of one that takes more of others than of its own: the second.
 */
#define TAKING_TOPIC 't'
#define FOREIGN_TOPIC 'o'

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

/* Written last by this broker, as far as it knows. */
static bool
is_own(struct ff_engine *engine, const struct ff_key *id)
{
    const struct cell *cell = ff_cell_known(engine, FF_R_EXEC, id);

    return cell != NULL && (cell->open != NULL || cell->base != NULL || cell->ours);
}

/* ---- what is said ---- */

static void
say(struct ff_engine *engine, struct taking *taking)
{
    uint64_t who = own_id(engine);
    bool foreign = 2 * taking->foreign > taking->taken;
    struct ff_scope topic = { .n = 18,
                              .b = { 1, (uint8_t) (foreign ? FOREIGN_TOPIC : TAKING_TOPIC) } };

    memcpy(topic.b + 2, &who, sizeof(who));
    memcpy(topic.b + 10, &taking->what, sizeof(taking->what));
    ff_news_note(engine, &topic, 1);
    taking->said_ms = mono_ms(engine);
    taking->taken = taking->foreign = 0;
}

void
ff_txn_taken(struct ff_txn *txn, const struct ff_scope *scope, const struct ff_key *id)
{
    struct ff_engine *engine = txn->engine;
    struct taking *taking = NULL;

    if (engine->store->ops->exclusive) {
        return;
    }
    taking = taking_of(engine, hash(scope->b, scope->n));
    taking->taken++;
    taking->foreign += !is_own(engine, id);
    if (mono_ms(engine) - taking->said_ms >= SAY_EVERY_MS) {
        say(engine, taking);
    }
}

/* ---- what is heard ---- */

static struct taker *
place_of(struct taking *taking, uint64_t who)
{
    struct taker *place = NULL;

    for (size_t i = 0; i < FF_COUNT(taking->others); i++) {
        struct taker *other = &taking->others[i];

        if (other->who == who) {
            return other;
        }
        if (place == NULL || other->until_ms < place->until_ms) {
            place = other;
        }
    }
    *place = (struct taker){ .who = who };
    return place;
}

bool
ff_shares_hear(struct ff_engine *engine, const struct ff_scope *topic)
{
    uint64_t who = 0, what = 0;
    struct taker *taker = NULL;
    bool foreign = topic->n == 18 && topic->b[1] == FOREIGN_TOPIC;

    if (topic->n != 18 || topic->b[0] != 1 || (topic->b[1] != TAKING_TOPIC && !foreign)) {
        return false;
    }
    memcpy(&who, topic->b + 2, sizeof(who));
    memcpy(&what, topic->b + 10, sizeof(what));
    if (who != own_id(engine)) {
        taker = place_of(taking_of(engine, what), who);
        taker->until_ms = mono_ms(engine) + BELIEVED_MS;
        taker->foreign_until_ms = foreign ? taker->until_ms : 0;
    }
    return true;
}

/* ---- the share ---- */

struct ff_share
ff_txn_share(struct ff_txn *txn, const struct ff_scope *scope)
{
    struct ff_engine *engine = txn->engine;
    struct ff_share share = { .of = 1, .part = FF_SHARE_OWN };
    const struct taking *taking = NULL;
    int64_t now_ms = 0;

    if (engine->store->ops->exclusive) {
        share.part = FF_SHARE_ALL;
        return share;
    }
    taking = taking_of(engine, hash(scope->b, scope->n));
    now_ms = mono_ms(engine);
    for (size_t i = 0; i < FF_COUNT(taking->others); i++) {
        const struct taker *other = &taking->others[i];

        if (other->until_ms > now_ms) {
            share.of++;
            share.nth += other->who < own_id(engine);
        }
        if (other->foreign_until_ms > now_ms) {
            share.part = FF_SHARE_OWN_LOT;
        }
    }
    if (share.of < 2) {
        share.part = FF_SHARE_ALL;
    }
    return share;
}

bool
ff_share_has(struct ff_txn *txn, const struct ff_share *share, const struct ff_key *id)
{
    bool lot = share->of < 2 || hash(id->b, id->n) % share->of == share->nth;

    switch (share->part) {
    case FF_SHARE_OWN_LOT:
        return lot && is_own(txn->engine, id);
    case FF_SHARE_OWN:
        return is_own(txn->engine, id);
    case FF_SHARE_LOT:
        return lot;
    case FF_SHARE_ALL:
        break;
    }
    return true;
}

uint32_t
ff_share_reach(const struct ff_share *share, uint32_t expect)
{
    return share->part <= FF_SHARE_OWN ? REACH_OWN + expect * share->of : REACH;
}

bool
ff_share_too_late(const struct ff_share *share, int64_t passed, int64_t rank)
{
    return share->part <= FF_SHARE_OWN && rank - OLDER_MS > passed;
}
