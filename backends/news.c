#include "backends/news.h"

#include <sodium.h>
#include <stdio.h>

/* One entry as bytes: what (index, or FEED and the family), n, scope. */
#define FEED 0xff
#define ENTRY_BYTES_MAX (3 + sizeof(uint32_t) + FF_SCOPE_MAX)
#define LIST_BYTES_MAX (FF_NEWS_TEXT_MAX / 2 - 1)

/* Claims and those who read streams wait; due work is each broker's own. */
static bool
is_waited_for(uint8_t index)
{
    return index == FF_IX_READY || index == FF_IX_RECLAIMABLE || index == FF_IX_FRAMES;
}

static void
add(struct ff_news_list *list, const struct ff_news *news)
{
    for (uint32_t i = 0; i < list->n; i++) {
        struct ff_news *there = &list->v[i];

        if (there->is_feed == news->is_feed && there->family == news->family &&
            there->index == news->index && ff_scope_cmp(&there->scope, &news->scope) == 0) {
            there->n += there->n < UINT32_MAX - news->n ? news->n : 0;
            return;
        }
    }
    if (list->n == FF_NEWS_MAX) {
        list->all = true;
    } else {
        list->v[list->n++] = *news;
    }
}

void
ff_news_add(struct ff_news_list *list, const struct ff_commit *commit)
{
    struct ff_news news = { .n = 1 };

    for (uint32_t i = 0; i < commit->n_changes && !list->all; i++) {
        const struct ff_index_change *change = &commit->changes[i];

        if (change->add && is_waited_for(change->key.index)) {
            news.index = (enum ff_index) change->key.index;
            news.scope = change->key.scope;
            add(list, &news);
        }
    }
    news = (struct ff_news){ .is_feed = true, .n = 1 };
    for (uint32_t i = 0; i < commit->n_events && !list->all; i++) {
        news.family = commit->events[i].family;
        add(list, &news);
    }
}

/* ---- as text ---- */

static size_t
put_entry(const struct ff_news *news, uint8_t *out)
{
    out[0] = news->is_feed ? FEED : (uint8_t) news->index;
    out[1] = news->is_feed ? (uint8_t) news->family : 0;
    memcpy(out + 2, &news->n, sizeof(news->n));
    out[2 + sizeof(news->n)] = news->scope.n;
    memcpy(out + 3 + sizeof(news->n), news->scope.b, news->scope.n);
    return 3 + sizeof(news->n) + news->scope.n;
}

size_t
ff_news_text(const struct ff_news_list *list, const struct ff_uuid *broker,
             char out[FF_NEWS_TEXT_MAX])
{
    uint8_t bytes[LIST_BYTES_MAX];
    bool all = list->all;
    size_t n = sizeof(broker->b) + 1;

    memcpy(bytes, broker->b, sizeof(broker->b));
    for (uint32_t i = 0; i < list->n && !all; i++) {
        all = n + ENTRY_BYTES_MAX > sizeof(bytes);
        n += all ? 0 : put_entry(&list->v[i], bytes + n);
    }
    n = all ? sizeof(broker->b) + 1 : n;
    bytes[sizeof(broker->b)] = all;
    sodium_bin2hex(out, FF_NEWS_TEXT_MAX, bytes, n);
    return 2 * n;
}

static size_t
get_entry(const uint8_t *in, size_t left, struct ff_news *news)
{
    const size_t head = 3 + sizeof(news->n);

    if (left < head || left < head + in[head - 1] || in[head - 1] > FF_SCOPE_MAX ||
        (in[0] == FEED ? in[1] >= FF_FAMILIES : in[0] >= FF_IX_N)) {
        return 0;
    }
    *news = (struct ff_news){ .is_feed = in[0] == FEED };
    if (news->is_feed) {
        news->family = (enum ff_event_family) in[1];
    } else {
        news->index = (enum ff_index) in[0];
    }
    memcpy(&news->n, in + 2, sizeof(news->n));
    news->scope.n = in[head - 1];
    memcpy(news->scope.b, in + head, news->scope.n);
    return head + news->scope.n;
}

bool
ff_news_read(struct ff_str text, const struct ff_uuid *broker, struct ff_news_list *list)
{
    uint8_t bytes[LIST_BYTES_MAX];
    size_t n = 0, at = sizeof(broker->b) + 1;

    *list = (struct ff_news_list){ .all = true };
    if (sodium_hex2bin(bytes, sizeof(bytes), text.p, text.n, NULL, &n, NULL) != 0 || n < at) {
        return true;
    }
    if (memcmp(bytes, broker->b, sizeof(broker->b)) == 0) {
        return false;
    }
    list->all = bytes[sizeof(broker->b)] != 0;
    while (at < n && !list->all) {
        size_t took = list->n < FF_NEWS_MAX ? get_entry(bytes + at, n - at, &list->v[list->n]) : 0;

        list->all = took == 0;
        list->n += took > 0;
        at += took;
    }
    return true;
}

void
ff_news_tell(const struct ff_news_list *list, const struct ff_store_host *host)
{
    if (host->news == NULL) {
        return;
    }
    if (list->all) {
        host->news(host->ctx, NULL);
        return;
    }
    for (uint32_t i = 0; i < list->n; i++) {
        host->news(host->ctx, &list->v[i]);
    }
}
