#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <sched.h>
#include <stdlib.h>

#include "core/clock.h"
#include "workers/client_int.h"

/* How often deadlines are looked at. */
#define TICK_S 0.05
/* Pauses between attempts to connect; nng adds its own jitter. */
#define RECONNECT_MS_MIN 20
#define RECONNECT_MS_MAX 500
/* A connection whose greeting has no answer for so long is left for a new one; after each that was
 * left, twice as long: a daemon that is only slow must not be asked ever more. */
#define MUTE_MS_MIN 2000
#define MUTE_MS_MAX 32000
/* Without a connection for so long, dialling begins anew: nng 1.5 stops for good when the daemon
 * ends in the middle of its greeting. */
#define REDIAL_MS 1000

/* A connection of this age, or the lack of one, is settled. */
#define SETTLED_MS_MIN 100

/* ---- frames ---- */

static void
frame_free(struct client_frame *frame)
{
    ff_packer_done(&frame->body);
    free(frame);
}

static void
frame_forget(struct ff_client *client, struct client_frame *frame)
{
    HASH_DELETE(hh, client->frames, frame);
    client->in_window -= !frame->waits;
    client->waiting -= frame->waits;
    frame_free(frame);
}

/* A message that nng has no room for now is sent again at the next tick. */
static void
frame_send(struct ff_client *client, struct client_frame *frame)
{
    struct ff_str body = ff_packer_str(&frame->body);
    nng_msg *msg = NULL;

    if (!client->is_connected || nng_msg_alloc(&msg, 0) != 0) {
        return;
    }
    if (nng_msg_append(msg, body.p, body.n) != 0 ||
        nng_msg_header_append_u32(msg, (uint32_t) frame->seq | 0x80000000u) != 0 ||
        nng_sendmsg(client->socket, msg, NNG_FLAG_NONBLOCK) != 0) {
        nng_msg_free(msg);
        client->unsent = true;
        return;
    }
    frame->sent = true;
}

static struct client_frame *
frame_new(struct ff_client *client, struct client_calls *calls, uint32_t n, bool waits)
{
    struct client_frame *frame = calloc(1, sizeof(*frame));
    struct client_call *call = NULL;
    uint32_t place = 0;

    FF_ASSERT(frame != NULL);
    frame->seq = ++client->next_seq;
    frame->n = n;
    frame->waits = waits;
    TAILQ_INIT(&frame->calls);
    TAILQ_CONCAT(&frame->calls, calls, next);
    ff_packer_init(&frame->body);
    ff_request_head(&client->id, frame->seq, n, &frame->body.pk);
    TAILQ_FOREACH(call, &frame->calls, next)
    {
        call->place = place++;
        ff_request_call(ff_cstr(call->op), ff_packer_str(&call->args), &frame->body.pk);
    }
    HASH_ADD(hh, client->frames, seq, sizeof(frame->seq), frame);
    client->in_window += !waits;
    client->waiting += waits;
    return frame;
}

/* Takes the next calls that may travel together; false: nothing may be sent now. */
static bool
gather(struct ff_client *client, struct client_calls *calls, uint32_t *n, bool *waits)
{
    struct client_call *call = NULL, *next = NULL;
    size_t bytes = 0;
    bool may_send = client->in_window == 0 || (client->in_window < client->options.window &&
                                               client->queued >= FURTHER_CALLS_MIN);

    *n = 0;
    TAILQ_INIT(calls);
    TAILQ_FOREACH_SAFE(call, &client->queue, next, next)
    {
        size_t size = call->args.buf.size;

        if (call->waits) {
            if (*n > 0 || client->waiting >= WAITING_FRAMES_MAX) {
                continue;
            }
        } else if (!may_send || (*n > 0 && bytes + size > FRAME_BYTES_GATHERED)) {
            continue;
        }
        TAILQ_REMOVE(&client->queue, call, next);
        client->queued -= !call->waits;
        TAILQ_INSERT_TAIL(calls, call, next);
        bytes += size;
        *waits = call->waits;
        if (++*n == FF_FRAME_CALLS_MAX || call->waits) {
            break;
        }
    }
    return *n > 0;
}

static void
send_queued(struct ff_client *client)
{
    struct client_calls calls;
    uint32_t n = 0;
    bool waits = false, any = true;

    while (any) {
        pthread_mutex_lock(&client->mutex);
        any = gather(client, &calls, &n, &waits);
        pthread_mutex_unlock(&client->mutex);
        if (any) {
            frame_send(client, frame_new(client, &calls, n, waits));
        }
    }
}

/* ---- replies ---- */

static void
answer_call(struct ff_client *client, struct client_call *call, const struct ff_reply_entry *entry)
{
    struct ff_answer answer = { 0 };
    msgpack_object map, detail;
    msgpack_zone zone;

    answer.map = ff_arena_copy(&answer.arena, entry->map);
    if (entry->failed) {
        struct ff_fault ignored = { 0 };

        msgpack_zone_init(&zone, 1024);
        if (ff_msgpack_parse(answer.map, &zone, &map, &ignored) == FF_E_OK) {
            ff_decode_error(&map, &answer.arena, &answer.fault, &detail);
        } else {
            ff_fail(&answer.fault, FF_E_INVARIANT_VIOLATION, ff_d_text("reason", "reply"));
        }
        msgpack_zone_destroy(&zone);
    }
    ff_client_finish(client, call, &answer);
}

static void
fail_frame(struct ff_client *client, struct client_frame *frame, const struct ff_fault *fault)
{
    struct client_call *call = NULL;

    while ((call = TAILQ_FIRST(&frame->calls)) != NULL) {
        TAILQ_REMOVE(&frame->calls, call, next);
        ff_client_finish_fault(client, call, fault);
    }
    frame_forget(client, frame);
}

/* A reply with one entry to a frame of several calls refuses the frame as a whole. Calls that were
 * given up are no longer in the frame: the others keep their places. */
static void
answer_frame(struct ff_client *client, struct client_frame *frame, const struct ff_reply *reply)
{
    struct client_call *call = NULL;

    while ((call = TAILQ_FIRST(&frame->calls)) != NULL) {
        uint32_t i = call->place < reply->n ? call->place : reply->n - 1;

        TAILQ_REMOVE(&frame->calls, call, next);
        client->released += call->blocks && !call->waits;
        answer_call(client, call, &reply->entries[i]);
    }
    frame_forget(client, frame);
}

static void
take_reply(struct ff_client *client, nng_msg *msg)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };
    struct client_frame *frame = NULL;
    struct ff_reply reply;

    if (ff_reply_decode(ff_str(nng_msg_body(msg), nng_msg_len(msg)), &arena, &reply, &fault) ==
            FF_E_OK &&
        reply.n > 0) {
        if (reply.seq == client->greeting_seq) {
            client->heard = true;
            client->mute_ms = MUTE_MS_MIN;
        }
        HASH_FIND(hh, client->frames, &reply.seq, sizeof(reply.seq), frame);
        if (frame != NULL && ff_client_daemon_ends(&reply)) {
            frame->sent = false;    /* goes again with the next connection */
        } else if (frame != NULL) { /* else answered before: it had been sent twice */
            answer_frame(client, frame, &reply);
        }
    }
    nng_msg_free(msg);
}

/* ---- connection ---- */

/* The first thing on every connection, so that the daemon knows the worker. Of the answer nothing
 * is needed but that it comes: it shows that the connection works. Calls do not wait for it. */
static void
ignore_answer(void *ctx, struct ff_answer *answer)
{
    (void) ctx;
    ff_answer_done(answer);
}

/* What is not answered any more: nobody asks for it. */
static void
forget_greeting(struct ff_client *client)
{
    struct client_frame *frame = NULL;
    struct ff_fault fault = { 0 };

    HASH_FIND(hh, client->frames, &client->greeting_seq, sizeof(client->greeting_seq), frame);
    if (frame != NULL) {
        ff_fail_transport(&fault, "client", "transport", "the connection is gone");
        fail_frame(client, frame, &fault);
    }
}

static void
greet(struct ff_client *client)
{
    struct ff_hello_args args = { 0 };
    struct client_calls calls = TAILQ_HEAD_INITIALIZER(calls);
    struct client_call *call = calloc(1, sizeof(*call));

    FF_ASSERT(call != NULL);
    forget_greeting(client);
    args.client_name = ff_cstr(client->name);
    args.client_version = ff_cstr(FF_VERSION);
    args.worker_instance_id = ff_cstr(client->worker_instance_id);
    args.namespace = ff_cstr(client->namespace);
    ff_packer_init(&call->args);
    call->op = ff_ops[FF_OP_hello].name;
    call->done = ignore_answer;
    call->deadline_mono_ms = INT64_MAX;
    ff_encode(ff_ops[FF_OP_hello].args, &args, &call->args.pk);
    pthread_mutex_lock(&client->mutex);
    client->outstanding++;
    pthread_mutex_unlock(&client->mutex);
    TAILQ_INSERT_TAIL(&calls, call, next);
    client->greeting_seq = client->next_seq + 1;
    frame_send(client, frame_new(client, &calls, 1, true));
}

static int
by_seq(const struct client_frame *a, const struct client_frame *b)
{
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* What was under way on the old connection goes again, in its order, under its old numbers. */
static void
send_unsent(struct ff_client *client)
{
    struct client_frame *frame = NULL, *next = NULL;

    client->unsent = false;
    HASH_SORT(client->frames, by_seq);
    HASH_ITER(hh, client->frames, frame, next)
    {
        if (!frame->sent) {
            frame_send(client, frame);
        }
    }
}

static void
take_connection(struct ff_client *client, bool connected)
{
    ff_client_lose_connection(client);
    client->is_connected = connected;
    client->heard = false;
    client->connected_mono_ms = ff_mono_ms();
    if (!connected) {
        client->disconnected_mono_ms = ff_mono_ms();
        return;
    }
    greet(client);
    send_unsent(client);
}

/* nng's threads: only notes and wakes. A connection that was given up may be reported gone after
 * its successor has come. */
static void
on_pipe(nng_pipe pipe, nng_pipe_ev event, void *ctx)
{
    struct ff_client *client = ctx;
    bool came = event == NNG_PIPE_EV_ADD_POST;

    pthread_mutex_lock(&client->mutex);
    if (came || client->pipe_id == nng_pipe_id(pipe)) {
        client->pipe_id = nng_pipe_id(pipe);
        client->connected = came;
        client->connection_changed = true;
    }
    pthread_mutex_unlock(&client->mutex);
    ev_async_send(client->loop, &client->wake);
}

/* ---- giving up ---- */

static void
fail_all(struct ff_client *client, const char *why)
{
    struct client_frame *frame = NULL, *next = NULL;
    struct client_calls queued = TAILQ_HEAD_INITIALIZER(queued);
    struct client_call *call = NULL;
    struct ff_fault fault = { 0 };

    ff_fail_transport(&fault, "client", "transport", why);
    HASH_ITER(hh, client->frames, frame, next)
    {
        fail_frame(client, frame, &fault);
    }
    pthread_mutex_lock(&client->mutex);
    TAILQ_CONCAT(&queued, &client->queue, next);
    client->queued = 0;
    pthread_mutex_unlock(&client->mutex);
    while ((call = TAILQ_FIRST(&queued)) != NULL) {
        TAILQ_REMOVE(&queued, call, next);
        ff_client_finish_fault(client, call, &fault);
    }
}

static int
dial(struct ff_client *client)
{
    client->dialled_mono_ms = ff_mono_ms();
    return nng_dial(client->socket, client->address, &client->dialer, NNG_FLAG_NONBLOCK);
}

static void
dial_again(struct ff_client *client, int64_t now_ms)
{
    if (now_ms - client->disconnected_mono_ms >= REDIAL_MS &&
        now_ms - client->dialled_mono_ms >= REDIAL_MS) {
        nng_dialer_close(client->dialer);
        dial(client);
    }
}

/* nng 1.5 now and then keeps the first message of a connection to itself. A new connection gets it
 * again, with all else that was not answered; what the daemon did have, it answers once. */
static void
leave_mute_connection(struct ff_client *client, int64_t now_ms)
{
    nng_pipe pipe = NNG_PIPE_INITIALIZER;

    if (client->heard || now_ms - client->connected_mono_ms < client->mute_ms) {
        return;
    }
    client->mute_ms = 2 * client->mute_ms > MUTE_MS_MAX ? MUTE_MS_MAX : 2 * client->mute_ms;
    pthread_mutex_lock(&client->mutex);
    pipe.id = client->pipe_id;
    pthread_mutex_unlock(&client->mutex);
    client->connected_mono_ms = now_ms;
    nng_pipe_close(pipe);
}

/* nng 1.5 may never come back from closing a socket whose connection has only just come about, or
 * is about to. One that has answered the greeting is settled. */
static bool
may_close(const struct ff_client *client, int64_t now_ms)
{
    return client->heard || (now_ms - client->dialled_mono_ms >= SETTLED_MS_MIN &&
                             now_ms - client->connected_mono_ms >= SETTLED_MS_MIN);
}

static void
end_if_closing(struct ff_client *client)
{
    bool closing = false;

    pthread_mutex_lock(&client->mutex);
    closing = client->closing;
    pthread_mutex_unlock(&client->mutex);
    if (closing && may_close(client, ff_mono_ms())) {
        ev_break(client->loop, EVBREAK_ALL);
    }
}

/* ---- the loop ---- */

/* The timer runs only while there is something for it to look after: an idle client sleeps, and so
 * does one that only waits in calls of the daemon. */
static void
arm_tick(struct ff_client *client)
{
    bool outstanding = false, closing = false, settled = false;

    pthread_mutex_lock(&client->mutex);
    outstanding = client->outstanding > 0;
    closing = client->closing;
    pthread_mutex_unlock(&client->mutex);
    settled =
        client->is_connected && client->heard && !client->unsent && client->options.timeout_ms == 0;
    if (!closing && (!outstanding || settled)) {
        ev_timer_stop(client->loop, &client->tick);
    } else if (!ev_is_active(&client->tick)) {
        ev_timer_set(&client->tick, TICK_S, TICK_S);
        ev_timer_start(client->loop, &client->tick);
    }
}

static void
on_tick(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    struct ff_client *client = watcher->data;
    int64_t now_ms = ff_mono_ms();

    (void) loop;
    (void) events;
    ff_client_check_deadlines(client, now_ms);
    if (client->is_connected) {
        if (client->unsent) {
            send_unsent(client);
        }
        leave_mute_connection(client, now_ms);
    } else if (now_ms - client->disconnected_mono_ms >= (int64_t) client->options.give_up_ms) {
        fail_all(client, "no daemon answers at the socket; is flowfabricd running?");
    }
    if (!client->is_connected) {
        dial_again(client, now_ms);
    }
    send_queued(client);
    arm_tick(client);
    end_if_closing(client);
}

static uint32_t
queued(struct ff_client *client)
{
    uint32_t n = 0;

    pthread_mutex_lock(&client->mutex);
    n = client->queued;
    pthread_mutex_unlock(&client->mutex);
    return n;
}

/* A single thread has nobody to travel with. */
static void
await_next_calls(struct ff_client *client)
{
    int64_t until_us = ff_mono_us() + CALL_AGAIN_US_MAX;

    while (client->released > 1 && client->in_window == 0 && queued(client) < client->released &&
           ff_mono_us() < until_us) {
        sched_yield();
    }
    client->released = 0;
}

static void
on_readable(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    struct ff_client *client = watcher->data;
    nng_msg *msg = NULL;

    (void) loop;
    (void) events;
    while (nng_recvmsg(client->socket, &msg, NNG_FLAG_NONBLOCK) == 0) {
        take_reply(client, msg);
    }
    await_next_calls(client);
    send_queued(client);
    arm_tick(client);
}

static void
on_wake(struct ev_loop *loop, struct ev_async *watcher, int events)
{
    struct ff_client *client = watcher->data;
    bool changed = false, connected = false;

    (void) loop;
    (void) events;
    pthread_mutex_lock(&client->mutex);
    changed = client->connection_changed;
    connected = client->connected;
    client->connection_changed = false;
    pthread_mutex_unlock(&client->mutex);
    if (changed) {
        take_connection(client, connected);
    }
    send_queued(client);
    arm_tick(client);
    end_if_closing(client);
}

void *
ff_client_io(void *arg)
{
    struct ff_client *client = arg;

    ev_run(client->loop, 0);
    fail_all(client, "the client is closed");
    return NULL;
}

static int
open_socket(struct ff_client *client, int *fd)
{
    int rv = nng_req0_open_raw(&client->socket);

    if (rv != 0) {
        return rv;
    }
    if ((rv = nng_socket_set_size(client->socket, NNG_OPT_RECVMAXSZ, 0)) != 0 ||
        (rv = nng_socket_set_int(client->socket, NNG_OPT_SENDBUF, 64)) != 0 ||
        (rv = nng_socket_set_int(client->socket, NNG_OPT_RECVBUF, 64)) != 0 ||
        (rv = nng_socket_set_ms(client->socket, NNG_OPT_RECONNMINT, RECONNECT_MS_MIN)) != 0 ||
        (rv = nng_socket_set_ms(client->socket, NNG_OPT_RECONNMAXT, RECONNECT_MS_MAX)) != 0 ||
        (rv = nng_pipe_notify(client->socket, NNG_PIPE_EV_ADD_POST, on_pipe, client)) != 0 ||
        (rv = nng_pipe_notify(client->socket, NNG_PIPE_EV_REM_POST, on_pipe, client)) != 0 ||
        (rv = nng_socket_get_int(client->socket, NNG_OPT_RECVFD, fd)) != 0) {
        nng_close(client->socket);
    }
    return rv;
}

static ff_err
fail_open(struct ff_client *client, int rv, struct ff_fault *fault)
{
    ev_loop_destroy(client->loop);
    if (rv == NNG_EADDRINVAL || rv == NNG_EINVAL) {
        return ff_fail(fault, FF_E_INVALID_CONFIG, ff_d_text("context", "client"),
                       ff_d_text("field", "address"), ff_d_text("reason", "malformed"));
    }
    return ff_fail_transport(fault, "client", "transport", nng_strerror(rv));
}

ff_err
ff_client_io_open(struct ff_client *client, struct ff_fault *fault)
{
    int fd = -1, rv = 0;

    client->loop = ev_loop_new(EVFLAG_AUTO);
    FF_ASSERT(client->loop != NULL);
    client->disconnected_mono_ms = ff_mono_ms();
    client->mute_ms = MUTE_MS_MIN;
    ev_async_init(&client->wake, on_wake);
    ev_init(&client->tick, on_tick);
    client->wake.data = client->tick.data = client;
    ev_async_start(client->loop, &client->wake);
    rv = open_socket(client, &fd);
    if (rv != 0) {
        return fail_open(client, rv, fault);
    }
    ev_io_init(&client->readable, on_readable, fd, EV_READ);
    client->readable.data = client;
    ev_io_start(client->loop, &client->readable);
    rv = dial(client);
    if (rv == 0 && pthread_create(&client->thread, NULL, ff_client_io, client) != 0) {
        rv = NNG_ENOMEM;
    }
    if (rv != 0) {
        nng_close(client->socket);
        return fail_open(client, rv, fault);
    }
    return FF_E_OK;
}
