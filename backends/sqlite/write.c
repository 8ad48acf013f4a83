#include <stdio.h>

#include "backends/sqlite/sqlite_int.h"

/* Every function says SQLITE_DONE where all is well. What the plan expects and the file does not
 * hold is SQLITE_NOTFOUND: the file is damaged, or the batch was made of something else. */

/* ---- one write ---- */

static int
run(struct sqlite *sqlite, enum statement which)
{
    sqlite3_stmt *stmt = sqlite->statements[which];
    int rc = sqlite3_step(stmt);

    sqlite3_reset(stmt);
    return rc;
}

/* One row must have been there. */
static int
run_on_one(struct sqlite *sqlite, enum statement which)
{
    int rc = run(sqlite, which);

    return rc == SQLITE_DONE && sqlite3_changes(sqlite->writer) != 1 ? SQLITE_NOTFOUND : rc;
}

/* ?1 row or due, ?2 key or number, ?3 version, ?4 body, as far as the statement has them. */
static sqlite3_stmt *
bind_body(struct sqlite *sqlite, enum statement which, const struct ff_write *write)
{
    sqlite3_stmt *stmt = sqlite->statements[which];

    sqlite3_bind_int64(stmt, 3, (sqlite3_int64) write->version);
    sqlite3_bind_blob(stmt, 4, write->body.n == 0 ? "" : write->body.p, (int) write->body.n,
                      SQLITE_STATIC);
    return stmt;
}

static void
bind_key(sqlite3_stmt *stmt, const struct ff_key *key)
{
    sqlite3_bind_blob(stmt, 2, key->b, key->n, SQLITE_STATIC);
}

static int
put_exec(struct sqlite *sqlite, enum statement which, const struct ff_write *write, int64_t row)
{
    sqlite3_stmt *stmt = bind_body(sqlite, which, write);

    sqlite3_bind_int64(stmt, 1, row);
    bind_key(stmt, &write->key);
    return run_on_one(sqlite, which);
}

static int
delete_live(struct sqlite *sqlite, int64_t row)
{
    sqlite3_bind_int64(sqlite->statements[ST_LIVE_DELETE], 1, row);
    return run_on_one(sqlite, ST_LIVE_DELETE);
}

static int
delete_done(struct sqlite *sqlite, const struct ff_key *key)
{
    bind_key(sqlite->statements[ST_DONE_DELETE], key);
    return run_on_one(sqlite, ST_DONE_DELETE);
}

static int
finish(struct sqlite *sqlite, const struct ff_write *write, int64_t row)
{
    int rc = delete_live(sqlite, row);

    return rc == SQLITE_DONE ? put_exec(sqlite, ST_DONE_INSERT, write, row) : rc;
}

static int
revive(struct sqlite *sqlite, const struct ff_write *write, int64_t row)
{
    int rc = row == 0 ? SQLITE_NOTFOUND : delete_done(sqlite, &write->key);

    return rc == SQLITE_DONE ? put_exec(sqlite, ST_LIVE_INSERT, write, row) : rc;
}

static enum statement
part_statement(enum ff_record kind, bool put)
{
    switch (kind) {
    case FF_R_EXEC_INPUT:
        return put ? ST_INPUT_PUT : ST_INPUT_DELETE;
    case FF_R_EXEC_TAGS:
        return put ? ST_TAGS_PUT : ST_TAGS_DELETE;
    case FF_R_EXEC_RESULT:
        return put ? ST_RESULT_PUT : ST_RESULT_DELETE;
    case FF_R_STREAM:
        return put ? ST_STREAM_PUT : ST_STREAM_DELETE;
    case FF_R_SUMMARY_DOC:
        return put ? ST_SUMMARY_PUT : ST_SUMMARY_DELETE;
    case FF_R_OUT_FRAME:
        return put ? ST_FRAME_PUT : ST_FRAME_DELETE;
    default:
        return put ? ST_ATTEMPT_PUT : ST_ATTEMPT_DELETE;
    }
}

static int
write_part(struct sqlite *sqlite, const struct ff_write *write, int64_t row, bool put)
{
    enum statement which = part_statement(write->kind, put);
    sqlite3_stmt *stmt = sqlite->statements[which];

    if (row == 0) { /* its execution does not exist */
        return put ? SQLITE_NOTFOUND : SQLITE_DONE;
    }
    if (put) {
        bind_body(sqlite, which, write);
    }
    sqlite3_bind_int64(stmt, 1, row);
    ff_sqlite_bind_part(stmt, write->kind, &write->key);
    return run(sqlite, which);
}

/* When a record with a due lapses stands in its index entry of the same commit, mostly right behind
 * that of the one before it. Without an entry it keeps what it had: an index entry changes only
 * with its sort. */
static int64_t
due_of(struct sqlite *sqlite, const struct ff_write *write)
{
    const struct ff_commit *commit = sqlite->commit;
    const struct ff_scope scope = ff_scope_kind(write->kind);

    for (uint32_t n = 0; n < commit->n_changes; n++) {
        uint32_t i = (sqlite->due_at + n) % commit->n_changes;
        const struct ff_index_change *change = &commit->changes[i];

        if (change->add && change->key.index == FF_IX_EXPIRING &&
            ff_scope_cmp(&change->key.scope, &scope) == 0 &&
            ff_key_cmp(&change->key.id, &write->key) == 0) {
            sqlite->due_at = i + 1;
            return change->key.sort;
        }
    }
    return INT64_MIN;
}

static int
write_plain(struct sqlite *sqlite, const struct ff_write *write, bool put)
{
    bool due = put && ff_sqlite_plains[write->kind].due;
    int64_t due_ms = due ? due_of(sqlite, write) : INT64_MIN;
    enum plain_step step = !put                         ? PLAIN_DELETE
                           : due && due_ms == INT64_MIN ? PLAIN_UPDATE
                                                        : PLAIN_PUT;
    enum statement which = ff_sqlite_plain_step(write->kind, step);
    sqlite3_stmt *stmt = sqlite->statements[which];

    FF_ASSERT(stmt != NULL);
    if (put) {
        bind_body(sqlite, which, write);
    }
    bind_key(stmt, &write->key);
    if (due && step == PLAIN_PUT) {
        sqlite3_bind_int64(stmt, 1, due_ms);
    }
    return due ? run_on_one(sqlite, which) : run(sqlite, which);
}

static int
write_one(struct sqlite *sqlite, const struct ff_write *write, const struct plan *plan)
{
    switch (plan->step) {
    case STEP_LIVE_INSERT:
        return put_exec(sqlite, ST_LIVE_INSERT, write, plan->row);
    case STEP_LIVE_UPDATE:
        return put_exec(sqlite, ST_LIVE_UPDATE, write, plan->row);
    case STEP_LIVE_DELETE:
        return delete_live(sqlite, plan->row);
    case STEP_FINISH:
        return finish(sqlite, write, plan->row);
    case STEP_DONE_INSERT:
        return put_exec(sqlite, ST_DONE_INSERT, write, plan->row);
    case STEP_DONE_UPDATE:
        return put_exec(sqlite, ST_DONE_UPDATE, write, 0);
    case STEP_DONE_DELETE:
        return delete_done(sqlite, &write->key);
    case STEP_REVIVE:
        return revive(sqlite, write, plan->row);
    case STEP_PART_PUT:
    case STEP_PART_DELETE:
        return write_part(sqlite, write, plan->row, plan->step == STEP_PART_PUT);
    case STEP_PLAIN_PUT:
    case STEP_PLAIN_DELETE:
        return write_plain(sqlite, write, plan->step == STEP_PLAIN_PUT);
    case STEP_NOTHING:
        break;
    }
    return SQLITE_DONE;
}

/* ---- one commit ---- */

/* Parts of ended executions get their row before a write of the same commit moves it. */
static int
find_rows(struct sqlite *sqlite, const struct ff_commit *commit)
{
    for (uint32_t i = 0; i < commit->n_writes; i++) {
        struct plan *plan = &sqlite->plan[i];
        bool part = plan->step == STEP_PART_PUT || plan->step == STEP_PART_DELETE;

        if (part && plan->row == 0 &&
            !ff_sqlite_done_row(sqlite->statements[ST_DONE_ROW], &commit->writes[i].key,
                                &plan->row)) {
            return sqlite3_errcode(sqlite->writer);
        }
    }
    return SQLITE_DONE;
}

static int
write_records(struct sqlite *sqlite, const struct ff_commit *commit)
{
    int rc = find_rows(sqlite, commit);

    sqlite->due_at = 0;
    for (uint32_t i = 0; rc == SQLITE_DONE && i < commit->n_writes; i++) {
        rc = write_one(sqlite, &commit->writes[i], &sqlite->plan[i]);
    }
    return rc;
}

static int
write_standing(struct sqlite *sqlite, const struct ff_commit *commit)
{
    int rc = SQLITE_DONE;

    for (uint32_t i = 0; rc == SQLITE_DONE && i < commit->n_changes; i++) {
        rc = ff_sqlite_stand_change(sqlite, &commit->changes[i]);
    }
    return rc;
}

static int
write_events(struct sqlite *sqlite, const struct ff_commit *commit)
{
    uint64_t seq[FF_FAMILIES];
    int rc = SQLITE_DONE;

    memcpy(seq, sqlite->before.next_seq, sizeof(seq));
    for (uint32_t i = 0; rc == SQLITE_DONE && i < commit->n_events; i++) {
        const struct ff_event_write *event = &commit->events[i];
        enum statement which = (enum statement)(ST_EVENT + (int) event->family);
        sqlite3_stmt *stmt = sqlite->statements[which];

        sqlite3_bind_int64(stmt, 1, (sqlite3_int64) seq[event->family]++);
        sqlite3_bind_blob(stmt, 2, event->body.n == 0 ? "" : event->body.p, (int) event->body.n,
                          SQLITE_STATIC);
        rc = run(sqlite, which);
    }
    return rc;
}

static int
trim_events(struct sqlite *sqlite, const struct ff_commit *commit)
{
    int rc = SQLITE_DONE;

    for (uint32_t i = 0; rc == SQLITE_DONE && i < commit->n_trims; i++) {
        const struct ff_event_trim *trim = &commit->trims[i];
        enum statement which = (enum statement)(ST_EVENT_TRIM + (int) trim->family);

        sqlite3_bind_int64(sqlite->statements[which], 1, (sqlite3_int64) trim->up_to);
        rc = run(sqlite, which);
    }
    return rc;
}

static int
write_reserved(struct sqlite *sqlite)
{
    sqlite3_stmt *stmt = sqlite->statements[ST_INFO_PUT];

    if (sqlite->now.reserved_row == sqlite->before.reserved_row) {
        return SQLITE_DONE;
    }
    sqlite3_bind_text(stmt, 1, "next_row", -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, sqlite->now.reserved_row);
    return run(sqlite, ST_INFO_PUT);
}

static int
write_all(struct sqlite *sqlite, const struct ff_commit *commit)
{
    int rc = run(sqlite, ST_BEGIN);

    rc = rc == SQLITE_DONE ? write_records(sqlite, commit) : rc;
    rc = rc == SQLITE_DONE ? write_standing(sqlite, commit) : rc;
    rc = rc == SQLITE_DONE ? write_events(sqlite, commit) : rc;
    rc = rc == SQLITE_DONE ? trim_events(sqlite, commit) : rc;
    rc = rc == SQLITE_DONE ? write_reserved(sqlite) : rc;
    return rc == SQLITE_DONE ? run(sqlite, ST_COMMIT) : rc;
}

static void
fail(struct sqlite *sqlite, struct ff_commit *commit, int rc)
{
    commit->outcome = FF_COMMIT_FAILED;
    if (rc == SQLITE_NOTFOUND || rc == SQLITE_CONSTRAINT) {
        snprintf(sqlite->writer_words, WORDS_MAX, "sqlite: %s",
                 rc == SQLITE_NOTFOUND ? "a record that should be there is not"
                                       : sqlite3_errmsg(sqlite->writer));
        ff_fail(&commit->fault, FF_E_CORRUPTION, ff_d_text("reason", "records_disagree"));
        commit->fault.message = sqlite->writer_words;
    } else {
        ff_sqlite_fail(sqlite->writer, sqlite->writer_words, &commit->fault);
    }
    if (sqlite3_get_autocommit(sqlite->writer) == 0) {
        run(sqlite, ST_ROLLBACK);
    }
}

void
ff_sqlite_make(struct sqlite *sqlite, struct ff_commit *commit)
{
    int rc = SQLITE_DONE;

    commit->fault = (struct ff_fault){ 0 };
    commit->n_conflicts = 0;
    if (!ff_sync_mended(sqlite)) {
        commit->outcome = FF_COMMIT_FAILED;
        ff_fail_transport(&commit->fault, "sqlite", "transport", sqlite->sync_words);
        return;
    }
    rc = write_all(sqlite, commit);
    if (rc != SQLITE_DONE) {
        fail(sqlite, commit, rc & 0xff);
        return;
    }
    commit->outcome = FF_COMMIT_OK;
}
