#include "ipc/close.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/base.h"
#include "core/clock.h"

/* The closing is done by a thread of its own, and one that does not come back is left behind. */

#define CLOSE_MS_MAX 500

struct closing {
    nng_socket socket;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool done, left; /* left: nobody waits any more */
};

static void
closing_free(struct closing *closing)
{
    pthread_cond_destroy(&closing->cond);
    pthread_mutex_destroy(&closing->mutex);
    free(closing);
}

static void *
run(void *arg)
{
    struct closing *closing = arg;
    bool left = false;

    nng_close(closing->socket);
    pthread_mutex_lock(&closing->mutex);
    closing->done = true;
    left = closing->left;
    pthread_cond_signal(&closing->cond);
    pthread_mutex_unlock(&closing->mutex);
    if (left) {
        closing_free(closing);
    }
    return NULL;
}

static struct closing *
closing_new(nng_socket socket)
{
    struct closing *closing = calloc(1, sizeof(*closing));
    pthread_condattr_t attr;

    FF_ASSERT(closing != NULL);
    closing->socket = socket;
    pthread_mutex_init(&closing->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&closing->cond, &attr);
    pthread_condattr_destroy(&attr);
    return closing;
}

static bool
await_close(struct closing *closing)
{
    int64_t until_ms = ff_mono_ms() + CLOSE_MS_MAX;
    struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
    bool done = false;
    int over = 0;

    pthread_mutex_lock(&closing->mutex);
    while (!closing->done && over == 0) {
        over = pthread_cond_timedwait(&closing->cond, &closing->mutex, &until);
    }
    done = closing->done;
    closing->left = !done;
    pthread_mutex_unlock(&closing->mutex);
    return done;
}

bool
ff_socket_close(nng_socket socket)
{
    struct closing *closing = closing_new(socket);
    pthread_t thread;

    if (pthread_create(&thread, NULL, run, closing) != 0) {
        nng_close(socket);
        closing_free(closing);
        return true;
    }
    if (await_close(closing)) {
        pthread_join(thread, NULL);
        closing_free(closing);
        return true;
    }
    pthread_detach(thread);
    return false;
}
