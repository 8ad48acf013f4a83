/* rebuild.c: what lives, from the file into memory, before the first load. */
#include <stdio.h>

#include "backends/sqlite/sqlite_int.h"
#include "core/codec.h"

struct rebuild {
    struct sqlite *sqlite;
    struct ff_arena arena; /* one record */
    enum ff_record kind;   /* of take_plain */
    struct ff_fault *fault;
};

static ff_err
damaged(struct rebuild *rebuild, const char *what)
{
    return ff_fail(rebuild->fault, FF_E_CORRUPTION, ff_d_text("reason", "record"),
                   ff_d_text("context", what));
}

static struct ff_str
column(sqlite3_stmt *stmt, int at)
{
    const void *bytes = sqlite3_column_blob(stmt, at);

    return ff_str(bytes == NULL ? "" : bytes, (size_t) sqlite3_column_bytes(stmt, at));
}

/* Where the record stands, apart from the indexes that are read from the file. */
static ff_err
stand(struct rebuild *rebuild, enum ff_record kind, struct ff_str body, struct ff_str key)
{
    struct ff_index_key keys[FF_INDEX_KEYS_MAX];
    void *record = ff_arena_zalloc(&rebuild->arena, ff_records[kind]->size);
    struct ff_key its_own;
    uint32_t n = 0;

    if (ff_row_decode(kind, body, &rebuild->arena, record, rebuild->fault) != FF_E_OK) {
        return damaged(rebuild, ff_records[kind]->name);
    }
    its_own = ff_record_key(kind, record);
    if (!ff_str_eq(ff_str(its_own.b, its_own.n), key)) {
        return damaged(rebuild, ff_records[kind]->name);
    }
    n = ff_index_keys(kind, record, keys);
    for (uint32_t i = 0; i < n; i++) {
        if (!ff_sqlite_scope_in_file((enum ff_index) keys[i].index, &keys[i].scope)) {
            ff_memory_index_change(&rebuild->sqlite->index, &keys[i], true);
        }
    }
    ff_arena_reset(&rebuild->arena);
    return FF_E_OK;
}

static ff_err
take_exec(struct rebuild *rebuild, sqlite3_stmt *stmt)
{
    struct ff_str id = column(stmt, 1);
    int64_t row = sqlite3_column_int64(stmt, 0);

    if (id.n != ID_BYTES || row >= rebuild->sqlite->now.reserved_row ||
        ff_live_add(rebuild->sqlite, (const uint8_t *) id.p, row, LIVE_HERE) == NULL) {
        return damaged(rebuild, "exec");
    }
    return stand(rebuild, FF_R_EXEC, column(stmt, 2), id);
}

static ff_err
take_plain(struct rebuild *rebuild, sqlite3_stmt *stmt)
{
    return stand(rebuild, rebuild->kind, column(stmt, 1), column(stmt, 0));
}

static ff_err
each_row(struct rebuild *rebuild, const char *sql,
         ff_err (*take)(struct rebuild *rebuild, sqlite3_stmt *stmt))
{
    struct sqlite *sqlite = rebuild->sqlite;
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(sqlite->reader, sql, -1, &stmt, NULL);
    ff_err err = FF_E_OK;

    while (rc == SQLITE_OK && err == FF_E_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        err = take(rebuild, stmt);
        rc = SQLITE_OK;
    }
    if (err == FF_E_OK && rc != SQLITE_DONE) {
        err = ff_sqlite_fail(sqlite->reader, sqlite->reader_words, rebuild->fault);
    }
    sqlite3_finalize(stmt);
    return err;
}

/* All tables of plain records, but those whose index is in the file. */
static ff_err
each_plain(struct rebuild *rebuild)
{
    char sql[96];

    for (int kind = 0; kind < FF_R_N; kind++) {
        const struct plain *plain = &ff_sqlite_plains[kind];

        if (plain->table != NULL && !plain->due && !plain->in_file) {
            rebuild->kind = (enum ff_record) kind;
            snprintf(sql, sizeof(sql), "SELECT key, body FROM %s", plain->table);
            FF_TRY(each_row(rebuild, sql, take_plain));
        }
    }
    return FF_E_OK;
}

/* The largest ended id of each partition, downwards: a step a partition that has any. */
static ff_err
note_done(struct rebuild *rebuild)
{
    struct sqlite *sqlite = rebuild->sqlite;
    sqlite3_stmt *stmt = sqlite->queries[Q_DONE_LAST];
    uint8_t below[ID_BYTES];
    int rc = SQLITE_ROW, n = ID_BYTES;

    memset(below, 0xff, sizeof(below));
    while (rc == SQLITE_ROW) {
        sqlite3_bind_blob(stmt, 1, below, n, SQLITE_STATIC);
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW) {
            struct ff_str id = column(stmt, 0);

            if (id.n != ID_BYTES) {
                sqlite3_reset(stmt);
                return damaged(rebuild, "exec");
            }
            memcpy(below, id.p, ID_BYTES);
            ff_sqlite_note_done(sqlite, below);
            n = 2; /* less than every id of this partition */
        }
        sqlite3_reset(stmt);
    }
    return rc == SQLITE_DONE ? FF_E_OK
                             : ff_sqlite_fail(sqlite->reader, sqlite->reader_words, rebuild->fault);
}

ff_err
ff_sqlite_rebuild(struct sqlite *sqlite, struct ff_fault *fault)
{
    struct rebuild rebuild = { .sqlite = sqlite, .fault = fault };
    ff_err err = each_row(&rebuild, "SELECT row, id, body FROM exec_live ORDER BY row", take_exec);

    if (err == FF_E_OK) {
        err = each_plain(&rebuild);
    }
    if (err == FF_E_OK) {
        err = note_done(&rebuild);
    }
    ff_arena_done(&rebuild.arena);
    return err;
}
