/* fill.c: the part of a migration that SQL cannot do. */
#include "backends/sqlite/sqlite_int.h"
#include "core/codec.h"

static struct ff_str
column(sqlite3_stmt *stmt, int at)
{
    const void *bytes = sqlite3_column_blob(stmt, at);

    return ff_str(bytes == NULL ? "" : bytes, (size_t) sqlite3_column_bytes(stmt, at));
}

static int
add_stand(sqlite3_stmt *add, const struct ff_index_key *key)
{
    int rc = SQLITE_OK;

    sqlite3_bind_int(add, 1, ff_sqlite_stand_code((enum ff_index) key->index));
    sqlite3_bind_blob(add, 2, key->scope.b, key->scope.n, SQLITE_STATIC);
    sqlite3_bind_int64(add, 3, key->sort);
    sqlite3_bind_blob(add, 4, key->id.b, key->id.n, SQLITE_STATIC);
    rc = sqlite3_step(add);
    sqlite3_reset(add);
    return rc;
}

/* Where an ended execution stands in `retained`. */
static int
retain(sqlite3_stmt *add, struct ff_str body, struct ff_arena *arena, struct ff_fault *fault)
{
    struct ff_index_key keys[FF_INDEX_KEYS_MAX];
    struct ff_exec exec = { 0 };
    uint32_t n = 0;
    int rc = SQLITE_DONE;

    if (ff_row_decode(FF_R_EXEC, body, arena, &exec, fault) != FF_E_OK) {
        return SQLITE_CORRUPT;
    }
    n = ff_index_keys(FF_R_EXEC, &exec, keys);
    for (uint32_t i = 0; i < n && rc == SQLITE_DONE; i++) {
        if (keys[i].index == FF_IX_RETAINED) {
            rc = add_stand(add, &keys[i]);
        }
    }
    return rc;
}

static ff_err
fill_retained(struct sqlite *sqlite, struct ff_fault *fault)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    sqlite3_stmt *all = NULL, *add = NULL;
    int rc = sqlite3_prepare_v2(sqlite->writer, "SELECT body FROM exec_done", -1, &all, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v2(sqlite->writer,
                                "REPLACE INTO stand (ix, scope, sort, id) VALUES (?1, ?2, ?3, ?4)",
                                -1, &add, NULL);
    }
    while (rc == SQLITE_OK && (rc = sqlite3_step(all)) == SQLITE_ROW) {
        rc = retain(add, column(all, 0), &arena, fault) == SQLITE_DONE ? SQLITE_OK : SQLITE_ERROR;
        ff_arena_reset(&arena);
    }
    sqlite3_finalize(all);
    sqlite3_finalize(add);
    if (rc == SQLITE_DONE) {
        return FF_E_OK;
    }
    return fault->code != FF_E_OK ? fault->code
                                  : ff_sqlite_fail(sqlite->writer, sqlite->writer_words, fault);
}

ff_err
ff_sqlite_fill(struct sqlite *sqlite, int64_t version, struct ff_fault *fault)
{
    return version == 4 ? fill_retained(sqlite, fault) : FF_E_OK;
}
