#include "backends/sqlite/sqlite_int.h"

/* Every function that reads says false where the reader's connection has failed. */

/* ---- records ---- */

static bool
fetch(struct ff_want *want, sqlite3_stmt *stmt, struct ff_arena *arena)
{
    int rc = sqlite3_step(stmt);

    want->found = rc == SQLITE_ROW;
    if (want->found) {
        const void *body = sqlite3_column_blob(stmt, 1);
        size_t n = (size_t) sqlite3_column_bytes(stmt, 1);

        want->version = (uint64_t) sqlite3_column_int64(stmt, 0);
        want->body = ff_arena_copy(arena, ff_str(body == NULL ? "" : body, n));
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

/* What the commit under way moves is found on one of its sides. */
static bool
load_exec(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    struct live *live = ff_live_find(sqlite, want->key.b);

    if (live != NULL) {
        sqlite3_bind_int64(sqlite->queries[Q_LIVE], 1, live->row);
        if (!fetch(want, sqlite->queries[Q_LIVE], arena) || want->found) {
            return want->found;
        }
    } else if (!ff_sqlite_may_be_done(sqlite, want->key.b)) {
        return true;
    }
    sqlite3_bind_blob(sqlite->queries[Q_DONE], 1, want->key.b, want->key.n, SQLITE_STATIC);
    return fetch(want, sqlite->queries[Q_DONE], arena);
}

bool
ff_sqlite_done_row(sqlite3_stmt *stmt, const struct ff_key *key, int64_t *row)
{
    int rc = SQLITE_OK;

    sqlite3_bind_blob(stmt, 1, key->b, ID_BYTES, SQLITE_STATIC);
    rc = sqlite3_step(stmt);
    *row = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

bool
ff_sqlite_row_of(struct sqlite *sqlite, const struct ff_key *key, int64_t *row)
{
    struct live *live = ff_live_find(sqlite, key->b);

    *row = live == NULL ? 0 : live->row;
    return live != NULL || !ff_sqlite_may_be_done(sqlite, key->b) ||
           ff_sqlite_done_row(sqlite->queries[Q_DONE_ROW], key, row);
}

static bool
load_part(struct sqlite *sqlite, struct ff_want *want, enum query which, struct ff_arena *arena)
{
    sqlite3_stmt *stmt = sqlite->queries[which];
    int64_t row = 0;

    if (!ff_sqlite_row_of(sqlite, &want->key, &row)) {
        return false;
    }
    if (row == 0) {
        return true; /* its execution does not exist */
    }
    sqlite3_bind_int64(stmt, 1, row);
    ff_sqlite_bind_part(stmt, want->kind, &want->key);
    return fetch(want, stmt, arena);
}

static bool
load_plain(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    enum query which = ff_sqlite_plain_query(want->kind, PLAIN_GET);

    FF_ASSERT(sqlite->queries[which] != NULL); /* an event is read by family and number */
    sqlite3_bind_blob(sqlite->queries[which], 1, want->key.b, want->key.n, SQLITE_STATIC);
    return fetch(want, sqlite->queries[which], arena);
}

static bool
load_record(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    want->found = false;
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
    case FF_R_STREAM:
        return load_part(sqlite, want, Q_STREAM, arena);
    case FF_R_SUMMARY_DOC:
        return load_part(sqlite, want, Q_SUMMARY, arena);
    case FF_R_OUT_FRAME:
        return load_part(sqlite, want, Q_FRAME, arena);
    default:
        return load_plain(sqlite, want, arena);
    }
}

/* ---- events ---- */

/* What the owner has not been told of yet is not there. */
static uint64_t
newest_event(const struct sqlite *sqlite, enum ff_event_family family)
{
    const struct counters *told = sqlite->commit == NULL ? &sqlite->now : &sqlite->before;

    return told->next_seq[family] - 1;
}

static bool
oldest_event(struct sqlite *sqlite, struct ff_want *want)
{
    sqlite3_stmt *stmt = sqlite->queries[Q_EVENT_FIRST + want->family];
    int rc = sqlite3_step(stmt);

    want->oldest = rc == SQLITE_ROW ? (uint64_t) sqlite3_column_int64(stmt, 0) : 0;
    if (want->oldest == 0 || want->oldest > want->newest) {
        want->oldest = want->newest + 1;
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW;
}

static bool
load_events(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    sqlite3_stmt *stmt = sqlite->queries[Q_EVENTS + want->family];
    uint64_t newest = newest_event(sqlite, want->family);
    uint64_t behind = newest > want->after_seq ? newest - want->after_seq : 0;
    uint32_t most = behind < want->limit ? (uint32_t) behind : want->limit;
    int rc = SQLITE_OK;

    want->n = 0;
    want->newest = newest;
    want->bodies = FF_ARENA_NEW(arena, struct ff_str, most);
    want->seqs = FF_ARENA_NEW(arena, uint64_t, most);
    if (!oldest_event(sqlite, want) || most == 0) {
        return most == 0;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64) want->after_seq);
    sqlite3_bind_int64(stmt, 2, most);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW &&
           (uint64_t) sqlite3_column_int64(stmt, 0) <= newest) {
        const void *body = sqlite3_column_blob(stmt, 1);
        size_t n = (size_t) sqlite3_column_bytes(stmt, 1);

        want->seqs[want->n] = (uint64_t) sqlite3_column_int64(stmt, 0);
        want->bodies[want->n++] = ff_arena_copy(arena, ff_str(body == NULL ? "" : body, n));
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE || rc == SQLITE_ROW;
}

/* ---- the port ---- */

static bool
load_one(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    switch (want->what) {
    case FF_WANT_RECORD:
        return load_record(sqlite, want, arena);
    case FF_WANT_PAGE:
        return ff_sqlite_page(sqlite, want, arena);
    case FF_WANT_SCOPES:
        return ff_sqlite_scopes(sqlite, want, arena);
    case FF_WANT_EVENTS:
        return load_events(sqlite, want, arena);
    case FF_WANT_WALK:
        return ff_sqlite_walk(sqlite, want, arena);
    }
    return false;
}

static bool
run(struct sqlite *sqlite, enum query which)
{
    int rc = sqlite3_step(sqlite->queries[which]);

    sqlite3_reset(sqlite->queries[which]);
    return rc == SQLITE_DONE || rc == SQLITE_ROW;
}

/* A ping reads something small. */
static bool
ping(struct sqlite *sqlite)
{
    enum query which = ff_sqlite_plain_query(FF_R_LANE, PLAIN_GET);

    sqlite3_bind_blob(sqlite->queries[which], 1, "", 0, SQLITE_STATIC);
    return run(sqlite, which);
}

/* One statement of its own is an instant, too; or none is needed. */
static bool
is_simple(struct sqlite *sqlite, const struct ff_want *want)
{
    switch (want->what) {
    case FF_WANT_PAGE:
        return !ff_sqlite_index_in_file(want->index) || ff_sqlite_stand_code(want->index) != 0;
    case FF_WANT_SCOPES:
        return !ff_sqlite_index_in_file(want->index);
    case FF_WANT_RECORD:
        return ff_sqlite_plains[want->kind].table != NULL ||
               (want->kind == FF_R_EXEC && ff_live_find(sqlite, want->key.b) == NULL);
    case FF_WANT_EVENTS:
    case FF_WANT_WALK:
        break;
    }
    return false;
}

static bool
needs_transaction(struct sqlite *sqlite, const struct ff_load *load)
{
    uint32_t n = 0;

    while (n < load->n && is_simple(sqlite, &load->wants[n])) {
        n++;
    }
    return n < load->n || n != 1;
}

/* In one read transaction all wants see one instant, and its locks are taken once. */
void
ff_sqlite_load(struct ff_store *store, struct ff_load *load)
{
    struct sqlite *sqlite = (struct sqlite *) store;
    bool together = needs_transaction(sqlite, load);
    bool ok = !together || run(sqlite, Q_BEGIN);

    load->fault = (struct ff_fault){ 0 };
    ok = ok && (load->n > 0 || ping(sqlite));
    for (uint32_t i = 0; ok && i < load->n; i++) {
        ok = load_one(sqlite, &load->wants[i], load->arena);
    }
    if (!ok) {
        ff_sqlite_fail(sqlite->reader, sqlite->reader_words, &load->fault);
        load->fault.message = ff_arena_copy(load->arena, ff_cstr(sqlite->reader_words)).p;
    }
    if (together && sqlite3_get_autocommit(sqlite->reader) == 0) {
        run(sqlite, Q_COMMIT);
    }
    load->done(load);
}
