/* Indexes that stand in the file, in table `stand`: those over records that may be kept for as long
 * as an execution is, and would fill the memory. */
#include "backends/sqlite/sqlite_int.h"

/* Numbers in the file, which stay whatever becomes of the enums. */
int
ff_sqlite_stand_code(enum ff_index index)
{
    switch (index) {
    case FF_IX_SUSPENSION_DUE:
        return 1;
    case FF_IX_WAITPOINT_DUE:
        return 2;
    case FF_IX_WAITPOINTS:
        return 3;
    case FF_IX_SIGNALS:
        return 4;
    case FF_IX_SATISFIERS:
        return 5;
    case FF_IX_RETAINED:
        return 6;
    case FF_IX_STREAM_DUE:
        return 7;
    case FF_IX_CANCEL_OWED:
        return 8;
    case FF_IX_CASCADE:
        return 9;
    case FF_IX_FLOWS:
        return 10;
    case FF_IX_CANCELLING:
        return 11;
    case FF_IX_MEMBER_GONE:
        return 12;
    case FF_IX_GROUPS_OWED:
        return 13;
    case FF_IX_EDGES_IN:
        return 14;
    case FF_IX_EDGES_OUT:
        return 15;
    case FF_IX_MEMBER_STATE:
        return 17;
    case FF_IX_FLOW_ENDED:
        return 18;
    case FF_IX_REPLIES:
        return 19;
    case FF_IX_PURGING:
        return 20;
    case FF_IX_SUBMITTING:
        return 21;
    case FF_IX_RELEASING:
        return 22;
    case FF_IX_REPLAYING:
        return 23;
    default:
        return 0;
    }
}

static void
bind_scope(sqlite3_stmt *stmt, int code, const struct ff_scope *scope)
{
    sqlite3_bind_int(stmt, 1, code);
    sqlite3_bind_blob(stmt, 2, scope->b, scope->n, SQLITE_STATIC);
}

int
ff_sqlite_stand_change(struct sqlite *sqlite, const struct ff_index_change *change)
{
    const struct ff_index_key *key = &change->key;
    int code = ff_sqlite_stand_code((enum ff_index) key->index);
    sqlite3_stmt *stmt = sqlite->statements[change->add ? ST_STAND_ADD : ST_STAND_DROP];
    int rc = SQLITE_DONE;

    if (code == 0 || !ff_sqlite_scope_in_file((enum ff_index) key->index, &key->scope)) {
        return SQLITE_DONE;
    }
    bind_scope(stmt, code, &key->scope);
    sqlite3_bind_int64(stmt, 3, key->sort);
    sqlite3_bind_blob(stmt, 4, key->id.b, key->id.n, SQLITE_STATIC);
    rc = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    return rc;
}

bool
ff_sqlite_stand_page(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    sqlite3_stmt *stmt = sqlite->queries[Q_STAND_PAGE];

    bind_scope(stmt, ff_sqlite_stand_code(want->index), &want->scope);
    sqlite3_bind_int64(stmt, 3, want->has_after ? want->after.sort : INT64_MIN);
    sqlite3_bind_blob(stmt, 4, want->after.id.b, want->has_after ? want->after.id.n : 0,
                      SQLITE_STATIC);
    return ff_sqlite_entries(stmt, 5, want, arena);
}

/* The first scope from `from` on; *found: there is one. */
static bool
scope_from(struct sqlite *sqlite, int code, struct ff_str from, struct ff_scope *out, bool *found)
{
    sqlite3_stmt *stmt = sqlite->queries[Q_STAND_SCOPE];
    int rc = SQLITE_OK;

    sqlite3_bind_int(stmt, 1, code);
    sqlite3_bind_blob(stmt, 2, from.n == 0 ? "" : from.p, (int) from.n, SQLITE_STATIC);
    rc = sqlite3_step(stmt);
    *found = rc == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) <= FF_SCOPE_MAX;
    if (*found) {
        out->n = (uint8_t) sqlite3_column_bytes(stmt, 0);
        if (out->n > 0) {
            memcpy(out->b, sqlite3_column_blob(stmt, 0), out->n);
        }
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

/* The scope right behind another one: the same with a zero byte more. */
bool
ff_sqlite_stand_scopes(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    int code = ff_sqlite_stand_code(want->index);
    uint8_t from[FF_SCOPE_MAX + 1];
    uint32_t from_n = want->scope.n, room = 0;
    struct ff_scope scope;
    bool found = false;

    memcpy(from, want->scope.b, from_n);
    for (;;) {
        if (!scope_from(sqlite, code, ff_str(from, from_n), &scope, &found)) {
            return false;
        }
        if (!found || !ff_scope_begins(&scope, &want->scope)) {
            return true;
        }
        ff_sqlite_scope_add(&want->scopes, &room, &scope, arena);
        memcpy(from, scope.b, scope.n);
        from[scope.n] = 0;
        from_n = scope.n + 1u;
    }
}
