#include <stdlib.h>

#include "backends/valkey/valkey_int.h"

/* ---- asking: each want is one command, of an event feed three ---- */

static uint32_t
ask_record(struct valkey *valkey, const struct ff_want *want, struct ff_resp *out)
{
    struct ff_valkey_name name;

    (void) ff_valkey_place(want->kind, &want->key, &valkey->counts, &name);
    ff_resp_head(out, 2);
    ff_resp_text(out, "HGETALL");
    ff_vk_key(valkey, out, ff_str(name.b, name.n));
    return 1;
}

static void
name_add(struct ff_valkey_name *name, const char *text, size_t n)
{
    FF_ASSERT(name->n + n <= FF_VALKEY_NAME_MAX);
    memcpy(name->b + name->n, text, n);
    name->n += (uint32_t) n;
}

void
ff_vk_index_name(enum ff_index index, const struct ff_valkey_name *scope,
                 struct ff_valkey_name *out)
{
    const char *text = ff_valkey_index_name(index);

    out->n = 0;
    name_add(out, "{g}:", 4);
    name_add(out, text, strlen(text));
    name_add(out, ":", 1);
    name_add(out, scope->b, scope->n);
}

void
ff_vk_scopes_name(enum ff_index index, struct ff_valkey_name *out)
{
    const char *text = ff_valkey_index_name(index);

    out->n = 0;
    name_add(out, "{g}:scopes:", 11);
    name_add(out, text, strlen(text));
}

static uint32_t
ask_page(struct valkey *valkey, const struct ff_want *want, struct ff_resp *out)
{
    struct ff_valkey_name scope, key, after;

    ff_valkey_scope_name(want->index, &want->scope, &scope);
    ff_vk_index_name(want->index, &scope, &key);
    ff_resp_head(out, 7);
    ff_resp_text(out, "ZRANGEBYLEX");
    ff_vk_key(valkey, out, ff_str(key.b, key.n));
    if (want->has_after) {
        ff_valkey_entry_name(want->index, &want->scope, &want->after, &after);
        ff_resp_pair(out, ff_cstr("("), ff_str(after.b, after.n));
    } else {
        ff_resp_text(out, "-");
    }
    ff_resp_text(out, "+");
    ff_resp_text(out, "LIMIT");
    ff_resp_text(out, "0");
    ff_resp_u64(out, (uint64_t) want->limit + 1); /* one more tells whether there are more */
    return 1;
}

/* A prefix that ends within a part has another name than what begins with it: then all are read. */
static bool
is_whole(const struct ff_valkey_name *prefix)
{
    return memchr(prefix->b, '~', prefix->n) == NULL;
}

static uint32_t
ask_scopes(struct valkey *valkey, const struct ff_want *want, struct ff_resp *out)
{
    struct ff_valkey_name prefix, key;

    ff_vk_scopes_name(want->index, &key);
    ff_valkey_scope_name(want->index, &want->scope, &prefix);
    ff_resp_head(out, 4);
    ff_resp_text(out, "ZRANGEBYLEX");
    ff_vk_key(valkey, out, ff_str(key.b, key.n));
    if (prefix.n == 0 || !is_whole(&prefix)) {
        ff_resp_text(out, "-");
        ff_resp_text(out, "+");
    } else {
        ff_resp_pair(out, ff_cstr("["), ff_str(prefix.b, prefix.n));
        prefix.b[prefix.n++] = (char) 0xff; /* in no name */
        ff_resp_pair(out, ff_cstr("["), ff_str(prefix.b, prefix.n));
    }
    return 1;
}

static uint32_t
ask(struct valkey *valkey, const struct ff_want *want, bool whole, struct ff_resp *out)
{
    switch (want->what) {
    case FF_WANT_RECORD:
        return ask_record(valkey, want, out);
    case FF_WANT_PAGE:
        return ask_page(valkey, want, out);
    case FF_WANT_SCOPES:
        return ask_scopes(valkey, want, out);
    case FF_WANT_WALK:
        return ff_vk_ask_walk(valkey, want, out);
    default:
        return ff_vk_events_ask(valkey, want, whole, out);
    }
}

/* ---- taking answers ---- */

static bool
take_record(struct ff_want *want, redisReply *const *replies, struct ff_arena *arena)
{
    const char *prefix = ff_valkey_is_guest(want->kind, &want->key) ? FF_VALKEY_FIRST : "";
    struct ff_valkey_body body;

    if (replies[0]->type != REDIS_REPLY_ARRAY) {
        return false;
    }
    want->found = ff_valkey_body(want->kind, prefix, replies[0], &body, arena);
    want->body = body.body;
    want->version = body.version;
    return true;
}

static bool
take_page(struct ff_want *want, redisReply *const *replies, struct ff_arena *arena)
{
    const redisReply *list = replies[0];
    uint32_t n = (uint32_t) list->elements;

    want->complete = n <= want->limit;
    want->n = want->complete ? n : want->limit;
    want->entries = ff_arena_alloc(arena, (want->n + 1u) * sizeof(*want->entries));
    for (uint32_t i = 0; i < want->n; i++) {
        if (!ff_valkey_entry_parse(want->index, &want->scope, ff_reply_str(list->element[i]),
                                   &want->entries[i])) {
            return false;
        }
    }
    return list->type == REDIS_REPLY_ARRAY;
}

static bool
take_scopes(struct ff_want *want, redisReply *const *replies, struct ff_arena *arena)
{
    const redisReply *list = replies[0];
    struct ff_scope *scope = NULL;

    want->scopes.v = ff_arena_alloc(arena, (list->elements + 1) * sizeof(*want->scopes.v));
    want->scopes.n = 0;
    for (size_t i = 0; i < list->elements; i++) {
        scope = &want->scopes.v[want->scopes.n];
        if (!ff_valkey_scope_parse(want->index, ff_reply_str(list->element[i]), scope)) {
            return false;
        }
        want->scopes.n += ff_scope_begins(scope, &want->scope);
    }
    return list->type == REDIS_REPLY_ARRAY;
}

static bool
take(struct valkey *valkey, struct ff_want *want, redisReply *const *replies,
     struct ff_arena *arena)
{
    switch (want->what) {
    case FF_WANT_RECORD:
        return take_record(want, replies, arena);
    case FF_WANT_PAGE:
        return take_page(want, replies, arena);
    case FF_WANT_SCOPES:
        return take_scopes(want, replies, arena);
    case FF_WANT_WALK:
        return ff_vk_take_walk(valkey, want, replies, arena);
    default:
        return ff_vk_events_take(want, replies, arena);
    }
}

static size_t
replies_of(const struct ff_want *want)
{
    return want->what == FF_WANT_EVENTS ? FF_VK_EVENTS_REPLIES : 1;
}

/* Whether one of its wants has got less than there may be. */
static bool
is_short(const struct ff_load *load, const redisReply *reply)
{
    size_t at = 0;

    for (uint32_t i = 0; i < load->n; i++) {
        const struct ff_want *want = &load->wants[i];

        if (want->what == FF_WANT_EVENTS && ff_vk_events_short(want, reply->element + at)) {
            return true;
        }
        at += replies_of(want);
    }
    return false;
}

static void
answer(struct valkey *valkey, struct ff_load *load, const redisReply *reply)
{
    size_t at = 0;

    load->fault = (struct ff_fault){ 0 };
    if (reply->type == REDIS_REPLY_ERROR) {
        ff_vk_fail(valkey, &load->fault, reply->str);
        return;
    }
    for (uint32_t i = 0; i < load->n; i++) {
        size_t n = replies_of(&load->wants[i]);

        if (at + n > reply->elements ||
            !take(valkey, &load->wants[i], reply->element + at, load->arena)) {
            ff_fail(&load->fault, FF_E_CORRUPTION, ff_d_text("reason", "unreadable_key"),
                    ff_d_text("context", "valkey"));
            return;
        }
        at += n;
    }
}

/* ---- loads under way ---- */

static void
finish(struct valkey *valkey, uint32_t i)
{
    struct ff_load *load = valkey->loads[i].load;

    memmove(&valkey->loads[i], &valkey->loads[i + 1],
            (--valkey->n_loads - i) * sizeof(valkey->loads[0]));
    valkey->delivered = true;
    load->done(load);
}

/* Whether it has to be asked for in another way: a full server takes no transaction, even of reads,
 * as queueing them takes room. */
static bool
take_load(struct valkey *valkey, struct waiting_load *waiting, const redisReply *reply)
{
    if (ff_reply_fails(reply, "EXECABORT") && !waiting->by_function) {
        waiting->by_function = true;
        return false;
    }
    answer(valkey, waiting->load, reply);
    if (waiting->load->fault.code == FF_E_OK && !waiting->whole && is_short(waiting->load, reply)) {
        waiting->whole = true;
        return false;
    }
    return true;
}

static void
on_load(struct valkey *valkey, const redisReply *reply, uint64_t tag)
{
    for (uint32_t i = 0; i < valkey->n_loads; i++) {
        struct waiting_load *waiting = &valkey->loads[i];

        if (!waiting->sent || waiting->tag != tag) {
            continue;
        }
        if (take_load(valkey, waiting, reply)) {
            finish(valkey, i);
        } else {
            waiting->sent = false;
            ff_vk_loads_send(valkey);
        }
        return;
    }
}

/* All wants of a load in one transaction: they are of one instant. */
static void
send_transaction(struct valkey *valkey, const struct waiting_load *waiting)
{
    const struct ff_load *load = waiting->load;
    struct link *link = &valkey->main;
    uint32_t n = 0;

    ff_resp_words(&link->out, "MULTI", NULL);
    for (uint32_t i = 0; i < load->n; i++) {
        n += ask(valkey, &load->wants[i], waiting->whole, &link->out);
    }
    ff_resp_words(&link->out, "EXEC", NULL);
    for (uint32_t i = 0; i <= n; i++) {
        ff_vk_expect(link, NULL, 0);
    }
}

static void
send_function(struct valkey *valkey, const struct waiting_load *waiting)
{
    const struct ff_load *load = waiting->load;
    struct ff_resp text = { 0 };

    for (uint32_t i = 0; i < load->n; i++) {
        (void) ask(valkey, &load->wants[i], waiting->whole, &text);
    }
    ff_vk_fcall(&valkey->main.out, "load", 1);
    ff_resp_arg(&valkey->main.out, ff_str(text.p, text.n));
    ff_resp_done(&text);
}

static void
send_load(struct valkey *valkey, struct waiting_load *waiting)
{
    waiting->sent = true;
    waiting->tag = ++valkey->next_tag;
    if (waiting->load->n == 0) {
        ff_resp_words(&valkey->main.out, "PING", NULL);
    } else if (waiting->by_function) {
        send_function(valkey, waiting);
    } else {
        send_transaction(valkey, waiting);
    }
    ff_vk_expect(&valkey->main, on_load, waiting->tag);
}

void
ff_vk_loads_send(struct valkey *valkey)
{
    if (valkey->main.state != LINK_READY) {
        return;
    }
    for (uint32_t i = 0; i < valkey->n_loads; i++) {
        if (!valkey->loads[i].sent) {
            send_load(valkey, &valkey->loads[i]);
        }
    }
    ff_vk_flush(&valkey->main);
}

void
ff_vk_loads_lost(struct valkey *valkey)
{
    for (uint32_t i = 0; i < valkey->n_loads; i++) {
        valkey->loads[i].sent = false;
        valkey->loads[i].since_ms = ff_mono_ms();
    }
}

void
ff_vk_loads_expire(struct valkey *valkey, int64_t now_ms)
{
    for (uint32_t i = valkey->n_loads; i > 0; i--) {
        struct waiting_load *waiting = i <= valkey->n_loads ? &valkey->loads[i - 1] : NULL;

        if (waiting != NULL && !waiting->sent &&
            waiting->since_ms + valkey->options.patience_ms <= now_ms) {
            ff_vk_fail(valkey, &waiting->load->fault, valkey->why_text);
            finish(valkey, i - 1);
        }
    }
}

void
ff_vk_load(struct ff_store *store, struct ff_load *load)
{
    struct valkey *valkey = (struct valkey *) store;

    FF_ASSERT(valkey->n_loads < LOADS_MAX);
    valkey->loads[valkey->n_loads++] =
        (struct waiting_load){ .load = load, .since_ms = ff_mono_ms() };
    ff_vk_loads_send(valkey);
    ff_vk_arm(valkey);
}
