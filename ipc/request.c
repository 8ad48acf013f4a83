#include "core/clock.h"
#include "ipc/server_int.h"

#include <sodium.h>

/* Structs kept for the next requests, with one block of their arena each. */
#define SPARE_MAX 256

/* ---- requests that are being answered ---- */

static struct ff_inflight *
new_inflight(struct ff_server *server)
{
    struct ff_inflight *inflight = server->spare;

    if (inflight != NULL) {
        server->spare = inflight->again;
        server->spare_n--;
        inflight->again = NULL;
    } else {
        inflight = calloc(1, sizeof(*inflight));
        FF_ASSERT(inflight != NULL);
    }
    inflight->server = server;
    return inflight;
}

/* What could not be read as a whole may hold one, too. */
static bool
may_hold_secret(const struct ff_inflight *inflight)
{
    return inflight->request.secret || inflight->request.fault.code != FF_E_OK;
}

void
ff_inflight_wipe(struct ff_inflight *inflight)
{
    sodium_memzero(nng_msg_body(inflight->msg), nng_msg_len(inflight->msg));
    ff_arena_wipe(&inflight->frame.arena);
}

void
ff_inflight_free(struct ff_inflight *inflight)
{
    struct ff_server *server = inflight->server;
    struct ff_arena arena = inflight->frame.arena;

    if (may_hold_secret(inflight)) {
        ff_inflight_wipe(inflight);
    }
    server->request_bytes -= inflight->bytes;
    nng_msg_free(inflight->msg);
    if (server->spare_n == SPARE_MAX) {
        ff_arena_done(&arena);
        free(inflight);
        return;
    }
    ff_arena_reset(&arena);
    *inflight = (struct ff_inflight){ .frame = { .arena = arena }, .again = server->spare };
    server->spare = inflight;
    server->spare_n++;
}

void
ff_inflight_free_spare(struct ff_server *server)
{
    while (server->spare != NULL) {
        struct ff_inflight *next = server->spare->again;

        ff_arena_done(&server->spare->frame.arena);
        free(server->spare);
        server->spare = next;
    }
}

static void
attach(struct ff_inflight *inflight, struct ff_channel *channel)
{
    inflight->channel = channel;
    TAILQ_INSERT_TAIL(&channel->inflight, inflight, of_channel);
    channel->unanswered++;
    channel->listener->server->unanswered++;
}

static void
detach(struct ff_inflight *inflight)
{
    if (inflight->channel != NULL) {
        TAILQ_REMOVE(&inflight->channel->inflight, inflight, of_channel);
        inflight->channel->unanswered--;
        inflight->server->unanswered--;
        inflight->channel = NULL;
    }
}

/* ---- the answer ---- */

/* A reply never exceeds the frame limit (00 §2): reads that do not fit are asked to come again.
 * What the writes answered is kept before them; only if even that is too much does a write lose it.
 */
static void
fit_reply(struct ff_inflight *inflight)
{
    struct ff_request *request = &inflight->request;
    uint32_t max = inflight->server->options.frame_bytes_max;
    struct ff_fault fault = { 0 };
    size_t size = ff_reply_size(request->seq, inflight->entries, request->n);

    (void) ff_fail(&fault, FF_E_RESOURCE_EXHAUSTED, ff_d_text("pool", "reply_bytes"),
                   ff_d_u64("max", max), ff_d_u64("retry_after_ms", RETRY_FRAMES_MS));
    for (int pass = 0; pass < 2 && size > max; pass++) {
        for (uint32_t i = request->n; i > 0 && size > max; i--) {
            struct ff_reply_entry *entry = &inflight->entries[i - 1];
            bool mutates = request->calls[i - 1].op < FF_OP_N &&
                           (ff_ops[request->calls[i - 1].op].flags & FF_OPF_MUTATING) != 0;

            if (entry->map.n > 512 && mutates == (pass == 1)) {
                size -= entry->map.n;
                entry->failed = true;
                entry->map = ff_error_map(&fault, request->names[i - 1], &inflight->frame.arena);
                size += entry->map.n;
            }
        }
    }
}

/* The message has the reply as its body, and no header yet. */
static nng_msg *
make_reply(struct ff_inflight *inflight)
{
    struct ff_request *request = &inflight->request;
    nng_msg *msg = NULL;
    size_t size = 0;

    for (uint32_t i = 0; i < request->n; i++) {
        if (inflight->slots[i] != SLOT_NONE) {
            const struct ff_call *call = &inflight->frame.calls[inflight->slots[i]];

            inflight->entries[i].failed = call->fault.code != FF_E_OK;
            inflight->entries[i].map = call->reply;
        }
    }
    size = ff_reply_size(request->seq, inflight->entries, request->n);
    if (size > inflight->server->options.frame_bytes_max) {
        fit_reply(inflight);
        size = ff_reply_size(request->seq, inflight->entries, request->n);
    }
    FF_ASSERT(nng_msg_alloc(&msg, size) == 0);
    ff_reply_write(request->seq, inflight->entries, request->n, nng_msg_body(msg));
    return msg;
}

static void run(struct ff_inflight *inflight);

/* Its channel went while it was parked: it has done nothing, so that it may come again. */
static void
drop_cancelled(struct ff_inflight *inflight)
{
    struct ff_inflight *again = inflight->again;

    if (again != NULL) {
        again->memo->running = again;
        run(again);
    } else if (inflight->memo != NULL) {
        ff_memos_forget(&inflight->server->memos, inflight->memo);
    }
    ff_inflight_free(inflight);
}

/* The frame that came meanwhile takes over where the answer goes. */
static void
yield_to_again(struct ff_inflight *inflight)
{
    struct ff_inflight *again = inflight->again;
    struct ff_channel *channel = again->channel;

    inflight->route = again->route;
    detach(again);
    ff_inflight_free(again);
    inflight->again = NULL;
    attach(inflight, channel);
}

static void
remember(struct ff_inflight *inflight, nng_msg *msg)
{
    struct ff_server *server = inflight->server;

    ff_memos_finish(&server->memos, inflight->memo, ff_str(nng_msg_body(msg), nng_msg_len(msg)),
                    ff_mono_ms());
    if (!ev_is_active(&server->memo_timer)) {
        ff_server_set_timer(server, &server->memo_timer, FF_MEMO_AGE_MS);
    }
}

static void
answer(struct ff_inflight *inflight)
{
    struct ff_channel *channel = NULL;
    nng_msg *msg = NULL;

    if (inflight->cancelled && inflight->frame.calls[0].fault.code == FF_E_UNAVAILABLE) {
        drop_cancelled(inflight);
        return;
    }
    msg = make_reply(inflight);
    if (inflight->again != NULL) {
        yield_to_again(inflight);
    }
    if (inflight->memo != NULL) {
        remember(inflight, msg);
    }
    channel = inflight->channel;
    detach(inflight);
    if (channel != NULL) {
        FF_ASSERT(nng_msg_header_append(msg, inflight->route.bytes, inflight->route.n) == 0);
        ff_reply_send(channel, msg);
    } else {
        nng_msg_free(msg);
    }
    ff_inflight_free(inflight);
}

static void
done_cb(struct ff_frame *frame)
{
    answer((struct ff_inflight *) frame);
}

/* ---- the calls ---- */

static ff_err
greet(struct ff_inflight *inflight, struct ff_call *call)
{
    const struct ff_hello_args *args = call->args;

    if (args->worker_instance_id.p != NULL &&
        !ff_channel_bind(inflight->channel, args->worker_instance_id, args->namespace)) {
        return ff_fail(
            &call->fault, FF_E_RESOURCE_EXHAUSTED, ff_d_text("pool", "workers_of_channel"),
            ff_d_u64("max", CHANNEL_BINDINGS_MAX), ff_d_u64("retry_after_ms", RETRY_CHANNELS_MS));
    }
    return FF_E_OK;
}

/* True: the call goes to the owner with its frame. Else it has a fault or a reply. */
static bool
must_submit(struct ff_inflight *inflight, struct ff_call *call)
{
    struct ff_server *server = inflight->server;
    enum ff_host_answer how = FF_HOST_UNKNOWN;

    if (call->fault.code != FF_E_OK ||
        ff_call_admit(&inflight->channel->listener->listen, call) != FF_E_OK) {
        return false;
    }
    if (server->bindings.fading_n > 0) {
        ff_channel_saw_call(inflight->channel, call);
    }
    if (ff_ops[call->op].place == FF_OP_IN_ENGINE) {
        return true;
    }
    if (call->op == FF_OP_list_ops) {
        call->reply = ff_list_ops(&inflight->frame.arena);
        return false;
    }
    if (call->op == FF_OP_hello && greet(inflight, call) != FF_E_OK) {
        return false;
    }
    how = server->options.ops->host_call(server->options.ctx, inflight->channel, call,
                                         &inflight->frame.arena);
    if (how == FF_HOST_UNKNOWN) {
        bool is_later = ff_ops[call->op].place == FF_OP_NOWHERE_YET;

        (void) ff_fail(&call->fault, FF_E_UNAVAILABLE,
                       ff_d_text("reason", is_later ? "not_implemented" : "unknown_operation"));
    }
    return how == FF_HOST_SUBMIT;
}

/* The calls that the owner must see, in order; the others are answered here. */
static void
sort_calls(struct ff_inflight *inflight)
{
    struct ff_request *request = &inflight->request;
    struct ff_arena *arena = &inflight->frame.arena;
    uint32_t n = 0;

    inflight->entries = FF_ARENA_NEW(arena, struct ff_reply_entry, request->n);
    inflight->slots = FF_ARENA_NEW(arena, uint32_t, request->n);
    for (uint32_t i = 0; i < request->n; i++) {
        struct ff_call *call = &request->calls[i];
        struct ff_reply_entry *entry = &inflight->entries[i];

        if (must_submit(inflight, call)) {
            inflight->slots[i] = n++;
            continue;
        }
        inflight->slots[i] = SLOT_NONE;
        entry->failed = call->fault.code != FF_E_OK;
        entry->map = call->reply.p != NULL ? call->reply
                                           : ff_error_map(&call->fault, request->names[i], arena);
    }
    inflight->frame.calls = request->calls;
    inflight->frame.n = n;
    if (n < request->n && n > 0) {
        inflight->frame.calls = FF_ARENA_NEW(arena, struct ff_call, n);
        for (uint32_t i = 0; i < request->n; i++) {
            if (inflight->slots[i] != SLOT_NONE) {
                inflight->frame.calls[inflight->slots[i]] = request->calls[i];
            }
        }
    }
}

/* ---- the frame ---- */

static void
run(struct ff_inflight *inflight)
{
    struct ff_server *server = inflight->server;

    server->stats.frames++;
    server->stats.calls += inflight->request.n;
    sort_calls(inflight);
    inflight->submitted = true;
    if (inflight->frame.n == 0) {
        answer(inflight);
        return;
    }
    inflight->frame.done = done_cb;
    server->options.ops->submit(server->options.ctx, &inflight->frame);
}

/* The same frame came before and still runs: it is answered once, here. */
static void
repeat_running(struct ff_inflight *running, struct ff_inflight *again)
{
    struct ff_inflight *older = running->again;
    struct ff_channel *channel = again->channel;

    if (older != NULL) {
        running->again = NULL;
        detach(older);
        ff_inflight_free(older);
    }
    if (running->cancelled) { /* it may turn out to have done nothing */
        again->memo = running->memo;
        running->again = again;
        return;
    }
    detach(running);
    running->route = again->route;
    detach(again);
    ff_inflight_free(again);
    attach(running, channel);
}

/* True: the frame is a repetition and has been dealt with. */
static bool
is_repeated(struct ff_inflight *inflight)
{
    struct ff_server *server = inflight->server;
    struct ff_memo_key key = { inflight->request.client, inflight->request.seq };
    struct ff_memo *memo = NULL;

    if (!inflight->request.has_client || !inflight->request.mutates) {
        return false;
    }
    memo = ff_memos_find(&server->memos, &key);
    if (memo == NULL) {
        inflight->memo = ff_memos_begin(&server->memos, &key, inflight);
        return false;
    }
    server->stats.duplicates++;
    if (memo->running != NULL) {
        repeat_running(memo->running, inflight);
        return true;
    }
    ff_reply_bytes(inflight->channel, &inflight->route, ff_str(memo->reply, memo->reply_bytes));
    detach(inflight);
    ff_inflight_free(inflight);
    return true;
}

/* Why this message is not even looked at. */
static ff_err
refusal(const struct ff_channel *channel, size_t bytes, struct ff_fault *fault)
{
    const struct ff_server *server = channel->listener->server;
    const struct ff_server_options *options = &server->options;

    if (server->stopping) {
        return ff_fail(fault, FF_E_UNAVAILABLE, ff_d_text("reason", "shutting_down"));
    }
    if (channel->beyond) {
        return ff_fail(fault, FF_E_RESOURCE_EXHAUSTED, ff_d_text("pool", "channels"),
                       ff_d_u64("max", options->channels_max),
                       ff_d_u64("retry_after_ms", RETRY_CHANNELS_MS));
    }
    if (channel->unanswered >= options->frames_max) {
        return ff_fail(fault, FF_E_RESOURCE_EXHAUSTED, ff_d_text("pool", "frames"),
                       ff_d_u64("max", options->frames_max),
                       ff_d_u64("retry_after_ms", RETRY_FRAMES_MS));
    }
    if (bytes > options->request_bytes_max - server->request_bytes) {
        return ff_fail(fault, FF_E_RESOURCE_EXHAUSTED, ff_d_text("pool", "request_bytes"),
                       ff_d_u64("max", options->request_bytes_max),
                       ff_d_u64("retry_after_ms", RETRY_FRAMES_MS));
    }
    return FF_E_OK;
}

static void
take(struct ff_channel *channel, const struct ff_route *route, nng_msg *msg)
{
    struct ff_server *server = channel->listener->server;
    struct ff_str bytes = ff_str(nng_msg_body(msg), nng_msg_len(msg));
    struct ff_inflight *inflight = NULL;
    struct ff_fault fault = { 0 };

    if (refusal(channel, bytes.n, &fault) != FF_E_OK) {
        server->stats.refused++;
        ff_reply_refuse(channel, route, ff_request_seq(bytes), &fault);
        nng_msg_free(msg);
        return;
    }
    inflight = new_inflight(server);
    inflight->msg = msg;
    inflight->route = *route;
    inflight->bytes = bytes.n;
    server->request_bytes += bytes.n;
    if (ff_request_decode(bytes, server->options.frame_bytes_max, &server->zone,
                          &inflight->frame.arena, &inflight->request) != FF_E_OK) {
        server->stats.malformed++;
        ff_reply_refuse(channel, route, inflight->request.seq, &inflight->request.fault);
        ff_inflight_free(inflight);
        return;
    }
    attach(inflight, channel);
    if (!is_repeated(inflight)) {
        run(inflight);
    }
}

void
ff_server_take(struct ff_listener *listener, nng_msg *msg)
{
    struct ff_server *server = listener->server;
    uint32_t id = (uint32_t) nng_msg_get_pipe(msg).id;
    struct ff_channel *channel = ff_channel_of(server, id);
    struct ff_route route;

    if (channel == NULL) { /* new: nng reported it before it passed the message on */
        if (ff_channels_update(server)) {
            server->options.ops->flush(server->options.ctx);
        }
        channel = ff_channel_of(server, id);
    }
    route.n = (uint32_t) nng_msg_header_len(msg);
    if (channel == NULL || channel->closing || route.n > sizeof(route.bytes)) {
        server->stats.dropped++;
        nng_msg_free(msg);
        return;
    }
    memcpy(route.bytes, nng_msg_header(msg), route.n);
    take(channel, &route, msg);
}
