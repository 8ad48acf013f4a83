#include "cli/leases.h"

#include <stdlib.h>

#include "core/codec.h"
#include "workers/feed.h"

#define CURSOR_BYTES 10
/* Events that are read: on a busy daemon many are of others. */
#define EVENTS_MAX 200000

void
ff_cli_leases_done(struct ff_cli_leases *leases)
{
    ff_arena_done(&leases->arena);
    free(leases->v);
}

/* ---- where to begin ---- */

static uint64_t
get_seq(const uint8_t cursor[CURSOR_BYTES])
{
    uint64_t seq = 0;

    for (int i = 2; i < CURSOR_BYTES; i++) {
        seq = seq << 8 | cursor[i];
    }
    return seq;
}

static void
set_seq(uint8_t cursor[CURSOR_BYTES], uint64_t seq)
{
    for (int i = CURSOR_BYTES - 1; i >= 2; i--, seq >>= 8) {
        cursor[i] = (uint8_t) seq;
    }
}

static ff_err
read_one(struct ff_cli *cli, const uint8_t *cursor, struct ff_read_events_result *result,
         struct ff_answer *answer)
{
    struct ff_read_events_args args = { .family = FF_FAMILY_LEASE_HISTORY, .limit = 1 };
    struct ff_client *client = NULL;

    if (cursor != NULL) {
        args.cursor = ff_str(cursor, CURSOR_BYTES);
    }
    FF_TRY(ff_cli_connect(cli, FF_CLI_BROKER, &client, answer));
    return ff_client_read_events(client, &args, result, answer);
}

/* Whether the first event behind the cursor is from from_ms or later, or there is none. One that
 * cannot be read is passed. */
static int
is_behind(struct ff_cli *cli, const uint8_t *cursor, int64_t from_ms, bool *behind)
{
    struct ff_read_events_result result = { .gap = false };
    FF_SCOPED(ff_answer) answer = { 0 };
    ff_err err = read_one(cli, cursor, &result, &answer);

    *behind = err == FF_E_OK && (result.events.n == 0 || result.events.v[0].at >= from_ms);
    return err == FF_E_OK || err == FF_E_CORRUPTION
               ? FF_CLI_OK
               : ff_cli_report(cli, ff_ops[FF_OP_read_events].name, &answer);
}

/* The last position before from_ms. */
static int
find_start(struct ff_cli *cli, int64_t from_ms, uint8_t cursor[CURSOR_BYTES])
{
    struct ff_read_events_result now = { .gap = false };
    FF_SCOPED(ff_answer) answer = { 0 };
    uint64_t low = 0, high = 0;

    if (read_one(cli, NULL, &now, &answer) != FF_E_OK || now.cursor.n != CURSOR_BYTES) {
        return ff_cli_report(cli, ff_ops[FF_OP_read_events].name, &answer);
    }
    memcpy(cursor, now.cursor.p, CURSOR_BYTES);
    high = get_seq(cursor);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        bool behind = false;
        int status = FF_CLI_OK;

        set_seq(cursor, middle);
        status = is_behind(cli, cursor, from_ms, &behind);
        if (status != FF_CLI_OK) {
            return status;
        }
        low = behind ? low : middle + 1;
        high = behind ? middle : high;
    }
    set_seq(cursor, low);
    return FF_CLI_OK;
}

/* ---- reading on ---- */

static void
keep(struct ff_cli_leases *leases, const struct ff_feed_event *event)
{
    size_t bytes = ff_deep_size(&ff_desc_feed_event, event);

    leases->v = ff_grow(leases->v, &leases->room, leases->n, sizeof(*leases->v));
    ff_deep_copy(&ff_desc_feed_event, event, &leases->v[leases->n++],
                 ff_arena_alloc(&leases->arena, bytes + 1));
}

static int
read_on(struct ff_cli *cli, struct ff_feed *feed, const struct ff_cli_lease_question *question,
        struct ff_cli_leases *out)
{
    for (uint32_t i = 0;; i++) {
        FF_SCOPED(ff_answer) answer = { 0 };
        const struct ff_feed_event *event = NULL;
        ff_err err = ff_feed_next(feed, 0, &event, &answer);

        if (err == FF_E_STREAM_BACKPRESSURE) {
            out->gone = true;
        } else if (err != FF_E_OK && err != FF_E_CORRUPTION) {
            return ff_cli_report(cli, ff_ops[FF_OP_read_events].name, &answer);
        } else if (err == FF_E_OK && (event == NULL || event->at > question->until_ms)) {
            return FF_CLI_OK;
        } else if (i == EVENTS_MAX) {
            out->cut = true;
            return FF_CLI_OK;
        } else if (event != NULL && event->execution_id.is &&
                   ff_eid_eq(event->execution_id.v, question->execution_id)) {
            keep(out, event);
        }
    }
}

int
ff_cli_leases_read(struct ff_cli *cli, const struct ff_cli_lease_question *question,
                   struct ff_cli_leases *out)
{
    struct ff_feed_options options = { .family = FF_FAMILY_LEASE_HISTORY, .once = true };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_client *client = NULL;
    struct ff_feed *feed = NULL;
    uint8_t cursor[CURSOR_BYTES];
    int status = find_start(cli, question->from_ms, cursor);

    if (status != FF_CLI_OK) {
        return status;
    }
    options.cursor = ff_str(cursor, sizeof(cursor));
    options.namespace =
        ff_arena_printf(&out->arena, "%.*s", (int) question->namespace.n, question->namespace.p).p;
    if (ff_cli_connect(cli, FF_CLI_BROKER, &client, &answer) != FF_E_OK ||
        ff_feed_open(client, &options, &feed, &answer) != FF_E_OK) {
        return ff_cli_report(cli, ff_ops[FF_OP_read_events].name, &answer);
    }
    status = read_on(cli, feed, question, out);
    ff_feed_close(feed);
    return status;
}
