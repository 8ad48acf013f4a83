/* writer.c: the thread that makes the commits. */
#include <errno.h>
#include <time.h>

#include "backends/sqlite/sqlite_int.h"

/* Waits for a commit, or until the log is to be synced. False: the store is being closed. */
static bool
wait_for_work(struct sqlite *sqlite)
{
    struct timespec until = { .tv_sec = (time_t) (sqlite->sync_due / 1000),
                              .tv_nsec = (long) (sqlite->sync_due % 1000) * 1000000 };
    int rc = 0;

    while (!sqlite->handed_over && !sqlite->stopping && rc == 0) {
        rc = sqlite->sync_due == 0 ? pthread_cond_wait(&sqlite->cond, &sqlite->mutex)
                                   : pthread_cond_timedwait(&sqlite->cond, &sqlite->mutex, &until);
    }
    return sqlite->handed_over || !sqlite->stopping;
}

static void
make(struct sqlite *sqlite)
{
    ff_sqlite_make(sqlite, sqlite->commit);
    pthread_mutex_lock(&sqlite->mutex);
    sqlite->finished = true;
    pthread_cond_broadcast(&sqlite->cond);
    pthread_mutex_unlock(&sqlite->mutex);
    sqlite->host.wake(sqlite->host.ctx);
    ff_log_tend(sqlite);
}

void *
ff_sqlite_writer(void *arg)
{
    struct sqlite *sqlite = arg;

    pthread_mutex_lock(&sqlite->mutex);
    while (wait_for_work(sqlite)) {
        bool work = sqlite->handed_over;

        sqlite->handed_over = false;
        pthread_mutex_unlock(&sqlite->mutex);
        if (work) {
            make(sqlite);
        }
        ff_log_sync(sqlite, false);
        pthread_mutex_lock(&sqlite->mutex);
    }
    pthread_mutex_unlock(&sqlite->mutex);
    ff_log_sync(sqlite, true);
    return NULL;
}
