#include <stdio.h>

#include "backends/sqlite/sqlite_int.h"

/* "FFab": tells our files from other people's. */
#define APPLICATION_ID 0x46466162

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

/* Tables of plain records (ff_sqlite_plains). */
#define PLAIN_TABLE(name)                                                                          \
    "CREATE TABLE " name " (key BLOB PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL)"   \
    " WITHOUT ROWID;"
#define DUE_TABLE(name)                                                                            \
    "CREATE TABLE " name " (key BLOB PRIMARY KEY, due INTEGER NOT NULL, version INTEGER NOT NULL," \
    " body BLOB NOT NULL) WITHOUT ROWID;"                                                          \
    "CREATE INDEX " name "_due ON " name " (due, key);"

/* Version 2: admission (05). */
static const char schema_2[] = PLAIN_TABLE("budget") DUE_TABLE("budget_key") PLAIN_TABLE("ledger")
    PLAIN_TABLE("quota") PLAIN_TABLE("quota_window") PLAIN_TABLE("window_entry")
        PLAIN_TABLE("admission") PLAIN_TABLE("slot") PLAIN_TABLE("worker");

/* Version 3: suspensions (03). What has random keys and may be large is written in the order of its
 * arrival, with an index over the keys; `stand`: standing.c. */
#define IN_FILE_TABLE(name)                                                                        \
    "CREATE TABLE " name " (row INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,"                    \
    " version INTEGER NOT NULL, body BLOB NOT NULL);"
static const char schema_3[] = IN_FILE_TABLE("suspension") IN_FILE_TABLE("waitpoint")
    IN_FILE_TABLE("signal") DUE_TABLE("signal_key") DUE_TABLE("suspend_reply")
        PLAIN_TABLE("keyring") "CREATE TABLE stand (ix INTEGER NOT NULL, scope BLOB NOT NULL,"
                               " sort INTEGER NOT NULL, id BLOB NOT NULL,"
                               " PRIMARY KEY (ix, scope, sort, id)) WITHOUT ROWID;";

/* Version 4: index `retained`, filled in by ff_sqlite_fill (fill.c). */
static const char schema_4[] = "";

/* Version 5: streams (06), stored as attempts are. n of a frame: attempt * 4 + mode. */
static const char schema_5[] =
    "CREATE TABLE stream (row INTEGER NOT NULL, n INTEGER NOT NULL, version INTEGER NOT NULL,"
    " body BLOB NOT NULL, PRIMARY KEY (row, n)) WITHOUT ROWID;"
    "CREATE TABLE summary (row INTEGER NOT NULL, n INTEGER NOT NULL, version INTEGER NOT NULL,"
    " body BLOB NOT NULL, PRIMARY KEY (row, n)) WITHOUT ROWID;"
    "CREATE TABLE frame (row INTEGER NOT NULL, n INTEGER NOT NULL, ms INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL,"
    " PRIMARY KEY (row, n, ms, seq)) WITHOUT ROWID;";

/* Version 6: flows (04). Keys begin with the flow's id, and the tables are read by it (keys.c). */
static const char schema_6[] = PLAIN_TABLE("flow") PLAIN_TABLE("member") PLAIN_TABLE("edge")
    PLAIN_TABLE("edge_group") PLAIN_TABLE("flow_summary");

/* migrations[v] leads from version v to v + 1; a change of the schema appends one, and never
 * touches those before it. */
static const char *const migrations[FF_SQLITE_SCHEMA] = { schema_1, schema_2, schema_3,
                                                          schema_4, schema_5, schema_6 };

/* ?1 row, ?2 key or number, ?3 version, ?4 body, ?5 and ?6 a frame id, as far as there are such. */
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
    [ST_STREAM_PUT] = "REPLACE INTO stream (row, n, version, body) VALUES (?1, ?2, ?3, ?4)",
    [ST_STREAM_DELETE] = "DELETE FROM stream WHERE row = ?1 AND n = ?2",
    [ST_SUMMARY_PUT] = "REPLACE INTO summary (row, n, version, body) VALUES (?1, ?2, ?3, ?4)",
    [ST_SUMMARY_DELETE] = "DELETE FROM summary WHERE row = ?1 AND n = ?2",
    [ST_FRAME_PUT] = ("REPLACE INTO frame (row, n, version, body, ms, seq)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
    [ST_FRAME_DELETE] = "DELETE FROM frame WHERE row = ?1 AND n = ?2 AND ms = ?5 AND seq = ?6",
    [ST_INFO_PUT] = "REPLACE INTO info (name, value) VALUES (?1, ?2)",
    [ST_STAND_ADD] = "REPLACE INTO stand (ix, scope, sort, id) VALUES (?1, ?2, ?3, ?4)",
    [ST_STAND_DROP] = ("DELETE FROM stand WHERE ix = ?1 AND scope = ?2 AND sort = ?3"
                       " AND id = ?4"),
};

static const char *const query_texts[Q_EVENTS] = {
    [Q_BEGIN] = "BEGIN",
    [Q_COMMIT] = "COMMIT",
    [Q_LIVE] = "SELECT version, body FROM exec_live WHERE row = ?1",
    [Q_DONE] = "SELECT version, body FROM exec_done WHERE id = ?1",
    [Q_DONE_ROW] = "SELECT row FROM exec_done WHERE id = ?1",
    [Q_INPUT] = "SELECT version, body FROM exec_input WHERE row = ?1",
    [Q_TAGS] = "SELECT version, body FROM exec_tags WHERE row = ?1",
    [Q_RESULT] = "SELECT version, body FROM exec_result WHERE row = ?1",
    [Q_ATTEMPT] = "SELECT version, body FROM attempt WHERE row = ?1 AND n = ?2",
    [Q_STREAM] = "SELECT version, body FROM stream WHERE row = ?1 AND n = ?2",
    [Q_SUMMARY] = "SELECT version, body FROM summary WHERE row = ?1 AND n = ?2",
    [Q_FRAME] = ("SELECT version, body FROM frame WHERE row = ?1 AND n = ?2"
                 " AND ms = ?5 AND seq = ?6"),
    [Q_FRAME_PAGE] = ("SELECT ms, seq FROM frame WHERE row = ?1 AND n = ?2"
                      " AND (ms, seq) > (?3, ?4) ORDER BY ms, seq LIMIT ?5"),
    [Q_FRAME_SCOPES] = ("SELECT DISTINCT coalesce(l.id, d.id) AS id, f.n AS n FROM frame f"
                        " LEFT JOIN exec_live l ON l.row = f.row"
                        " LEFT JOIN exec_done d ON d.row = f.row ORDER BY id, n"),
    [Q_DONE_PAGE] = "SELECT id FROM exec_done WHERE id >= ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
    [Q_DONE_FIRST] = "SELECT id FROM exec_done WHERE id >= ?1 ORDER BY id LIMIT 1",
    [Q_DONE_LAST] = "SELECT id FROM exec_done WHERE id <= ?1 ORDER BY id DESC LIMIT 1",
    [Q_STAND_PAGE] = ("SELECT sort, id FROM stand WHERE ix = ?1 AND scope = ?2"
                      " AND (sort, id) > (?3, ?4) ORDER BY sort, id LIMIT ?5"),
    [Q_STAND_SCOPE] = ("SELECT scope FROM stand WHERE ix = ?1 AND scope >= ?2"
                       " ORDER BY scope LIMIT 1"),
};

/* Their tables have the columns key, version, body; with `due` also due, and an index on it. */
const struct plain ff_sqlite_plains[FF_R_N] = {
    [FF_R_CREATE_KEY] = { .table = "create_key", .due = true },
    [FF_R_LANE] = { .table = "lane" },
    [FF_R_BUDGET] = { .table = "budget" },
    [FF_R_BUDGET_KEY] = { .table = "budget_key", .due = true },
    [FF_R_LEDGER] = { .table = "ledger" },
    [FF_R_QUOTA] = { .table = "quota" },
    [FF_R_WINDOW] = { .table = "quota_window" },
    [FF_R_WINDOW_ENTRY] = { .table = "window_entry" },
    [FF_R_ADMISSION] = { .table = "admission" },
    [FF_R_SLOT] = { .table = "slot" },
    [FF_R_WORKER] = { .table = "worker" },
    [FF_R_SUSPENSION] = { .table = "suspension", .in_file = true },
    [FF_R_WAITPOINT] = { .table = "waitpoint", .in_file = true },
    [FF_R_SIGNAL] = { .table = "signal", .in_file = true },
    [FF_R_SIGNAL_KEY] = { .table = "signal_key", .due = true },
    [FF_R_SUSPEND_REPLY] = { .table = "suspend_reply", .due = true },
    [FF_R_KEYRING] = { .table = "keyring" },
    [FF_R_FLOW] = { .table = "flow", .in_file = true },
    [FF_R_MEMBER] = { .table = "member", .in_file = true },
    [FF_R_EDGE] = { .table = "edge", .in_file = true },
    [FF_R_GROUP] = { .table = "edge_group", .in_file = true },
    [FF_R_SUMMARY] = { .table = "flow_summary", .in_file = true },
};

/* ?1 due, ?2 key, ?3 version, ?4 body. */
static const char *const plain_steps[2][3] = {
    { [PLAIN_PUT] = "REPLACE INTO %s (key, version, body) VALUES (?2, ?3, ?4)",
      [PLAIN_DELETE] = "DELETE FROM %s WHERE key = ?2" },
    { [PLAIN_PUT] = "REPLACE INTO %s (due, key, version, body) VALUES (?1, ?2, ?3, ?4)",
      [PLAIN_UPDATE] = "UPDATE %s SET version = ?3, body = ?4 WHERE key = ?2",
      [PLAIN_DELETE] = "DELETE FROM %s WHERE key = ?2" },
};
static const char *const plain_queries[2][3] = {
    { [PLAIN_GET] = "SELECT version, body FROM %s WHERE key = ?1",
      [PLAIN_KEYS_PAGE] = ("SELECT 0, key FROM %s WHERE key > ?1 AND key < ?2"
                           " ORDER BY key LIMIT ?3") },
    { [PLAIN_GET] = "SELECT version, body FROM %s WHERE key = ?1",
      [PLAIN_DUE_PAGE] = ("SELECT due, key FROM %s WHERE (due, key) > (?1, ?2)"
                          " ORDER BY due, key LIMIT ?3") },
};

/* ---- the version ---- */

int
ff_sqlite_exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* The first column of the first row; 0 where there is none. */
static ff_err
number(struct sqlite *sqlite, const char *sql, int64_t *out, struct ff_fault *fault)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(sqlite->writer, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    *out = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        ff_sqlite_fail(sqlite->writer, sqlite->writer_words, fault);
        sqlite3_finalize(stmt);
        return fault->code;
    }
    sqlite3_finalize(stmt);
    return FF_E_OK;
}

static ff_err
refuse(struct sqlite *sqlite, const char *why, struct ff_fault *fault)
{
    snprintf(sqlite->writer_words, WORDS_MAX, "sqlite: %.200s: %s", sqlite->path, why);
    fault->message = sqlite->writer_words;
    return fault->code;
}

ff_err
ff_sqlite_check_schema(struct sqlite *sqlite, int64_t *version, struct ff_fault *fault)
{
    int64_t tables = 0, application = 0;
    char why[96];

    FF_TRY(number(sqlite, "SELECT count(*) FROM sqlite_master", &tables, fault));
    FF_TRY(number(sqlite, "PRAGMA application_id", &application, fault));
    FF_TRY(number(sqlite, "PRAGMA user_version", version, fault));
    if (tables > 0 && application != APPLICATION_ID) {
        ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", "not_a_store"));
        return refuse(sqlite, "a database of another program", fault);
    }
    if (*version > FF_SQLITE_SCHEMA) {
        snprintf(why, sizeof(why), "written by a newer program (schema %d, this one knows %d)",
                 (int) *version, FF_SQLITE_SCHEMA);
        ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", "schema_version"),
                ff_d_i64("found", *version), ff_d_i64("supported", FF_SQLITE_SCHEMA));
        return refuse(sqlite, why, fault);
    }
    if (*version < FF_SQLITE_SCHEMA && sqlite->host.use == FF_STORE_LOOK) {
        return tables == 0 ? ff_store_fail_missing(fault) : ff_store_fail_version(fault);
    }
    return FF_E_OK;
}

/* Each version in a transaction of its own, so that a start that is killed goes on from there. */
ff_err
ff_sqlite_migrate(struct sqlite *sqlite, int64_t version, struct ff_fault *fault)
{
    char set[96];

    for (; version < FF_SQLITE_SCHEMA; version++) {
        snprintf(set, sizeof(set), "PRAGMA user_version = %d; PRAGMA application_id = %d",
                 (int) version + 1, APPLICATION_ID);
        if (ff_sqlite_exec(sqlite->writer, "BEGIN IMMEDIATE") != SQLITE_OK ||
            ff_sqlite_exec(sqlite->writer, migrations[version]) != SQLITE_OK) {
            return ff_sqlite_fail(sqlite->writer, sqlite->writer_words, fault);
        }
        FF_TRY(ff_sqlite_fill(sqlite, version + 1, fault));
        if (ff_sqlite_exec(sqlite->writer, set) != SQLITE_OK ||
            ff_sqlite_exec(sqlite->writer, "COMMIT") != SQLITE_OK) {
            return ff_sqlite_fail(sqlite->writer, sqlite->writer_words, fault);
        }
        sqlite->changed_file = true;
    }
    return FF_E_OK;
}

/* ---- statements, and the numbers that go on from what is stored ---- */

static ff_err
prepare_one(sqlite3 *db, const char *sql, sqlite3_stmt **stmt, char *words, struct ff_fault *fault)
{
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL) != SQLITE_OK) {
        return ff_sqlite_fail(db, words, fault);
    }
    return FF_E_OK;
}

static ff_err
prepare_feed(struct sqlite *sqlite, int family, struct ff_fault *fault)
{
    int64_t newest = 0;
    char sql[128];

    snprintf(sql, sizeof(sql), "INSERT INTO event_%d (seq, body) VALUES (?1, ?2)", family);
    FF_TRY(prepare_one(sqlite->writer, sql, &sqlite->statements[ST_EVENT + family],
                       sqlite->writer_words, fault));
    snprintf(sql, sizeof(sql), "DELETE FROM event_%d WHERE seq <= ?1", family);
    FF_TRY(prepare_one(sqlite->writer, sql, &sqlite->statements[ST_EVENT_TRIM + family],
                       sqlite->writer_words, fault));
    snprintf(sql, sizeof(sql),
             "SELECT seq, body FROM event_%d WHERE seq > ?1 ORDER BY seq LIMIT ?2", family);
    FF_TRY(prepare_one(sqlite->reader, sql, &sqlite->queries[Q_EVENTS + family],
                       sqlite->reader_words, fault));
    snprintf(sql, sizeof(sql), "SELECT min(seq) FROM event_%d", family);
    FF_TRY(prepare_one(sqlite->reader, sql, &sqlite->queries[Q_EVENT_FIRST + family],
                       sqlite->reader_words, fault));
    snprintf(sql, sizeof(sql), "SELECT max(seq) FROM event_%d", family);
    FF_TRY(number(sqlite, sql, &newest, fault));
    sqlite->now.next_seq[family] = (uint64_t) newest + 1;
    return FF_E_OK;
}

/* The text with the table's name in it. */
static const char *
naming(const char *text, const char *table, char sql[192])
{
    const char *at = strstr(text, "%s");

    snprintf(sql, 192, "%.*s%s%s", (int) (at - text), text, table, at + 2);
    return sql;
}

static ff_err
prepare_plain(struct sqlite *sqlite, enum ff_record kind, struct ff_fault *fault)
{
    const struct plain *plain = &ff_sqlite_plains[kind];
    const char *const *steps = plain_steps[plain->due], *const *queries = plain_queries[plain->due];
    char sql[192];

    for (int i = PLAIN_PUT; i <= PLAIN_DELETE; i++) {
        enum statement which = ff_sqlite_plain_step(kind, (enum plain_step) i);

        if (steps[i] != NULL) {
            FF_TRY(prepare_one(sqlite->writer, naming(steps[i], plain->table, sql),
                               &sqlite->statements[which], sqlite->writer_words, fault));
        }
    }
    for (int i = PLAIN_GET; i <= PLAIN_KEYS_PAGE; i++) {
        enum query which = ff_sqlite_plain_query(kind, (enum plain_query) i);

        if (queries[i] != NULL) {
            FF_TRY(prepare_one(sqlite->reader, naming(queries[i], plain->table, sql),
                               &sqlite->queries[which], sqlite->reader_words, fault));
        }
    }
    return FF_E_OK;
}

static ff_err
read_info(struct sqlite *sqlite, struct ff_fault *fault)
{
    int64_t flow = 0, budget = 0, quota = 0, row = 0, unfinished = 0;

    FF_TRY(number(sqlite, "SELECT value FROM info WHERE name = 'flow'", &flow, fault));
    FF_TRY(number(sqlite, "SELECT value FROM info WHERE name = 'budget'", &budget, fault));
    FF_TRY(number(sqlite, "SELECT value FROM info WHERE name = 'quota'", &quota, fault));
    FF_TRY(number(sqlite, "SELECT value FROM info WHERE name = 'next_row'", &row, fault));
    FF_TRY(number(sqlite, "SELECT value FROM info WHERE name = 'unfinished_copy'", &unfinished,
                  fault));
    sqlite->store.unfinished = unfinished != 0;
    sqlite->counts = (struct ff_partition_counts){ .flow = (uint32_t) flow,
                                                   .budget = (uint32_t) budget,
                                                   .quota = (uint32_t) quota };
    sqlite->now.next_row = sqlite->now.reserved_row = row == 0 ? 1 : row;
    return FF_E_OK;
}

ff_err
ff_sqlite_prepare_all(struct sqlite *sqlite, struct ff_fault *fault)
{
    for (int i = 0; i < ST_EVENT; i++) {
        FF_TRY(prepare_one(sqlite->writer, statement_texts[i], &sqlite->statements[i],
                           sqlite->writer_words, fault));
    }
    for (int i = 0; i < Q_EVENTS; i++) {
        FF_TRY(prepare_one(sqlite->reader, query_texts[i], &sqlite->queries[i],
                           sqlite->reader_words, fault));
    }
    for (int family = 0; family < FF_FAMILIES; family++) {
        FF_TRY(prepare_feed(sqlite, family, fault));
    }
    for (int kind = 0; kind < FF_R_N; kind++) {
        if (ff_sqlite_plains[kind].table != NULL) {
            FF_TRY(prepare_plain(sqlite, (enum ff_record) kind, fault));
        }
    }
    return read_info(sqlite, fault);
}

/* ---- prepare (01 §10.3) ---- */

/* Only before the first commit, when the writer thread leaves its connection alone. */
static ff_err
store_counts(struct sqlite *sqlite, struct ff_partition_counts *counts, struct ff_fault *fault)
{
    char sql[256];

    FF_ASSERT(sqlite->commit == NULL);
    ff_store_default_counts(counts);
    snprintf(sql, sizeof(sql),
             "INSERT INTO info (name, value) VALUES ('flow', %u), ('budget', %u), ('quota', %u)",
             counts->flow, counts->budget, counts->quota);
    if (ff_sqlite_exec(sqlite->writer, sql) != SQLITE_OK) {
        return ff_sqlite_fail(sqlite->writer, sqlite->writer_words, fault);
    }
    sqlite->counts = *counts;
    return FF_E_OK;
}

ff_err
ff_sqlite_prepare(struct ff_store *store, struct ff_partition_counts *counts, bool *applied,
                  struct ff_fault *fault)
{
    struct sqlite *sqlite = (struct sqlite *) store;

    *applied = false;
    if (store->unfinished && sqlite->host.use != FF_STORE_FILL) {
        return ff_store_fail_unfinished(fault);
    }
    if (sqlite->counts.flow == 0 && sqlite->host.use == FF_STORE_LOOK) {
        return ff_store_fail_missing(fault);
    }
    if (sqlite->counts.flow == 0) {
        FF_TRY(store_counts(sqlite, counts, fault));
    } else {
        FF_TRY(ff_store_check_counts(&sqlite->counts, counts, fault));
    }
    *applied = sqlite->changed_file;
    sqlite->changed_file = false;
    return FF_E_OK;
}
