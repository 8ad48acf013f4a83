/* Indexes that are the keys of a table: those of a flow begin with its id. */
#include "backends/sqlite/sqlite_int.h"

/* Of a scope there. */
#define FLOW_BYTES 16

static enum ff_record
kind_of(enum ff_index index)
{
    switch (index) {
    case FF_IX_MEMBERS:
        return FF_R_MEMBER;
    case FF_IX_GROUPS:
        return FF_R_GROUP;
    case FF_IX_EDGES:
        return FF_R_EDGE;
    default:
        return FF_R_N;
    }
}

bool
ff_sqlite_is_keys(enum ff_index index)
{
    return kind_of(index) != FF_R_N;
}

/* Behind every key that begins with `prefix`. */
static void
bind_end(sqlite3_stmt *stmt, int at, struct ff_str prefix)
{
    uint8_t end[FF_SCOPE_MAX + FF_KEY_MAX];

    memset(end, 0xff, sizeof(end));
    if (prefix.n > 0) {
        memcpy(end, prefix.p, prefix.n);
    }
    sqlite3_bind_blob(stmt, at, end, sizeof(end), SQLITE_TRANSIENT);
}

static void
bind_start(sqlite3_stmt *stmt, struct ff_str start)
{
    sqlite3_bind_blob(stmt, 1, start.n == 0 ? "" : start.p, (int) start.n, SQLITE_TRANSIENT);
}

/* Where a page begins, exclusively. False: nothing can stand behind it. */
static bool
page_start(const struct ff_want *want, struct ff_str *start)
{
    struct ff_str after = ff_str(want->after.id.b, want->after.id.n);

    *start = ff_str(want->scope.b, want->scope.n); /* shorter than every key with it */
    if (!want->has_after || want->after.sort < 0) {
        return true; /* every entry has sort 0 */
    }
    if (ff_str_cmp(after, *start) > 0) {
        *start = after;
    }
    return want->after.sort == 0;
}

bool
ff_sqlite_keys_page(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    enum query which = ff_sqlite_plain_query(kind_of(want->index), PLAIN_KEYS_PAGE);
    sqlite3_stmt *stmt = sqlite->queries[which];
    struct ff_str start = { .p = NULL };

    want->n = 0;
    want->complete = true;
    if (!page_start(want, &start)) {
        return true;
    }
    bind_start(stmt, start);
    bind_end(stmt, 2, ff_str(want->scope.b, want->scope.n));
    return ff_sqlite_entries(stmt, 3, want, arena);
}

/* From flow to flow, not from key to key. */
bool
ff_sqlite_keys_scopes(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    enum query which = ff_sqlite_plain_query(kind_of(want->index), PLAIN_KEYS_PAGE);
    sqlite3_stmt *stmt = sqlite->queries[which];
    struct ff_str prefix = ff_str(want->scope.b, want->scope.n);
    struct ff_scope at = ff_scope_none();
    uint32_t room = 0;
    int rc = SQLITE_ROW;

    bind_start(stmt, prefix);
    while (rc == SQLITE_ROW) {
        bind_end(stmt, 2, prefix);
        sqlite3_bind_int(stmt, 3, 1);
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW) {
            at.n = FLOW_BYTES;
            memcpy(at.b, sqlite3_column_blob(stmt, 1), FLOW_BYTES);
            ff_sqlite_scope_add(&want->scopes, &room, &at, arena);
        }
        sqlite3_reset(stmt);
        bind_end(stmt, 1, ff_str(at.b, at.n));
    }
    return rc == SQLITE_DONE;
}
