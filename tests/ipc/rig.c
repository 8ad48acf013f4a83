#include "tests/ipc/rig.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the owner ---- */

static void
carry_out(struct ff_rig *rig, struct ff_frame *frame, struct ff_call *call)
{
    static const char filler[1 << 20];
    FF_SCOPED(ff_packer) packer;

    rig->calls++;
    rig->mutations += (ff_ops[call->op].flags & FF_OPF_MUTATING) != 0;
    ff_packer_init(&packer);
    msgpack_pack_map(&packer.pk, call->op == FF_OP_read_stream ? 2 : 1);
    ff_pack_cstr(&packer.pk, "n");
    msgpack_pack_uint32(&packer.pk, rig->calls);
    if (call->op == FF_OP_read_stream) {
        FF_ASSERT(rig->reply_bytes <= sizeof(filler));
        ff_pack_cstr(&packer.pk, "filler");
        ff_pack_bytes(&packer.pk, ff_str(filler, rig->reply_bytes));
    }
    call->reply = ff_arena_copy(&frame->arena, ff_packer_str(&packer));
}

static void
take_out(struct ff_rig *rig, const struct ff_frame *frame)
{
    for (uint32_t i = 0; i < rig->frames_n; i++) {
        if (rig->frames[i] == frame) {
            memmove(&rig->frames[i], &rig->frames[i + 1],
                    (rig->frames_n - i - 1) * sizeof(rig->frames[0]));
            rig->frames_n--;
            return;
        }
    }
    FF_ASSERT(!"a frame of ours");
}

void
ff_rig_answer(struct ff_rig *rig, uint32_t i)
{
    struct ff_frame *frame = rig->frames[i];

    for (uint32_t k = 0; k < frame->n; k++) {
        carry_out(rig, frame, &frame->calls[k]);
    }
    take_out(rig, frame);
    frame->done(frame);
}

static void
submit(void *ctx, struct ff_frame *frame)
{
    struct ff_rig *rig = ctx;

    FF_ASSERT(rig->frames_n < RIG_FRAMES_MAX && frame->n > 0);
    rig->frames[rig->frames_n++] = frame;
}

static void
flush(void *ctx)
{
    struct ff_rig *rig = ctx;
    uint32_t i = 0;

    rig->flushes++;
    while (!rig->hold && i < rig->frames_n) {
        const struct ff_call *call = &rig->frames[i]->calls[0];

        if (ff_op_wait_ms(call->op, call->args) > 0) {
            i++; /* parked */
        } else {
            ff_rig_answer(rig, i);
        }
    }
}

void
ff_rig_drop(struct ff_rig *rig, uint32_t i)
{
    struct ff_frame *frame = rig->frames[i];
    struct ff_call *call = &frame->calls[0];

    (void) ff_fail(&call->fault, FF_E_UNAVAILABLE, ff_d_text("reason", "cancelled"));
    call->reply = ff_error_map(&call->fault, ff_cstr(ff_ops[call->op].name), &frame->arena);
    take_out(rig, frame);
    frame->done(frame);
}

/* As the engine: a parked call is dropped, one that runs goes on. */
static void
cancel(void *ctx, struct ff_frame *frame)
{
    struct ff_rig *rig = ctx;
    uint32_t i = 0;

    rig->cancels++;
    while (rig->frames[i] != frame) {
        FF_ASSERT(++i < rig->frames_n);
    }
    if (!rig->hold) {
        ff_rig_drop(rig, i);
    }
}

static enum ff_host_answer
host_call(void *ctx, struct ff_channel *channel, struct ff_call *call, struct ff_arena *arena)
{
    struct ff_rig *rig = ctx;

    (void) channel;
    if (call->op == FF_OP_hello) {
        rig->hellos++;
        call->reply = ff_arena_copy(arena, ff_cstr("\x80"));
        return FF_HOST_ANSWERED;
    }
    return ff_ops[call->op].place == FF_OP_IN_HOST ? FF_HOST_UNKNOWN : FF_HOST_SUBMIT;
}

static void
worker_lost(void *ctx, struct ff_str instance, struct ff_str namespace)
{
    struct ff_rig *rig = ctx;

    FF_ASSERT(rig->lost_n < RIG_LOST_MAX);
    (void) snprintf(rig->lost[rig->lost_n++], sizeof(rig->lost[0]), "%.*s@%.*s", (int) instance.n,
                    instance.p, (int) namespace.n, namespace.p == NULL ? "" : namespace.p);
}

static void
timer_cb(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void) loop;
    (void) timer;
    (void) revents;
}

void
ff_rig_turn(struct ff_rig *rig)
{
    ev_timer timer;

    ev_timer_init(&timer, timer_cb, 0.05, 0.);
    ev_timer_start(rig->loop, &timer);
    ev_run(rig->loop, EVRUN_ONCE);
    ev_timer_stop(rig->loop, &timer);
}

struct ff_rig *
ff_rig_new(const struct ff_server_options *options)
{
    static const char *const names[] = { "worker", "operator" };
    struct ff_rig *rig = calloc(1, sizeof(*rig));

    FF_ASSERT(rig != NULL);
    (void) snprintf(rig->dir, sizeof(rig->dir), "/tmp/ff-ipc-test-XXXXXX");
    FF_ASSERT(mkdtemp(rig->dir) != NULL);
    rig->loop = ev_loop_new(EVFLAG_AUTO);
    rig->ops = (struct ff_server_ops){ submit, cancel, flush, host_call, worker_lost };
    ff_server_options_init(&rig->options, &rig->ops, rig);
    rig->options.disconnect_grace_ms = 50;
    if (options != NULL) {
        rig->options = *options;
        rig->options.ops = &rig->ops;
        rig->options.ctx = rig;
    }
    rig->server = ff_server_new(rig->loop, &rig->options);
    for (int i = 0; i < 2; i++) {
        struct ff_listen listen = { names[i], rig->paths[i],
                                    i == 0 ? FF_CLASS_OF_WORKER : FF_CLASS_OF_SCANNER,
                                    i == 0 ? 0660 : 0600 };
        struct ff_fault fault;

        (void) snprintf(rig->paths[i], sizeof(rig->paths[i]), "%s/%s.sock", rig->dir, names[i]);
        FF_ASSERT(ff_server_listen(rig->server, &listen, &fault) == FF_E_OK);
    }
    return rig;
}

void
ff_rig_free(struct ff_rig *rig)
{
    while (rig->frames_n > 0) {
        ff_rig_answer(rig, 0);
    }
    ff_server_free(rig->server);
    ev_loop_destroy(rig->loop);
    FF_ASSERT(rmdir(rig->dir) == 0); /* the socket files are gone */
    free(rig);
}

/* ---- clients ---- */

struct ff_server_stats
ff_rig_stats(const struct ff_rig *rig)
{
    struct ff_server_stats stats;

    ff_server_stats(rig->server, &stats);
    return stats;
}

static void
open_client(struct ff_peer *client, struct ff_rig *rig, int sock, bool slow)
{
    uint32_t before = ff_rig_stats(rig).channels;

    *client = (struct ff_peer){ .rig = rig, .slow = slow };
    FF_ASSERT(ff_sp_open(&client->sp, rig->loop, rig->paths[sock]));
    ff_sp_read(&client->sp, !slow);
    RIG_AWAIT(rig, ff_rig_stats(rig).channels > before || before == rig->options.channels_max);
}

void
ff_peer_open(struct ff_peer *client, struct ff_rig *rig, int sock)
{
    open_client(client, rig, sock, false);
}

void
ff_peer_open_slow(struct ff_peer *client, struct ff_rig *rig, int sock)
{
    open_client(client, rig, sock, true);
}

void
ff_peer_leave(struct ff_peer *client)
{
    ff_sp_close(&client->sp);
}

void
ff_peer_close(struct ff_peer *client)
{
    struct ff_rig *rig = client->rig;
    uint32_t before = ff_rig_stats(rig).channels;

    ff_peer_leave(client);
    RIG_AWAIT(rig, ff_rig_stats(rig).channels < before || before == 0);
}

void
ff_peer_send(struct ff_peer *client, struct ff_str body)
{
    ff_sp_send(&client->sp, body);
}

struct ff_str
ff_peer_recv(struct ff_peer *client)
{
    struct ff_str body = { 0 };

    ff_sp_read(&client->sp, true);
    RIG_AWAIT(client->rig, ff_sp_take(&client->sp, &body));
    ff_sp_read(&client->sp, !client->slow);
    return body;
}

const char *
ff_peer_json(struct ff_peer *client)
{
    static char text[4096];
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_str body = ff_peer_recv(client);
    msgpack_zone zone;
    msgpack_object tree;
    struct ff_fault fault;
    struct ff_str json;

    FF_ASSERT(msgpack_zone_init(&zone, 4096));
    FF_ASSERT(ff_msgpack_parse(body, &zone, &tree, &fault) == FF_E_OK);
    json = ff_msgpack_to_json(&tree, 0, &arena);
    (void) snprintf(text, sizeof(text), "%.*s", (int) json.n, json.p);
    msgpack_zone_destroy(&zone);
    return text;
}

const char *
ff_peer_code(struct ff_peer *client, uint64_t seq)
{
    static char code[64];
    const char *json = ff_peer_json(client);
    char want[64];
    const char *at = NULL;

    (void) snprintf(want, sizeof(want), "[1,%llu,[[", (unsigned long long) seq);
    assert_memory_equal(json, want, strlen(want));
    code[0] = '\0';
    at = json[strlen(want)] == '1' ? strstr(json, "\"code\":\"") : NULL;
    if (at != NULL) {
        (void) snprintf(code, sizeof(code), "%.*s", (int) strcspn(at + 8, "\""), at + 8);
    }
    return code;
}

/* ---- frames ---- */

struct ff_str
ff_frame_of(uint8_t client_id, uint64_t seq, const char *calls_json)
{
    static char rooms[64][8192];
    static uint32_t next;
    char *room = rooms[next++ % 64];
    struct ff_uuid client = { { client_id } };
    struct ff_fault fault = { 0 };
    FF_SCOPED(ff_packer) packer;

    ff_packer_init(&packer);
    ff_request_head(client_id == 0 ? NULL : &client, seq, 0, &packer.pk);
    packer.buf.size--; /* the empty list makes way for the calls */
    FF_ASSERT(ff_json_to_msgpack(NULL, ff_cstr(calls_json), &packer.pk, &fault) == FF_E_OK);
    FF_ASSERT(packer.buf.size <= sizeof(rooms[0]));
    memcpy(room, packer.buf.data, packer.buf.size);
    return ff_str(room, packer.buf.size);
}
