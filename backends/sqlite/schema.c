#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "backends/sqlite/sqlite_int.h"

/* Version 1. Executions stand in the order of their arrival (exec_live), and when they have ended
 * in the order of their completion (exec_done); what belongs to one is stored under its arrival
 * row, so that all writing is near the end of a table. */
static const char schema_1[] =
    "CREATE TABLE info (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE exec_live (row INTEGER PRIMARY KEY, id BLOB NOT NULL, version INTEGER NOT NULL,"
    " body BLOB NOT NULL);"
    "CREATE TABLE exec_done (seq INTEGER PRIMARY KEY, row INTEGER NOT NULL, id BLOB NOT NULL,"
    " version INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE UNIQUE INDEX exec_done_id ON exec_done (id);"
    "CREATE TABLE exec_input (row INTEGER PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT "
    "NULL);"
    "CREATE TABLE exec_tags (row INTEGER PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT "
    "NULL);"
    "CREATE TABLE exec_result (row INTEGER PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT "
    "NULL);"
    "CREATE TABLE attempt (row INTEGER NOT NULL, n INTEGER NOT NULL, version INTEGER NOT NULL,"
    " body BLOB NOT NULL, PRIMARY KEY (row, n)) WITHOUT ROWID;"
    "CREATE TABLE create_key (key BLOB PRIMARY KEY, due INTEGER NOT NULL, version INTEGER NOT NULL,"
    " body BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX create_key_due ON create_key (due, key);"
    "CREATE TABLE lane (key BLOB PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE event_0 (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "CREATE TABLE event_1 (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "CREATE TABLE event_2 (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "CREATE TABLE event_3 (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "CREATE TABLE event_4 (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "CREATE TABLE event_5 (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);";

/* migrations[v] leads from version v to v + 1; a change of the schema appends one. */
static const char *const migrations[FF_SQLITE_SCHEMA] = { schema_1 };

static const char *const statement_texts[ST_EVENT] = {
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_LIVE_INSERT] = "INSERT INTO exec_live (row, id, version, body) VALUES (?1, ?2, ?3, ?4)",
    [ST_LIVE_UPDATE] = "UPDATE exec_live SET version = ?3, body = ?4 WHERE row = ?1",
    [ST_LIVE_DELETE] = "DELETE FROM exec_live WHERE row = ?1",
    [ST_DONE_INSERT] = "INSERT INTO exec_done (row, id, version, body) VALUES (?1, ?2, ?3, ?4)",
    [ST_DONE_UPDATE] = "UPDATE exec_done SET version = ?3, body = ?4 WHERE id = ?2",
    [ST_DONE_DELETE] = "DELETE FROM exec_done WHERE id = ?2",
    [ST_DONE_ROW] = "SELECT row FROM exec_done WHERE id = ?1",
    [ST_INPUT_PUT] = "REPLACE INTO exec_input (row, version, body) VALUES (?1, ?3, ?4)",
    [ST_INPUT_DELETE] = "DELETE FROM exec_input WHERE row = ?1",
    [ST_TAGS_PUT] = "REPLACE INTO exec_tags (row, version, body) VALUES (?1, ?3, ?4)",
    [ST_TAGS_DELETE] = "DELETE FROM exec_tags WHERE row = ?1",
    [ST_RESULT_PUT] = "REPLACE INTO exec_result (row, version, body) VALUES (?1, ?3, ?4)",
    [ST_RESULT_DELETE] = "DELETE FROM exec_result WHERE row = ?1",
    [ST_ATTEMPT_PUT] = "REPLACE INTO attempt (row, n, version, body) VALUES (?1, ?2, ?3, ?4)",
    [ST_ATTEMPT_DELETE] = "DELETE FROM attempt WHERE row = ?1 AND n = ?2",
    [ST_KEY_PUT] = "REPLACE INTO create_key (due, key, version, body) VALUES (?1, ?2, ?3, ?4)",
    [ST_KEY_DELETE] = "DELETE FROM create_key WHERE key = ?2",
    [ST_LANE_PUT] = "REPLACE INTO lane (key, version, body) VALUES (?2, ?3, ?4)",
    [ST_LANE_DELETE] = "DELETE FROM lane WHERE key = ?2",
};

static const char *const query_texts[Q_EVENTS] = {
    [Q_LIVE] = "SELECT version, body FROM exec_live WHERE row = ?1",
    [Q_DONE] = "SELECT version, body FROM exec_done WHERE id = ?1",
    [Q_DONE_ROW] = "SELECT row FROM exec_done WHERE id = ?1",
    [Q_INPUT] = "SELECT version, body FROM exec_input WHERE row = ?1",
    [Q_TAGS] = "SELECT version, body FROM exec_tags WHERE row = ?1",
    [Q_RESULT] = "SELECT version, body FROM exec_result WHERE row = ?1",
    [Q_ATTEMPT] = "SELECT version, body FROM attempt WHERE row = ?1 AND n = ?2",
    [Q_KEY] = "SELECT version, body FROM create_key WHERE key = ?1",
    [Q_LANE] = "SELECT version, body FROM lane WHERE key = ?1",
    [Q_DONE_PAGE] = "SELECT id FROM exec_done WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
    [Q_KEY_PAGE] = ("SELECT due, key FROM create_key WHERE (due, key) > (?1, ?2)"
                    " ORDER BY due, key LIMIT ?3"),
};

/* ---- failures ---- */

ff_err
ff_sqlite_fail(struct sqlite *sqlite, sqlite3 *db, struct ff_fault *fault)
{
    int code = db == NULL ? SQLITE_CANTOPEN : sqlite3_errcode(db);

    snprintf(sqlite->message, sizeof(sqlite->message), "sqlite: %s",
             db == NULL ? "cannot open the file" : sqlite3_errmsg(db));
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) {
        ff_fail(fault, FF_E_CORRUPTION,
                ff_d_text("reason", code == SQLITE_NOTADB ? "not_a_database" : "damaged"));
        fault->message = sqlite->message;
        return FF_E_CORRUPTION;
    }
    return ff_fail_transport(fault, "sqlite", "transport", sqlite->message);
}

/* ---- the lock ---- */

/* Held as long as the process lives: a second broker on the same file would not see what this one
 * keeps in memory. */
static ff_err
take_lock(struct sqlite *sqlite, struct ff_fault *fault)
{
    char name[4096], pid[16] = { 0 };

    snprintf(name, sizeof(name), "%s.lock", sqlite->path);
    sqlite->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (sqlite->lock_fd < 0) {
        snprintf(sqlite->message, sizeof(sqlite->message), "sqlite: cannot open %.180s: %s", name,
                 strerror(errno));
        return ff_fail_transport(fault, "sqlite", "other", sqlite->message);
    }
    if (flock(sqlite->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t n = pread(sqlite->lock_fd, pid, sizeof(pid) - 1, 0);

        snprintf(sqlite->message, sizeof(sqlite->message),
                 "sqlite: %.150s is in use by another broker (process %s); stop that one first",
                 sqlite->path, n > 0 ? pid : "unknown");
        return ff_fail_transport(fault, "sqlite", "other", sqlite->message);
    }
    snprintf(pid, sizeof(pid), "%d", (int) getpid());
    if (ftruncate(sqlite->lock_fd, 0) != 0 || pwrite(sqlite->lock_fd, pid, strlen(pid), 0) < 0) {
        /* The lock holds without the number; only the other's message is poorer. */
        sqlite->message[0] = '\0';
    }
    return FF_E_OK;
}

/* ---- opening ---- */

static int
exec_sql(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* Pages: 64 MiB for the writer, 16 MiB for the reader, which meets mostly what was written lately.
 * The writer moves the log's pages itself (write.c). Pages of 8 KiB: a batch is mostly appended,
 * and a page costs the log two writes whatever its size. */
static int
open_one(struct sqlite *sqlite, const char *cache, sqlite3 **db)
{
    if (sqlite3_open_v2(sqlite->path, db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        return SQLITE_ERROR;
    }
    sqlite3_extended_result_codes(*db, 0);
    sqlite3_busy_timeout(*db, 5000);
    if (exec_sql(*db, "PRAGMA page_size = 8192") != SQLITE_OK ||
        exec_sql(*db, "PRAGMA journal_mode = WAL") != SQLITE_OK ||
        exec_sql(*db, cache) != SQLITE_OK ||
        exec_sql(*db, "PRAGMA wal_autocheckpoint = 0") != SQLITE_OK ||
        exec_sql(*db, "PRAGMA temp_store = MEMORY") != SQLITE_OK) {
        return SQLITE_ERROR;
    }
    return exec_sql(*db, sqlite->durability == FF_DURABILITY_COMMIT
                             ? "PRAGMA synchronous = FULL"
                             : "PRAGMA synchronous = NORMAL");
}

static ff_err
read_number(struct sqlite *sqlite, const char *sql, int64_t *out, struct ff_fault *fault)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(sqlite->writer, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    *out = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? FF_E_OK
                                                 : ff_sqlite_fail(sqlite, sqlite->writer, fault);
}

static ff_err
migrate(struct sqlite *sqlite, struct ff_fault *fault)
{
    int64_t version = 0;
    char set_version[64];

    FF_TRY(read_number(sqlite, "PRAGMA user_version", &version, fault));
    if (version > FF_SQLITE_SCHEMA) {
        snprintf(sqlite->message, sizeof(sqlite->message),
                 "sqlite: %.120s was written by a newer program (schema %d, this one knows %d)",
                 sqlite->path, (int) version, FF_SQLITE_SCHEMA);
        ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", "schema_version"),
                ff_d_i64("found", version), ff_d_i64("supported", FF_SQLITE_SCHEMA));
        fault->message = sqlite->message;
        return FF_E_CORRUPTION;
    }
    sqlite->fresh_file = version < FF_SQLITE_SCHEMA;
    for (; version < FF_SQLITE_SCHEMA; version++) {
        snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %d", (int) version + 1);
        if (exec_sql(sqlite->writer, "BEGIN IMMEDIATE") != SQLITE_OK ||
            exec_sql(sqlite->writer, migrations[version]) != SQLITE_OK ||
            exec_sql(sqlite->writer, set_version) != SQLITE_OK ||
            exec_sql(sqlite->writer, "COMMIT") != SQLITE_OK) {
            ff_err err = ff_sqlite_fail(sqlite, sqlite->writer, fault);

            exec_sql(sqlite->writer, "ROLLBACK");
            return err;
        }
    }
    return FF_E_OK;
}

static ff_err
prepare_one(struct sqlite *sqlite, sqlite3 *db, const char *sql, sqlite3_stmt **stmt,
            struct ff_fault *fault)
{
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL) != SQLITE_OK) {
        return ff_sqlite_fail(sqlite, db, fault);
    }
    return FF_E_OK;
}

static ff_err
prepare_all(struct sqlite *sqlite, struct ff_fault *fault)
{
    char sql[128];

    for (int i = 0; i < ST_EVENT; i++) {
        FF_TRY(
            prepare_one(sqlite, sqlite->writer, statement_texts[i], &sqlite->statements[i], fault));
    }
    for (int i = 0; i < Q_EVENTS; i++) {
        FF_TRY(prepare_one(sqlite, sqlite->reader, query_texts[i], &sqlite->queries[i], fault));
    }
    for (int f = 0; f < FF_FAMILIES; f++) {
        int64_t newest = 0;

        snprintf(sql, sizeof(sql), "INSERT INTO event_%d (seq, body) VALUES (?1, ?2)", f);
        FF_TRY(prepare_one(sqlite, sqlite->writer, sql, &sqlite->statements[ST_EVENT + f], fault));
        snprintf(sql, sizeof(sql),
                 "SELECT seq, body FROM event_%d WHERE seq > ?1 ORDER BY seq LIMIT ?2", f);
        FF_TRY(prepare_one(sqlite, sqlite->reader, sql, &sqlite->queries[Q_EVENTS + f], fault));
        snprintf(sql, sizeof(sql), "SELECT max(seq) FROM event_%d", f);
        FF_TRY(read_number(sqlite, sql, &newest, fault));
        sqlite->next_seq[f] = (uint64_t) newest + 1;
    }
    return FF_E_OK;
}

ff_err
ff_sqlite_open_files(struct sqlite *sqlite, struct ff_fault *fault)
{
    int64_t newest = 0;

    FF_TRY(take_lock(sqlite, fault));
    if (open_one(sqlite, "PRAGMA cache_size = -65536", &sqlite->writer) != SQLITE_OK) {
        return ff_sqlite_fail(sqlite, sqlite->writer, fault);
    }
    FF_TRY(migrate(sqlite, fault));
    if (open_one(sqlite, "PRAGMA cache_size = -16384", &sqlite->reader) != SQLITE_OK) {
        return ff_sqlite_fail(sqlite, sqlite->reader, fault);
    }
    FF_TRY(prepare_all(sqlite, fault));
    /* Every execution has an input under its row, as long as it is kept. */
    FF_TRY(read_number(sqlite, "SELECT max(row) FROM exec_input", &newest, fault));
    sqlite->next_row = newest + 1;
    return FF_E_OK;
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
    sqlite3_close(sqlite->writer);
    if (sqlite->wal_fd >= 0) {
        close(sqlite->wal_fd);
    }
    if (sqlite->lock_fd >= 0) {
        close(sqlite->lock_fd);
    }
}

/* ---- prepare (01 §10.3) ---- */

static ff_err
store_counts(struct sqlite *sqlite, const struct ff_partition_counts *counts,
             struct ff_fault *fault)
{
    char sql[256];

    snprintf(sql, sizeof(sql),
             "INSERT INTO info (name, value) VALUES ('flow', %u), ('budget', %u), ('quota', %u)",
             counts->flow, counts->budget, counts->quota);
    if (exec_sql(sqlite->writer, sql) != SQLITE_OK) {
        return ff_sqlite_fail(sqlite, sqlite->writer, fault);
    }
    return FF_E_OK;
}

ff_err
ff_sqlite_prepare(struct ff_store *store, struct ff_partition_counts *counts, bool *applied,
                  struct ff_fault *fault)
{
    struct sqlite *sqlite = (struct sqlite *) store;
    int64_t flow = 0, budget = 0, quota = 0;
    struct ff_partition_counts stored;

    *applied = sqlite->fresh_file;
    sqlite->fresh_file = false;
    FF_TRY(read_number(sqlite, "SELECT value FROM info WHERE name = 'flow'", &flow, fault));
    FF_TRY(read_number(sqlite, "SELECT value FROM info WHERE name = 'budget'", &budget, fault));
    FF_TRY(read_number(sqlite, "SELECT value FROM info WHERE name = 'quota'", &quota, fault));
    if (flow == 0) {
        counts->flow = counts->flow == 0 ? 256 : counts->flow;
        counts->budget = counts->budget == 0 ? 32 : counts->budget;
        counts->quota = counts->quota == 0 ? 32 : counts->quota;
        return store_counts(sqlite, counts, fault);
    }
    stored = (struct ff_partition_counts){ .flow = (uint32_t) flow,
                                           .budget = (uint32_t) budget,
                                           .quota = (uint32_t) quota };
    return ff_store_check_counts(&stored, counts, fault);
}
