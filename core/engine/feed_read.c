/* read_events and the subscribe_* forms (06 §2). */
#include "core/codec.h"
#include "core/engine/topics.h"
#include "core/engine/txn.h"

/* Prefix, family, sequence (06 §2.2). */
#define CURSOR_BYTES 10
/* Events of one page of the store, and how many one call looks at. */
#define PAGE_EVENTS 256
#define LOOKS_MAX 4096
/* A page ends here, whatever its limit. */
#define PAGE_BYTES_MAX (8u << 20)
/* What an event takes in an answer beside what is stored. */
#define EVENT_BYTES 64

struct reading {
    struct ff_txn *txn;
    enum ff_event_family family;
    const struct ff_scan_filter *filter;
    uint32_t limit;
    uint64_t block_ms;
    uint64_t at; /* sequence of the last event examined */
    uint32_t looks;
    size_t bytes;
    bool gap;
    bool over; /* the page is to be answered as it is */
    struct ff_feed_event_list events;
};

/* ---- cursors ---- */

static struct ff_str
cursor_at(const struct reading *reading, uint64_t seq)
{
    uint8_t bytes[CURSOR_BYTES] = { reading->txn->facts->handle_tag,
                                    (uint8_t) (reading->family + 1) };

    for (int i = 0; i < 8; i++) {
        bytes[2 + i] = (uint8_t) (seq >> (56 - 8 * i));
    }
    return ff_arena_copy(reading->txn->arena, ff_str(bytes, sizeof(bytes)));
}

static ff_err
read_cursor(struct reading *reading, struct ff_str cursor)
{
    const uint8_t *bytes = (const uint8_t *) cursor.p;
    struct ff_fault *fault = &reading->txn->fault;

    if (cursor.n != CURSOR_BYTES) {
        return ff_fail_input(fault, "cursor", "wrong_length");
    }
    if (bytes[0] != reading->txn->facts->handle_tag) {
        return ff_fail_input(fault, "cursor", "wrong_store");
    }
    if (bytes[1] != reading->family + 1) {
        return ff_fail_input(fault, "cursor", "wrong_family");
    }
    reading->at = 0;
    for (int i = 0; i < 8; i++) {
        reading->at = reading->at << 8 | bytes[2 + i];
    }
    return FF_E_OK;
}

/* Where a fault says that reading can go on. */
static struct ff_datum
cursor_datum(const struct reading *reading, uint64_t seq)
{
    struct ff_str cursor = cursor_at(reading, seq);
    uint8_t bin[2 + CURSOR_BYTES] = { 0xc4, CURSOR_BYTES }; /* msgpack: bin 8 */

    memcpy(bin + 2, cursor.p, CURSOR_BYTES);
    return (struct ff_datum){
        .key = "cursor",
        .type = FF_D_RAW,
        .v = { .str = ff_arena_copy(reading->txn->arena, ff_str(bin, sizeof(bin))) },
    };
}

/* The position of this call: what it has come to while it waited, what its cursor says, or the
 * newest event at its first look. */
static ff_err
open_at(struct reading *reading, struct ff_str cursor)
{
    struct ff_txn *txn = reading->txn;
    struct ff_opt_u64 kept = ff_txn_kept_number(txn);
    struct ff_feed_page now;

    if (cursor.n > 0) {
        FF_TRY(read_cursor(reading, cursor));
    }
    if (kept.is) {
        reading->at = kept.v;
        return FF_E_OK;
    }
    FF_TRY(ff_txn_feed(txn, reading->family, UINT64_MAX, 1, &now));
    if (cursor.n > 0 && reading->at > now.newest) {
        return ff_fail(&txn->fault, FF_E_INVALID_OFFSET, ff_d_text("field", "cursor"),
                       ff_d_u64("newest", now.newest));
    }
    if (cursor.n == 0) {
        reading->at = now.newest;
        ff_txn_keep_number(txn, reading->at);
    }
    return FF_E_OK;
}

/* ---- events ---- */

static bool
admits(const struct ff_scan_filter *filter, const struct ff_event *event)
{
    if (filter == NULL) {
        return true;
    }
    if (filter->namespace.p != NULL && !ff_str_eq(filter->namespace, event->namespace)) {
        return false;
    }
    if (filter->instance_tag == NULL) {
        return true;
    }
    for (uint32_t i = 0; i < event->filter_tags.n; i++) {
        const struct ff_tag *tag = &event->filter_tags.v[i];

        if (ff_str_eq(tag->key, filter->instance_tag->key)) {
            return ff_str_eq(tag->value, filter->instance_tag->value);
        }
    }
    return false;
}

static struct ff_feed_event
shown(const struct reading *reading, const struct ff_event *event, uint64_t seq)
{
    bool reclaimed = ff_str_is(event->event, "reclaimed"),
         expired = ff_str_is(event->event, "expired");
    struct ff_feed_event out = {
        .event = event->event,
        .cursor = cursor_at(reading, seq),
        .execution_id = event->execution_id,
        .namespace = event->namespace,
        .at = event->at,
        .worker_id = event->worker_id,
        .lease_epoch = event->lease_epoch,
        .attempt_index = event->attempt_index,
        .reason = event->reason,
        .revoked_by = event->revoked_by,
        .flow_id = event->flow_id,
        .lane_id = event->lane_id,
        .signal_id = event->signal_id,
        .waitpoint_id = event->waitpoint_id,
        .source_identity = event->source_identity,
        .effect = event->effect,
        .tag = event->tag,
        .value = event->value,
        .old_priority = event->old_priority,
        .new_priority = event->new_priority,
        .branch = event->branch,
        .groups_reset = event->groups_reset,
        .replay_count = event->replay_count,
        .cancellation_policy = event->cancellation_policy,
        .member_count = event->member_count,
    };

    for (uint32_t i = 0; event->outcome.p != NULL && i < ff_vocab_terminal_outcome.n; i++) {
        if (ff_str_is(event->outcome, ff_vocab_terminal_outcome.words[i])) {
            out.outcome = FF_SOME(ff_opt_u32, i);
        }
    }
    if (reading->family == FF_FAMILY_LEASE_HISTORY && reclaimed) {
        out.new_lease_id = event->lease_id;
        out.new_owner = event->worker_instance_id;
    } else if (reading->family == FF_FAMILY_LEASE_HISTORY && expired) {
        out.lease_id = event->lease_id;
        out.prev_owner = event->worker_instance_id;
    } else {
        out.lease_id = event->lease_id;
        out.worker_instance_id = event->worker_instance_id;
    }
    return out;
}

/* A stored event that cannot be read is told once, and passed by the cursor that is told with it;
 * what was read before it is answered first. */
static ff_err
unreadable(struct reading *reading, uint64_t seq)
{
    reading->over = true;
    if (reading->events.n > 0) {
        return FF_E_OK;
    }
    return ff_fail(&reading->txn->fault, FF_E_CORRUPTION, ff_d_text("reason", "event"),
                   ff_d_text("family", ff_word(&ff_vocab_event_family, reading->family)),
                   cursor_datum(reading, seq));
}

static ff_err
look(struct reading *reading, const struct ff_stored_event *stored)
{
    struct ff_event event = { 0 };
    struct ff_fault fault = { 0 };

    if (ff_row_decode(FF_R_EVENT, stored->body, reading->txn->arena, &event, &fault) != FF_E_OK) {
        return unreadable(reading, stored->seq);
    }
    if (admits(reading->filter, &event)) {
        size_t bytes = stored->body.n + EVENT_BYTES;

        reading->over = reading->events.n == reading->limit ||
                        (reading->events.n > 0 && reading->bytes + bytes > PAGE_BYTES_MAX);
        if (reading->over) {
            return FF_E_OK;
        }
        reading->bytes += bytes;
        reading->events.v[reading->events.n++] = shown(reading, &event, stored->seq);
    }
    reading->at = stored->seq;
    reading->looks++;
    return FF_E_OK;
}

static ff_err
look_on(struct reading *reading)
{
    struct ff_feed_page page;

    for (;;) {
        FF_TRY(ff_txn_feed(reading->txn, reading->family, reading->at, PAGE_EVENTS, &page));
        if (reading->at < page.newest && reading->at + 1 < page.oldest) {
            reading->gap = true;
        }
        for (uint32_t i = 0; i < page.n && !reading->over; i++) {
            FF_TRY(look(reading, &page.v[i]));
        }
        reading->over =
            reading->over || reading->looks >= LOOKS_MAX || reading->events.n == reading->limit;
        if (reading->over || page.n < PAGE_EVENTS) {
            return FF_E_OK;
        }
    }
}

static ff_err
read_feed(struct reading *reading, struct ff_str cursor)
{
    struct ff_txn *txn = reading->txn;
    struct ff_scope topic = ff_topic_feed(reading->family);

    if (reading->filter != NULL && reading->filter->instance_tag != NULL &&
        reading->filter->instance_tag->key.n == 0) {
        return ff_fail_input(&txn->fault, "filter.instance_tag.key", "empty");
    }
    FF_TRY(open_at(reading, cursor));
    reading->events.v = FF_ARENA_NEW(txn->arena, struct ff_feed_event, reading->limit);
    FF_TRY(look_on(reading));
    if (reading->events.n > 0 || reading->gap || reading->over || reading->block_ms == 0) {
        return FF_E_OK;
    }
    if (txn->facts->gate_closed) {
        return ff_fail(&txn->fault, FF_E_STREAM_DISCONNECTED, cursor_datum(reading, reading->at));
    }
    ff_txn_keep_number(txn, reading->at);
    return ff_txn_park(txn, &topic, reading->block_ms, INT64_MAX);
}

/* ---- the operations: the same arguments but for the family ---- */

#define READ_FEED(op, which)                                                                       \
    ff_err ff_op_##op(struct ff_txn *txn, const struct ff_##op##_args *args,                       \
                      struct ff_##op##_result *result)                                             \
    {                                                                                              \
        struct reading reading = { .txn = txn,                                                     \
                                   .family = (which),                                              \
                                   .filter = args->filter,                                         \
                                   .limit = args->limit,                                           \
                                   .block_ms = args->block_ms };                                   \
                                                                                                   \
        FF_TRY(read_feed(&reading, args->cursor));                                                 \
        result->events = reading.events;                                                           \
        result->cursor = cursor_at(&reading, reading.at);                                          \
        result->gap = reading.gap;                                                                 \
        return FF_E_OK;                                                                            \
    }

READ_FEED(read_events, args->family)
READ_FEED(subscribe_lease_history, FF_FAMILY_LEASE_HISTORY)
READ_FEED(subscribe_completion, FF_FAMILY_COMPLETION)
READ_FEED(subscribe_signal_delivery, FF_FAMILY_SIGNAL_DELIVERY)
READ_FEED(subscribe_instance_tags, FF_FAMILY_INSTANCE_TAGS)
