#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "backends/sqlite/sqlite_int.h"

/* SQLite keeps this much beside a path ("-journal"); we keep ".lock". */
#define PATH_BYTES_MAX (PATH_MAX - 16)

/* ---- failures ---- */

ff_err
ff_sqlite_fail(sqlite3 *db, char *words, struct ff_fault *fault)
{
    int code = db == NULL ? SQLITE_NOMEM : sqlite3_errcode(db) & 0xff;
    const char *reason = code == SQLITE_NOTADB ? "not_a_database" : "damaged";

    snprintf(words, WORDS_MAX, "sqlite: %s", db == NULL ? "out of memory" : sqlite3_errmsg(db));
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) {
        ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", reason));
        fault->message = words;
        return FF_E_CORRUPTION;
    }
    return ff_fail_transport(fault, "sqlite", "transport", words);
}

/* Of opening: the path, and why. Nothing that trying again would mend. */
static ff_err
fail_path(struct sqlite *sqlite, const char *what, struct ff_fault *fault)
{
    snprintf(sqlite->reader_words, WORDS_MAX, "sqlite: %.200s: %s", sqlite->path, what);
    return ff_fail_transport(fault, "sqlite", "other", sqlite->reader_words);
}

/* ---- the lock ---- */

static ff_err
fail_locked(struct sqlite *sqlite, struct ff_fault *fault)
{
    char pid[16] = { 0 }, what[64];
    ssize_t n = pread(sqlite->lock_fd, pid, sizeof(pid) - 1, 0);

    snprintf(what, sizeof(what), "in use by another broker (process %s)", n > 0 ? pid : "unknown");
    return fail_path(sqlite, what, fault);
}

/* Held as long as the store is open, and no longer than its process lives: a second broker on the
 * same file would not see what this one keeps in memory. The file of the lock stays: to remove it
 * would let two hold locks on two files of one name. */
static ff_err
take_lock(struct sqlite *sqlite, struct ff_fault *fault)
{
    char name[PATH_MAX], pid[16];
    int n = 0;

    snprintf(name, sizeof(name), "%s.lock", sqlite->path);
    sqlite->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (sqlite->lock_fd < 0) {
        return fail_path(sqlite, strerror(errno), fault);
    }
    if (flock(sqlite->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return fail_locked(sqlite, fault);
    }
    n = snprintf(pid, sizeof(pid), "%d", (int) getpid());
    if (ftruncate(sqlite->lock_fd, 0) != 0 || pwrite(sqlite->lock_fd, pid, (size_t) n, 0) != n) {
        /* The lock holds all the same; only the other's message is poorer (a full disk). */
        return FF_E_OK;
    }
    return FF_E_OK;
}

/* ---- the file ---- */

/* Makes the file with mode 0600 (SQLite would follow the umask) and finds its one name, so that a
 * link to it leads to the same lock. Closed again before SQLite takes locks of its own on it. */
static ff_err
find_file(struct sqlite *sqlite, struct ff_fault *fault)
{
    int flags = O_RDWR | O_CLOEXEC | (sqlite->host.use == FF_STORE_LOOK ? 0 : O_CREAT);
    char *real = NULL;
    int fd = -1;

    if (strlen(sqlite->path) > PATH_BYTES_MAX) {
        return fail_path(sqlite, strerror(ENAMETOOLONG), fault);
    }
    fd = open(sqlite->path, flags, 0600);
    if (fd < 0 && errno == ENOENT && sqlite->host.use == FF_STORE_LOOK) {
        return ff_store_fail_missing(fault);
    }
    if (fd < 0) {
        return fail_path(sqlite, strerror(errno), fault);
    }
    close(fd);
    real = realpath(sqlite->path, NULL);
    if (real == NULL || strlen(real) > PATH_BYTES_MAX) {
        free(real);
        return fail_path(sqlite, "cannot be resolved", fault);
    }
    free(sqlite->path);
    sqlite->path = real;
    return FF_E_OK;
}

/* ---- connections ---- */

static bool
open_one(struct sqlite *sqlite, sqlite3 **db)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

    return sqlite3_open_v2(sqlite->path, db, flags, NULL) == SQLITE_OK &&
           sqlite3_busy_timeout(*db, 5000) == SQLITE_OK;
}

/* Cache: 64 MiB for the writer; 16 MiB for the reader, whose pages are forgotten with every commit.
 * synchronous: commits are synced by sync.c. wal_autocheckpoint: log.c does it. journal_size_limit:
 * what a log that had to grow shrinks to. */
static bool
set_up(sqlite3 *db, const char *cache)
{
    return ff_sqlite_exec(db, "PRAGMA journal_mode = WAL") == SQLITE_OK &&
           ff_sqlite_exec(db, cache) == SQLITE_OK &&
           ff_sqlite_exec(db, "PRAGMA synchronous = NORMAL") == SQLITE_OK &&
           ff_sqlite_exec(db, "PRAGMA wal_autocheckpoint = 0") == SQLITE_OK &&
           ff_sqlite_exec(db, "PRAGMA journal_size_limit = 67108864") == SQLITE_OK &&
           ff_sqlite_exec(db, "PRAGMA temp_store = MEMORY") == SQLITE_OK;
}

/* A file that is refused has not been touched: the schema is looked at before the journal mode is
 * set. Pages of 8 KiB: a batch is mostly appended, and a page costs the log two writes whatever its
 * size. */
ff_err
ff_sqlite_open_files(struct sqlite *sqlite, struct ff_fault *fault)
{
    int64_t version = 0;

    FF_TRY(find_file(sqlite, fault));
    FF_TRY(take_lock(sqlite, fault));
    if (!open_one(sqlite, &sqlite->writer)) {
        return ff_sqlite_fail(sqlite->writer, sqlite->writer_words, fault);
    }
    FF_TRY(ff_sqlite_check_schema(sqlite, &version, fault));
    if (ff_sqlite_exec(sqlite->writer, "PRAGMA page_size = 8192") != SQLITE_OK ||
        !set_up(sqlite->writer, "PRAGMA cache_size = -65536")) {
        return ff_sqlite_fail(sqlite->writer, sqlite->writer_words, fault);
    }
    FF_TRY(ff_sqlite_migrate(sqlite, version, fault));
    if (!open_one(sqlite, &sqlite->reader) ||
        !set_up(sqlite->reader, "PRAGMA cache_size = -16384")) {
        return ff_sqlite_fail(sqlite->reader, sqlite->reader_words, fault);
    }
    if (!open_one(sqlite, &sqlite->mover) || !set_up(sqlite->mover, "PRAGMA cache_size = -64")) {
        return ff_sqlite_fail(sqlite->mover, sqlite->reader_words, fault);
    }
    return ff_sqlite_prepare_all(sqlite, fault);
}

void
ff_sqlite_close_files(struct sqlite *sqlite)
{
    for (int i = 0; i < ST_WRITER_N; i++) {
        sqlite3_finalize(sqlite->statements[i]);
    }
    for (int i = 0; i < Q_READER_N; i++) {
        sqlite3_finalize(sqlite->queries[i]);
    }
    sqlite3_close(sqlite->reader);
    sqlite3_close(sqlite->mover);
    sqlite3_close(sqlite->writer); /* the last one moves what is left in the log */
    if (sqlite->wal_fd >= 0) {
        close(sqlite->wal_fd);
    }
    if (sqlite->lock_fd >= 0) {
        close(sqlite->lock_fd);
    }
}
