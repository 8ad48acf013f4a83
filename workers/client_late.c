/* client_late.c: calls whose time is over, and those that go with their connection. */

#include "workers/client_int.h"

static void
fail_late_calls(struct ff_client *client, struct client_calls *calls, int64_t now_ms)
{
    struct client_call *call = NULL, *next = NULL;
    struct ff_fault fault = { 0 };

    ff_fail_transport(&fault, "client", "timeout", "no answer came in time");
    TAILQ_FOREACH_SAFE(call, calls, next, next)
    {
        if (call->deadline_mono_ms <= now_ms) {
            TAILQ_REMOVE(calls, call, next);
            ff_client_finish_fault(client, call, &fault);
        }
    }
}

/* Those of the queue whose time is over, or that go over one connection only. */
static void
take_queued(struct ff_client *client, int64_t now_ms, bool once, struct client_calls *out)
{
    struct client_call *call = NULL, *next = NULL;

    pthread_mutex_lock(&client->mutex);
    TAILQ_FOREACH_SAFE(call, &client->queue, next, next)
    {
        if (once ? call->once : call->deadline_mono_ms <= now_ms) {
            TAILQ_REMOVE(&client->queue, call, next);
            client->queued -= !call->waits;
            TAILQ_INSERT_TAIL(out, call, next);
        }
    }
    pthread_mutex_unlock(&client->mutex);
}

/* A frame whose calls are all given up stays known until its reply comes: its number is taken. */
void
ff_client_check_deadlines(struct ff_client *client, int64_t now_ms)
{
    struct client_calls queued = TAILQ_HEAD_INITIALIZER(queued);
    struct client_frame *frame = NULL, *next = NULL;

    if (client->options.timeout_ms == 0) {
        return;
    }
    HASH_ITER(hh, client->frames, frame, next)
    {
        fail_late_calls(client, &frame->calls, now_ms);
    }
    take_queued(client, now_ms, false, &queued);
    fail_late_calls(client, &queued, now_ms);
}

static void
fail_once(struct ff_client *client, struct client_calls *calls)
{
    struct client_call *call = NULL, *next = NULL;
    struct ff_fault fault = { 0 };

    ff_fail_transport(&fault, "client", "transport", "the connection is gone");
    TAILQ_FOREACH_SAFE(call, calls, next, next)
    {
        if (call->once) {
            TAILQ_REMOVE(calls, call, next);
            ff_client_finish_fault(client, call, &fault);
        }
    }
}

void
ff_client_lose_connection(struct ff_client *client)
{
    struct client_calls queued = TAILQ_HEAD_INITIALIZER(queued);
    struct client_frame *frame = NULL, *next = NULL;

    HASH_ITER(hh, client->frames, frame, next)
    {
        fail_once(client, &frame->calls);
        frame->sent = false;
    }
    take_queued(client, 0, true, &queued);
    fail_once(client, &queued);
}
