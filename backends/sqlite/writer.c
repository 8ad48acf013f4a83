/* writer.c: the thread that makes the commits. */
#include "backends/sqlite/sqlite_int.h"

static void
make(struct sqlite *sqlite)
{
    ff_sqlite_make(sqlite, sqlite->commit);
    pthread_mutex_lock(&sqlite->mutex);
    sqlite->finished = true;
    sqlite->made += sqlite->commit->outcome == FF_COMMIT_OK;
    pthread_cond_broadcast(&sqlite->cond);
    pthread_cond_signal(&sqlite->sync_cond);
    pthread_mutex_unlock(&sqlite->mutex);
    sqlite->host.wake(sqlite->host.ctx);
    ff_log_tend(sqlite);
}

void *
ff_sqlite_writer(void *arg)
{
    struct sqlite *sqlite = arg;

    pthread_mutex_lock(&sqlite->mutex);
    for (;;) {
        while (!sqlite->handed_over && !sqlite->stopping) {
            pthread_cond_wait(&sqlite->cond, &sqlite->mutex);
        }
        if (!sqlite->handed_over) {
            break; /* it is being closed */
        }
        sqlite->handed_over = false;
        pthread_mutex_unlock(&sqlite->mutex);
        make(sqlite);
        pthread_mutex_lock(&sqlite->mutex);
    }
    pthread_mutex_unlock(&sqlite->mutex);
    return NULL;
}
