/* sync.c: the thread that brings the log to the disk, beside the writer: while it waits for the
 * disk, the writer makes the next commit.
 *
 * With durability `commit` a commit is done when the log is synced behind it, which SQLite itself
 * does not do then (synchronous = NORMAL syncs at moves only; https://sqlite.org/pragma.html). What
 * a sync has brought to the disk is everything that was written before it began.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "backends/sqlite/sqlite_int.h"
#include "core/clock.h"

/* The log's own descriptor; SQLite keeps its locks on the other files, so that closing this one
 * cannot lose them. */
static bool
sync_file(struct sqlite *sqlite)
{
    char name[PATH_MAX];

    if (sqlite->wal_fd < 0) {
        snprintf(name, sizeof(name), "%s-wal", sqlite->path);
        sqlite->wal_fd = open(name, O_RDWR | O_CLOEXEC);
    }
    return sqlite->wal_fd >= 0 && fdatasync(sqlite->wal_fd) == 0;
}

/* INTERVAL: the log may be as much behind. */
static void
wait_until_due(struct sqlite *sqlite)
{
    int64_t due_ms = ff_mono_ms() + sqlite->sync_ms;
    struct timespec until = { .tv_sec = (time_t) (due_ms / 1000),
                              .tv_nsec = (long) (due_ms % 1000) * 1000000 };

    while (!sqlite->stopping &&
           pthread_cond_timedwait(&sqlite->sync_cond, &sqlite->mutex, &until) != ETIMEDOUT) {
    }
}

/* Entered and left with the mutex. */
static void
sync_once(struct sqlite *sqlite)
{
    uint64_t made = sqlite->made;
    bool synced = false;

    pthread_mutex_unlock(&sqlite->mutex);
    synced = sync_file(sqlite);
    pthread_mutex_lock(&sqlite->mutex);
    if (synced) {
        sqlite->synced = made;
    } else {
        sqlite->sync_failed = true;
        snprintf(sqlite->sync_words, WORDS_MAX,
                 "sqlite: cannot sync the log (%s): what was under way may be kept or not",
                 strerror(errno));
    }
    sqlite->sync_news = true;
    pthread_cond_broadcast(&sqlite->cond);
}

static void *
syncer_main(void *arg)
{
    struct sqlite *sqlite = arg;

    pthread_mutex_lock(&sqlite->mutex);
    for (;;) {
        while (!sqlite->stopping && (sqlite->synced == sqlite->made || sqlite->sync_failed)) {
            pthread_cond_wait(&sqlite->sync_cond, &sqlite->mutex);
        }
        if (sqlite->synced == sqlite->made || sqlite->sync_failed) {
            break; /* it is being closed */
        }
        if (sqlite->durability == FF_DURABILITY_INTERVAL) {
            wait_until_due(sqlite);
        }
        sync_once(sqlite);
        if (sqlite->durability == FF_DURABILITY_COMMIT) {
            pthread_mutex_unlock(&sqlite->mutex);
            sqlite->host.wake(sqlite->host.ctx);
            pthread_mutex_lock(&sqlite->mutex);
        }
    }
    pthread_mutex_unlock(&sqlite->mutex);
    return NULL;
}

/* After a sync that failed, the system may have dropped what it could not write, and the next one
 * would not say so: what the log holds is moved to the file as a whole, and that is synced. */
bool
ff_sync_mended(struct sqlite *sqlite)
{
    bool failed = false;
    int pages = -1, moved = -1;

    pthread_mutex_lock(&sqlite->mutex);
    failed = sqlite->sync_failed;
    pthread_mutex_unlock(&sqlite->mutex);
    if (!failed) {
        return true;
    }
    if (sqlite3_wal_checkpoint_v2(sqlite->writer, NULL, SQLITE_CHECKPOINT_FULL, &pages, &moved) !=
            SQLITE_OK ||
        pages != moved) {
        return false;
    }
    pthread_mutex_lock(&sqlite->mutex);
    sqlite->sync_failed = false;
    sqlite->synced = sqlite->made;
    pthread_mutex_unlock(&sqlite->mutex);
    return true;
}

int
ff_sync_start(struct sqlite *sqlite)
{
    int rc = 0;

    if (sqlite->durability == FF_DURABILITY_NONE) {
        return 0;
    }
    rc = pthread_create(&sqlite->sync_thread, NULL, syncer_main, sqlite);
    sqlite->syncing = rc == 0;
    return rc;
}
