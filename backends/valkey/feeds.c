/* Event feeds: a stream each. An entry holds up to FF_VK_ENTRY_EVENTS events that one commit has
 * given to one family, and its id is the number of the last of them. What is trimmed goes by whole
 * entries; the field FAMILY:from of the feeds says with which event the feed begins. */
#include <stdio.h>
#include <stdlib.h>

#include "backends/valkey/valkey_int.h"

/* Entries asked for at first: there may be as many events as are wanted in an eighth of them. */
#define ENTRIES_SPARE 16

const char *
ff_vk_family_name(enum ff_event_family family)
{
    return ff_word(&ff_vocab_event_family, (uint32_t) family);
}

void
ff_vk_events_name(enum ff_event_family family, struct ff_valkey_name *out)
{
    int n = snprintf(out->b, FF_VALKEY_NAME_MAX, "{g}:events:%s", ff_vk_family_name(family));

    FF_ASSERT(n > 0 && n < FF_VALKEY_NAME_MAX);
    out->n = (uint32_t) n;
}

/* ---- writing ---- */

uint32_t
ff_vk_events_pick(const struct ff_commit *commit, enum ff_event_family family, uint32_t *at,
                  struct ff_vk_entry *out)
{
    out->n = 0;
    for (; *at < commit->n_events && out->n < FF_VK_ENTRY_EVENTS; ++*at) {
        if (commit->events[*at].family == family) {
            out->bodies[out->n++] = commit->events[*at].body;
        }
    }
    return out->n;
}

/* ---- asking ---- */

static uint32_t
entries_of(const struct ff_want *want, bool whole)
{
    uint32_t some = want->limit / 8 + ENTRIES_SPARE;

    return whole || some > want->limit ? want->limit : some;
}

static void
ask_range(struct valkey *valkey, const struct ff_want *want, const char *from, struct ff_resp *out)
{
    struct ff_valkey_name key;

    ff_vk_events_name(want->family, &key);
    ff_resp_head(out, 6);
    ff_resp_text(out, "XRANGE");
    ff_vk_key(valkey, out, ff_str(key.b, key.n));
    ff_resp_text(out, from);
    ff_resp_text(out, "+");
    ff_resp_text(out, "COUNT");
}

uint32_t
ff_vk_events_ask(struct valkey *valkey, const struct ff_want *want, bool whole, struct ff_resp *out)
{
    char text[64];

    ff_resp_head(out, 4);
    ff_resp_text(out, "HMGET");
    ff_vk_key_text(valkey, out, "{g}:feeds");
    ff_resp_text(out, ff_vk_family_name(want->family));
    snprintf(text, sizeof(text), "%s" FF_VALKEY_FROM, ff_vk_family_name(want->family));
    ff_resp_text(out, text);
    snprintf(text, sizeof(text), "(%llu-0", (unsigned long long) want->after_seq);
    ask_range(valkey, want, text, out);
    ff_resp_u64(out, entries_of(want, whole));
    ask_range(valkey, want, "-", out);
    ff_resp_u64(out, 1);
    return FF_VK_EVENTS_REPLIES;
}

/* ---- taking answers ---- */

static uint64_t
last_of(const redisReply *entry)
{
    return strtoull(entry->element[0]->str, NULL, 10);
}

/* An entry is [id, [field, value, …]]. */
static bool
is_entry(const redisReply *entry)
{
    return entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 &&
           entry->element[1]->type == REDIS_REPLY_ARRAY && entry->element[1]->elements >= 2;
}

static void
take_entry(struct ff_want *want, const redisReply *entry, uint64_t from, struct ff_arena *arena)
{
    const redisReply *fields = entry->element[1];
    uint64_t seq = last_of(entry) - fields->elements / 2;

    for (size_t i = 1; i < fields->elements && want->n < want->limit; i += 2) {
        if (++seq > want->after_seq && seq >= from) {
            want->seqs[want->n] = seq;
            want->bodies[want->n++] = ff_arena_copy(arena, ff_reply_str(fields->element[i]));
        }
    }
}

bool
ff_vk_events_take(struct ff_want *want, redisReply *const *replies, struct ff_arena *arena)
{
    const redisReply *feed = replies[0], *list = replies[1], *first = replies[2];
    uint64_t from = 0;
    size_t n = 0;

    if (feed->elements != 2 || list->type != REDIS_REPLY_ARRAY) {
        return false;
    }
    want->newest = ff_reply_u64(feed->element[0]);
    from = ff_reply_u64(feed->element[1]);
    want->oldest = want->newest + 1;
    if (first->elements > 0 && is_entry(first->element[0])) {
        uint64_t oldest =
            last_of(first->element[0]) + 1 - first->element[0]->element[1]->elements / 2;

        want->oldest = oldest > from ? oldest : from;
    }
    want->n = 0;
    for (size_t i = 0; i < list->elements; i++) {
        if (!is_entry(list->element[i])) {
            return false;
        }
        n += list->element[i]->element[1]->elements / 2;
    }
    want->bodies = ff_arena_alloc(arena, (n + 1) * sizeof(*want->bodies));
    want->seqs = ff_arena_alloc(arena, (n + 1) * sizeof(*want->seqs));
    for (size_t i = 0; i < list->elements; i++) {
        take_entry(want, list->element[i], from, arena);
    }
    return true;
}

bool
ff_vk_events_short(const struct ff_want *want, redisReply *const *replies)
{
    return want->n < want->limit && replies[1]->elements == entries_of(want, false) &&
           entries_of(want, false) < want->limit;
}
