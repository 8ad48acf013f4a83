/* feeds.c: readers of the event feeds. */
#include <stdio.h>
#include <string.h>

#include "tests/soak/soak.h"
#include "workers/feed.h"

/* The second reader begins again after so many events. */
#define AGAIN_AFTER 50
#define WAIT_MS 500

struct reader {
    pthread_t thread;
    struct soak *soak;
    struct ff_client *client;
    uint32_t number; /* SOAK_FEEDS: that of leases */
    char cursor[16];
    size_t cursor_n;
};

static struct reader readers[SOAK_FEEDS + 1];

static struct ff_feed *
open_feed(struct reader *reader)
{
    struct ff_feed_options options = { .family = FF_FAMILY_COMPLETION,
                                       .cursor = ff_str(reader->cursor, reader->cursor_n),
                                       .from_start = reader->cursor_n == 0 };
    struct ff_feed *feed = NULL;
    FF_SCOPED(ff_answer) answer = { 0 };

    options.namespace = reader->number == 2 ? SOAK_NAMESPACE : NULL;
    options.family = reader->number == SOAK_FEEDS ? FF_FAMILY_LEASE_HISTORY : FF_FAMILY_COMPLETION;
    if (ff_feed_open(reader->client, &options, &feed, &answer) != FF_E_OK) {
        ff_soak_wrong(reader->soak, "feed %u: %s", reader->number, ff_answer_text(&answer));
    }
    return feed;
}

static void
take(struct reader *reader, const struct ff_feed_event *event)
{
    if (reader->number == SOAK_FEEDS) {
        ff_soak_book_lease_event(reader->soak, event);
    } else {
        ff_soak_book_ended(reader->soak, reader->number, event);
    }
}

/* False: the feed is to be opened again. */
static bool
read_some(struct reader *reader, struct ff_feed *feed)
{
    for (uint32_t n = 0; reader->number != 1 || n < AGAIN_AFTER;) {
        const struct ff_feed_event *event = NULL;
        FF_SCOPED(ff_answer) answer = { 0 };
        ff_err err = ff_feed_next(feed, WAIT_MS, &event, &answer);
        struct ff_str cursor = ff_feed_cursor(feed);

        FF_ASSERT(cursor.n <= sizeof(reader->cursor));
        memcpy(reader->cursor, cursor.p, cursor.n);
        reader->cursor_n = cursor.n;
        if (err != FF_E_OK) {
            ff_soak_wrong(reader->soak, "feed %u: %s", reader->number, ff_answer_text(&answer));
            return false;
        }
        if (event != NULL) {
            take(reader, event);
            n++;
        } else if (atomic_load(&reader->soak->over)) {
            return false;
        }
    }
    return false;
}

static void *
read_on(void *arg)
{
    struct reader *reader = arg;

    while (!atomic_load(&reader->soak->over)) {
        struct ff_feed *feed = open_feed(reader);

        if (feed == NULL) {
            return NULL;
        }
        (void) read_some(reader, feed);
        ff_feed_close(feed);
    }
    return NULL;
}

void
ff_soak_feeds_start(struct soak *soak)
{
    for (uint32_t i = 0; i <= SOAK_FEEDS; i++) {
        readers[i] = (struct reader){ .soak = soak, .number = i };
        readers[i].client = ff_test_client(soak->worker, NULL);
        FF_ASSERT(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]) == 0);
    }
}

void
ff_soak_feeds_join(struct soak *soak)
{
    (void) soak;
    for (uint32_t i = 0; i <= SOAK_FEEDS; i++) {
        pthread_join(readers[i].thread, NULL);
        ff_client_close(readers[i].client);
    }
}
