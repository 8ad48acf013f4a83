#include <stdlib.h>

#include "backends/sqlite/sqlite_int.h"

/* ---- live executions ---- */

struct live *
ff_sqlite_live(struct sqlite *sqlite, const struct ff_key *key)
{
    struct live *live = NULL;

    HASH_FIND(hh, sqlite->live, key->b, ID_BYTES, live);
    return live;
}

struct live *
ff_sqlite_live_add(struct sqlite *sqlite, const uint8_t id[ID_BYTES], int64_t row)
{
    struct live *live = calloc(1, sizeof(*live));

    FF_ASSERT(live != NULL);
    memcpy(live->id, id, ID_BYTES);
    live->row = row;
    HASH_ADD(hh, sqlite->live, id, ID_BYTES, live);
    return live;
}

static void
live_remove(struct sqlite *sqlite, struct live *live)
{
    HASH_DELETE(hh, sqlite->live, live);
    free(live);
}

/* ---- before the commit ---- */

/* An execution whose row nobody knows yet: new, or among the done ones. */
static struct plan
plan_unknown(struct sqlite *sqlite, const struct ff_write *write)
{
    struct live *live = NULL;

    if (write->version_from > 0) {
        if (write->deleted) {
            return (struct plan){ .step = STEP_DONE_DELETE };
        }
        return (struct plan){ .step = write->live ? STEP_REVIVE : STEP_DONE_UPDATE };
    }
    live = ff_sqlite_live_add(sqlite, write->key.b, sqlite->next_row++);
    live->fresh = true;
    live->leaves = !write->live;
    return (struct plan){ .step = write->live ? STEP_LIVE_INSERT : STEP_DONE_INSERT,
                          .row = live->row };
}

static struct plan
plan_exec(struct sqlite *sqlite, const struct ff_write *write)
{
    struct live *live = ff_sqlite_live(sqlite, &write->key);

    if (live == NULL) {
        return plan_unknown(sqlite, write);
    }
    live->leaves = write->deleted || !write->live;
    if (write->deleted) {
        return (struct plan){ .step = STEP_LIVE_DELETE, .row = live->row };
    }
    return (struct plan){ .step = write->live ? STEP_LIVE_UPDATE : STEP_FINISH, .row = live->row };
}

static bool
is_part(enum ff_record kind)
{
    return kind == FF_R_EXEC_INPUT || kind == FF_R_EXEC_TAGS || kind == FF_R_EXEC_RESULT ||
           kind == FF_R_ATTEMPT;
}

static struct plan
plan_other(struct sqlite *sqlite, const struct ff_write *write)
{
    struct live *live = NULL;

    if (!is_part(write->kind)) {
        return (struct plan){ .step = write->deleted ? STEP_PLAIN_DELETE : STEP_PLAIN_PUT };
    }
    live = ff_sqlite_live(sqlite, &write->key);
    return (struct plan){ .step = write->deleted ? STEP_PART_DELETE : STEP_PART_PUT,
                          .row = live == NULL ? 0 : live->row };
}

void
ff_sqlite_plan(struct sqlite *sqlite, struct ff_commit *commit)
{
    if (commit->n_writes > sqlite->plan_room) {
        sqlite->plan_room = commit->n_writes;
        sqlite->plan = realloc(sqlite->plan, commit->n_writes * sizeof(*sqlite->plan));
        FF_ASSERT(sqlite->plan != NULL);
    }
    sqlite->saved_next_row = sqlite->next_row;
    memcpy(sqlite->saved_next_seq, sqlite->next_seq, sizeof(sqlite->next_seq));
    memcpy(sqlite->event_seq, sqlite->next_seq, sizeof(sqlite->next_seq));
    for (uint32_t i = 0; i < commit->n_events; i++) {
        sqlite->next_seq[commit->events[i].family]++;
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
}

/* ---- after it ---- */

static struct ff_index_key
executions_key(const struct ff_key *key)
{
    struct ff_index_key at = { .index = FF_IX_EXECUTIONS, .sort = 0, .id = *key };

    at.scope = ff_scope_partition(ff_key_to_eid(key).partition);
    return at;
}

/* Terminal executions stand in the file's index alone. */
static void
apply_exec(struct sqlite *sqlite, const struct ff_write *write, const struct plan *plan)
{
    struct live *live = ff_sqlite_live(sqlite, &write->key);
    struct ff_index_key key = executions_key(&write->key);

    if (!write->live && !write->deleted) {
        ff_sqlite_note_done(sqlite, write->key.b);
    }
    if (plan->step == STEP_REVIVE) {
        ff_sqlite_live_add(sqlite, write->key.b, plan->row);
        ff_memory_index_change(&sqlite->index, &key, true);
    } else if (live != NULL && live->leaves) {
        ff_memory_index_change(&sqlite->index, &key, false);
        live_remove(sqlite, live);
    } else if (live != NULL) {
        live->fresh = false;
    }
}

void
ff_sqlite_apply(struct sqlite *sqlite, struct ff_commit *commit)
{
    for (uint32_t i = 0; i < commit->n_changes; i++) {
        const struct ff_index_change *change = &commit->changes[i];

        if (change->key.index != FF_IX_EXPIRING) { /* read from the file */
            ff_memory_index_change(&sqlite->index, &change->key, change->add);
        }
    }
    for (uint32_t i = 0; i < commit->n_writes; i++) {
        if (commit->writes[i].kind == FF_R_EXEC) {
            apply_exec(sqlite, &commit->writes[i], &sqlite->plan[i]);
        }
    }
}

/* The commit was not made: what was planned for it is undone. */
void
ff_sqlite_forget(struct sqlite *sqlite, struct ff_commit *commit)
{
    sqlite->next_row = sqlite->saved_next_row;
    memcpy(sqlite->next_seq, sqlite->saved_next_seq, sizeof(sqlite->next_seq));
    for (uint32_t i = 0; i < commit->n_writes; i++) {
        struct live *live = NULL;

        if (commit->writes[i].kind != FF_R_EXEC) {
            continue;
        }
        live = ff_sqlite_live(sqlite, &commit->writes[i].key);
        if (live != NULL && live->fresh) {
            live_remove(sqlite, live);
        } else if (live != NULL) {
            live->leaves = false;
        }
    }
}
