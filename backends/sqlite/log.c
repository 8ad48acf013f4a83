/* log.c: the write-ahead log: when it is synced, and when its pages are moved into the file. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "backends/sqlite/sqlite_int.h"

/* Pages of 8 KiB in the log before they are moved to the file: 16 MiB. */
#define WAL_PAGES 2048

static int64_t
mono_ms(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t) at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

/* ---- syncing by the clock ---- */

void
ff_log_written(struct sqlite *sqlite)
{
    if (sqlite->durability == FF_DURABILITY_INTERVAL && sqlite->sync_due == 0) {
        sqlite->sync_due = mono_ms() + sqlite->sync_ms;
    }
}

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

void
ff_log_sync(struct sqlite *sqlite, bool force)
{
    if (sqlite->sync_due == 0 || (!force && mono_ms() < sqlite->sync_due)) {
        return;
    }
    sqlite->sync_failed = !sync_file(sqlite);
    if (sqlite->sync_failed) {
        snprintf(sqlite->writer_words, WORDS_MAX, "sqlite: cannot sync the log: %s",
                 strerror(errno));
        sqlite->sync_due = mono_ms() + sqlite->sync_ms;
    } else {
        sqlite->sync_due = 0;
    }
}

/* ---- moving it into the file ---- */

static int
note_pages(void *ctx, sqlite3 *db, const char *name, int pages)
{
    (void) db;
    (void) name;
    ((struct sqlite *) ctx)->wal_pages = pages;
    return SQLITE_OK;
}

void
ff_log_attach(struct sqlite *sqlite)
{
    sqlite3_wal_hook(sqlite->writer, note_pages, sqlite);
}

/* PASSIVE waits for nobody. A failure (a full disk) leaves the pages in the log, which grows as
 * long as there is room; what needs room and finds none is the commit that says so. */
void
ff_log_tend(struct sqlite *sqlite)
{
    if (sqlite->wal_pages >= WAL_PAGES) {
        sqlite3_wal_checkpoint_v2(sqlite->writer, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        sqlite->wal_pages = 0; /* the next commit says how it stands */
    }
}
