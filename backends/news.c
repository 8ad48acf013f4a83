#include "backends/news.h"

#include <sodium.h>
#include <stdio.h>

/* One entry as bytes: n, bytes of the topic, topic. */
#define HEAD_BYTES (sizeof(uint32_t) + 1)
#define LIST_BYTES_MAX (FF_NEWS_TEXT_MAX / 2 - 1)

static void
add(struct ff_news_list *list, const struct ff_news *news)
{
    for (uint32_t i = 0; i < list->n; i++) {
        struct ff_news *there = &list->v[i];

        if (ff_scope_cmp(&there->topic, &news->topic) == 0) {
            there->n += news->n < UINT32_MAX - there->n ? news->n : UINT32_MAX - there->n;
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
    list->all = list->all || commit->much_news;
    for (uint32_t i = 0; i < commit->n_news && !list->all; i++) {
        add(list, &commit->news[i]);
    }
}

/* ---- as text ---- */

static size_t
put_entry(const struct ff_news *news, uint8_t *out)
{
    memcpy(out, &news->n, sizeof(news->n));
    out[HEAD_BYTES - 1] = news->topic.n;
    memcpy(out + HEAD_BYTES, news->topic.b, news->topic.n);
    return HEAD_BYTES + news->topic.n;
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
        all = n + HEAD_BYTES + list->v[i].topic.n > sizeof(bytes);
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
    if (left < HEAD_BYTES || in[HEAD_BYTES - 1] > FF_SCOPE_MAX ||
        left < HEAD_BYTES + in[HEAD_BYTES - 1]) {
        return 0;
    }
    memcpy(&news->n, in, sizeof(news->n));
    news->topic.n = in[HEAD_BYTES - 1];
    memcpy(news->topic.b, in + HEAD_BYTES, news->topic.n);
    return HEAD_BYTES + news->topic.n;
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
    static const struct ff_news any = { .topic = { .n = 0 } };

    if (host->news == NULL) {
        return;
    }
    if (list->all) {
        host->news(host->ctx, &any);
        return;
    }
    for (uint32_t i = 0; i < list->n; i++) {
        host->news(host->ctx, &list->v[i]);
    }
}
