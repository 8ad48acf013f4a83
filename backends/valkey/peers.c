/* The other brokers on this store: which of them live, and what they are told.
 *
 * Each broker says once a second that it lives, by the server's clock, and learns who else does.
 * A commit tells the others, each on its own channel, what parked calls may have waited for. */
#include <stdio.h>

#include "backends/valkey/valkey_int.h"

#define BEAT_MS 1000
#define GONE_MS 10000
/* So long an end waits to be heard. */
#define LEAVE_MS 1000

static void
on_beat(struct valkey *valkey, const redisReply *reply, uint64_t sent_us)
{
    valkey->beaten = true;
    if (reply->type == REDIS_REPLY_ERROR) {
        if (strstr(reply->str, "unction not found") != NULL) {
            ff_vk_function_load(valkey);
            ff_vk_flush(&valkey->main);
        }
        return; /* the next one may do better */
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1) {
        return;
    }
    ff_server_clock_measured(&valkey->clock, (int64_t) sent_us, ff_mono_us(),
                             (int64_t) ff_reply_u64(reply->element[0]));
    valkey->n_peers = 0;
    for (size_t i = 1; i < reply->elements && valkey->n_peers < PEERS_MAX; i++) {
        const redisReply *id = reply->element[i];

        if (ff_reply_is_text(id) && id->len < BROKER_ID_MAX && strcmp(id->str, valkey->id) != 0) {
            memcpy(valkey->peers[valkey->n_peers++], id->str, id->len + 1);
        }
    }
}

static void
mark_key(struct valkey *valkey, struct ff_resp *out)
{
    char mark[64];

    snprintf(mark, sizeof(mark), "{g}:broker:%s", valkey->id);
    ff_vk_key_text(valkey, out, mark);
}

void
ff_vk_beat(struct valkey *valkey)
{
    struct ff_resp *out = &valkey->main.out;

    valkey->beat_at_ms = ff_mono_ms() + BEAT_MS;
    ff_vk_fcall(out, "beat", 4);
    mark_key(valkey, out);
    ff_vk_key_text(valkey, out, "{g}:brokers");
    ff_resp_text(out, valkey->id);
    ff_resp_u64(out, GONE_MS);
    ff_vk_expect(&valkey->main, on_beat, (uint64_t) ff_mono_us());
    ff_vk_flush(&valkey->main);
}

bool
ff_vk_beat_once(struct valkey *valkey)
{
    valkey->beaten = false;
    ff_vk_beat(valkey);
    while (!valkey->beaten && valkey->main.state == LINK_READY) {
        ff_vk_wait(valkey);
    }
    return valkey->beaten;
}

/* Nobody has to wait for us to be gone. The answers are waited for: a server that finds the socket
 * closed while it has one to send passes over what it has not read yet. */
void
ff_vk_leave(struct valkey *valkey)
{
    struct ff_resp *out = &valkey->main.out;
    int64_t until_ms = ff_mono_ms() + LEAVE_MS;

    if (valkey->main.state != LINK_READY) {
        return;
    }
    valkey->leaving = true;
    valkey->beat_at_ms = until_ms; /* for the timer */
    ff_resp_head(out, 3);
    ff_resp_text(out, "ZREM");
    ff_vk_key_text(valkey, out, "{g}:brokers");
    ff_resp_text(out, valkey->id);
    ff_vk_expect(&valkey->main, NULL, 0);
    ff_resp_head(out, 2);
    ff_resp_text(out, "DEL");
    mark_key(valkey, out);
    ff_vk_expect(&valkey->main, NULL, 0);
    ff_vk_flush(&valkey->main);
    while (valkey->main.state == LINK_READY && valkey->main.first < valkey->main.n &&
           ff_mono_ms() < until_ms) {
        ff_vk_wait(valkey);
    }
}

/* ---- what is told ---- */

struct ff_str
ff_vk_news(struct valkey *valkey, const struct ff_commit *commit)
{
    struct ff_news_list list = { .n = 0 };
    char *text = NULL;

    if (valkey->n_peers > 0) {
        ff_news_add(&list, commit);
    }
    if (!ff_news_any(&list)) {
        return ff_str(NULL, 0);
    }
    text = ff_arena_alloc(&valkey->scratch, FF_NEWS_TEXT_MAX);
    return ff_str(text, ff_news_text(&list, &valkey->broker, text));
}

void
ff_vk_hear(struct valkey *valkey, const redisReply *message)
{
    struct ff_news_list list;

    if (message->elements == 3 && message->element[2]->type == REDIS_REPLY_STRING &&
        ff_news_read(ff_reply_str(message->element[2]), &valkey->broker, &list)) {
        ff_news_tell(&list, &valkey->host);
    }
}
