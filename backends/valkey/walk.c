/* walk.c: all records by their names, and what else work at rest asks for (core/store_offline.h).
 *
 * SCAN goes through all keys of the database, so that records are found that no index leads to. It
 * may name a key twice when the server shrinks its table meanwhile. */
#include <stdio.h>
#include <stdlib.h>

#include "backends/valkey/ask.h"
#include "core/store_offline.h"

/* ---- a page: cursor, pattern prefix{*, count (function.c) ---- */

static struct ff_str
cursor_of(const struct ff_walk_at *at)
{
    return at->n == 0 ? ff_cstr("0") : ff_str(at->b, at->n);
}

void
ff_vk_pattern(struct valkey *valkey, struct ff_resp *out)
{
    struct ff_str prefix = valkey->options.prefix; /* at most 33 bytes */
    char pattern[80];
    size_t n = 0;

    for (uint32_t i = 0; i < prefix.n; i++) {
        if (strchr("*?[]\\^-", prefix.p[i]) != NULL) {
            pattern[n++] = '\\';
        }
        pattern[n++] = prefix.p[i];
    }
    ff_resp_pair(out, ff_str(pattern, n), ff_cstr("{*"));
}

uint32_t
ff_vk_ask_walk(struct valkey *valkey, const struct ff_want *want, struct ff_resp *out)
{
    ff_vk_fcall(out, "walk", 3);
    ff_resp_arg(out, cursor_of(&want->walk->at));
    ff_vk_pattern(valkey, out);
    ff_resp_u64(out, want->limit);
    return 1;
}

bool
ff_vk_take_walk(struct valkey *valkey, struct ff_want *want, redisReply *const *replies,
                struct ff_arena *arena)
{
    struct ff_walk_page *page = want->walk;
    const redisReply *names = replies[0], *next = NULL;

    if (names->type != REDIS_REPLY_ARRAY || names->elements < 1 ||
        names->element[0]->len > FF_WALK_AT_MAX) {
        return false;
    }
    next = names->element[0];
    page->complete = next->len == 1 && next->str[0] == '0';
    page->at.n = (uint8_t) next->len;
    memcpy(page->at.b, next->str, next->len);
    page->names = ff_arena_alloc(arena, names->elements * sizeof(*page->names));
    page->n = 0;
    for (size_t i = 1; i < names->elements; i++) {
        struct ff_record_name *name = &page->names[page->n];
        struct ff_str key = ff_reply_str(names->element[i]);

        if (ff_valkey_record_parse(
                ff_str(key.p + valkey->options.prefix.n, key.n - valkey->options.prefix.n),
                &name->kind, &name->key) &&
            (page->kinds >> name->kind & 1) != 0) {
            page->n++;
        }
    }
    return true;
}

/* ---- the rest ---- */

/* This one stands there, too: it beats as soon as it is connected. */
static ff_err
others(struct ff_store *store, uint32_t *n_out, struct ff_fault *fault)
{
    struct valkey *valkey = (struct valkey *) store;
    uint64_t all = 0;

    ff_vk_beat(valkey);
    ff_vk_ask_begin(valkey);
    ff_vk_ask_command(valkey, "ZCARD", "{g}:brokers", 0);
    FF_TRY(ff_vk_ask(valkey, &all, fault));
    *n_out = all > 0 ? (uint32_t) all - 1 : 0;
    return FF_E_OK;
}

static ff_err
mark_copy(struct ff_store *store, bool unfinished, struct ff_fault *fault)
{
    struct valkey *valkey = (struct valkey *) store;
    uint64_t ignored = 0;
    struct ff_resp *out = NULL;

    ff_vk_ask_begin(valkey);
    out = ff_vk_ask_command(valkey, "HSET", "{g}:store", 2);
    ff_resp_text(out, FF_VALKEY_UNFINISHED);
    ff_resp_text(out, unfinished ? "1" : "0");
    FF_TRY(ff_vk_ask(valkey, &ignored, fault));
    store->unfinished = unfinished;
    return FF_E_OK;
}

static ff_err
renumber(struct ff_store *store, enum ff_event_family family, uint64_t next, struct ff_fault *fault)
{
    struct valkey *valkey = (struct valkey *) store;
    struct ff_resp *out = &valkey->main.out;
    struct ff_valkey_name key;
    uint64_t ignored = 0;

    ff_vk_events_name(family, &key);
    ff_vk_ask_begin(valkey);
    ff_resp_head(out, 2);
    ff_resp_text(out, "DEL");
    ff_vk_key(valkey, out, ff_str(key.b, key.n));
    ff_vk_expect(&valkey->main, NULL, 0);
    (void) ff_vk_ask_command(valkey, "HSET", "{g}:feeds", 2);
    ff_resp_text(out, ff_vk_family_name(family));
    ff_resp_u64(out, next - 1);
    (void) ff_vk_ask_command(valkey, "HDEL", "{g}:feeds", 1);
    ff_resp_pair(out, ff_cstr(ff_vk_family_name(family)), ff_cstr(FF_VALKEY_FROM));
    return ff_vk_ask(valkey, &ignored, fault);
}

const struct ff_store_offline ff_vk_offline = {
    .repeats = true,
    .others = others,
    .mark_copy = mark_copy,
    .renumber = renumber,
};
