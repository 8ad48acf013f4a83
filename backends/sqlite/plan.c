#include <stdlib.h>

#include "backends/sqlite/sqlite_int.h"

/* Arrival rows that are set aside at once: one write for so many creations, and at most so many
 * numbers skipped by a start. */
#define ROWS_RESERVED 65536

/* ---- before the commit ---- */

/* An execution that does not live: new, or among the done ones. */
static struct plan
plan_absent(struct sqlite *sqlite, const struct ff_write *write)
{
    struct plan plan = { 0 };

    if (write->deleted) {
        plan.step = write->version_from > 0 ? STEP_DONE_DELETE : STEP_NOTHING;
    } else if (write->version_from == 0) {
        plan.step = write->live ? STEP_LIVE_INSERT : STEP_DONE_INSERT;
        plan.row = sqlite->now.next_row++;
        ff_live_add(sqlite, write->key.b, plan.row, write->live ? LIVE_COMING : LIVE_PASSING);
    } else if (!write->live) {
        plan.step = STEP_DONE_UPDATE;
    } else {
        plan.step = STEP_REVIVE;
        /* Where this finds no row, the writer will not either. */
        (void) ff_sqlite_done_row(sqlite->queries[Q_DONE_ROW], &write->key, &plan.row);
        if (plan.row != 0) {
            ff_live_add(sqlite, write->key.b, plan.row, LIVE_RETURNING);
        }
    }
    return plan;
}

static struct plan
plan_exec(struct sqlite *sqlite, const struct ff_write *write)
{
    struct live *live = NULL;

    FF_ASSERT(write->key.n == ID_BYTES);
    live = ff_live_find(sqlite, write->key.b);
    if (live == NULL) {
        return plan_absent(sqlite, write);
    }
    FF_ASSERT(live->state == LIVE_HERE); /* a batch writes a record once */
    if (write->live && !write->deleted) {
        return (struct plan){ .step = STEP_LIVE_UPDATE, .row = live->row };
    }
    live->state = LIVE_LEAVING;
    return (struct plan){ .step = write->deleted ? STEP_LIVE_DELETE : STEP_FINISH,
                          .row = live->row };
}

static struct plan
plan_other(struct sqlite *sqlite, const struct ff_write *write)
{
    struct live *live = NULL;

    if (!ff_sqlite_is_part(write->kind)) {
        return (struct plan){ .step = write->deleted ? STEP_PLAIN_DELETE : STEP_PLAIN_PUT };
    }
    FF_ASSERT(write->key.n >= ID_BYTES);
    live = ff_live_find(sqlite, write->key.b);
    return (struct plan){ .step = write->deleted ? STEP_PART_DELETE : STEP_PART_PUT,
                          .row = live == NULL ? 0 : live->row };
}

void
ff_sqlite_plan(struct sqlite *sqlite, struct ff_commit *commit)
{
    if (commit->n_writes > sqlite->plan_room) {
        sqlite->plan_room = commit->n_writes;
        sqlite->plan = reallocarray(sqlite->plan, commit->n_writes, sizeof(*sqlite->plan));
        FF_ASSERT(sqlite->plan != NULL);
    }
    sqlite->before = sqlite->now;
    for (uint32_t i = 0; i < commit->n_events; i++) {
        FF_ASSERT(commit->events[i].family < FF_FAMILIES);
        sqlite->now.next_seq[commit->events[i].family]++;
    }
    /* Executions first: the others need their rows. */
    for (uint32_t i = 0; i < commit->n_writes; i++) {
        if (commit->writes[i].kind == FF_R_EXEC) {
            sqlite->plan[i] = plan_exec(sqlite, &commit->writes[i]);
        }
    }
    for (uint32_t i = 0; i < commit->n_writes; i++) {
        if (commit->writes[i].kind != FF_R_EXEC) {
            sqlite->plan[i] = plan_other(sqlite, &commit->writes[i]);
        }
    }
    if (sqlite->now.next_row > sqlite->now.reserved_row) {
        sqlite->now.reserved_row = sqlite->now.next_row + ROWS_RESERVED;
    }
}

/* ---- after it ---- */

static void
settle(struct sqlite *sqlite, const struct ff_write *write, bool made)
{
    struct live *live = ff_live_find(sqlite, write->key.b);

    if (made && !write->live && !write->deleted) {
        ff_sqlite_note_done(sqlite, write->key.b);
    }
    if (live == NULL) {
        return;
    }
    switch ((enum live_state) live->state) {
    case LIVE_HERE:
        return;
    case LIVE_COMING:
    case LIVE_RETURNING:
        if (made) {
            live->state = LIVE_HERE;
            return;
        }
        break;
    case LIVE_LEAVING:
        if (!made) {
            live->state = LIVE_HERE;
            return;
        }
        break;
    case LIVE_PASSING:
        break;
    }
    ff_live_remove(sqlite, live);
}

void
ff_sqlite_settle(struct sqlite *sqlite, const struct ff_commit *commit, bool made)
{
    if (!made) {
        sqlite->now = sqlite->before;
    }
    for (uint32_t i = 0; i < commit->n_writes; i++) {
        if (commit->writes[i].kind == FF_R_EXEC) {
            settle(sqlite, &commit->writes[i], made);
        }
    }
}

void
ff_sqlite_apply(struct sqlite *sqlite, const struct ff_commit *commit)
{
    for (uint32_t i = 0; i < commit->n_changes; i++) {
        const struct ff_index_change *change = &commit->changes[i];

        if (!ff_sqlite_scope_in_file((enum ff_index) change->key.index, &change->key.scope)) {
            ff_memory_index_change(&sqlite->index, &change->key, change->add);
        }
    }
}
