#include <errno.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "workers/client_int.h"

/* ---- answers ---- */

void
ff_answer_done(struct ff_answer *answer)
{
    ff_arena_done(&answer->arena);
    *answer = (struct ff_answer){ 0 };
}

bool
ff_answer_is_lost(const struct ff_answer *answer)
{
    const struct ff_fault *fault = &answer->fault;

    return fault->code == FF_E_TRANSPORT && fault->n > 0 && fault->detail[0].type == FF_D_STR &&
           ff_str_is(fault->detail[0].v.str, "client");
}

const char *
ff_answer_text(struct ff_answer *answer)
{
    const struct ff_error_info *info = ff_error_info(answer->fault.code);
    msgpack_zone zone;
    msgpack_object map, detail = { .type = MSGPACK_OBJECT_NIL };
    struct ff_fault ignored = { 0 }, read = { 0 };
    struct ff_str json = ff_cstr("");
    const char *message = NULL;

    if (info == NULL) {
        return "ok";
    }
    message = answer->fault.message != NULL ? answer->fault.message : info->message;
    msgpack_zone_init(&zone, 1024);
    if (answer->map.p != NULL && ff_msgpack_parse(answer->map, &zone, &map, &ignored) == FF_E_OK) {
        ff_decode_error(&map, &answer->arena, &read, &detail);
        if (detail.type == MSGPACK_OBJECT_MAP && detail.via.map.size > 0) {
            json = ff_msgpack_to_json(&detail, 0, &answer->arena);
        }
    }
    msgpack_zone_destroy(&zone);
    return ff_arena_printf(&answer->arena, "%s: %s%s%.*s", info->code, message,
                           json.n > 0 ? " " : "", (int) json.n, json.p)
        .p;
}

ff_err
ff_answer_result(struct ff_answer *answer, enum ff_op op, void *result_out)
{
    msgpack_zone zone;
    msgpack_object map;
    ff_err err = FF_E_OK;

    msgpack_zone_init(&zone, 4096);
    err = ff_msgpack_parse(answer->map, &zone, &map, &answer->fault);
    if (err == FF_E_OK) {
        err = ff_decode_result(ff_ops[op].result, &map, &answer->arena, result_out, &answer->fault);
    }
    msgpack_zone_destroy(&zone);
    return err;
}

static void
answer_fault(struct ff_answer *answer, const struct ff_fault *fault, const char *op)
{
    answer->fault = *fault;
    answer->map = ff_error_map(fault, ff_cstr(op), &answer->arena);
}

/* ---- calls ---- */

static void
call_free(struct client_call *call)
{
    ff_packer_done(&call->args);
    free(call);
}

void
ff_client_finish(struct ff_client *client, struct client_call *call, struct ff_answer *answer)
{
    ff_client_done *done = call->done;
    void *ctx = call->ctx;

    call_free(call);
    pthread_mutex_lock(&client->mutex);
    client->outstanding--;
    pthread_mutex_unlock(&client->mutex);
    done(ctx, answer);
}

void
ff_client_finish_fault(struct ff_client *client, struct client_call *call,
                       const struct ff_fault *fault)
{
    struct ff_answer answer = { 0 };

    answer_fault(&answer, fault, call->op);
    ff_client_finish(client, call, &answer);
}

struct wait {
    sem_t done;
    struct ff_answer *answer;
};

static void
on_answer(void *ctx, struct ff_answer *answer)
{
    struct wait *wait = ctx;

    *wait->answer = *answer;
    sem_post(&wait->done); /* from here on wait may be gone */
}

static struct client_call *
call_new(struct ff_client *client, ff_client_done *done, void *ctx)
{
    struct client_call *call = calloc(1, sizeof(*call));

    FF_ASSERT(call != NULL);
    ff_packer_init(&call->args);
    call->done = done;
    call->ctx = ctx;
    call->blocks = done == on_answer;
    call->deadline_mono_ms = INT64_MAX;
    if (client->options.timeout_ms > 0) {
        call->deadline_mono_ms = ff_time_add(ff_mono_ms(), client->options.timeout_ms);
    }
    return call;
}

/* Hands it to the I/O thread; answers at once where that is not possible. */
static void
submit(struct ff_client *client, struct client_call *call)
{
    struct ff_fault fault = { 0 };
    bool first = false;

    pthread_mutex_lock(&client->mutex);
    client->outstanding++;
    if (client->closing) {
        ff_fail_transport(&fault, "client", "transport", "the client is closed");
    } else if (call->once && !client->connected) {
        ff_fail_transport(&fault, "client", "transport", "the connection is gone");
    } else if (client->outstanding > client->options.calls_max) {
        ff_fail(&fault, FF_E_RESOURCE_EXHAUSTED, ff_d_text("pool", "calls"),
                ff_d_u64("max", client->options.calls_max), ff_d_u64("retry_after_ms", 10));
    } else {
        first = TAILQ_EMPTY(&client->queue);
        TAILQ_INSERT_TAIL(&client->queue, call, next);
        client->queued += !call->waits;
    }
    pthread_mutex_unlock(&client->mutex);
    if (fault.code != FF_E_OK) {
        ff_client_finish_fault(client, call, &fault);
    } else if (first) { /* else it has been woken, and has not looked yet */
        ev_async_send(client->loop, &client->wake);
    }
}

static void
submit_op(struct ff_client *client, struct client_call *call, enum ff_op op, const void *args)
{
    call->op = ff_ops[op].name;
    call->waits = ff_op_wait_ms(op, args) > 0;
    ff_encode(ff_ops[op].args, args, &call->args.pk);
    submit(client, call);
}

void
ff_client_call_async(struct ff_client *client, enum ff_op op, const void *args,
                     ff_client_done *done, void *ctx)
{
    submit_op(client, call_new(client, done, ctx), op, args);
}

void
ff_client_call_named_async(struct ff_client *client, struct ff_str op, struct ff_str args,
                           ff_client_done *done, void *ctx)
{
    struct client_call *call = call_new(client, done, ctx);
    const struct ff_op_info *info = ff_op_find(op);

    snprintf(call->name, sizeof(call->name), "%.*s", (int) op.n, op.p == NULL ? "" : op.p);
    call->op = call->name;
    call->waits = info != NULL && (info->flags & FF_OPF_BLOCKING) != 0;
    msgpack_sbuffer_write(&call->args.buf, args.p, args.n);
    submit(client, call);
}

/* ---- waiting for an answer ---- */

static void
wait_init(struct wait *wait, struct ff_answer *answer)
{
    ff_answer_done(answer);
    wait->answer = answer;
    FF_ASSERT(sem_init(&wait->done, 0, 0) == 0);
}

static ff_err
wait_for(struct wait *wait)
{
    while (sem_wait(&wait->done) != 0) {
        FF_ASSERT(errno == EINTR);
    }
    sem_destroy(&wait->done);
    return wait->answer->fault.code;
}

ff_err
ff_client_call(struct ff_client *client, enum ff_op op, const void *args, void *result,
               struct ff_answer *answer)
{
    struct wait wait;

    wait_init(&wait, answer);
    ff_client_call_async(client, op, args, on_answer, &wait);
    FF_TRY(wait_for(&wait));
    return ff_answer_result(answer, op, result);
}

ff_err
ff_client_call_once(struct ff_client *client, enum ff_op op, const void *args, void *result,
                    struct ff_answer *answer)
{
    struct client_call *call = NULL;
    struct wait wait;

    wait_init(&wait, answer);
    call = call_new(client, on_answer, &wait);
    call->once = true;
    submit_op(client, call, op, args);
    FF_TRY(wait_for(&wait));
    return ff_answer_result(answer, op, result);
}

ff_err
ff_client_call_named(struct ff_client *client, struct ff_str op, struct ff_str args,
                     struct ff_answer *answer)
{
    struct wait wait;

    wait_init(&wait, answer);
    ff_client_call_named_async(client, op, args, on_answer, &wait);
    return wait_for(&wait);
}

/* ---- opening and closing ---- */

/* $FF_RUNTIME_DIR, else /run/flowfabric for root, else $XDG_RUNTIME_DIR/flowfabric (00 §1). */
static bool
default_address(char *out, size_t size)
{
    const char *dir = getenv("FF_RUNTIME_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");
    int n = 0;

    if (dir != NULL) {
        n = snprintf(out, size, "ipc://%s/worker.sock", dir);
    } else if (geteuid() == 0) {
        n = snprintf(out, size, "ipc:///run/flowfabric/worker.sock");
    } else if (xdg != NULL) {
        n = snprintf(out, size, "ipc://%s/flowfabric/worker.sock", xdg);
    }
    return n > 0 && (size_t) n < size;
}

static char *
copy_text(const char *text)
{
    char *copy = text == NULL ? NULL : strdup(text);

    FF_ASSERT(text == NULL || copy != NULL);
    return copy;
}

static void
client_free(struct ff_client *client)
{
    pthread_mutex_destroy(&client->mutex);
    free(client->name);
    free(client->worker_instance_id);
    free(client->namespace);
    free(client);
}

static struct ff_client *
client_new(const struct ff_client_options *options)
{
    struct ff_client *client = calloc(1, sizeof(*client));

    FF_ASSERT(client != NULL && sodium_init() >= 0);
    if (options != NULL) {
        client->options = *options;
    }
    client->options.window = client->options.window == 0 ? 4 : client->options.window;
    client->options.calls_max = client->options.calls_max == 0 ? 65536 : client->options.calls_max;
    client->options.give_up_ms =
        client->options.give_up_ms == 0 ? 10000 : client->options.give_up_ms;
    client->name = copy_text(client->options.name == NULL ? "libflowfabric" : client->options.name);
    client->worker_instance_id = copy_text(client->options.worker_instance_id);
    client->namespace = copy_text(client->options.namespace);
    randombytes_buf(client->id.b, sizeof(client->id.b));
    pthread_mutex_init(&client->mutex, NULL);
    TAILQ_INIT(&client->queue);
    return client;
}

ff_err
ff_client_open(const struct ff_client_options *options, struct ff_client **client_out,
               struct ff_fault *fault)
{
    struct ff_client *client = client_new(options);
    const char *address = client->options.address;
    ff_err err = FF_E_OK;

    if (address == NULL ? !default_address(client->address, sizeof(client->address))
                        : strlen(address) >= sizeof(client->address)) {
        client_free(client);
        return ff_fail(fault, FF_E_INVALID_CONFIG, ff_d_text("context", "client"),
                       ff_d_text("field", "address"), ff_d_text("reason", "too_long"));
    }
    if (address != NULL) {
        memcpy(client->address, address, strlen(address) + 1);
    }
    err = ff_client_io_open(client, fault);
    if (err != FF_E_OK) {
        client_free(client);
        return err;
    }
    *client_out = client;
    return FF_E_OK;
}

void
ff_client_close(struct ff_client *client)
{
    if (client == NULL) {
        return;
    }
    pthread_mutex_lock(&client->mutex);
    client->closing = true;
    pthread_mutex_unlock(&client->mutex);
    ev_async_send(client->loop, &client->wake);
    pthread_join(client->thread, NULL);
    if (ff_client_io_close(client)) {
        client_free(client);
    }
}
