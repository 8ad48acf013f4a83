#include "core/clock.h"
#include "ipc/server_int.h"

/* Looking at what has left costs time, more with more channels: up to here it is done whenever it
 * matters, once in SENDQ_MAX replies of a channel; above, for a twentieth of the time at most. */
#define SYNC_CHEAP_US 200
#define SYNC_SHARE 20
/* How often replies that are held back are tried again. */
#define HELD_WAIT_MS 2

/* ---- what has left ---- */

static void
sync_channel(struct ff_server *server, nng_stat *pipe)
{
    struct ff_channel *channel = NULL;
    uint64_t bytes = 0;

    for (nng_stat *stat = nng_stat_child(pipe); stat != NULL; stat = nng_stat_next(stat)) {
        const char *name = nng_stat_name(stat);
        uint64_t value = nng_stat_value(stat);

        if (strcmp(name, "id") == 0) {
            channel = ff_channel_of(server, (uint32_t) value);
        } else if (channel != NULL && strcmp(name, "tx_msgs") == 0) {
            channel->left = value;
        } else if (channel != NULL && strcmp(name, "tx_bytes") == 0) {
            bytes = value;
        }
    }
    if (channel != NULL && !channel->closing) {
        server->left_bytes += bytes - channel->left_bytes;
        channel->left_bytes = bytes;
    }
}

/* nng drops a reply without a word when a pipe's queue of 64 is full, and does not tell how full it
 * is; but its statistics count what each pipe has written. */
bool
ff_replies_sync(struct ff_server *server, bool must)
{
    int64_t start_us = ff_mono_us();
    nng_stat *stats = NULL;

    if (!must && server->sync_cost_us > SYNC_CHEAP_US &&
        start_us - server->synced_us < SYNC_SHARE * server->sync_cost_us) {
        return false;
    }
    if (nng_stats_get(&stats) != 0) {
        return false;
    }
    for (nng_stat *stat = nng_stat_child(stats); stat != NULL; stat = nng_stat_next(stat)) {
        if (strcmp(nng_stat_name(stat), "pipe") == 0) {
            sync_channel(server, stat);
        }
    }
    nng_stats_free(stats);
    server->synced_us = ff_mono_us();
    server->sync_cost_us = server->synced_us - start_us;
    return true;
}

/* ---- sending ---- */

static void
append(struct ff_outgoing_list *list, nng_msg *msg)
{
    struct ff_outgoing *out = calloc(1, sizeof(*out));

    FF_ASSERT(out != NULL);
    out->msg = msg;
    STAILQ_INSERT_TAIL(list, out, next);
}

static bool
hand_over(struct ff_listener *listener, nng_msg *msg)
{
    int rv = nng_sendmsg(listener->socket, msg, NNG_FLAG_NONBLOCK);

    if (rv == NNG_EAGAIN) {
        return false;
    }
    if (rv != 0) {
        nng_msg_free(msg); /* the socket is closed */
    }
    return true;
}

void
ff_listener_send_more(struct ff_listener *listener)
{
    struct ff_outgoing *out = NULL;

    while ((out = STAILQ_FIRST(&listener->out)) != NULL && hand_over(listener, out->msg)) {
        STAILQ_REMOVE_HEAD(&listener->out, next);
        free(out);
    }
    if (out == NULL) {
        ev_io_stop(listener->server->loop, &listener->writable);
    }
}

static void
give(struct ff_channel *channel, nng_msg *msg)
{
    struct ff_listener *listener = channel->listener;
    size_t bytes = nng_msg_len(msg);

    channel->given++;
    channel->given_bytes += bytes;
    listener->server->given_bytes += bytes;
    if (STAILQ_EMPTY(&listener->out) && hand_over(listener, msg)) {
        return;
    }
    append(&listener->out, msg);
    ev_io_start(listener->server->loop, &listener->writable);
}

static bool
has_room(const struct ff_channel *channel)
{
    return channel->given - channel->left < SENDQ_MAX;
}

/* ---- holding back ---- */

static void
hold(struct ff_channel *channel, nng_msg *msg)
{
    struct ff_server *server = channel->listener->server;

    append(&channel->held, msg);
    channel->held_n++;
    channel->held_bytes += nng_msg_len(msg);
    server->held_bytes += nng_msg_len(msg);
    if (!channel->is_held) {
        channel->is_held = true;
        TAILQ_INSERT_TAIL(&server->held, channel, of_held);
    }
    if (!ev_is_active(&server->held_timer)) {
        ff_server_set_timer(server, &server->held_timer, HELD_WAIT_MS);
    }
    if (channel->held_n > HELD_MAX) {
        ff_channel_hang_up(channel);
    }
}

static void
release_held(struct ff_channel *channel)
{
    struct ff_server *server = channel->listener->server;
    struct ff_outgoing *out = NULL;

    while ((out = STAILQ_FIRST(&channel->held)) != NULL && has_room(channel)) {
        size_t bytes = nng_msg_len(out->msg);

        STAILQ_REMOVE_HEAD(&channel->held, next);
        channel->held_n--;
        channel->held_bytes -= bytes;
        server->held_bytes -= bytes;
        give(channel, out->msg);
        free(out);
    }
    if (out == NULL) {
        channel->is_held = false;
        TAILQ_REMOVE(&server->held, channel, of_held);
    }
}

void
ff_replies_release(struct ff_server *server)
{
    struct ff_channel *channel = TAILQ_FIRST(&server->held);

    ff_replies_sync(server, true);
    while (channel != NULL) {
        struct ff_channel *next = TAILQ_NEXT(channel, of_held);

        release_held(channel);
        channel = next;
    }
    if (!TAILQ_EMPTY(&server->held)) {
        int64_t price_ms = SYNC_SHARE * server->sync_cost_us / 1000;

        ff_server_set_timer(server, &server->held_timer,
                            price_ms > HELD_WAIT_MS ? price_ms : HELD_WAIT_MS);
    }
}

static size_t
unread_bytes(const struct ff_channel *channel)
{
    return channel->held_bytes + (size_t) (channel->given_bytes - channel->left_bytes);
}

static bool
too_much_unread(const struct ff_server *server)
{
    return server->held_bytes + server->given_bytes - server->left_bytes >
           server->options.unread_bytes_max;
}

/* Disconnects those who do not fetch their replies until the rest is within the bound. */
static void
shed(struct ff_server *server)
{
    ff_replies_sync(server, true);
    while (too_much_unread(server)) {
        struct ff_channel *channel = NULL;
        struct ff_channel *next = NULL;
        struct ff_channel *worst = NULL;

        HASH_ITER(hh, server->channels, channel, next)
        {
            if (worst == NULL || unread_bytes(channel) > unread_bytes(worst)) {
                worst = channel;
            }
        }
        ff_channel_hang_up(worst);
    }
}

/* ---- replies ---- */

void
ff_reply_send(struct ff_channel *channel, nng_msg *msg)
{
    struct ff_server *server = channel->listener->server;

    if (channel->closing) {
        nng_msg_free(msg);
        return;
    }
    /* With thousands of channels the last look may be old: then nng's queue is trusted. */
    if (channel->is_held ||
        (!has_room(channel) && ff_replies_sync(server, false) && !has_room(channel))) {
        hold(channel, msg);
    } else {
        give(channel, msg);
    }
    if (too_much_unread(server)) {
        shed(server);
    }
}

void
ff_reply_bytes(struct ff_channel *channel, const struct ff_route *route, struct ff_str body)
{
    nng_msg *msg = NULL;

    FF_ASSERT(nng_msg_alloc(&msg, body.n) == 0);
    memcpy(nng_msg_body(msg), body.p, body.n);
    FF_ASSERT(nng_msg_header_append(msg, route->bytes, route->n) == 0);
    ff_reply_send(channel, msg);
}

void
ff_reply_refuse(struct ff_channel *channel, const struct ff_route *route, uint64_t seq,
                const struct ff_fault *fault)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_reply_entry entry = { true, ff_error_map(fault, FF_NONE(ff_str), &arena) };
    size_t size = ff_reply_size(seq, &entry, 1);
    char *room = ff_arena_alloc(&arena, size);

    ff_reply_write(seq, &entry, 1, room);
    ff_reply_bytes(channel, route, ff_str(room, size));
}
