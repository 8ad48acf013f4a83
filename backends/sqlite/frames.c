/* What belongs to an execution, and the index `frames`, which is table `frame` itself. */
#include "backends/sqlite/sqlite_int.h"
#include "core/records_stream.h"

/* An attempt's number behind the execution's id; a frame's mode behind that. */
#define ATTEMPT_BYTES 4
#define MODE_AT (ID_BYTES + ATTEMPT_BYTES)

bool
ff_sqlite_is_part(enum ff_record kind)
{
    return kind == FF_R_EXEC_INPUT || kind == FF_R_EXEC_TAGS || kind == FF_R_EXEC_RESULT ||
           kind == FF_R_ATTEMPT || kind == FF_R_STREAM || kind == FF_R_SUMMARY_DOC ||
           kind == FF_R_OUT_FRAME;
}

static int64_t
attempt_of(const uint8_t *key)
{
    int64_t n = 0;

    for (unsigned i = 0; i < ATTEMPT_BYTES; i++) {
        n = n << 8 | key[ID_BYTES + i];
    }
    return n;
}

void
ff_sqlite_bind_part(sqlite3_stmt *stmt, enum ff_record kind, const struct ff_key *key)
{
    if (kind == FF_R_ATTEMPT || kind == FF_R_STREAM || kind == FF_R_SUMMARY_DOC) {
        sqlite3_bind_int64(stmt, 2, attempt_of(key->b));
    } else if (kind == FF_R_OUT_FRAME) {
        struct ff_frame_id id = ff_key_to_frame_id(key);

        sqlite3_bind_int64(stmt, 2, attempt_of(key->b) * 4 + key->b[MODE_AT]);
        sqlite3_bind_int64(stmt, 5, (sqlite3_int64) id.ms);
        sqlite3_bind_int64(stmt, 6, (sqlite3_int64) id.seq);
    }
}

/* Where the page begins: behind (ms, seq). */
static void
bind_start(sqlite3_stmt *stmt, const struct ff_want *want)
{
    int64_t ms = want->has_after ? want->after.sort : INT64_MIN, seq = -1;

    if (want->has_after && want->after.id.n > MODE_AT) {
        struct ff_frame_id id = ff_key_to_frame_id(&want->after.id);

        seq = id.seq > INT64_MAX ? INT64_MAX : (int64_t) id.seq;
    }
    sqlite3_bind_int64(stmt, 3, ms);
    sqlite3_bind_int64(stmt, 4, seq);
}

bool
ff_sqlite_frames_page(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    sqlite3_stmt *stmt = sqlite->queries[Q_FRAME_PAGE];
    struct ff_key id = { .n = ID_BYTES };
    struct ff_eid eid;
    int64_t row = 0;
    int rc = SQLITE_OK;

    want->n = 0;
    want->complete = true;
    if (want->scope.n != MODE_AT + 1) {
        return true;
    }
    memcpy(id.b, want->scope.b, ID_BYTES);
    if (!ff_sqlite_row_of(sqlite, &id, &row) || row == 0) {
        return row == 0;
    }
    eid = ff_key_to_eid(&id);
    want->entries = ff_arena_alloc(arena, (want->limit + 1u) * sizeof(*want->entries));
    sqlite3_bind_int64(stmt, 1, row);
    sqlite3_bind_int64(stmt, 2, attempt_of(want->scope.b) * 4 + want->scope.b[MODE_AT]);
    bind_start(stmt, want);
    sqlite3_bind_int64(stmt, 5, (sqlite3_int64) want->limit + 1);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct ff_frame_id frame = { .ms = (uint64_t) sqlite3_column_int64(stmt, 0),
                                     .seq = (uint64_t) sqlite3_column_int64(stmt, 1) };

        want->entries[want->n].sort = (int64_t) frame.ms;
        want->entries[want->n++].id =
            ff_key_frame(&eid, (uint32_t) attempt_of(want->scope.b),
                         (enum ff_frame_keep) want->scope.b[MODE_AT], &frame);
    }
    sqlite3_reset(stmt);
    if (want->n > want->limit) {
        want->n = want->limit;
        want->complete = false;
    }
    return rc == SQLITE_DONE;
}

/* Of all executions that have frames: nothing in normal running asks for that. */
bool
ff_sqlite_frames_scopes(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    sqlite3_stmt *stmt = sqlite->queries[Q_FRAME_SCOPES];
    uint32_t room = 0;
    int rc = SQLITE_OK;

    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        int64_t n = sqlite3_column_int64(stmt, 1);
        struct ff_scope scope;
        struct ff_key id;

        if (sqlite3_column_bytes(stmt, 0) != ID_BYTES) {
            continue;
        }
        id = ff_key_bytes(ff_str(sqlite3_column_blob(stmt, 0), ID_BYTES));
        scope = ff_scope_frames(&(struct ff_eid){ 0 }, (uint32_t) (n >> 2),
                                (enum ff_frame_keep)(n & 3));
        memcpy(scope.b, id.b, ID_BYTES);
        if (ff_scope_begins(&scope, &want->scope)) {
            ff_sqlite_scope_add(&want->scopes, &room, &scope, arena);
        }
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE;
}
