#include "core/clock.h"
#include "ipc/server_int.h"

void
ff_server_set_timer(struct ff_server *server, ev_timer *timer, int64_t wait_ms)
{
    ev_timer_stop(server->loop, timer);
    if (wait_ms >= 0) {
        ev_now_update(server->loop); /* timers count from the loop's idea of now */
        ev_timer_set(timer, (double) wait_ms / 1000.0, 0.0);
        ev_timer_start(server->loop, timer);
    }
}

void
ff_server_options_init(struct ff_server_options *options, const struct ff_server_ops *ops,
                       void *ctx)
{
    *options = (struct ff_server_options){
        .ops = ops,
        .ctx = ctx,
        .frame_bytes_max = FF_FRAME_BYTES_MAX,
        .frames_max = 64,
        .channels_max = 4096,
        .parked_max = 16384,
        .request_bytes_max = (size_t) 512 << 20,
        .unread_bytes_max = (size_t) 256 << 20,
        .memo_bytes_max = FF_MEMO_BYTES_MAX,
        .disconnect_grace_ms = FF_DISCONNECT_GRACE_MS,
    };
}

/* ---- the loop ---- */

/* Takes in what has arrived, from every socket, before the owner runs any of it: that is what makes
 * a batch. Bounded, so that a flood cannot keep the owner from running; the descriptors stay
 * readable, and the loop comes back. */
static void
receive(struct ff_server *server)
{
    uint32_t frames = 0;
    size_t bytes = 0;

    if (ff_channels_update(server)) {
        server->options.ops->flush(server->options.ctx);
    }
    for (uint32_t i = 0; i < server->listeners_n; i++) {
        struct ff_listener *listener = &server->listeners[i];
        nng_msg *msg = NULL;

        while (frames < PASS_FRAMES_MAX && bytes < PASS_BYTES_MAX && listener->open &&
               nng_recvmsg(listener->socket, &msg, NNG_FLAG_NONBLOCK) == 0) {
            frames++;
            bytes += nng_msg_len(msg);
            ff_server_take(listener, msg);
        }
    }
    if (frames > 0) {
        server->options.ops->flush(server->options.ctx);
    }
}

static void
readable_cb(struct ev_loop *loop, ev_io *watcher, int revents)
{
    const struct ff_listener *listener = watcher->data;

    (void) loop;
    (void) revents;
    receive(listener->server);
}

static void
writable_cb(struct ev_loop *loop, ev_io *watcher, int revents)
{
    (void) loop;
    (void) revents;
    ff_listener_send_more(watcher->data);
}

static void
events_cb(struct ev_loop *loop, ev_async *watcher, int revents)
{
    struct ff_server *server = watcher->data;

    (void) loop;
    (void) revents;
    if (ff_channels_update(server)) {
        server->options.ops->flush(server->options.ctx);
    }
}

static void
memo_cb(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct ff_server *server = timer->data;

    (void) loop;
    (void) revents;
    ff_server_set_timer(server, timer, ff_memos_expire(&server->memos, ff_mono_ms()));
}

static void
grace_cb(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void) loop;
    (void) revents;
    ff_channels_check_grace(timer->data);
}

static void
held_cb(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void) loop;
    (void) revents;
    ff_replies_release(timer->data);
}

/* ---- life ---- */

struct ff_server *
ff_server_new(struct ev_loop *loop, const struct ff_server_options *options)
{
    struct ff_server *server = calloc(1, sizeof(*server));

    FF_ASSERT(server != NULL && options->frames_max > 0 && options->frames_max <= 64);
    server->loop = loop;
    server->options = *options;
    FF_ASSERT(pthread_mutex_init(&server->events_lock, NULL) == 0);
    STAILQ_INIT(&server->events);
    TAILQ_INIT(&server->held);
    FF_ASSERT(msgpack_zone_init(&server->zone, MSGPACK_ZONE_CHUNK_SIZE));
    ff_memos_init(&server->memos, options->memo_bytes_max);
    ff_bindings_init(&server->bindings, options->disconnect_grace_ms, options->channels_max);
    ev_async_init(&server->events_wake, events_cb);
    ev_init(&server->memo_timer, memo_cb);
    ev_init(&server->grace_timer, grace_cb);
    ev_init(&server->held_timer, held_cb);
    server->events_wake.data = server;
    server->memo_timer.data = server;
    server->grace_timer.data = server;
    server->held_timer.data = server;
    ev_async_start(loop, &server->events_wake);
    return server;
}

ff_err
ff_server_listen(struct ff_server *server, const struct ff_listen *listen, struct ff_fault *fault)
{
    struct ff_listener *listener = &server->listeners[server->listeners_n];
    int fd = -1;

    FF_ASSERT(server->listeners_n < FF_LISTENERS_MAX);
    *listener = (struct ff_listener){ .server = server, .listen = *listen };
    STAILQ_INIT(&listener->out);
    FF_TRY(ff_listener_open(listener, fault));
    FF_ASSERT(nng_socket_get_int(listener->socket, NNG_OPT_RECVFD, &fd) == 0);
    ev_io_init(&listener->readable, readable_cb, fd, EV_READ);
    FF_ASSERT(nng_socket_get_int(listener->socket, NNG_OPT_SENDFD, &fd) == 0);
    ev_io_init(&listener->writable, writable_cb, fd, EV_READ); /* nng: readable = may send */
    listener->readable.data = listener;
    listener->writable.data = listener;
    ev_io_start(server->loop, &listener->readable);
    server->listeners_n++;
    return FF_E_OK;
}

void
ff_server_stop(struct ff_server *server)
{
    server->stopping = true; /* closing nng's listeners would close their connections too */
}

static bool
close_listener(struct ff_server *server, struct ff_listener *listener)
{
    struct ff_outgoing *out = NULL;
    bool closed = true;

    ev_io_stop(server->loop, &listener->readable);
    ev_io_stop(server->loop, &listener->writable);
    closed = ff_listener_close(listener); /* from here on no callback comes */
    while ((out = STAILQ_FIRST(&listener->out)) != NULL) {
        STAILQ_REMOVE_HEAD(&listener->out, next);
        nng_msg_free(out->msg);
        free(out);
    }
    return closed;
}

void
ff_server_free(struct ff_server *server)
{
    bool closed = true;

    if (server == NULL) {
        return;
    }
    for (uint32_t i = 0; i < server->listeners_n; i++) {
        closed = close_listener(server, &server->listeners[i]) && closed;
    }
    ff_channels_done(server);
    ev_async_stop(server->loop, &server->events_wake);
    ev_timer_stop(server->loop, &server->memo_timer);
    ev_timer_stop(server->loop, &server->grace_timer);
    ev_timer_stop(server->loop, &server->held_timer);
    ff_memos_done(&server->memos);
    ff_bindings_done(&server->bindings);
    ff_inflight_free_spare(server);
    msgpack_zone_destroy(&server->zone);
    if (!closed) { /* a callback may still come: it stays for the rest of the process */
        static struct ff_server *left_behind;

        left_behind = server;
        (void) left_behind;
        return;
    }
    pthread_mutex_destroy(&server->events_lock);
    free(server);
}

/* ---- what others want to know ---- */

bool
ff_server_idle(struct ff_server *server)
{
    struct ff_channel *channel = NULL;
    struct ff_channel *next = NULL;

    if (server->unanswered > 0) {
        return false;
    }
    ff_replies_sync(server, true);
    HASH_ITER(hh, server->channels, channel, next)
    {
        if (channel->given != channel->left || channel->held_n > 0) {
            return false;
        }
    }
    return true;
}

struct ff_counts
ff_server_limits(const struct ff_server *server, struct ff_arena *arena)
{
    const struct ff_server_options *o = &server->options;
    const struct {
        const char *name;
        uint64_t value;
    } limits[] = {
        { "frame_bytes_max", o->frame_bytes_max },
        { "frame_calls_max", FF_FRAME_CALLS_MAX },
        { "frames_max", o->frames_max },
        { "channels_max", o->channels_max },
        { "parked_max", o->parked_max },
        { "nesting_max", FF_MSGPACK_DEPTH_MAX },
        { "duplicate_frames_max", FF_MEMO_FRAMES_MAX },
        { "duplicate_age_ms", FF_MEMO_AGE_MS },
        { "duplicate_bytes_max", o->memo_bytes_max },
        { "disconnect_grace_ms", o->disconnect_grace_ms },
        { "text_bytes_max", 4096 }, /* from here on 01 §1.8 */
        { "json_bytes_max", 65536 },
        { "payload_bytes_max", 8388608 },
        { "tags_max", 64 },
        { "tag_bytes_max", 131072 },
        { "list_entries_max", 1000 },
        { "budget_ids_max", 32 },
        { "open_waitpoints_max", 1000 },
        { "satisfiers_max", 1000 },
        { "flow_members_max", 10000 },
        { "flow_edges_max", 100000 },
        { "dimensions_max", 1024 },
        { "lanes_max", 10000 },
        { "signing_keys_max", 256 },
        { "page_bytes_max", 8388608 },
    };
    struct ff_counts counts = { FF_ARENA_NEW(arena, struct ff_tally, FF_COUNT(limits)),
                                FF_COUNT(limits) };

    for (uint32_t i = 0; i < counts.n; i++) {
        counts.v[i] = (struct ff_tally){ ff_cstr(limits[i].name), limits[i].value };
    }
    return counts;
}

void
ff_server_worker_seen(struct ff_server *server, struct ff_frame *frame,
                      struct ff_str worker_instance_id)
{
    const struct ff_inflight *inflight = (const struct ff_inflight *) frame;

    if (server->bindings.fading_n > 0 && inflight->channel != NULL) {
        ff_channel_seen(inflight->channel, worker_instance_id);
    }
}

void
ff_server_stats(const struct ff_server *server, struct ff_server_stats *out)
{
    *out = server->stats;
    out->channels = server->channels_n;
    out->unanswered = server->unanswered;
    out->memos = HASH_COUNT(server->memos.by_key);
    out->memo_bytes = server->memos.bytes;
    out->request_bytes = server->request_bytes;
    out->unread_bytes = server->held_bytes + (size_t) (server->given_bytes - server->left_bytes);
}
