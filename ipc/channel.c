#include "core/clock.h"
#include "ipc/server_int.h"

#include "core/handle.h"

/* ---- on nng's threads ---- */

void
ff_channel_pipe_cb(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct ff_listener *listener = arg;
    struct ff_server *server = listener->server;
    struct ff_pipe_event *report = malloc(sizeof(*report));

    FF_ASSERT(report != NULL);
    report->listener = listener;
    report->id = (uint32_t) nng_pipe_id(pipe);
    report->added = event == NNG_PIPE_EV_ADD_PRE;
    pthread_mutex_lock(&server->events_lock);
    STAILQ_INSERT_TAIL(&server->events, report, next);
    pthread_mutex_unlock(&server->events_lock);
    ev_async_send(server->loop, &server->events_wake);
}

/* ---- channels ---- */

struct ff_channel *
ff_channel_of(struct ff_server *server, uint32_t id)
{
    struct ff_channel *channel = NULL;

    HASH_FIND(hh, server->channels, &id, sizeof(id), channel);
    return channel;
}

static void
hang_up(uint32_t id)
{
    nng_pipe pipe = NNG_PIPE_INITIALIZER;

    pipe.id = id;
    nng_pipe_close(pipe);
}

static void
add_channel(struct ff_server *server, const struct ff_pipe_event *report)
{
    bool beyond = server->channels_n >= server->options.channels_max;
    struct ff_channel *channel = NULL;

    if (server->stopping || (beyond && server->beyond_n >= REFUSED_CHANNELS_MAX)) {
        hang_up(report->id);
        return;
    }
    channel = calloc(1, sizeof(*channel));
    FF_ASSERT(channel != NULL);
    channel->id = report->id;
    channel->listener = report->listener;
    channel->beyond = beyond;
    TAILQ_INIT(&channel->inflight);
    STAILQ_INIT(&channel->held);
    HASH_ADD(hh, server->channels, id, sizeof(channel->id), channel);
    server->channels_n += beyond ? 0 : 1;
    server->beyond_n += beyond ? 1 : 0;
}

/* Its parked calls are cancelled, what runs finishes; nobody is told (00 §2). */
static bool
leave_inflight(struct ff_channel *channel)
{
    struct ff_server *server = channel->listener->server;
    struct ff_inflight *inflight = NULL;
    bool cancelled = false;

    while ((inflight = TAILQ_FIRST(&channel->inflight)) != NULL) {
        TAILQ_REMOVE(&channel->inflight, inflight, of_channel);
        inflight->channel = NULL;
        channel->unanswered--;
        server->unanswered--;
        if (!inflight->submitted) { /* waits for the frame that it repeats */
            ((struct ff_inflight *) inflight->memo->running)->again = NULL;
            ff_inflight_free(inflight);
        } else if (inflight->request.may_wait && !inflight->cancelled) {
            inflight->cancelled = true;
            cancelled = true;
            server->options.ops->cancel(server->options.ctx, &inflight->frame);
        }
    }
    return cancelled;
}

static void
drop_held(struct ff_channel *channel)
{
    struct ff_server *server = channel->listener->server;
    struct ff_outgoing *out = NULL;

    while ((out = STAILQ_FIRST(&channel->held)) != NULL) {
        STAILQ_REMOVE_HEAD(&channel->held, next);
        nng_msg_free(out->msg);
        free(out);
    }
    server->held_bytes -= channel->held_bytes;
    channel->held_bytes = 0;
    channel->held_n = 0;
    if (channel->is_held) {
        TAILQ_REMOVE(&server->held, channel, of_held);
        channel->is_held = false;
    }
}

void
ff_channel_hang_up(struct ff_channel *channel)
{
    struct ff_server *server = channel->listener->server;

    if (!channel->closing) {
        channel->closing = true;
        drop_held(channel);
        server->left_bytes += channel->given_bytes - channel->left_bytes;
        channel->left_bytes = channel->given_bytes;
        hang_up(channel->id);
    }
}

static bool
remove_channel(struct ff_server *server, struct ff_channel *channel)
{
    int64_t now_ms = ff_mono_ms();
    bool cancelled = leave_inflight(channel);

    for (uint32_t i = 0; i < channel->bindings_n; i++) {
        ff_bindings_release(&server->bindings, channel->bindings[i], now_ms);
    }
    free(channel->bindings);
    drop_held(channel);
    server->given_bytes -= channel->given_bytes;
    server->left_bytes -= channel->left_bytes;
    server->channels_n -= channel->beyond ? 0 : 1;
    server->beyond_n -= channel->beyond ? 1 : 0;
    HASH_DELETE(hh, server->channels, channel);
    free(channel);
    return cancelled;
}

static struct ff_pipe_event *
next_event(struct ff_server *server)
{
    struct ff_pipe_event *report = NULL;

    pthread_mutex_lock(&server->events_lock);
    report = STAILQ_FIRST(&server->events);
    if (report != NULL) {
        STAILQ_REMOVE_HEAD(&server->events, next);
    }
    pthread_mutex_unlock(&server->events_lock);
    return report;
}

bool
ff_channels_update(struct ff_server *server)
{
    struct ff_pipe_event *report = NULL;
    bool cancelled = false;
    bool removed = false;

    while ((report = next_event(server)) != NULL) {
        struct ff_channel *channel = ff_channel_of(server, report->id);

        if (report->added) {
            add_channel(server, report);
        } else if (channel != NULL) {
            cancelled = remove_channel(server, channel) || cancelled;
            removed = true;
        }
        free(report);
    }
    if (removed) {
        ff_channels_check_grace(server);
    }
    return cancelled;
}

void
ff_channels_done(struct ff_server *server)
{
    struct ff_channel *channel = NULL;
    struct ff_channel *next = NULL;
    struct ff_pipe_event *report = NULL;

    HASH_ITER(hh, server->channels, channel, next)
    {
        FF_ASSERT(TAILQ_EMPTY(&channel->inflight));
        (void) remove_channel(server, channel);
    }
    while ((report = next_event(server)) != NULL) {
        free(report);
    }
}

/* ---- the workers behind them ---- */

static bool
is_bound(const struct ff_channel *channel, struct ff_str instance)
{
    for (uint32_t i = 0; i < channel->bindings_n; i++) {
        const struct ff_binding *binding = channel->bindings[i];

        if (ff_str_eq(ff_str(binding->instance, binding->instance_n), instance)) {
            return true;
        }
    }
    return false;
}

bool
ff_channel_bind(struct ff_channel *channel, struct ff_str instance, struct ff_str namespace)
{
    struct ff_server *server = channel->listener->server;

    if (is_bound(channel, instance)) {
        struct ff_binding *same = ff_bindings_bind(&server->bindings, instance, namespace);

        same->channels--; /* only its namespace may be new */
        return true;
    }
    if (channel->bindings_n == CHANNEL_BINDINGS_MAX) {
        return false;
    }
    if (channel->bindings == NULL) {
        channel->bindings = calloc(CHANNEL_BINDINGS_MAX, sizeof(struct ff_binding *));
        FF_ASSERT(channel->bindings != NULL);
    }
    channel->bindings[channel->bindings_n++] =
        ff_bindings_bind(&server->bindings, instance, namespace);
    return true;
}

void
ff_channel_seen(struct ff_channel *channel, struct ff_str instance)
{
    struct ff_server *server = channel->listener->server;

    if (instance.p != NULL && instance.n <= FF_WID_BYTES_MAX &&
        ff_bindings_fading(&server->bindings, instance) != NULL) {
        (void) ff_channel_bind(channel, instance, FF_NONE(ff_str));
    }
}

static void
saw_handle(struct ff_channel *channel, const struct ff_handle *handle)
{
    struct ff_handle_payload payload;
    struct ff_fault fault;

    if (ff_handle_decode(handle->opaque, &payload, &fault) == FF_E_OK) {
        ff_channel_seen(channel, payload.worker_instance_id);
    }
}

/* An argument of class worker that says who acts; mark_worker_dead names another. */
void
ff_channel_saw_call(struct ff_channel *channel, const struct ff_call *call)
{
    const struct ff_op_info *op = &ff_ops[call->op];

    if (op->class != FF_CLASS_OF_WORKER || call->op == FF_OP_mark_worker_dead) {
        return;
    }
    for (uint32_t i = 0; i < op->args->n; i++) {
        const struct ff_field *field = &op->args->fields[i];
        const void *at = (const char *) call->args + field->offset;

        if (field->type == FF_TYPE_WID && strcmp(field->name, "worker_instance_id") == 0) {
            ff_channel_seen(channel, *(const struct ff_str *) at);
        } else if (field->sub == &ff_desc_handle && (field->flags & FF_FIELD_OPT) == 0) {
            saw_handle(channel, at);
        }
    }
}

void
ff_server_instances(const struct ff_server *server,
                    void (*each)(void *ctx, struct ff_str worker_instance_id), void *ctx)
{
    for (const struct ff_binding *binding = server->bindings.by_instance; binding != NULL;
         binding = binding->hh.next) {
        each(ctx, ff_str(binding->instance, binding->instance_n));
    }
}

void
ff_channels_check_grace(struct ff_server *server)
{
    const struct ff_server_ops *ops = server->options.ops;
    struct ff_binding *binding = NULL;
    int64_t wait_ms = -1;

    while ((binding = ff_bindings_take_lost(&server->bindings, ff_mono_ms(), &wait_ms)) != NULL) {
        if (ops->worker_lost != NULL) {
            ops->worker_lost(server->options.ctx, ff_str(binding->instance, binding->instance_n),
                             ff_str(binding->namespace, binding->namespace_n));
        }
        free(binding);
    }
    ff_server_set_timer(server, &server->grace_timer, wait_ms);
}
