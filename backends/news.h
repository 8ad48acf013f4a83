/* news.h: what brokers on one store tell each other after a commit, so that calls that wait with
 * one of them learn what another has made. A hint: what is lost is found by looking every second.
 */
#ifndef FF_BACKENDS_NEWS_H
#define FF_BACKENDS_NEWS_H

#include "core/store.h"

/* More topics than that are told as "everything". */
#define FF_NEWS_MAX 96
/* Bytes of the text form, the closing zero byte included: below what NOTIFY carries. */
#define FF_NEWS_TEXT_MAX 7900

struct ff_news_list {
    struct ff_news v[FF_NEWS_MAX];
    uint32_t n;
    bool all; /* too many to tell apart */
};

static inline bool
ff_news_any(const struct ff_news_list *list)
{
    return list->n > 0 || list->all;
}
/* Adds what a commit has made that somebody may wait for. */
void ff_news_add(struct ff_news_list *list, const struct ff_commit *commit);
/* As printable text that begins with the id of the broker; returns its length. */
size_t ff_news_text(const struct ff_news_list *list, const struct ff_uuid *broker,
                    char out[FF_NEWS_TEXT_MAX]);
/* Reads one; what cannot be read counts as "everything". False: it is of `broker` itself. */
bool ff_news_read(struct ff_str text, const struct ff_uuid *broker, struct ff_news_list *list);
/* Hands them over, one by one. */
void ff_news_tell(const struct ff_news_list *list, const struct ff_store_host *host);

#endif
