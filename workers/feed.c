#include "workers/feed.h"

#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "core/codec.h"

#define PAGE_EVENTS 256
#define CURSOR_BYTES 10
/* read_events waits no longer (06 §2.3). */
#define BLOCK_MS_MAX 30000
/* Pauses between tries without a daemon. */
#define PAUSE_MS_MIN 50
#define PAUSE_MS_MAX 2000

struct ff_feed {
    struct ff_client *client;
    struct ff_arena arena; /* texts of the options */
    struct ff_instance_tag tag;
    struct ff_scan_filter filter;
    struct ff_read_events_args args;
    char cursor[CURSOR_BYTES]; /* args.cursor */
    bool once, gap;
    bool moved; /* the last page has examined events, though it may show none */
    struct ff_answer page_answer;
    struct ff_read_events_result page;
    uint32_t at; /* next of it */
};

static void
set_cursor(struct ff_feed *feed, struct ff_str cursor)
{
    if (cursor.n == CURSOR_BYTES) {
        memcpy(feed->cursor, cursor.p, CURSOR_BYTES);
        feed->args.cursor = ff_str(feed->cursor, CURSOR_BYTES);
    }
}

/* ---- opening ---- */

static void
set_filter(struct ff_feed *feed, const struct ff_feed_options *options)
{
    if (options->namespace != NULL) {
        feed->filter.namespace = ff_arena_copy(&feed->arena, ff_cstr(options->namespace));
        feed->args.filter = &feed->filter;
    }
    if (options->tag_key != NULL) {
        feed->tag.key = ff_arena_copy(&feed->arena, ff_cstr(options->tag_key));
        feed->tag.value = ff_arena_copy(
            &feed->arena, ff_cstr(options->tag_value == NULL ? "" : options->tag_value));
        feed->filter.instance_tag = &feed->tag;
        feed->args.filter = &feed->filter;
    }
}

/* A cursor of sequence 0 replays everything (06 §2.2). */
static void
rewind_cursor(struct ff_feed *feed)
{
    memset(feed->cursor + 2, 0, CURSOR_BYTES - 2);
}

ff_err
ff_feed_open(struct ff_client *client, const struct ff_feed_options *options,
             struct ff_feed **feed_out, struct ff_answer *answer)
{
    struct ff_feed *feed = calloc(1, sizeof(*feed));
    struct ff_read_events_result now = { .gap = false };
    ff_err err = FF_E_OK;

    FF_ASSERT(feed != NULL);
    feed->client = client;
    feed->once = options->once;
    feed->args = (struct ff_read_events_args){ .family = options->family, .limit = 1 };
    set_filter(feed, options);
    if (options->cursor.n > 0) {
        feed->args.cursor = options->cursor;
    }
    err = ff_client_read_events(client, &feed->args, &now, answer);
    if (err != FF_E_OK && err != FF_E_CORRUPTION) { /* an unreadable event is for ff_feed_next */
        ff_feed_close(feed);
        return err;
    }
    set_cursor(feed, options->cursor.n > 0 ? options->cursor : now.cursor);
    if (options->cursor.n == 0 && options->from_start) {
        rewind_cursor(feed);
    }
    feed->args.limit = PAGE_EVENTS;
    *feed_out = feed;
    return FF_E_OK;
}

void
ff_feed_close(struct ff_feed *feed)
{
    if (feed != NULL) {
        ff_answer_done(&feed->page_answer);
        ff_arena_done(&feed->arena);
        free(feed);
    }
}

struct ff_str
ff_feed_cursor(const struct ff_feed *feed)
{
    return feed->args.cursor;
}

/* ---- reading ---- */

/* detail.cursor of an error, if it has one. */
static void
take_cursor(struct ff_feed *feed, const struct ff_answer *answer)
{
    struct ff_fault fault = { 0 };
    FF_SCOPED(ff_arena) arena = { 0 };
    msgpack_object map, detail = { .type = MSGPACK_OBJECT_NIL };
    msgpack_zone zone;

    msgpack_zone_init(&zone, 1024);
    if (ff_msgpack_parse(answer->map, &zone, &map, &fault) == FF_E_OK) {
        ff_decode_error(&map, &arena, &fault, &detail);
    }
    for (uint32_t i = 0; detail.type == MSGPACK_OBJECT_MAP && i < detail.via.map.size; i++) {
        const msgpack_object_kv *pair = &detail.via.map.ptr[i];

        if (pair->key.type == MSGPACK_OBJECT_STR && pair->val.type == MSGPACK_OBJECT_BIN &&
            ff_str_is(ff_str(pair->key.via.str.ptr, pair->key.via.str.size), "cursor")) {
            set_cursor(feed, ff_str(pair->val.via.bin.ptr, pair->val.via.bin.size));
        }
    }
    msgpack_zone_destroy(&zone);
}

/* What may be over when the daemon is back. */
static bool
may_pass(const struct ff_fault *fault)
{
    return fault->code == FF_E_STREAM_DISCONNECTED || fault->code == FF_E_UNAVAILABLE ||
           fault->code == FF_E_RESOURCE_EXHAUSTED ||
           (fault->code == FF_E_TRANSPORT && fault->retryable);
}

static void
pause_for(uint64_t ms)
{
    const struct timespec pause = { .tv_sec = (time_t) (ms / 1000),
                                    .tv_nsec = (long) (ms % 1000) * 1000000 };

    nanosleep(&pause, NULL);
}

/* A page, or what ends the try. */
static ff_err
fetch(struct ff_feed *feed, uint64_t block_ms, struct ff_answer *answer)
{
    ff_err (*call)(struct ff_client *, enum ff_op, const void *, void *, struct ff_answer *) =
        feed->once ? ff_client_call_once : ff_client_call;
    ff_err err = FF_E_OK;

    ff_answer_done(&feed->page_answer);
    feed->page_answer = (struct ff_answer){ 0 };
    feed->page = (struct ff_read_events_result){ .gap = false };
    feed->at = 0;
    feed->moved = false;
    feed->args.block_ms = block_ms;
    err = call(feed->client, FF_OP_read_events, &feed->args, &feed->page, &feed->page_answer);
    if (err != FF_E_OK) {
        ff_answer_done(answer);
        *answer = feed->page_answer; /* the words are the caller's */
        feed->page_answer = (struct ff_answer){ 0 };
        take_cursor(feed, answer);
        return err;
    }
    feed->gap = feed->page.gap;
    feed->moved = !ff_str_eq(feed->page.cursor, feed->args.cursor);
    if (feed->page.events.n == 0) {
        set_cursor(feed, feed->page.cursor);
    }
    return FF_E_OK;
}

/* The next of the page. The position behind the page counts what the filter has left out. */
static const struct ff_feed_event *
take_next(struct ff_feed *feed)
{
    const struct ff_feed_event *event = &feed->page.events.v[feed->at++];

    set_cursor(feed, feed->at == feed->page.events.n ? feed->page.cursor : event->cursor);
    return event;
}

static ff_err
told_gap(struct ff_feed *feed, struct ff_answer *answer)
{
    feed->gap = false;
    ff_answer_done(answer);
    *answer = (struct ff_answer){ 0 };
    return ff_fail(&answer->fault, FF_E_STREAM_BACKPRESSURE);
}

static ff_err
told_lost(struct ff_answer *answer)
{
    struct ff_fault fault = { 0 };

    ff_fail(&fault, FF_E_STREAM_DISCONNECTED);
    answer->fault = fault;
    return fault.code;
}

ff_err
ff_feed_next(struct ff_feed *feed, uint64_t wait_ms, const struct ff_feed_event **event_out,
             struct ff_answer *answer)
{
    int64_t until_ms = ff_time_add(ff_mono_ms(), wait_ms);
    uint64_t pause_ms = PAUSE_MS_MIN;

    *event_out = NULL;
    for (;;) {
        int64_t left_ms = until_ms - ff_mono_ms();
        ff_err err = FF_E_OK;

        if (feed->gap) {
            return told_gap(feed, answer);
        }
        if (feed->at < feed->page.events.n) {
            *event_out = take_next(feed);
            return FF_E_OK;
        }
        left_ms = left_ms < 0 ? 0 : left_ms > BLOCK_MS_MAX ? BLOCK_MS_MAX : left_ms;
        err = fetch(feed, (uint64_t) left_ms, answer);
        if (err != FF_E_OK && !may_pass(&answer->fault)) {
            return err;
        }
        if (err != FF_E_OK && feed->once) {
            return told_lost(answer);
        }
        if (feed->page.events.n == 0 && !feed->gap && !feed->moved && ff_mono_ms() >= until_ms) {
            return FF_E_OK;
        }
        if (err != FF_E_OK) {
            left_ms = until_ms - ff_mono_ms();
            pause_for(left_ms < (int64_t) pause_ms ? (uint64_t) (left_ms < 0 ? 0 : left_ms)
                                                   : pause_ms);
            pause_ms = pause_ms * 2 > PAUSE_MS_MAX ? PAUSE_MS_MAX : pause_ms * 2;
        }
    }
}
