#include "backends/sqlite/sqlite_int.h"
#include "core/codec.h"

static ff_err
damaged(struct ff_fault *fault, const char *what)
{
    return ff_fail(fault, FF_E_CORRUPTION, ff_d_text("reason", "record"),
                   ff_d_text("context", what));
}

static ff_err
stand(struct sqlite *sqlite, enum ff_record kind, struct ff_str body, struct ff_arena *arena,
      struct ff_fault *fault)
{
    struct ff_index_key keys[FF_INDEX_KEYS_MAX];
    void *record = ff_arena_zalloc(arena, ff_records[kind]->size);
    uint32_t n = 0;

    if (ff_row_decode(kind, body, arena, record, fault) != FF_E_OK) {
        return damaged(fault, ff_records[kind]->name);
    }
    n = ff_index_keys(kind, record, keys);
    for (uint32_t i = 0; i < n; i++) {
        ff_memory_index_change(&sqlite->index, &keys[i], true);
    }
    return FF_E_OK;
}

static ff_err
read_live(struct sqlite *sqlite, sqlite3_stmt *stmt, struct ff_fault *fault)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    int rc = SQLITE_OK;

    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (sqlite3_column_bytes(stmt, 1) != ID_BYTES) {
            return damaged(fault, "exec id");
        }
        ff_sqlite_live_add(sqlite, sqlite3_column_blob(stmt, 1), sqlite3_column_int64(stmt, 0));
        FF_TRY(stand(sqlite, FF_R_EXEC,
                     ff_str(sqlite3_column_blob(stmt, 2), (size_t) sqlite3_column_bytes(stmt, 2)),
                     &arena, fault));
        ff_arena_reset(&arena);
    }
    return rc == SQLITE_DONE ? FF_E_OK : ff_sqlite_fail(sqlite, sqlite->reader, fault);
}

static ff_err
read_lanes(struct sqlite *sqlite, sqlite3_stmt *stmt, struct ff_fault *fault)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    int rc = SQLITE_OK;

    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        FF_TRY(stand(sqlite, FF_R_LANE,
                     ff_str(sqlite3_column_blob(stmt, 0), (size_t) sqlite3_column_bytes(stmt, 0)),
                     &arena, fault));
        ff_arena_reset(&arena);
    }
    return rc == SQLITE_DONE ? FF_E_OK : ff_sqlite_fail(sqlite, sqlite->reader, fault);
}

/* ---- ended executions ---- */

static uint16_t
partition_of(const uint8_t id[ID_BYTES])
{
    return (uint16_t) (id[0] << 8 | id[1]);
}

void
ff_sqlite_note_done(struct sqlite *sqlite, const uint8_t id[ID_BYTES])
{
    uint16_t p = partition_of(id);

    if (!sqlite->done_any[p] || memcmp(id + 2, sqlite->done_max[p].b, 16) > 0) {
        memcpy(sqlite->done_max[p].b, id + 2, 16);
        sqlite->done_any[p] = true;
    }
}

bool
ff_sqlite_may_be_done(const struct sqlite *sqlite, const uint8_t id[ID_BYTES])
{
    uint16_t p = partition_of(id);

    return sqlite->done_any[p] && memcmp(id + 2, sqlite->done_max[p].b, 16) <= 0;
}

/* From the largest id downwards, a step a partition that has any. */
static ff_err
read_done(struct sqlite *sqlite, sqlite3_stmt *stmt, struct ff_fault *fault)
{
    uint8_t below[ID_BYTES];
    int rc = SQLITE_OK, n = ID_BYTES;

    memset(below, 0xff, sizeof(below));
    for (;;) {
        sqlite3_bind_blob(stmt, 1, below, n, SQLITE_STATIC);
        rc = sqlite3_step(stmt);
        if (rc != SQLITE_ROW || sqlite3_column_bytes(stmt, 0) != ID_BYTES) {
            break;
        }
        memcpy(below, sqlite3_column_blob(stmt, 0), ID_BYTES);
        sqlite3_reset(stmt);
        ff_sqlite_note_done(sqlite, below);
        n = 2; /* less than every id of this partition */
    }
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? FF_E_OK
                                                 : ff_sqlite_fail(sqlite, sqlite->reader, fault);
}

typedef ff_err reader_fn(struct sqlite *sqlite, sqlite3_stmt *stmt, struct ff_fault *fault);

static ff_err
with_query(struct sqlite *sqlite, const char *sql, reader_fn *read, struct ff_fault *fault)
{
    sqlite3_stmt *stmt = NULL;
    ff_err err = FF_E_OK;

    if (sqlite3_prepare_v2(sqlite->reader, sql, -1, &stmt, NULL) != SQLITE_OK) {
        return ff_sqlite_fail(sqlite, sqlite->reader, fault);
    }
    err = read(sqlite, stmt, fault);
    sqlite3_finalize(stmt);
    return err;
}

ff_err
ff_sqlite_rebuild(struct sqlite *sqlite, struct ff_fault *fault)
{
    FF_TRY(
        with_query(sqlite, "SELECT row, id, body FROM exec_live ORDER BY row", read_live, fault));
    FF_TRY(with_query(sqlite, "SELECT body FROM lane", read_lanes, fault));
    return with_query(sqlite, "SELECT max(id) FROM exec_done WHERE id <= ?1", read_done, fault);
}
