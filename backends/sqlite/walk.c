/* walk.c: all records, table by table (core/store_offline.h); and what else copying asks for. */
#include <stdio.h>

#include "backends/sqlite/sqlite_int.h"
#include "core/codec.h"

/* A table in the order of its rows. */
struct segment {
    enum ff_record kind;
    const char *table;
    const char *order; /* the columns that its rows stand by */
    int n_ints;        /* so many, all integers; 0: it is the key */
    const char *name;  /* where a record's key is read: it, or a body that has it */
    bool by_body;
};

static const struct segment parts[] = {
    { FF_R_EXEC, "exec_live", "row", 1, "id", false },
    { FF_R_EXEC, "exec_done", "seq", 1, "id", false },
    { FF_R_EXEC_INPUT, "exec_input", "row", 1, "body", true },
    { FF_R_EXEC_TAGS, "exec_tags", "row", 1, "body", true },
    { FF_R_EXEC_RESULT, "exec_result", "row", 1, "body", true },
    { FF_R_ATTEMPT, "attempt", "row, n", 2, "body", true },
    { FF_R_STREAM, "stream", "row, n", 2, "body", true },
    { FF_R_SUMMARY_DOC, "summary", "row, n", 2, "body", true },
    { FF_R_OUT_FRAME, "frame", "row, n, ms, seq", 4, "body", true },
};
#define SEGMENTS (FF_COUNT(parts) + FF_R_N)
#define INTS_MAX 4

/* False: there is no such table. */
static bool
segment_of(uint32_t i, struct segment *out)
{
    if (i < FF_COUNT(parts)) {
        *out = parts[i];
        return true;
    }
    i -= (uint32_t) FF_COUNT(parts);
    *out =
        (struct segment){ (enum ff_record) i, ff_sqlite_plains[i].table, "key", 0, "key", false };
    return out->table != NULL;
}

/* ---- where a walk goes on: the segment, then the integers or the key ---- */

static void
bind_position(sqlite3_stmt *stmt, const struct segment *segment, const struct ff_walk_at *at)
{
    bool begun = at->n > 1;

    if (segment->n_ints == 0) {
        sqlite3_bind_blob(stmt, 1, begun ? at->b + 1 : at->b, begun ? at->n - 1 : 0,
                          SQLITE_TRANSIENT);
    }
    for (int i = 0; i < segment->n_ints; i++) {
        int64_t value = INT64_MIN;

        if (begun) {
            memcpy(&value, at->b + 1 + i * 8, sizeof(value));
        }
        sqlite3_bind_int64(stmt, 1 + i, value);
    }
}

static void
note_position(sqlite3_stmt *stmt, const struct segment *segment, struct ff_walk_at *at)
{
    if (segment->n_ints == 0) {
        int n = sqlite3_column_bytes(stmt, 0);

        FF_ASSERT(n <= FF_KEY_MAX);
        at->n = (uint8_t) (1 + n);
        memcpy(at->b + 1, sqlite3_column_blob(stmt, 0), (size_t) n);
        return;
    }
    at->n = (uint8_t) (1 + segment->n_ints * 8);
    for (int i = 0; i < segment->n_ints; i++) {
        int64_t value = sqlite3_column_int64(stmt, i);

        memcpy(at->b + 1 + i * 8, &value, sizeof(value));
    }
}

/* ---- pages ---- */

static struct ff_key
key_at(sqlite3_stmt *stmt, const struct segment *segment, struct ff_arena *scratch)
{
    int at = segment->n_ints == 0 ? 0 : segment->n_ints;
    struct ff_str bytes =
        ff_str(sqlite3_column_blob(stmt, at), (size_t) sqlite3_column_bytes(stmt, at));
    struct ff_fault fault = { 0 };
    struct ff_key key = { .n = 0 };
    void *record = NULL;

    if (!segment->by_body) {
        return bytes.n > FF_KEY_MAX ? key : ff_key_bytes(bytes);
    }
    record = ff_arena_zalloc(scratch, ff_records[segment->kind]->size);
    if (ff_row_decode(segment->kind, bytes, scratch, record, &fault) == FF_E_OK) {
        key = ff_record_key(segment->kind, record);
    }
    ff_arena_reset(scratch);
    return key;
}

static sqlite3_stmt *
ask(struct sqlite *sqlite, const struct segment *segment, uint32_t limit)
{
    static const char *const marks[] = { "?1", "?1", "?1, ?2", "", "?1, ?2, ?3, ?4" };
    sqlite3_stmt *stmt = NULL;
    char sql[256];

    snprintf(sql, sizeof(sql), "SELECT %s, %s FROM %s WHERE (%s) > (%s) ORDER BY %s LIMIT %u",
             segment->order, segment->name, segment->table, segment->order, marks[segment->n_ints],
             segment->order, limit);
    return sqlite3_prepare_v2(sqlite->reader, sql, -1, &stmt, NULL) == SQLITE_OK ? stmt : NULL;
}

/* Adds what is left of a table, as far as there is room. *whole: that was all. */
static bool
read_segment(struct sqlite *sqlite, const struct segment *segment, struct ff_want *want,
             bool *whole)
{
    FF_SCOPED(ff_arena) scratch = { 0 };
    struct ff_walk_page *page = want->walk;
    uint32_t room = want->limit - page->n, n = 0;
    sqlite3_stmt *stmt = ask(sqlite, segment, room);
    int rc = SQLITE_ERROR;

    if (stmt == NULL) {
        return false;
    }
    bind_position(stmt, segment, &page->at);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        note_position(stmt, segment, &page->at);
        page->names[page->n++] =
            (struct ff_record_name){ segment->kind, key_at(stmt, segment, &scratch) };
        n++;
    }
    *whole = n < room;
    return sqlite3_finalize(stmt) == SQLITE_OK && rc == SQLITE_DONE;
}

bool
ff_sqlite_walk(struct sqlite *sqlite, struct ff_want *want, struct ff_arena *arena)
{
    struct ff_walk_page *page = want->walk;
    uint32_t i = page->at.n == 0 ? 0 : page->at.b[0];
    bool whole = true;

    page->names = ff_arena_alloc(arena, (want->limit + 1u) * sizeof(*page->names));
    page->n = 0;
    for (; i < SEGMENTS; i++) {
        struct segment segment;

        if (segment_of(i, &segment) && (page->kinds >> segment.kind & 1) != 0) {
            if (!read_segment(sqlite, &segment, want, &whole)) {
                return false;
            }
            if (!whole) {
                break;
            }
        }
        page->at = (struct ff_walk_at){ .n = 1, .b = { (uint8_t) (i + 1) } };
    }
    page->at.b[0] = (uint8_t) i;
    page->complete = i == SEGMENTS;
    return true;
}

/* ---- copying: before the first commit, or when none is under way, on the writer's connection ----
 */

static ff_err
change(struct sqlite *sqlite, const char *sql, struct ff_fault *fault)
{
    FF_ASSERT(sqlite->commit == NULL);
    return ff_sqlite_exec(sqlite->writer, sql) == SQLITE_OK
               ? FF_E_OK
               : ff_sqlite_fail(sqlite->writer, sqlite->writer_words, fault);
}

static ff_err
mark_copy(struct ff_store *store, bool unfinished, struct ff_fault *fault)
{
    struct sqlite *sqlite = (struct sqlite *) store;
    char sql[96];

    snprintf(sql, sizeof(sql), "REPLACE INTO info (name, value) VALUES ('unfinished_copy', %d)",
             unfinished);
    FF_TRY(change(sqlite, sql, fault));
    store->unfinished = unfinished;
    return FF_E_OK;
}

static ff_err
renumber(struct ff_store *store, enum ff_event_family family, uint64_t next, struct ff_fault *fault)
{
    struct sqlite *sqlite = (struct sqlite *) store;
    char sql[64];

    snprintf(sql, sizeof(sql), "DELETE FROM event_%d", (int) family);
    FF_TRY(change(sqlite, sql, fault));
    sqlite->now.next_seq[family] = sqlite->before.next_seq[family] = next;
    return FF_E_OK;
}

const struct ff_store_offline ff_sqlite_offline = {
    .mark_copy = mark_copy,
    .renumber = renumber,
};
