/* client_late.c: calls whose time is over. */
#include <time.h>

#include "workers/client_int.h"

int64_t
ff_client_mono_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

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

static void
fail_late_queued(struct ff_client *client, int64_t now_ms)
{
    struct client_calls late = TAILQ_HEAD_INITIALIZER(late);
    struct client_call *call = NULL, *next = NULL;

    pthread_mutex_lock(&client->mutex);
    TAILQ_FOREACH_SAFE(call, &client->queue, next, next)
    {
        if (call->deadline_mono_ms <= now_ms) {
            TAILQ_REMOVE(&client->queue, call, next);
            client->queued -= !call->waits;
            TAILQ_INSERT_TAIL(&late, call, next);
        }
    }
    pthread_mutex_unlock(&client->mutex);
    fail_late_calls(client, &late, now_ms);
}

/* A frame whose calls are all given up stays known until its reply comes: its number is taken. */
void
ff_client_check_deadlines(struct ff_client *client, int64_t now_ms)
{
    struct client_frame *frame = NULL, *next = NULL;

    if (client->options.timeout_ms == 0) {
        return;
    }
    HASH_ITER(hh, client->frames, frame, next)
    {
        fail_late_calls(client, &frame->calls, now_ms);
    }
    fail_late_queued(client, now_ms);
}
