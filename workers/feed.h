/* feed.h: event feeds with libflowfabric: one event after the other, over restarts of the daemon.
 *
 *   struct ff_feed_options options = { .family = FF_FAMILY_COMPLETION };
 *   struct ff_feed *feed = NULL;
 *
 *   if (ff_feed_open(client, &options, &feed, &answer) == FF_E_OK) {
 *       while (ff_feed_next(feed, 30000, &event, &answer) == FF_E_OK) {
 *           if (event != NULL) { … }
 *       }
 *       ff_feed_close(feed);
 *   }
 *
 * Delivery is at least once: keep ff_feed_cursor with what you have made of the events, and open
 * with it again after a crash. A feed is used by one thread at a time; several of them may share a
 * client. It holds at most one page of 256 events; a slow reader stalls nobody.
 */
#ifndef FF_WORKERS_FEED_H
#define FF_WORKERS_FEED_H

#include "workers/flowfabric.h"

struct ff_feed;

struct ff_feed_options {
    enum ff_event_family family; /* operator: on the operator's socket */
    struct ff_str cursor;        /* where an earlier reader was; empty: from now */
    bool from_start;             /* without cursor: all that is retained */
    const char *namespace;       /* only of it; NULL: any */
    const char *tag_key;         /* only with this tag, of value tag_value; NULL: any */
    const char *tag_value;
    bool once; /* ends with FF_E_STREAM_DISCONNECTED instead of going on over a lost connection */
};

/* Fixes the position: events from here on are not missed. Texts are copied.
 * The errors of read_events; FF_E_TRANSPORT. */
FF_MUST_USE ff_err ff_feed_open(struct ff_client *client, const struct ff_feed_options *options,
                                struct ff_feed **feed_out, struct ff_answer *answer);
void ff_feed_close(struct ff_feed *feed);

/* The next event; *event_out NULL: none within wait_ms. It lives until the next call.
 *
 * FF_E_STREAM_BACKPRESSURE  told once: events before the next one are gone already; go on.
 * FF_E_CORRUPTION           an event cannot be read, and is passed over; go on.
 * FF_E_STREAM_DISCONNECTED  (once) the connection is lost, or the daemon ends: open another feed
 *                           with ff_feed_cursor.
 * others                    as of read_events; the feed is of no more use. */
FF_MUST_USE ff_err ff_feed_next(struct ff_feed *feed, uint64_t wait_ms,
                                const struct ff_feed_event **event_out, struct ff_answer *answer);

/* The position behind the last event that was handed out, or passed; until the next call. */
struct ff_str ff_feed_cursor(const struct ff_feed *feed);

#endif
