/* read_stream, tail_stream, read_summary, shutdown_prepare (06 §1.4 to §1.7, 01 §10.6). */
#include <sodium.h>

#include "core/engine/reads.h"
#include "core/engine/stream.h"
#include "core/engine/topics.h"
#include "core/engine/walk.h"
#include "core/id.h"

/* A page ends here, whatever its limit (06 §1.4). */
#define PAGE_BYTES_MAX (8u << 20)
/* What a frame takes in an answer beside its texts. */
#define FRAME_BYTES 160
/* Records that one pass over a page asks for: their sizes are not known before. */
#define WANTS_MAX 256

/* ---- cursors (06 §1.1) ---- */

enum side { LOWER, UPPER };

struct cursor {
    struct ff_frame_id id;
    bool nothing; /* no frame is on this side of it */
};

static ff_err
refuse_cursor(struct ff_txn *txn, const char *field, const char *message)
{
    ff_fail_input(&txn->fault, field, "invalid_cursor");
    txn->fault.message = message;
    return txn->fault.code;
}

/* Decimal digits up to `end`; false where there are none, others, or too many. */
static bool
read_number(const char *p, const char *end, uint64_t *out)
{
    *out = 0;
    if (p == end) {
        return false;
    }
    for (; p < end; p++) {
        uint64_t digit = (uint64_t) (*p - '0');

        if (*p < '0' || *p > '9' || *out > (UINT64_MAX - digit) / 10) {
            return false;
        }
        *out = *out * 10 + digit;
    }
    return true;
}

static ff_err
read_id(struct ff_txn *txn, struct ff_str text, const char *field, enum side side,
        struct ff_frame_id *out)
{
    const char *end = text.p + text.n, *dash = NULL;

    if (text.n == 0) {
        return refuse_cursor(txn, field, "a stream cursor must not be empty");
    }
    if (ff_str_is(text, "-") || ff_str_is(text, "+")) {
        return refuse_cursor(txn, field, "the markers - and + are not accepted: use start/end");
    }
    dash = memchr(text.p, '-', text.n);
    out->seq = side == LOWER ? 0 : UINT64_MAX;
    if (!read_number(text.p, dash == NULL ? end : dash, &out->ms) ||
        (dash != NULL && !read_number(dash + 1, end, &out->seq))) {
        return refuse_cursor(txn, field, "a stream cursor is start, end, <ms> or <ms>-<seq>");
    }
    return FF_E_OK;
}

static ff_err
read_cursor(struct ff_txn *txn, struct ff_str text, const char *field, enum side side,
            struct cursor *out)
{
    bool start = ff_str_is(text, "start"), end = ff_str_is(text, "end");

    *out = (struct cursor){ .nothing = (side == LOWER && end) || (side == UPPER && start) };
    if (start || end) {
        out->id.ms = out->id.seq = side == LOWER ? 0 : UINT64_MAX;
        return FF_E_OK;
    }
    return read_id(txn, text, field, side, &out->id);
}

/* ---- a page ---- */

struct page {
    struct ff_txn *txn;
    struct ff_eid execution_id;
    uint32_t attempt_index;
    bool durable_only;
    uint32_t limit;
    struct cursor from, to; /* inclusive */
    struct ff_stream stream;
    struct ff_entry heads[FF_FRAME_MODES];
    bool has[FF_FRAME_MODES];
    size_t bytes;
    uint32_t wants; /* records to be loaded: the page is void */
    /* what is answered */
    struct ff_stream_frame_list frames;
    struct ff_opt_bool truncated;
    struct ff_opt_i64 closed_at;
    struct ff_str closed_reason;
};

/* The position right before a frame id. */
static struct ff_entry
before(const struct page *page, enum ff_frame_keep mode, struct ff_frame_id id)
{
    struct ff_entry entry = { .sort = (int64_t) id.ms };

    if (id.seq > 0) {
        id.seq--;
        entry.id = ff_key_frame(&page->execution_id, page->attempt_index, mode, &id);
    }
    return entry;
}

static ff_err
move_head(struct page *page, enum ff_frame_keep mode, const struct ff_entry *after)
{
    struct ff_scope scope = ff_scope_frames(&page->execution_id, page->attempt_index, mode);
    struct ff_frame_id id;

    FF_TRY(ff_txn_next(page->txn, FF_IX_FRAMES, &scope, after, page->limit, &page->heads[mode],
                       &page->has[mode]));
    if (page->has[mode]) {
        id = ff_key_to_frame_id(&page->heads[mode].id);
        page->has[mode] = ff_frame_id_cmp(&id, &page->to.id) <= 0;
    }
    return FF_E_OK;
}

/* Best-effort frames that are gone are not there, although they may still be stored. */
static bool
lower_bound(const struct page *page, enum ff_frame_keep mode, struct ff_frame_id *out)
{
    const struct ff_stream *stream = &page->stream;
    struct ff_frame_id first = { .ms = (uint64_t) stream->gone_ms, .seq = stream->gone_seq + 1 };

    *out = page->from.id;
    if (mode == FF_FRAME_BEST_EFFORT) {
        if (page->durable_only || ff_stream_has_expired(stream, page->txn->now_ms)) {
            return false;
        }
        *out = ff_frame_id_cmp(&first, out) > 0 ? first : *out;
    }
    return out->ms <= INT64_MAX;
}

static ff_err
open_heads(struct page *page)
{
    bool pending = false;

    for (int mode = 0; mode < FF_FRAME_MODES; mode++) {
        struct ff_frame_id lower;

        page->has[mode] = false;
        if (lower_bound(page, (enum ff_frame_keep) mode, &lower)) {
            struct ff_entry start = before(page, (enum ff_frame_keep) mode, lower);

            FF_TRY(ff_gather(move_head(page, (enum ff_frame_keep) mode, &start), &pending));
        }
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* The mode whose head is the earliest; FF_FRAME_MODES: none is left. */
static int
first_head(const struct page *page)
{
    int first = FF_FRAME_MODES;
    struct ff_frame_id best = { 0 };

    for (int mode = 0; mode < FF_FRAME_MODES; mode++) {
        if (page->has[mode]) {
            struct ff_frame_id id = ff_key_to_frame_id(&page->heads[mode].id);

            if (first == FF_FRAME_MODES || ff_frame_id_cmp(&id, &best) < 0) {
                first = mode;
                best = id;
            }
        }
    }
    return first;
}

/* ---- one frame ---- */

static void
add(struct ff_tags *fields, const char *key, struct ff_str value)
{
    fields->v[fields->n++] = (struct ff_tag){ .key = ff_cstr(key), .value = value };
}

static void
add_number(struct ff_txn *txn, struct ff_tags *fields, const char *key, uint64_t value)
{
    add(fields, key, ff_arena_printf(txn->arena, "%llu", (unsigned long long) value));
}

static struct ff_str
base64(struct ff_txn *txn, struct ff_str bytes)
{
    size_t size = sodium_base64_ENCODED_LEN(bytes.n, sodium_base64_VARIANT_ORIGINAL);
    char *text = ff_arena_alloc(txn->arena, size);

    sodium_bin2base64(text, size, (const uint8_t *) bytes.p, bytes.n,
                      sodium_base64_VARIANT_ORIGINAL);
    return ff_str(text, size - 1);
}

/* Ten fields at the most, in byte order (06 §1.2.2). */
static struct ff_tags
fields_of(struct ff_txn *txn, const struct ff_out_frame *frame)
{
    struct ff_tags fields = { .v = FF_ARENA_NEW(txn->arena, struct ff_tag, 10) };
    bool text = ff_utf8_ok(frame->payload);

    if (frame->correlation_id.p != NULL) {
        add(&fields, "correlation_id", frame->correlation_id);
    }
    add(&fields, "encoding", ff_cstr(text ? "utf8" : "base64"));
    add(&fields, "frame_type", frame->frame_type);
    add(&fields, "mode", ff_cstr(ff_word(&ff_vocab_frame_keep, frame->mode)));
    add(&fields, "payload", text ? frame->payload : base64(txn, frame->payload));
    if (frame->seq.is) {
        add_number(txn, &fields, "seq", frame->seq.v);
    }
    add(&fields, "source", ff_cstr("worker"));
    if (frame->summary_version.is) {
        add_number(txn, &fields, "summary_version", frame->summary_version.v);
    }
    add_number(txn, &fields, "ts", (uint64_t) frame->ts);
    if (frame->ttl_ms.is) {
        add_number(txn, &fields, "ttl_ms", frame->ttl_ms.v);
    }
    return fields;
}

/* *full: it does not fit any more. */
static void
give(struct page *page, const struct ff_out_frame *frame, bool *full)
{
    struct ff_txn *txn = page->txn;
    struct ff_stream_frame *out = &page->frames.v[page->frames.n];
    size_t bytes = FRAME_BYTES;

    out->fields = fields_of(txn, frame);
    for (uint32_t i = 0; i < out->fields.n; i++) {
        bytes += out->fields.v[i].value.n;
    }
    *full = page->frames.n > 0 && page->bytes + bytes > PAGE_BYTES_MAX;
    if (*full) {
        page->truncated = FF_SOME(ff_opt_bool, true);
        return;
    }
    out->id = ff_arena_printf(txn->arena, "%llu-%llu", (unsigned long long) frame->id_ms,
                              (unsigned long long) frame->id_seq);
    page->bytes += bytes;
    page->frames.n++;
}

/* ---- reading ---- */

static ff_err
give_head(struct page *page, enum ff_frame_keep mode, bool *full)
{
    struct ff_txn *txn = page->txn;
    struct ff_entry head = page->heads[mode];
    struct ff_out_frame frame = { 0 };
    bool found = false, pending = false;

    FF_TRY(ff_gather(ff_txn_find(txn, FF_R_OUT_FRAME, &head.id, &frame, &found), &pending));
    if (pending) {
        page->wants++;
    } else if (!found) {
        return ff_fail(&txn->fault, FF_E_CORRUPTION, ff_d_text("reason", "missing_record"),
                       ff_d_text("context", "frame"));
    } else if (page->wants == 0) {
        give(page, &frame, full);
    }
    return move_head(page, mode, &head);
}

static ff_err
read_frames(struct page *page)
{
    bool full = false;

    FF_TRY(open_heads(page));
    page->frames.v = FF_ARENA_NEW(page->txn->arena, struct ff_stream_frame, page->limit);
    while (!full && page->frames.n + page->wants < page->limit && page->wants < WANTS_MAX) {
        int mode = first_head(page);

        if (mode == FF_FRAME_MODES) {
            break;
        }
        FF_TRY(give_head(page, (enum ff_frame_keep) mode, &full));
    }
    return page->wants > 0 ? FF_E_PENDING : FF_E_OK;
}

/* Frames and close markers of one instant. */
static ff_err
read_page(struct page *page)
{
    struct ff_txn *txn = page->txn;
    struct ff_key key = ff_key_attempt(&page->execution_id, page->attempt_index);
    struct ff_attempt attempt = { 0 };
    bool found = false, stream_found = false, pending = false;

    FF_TRY(ff_gather(ff_txn_find(txn, FF_R_ATTEMPT, &key, &attempt, &found), &pending));
    FF_TRY(ff_gather(
        ff_stream_find(txn, &page->execution_id, page->attempt_index, &page->stream, &stream_found),
        &pending));
    if (pending) {
        return FF_E_PENDING;
    }
    page->closed_at = attempt.stream_closed_at;
    page->closed_reason = attempt.stream_closed_reason;
    if (!stream_found || page->from.nothing || page->to.nothing) {
        return FF_E_OK;
    }
    return read_frames(page);
}

ff_err
ff_op_read_stream(struct ff_txn *txn, const struct ff_read_stream_args *args,
                  struct ff_read_stream_result *result)
{
    struct page page = { .txn = txn,
                         .execution_id = args->execution_id,
                         .attempt_index = args->attempt_index,
                         .durable_only = args->visibility == FF_VISIBILITY_DURABLE,
                         .limit = (uint32_t) args->limit };

    FF_TRY(read_cursor(txn, args->from, "from", LOWER, &page.from));
    FF_TRY(read_cursor(txn, args->to, "to", UPPER, &page.to));
    FF_TRY(ff_txn_stream_permit(txn));
    FF_TRY(ff_exec_check_stated(txn, &args->execution_id));
    FF_TRY(read_page(&page));
    result->frames = page.frames;
    result->closed_at = page.closed_at;
    result->closed_reason = page.closed_reason;
    result->truncated = page.truncated;
    return FF_E_OK;
}

/* From the position right behind `after` on. */
static ff_err
read_after(struct ff_txn *txn, struct ff_str after, struct page *page)
{
    struct ff_frame_id *id = &page->from.id;

    if (ff_str_is(after, "start") || ff_str_is(after, "end")) {
        return refuse_cursor(txn, "after", "after must be <ms> or <ms>-<seq>");
    }
    FF_TRY(read_id(txn, after, "after", LOWER, id));
    page->from.nothing = id->ms == UINT64_MAX && id->seq == UINT64_MAX;
    id->ms += id->seq == UINT64_MAX;
    id->seq++;
    page->to.id = (struct ff_frame_id){ .ms = UINT64_MAX, .seq = UINT64_MAX };
    return FF_E_OK;
}

ff_err
ff_op_tail_stream(struct ff_txn *txn, const struct ff_tail_stream_args *args,
                  struct ff_tail_stream_result *result)
{
    struct page page = { .txn = txn,
                         .execution_id = args->execution_id,
                         .attempt_index = args->attempt_index,
                         .durable_only = args->visibility == FF_VISIBILITY_DURABLE,
                         .limit = (uint32_t) args->limit };

    FF_TRY(read_after(txn, args->after, &page));
    FF_TRY(ff_txn_stream_permit(txn));
    FF_TRY(ff_exec_check_stated(txn, &args->execution_id));
    FF_TRY(read_page(&page));
    result->frames = page.frames;
    result->closed_at = page.closed_at;
    result->closed_reason = page.closed_reason;
    result->truncated = page.truncated;
    if (page.frames.n == 0 && !page.closed_at.is && !txn->facts->gate_closed) {
        struct ff_scope topic =
            ff_topic_stream(&args->execution_id, args->attempt_index, page.durable_only);

        return ff_txn_park(txn, &topic, args->block_ms, INT64_MAX);
    }
    return FF_E_OK;
}

ff_err
ff_op_read_summary(struct ff_txn *txn, const struct ff_read_summary_args *args,
                   struct ff_read_summary_result *result)
{
    struct ff_key key = ff_key_attempt(&args->execution_id, args->attempt_index);
    struct ff_summary_doc doc = { 0 };
    bool found = false;

    FF_TRY(ff_exec_check_stated(txn, &args->execution_id));
    FF_TRY(ff_txn_find(txn, FF_R_SUMMARY_DOC, &key, &doc, &found));
    if (found) {
        result->summary = FF_ARENA_NEW(txn->arena, struct ff_stream_summary, 1);
        *result->summary = (struct ff_stream_summary){
            .document_json = doc.document,
            .version = doc.version,
            .patch_kind = "json_merge_patch",
            .last_updated_ms = doc.last_updated_at,
            .first_applied_ms = doc.first_applied_at,
        };
    }
    return FF_E_OK;
}

/* Waits until the last stream operation and the last pass are over; the gate stays closed. */
ff_err
ff_op_shutdown_prepare(struct ff_txn *txn, const struct ff_shutdown_prepare_args *args,
                       struct ff_shutdown_prepare_result *result)
{
    const struct ff_scope pool = ff_topic_stream_pool();

    (void) result;
    if (ff_txn_close_gate(txn) == 0) {
        return FF_E_OK;
    }
    FF_TRY(ff_txn_park(txn, &pool, args->grace_ms, INT64_MAX));
    return ff_fail(&txn->fault, FF_E_TIMEOUT, ff_d_u64("elapsed_ms", ff_txn_waited_ms(txn)));
}
