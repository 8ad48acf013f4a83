#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "backends/sqlite/sqlite_int.h"

/* Pages of 4 KiB in the log before they are moved to the file: 16 MiB when nothing waits, and 128
 * MiB in any case, so that the log cannot grow without end under constant load. */
#define WAL_PAGES_IDLE 4096
#define WAL_PAGES_MAX 32768

/* ---- one write ---- */

static void
bind_id(sqlite3_stmt *stmt, int at, const struct ff_key *key)
{
    sqlite3_bind_blob(stmt, at, key->b, key->n, SQLITE_STATIC);
}

/* ?1 row or due, ?2 key or number, ?3 version, ?4 body, as far as the statement has them. */
static bool
run(struct sqlite *sqlite, enum statement which)
{
    sqlite3_stmt *stmt = sqlite->statements[which];
    int rc = sqlite3_step(stmt);

    sqlite3_reset(stmt);
    return rc == SQLITE_DONE || rc == SQLITE_ROW;
}

static sqlite3_stmt *
bind_write(struct sqlite *sqlite, enum statement which, const struct ff_write *write)
{
    sqlite3_stmt *stmt = sqlite->statements[which];

    sqlite3_bind_int64(stmt, 3, (sqlite3_int64) write->version);
    sqlite3_bind_blob(stmt, 4, write->body.p, (int) write->body.n, SQLITE_STATIC);
    return stmt;
}

static bool
put_exec(struct sqlite *sqlite, enum statement which, const struct ff_write *write, int64_t row)
{
    sqlite3_stmt *stmt = bind_write(sqlite, which, write);

    sqlite3_bind_int64(stmt, 1, row);
    bind_id(stmt, 2, &write->key);
    return run(sqlite, which);
}

static bool
delete_live(struct sqlite *sqlite, int64_t row)
{
    sqlite3_bind_int64(sqlite->statements[ST_LIVE_DELETE], 1, row);
    return run(sqlite, ST_LIVE_DELETE);
}

static bool
delete_done(struct sqlite *sqlite, const struct ff_key *key)
{
    bind_id(sqlite->statements[ST_DONE_DELETE], 2, key);
    return run(sqlite, ST_DONE_DELETE);
}

/* The arrival row of an execution that has ended. */
static bool
done_row(struct sqlite *sqlite, const struct ff_key *key, int64_t *row)
{
    sqlite3_stmt *stmt = sqlite->statements[ST_DONE_ROW];
    int rc = SQLITE_OK;

    sqlite3_bind_blob(stmt, 1, key->b, ID_BYTES, SQLITE_STATIC);
    rc = sqlite3_step(stmt);
    *row = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW;
}

static enum statement
part_statement(enum ff_record kind, bool put)
{
    switch (kind) {
    case FF_R_EXEC_INPUT:
        return put ? ST_INPUT_PUT : ST_INPUT_DELETE;
    case FF_R_EXEC_TAGS:
        return put ? ST_TAGS_PUT : ST_TAGS_DELETE;
    case FF_R_EXEC_RESULT:
        return put ? ST_RESULT_PUT : ST_RESULT_DELETE;
    default:
        return put ? ST_ATTEMPT_PUT : ST_ATTEMPT_DELETE;
    }
}

static int64_t
key_number(const struct ff_key *key)
{
    int64_t n = 0;

    for (unsigned i = ID_BYTES; i < key->n; i++) {
        n = n << 8 | key->b[i];
    }
    return n;
}

static bool
write_part(struct sqlite *sqlite, const struct ff_write *write, struct plan *plan, bool put)
{
    enum statement which = part_statement(write->kind, put);
    sqlite3_stmt *stmt = sqlite->statements[which];

    if (plan->row == 0 && !done_row(sqlite, &write->key, &plan->row)) {
        return false;
    }
    if (put) {
        bind_write(sqlite, which, write);
    }
    sqlite3_bind_int64(stmt, 1, plan->row);
    if (write->kind == FF_R_ATTEMPT) {
        sqlite3_bind_int64(stmt, 2, key_number(&write->key));
    }
    return run(sqlite, which);
}

/* When an idempotency key lapses stands in its index entry of the same commit. */
static int64_t
due_of(const struct ff_commit *commit, const struct ff_key *key)
{
    for (uint32_t i = 0; i < commit->n_changes; i++) {
        const struct ff_index_change *change = &commit->changes[i];

        if (change->add && change->key.index == FF_IX_EXPIRING &&
            ff_key_cmp(&change->key.id, key) == 0) {
            return change->key.sort;
        }
    }
    return INT64_MAX;
}

static bool
write_plain(struct sqlite *sqlite, const struct ff_write *write, bool put)
{
    bool lane = write->kind == FF_R_LANE;
    enum statement which =
        lane ? (put ? ST_LANE_PUT : ST_LANE_DELETE) : (put ? ST_KEY_PUT : ST_KEY_DELETE);
    sqlite3_stmt *stmt = sqlite->statements[which];

    if (put) {
        bind_write(sqlite, which, write);
    }
    if (put && !lane) {
        sqlite3_bind_int64(stmt, 1, due_of(sqlite->commit, &write->key));
    }
    bind_id(stmt, 2, &write->key);
    return run(sqlite, which);
}

static bool
write_one(struct sqlite *sqlite, const struct ff_write *write, struct plan *plan)
{
    switch (plan->step) {
    case STEP_LIVE_INSERT:
        return put_exec(sqlite, ST_LIVE_INSERT, write, plan->row);
    case STEP_LIVE_UPDATE:
        return put_exec(sqlite, ST_LIVE_UPDATE, write, plan->row);
    case STEP_LIVE_DELETE:
        return delete_live(sqlite, plan->row);
    case STEP_FINISH:
        return delete_live(sqlite, plan->row) && put_exec(sqlite, ST_DONE_INSERT, write, plan->row);
    case STEP_DONE_INSERT:
        return put_exec(sqlite, ST_DONE_INSERT, write, plan->row);
    case STEP_DONE_UPDATE:
        return put_exec(sqlite, ST_DONE_UPDATE, write, 0);
    case STEP_DONE_DELETE:
        return delete_done(sqlite, &write->key);
    case STEP_REVIVE:
        return done_row(sqlite, &write->key, &plan->row) && delete_done(sqlite, &write->key) &&
               put_exec(sqlite, ST_LIVE_INSERT, write, plan->row);
    case STEP_PART_PUT:
    case STEP_PART_DELETE:
        return write_part(sqlite, write, plan, plan->step == STEP_PART_PUT);
    case STEP_PLAIN_PUT:
    case STEP_PLAIN_DELETE:
        return write_plain(sqlite, write, plan->step == STEP_PLAIN_PUT);
    }
    return false;
}

static bool
write_events(struct sqlite *sqlite, const struct ff_commit *commit)
{
    uint64_t seq[FF_FAMILIES];

    memcpy(seq, sqlite->event_seq, sizeof(seq));
    for (uint32_t i = 0; i < commit->n_events; i++) {
        const struct ff_event_write *event = &commit->events[i];
        enum statement which = (enum statement)(ST_EVENT + (int) event->family);
        sqlite3_stmt *stmt = sqlite->statements[which];

        sqlite3_bind_int64(stmt, 1, (sqlite3_int64) seq[event->family]++);
        sqlite3_bind_blob(stmt, 2, event->body.p, (int) event->body.n, SQLITE_STATIC);
        if (!run(sqlite, which)) {
            return false;
        }
    }
    return true;
}

/* ---- one commit ---- */

/* Parts of ended executions look their row up before a write of the same commit moves it. */
static bool
write_all(struct sqlite *sqlite, const struct ff_commit *commit)
{
    for (uint32_t i = 0; i < commit->n_writes; i++) {
        struct plan *plan = &sqlite->plan[i];
        bool part = plan->step == STEP_PART_PUT || plan->step == STEP_PART_DELETE;

        if (part && plan->row == 0 && !done_row(sqlite, &commit->writes[i].key, &plan->row)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < commit->n_writes; i++) {
        if (!write_one(sqlite, &commit->writes[i], &sqlite->plan[i])) {
            return false;
        }
    }
    return write_events(sqlite, commit);
}

static void
make(struct sqlite *sqlite, struct ff_commit *commit)
{
    bool done = run(sqlite, ST_BEGIN) && write_all(sqlite, commit) && run(sqlite, ST_COMMIT);

    if (done) {
        commit->outcome = FF_COMMIT_OK;
        sqlite->unsynced = sqlite->durability == FF_DURABILITY_INTERVAL;
        return;
    }
    snprintf(sqlite->message, sizeof(sqlite->message), "sqlite: %s",
             sqlite3_errmsg(sqlite->writer));
    if (sqlite3_get_autocommit(sqlite->writer) == 0) {
        run(sqlite, ST_ROLLBACK);
    }
    commit->outcome = FF_COMMIT_FAILED;
    ff_fail_transport(&commit->fault, "sqlite", "transport", sqlite->message);
}

/* ---- the log ---- */

static int
note_wal_pages(void *ctx, sqlite3 *db, const char *name, int pages)
{
    (void) db;
    (void) name;
    ((struct sqlite *) ctx)->wal_pages = pages;
    return SQLITE_OK;
}

/* PASSIVE: waits for nobody. A failure (a full disk) shows at the next commit that needs room. */
static void
move_log(struct sqlite *sqlite, int pages_max)
{
    if (sqlite->wal_pages >= pages_max) {
        sqlite3_wal_checkpoint_v2(sqlite->writer, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        sqlite->wal_pages = 0; /* the next commit says how it stands */
    }
}

static void
sync_log(struct sqlite *sqlite)
{
    char name[4096];

    if (sqlite->wal_fd < 0) {
        snprintf(name, sizeof(name), "%s-wal", sqlite->path);
        sqlite->wal_fd = open(name, O_RDWR | O_CLOEXEC);
    }
    if (sqlite->wal_fd >= 0 && fdatasync(sqlite->wal_fd) == 0) {
        sqlite->unsynced = false;
    }
}

/* ---- the thread ---- */

/* Waits for a commit; with INTERVAL at most until the log is to be synced. False: stop. */
static bool
wait_for_work(struct sqlite *sqlite)
{
    struct timespec until;
    uint64_t ns = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    ns = (uint64_t) until.tv_nsec + (uint64_t) sqlite->sync_ms % 1000 * 1000000;
    until.tv_sec += (time_t) (sqlite->sync_ms / 1000 + ns / 1000000000);
    until.tv_nsec = (long) (ns % 1000000000);
    while (!sqlite->handed_over && !sqlite->stopping) {
        if (!sqlite->unsynced) {
            pthread_cond_wait(&sqlite->cond, &sqlite->mutex);
        } else if (pthread_cond_timedwait(&sqlite->cond, &sqlite->mutex, &until) == ETIMEDOUT) {
            break;
        }
    }
    return sqlite->handed_over || !sqlite->stopping;
}

void *
ff_sqlite_writer(void *arg)
{
    struct sqlite *sqlite = arg;
    struct timespec now, synced = { 0 };

    sqlite3_wal_hook(sqlite->writer, note_wal_pages, sqlite);
    pthread_mutex_lock(&sqlite->mutex);
    while (wait_for_work(sqlite)) {
        bool work = sqlite->handed_over;

        sqlite->handed_over = false;
        pthread_mutex_unlock(&sqlite->mutex);
        if (work) {
            make(sqlite, sqlite->commit);
            pthread_mutex_lock(&sqlite->mutex);
            sqlite->finished = true;
            pthread_cond_broadcast(&sqlite->cond);
            pthread_mutex_unlock(&sqlite->mutex);
            sqlite->host.wake(sqlite->host.ctx);
            move_log(sqlite, WAL_PAGES_IDLE);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (sqlite->unsynced &&
            (now.tv_sec - synced.tv_sec) * 1000 + (now.tv_nsec - synced.tv_nsec) / 1000000 >=
                (long) sqlite->sync_ms) {
            sync_log(sqlite);
            synced = now;
        }
        pthread_mutex_lock(&sqlite->mutex);
    }
    pthread_mutex_unlock(&sqlite->mutex);
    sync_log(sqlite);
    return NULL;
}
