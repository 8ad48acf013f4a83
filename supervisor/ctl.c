#include "supervisor/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/codec.h"
#include "supervisor/ctl_int.h"

/* A message is one packet: [CALL, id, name, args] or [ANSWER, id, failed, map]. id 0: the caller
 * does not want to know. */
enum { CALL, ANSWER };

struct packet {
    STAILQ_ENTRY(packet) next;
    size_t n;
    char bytes[];
};
STAILQ_HEAD(packets, packet);

/* A call of ours that is not answered yet. */
struct pending {
    TAILQ_ENTRY(pending) next;
    uint64_t id;
    enum ff_ctl_op op;
    ff_ctl_done *done;
    void *ctx;
};
TAILQ_HEAD(pendings, pending);

/* A call of theirs that is not answered yet. */
struct ff_ctl_request {
    TAILQ_ENTRY(ff_ctl_request) next;
    struct ff_ctl *ctl; /* NULL: freed meanwhile */
    uint64_t id;
    enum ff_ctl_op op;
};
TAILQ_HEAD(requests, ff_ctl_request);

struct ff_ctl {
    struct ev_loop *loop;
    struct ff_ctl_owner owner;
    struct ev_io readable, writable;
    struct ev_timer broken; /* zero seconds: what has failed is told from the loop */
    struct packets out;
    struct pendings pendings;
    struct requests requests;
    uint32_t out_n, pendings_n, requests_n;
    uint64_t last_id;
    bool over;   /* nothing travels any more */
    bool told;   /* the owner knows */
    bool *freed; /* set by ff_ctl_free while a callback runs */
    char in[FF_CTL_BYTES_MAX];
};

/* ---- the end ---- */

static void
give_up(struct ff_ctl *ctl)
{
    ev_io_stop(ctl->loop, &ctl->readable);
    ev_io_stop(ctl->loop, &ctl->writable);
    ctl->over = true;
    ev_timer_start(ctl->loop, &ctl->broken);
}

static void
fail_pendings(struct ff_ctl *ctl)
{
    struct ff_ctl_answer answer = { 0 };
    struct pendings pendings = TAILQ_HEAD_INITIALIZER(pendings);
    struct pending *pending = NULL;

    ff_fail_transport(&answer.fault, "supervisor", "transport", "the process has ended");
    TAILQ_CONCAT(&pendings, &ctl->pendings, next);
    ctl->pendings_n = 0;
    while ((pending = TAILQ_FIRST(&pendings)) != NULL) { /* a done may free the channel */
        TAILQ_REMOVE(&pendings, pending, next);
        pending->done(pending->ctx, &answer);
        free(pending);
    }
}

static void
on_broken(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
    struct ff_ctl *ctl = watcher->data;
    bool freed = false;

    (void) loop;
    (void) events;
    ctl->freed = &freed;
    fail_pendings(ctl);
    if (freed) {
        return;
    }
    ctl->freed = NULL;
    if (!ctl->told) {
        ctl->told = true;
        ctl->owner.gone(ctl->owner.ctx);
    }
}

/* ---- sending ---- */

/* False: the socket takes no more now. */
static bool
send_now(struct ff_ctl *ctl, struct ff_str bytes)
{
    ssize_t n = 0;

    do {
        n = send(ctl->readable.fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) {
        return false;
    }
    if (n < 0) {
        give_up(ctl);
    }
    return true;
}

static void
send_packet(struct ff_ctl *ctl, struct ff_str bytes)
{
    struct packet *packet = NULL;

    FF_ASSERT(bytes.n <= FF_CTL_BYTES_MAX);
    if (ctl->over || (ctl->out_n == 0 && send_now(ctl, bytes))) {
        return;
    }
    if (ctl->out_n == FF_CTL_QUEUE_MAX) {
        give_up(ctl);
        return;
    }
    packet = malloc(sizeof(*packet) + bytes.n);
    FF_ASSERT(packet != NULL);
    packet->n = bytes.n;
    memcpy(packet->bytes, bytes.p, bytes.n);
    STAILQ_INSERT_TAIL(&ctl->out, packet, next);
    ctl->out_n++;
    ev_io_start(ctl->loop, &ctl->writable);
}

static void
on_writable(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    struct ff_ctl *ctl = watcher->data;
    struct packet *packet = NULL;

    (void) events;
    while ((packet = STAILQ_FIRST(&ctl->out)) != NULL &&
           send_now(ctl, ff_str(packet->bytes, packet->n))) {
        STAILQ_REMOVE_HEAD(&ctl->out, next);
        ctl->out_n--;
        free(packet);
    }
    if (packet == NULL) {
        ev_io_stop(loop, watcher);
    }
}

static void
pack_head(struct ff_packer *packer, int kind, uint64_t id)
{
    ff_packer_init(packer);
    msgpack_pack_array(&packer->pk, 4);
    msgpack_pack_int(&packer->pk, kind);
    msgpack_pack_uint64(&packer->pk, id);
}

void
ff_ctl_call(struct ff_ctl *ctl, enum ff_ctl_op op, const void *args, ff_ctl_done *done, void *ctx)
{
    FF_SCOPED(ff_packer) packer;
    uint64_t id = 0;

    if (done != NULL) {
        struct pending *pending = calloc(1, sizeof(*pending));

        FF_ASSERT(pending != NULL);
        id = ++ctl->last_id;
        *pending = (struct pending){ .id = id, .op = op, .done = done, .ctx = ctx };
        TAILQ_INSERT_TAIL(&ctl->pendings, pending, next);
        if (++ctl->pendings_n > FF_CTL_QUEUE_MAX || ctl->over) {
            give_up(ctl);
        }
    }
    pack_head(&packer, CALL, id);
    ff_pack_cstr(&packer.pk, ff_ctl_ops[op].name);
    ff_encode(ff_ctl_ops[op].args, args, &packer.pk);
    send_packet(ctl, ff_packer_str(&packer));
}

/* ---- answering ---- */

enum ff_ctl_op
ff_ctl_request_op(const struct ff_ctl_request *request)
{
    return request->op;
}

static void
end_request(struct ff_ctl_request *request, bool failed, struct ff_str map)
{
    struct ff_ctl *ctl = request->ctl;
    FF_SCOPED(ff_packer) packer;

    pack_head(&packer, ANSWER, request->id);
    if (failed) {
        msgpack_pack_true(&packer.pk);
    } else {
        msgpack_pack_false(&packer.pk);
    }
    packer.pk.callback(packer.pk.data, map.p, map.n);
    if (ctl != NULL) {
        TAILQ_REMOVE(&ctl->requests, request, next);
        ctl->requests_n--;
        if (request->id != 0) {
            send_packet(ctl, ff_packer_str(&packer));
        }
    }
    free(request);
}

void
ff_ctl_answer(struct ff_ctl_request *request, const void *result)
{
    static const uint64_t nothing[16];
    const struct ff_desc *desc = ff_ctl_ops[request->op].result;
    FF_SCOPED(ff_packer) packer;

    FF_ASSERT(desc->size <= sizeof(nothing));
    ff_packer_init(&packer);
    ff_encode(desc, result == NULL ? nothing : result, &packer.pk);
    end_request(request, false, ff_packer_str(&packer));
}

void
ff_ctl_refuse(struct ff_ctl_request *request, const char *op, const struct ff_fault *fault)
{
    FF_SCOPED(ff_packer) packer;

    ff_packer_init(&packer);
    ff_encode_error(fault, op, &packer.pk);
    end_request(request, true, ff_packer_str(&packer));
}

void
ff_ctl_relay(struct ff_ctl_request *request, const struct ff_ctl_answer *answer)
{
    if (answer->map.p == NULL) {
        ff_ctl_refuse(request, ff_ctl_ops[request->op].name, &answer->fault);
        return;
    }
    end_request(request, answer->fault.code != FF_E_OK, answer->map);
}

/* ---- receiving ---- */

struct incoming {
    struct ff_arena arena;
    msgpack_zone zone;
    msgpack_object *element; /* the four */
    struct ff_str last;      /* bytes of the fourth */
};

static void
incoming_done(struct incoming *in)
{
    ff_arena_done(&in->arena);
    msgpack_zone_destroy(&in->zone);
}

/* The bytes of the fourth element: an answer is passed on as it came. */
static struct ff_str
last_bytes(struct ff_str bytes)
{
    bytes.p++; /* the head of a list of four */
    bytes.n--;
    for (int i = 0; i < 3; i++) {
        ff_msgpack_take(&bytes);
    }
    return bytes;
}

static bool
parse(struct ff_str bytes, struct incoming *in)
{
    struct ff_fault fault = { 0 };
    msgpack_object root;

    FF_ASSERT(msgpack_zone_init(&in->zone, 1024));
    if (ff_msgpack_parse(bytes, &in->zone, &root, &fault) != FF_E_OK ||
        root.type != MSGPACK_OBJECT_ARRAY || root.via.array.size != 4) {
        return false;
    }
    in->element = root.via.array.ptr;
    in->last = last_bytes(bytes);
    return in->element[0].type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
           in->element[1].type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
           in->element[3].type == MSGPACK_OBJECT_MAP;
}

static enum ff_ctl_op
op_of(const msgpack_object *name)
{
    for (int op = FF_CTL_NONE + 1; op < FF_CTL_N; op++) {
        if (name->type == MSGPACK_OBJECT_STR &&
            ff_str_is(ff_str(name->via.str.ptr, name->via.str.size), ff_ctl_ops[op].name)) {
            return (enum ff_ctl_op) op;
        }
    }
    return FF_CTL_NONE;
}

static struct ff_ctl_request *
new_request(struct ff_ctl *ctl, enum ff_ctl_op op, uint64_t id)
{
    struct ff_ctl_request *request = calloc(1, sizeof(*request));

    FF_ASSERT(request != NULL);
    *request = (struct ff_ctl_request){ .ctl = ctl, .id = id, .op = op };
    TAILQ_INSERT_TAIL(&ctl->requests, request, next);
    ctl->requests_n++;
    return request;
}

static bool
take_call(struct ff_ctl *ctl, struct incoming *in)
{
    enum ff_ctl_op op = op_of(&in->element[2]);
    const struct ff_ctl_handler *handler = ctl->owner.handlers;
    const struct ff_desc *desc = ff_ctl_ops[op].args;
    struct ff_ctl_request *request = NULL;
    struct ff_fault fault = { 0 };
    void *args = NULL;

    if (op == FF_CTL_NONE || ctl->requests_n == FF_CTL_QUEUE_MAX) {
        return false;
    }
    args = ff_arena_zalloc(&in->arena, desc->size);
    if (ff_decode(desc, &in->element[3], &in->arena, NULL, FF_E_INVALID_INPUT, args, &fault) !=
        FF_E_OK) {
        return false;
    }
    request = new_request(ctl, op, in->element[1].via.u64);
    while (handler != NULL && handler->op != FF_CTL_NONE && handler->op != op) {
        handler++;
    }
    if (handler == NULL || handler->op == FF_CTL_NONE) {
        ff_fail(&fault, FF_E_UNAVAILABLE, ff_d_text("reason", "unknown_operation"));
        ff_ctl_refuse(request, ff_ctl_ops[op].name, &fault);
        return true;
    }
    handler->handle(ctl->owner.ctx, request, args);
    return true;
}

static struct pending *
take_pending(struct ff_ctl *ctl, uint64_t id)
{
    struct pending *pending = NULL;

    TAILQ_FOREACH(pending, &ctl->pendings, next)
    {
        if (pending->id == id) {
            TAILQ_REMOVE(&ctl->pendings, pending, next);
            ctl->pendings_n--;
            return pending;
        }
    }
    return NULL;
}

static bool
take_answer(struct ff_ctl *ctl, struct incoming *in)
{
    struct pending *pending = take_pending(ctl, in->element[1].via.u64);
    struct ff_ctl_answer answer = { .map = in->last };
    const struct ff_desc *desc = NULL;
    msgpack_object detail;
    bool ok = true;

    if (pending == NULL || in->element[2].type != MSGPACK_OBJECT_BOOLEAN) {
        return pending == NULL; /* a late one */
    }
    if (in->element[2].via.boolean) {
        ff_decode_error(&in->element[3], &in->arena, &answer.fault, &detail);
    } else {
        struct ff_fault fault = { 0 };
        void *result = NULL;

        desc = ff_ctl_ops[pending->op].result;
        result = ff_arena_zalloc(&in->arena, desc->size);
        ok = ff_decode_result(desc, &in->element[3], &in->arena, result, &fault) == FF_E_OK;
        answer.result = result;
    }
    if (!ok) {
        ff_fail(&answer.fault, FF_E_INVARIANT_VIOLATION);
        answer.map = ff_cstr(NULL);
    }
    pending->done(pending->ctx, &answer);
    free(pending);
    return true;
}

/* False: what came is not of ours, or is too much. */
static bool
take(struct ff_ctl *ctl, struct ff_str bytes)
{
    __attribute__((cleanup(incoming_done))) struct incoming in = { 0 };

    if (!parse(bytes, &in)) {
        return false;
    }
    return in.element[0].via.u64 == CALL ? take_call(ctl, &in) : take_answer(ctl, &in);
}

static void
on_readable(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    struct ff_ctl *ctl = watcher->data;
    bool freed = false, ok = true;
    ssize_t n = 0;

    (void) loop;
    (void) events;
    n = recv(watcher->fd, ctl->in, sizeof(ctl->in), MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return;
    }
    if (n <= 0 || (size_t) n > sizeof(ctl->in)) {
        give_up(ctl);
        return;
    }
    ctl->freed = &freed;
    ok = take(ctl, ff_str(ctl->in, (size_t) n));
    if (freed) {
        return;
    }
    ctl->freed = NULL;
    if (!ok) {
        give_up(ctl);
    }
}

/* ---- opening and closing ---- */

struct ff_ctl *
ff_ctl_new(struct ev_loop *loop, int fd, const struct ff_ctl_owner *owner)
{
    struct ff_ctl *ctl = calloc(1, sizeof(*ctl));

    FF_ASSERT(ctl != NULL);
    ctl->loop = loop;
    ctl->owner = *owner;
    STAILQ_INIT(&ctl->out);
    TAILQ_INIT(&ctl->pendings);
    TAILQ_INIT(&ctl->requests);
    ev_io_init(&ctl->readable, on_readable, fd, EV_READ);
    ev_io_init(&ctl->writable, on_writable, fd, EV_WRITE);
    ev_timer_init(&ctl->broken, on_broken, 0.0, 0.0);
    ctl->readable.data = ctl->writable.data = ctl->broken.data = ctl;
    ev_io_start(loop, &ctl->readable);
    return ctl;
}

void
ff_ctl_free(struct ff_ctl *ctl)
{
    struct ff_ctl_request *request = NULL;
    struct packet *packet = NULL;

    if (ctl == NULL) {
        return;
    }
    if (ctl->freed != NULL) {
        *ctl->freed = true;
    }
    ev_io_stop(ctl->loop, &ctl->readable);
    ev_io_stop(ctl->loop, &ctl->writable);
    ev_timer_stop(ctl->loop, &ctl->broken);
    close(ctl->readable.fd);
    TAILQ_FOREACH(request, &ctl->requests, next)
    {
        request->ctl = NULL; /* whoever answers it frees it */
    }
    while ((packet = STAILQ_FIRST(&ctl->out)) != NULL) {
        STAILQ_REMOVE_HEAD(&ctl->out, next);
        free(packet);
    }
    fail_pendings(ctl);
    free(ctl);
}
