#include "backends/sqlite/sqlite_int.h"

/* ---- records ---- */

static bool
fetch(struct ff_want *want, sqlite3_stmt *stmt, struct ff_arena *arena)
{
    int rc = sqlite3_step(stmt);

    want->found = rc == SQLITE_ROW;
    if (want->found) {
        want->version = (uint64_t) sqlite3_column_int64(stmt, 0);
        want->body = ff_arena_copy(
            arena, ff_str(sqlite3_column_blob(stmt, 1), (size_t) sqlite3_column_bytes(stmt, 1)));
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

static bool
load_exec(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    struct live *live = ff_sqlite_live(sqlite, &want->key);

    if (live != NULL && !live->fresh) {
        sqlite3_bind_int64(sqlite->queries[Q_LIVE], 1, live->row);
        return fetch(want, sqlite->queries[Q_LIVE], arena);
    }
    if (!ff_sqlite_may_be_done(sqlite, want->key.b)) {
        want->found = false;
        return true;
    }
    sqlite3_bind_blob(sqlite->queries[Q_DONE], 1, want->key.b, want->key.n, SQLITE_STATIC);
    return fetch(want, sqlite->queries[Q_DONE], arena);
}

static bool
row_of(struct sqlite *sqlite, const struct ff_key *key, int64_t *row)
{
    struct live *live = ff_sqlite_live(sqlite, key);
    sqlite3_stmt *stmt = sqlite->queries[Q_DONE_ROW];
    int rc = SQLITE_OK;

    if (live != NULL) {
        *row = live->row;
        return true;
    }
    *row = 0;
    if (!ff_sqlite_may_be_done(sqlite, key->b)) {
        return true;
    }
    sqlite3_bind_blob(stmt, 1, key->b, ID_BYTES, SQLITE_STATIC);
    rc = sqlite3_step(stmt);
    *row = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

static bool
load_part(struct sqlite *sqlite, struct ff_want *want, enum query which, struct ff_arena *arena)
{
    sqlite3_stmt *stmt = sqlite->queries[which];
    int64_t row = 0, n = 0;

    want->found = false;
    if (!row_of(sqlite, &want->key, &row)) {
        return false;
    }
    if (row == 0) {
        return true; /* its execution does not exist */
    }
    sqlite3_bind_int64(stmt, 1, row);
    if (which == Q_ATTEMPT) {
        for (unsigned i = ID_BYTES; i < want->key.n; i++) {
            n = n << 8 | want->key.b[i];
        }
        sqlite3_bind_int64(stmt, 2, n);
    }
    return fetch(want, stmt, arena);
}

static bool
load_plain(struct sqlite *sqlite, struct ff_want *want, enum query which, struct ff_arena *arena)
{
    sqlite3_bind_blob(sqlite->queries[which], 1, want->key.b, want->key.n, SQLITE_STATIC);
    return fetch(want, sqlite->queries[which], arena);
}

static bool
load_record(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    want->version = 0;
    want->body = ff_str(NULL, 0);
    switch (want->kind) {
    case FF_R_EXEC:
        return load_exec(sqlite, want, arena);
    case FF_R_EXEC_INPUT:
        return load_part(sqlite, want, Q_INPUT, arena);
    case FF_R_EXEC_TAGS:
        return load_part(sqlite, want, Q_TAGS, arena);
    case FF_R_EXEC_RESULT:
        return load_part(sqlite, want, Q_RESULT, arena);
    case FF_R_ATTEMPT:
        return load_part(sqlite, want, Q_ATTEMPT, arena);
    case FF_R_CREATE_KEY:
        return load_plain(sqlite, want, Q_KEY, arena);
    case FF_R_LANE:
        return load_plain(sqlite, want, Q_LANE, arena);
    default:
        return false;
    }
}

/* ---- pages ---- */

/* Ended executions of a partition, behind the want's cursor. */
static bool
done_page(struct sqlite *sqlite, const struct ff_want *want, struct ff_want *done,
          struct ff_arena *arena)
{
    sqlite3_stmt *stmt = sqlite->queries[Q_DONE_PAGE];
    uint8_t low[ID_BYTES] = { 0 }, high[ID_BYTES];
    int rc = SQLITE_OK;

    memset(high, 0xff, sizeof(high));
    memcpy(low, want->scope.b, 2);
    memcpy(high, want->scope.b, 2);
    done->n = 0;
    done->entries = ff_arena_alloc(arena, (want->limit + 1u) * sizeof(*done->entries));
    /* The least id of a partition is as good as no cursor, but for the nil uuid itself. */
    sqlite3_bind_blob(stmt, 1, want->has_after ? want->after.id.b : low,
                      want->has_after ? want->after.id.n : 2, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 2, high, sizeof(high), SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64) want->limit + 1);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        done->entries[done->n].sort = 0;
        done->entries[done->n++].id = ff_key_bytes(ff_str(sqlite3_column_blob(stmt, 0), ID_BYTES));
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE;
}

static bool
load_executions(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    struct ff_want done = { 0 };
    struct ff_entry *merged = ff_arena_alloc(arena, want->limit * sizeof(*merged));
    uint32_t i = 0, j = 0, n = 0;

    ff_memory_index_page(&sqlite->index, want, arena);
    if (!done_page(sqlite, want, &done, arena)) {
        return false;
    }
    while (n < want->limit && (i < want->n || j < done.n)) {
        int order = i == want->n  ? 1
                    : j == done.n ? -1
                                  : ff_entry_cmp(&want->entries[i], &done.entries[j]);

        merged[n++] = order <= 0 ? want->entries[i] : done.entries[j];
        i += order <= 0;
        j += order >= 0; /* both: it ends in the commit under way */
    }
    want->complete = want->complete && i == want->n && j == done.n;
    want->entries = merged;
    want->n = n;
    return true;
}

static bool
load_expiring(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    sqlite3_stmt *stmt = sqlite->queries[Q_KEY_PAGE];
    int rc = SQLITE_OK;

    want->n = 0;
    want->entries = ff_arena_alloc(arena, want->limit * sizeof(*want->entries));
    sqlite3_bind_int64(stmt, 1, want->has_after ? want->after.sort : INT64_MIN);
    sqlite3_bind_blob(stmt, 2, want->after.id.b, want->has_after ? want->after.id.n : 0,
                      SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, want->limit);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct ff_entry *entry = &want->entries[want->n++];

        entry->sort = sqlite3_column_int64(stmt, 0);
        entry->id = ff_key_bytes(
            ff_str(sqlite3_column_blob(stmt, 1), (size_t) sqlite3_column_bytes(stmt, 1)));
    }
    sqlite3_reset(stmt);
    want->complete = want->n < want->limit;
    return rc == SQLITE_DONE;
}

static bool
load_page(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    if (want->index == FF_IX_EXECUTIONS) {
        return load_executions(sqlite, want, arena);
    }
    if (want->index == FF_IX_EXPIRING) {
        return load_expiring(sqlite, want, arena);
    }
    ff_memory_index_page(&sqlite->index, want, arena);
    return true;
}

/* ---- events ---- */

static bool
load_events(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    sqlite3_stmt *stmt = sqlite->queries[Q_EVENTS + want->family];
    int rc = SQLITE_OK;

    want->n = 0;
    want->bodies = ff_arena_alloc(arena, want->limit * sizeof(*want->bodies));
    want->seqs = ff_arena_alloc(arena, want->limit * sizeof(*want->seqs));
    sqlite3_bind_int64(stmt, 1,
                       want->after_seq < INT64_MAX ? (int64_t) want->after_seq : INT64_MAX);
    sqlite3_bind_int64(stmt, 2, want->limit);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        want->seqs[want->n] = (uint64_t) sqlite3_column_int64(stmt, 0);
        want->bodies[want->n++] = ff_arena_copy(
            arena, ff_str(sqlite3_column_blob(stmt, 1), (size_t) sqlite3_column_bytes(stmt, 1)));
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE;
}

/* ---- the port ---- */

static bool
load_one(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    switch (want->what) {
    case FF_WANT_RECORD:
        return load_record(sqlite, want, arena);
    case FF_WANT_PAGE:
        return load_page(sqlite, want, arena);
    case FF_WANT_SCOPES:
        ff_memory_index_scopes(&sqlite->index, want, arena);
        return true;
    case FF_WANT_EVENTS:
        return load_events(sqlite, want, arena);
    }
    return false;
}

/* A ping reads something small. */
static bool
ping(struct sqlite *sqlite)
{
    sqlite3_stmt *stmt = sqlite->queries[Q_LANE];
    int rc = SQLITE_OK;

    sqlite3_bind_blob(stmt, 1, "", 0, SQLITE_STATIC);
    rc = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE || rc == SQLITE_ROW;
}

void
ff_sqlite_load(struct ff_store *store, struct ff_load *load)
{
    struct sqlite *sqlite = (struct sqlite *) store;
    bool ok = load->n > 0 || ping(sqlite);

    load->fault = (struct ff_fault){ 0 };
    for (uint32_t i = 0; ok && i < load->n; i++) {
        ok = load_one(sqlite, &load->wants[i], load->arena);
    }
    if (!ok) {
        ff_sqlite_fail(sqlite, sqlite->reader, &load->fault);
        load->fault.message =
            ff_arena_copy(load->arena, ff_cstr(load->fault.message)).p; /* the writer uses it too */
    }
    load->done(load);
}
