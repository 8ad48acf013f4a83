/* Indexes that are read from the file: executions (the ended ones; live ones are merged in),
 * expiring, frames, and those of standing.c. The others stand in memory. */
#include <stdlib.h>

#include "backends/sqlite/sqlite_int.h"

bool
ff_sqlite_index_in_file(enum ff_index index)
{
    return index == FF_IX_EXECUTIONS || index == FF_IX_EXPIRING || index == FF_IX_FRAMES ||
           ff_sqlite_is_keys(index) || ff_sqlite_stand_code(index) != 0;
}

static bool
is_end(enum ff_public_state state)
{
    return state == FF_PUBLIC_COMPLETED || state == FF_PUBLIC_FAILED ||
           state == FF_PUBLIC_CANCELLED || state == FF_PUBLIC_EXPIRED || state == FF_PUBLIC_SKIPPED;
}

bool
ff_sqlite_scope_in_file(enum ff_index index, const struct ff_scope *scope)
{
    bool redundant = false;

    if (index == FF_IX_MEMBER_STATE) {
        return is_end(ff_scope_member_state(scope, &redundant));
    }
    return ff_sqlite_index_in_file(index);
}

/* ---- executions ---- */

/* What is committed as far as the owner has been told. */
static bool
is_committed(const struct live *live)
{
    return live->state != LIVE_COMING && live->state != LIVE_PASSING;
}

/* The place where a page begins. False: nothing can stand behind it. */
static bool
page_start(const struct ff_want *want, uint8_t start[ID_BYTES], bool *exclusive)
{
    const struct ff_entry *after = &want->after;
    uint8_t n = after->id.n < ID_BYTES ? after->id.n : ID_BYTES;

    memset(start, 0, ID_BYTES);
    memcpy(start, want->scope.b, 2);
    *exclusive = false;
    if (!want->has_after || after->sort < 0) {
        return true; /* every entry has sort 0 */
    }
    if (after->sort > 0 || memcmp(after->id.b, start, n < 2 ? n : 2) > 0) {
        return false;
    }
    if (n >= 2 && memcmp(after->id.b, start, 2) == 0) {
        memcpy(start, after->id.b, n);
        *exclusive = n == ID_BYTES;
    }
    return true;
}

static uint32_t
live_page(struct sqlite *sqlite, const uint8_t start[ID_BYTES], bool exclusive, uint32_t most,
          struct ff_entry *out)
{
    struct live *live = ff_live_from(sqlite, start, exclusive);
    uint32_t n = 0;

    for (; live != NULL && n < most && memcmp(live->id, start, 2) == 0; live = ff_live_next(live)) {
        if (is_committed(live)) {
            out[n++] = (struct ff_entry){ .id = ff_key_bytes(ff_str(live->id, ID_BYTES)) };
        }
    }
    return n;
}

static bool
done_page(struct sqlite *sqlite, const uint8_t start[ID_BYTES], uint32_t most, uint32_t *n,
          struct ff_entry *out)
{
    sqlite3_stmt *stmt = sqlite->queries[Q_DONE_PAGE];
    uint8_t last[ID_BYTES];
    int rc = SQLITE_OK;

    memset(last, 0xff, sizeof(last));
    memcpy(last, start, 2);
    sqlite3_bind_blob(stmt, 1, start, ID_BYTES, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 2, last, ID_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, most);
    *n = 0;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        out[*n] = (struct ff_entry){ 0 };
        out[(*n)++].id = ff_key_bytes(ff_str(sqlite3_column_blob(stmt, 0), ID_BYTES));
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE;
}

/* Both sides one longer than the page: they tell whether it is the last, and the file's side may
 * begin with the cursor itself. */
static bool
executions_page(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    uint32_t most = want->limit + 2, live_n = 0, done_n = 0, i = 0, j = 0, n = 0;
    struct ff_entry *live = NULL, *done = NULL;
    uint8_t start[ID_BYTES];
    bool exclusive = false;

    want->n = 0;
    want->complete = true;
    if (want->scope.n != 2 || !page_start(want, start, &exclusive)) {
        return true;
    }
    live = ff_arena_alloc(arena, most * sizeof(*live));
    done = ff_arena_alloc(arena, most * sizeof(*done));
    want->entries = ff_arena_alloc(arena, want->limit * sizeof(*want->entries));
    live_n = live_page(sqlite, start, exclusive, most, live);
    if (!done_page(sqlite, start, most, &done_n, done)) {
        return false;
    }
    j = exclusive && done_n > 0 && memcmp(done[0].id.b, start, ID_BYTES) == 0;
    while (n < want->limit && (i < live_n || j < done_n)) {
        int order = i == live_n   ? 1
                    : j == done_n ? -1
                                  : memcmp(live[i].id.b, done[j].id.b, ID_BYTES);

        want->entries[n++] = order <= 0 ? live[i] : done[j];
        i += order <= 0;
        j += order >= 0; /* both: the commit under way moves it */
    }
    want->n = n;
    want->complete = i == live_n && j == done_n;
    return true;
}

/* ---- entries that stand in the file ---- */

bool
ff_sqlite_entries(sqlite3_stmt *stmt, int limit, struct ff_want *want, struct ff_arena *arena)
{
    int rc = SQLITE_OK;

    want->n = 0;
    want->complete = true;
    want->entries = ff_arena_alloc(arena, (want->limit + 1u) * sizeof(*want->entries));
    sqlite3_bind_int64(stmt, limit, (sqlite3_int64) want->limit + 1); /* tells whether it ends */
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct ff_entry *entry = &want->entries[want->n++];

        entry->sort = sqlite3_column_int64(stmt, 0);
        entry->id = ff_key_bytes(
            ff_str(sqlite3_column_blob(stmt, 1), (size_t) sqlite3_column_bytes(stmt, 1)));
    }
    sqlite3_reset(stmt);
    if (want->n > want->limit) {
        want->n = want->limit;
        want->complete = false;
    }
    return rc == SQLITE_DONE;
}

/* ---- expiring ---- */

/* The kind of record that the scope names; FF_R_N: none that stands in this index. */
static enum ff_record
kind_of(const struct ff_scope *scope)
{
    bool known = scope->n == 1 && scope->b[0] < FF_R_N && ff_sqlite_plains[scope->b[0]].due;

    return known ? (enum ff_record) scope->b[0] : FF_R_N;
}

static bool
expiring_page(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    enum ff_record kind = kind_of(&want->scope);
    sqlite3_stmt *stmt = NULL;

    want->n = 0;
    want->complete = true;
    if (kind == FF_R_N) {
        return true;
    }
    stmt = sqlite->queries[ff_sqlite_plain_query(kind, PLAIN_DUE_PAGE)];
    sqlite3_bind_int64(stmt, 1, want->has_after ? want->after.sort : INT64_MIN);
    sqlite3_bind_blob(stmt, 2, want->after.id.b, want->has_after ? want->after.id.n : 0,
                      SQLITE_STATIC);
    return ff_sqlite_entries(stmt, 3, want, arena);
}

bool
ff_sqlite_page(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    want->entries = NULL;
    if (want->index == FF_IX_EXECUTIONS) {
        return executions_page(sqlite, want, arena);
    }
    if (want->index == FF_IX_EXPIRING) {
        return expiring_page(sqlite, want, arena);
    }
    if (want->index == FF_IX_FRAMES) {
        return ff_sqlite_frames_page(sqlite, want, arena);
    }
    if (ff_sqlite_is_keys(want->index)) {
        return ff_sqlite_keys_page(sqlite, want, arena);
    }
    if (ff_sqlite_scope_in_file(want->index, &want->scope)) {
        return ff_sqlite_stand_page(sqlite, want, arena);
    }
    ff_memory_index_page(&sqlite->index, want, arena);
    return true;
}

/* ---- scopes ---- */

/* The lowest partition from `from` on that has an ended execution; 65536: none. */
static bool
done_partition(struct sqlite *sqlite, uint32_t from, uint32_t *out)
{
    sqlite3_stmt *stmt = sqlite->queries[Q_DONE_FIRST];
    uint8_t start[2] = { (uint8_t) (from >> 8), (uint8_t) from };
    int rc = SQLITE_OK;

    sqlite3_bind_blob(stmt, 1, start, sizeof(start), SQLITE_STATIC);
    rc = sqlite3_step(stmt);
    *out = 65536;
    if (rc == SQLITE_ROW) {
        const uint8_t *id = sqlite3_column_blob(stmt, 0);

        *out = (uint32_t) id[0] << 8 | id[1];
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

static uint32_t
live_partition(struct sqlite *sqlite, uint32_t from)
{
    uint8_t start[ID_BYTES] = { (uint8_t) (from >> 8), (uint8_t) from };
    struct live *live = ff_live_from(sqlite, start, false);

    while (live != NULL && !is_committed(live)) {
        live = ff_live_next(live);
    }
    return live == NULL ? 65536 : (uint32_t) live->id[0] << 8 | live->id[1];
}

void
ff_sqlite_scope_add(struct ff_scope_list *list, uint32_t *room, const struct ff_scope *scope,
                    struct ff_arena *arena)
{
    if (list->n == *room) {
        struct ff_scope *grown = NULL;

        *room = *room == 0 ? 64 : *room * 2;
        grown = ff_arena_alloc(arena, *room * sizeof(*grown));
        if (list->n > 0) {
            memcpy(grown, list->v, list->n * sizeof(*grown));
        }
        list->v = grown;
    }
    list->v[list->n++] = *scope;
}

/* Skips from partition to partition on both sides. Partitions with the prefix are a range. */
static bool
executions_scopes(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    const struct ff_scope *prefix = &want->scope;
    uint32_t at = prefix->n > 0 ? (uint32_t) prefix->b[0] << 8 : 0;
    uint32_t room = 0;

    at += prefix->n > 1 ? prefix->b[1] : 0;
    for (; at < 65536; at++) {
        uint32_t live = live_partition(sqlite, at), done = 0;
        struct ff_scope scope;

        if (!done_partition(sqlite, at, &done)) {
            return false;
        }
        at = live < done ? live : done;
        scope = ff_scope_partition((uint16_t) at);
        if (at == 65536 || !ff_scope_begins(&scope, prefix)) {
            break;
        }
        ff_sqlite_scope_add(&want->scopes, &room, &scope, arena);
    }
    return true;
}

static bool
expiring_scopes(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    want->scopes.v = FF_ARENA_NEW(arena, struct ff_scope, FF_R_N);
    for (int kind = 0; kind < FF_R_N; kind++) {
        struct ff_want first = { .scope = ff_scope_kind((enum ff_record) kind), .limit = 1 };

        if (ff_sqlite_plains[kind].due && ff_scope_begins(&first.scope, &want->scope)) {
            if (!expiring_page(sqlite, &first, arena)) {
                return false;
            }
            want->scopes.v[want->scopes.n] = first.scope;
            want->scopes.n += first.n;
        }
    }
    return true;
}

static int
scope_cmp(const void *a, const void *b)
{
    return ff_scope_cmp(a, b);
}

/* Scopes in memory and scopes in the file: none is in both. */
static bool
mixed_scopes(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    struct ff_scope_list live;
    struct ff_scope *all = NULL;

    ff_memory_index_scopes(&sqlite->index, want, arena);
    live = want->scopes;
    want->scopes = (struct ff_scope_list){ 0 };
    if (!ff_sqlite_stand_scopes(sqlite, want, arena)) {
        return false;
    }
    all = ff_arena_alloc(arena, (live.n + want->scopes.n + 1u) * sizeof(*all));
    if (live.n > 0) {
        memcpy(all, live.v, live.n * sizeof(*all));
    }
    if (want->scopes.n > 0) {
        memcpy(all + live.n, want->scopes.v, want->scopes.n * sizeof(*all));
    }
    want->scopes = (struct ff_scope_list){ .v = all, .n = live.n + want->scopes.n };
    if (want->scopes.n > 1) {
        qsort(all, want->scopes.n, sizeof(*all), scope_cmp);
    }
    return true;
}

bool
ff_sqlite_scopes(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    want->scopes = (struct ff_scope_list){ 0 };
    if (want->index == FF_IX_EXECUTIONS) {
        return executions_scopes(sqlite, want, arena);
    }
    if (want->index == FF_IX_EXPIRING) {
        return expiring_scopes(sqlite, want, arena);
    }
    if (want->index == FF_IX_FRAMES) {
        return ff_sqlite_frames_scopes(sqlite, want, arena);
    }
    if (ff_sqlite_is_keys(want->index)) {
        return ff_sqlite_keys_scopes(sqlite, want, arena);
    }
    if (want->index == FF_IX_MEMBER_STATE) {
        return mixed_scopes(sqlite, want, arena);
    }
    if (ff_sqlite_index_in_file(want->index)) {
        return ff_sqlite_stand_scopes(sqlite, want, arena);
    }
    ff_memory_index_scopes(&sqlite->index, want, arena);
    return true;
}
